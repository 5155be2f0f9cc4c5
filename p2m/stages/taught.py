"""What is common to steps in which a model on this machine teaches another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from p2m.engine.handles import Run
from p2m.errors import DataError
from p2m.stages.rows import weighs_labels
from p2m.students import distilled
from p2m.training.base import fit, predicted
from p2m.training.machine import choose_machine, prepare
from p2m.types import (
    Count,
    Distilling,
    Example,
    Learner,
    Look,
    Metric,
    Remarker,
    Softened,
    Trained,
    Training,
    TunedStudent,
)


def asked(
    teacher: Learner, rows: Sequence[Example], texts: Sequence[Example], *, told: str,
    counts: tuple[Count, ...], top_k: int, training: Training, run: Run,
) -> Softened:  # fmt: skip
    """What the teacher makes of rows, and of texts, which it answers first."""
    answers = predicted(teacher, texts, training=training, run=run) if texts else []
    answered = tuple(replace(row, output=text) for row, (text, _) in zip(texts, answers, strict=True))
    machine = choose_machine(run.device, "fp32")
    prepare(machine)
    arrays = distilled.said(
        teacher, (*rows, *answered), max_length=training.max_length, top_k=top_k,
        batch_size=run.device.batch_size, device=machine.device,
    )  # fmt: skip
    return stored(arrays, told=told, texts=answered, counts=counts, run=run, learner=teacher)


def stored(
    arrays: dict[str, Any], *, told: str, texts: tuple[Example, ...], counts: tuple[Count, ...], run: Run,
    learner: Learner | None = None,
) -> Softened:  # fmt: skip
    """A teacher's logits as an artifact."""
    run.folder.mkdir(parents=True, exist_ok=True)
    for each in counts:
        run.say(f"{each.rows:,} {each.what}")
    path = run.folder / "logits.npz"
    distilled.keep(arrays, path)
    return Softened(told, path, texts, distilled.vocabulary(learner) if learner else "", counts)


def fit_taught(
    learner: Learner, rows: Sequence[Example], validation: Sequence[Example], softened: Softened, *,
    student: TunedStudent, distil: Distilling, training: Training, metric: Metric, seed: int, run: Run,
    others: tuple[tuple[Look, ...], ...] = (),
) -> Trained:  # fmt: skip
    """As `fit`, with the teacher's logits of the rows, and of the texts that it answered alone.

    Raises:
        DataError: there is nothing to learn from, or the teacher writes other tokens than the student.
    """
    if softened.vocabulary and distilled.vocabulary(learner) != softened.vocabulary:
        raise DataError(
            f"the tokenizers of {softened.teacher.partition(' ')[0]} and of its student do not match, and"
            " what the one says of its tokens means nothing to the other: take two of one kind, such as"
            " student=t5_small distil.from=flan_t5_base, or minilm_l3 and minilm"
        )
    whole = (*rows, *softened.texts)
    gold = [True] * len(rows) + [False] * len(softened.texts)
    taught = distilled.taught(learner, distilled.opened(softened.logits), distil, gold)
    for line in taught.remarks(whole) if isinstance(taught, Remarker) else ():
        run.say(line)
    return fit(
        taught, whole, validation,
        student=student, training=training, metric=metric, seed=seed, run=run,
        balanced=weighs_labels(training, metric), others=others,
    )  # fmt: skip
