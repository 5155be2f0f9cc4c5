"""Answers out of fold: a student learns from all folds but one and is asked about that one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from p2m.deploy.serving.rows import Answer
from p2m.engine.handles import Device, Recorder, Run
from p2m.metrics.base import Metric
from p2m.stages.lessons import Material, picked, solve_and_ask, weighs_labels
from p2m.students.base import LinearStudent, TunedStudent
from p2m.training.base import fit, predicted
from p2m.types import OutOfFold, Training


def none(name: str, note: str) -> OutOfFold:
    """No answers, and why."""
    return OutOfFold(name, (), (), (), (), note)


def held_out(material: Material, fold: int) -> tuple[list[int], list[int]]:
    """Numbers of the training rows outside a fold, and of those inside."""
    folds = material.parts.folds
    outside = [row for row, number in enumerate(folds) if number != fold]
    return outside, [row for row, number in enumerate(folds) if number == fold]


def answered_by_linear(
    name: str, student: LinearStudent, material: Material, folds: Sequence[int], *, metric: Metric, run: Run
) -> OutOfFold:
    """Solved once a fold."""
    rows, vectors = material.parts.train, material.vectors("train")
    found: dict[int, Answer] = {}
    for done, fold in enumerate(folds, start=1):
        outside, inside = held_out(material, fold)
        answers = solve_and_ask(
            student, material, picked(rows, vectors, outside), picked(rows, vectors, inside),
            metric=metric, folder=run.folder / f"fold-{fold}",
        )  # fmt: skip
        found |= dict(zip(inside, answers, strict=True))
        run.progress(done, len(folds), "folds")
    return gathered(name, found, folds)


def answered_by_tuned(
    name: str, student: TunedStudent, material: Material, folds: Sequence[int], *, metric: Metric,
    training: Training, seed: int, run: Run,
) -> OutOfFold:  # fmt: skip
    """Tuned once a fold, each in a folder of its own, where a killed training goes on."""
    task, labels, rows = material.task, material.labels, material.parts.train
    found: dict[int, Answer] = {}
    for fold in folds:
        outside, inside = held_out(material, fold)
        trained = fit(
            student.prepare(task, labels, seed=seed), [rows[row] for row in outside],
            material.parts.validation, student=student, training=training, metric=metric, seed=seed,
            run=_Within(run, run.folder / f"fold-{fold}"), balanced=weighs_labels(training, metric),
        )  # fmt: skip
        learner = student.restore(task, labels, trained.checkpoint)
        answers = predicted(learner, [rows[row] for row in inside], training=training, run=run)
        found |= {row: Answer(text, 0.0) for row, text in zip(inside, answers, strict=True)}
    return gathered(name, found, folds)


def gathered(name: str, found: dict[int, Answer], folds: Sequence[int]) -> OutOfFold:
    """The answers in the order of their rows."""
    numbers = tuple(sorted(found))
    return OutOfFold(
        name,
        numbers,
        tuple(found[row].output for row in numbers),
        tuple(found[row].score for row in numbers),
        tuple(folds),
    )


@dataclass(frozen=True)
class _Within:
    """A `Run` whose scratch folder is a part of another's."""

    _outer: Run
    folder: Path

    @property
    def device(self) -> Device:
        return self._outer.device

    @property
    def recorder(self) -> Recorder:
        return self._outer.recorder

    def progress(self, done: int, total: int, note: str = "") -> None:
        self._outer.progress(done, total, note)

    def say(self, line: str) -> None:
        self._outer.say(line)


def joined_folds(parts: Iterator[OutOfFold]) -> OutOfFold | None:
    """The answers of one student to several folds; None where there are none."""
    given = [part for part in parts if part.rows]
    if not given:
        return None
    everything = {
        row: Answer(text, sure)
        for part in given
        for row, text, sure in zip(part.rows, part.answers, part.confidences, strict=True)
    }
    folds = sorted({fold for part in given for fold in part.folds})
    return replace(gathered(given[0].student, everything, folds))
