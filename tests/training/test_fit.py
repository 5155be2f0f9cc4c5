"""Fitting tiny models for real: steered by the metric, the best kept, resumed after SIGKILL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import LABELS, QA, TEXT, Here, rows_of
from hypothesis import given
from hypothesis import strategies as st

from p2m.errors import DataError, UserError
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.training.base import fit
from p2m.training.fit import last_checkpoint, stale
from p2m.training.machine import choose_machine, cpu_flags
from p2m.training.sampling import LengthSampler
from p2m.types import Evaluation, Example, Runtime, Trained, Training

SHORT = Training(epochs=2, batch_size=8, learning_rate=2e-3, evaluations=4, max_length=40)
SCRIPT = Path(__file__).with_name("train_and_die.py")


def accuracy(said: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    return sum(a in b for a, b in zip(said, right, strict=True)) / len(said)


def trained(student: MiniLM, here: Here, training: Training = SHORT, score: object = accuracy) -> Trained:
    rows = rows_of(LABELS)
    learner = student.prepare(LABELS, LABELS.labels, seed=0)
    return fit(learner, rows[:40], rows[40:], training=training, score=score, seed=0, run=here)  # type: ignore[arg-type]


def test_the_checkpoint_kept_is_the_one_that_scored_best(tiny_minilm: MiniLM, here: Here) -> None:
    fitted = trained(tiny_minilm, here, replace(SHORT, epochs=6, patience=9))
    assert [each.step for each in fitted.history] == [8, 16, 24, 30]
    assert fitted.steps == 30
    assert fitted.best == max(each.score for each in fitted.history)
    learner = tiny_minilm.restore(LABELS, LABELS.labels, fitted.checkpoint)
    learner.model.eval()
    rows = rows_of(LABELS)[40:]
    assert (
        accuracy(learner.predict(rows, batch_size=8, device="cpu"), [r.answers for r in rows]) == fitted.best
    )
    assert fitted.parameters == sum(each.numel() for each in learner.model.parameters())
    assert fitted.environment["device"] == "cpu"
    assert here.seen[-1][:2] == (30, 30)
    names = {path.name for path in fitted.checkpoint.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not {"optimizer.pt", "trainer_state.json"} & names


def test_the_loss_falls_on_the_training_rows(tiny_minilm: MiniLM, here: Here) -> None:
    fitted = trained(tiny_minilm, here, replace(SHORT, epochs=12, patience=9, precision="fp32"))
    assert fitted.history[-1].loss < 0.8 * fitted.history[0].loss


def test_training_stops_when_the_metric_no_longer_rises(tiny_minilm: MiniLM, here: Here) -> None:
    scores = iter([0.2, 0.5, 0.4, 0.4, 0.9, 0.9])
    training = replace(SHORT, epochs=6, evaluations=6, patience=2)
    fitted = trained(tiny_minilm, here, training, lambda said, right: next(scores))
    assert [each.score for each in fitted.history] == [0.2, 0.5, 0.4, 0.4]
    assert fitted.best == 0.5
    assert fitted.steps == 20
    again = trained(tiny_minilm, here, training, lambda said, right: 1.0)  # as after a kill at its very end
    assert again == fitted


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(tiny_bert: Path, tmp_path: Path) -> None:
    def start(folder: str, last: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), str(tmp_path / folder), str(tiny_bert), str(last)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert start("killed", 13).returncode == -signal.SIGKILL
    resumed = start("killed", 0)
    assert resumed.returncode == 0, resumed.stderr
    whole = start("whole", 0)
    assert whole.returncode == 0, whole.stderr
    one, other = json.loads(resumed.stdout), json.loads(whole.stdout)
    assert "going on from step 10" in one["said"]
    assert one["steps"] == list(range(11, 21))
    assert other["steps"] == list(range(1, 21))
    assert not any("going on" in line for line in other["said"])
    assert one["history"] == other["history"]
    assert one["weights"] == other["weights"]


def test_a_checkpoint_that_a_kill_left_half_written_is_passed_over(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "nowhere") is None
    for step, text in ((10, '{"log_history": []}'), (9, "{}"), (20, '{"log_hist')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(text)
    (tmp_path / "checkpoint-30").mkdir()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]


def test_a_span_and_a_text_model_can_be_fitted_with_smoothing(
    tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tmp_path: Path
) -> None:
    training = replace(SHORT, epochs=1, evaluations=1, label_smoothing=0.1)
    for task, student in ((QA, tiny_minilm), (TEXT, tiny_bytes)):
        rows = rows_of(task)
        learner = student.prepare(task, (), seed=0)
        run = Here(tmp_path / task.type)
        fitted = fit(learner, rows[:32], rows[60:], training=training, score=accuracy, seed=0, run=run)
        assert fitted.steps == 4
        assert fitted.history[0].loss > 0


def test_rows_that_cannot_be_learnt_are_counted_or_refused(tiny_minilm: MiniLM, here: Here) -> None:
    learner = tiny_minilm.prepare(QA, (), seed=0)
    stranger = Example({"question": "who?", "context": "Ben is away."}, "Ada")
    rows = rows_of(QA)
    training = replace(SHORT, epochs=1, evaluations=1)
    with pytest.raises(DataError, match="none of 2 training rows"):
        fit(learner, [stranger] * 2, rows[:2], training=training, score=accuracy, seed=0, run=here)
    with pytest.raises(DataError, match="no validation rows"):
        fit(learner, rows[:2], [], training=training, score=accuracy, seed=0, run=here)
    fit(learner, [stranger, *rows[:8]], rows[:2], training=training, score=accuracy, seed=0, run=here)
    assert "1 of 9 training rows teach nothing: their answer cannot be expressed" in here.lines


def test_devices_and_precisions_are_checked() -> None:
    import torch

    with pytest.raises(UserError, match=r"runtime\.device=tpu"):
        choose_machine(Runtime(device="tpu"), "auto")
    with pytest.raises(UserError, match=r"training\.precision=int4"):
        choose_machine(Runtime(), "int4")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=r"type: runtime\.device=cpu"):
            choose_machine(Runtime(device="cuda"), "auto")
    fast = bool({"amx_bf16", "avx512_bf16"} & cpu_flags())
    assert choose_machine(Runtime(device="cpu", threads=3), "auto").precision == ("bf16" if fast else "fp32")
    assert choose_machine(Runtime(device="cpu", threads=3), "fp32").threads == 3


def test_staleness_counts_from_the_first_best() -> None:
    def history(*scores: float) -> list[Evaluation]:
        return [Evaluation(i, 0.0, score) for i, score in enumerate(scores)]

    assert stale([]) == 0
    assert stale(history(0.1)) == 0
    assert stale(history(0.1, 0.3, 0.3, 0.2)) == 2
    assert stale(history(0.1, 0.3, 0.4)) == 0


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=400),
    st.integers(1, 17),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_batches_hold_every_row_once_in_an_order_of_seed_and_epoch(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    def order(an_epoch: int) -> list[int]:
        sampler = LengthSampler(lengths, size, seed)
        sampler.set_epoch(an_epoch)
        return list(sampler)

    assert sorted(order(epoch)) == list(range(len(lengths)))
    assert order(epoch) == order(epoch)
    if len(lengths) > 60:
        assert order(epoch) != order(epoch + 1)


def test_rows_of_a_batch_are_of_similar_length() -> None:
    lengths = [(i * 37) % 100 for i in range(800)]
    order = list(LengthSampler(lengths, 16, 0))
    spreads = [
        max(lengths[i] for i in order[at : at + 16]) - min(lengths[i] for i in order[at : at + 16])
        for at in range(0, 800, 16)
    ]
    assert sum(spreads) / len(spreads) < 5  # a shuffled order spreads over 85 or more
