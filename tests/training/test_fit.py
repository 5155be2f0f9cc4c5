"""Fitting tiny models for real: steered by the metric, the best kept, resumed after SIGKILL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import LABELS, QA, TEXT, Here, rows_of
from hypothesis import given
from hypothesis import strategies as st

from p2m.engine import rows as engine_rows
from p2m.engine.handles import Device
from p2m.engine.hashing import digest_tree
from p2m.errors import DataError, StageError, UserError
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.training import trainer
from p2m.training.base import fit
from p2m.training.fit import CHECKPOINTS
from p2m.training.machine import WORTH, bf16_share, choose_machine, is_bf16_expected
from p2m.training.sampling import Batches
from p2m.training.speeds import memory_file
from p2m.training.trainer import last_checkpoint
from p2m.types import Example, Pace, Task, Trained, Training, TunedStudent

SHORT = Training(epochs=2, batch_size=8, learning_rate=2e-3, evaluations=4, max_length=40)
SCRIPT = Path(__file__).with_name("train_and_die.py")


@dataclass(frozen=True)
class Share:
    """Accuracy, or what `told` makes of the answers."""

    told: Callable[[Sequence[str]], float] | None = None
    name: str = "accuracy"

    def refusal(self, task: Task) -> str | None:
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        if self.told is not None:
            return [self.told(predictions)]
        return [float(said in right) for said, right in zip(predictions, references, strict=True)]

    def value(self, statistics: list[float]) -> float:
        return sum(statistics) / len(statistics)


@dataclass(frozen=True)
class Hasty(MiniLM):
    """A student that may be stopped early at any time."""

    @property
    def pace(self) -> Pace:
        return Pace(learning_rate=2e-3, epochs=2, fewest_steps=1)


@dataclass(frozen=True)
class HastyBytes(TinySeq2Seq):
    """A student from scratch that is given up after some steps."""

    @property
    def pace(self) -> Pace:
        return Pace(learning_rate=1e-3, epochs=2, fewest_steps=20, from_scratch=True)


@pytest.fixture
def hasty(tiny_minilm: MiniLM) -> Hasty:
    return Hasty(**vars(tiny_minilm))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def fitted_to(
    student: TunedStudent, task: Task, here: Here, training: Training = SHORT, metric: Share | None = None,
    validation: int = 24,
) -> Trained:  # fmt: skip
    rows = rows_of(task)
    learner = student.prepare(task, task.labels, seed=0)
    return fit(
        learner, rows[:40], rows[40 : 40 + validation],
        student=student, training=training, metric=metric or Share(), seed=0, run=here,
    )  # fmt: skip


def test_the_checkpoint_kept_is_the_one_that_scored_best(tiny_minilm: MiniLM, here: Here) -> None:
    fitted = fitted_to(tiny_minilm, LABELS, here, replace(SHORT, epochs=6, patience=9))
    assert [each.step for each in fitted.fit.history] == [0, 8, 16, 24, 30]
    assert fitted.fit.steps == 30
    assert fitted.fit.best == max(each.score for each in fitted.fit.history)
    learner = tiny_minilm.restore(LABELS, LABELS.labels, fitted.checkpoint)
    learner.model.eval()
    rows = rows_of(LABELS)[40:]
    said = learner.predict(rows, batch_size=8, device="cpu")
    assert sum(a == row.output for a, row in zip(said, rows, strict=True)) / len(rows) == fitted.fit.best
    assert fitted.fit.parameters == sum(each.numel() for each in learner.model.parameters())
    assert fitted.fit.environment["device"] == "cpu"
    assert here.seen[-1][:2] == (30, 30)
    names = {path.name for path in fitted.checkpoint.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not (here.folder / "checkpoints").exists()


@pytest.mark.parametrize("task", [LABELS, QA, TEXT], ids=["labels", "spans", "text"])
def test_features_on_disk_train_the_same_model(
    task: Task, tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student: TunedStudent = tiny_bytes if task is TEXT else tiny_minilm
    short = replace(SHORT, epochs=1, evaluations=1, precision="fp32")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = fitted_to(student, task, Here(tmp_path / "a"), short)
    monkeypatch.setattr("p2m.training.fit.AT_ONCE", 7)
    monkeypatch.setattr(engine_rows.Limits, "rows", 5)
    stored = fitted_to(student, task, Here(tmp_path / "b"), short)
    assert stored.fit == plain.fit
    assert digest_tree(stored.checkpoint) == digest_tree(plain.checkpoint)


def test_training_starts_from_a_solved_head(tiny_minilm: MiniLM, here: Here) -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows = rows_of(LABELS)
    fitted = fitted_to(tiny_minilm, LABELS, here, replace(SHORT, precision="fp32"))
    learner = tiny_minilm.prepare(LABELS, LABELS.labels, seed=3)
    features = learner.encode(rows, max_length=40)
    batches = [learner.collate([each]) for each in features]
    learner.model.eval()
    vectors = np.stack(
        [
            learner.model.embed(**{k: v for k, v in batch.items() if k != "labels"})[0].detach().numpy()
            for batch in batches
        ]
    )
    assert np.allclose((vectors**2).sum(axis=1), 1.0, atol=1e-5)
    known = LogisticRegression(C=20.0, max_iter=1000).fit(vectors[:40], [row.output for row in rows[:40]])
    assert fitted.fit.history[0].score == known.score(vectors[40:], [row.output for row in rows[40:]])
    assert fitted.fit.history[0].loss > 0
    assert any(line.startswith("the head is solved") for line in here.lines)


@dataclass
class Watched(Here):
    """A run that counts the weights of which the optimizer of its checkpoints keeps moments."""

    moments: int = 0

    def progress(self, done: int, total: int, note: str = "") -> None:
        import torch

        if last := last_checkpoint(self.folder / CHECKPOINTS):
            state = torch.load(last / "optimizer.pt", weights_only=True)["state"]
            self.moments = sum(each["exp_avg"].numel() for each in state.values())


def test_labels_are_learnt_above_a_frozen_table_of_words_and_spans_with_it(
    tiny_minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "KEEP_EVERY", 0.0)  # a checkpoint at every evaluation but the last
    for task, is_frozen in ((LABELS, True), (QA, False)):
        before = tiny_minilm.prepare(task, task.labels, seed=0).model
        watched = Watched(tmp_path / task.type)
        scores = iter(range(100))  # the last weights are kept, be the solved start as good as it may
        rising = Share(lambda said, scores=scores: next(scores) / 100)
        fitted = fitted_to(tiny_minilm, task, watched, replace(SHORT, patience=9), rising)
        after = tiny_minilm.restore(task, task.labels, fitted.checkpoint).model
        table, layers = before.base.embeddings.state_dict(), before.base.encoder.state_dict()
        assert all(
            bool((each == after.base.embeddings.state_dict()[name]).all()) == is_frozen
            for name, each in table.items()
            if name != "position_ids"
        )
        still = [
            name
            for name, each in layers.items()
            if bool((each == after.base.encoder.state_dict()[name]).all())
        ]
        assert [name for name in still if not name.endswith("key.bias")] == [], (
            "softmax is blind to that bias"
        )
        frozen = sum(each.numel() for each in before.base.embeddings.parameters()) if is_frozen else 0
        assert watched.moments == fitted.fit.parameters - frozen


def test_the_start_itself_may_be_the_best(hasty: Hasty, here: Here) -> None:
    scores = iter([0.9, 0.5, 0.4, 0.4])
    training = replace(SHORT, epochs=6, evaluations=6, patience=2)
    fitted = fitted_to(hasty, LABELS, here, training, Share(lambda said: next(scores)))
    assert fitted.fit.best == 0.9
    assert fitted.fit.history[0].step == 0
    learner = hasty.restore(LABELS, LABELS.labels, fitted.checkpoint)
    other = hasty.prepare(LABELS, LABELS.labels, seed=0)
    same = zip(learner.model.base.parameters(), other.model.base.parameters(), strict=True)
    assert all(bool((a == b).all()) for a, b in same), "the encoder as it was before the first step"


def test_without_validation_rows_the_schedule_is_run_to_its_end(hasty: Hasty, here: Here) -> None:
    fitted = fitted_to(hasty, LABELS, here, replace(SHORT, epochs=4, patience=1), validation=0)
    assert fitted.fit.steps == 20
    assert fitted.fit.history == ()
    assert fitted.fit.best == 0.0
    assert any(line.startswith("step 20 of 20  loss") for line in here.lines)
    learner = hasty.restore(LABELS, LABELS.labels, fitted.checkpoint)
    other = hasty.prepare(LABELS, LABELS.labels, seed=0)
    same = zip(learner.model.base.parameters(), other.model.base.parameters(), strict=True)
    assert not all(bool((a == b).all()) for a, b in same), "the last weights are kept"


def test_a_student_from_scratch_that_has_not_learnt_is_said_so_and_given_up(
    tiny_bytes: TinySeq2Seq, here: Here
) -> None:
    student = HastyBytes(**vars(tiny_bytes))
    training = Training(learning_rate=1e-6, epochs=8, batch_size=8, evaluations=8, max_length=40)
    fitted = fitted_to(student, TEXT, here, training)
    (said,) = [line for line in here.lines if line.startswith("step 5 of 40: no better")]
    assert "the commonest answer (accuracy 0.00 against 0.00)" in said
    assert "here are 40" in said
    assert "training.epochs=40" in said
    assert sum("still not begun to learn" in line for line in here.lines) == 3
    assert fitted.fit.steps == 20
    assert here.lines[-1] == "nothing learnt: stopping early"


def test_a_loss_that_is_no_number_says_what_to_do(tiny_bytes: TinySeq2Seq, here: Here) -> None:
    import torch

    learner = tiny_bytes.prepare(TEXT, (), seed=0)
    with torch.no_grad():
        learner.model.shared.weight.fill_(float("nan"))
    with pytest.raises(StageError, match=r"lower training\.learning_rate \(it is 1\)"):
        fit(
            learner, rows_of(TEXT)[:16], (), student=tiny_bytes, training=replace(SHORT, learning_rate=1.0),
            metric=Share(), seed=0, run=here,
        )  # fmt: skip


def test_the_loss_falls_on_the_training_rows(tiny_minilm: MiniLM, here: Here) -> None:
    fitted = fitted_to(tiny_minilm, QA, here, replace(SHORT, epochs=12, patience=9, precision="fp32"))
    assert fitted.fit.history[-1].loss < 0.8 * fitted.fit.history[0].loss


def test_training_stops_when_the_metric_no_longer_rises(hasty: Hasty, here: Here) -> None:
    scores = iter([0.1, 0.2, 0.5, 0.4, 0.4, 0.9, 0.9])
    training = replace(SHORT, epochs=6, evaluations=6, patience=2)
    fitted = fitted_to(hasty, LABELS, here, training, Share(lambda said: next(scores)))
    assert [each.score for each in fitted.fit.history] == [0.1, 0.2, 0.5, 0.4, 0.4]
    assert fitted.fit.best == 0.5
    assert fitted.fit.steps == 20
    assert here.lines[-1] == "no better score in 2 evaluations: stopping early"
    again = fitted_to(hasty, LABELS, here, training)  # as after a kill at its very end
    assert again == fitted


def test_rare_labels_count_as_much_as_common_ones(tiny_minilm: MiniLM, tmp_path: Path) -> None:
    import torch

    rows = [row for row in rows_of(LABELS) if row.output == "no" or "Rome" in row.input["text"]]
    said = {}
    for balanced in (False, True):
        run = Here(tmp_path / str(balanced))
        learner = tiny_minilm.prepare(LABELS, LABELS.labels, seed=0)
        training = replace(SHORT, learning_rate=1e-7)
        fit(
            learner, rows, (), student=tiny_minilm, training=training, metric=Share(), seed=0, run=run,
            balanced=balanced,
        )  # fmt: skip
        with torch.no_grad():
            batch = learner.collate(learner.encode(rows, max_length=40))
            said[balanced] = float(learner.model.eval()(**batch)["logits"].softmax(-1)[:, 1].mean())
    assert said[True] > said[False] + 0.05


def test_a_killed_training_goes_on_and_ends_as_if_it_had_not_been(tiny_bert: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    within_a_pass, at_its_start = f"{killed}=13", f"{killed}=16"  # of five steps
    trainings = [within_a_pass, at_its_start, f"{killed}=0", f"{whole}=0"]
    command = [sys.executable, str(SCRIPT), str(tiny_bert), str(tmp_path), *trainings]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["-9", "-9", "0", "0"], done.stderr
    one, other = (json.loads((tmp_path / f"{number}.json").read_text()) for number in (2, 3))
    assert "going on from step 15" in one["said"]
    assert one["steps"] == list(range(16, 21))
    assert other["steps"] == list(range(1, 21))
    assert not any("going on" in line for line in other["said"])
    assert not any("solved" in line for line in one["said"])
    assert one["history"] == other["history"]
    assert [each["step"] for each in one["history"]] == [0, 3, 6, 9, 12, 15, 18, 20]
    assert one["weights"] == other["weights"]
    assert one["losses"] == other["losses"]
    assert sorted(path.name for path in killed.iterdir()) == ["checkpoint", "finished.json"]


def test_a_checkpoint_that_a_kill_left_half_written_is_none(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "nowhere") is None
    for step in (9, 10, 11):
        (tmp_path / f"checkpoint-{step}").mkdir()
    state = tmp_path / "checkpoint-10" / "trainer_state.json"
    state.write_text('{"global_step"', encoding="utf-8")
    assert last_checkpoint(tmp_path) is None
    for step in (9, 10):
        state = tmp_path / f"checkpoint-{step}" / "trainer_state.json"
        state.write_text(f'{{"global_step": {step}}}', encoding="utf-8")
        assert last_checkpoint(tmp_path) == state.parent


def test_a_span_and_a_text_model_can_be_fitted_with_smoothing(
    tiny_minilm: MiniLM, tiny_bytes: TinySeq2Seq, tmp_path: Path
) -> None:
    training = replace(SHORT, epochs=1, evaluations=1, label_smoothing=0.1)
    for task, student in ((QA, tiny_minilm), (TEXT, tiny_bytes)):
        fitted = fitted_to(student, task, Here(tmp_path / task.type), training)
        assert fitted.fit.steps == 5
        assert [each.step for each in fitted.fit.history] == [5]
        assert fitted.fit.history[0].loss > 0


def test_rows_that_cannot_be_learnt_are_counted_or_refused(tiny_minilm: MiniLM, here: Here) -> None:
    learner = tiny_minilm.prepare(QA, (), seed=0)
    stranger = Example({"question": "who?", "context": "Ben is away."}, "Ada")
    rows = rows_of(QA)
    training = replace(SHORT, epochs=1, evaluations=1)

    def tried(train: list[Example]) -> Trained:
        return fit(
            learner, train, rows[:2], student=tiny_minilm, training=training, metric=Share(), seed=0, run=here
        )

    with pytest.raises(DataError, match="none of 2 training rows"):
        tried([stranger] * 2)
    with pytest.raises(DataError, match="no training rows"):
        tried([])
    tried([stranger, *rows[:8]])
    assert "1 of 9 training rows teach nothing: their answer cannot be expressed" in here.lines


def test_devices_are_checked_and_precision_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    with pytest.raises(UserError, match=r"device\.type=tpu"):
        choose_machine(Device(type="tpu"), "auto")
    with pytest.raises(UserError, match=r"training\.precision=int4"):
        choose_machine(Device(), "int4")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=r"type: device\.type=cpu"):
            choose_machine(Device(type="cuda"), "auto")
    chosen = choose_machine(Device(type="cpu", threads=3), "auto")
    assert chosen.precision == ("bf16" if bf16_share() < WORTH else "fp32")
    assert is_bf16_expected() == (chosen.precision == "bf16")
    assert f"bf16 takes {bf16_share():.2f} of fp32's time" in str(chosen)
    known = json.loads(memory_file().read_text())
    for share, precision in ((0.5, "bf16"), (1.5, "fp32")):
        memory_file().write_text(json.dumps({key: {"1": share} for key in known}))
        assert choose_machine(Device(type="cpu"), "auto").precision == precision
        assert is_bf16_expected() == (precision == "bf16")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert choose_machine(Device(type="cpu"), "auto").bf16_share != 1.5, "another processor, to libraries"
    assert choose_machine(Device(type="cpu", threads=3), "fp32").threads == 3


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=400),
    st.integers(1, 17),
    st.sampled_from([None, 40, 200]),
    st.integers(0, 3),
)
def test_batches_hold_every_row_once_a_pass_in_an_order_of_the_seed(
    lengths: list[tuple[int, int]], size: int, tokens: int | None, seed: int
) -> None:
    def made(steps: int) -> list[list[int]]:
        return list(Batches(lengths, steps=steps, size=size, tokens=tokens, seed=seed))

    one = Batches(lengths, steps=1, size=size, tokens=tokens, seed=seed).once(0)
    rows = [row for batch in one for row in batch]
    assert sorted(rows) == list(range(len(lengths)))
    two = made(len(one) + 1)
    assert two[:-1] == one, "one pass after the other"
    assert made(len(one) + 1) == two
    if len(lengths) > 60:
        assert Batches(lengths, steps=1, size=size, tokens=tokens, seed=seed).once(1) != one
    for batch in one:
        padded = len(batch) * (max(lengths[i][0] for i in batch) + max(lengths[i][1] for i in batch))
        assert len(batch) <= size if tokens is None else (padded <= tokens or len(batch) == 1)


def test_rows_of_a_batch_are_of_similar_length() -> None:
    lengths = [((i * 37) % 100, (i * 11) % 7) for i in range(800)]
    batches = Batches(lengths, steps=50, size=16, tokens=None, seed=0)
    spreads = [max(lengths[i][0] for i in b) - min(lengths[i][0] for i in b) for b in batches]
    assert sum(spreads) / len(spreads) < 5  # a shuffled order spreads over 85 or more
