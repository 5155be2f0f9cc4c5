"""What each setting of a training does to real, tiny trainings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, TEXT, Here, rows_of
from hypothesis import given
from hypothesis import strategies as st

from p2m.engine.handles import Device
from p2m.errors import StageError, UserError
from p2m.metrics.exact_match import ExactMatch
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.students.voted import believed
from p2m.training import trainer
from p2m.training.base import fit, scheduled
from p2m.training.curves import sparkline
from p2m.training.rates import depth, freeze, groups
from p2m.types import Example, Shaping, Task, Trained, Training, TunedStudent

TRAINING = Training(
    epochs=2, batch_size=8, learning_rate=2e-3, evaluations=4, max_length=40, precision="fp32"
)


def fitted(
    student: TunedStudent, task: Task, run: Here, training: Training = TRAINING,
    rows: Sequence[Example] | None = None, validation: int = 0, learner: Any = None,
) -> Trained:  # fmt: skip
    rows = rows_of(task) if rows is None else rows
    return fit(
        learner or student.prepare(task, task.labels, seed=0), rows[:40], rows[40 : 40 + validation],
        student=student, training=training, metric=ExactMatch(), seed=0, run=run,
    )  # fmt: skip


def weights(made: Trained) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(made.checkpoint / "model.safetensors")


def on(tokens: int) -> Device:
    return Device(type="cpu", threads=1, tokens_at_once=tokens)


def test_a_step_in_several_passes_learns_what_one_pass_does(
    tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tmp_path: Path
) -> None:
    import torch

    mixed = [replace(row, output=row.output * (1 + i % 3)) for i, row in enumerate(rows_of(TEXT))]
    for task, student, rows in ((LABELS, replace(tiny_minilm, dropout=0.0), None), (TEXT, tiny_bytes, mixed)):
        whole = fitted(student, task, Here(tmp_path / f"whole-{task.type}"), rows=rows)
        parts = fitted(student, task, Here(tmp_path / f"parts-{task.type}", on(40)), rows=rows)
        assert whole.fit.losses == pytest.approx(parts.fit.losses, abs=1e-3)
        one, other = weights(whole), weights(parts)
        assert all(torch.allclose(each, other[name], atol=5e-3) for name, each in one.items())


class Narrow:
    """A learner on a machine with little memory: more rows at once than `room` are too many."""

    def __init__(self, learner: Any, room: int) -> None:
        self._learner, self.room, self.sizes = learner, room, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)

    def loss(self, batch: dict[str, Any], shaping: Shaping) -> Any:
        import torch

        self.sizes.append(len(batch["input_ids"]))
        found = self._learner.loss(batch, shaping)
        if self.sizes[-1] > self.room:
            torch.empty(1 << 60, dtype=torch.uint8)
        return found

    def predict(self, rows: Sequence[Example], *, batch_size: int, device: Any) -> list[str]:
        if batch_size > self.room:
            raise MemoryError
        return self._learner.predict(rows, batch_size=batch_size, device=device)


def test_where_memory_lacks_fewer_rows_go_through_at_once_and_steps_stay_what_they_were(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    student = replace(tiny_minilm, dropout=0.0)
    whole = fitted(student, LABELS, Here(tmp_path / "whole"), validation=24)
    run = Here(tmp_path / "narrow")
    learner = Narrow(student.prepare(LABELS, LABELS.labels, seed=0), 3)
    narrow = fitted(student, LABELS, run, validation=24, learner=learner)
    assert whole.fit.losses == pytest.approx(narrow.fit.losses, abs=1e-3)
    said = [line for line in run.lines if line.startswith("out of memory with")]
    assert re.match(r"out of memory with 8 rows of \d+ tokens at once: going on with 4, the steps", said[0])
    assert max(learner.sizes[len(said) + 2 :]) <= 3
    assert "out of memory: going on with 2 rows at once" in run.lines
    with pytest.raises(StageError, match=r"a single row of \d+ tokens does not fit.*training\.max_length"):
        fitted(student, LABELS, Here(tmp_path / "none"), learner=Narrow(learner._learner, 0))


def test_a_row_of_tokens_by_the_ten_thousand_is_cut_or_written_off_and_the_rest_is_learnt(
    tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tmp_path: Path
) -> None:
    for task, student in ((LABELS, tiny_minilm), (TEXT, tiny_bytes)):
        rows = [replace(rows_of(task)[0], input={"text": "ada is in rome. " * 5000}), *rows_of(task)]
        made = fitted(student, task, Here(tmp_path / task.type), rows=rows)
        assert made.fit.steps == 10
        learner = student.prepare(task, task.labels, seed=0)
        assert learner.cut(rows, max_length=40) == 1


def test_tokens_a_step_gather_more_of_short_rows(tiny_minilm: MiniLM, here: Here) -> None:
    rows = [
        replace(row, input={"text": "ada " * (1 if i % 4 else 20)}) for i, row in enumerate(rows_of(LABELS))
    ]
    learner = Narrow(tiny_minilm.prepare(LABELS, LABELS.labels, seed=0), 100)
    made = fitted(tiny_minilm, LABELS, here, replace(TRAINING, batch_tokens=48), rows, learner=learner)
    assert set(learner.sizes) >= {2, 16}, "of 23 and of 3 tokens"
    mean = (10 * 22 + 30 * 3) / 40
    assert made.fit.steps == scheduled(replace(TRAINING, batch_tokens=48), tiny_minilm.pace, 40, mean).steps
    assert made.fit.steps == 14


def test_embeddings_and_layers_stay_as_they_are_where_that_is_asked(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    import torch

    before = tiny_minilm.prepare(LABELS, LABELS.labels, seed=0).model.state_dict()

    def moved(**settings: Any) -> set[int | None]:
        run = Here(tmp_path / "-".join(f"{a}{b}" for a, b in settings.items()))
        after = weights(fitted(tiny_minilm, LABELS, run, replace(TRAINING, **settings)))
        return {depth(name) for name, each in after.items() if not torch.equal(each, before[name])}

    assert moved() == {1, 2, None}
    assert moved(freeze_embeddings=False) == {0, 1, 2, None}
    assert moved(freeze_layers=1) == {2, None}
    with pytest.raises(UserError, match=r"the student has 2 layers.*type: training\.freeze_layers=1"):
        moved(freeze_layers=2)


def test_lower_layers_learn_more_slowly(tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tmp_path: Path) -> None:
    for student, task in ((tiny_minilm, LABELS), (tiny_bytes, TEXT)):
        model = student.prepare(task, task.labels, seed=0).model
        freeze(model, False, 0)
        made = groups(model, set(), rate=1.0, weight_decay=0.1, layer_decay=0.5)
        assert sum(each.numel() for group in made for each in group["params"]) == sum(
            each.numel() for each in model.parameters()
        )
        assert [group["lr"] for group in made] == [0.125, 0.25, 0.5, 1.0]
    before = tiny_minilm.prepare(LABELS, LABELS.labels, seed=0).model.state_dict()

    def travelled(decay: float) -> float:
        run = Here(tmp_path / str(decay))
        after = weights(fitted(tiny_minilm, LABELS, run, replace(TRAINING, layer_decay=decay)))
        return float(sum((after[n] - before[n]).abs().sum() for n in after if depth(n) == 1))

    assert travelled(0.2) < 0.2 * travelled(1.0)


def test_averaged_weights_are_kept_where_they_are_better_or_nothing_tells(
    tiny_bytes: TinySeq2Seq, tmp_path: Path
) -> None:
    import torch

    for kind in ("ema", "last"):
        training = replace(TRAINING, average=kind, epochs=4)
        run = Here(tmp_path / kind)
        averaged = weights(fitted(tiny_bytes, TEXT, run, training))
        plain = weights(
            fitted(tiny_bytes, TEXT, Here(tmp_path / f"{kind}-plain"), replace(training, average="none"))
        )
        assert all(not torch.equal(each, plain[name]) for name, each in averaged.items())
        assert all(torch.allclose(each, plain[name], atol=0.1) for name, each in averaged.items())
        judged = Here(tmp_path / f"{kind}-judged")
        made = fitted(tiny_bytes, TEXT, judged, training, validation=4)
        best = max(each.score for each in made.fit.history)
        assert judged.lines[-1] == f"averaged weights  score {best:.4f} against {best:.4f}: not kept"


def test_rows_that_are_easy_count_less_and_votes_are_learnt_as_shares() -> None:
    import torch

    from p2m.students.losses import cross_entropy

    logits, labels = torch.tensor([[4.0, 0.0], [0.1, 0.0]]), torch.tensor([0, 0])
    plain = [float(cross_entropy(logits[i : i + 1], labels[i : i + 1], Shaping())) for i in (0, 1)]
    focal = [float(cross_entropy(logits[i : i + 1], labels[i : i + 1], Shaping(focal=2.0))) for i in (0, 1)]
    assert focal[0] / plain[0] < 0.001 < 0.1 < focal[1] / plain[1]


@given(st.integers(2, 6), st.integers(2, 40), st.randoms(use_true_random=False))
def test_what_votes_say_keeps_their_order_and_ties_and_trusts_two_of_three_where_votes_seldom_err(
    labels: int, rows: int, random: Random
) -> None:
    counts = np.array([[random.randint(0, 3) for _ in range(labels)] for _ in range(rows)])
    counts[counts.sum(axis=1) == 0, 0] = 1
    shares = counts / counts.sum(axis=1, keepdims=True)
    found = believed(shares)
    assert found.sum(axis=1) == pytest.approx(1)
    for share, each in zip(shares, found, strict=True):
        assert (np.diff(each[np.argsort(share, kind="stable")]) >= -1e-9).all()
    sure = np.eye(labels)[[random.randrange(labels) for _ in range(200)]]
    split = np.zeros((1, labels))
    split[0, :2] = 2 / 3, 1 / 3
    assert believed(np.vstack([sure, split]))[-1, 0] > 0.9 > 2 / 3


def test_labels_are_learnt_as_votes_make_them_likely_where_that_is_asked(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    import torch

    rows = [
        replace(row, votes={"yes": 0.6, "no": 0.3}) if i % 2 else row for i, row in enumerate(rows_of(LABELS))
    ]
    learner = tiny_minilm.prepare(LABELS, LABELS.labels, seed=0)
    batch = learner.collate(learner.encode(rows[:2], max_length=40))
    assert torch.allclose(batch["shares"], torch.tensor([[1.0, 0.0], [0.25, 0.75]]), atol=0.01)
    assert "shares" not in learner.collate(learner.encode(rows[:1], max_length=40))
    said = {}
    for soft in (False, True):
        training = replace(TRAINING, soft_labels=soft, learning_rate=1e-2, epochs=8)
        voted = [replace(row, votes={"yes": 0.5, "no": 0.5}) for row in rows]
        made = fitted(tiny_minilm, LABELS, Here(tmp_path / str(soft)), training, voted)
        model = tiny_minilm.restore(LABELS, LABELS.labels, made.checkpoint).model.eval()
        with torch.no_grad():
            said[soft] = model(**learner.collate(learner.encode(rows, max_length=40)))["logits"].softmax(-1)
    assert (said[True] - 0.5).abs().max() < 0.2 < (said[False] - 0.5).abs().max()


def test_a_line_of_progress_draws_loss_and_score(tiny_minilm: MiniLM, here: Here) -> None:
    assert sparkline([3, 2, 1]) == "█▅▁"
    assert sparkline([1.0] * 40) == "▁" * 12
    assert sparkline([1.0]) == ""
    fitted(tiny_minilm, LABELS, here, validation=24)
    note = here.seen[-1][2]
    assert "loss " in note
    assert "score " in note
    assert sum(note.count(bar) for bar in "▁▂▃▄▅▆▇█") >= 12


def test_quicker_parts_compute_what_they_replace(tiny_bytes: TinySeq2Seq) -> None:
    import torch

    from p2m.training.quick import byte_dropout, quicken

    learner = tiny_bytes.prepare(TEXT, (), seed=0)
    batch = learner.collate(learner.encode(rows_of(TEXT)[:8], max_length=40))
    names = list(learner.model.state_dict())
    with torch.no_grad():
        before = learner.model.eval()(**batch).logits
        quicken(learner.model)
        assert torch.allclose(learner.model(**batch).logits, before, atol=1e-5)
    assert list(learner.model.state_dict()) == names
    kinds = {type(each).__name__ for each in learner.model.modules()}
    assert kinds >= {"GELU", "ByteDropout"}
    assert not kinds & {"NewGELUActivation", "Dropout"}
    dropout, given = byte_dropout()(0.1), torch.ones(1000, 101)
    found = dropout(given)
    assert float((found == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float(found.mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(dropout.eval()(given), given)


@dataclass
class Stopped(Here):
    """A run that is interrupted after a step."""

    last: int = 8

    def progress(self, done: int, total: int, note: str = "") -> None:
        if done == self.last:
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on_with_its_averages_and_its_curve(
    tiny_bytes: TinySeq2Seq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(trainer, "KEEP_EVERY", 0.0)
    for kind in ("ema", "last"):
        training = replace(TRAINING, average=kind)
        whole = fitted(tiny_bytes, TEXT, Here(tmp_path / f"{kind}-whole", on(60)), training)
        with pytest.raises(KeyboardInterrupt):
            fitted(tiny_bytes, TEXT, Stopped(tmp_path / kind, on(60)), training)
        run = Here(tmp_path / kind, on(60))
        again = fitted(tiny_bytes, TEXT, run, training)
        assert "going on from step 6" in run.lines
        assert again.fit.losses == whole.fit.losses
        other = weights(again)
        assert all(torch.equal(each, other[name]) for name, each in weights(whole).items())
