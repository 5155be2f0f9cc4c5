"""A training that several processes share: it learns the same, and ends cleanly whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import LABELS, Here, rows_of

from p2m.engine.handles import Device
from p2m.errors import StageError, UserError
from p2m.metrics.exact_match import ExactMatch
from p2m.students.minilm import MiniLM
from p2m.training import trainer
from p2m.training.base import fit
from p2m.training.fit import CHECKPOINTS
from p2m.training.together import settings
from p2m.training.trainer import last_checkpoint
from p2m.types import Trained, Training

TRAINING = Training(
    epochs=2, batch_size=8, learning_rate=2e-3, evaluations=5, patience=9, precision="fp32"
)  # fmt: skip
CPU = Device(type="cpu", threads=2)
TWO = replace(CPU, processes=2)
FSDP = replace(TWO, accelerate="fsdp")


@dataclass
class Disturbed(Here):
    """A run in which a signal comes, or a process dies, after a step."""

    what: str = ""
    step: int = 3
    others: tuple[int, ...] = ()

    def progress(self, done: int, total: int, note: str = "") -> None:
        super().progress(done, total, note)
        if done == self.step and self.what:
            self.others = started()
            if self.what == "interrupted":
                raise KeyboardInterrupt
            os.kill(self.others[-1], signal.SIGKILL)


def started() -> tuple[int, ...]:
    """The processes that share this one's training."""
    import psutil  # accelerate comes with it

    there = psutil.Process().children()
    return tuple(each.pid for each in there if "p2m.training.ranks" in " ".join(each.cmdline()))


def fitted_by(student: MiniLM, run: Here) -> Trained:
    rows = rows_of(LABELS)
    return fit(
        student.prepare(LABELS, LABELS.labels, seed=5), rows[:40], rows[40:],
        training=TRAINING, student=student, metric=ExactMatch(), seed=5, run=run,
    )  # fmt: skip


@pytest.fixture(scope="module")
def steady(tiny_minilm: MiniLM) -> MiniLM:
    return replace(tiny_minilm, dropout=0.0)


@pytest.fixture(scope="module")
def alone(steady: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """What one process learns."""
    return fitted_by(steady, Here(tmp_path_factory.mktemp("alone"), CPU))


def is_same(one: Trained, other: Trained) -> bool:
    """Whether both went the same way, to the same weights."""
    import torch
    from safetensors.torch import load_file

    assert one.fit.losses == pytest.approx(other.fit.losses, abs=1e-4)
    assert [each.score for each in one.fit.history] == [each.score for each in other.fit.history]
    first, second = (load_file(each.checkpoint / "model.safetensors") for each in (one, other))
    return all(torch.allclose(first[name], second[name], atol=1e-4) for name in first)


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_an_interrupt_leaves_none_of_them(
    steady: MiniLM, alone: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "KEEP_EVERY", 0.0)  # a checkpoint at every evaluation
    run = Disturbed(tmp_path, TWO, what="interrupted", step=9)
    with pytest.raises(KeyboardInterrupt):
        fitted_by(steady, run)
    assert "2 processes share each step, 1 threads each" in run.lines
    assert len(run.others) == 2
    assert not started()
    again = Here(tmp_path, CPU)
    assert is_same(alone, fitted_by(steady, again))
    assert [line for line in again.lines if "going on" in line] in (
        ["going on from step 6"],
        ["going on from step 8"],
    )


@pytest.mark.slow
def test_two_processes_learn_all_that_one_does(steady: MiniLM, alone: Trained, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    run = Here(tmp_path, TWO)
    made = fitted_by(steady, run)
    assert len(made.fit.losses) == 10
    assert is_same(alone, made)
    assert "2 processes share each step, 1 threads each" in run.lines
    before = steady.prepare(LABELS, LABELS.labels, seed=5).model.state_dict()
    weights = load_file(made.checkpoint / "model.safetensors")
    assert any(not torch.allclose(before[name], weights[name], atol=1e-2) for name in weights)
    assert not started()
    assert not torch.distributed.is_initialized()


def test_what_two_processes_began_in_parts_one_goes_on_with(
    steady: MiniLM, alone: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "KEEP_EVERY", 0.0)  # a checkpoint at every evaluation
    run = Disturbed(tmp_path, FSDP, what="killed", step=5)
    with pytest.raises(StageError) as caught:
        fitted_by(steady, run)
    assert "process 1 of 2 that train died (SIGKILL)" in str(caught.value)
    assert "goes on from the last checkpoint" in str(caught.value)
    assert "2 processes share each step and the weights (fsdp), 1 threads each" in run.lines
    assert len(run.others) == 2
    assert not started()
    again = Here(tmp_path, CPU)
    assert is_same(alone, fitted_by(steady, again))
    assert [line for line in again.lines if "going on" in line] in (
        ["going on from step 2"],
        ["going on from step 4"],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (CPU, FSDP), (FSDP, replace(FSDP, processes=3)), (FSDP, TWO), (TWO, FSDP),
    ],
    ids=["1 to 2 in parts", "2 to 3 in parts", "parts to replicas", "replicas to parts"],
)  # fmt: skip
def test_any_number_of_processes_goes_on(
    steady: MiniLM,
    alone: Trained,
    tmp_path: Path,
    first: Device,
    then: Device,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on(steady, alone, tmp_path, first, then, monkeypatch)


@pytest.mark.slow
def test_deepspeed_learns_the_same_and_goes_on_from_one_process_and_to_one(
    steady: MiniLM, alone: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("deepspeed")
    zero = replace(TWO, accelerate="deepspeed")
    goes_on(steady, alone, tmp_path / "to", CPU, zero, monkeypatch)
    goes_on(steady, alone, tmp_path / "from", zero, CPU, monkeypatch)
    shipped = Path(trainer.__file__).parent / "accelerate" / "deepspeed.yaml"
    file = tmp_path / "zero.yaml"
    file.write_text(shipped.read_text().replace("zero_stage: 2", "zero_stage: 3"))
    with pytest.raises(UserError, match=r"zero_stage is 3, not 1 or 2;.*type: device\.accelerate=fsdp"):
        fitted_by(steady, Here(tmp_path / "three", replace(TWO, accelerate=str(file))))


def goes_on(
    student: MiniLM, alone: Trained, folder: Path, first: Device, then: Device, patch: pytest.MonkeyPatch
) -> None:
    patch.setattr(trainer, "KEEP_EVERY", 0.0)
    run = Disturbed(folder, first, what="interrupted", step=7)
    with pytest.raises(KeyboardInterrupt):
        fitted_by(student, run)
    assert last_checkpoint(folder / CHECKPOINTS) is not None
    again = Here(folder, then)
    assert is_same(alone, fitted_by(student, again))
    assert any(line.startswith("going on from step ") for line in again.lines)


@pytest.mark.slow
def test_passes_of_few_tokens_and_steps_of_few_rows_are_shared_alike(steady: MiniLM, tmp_path: Path) -> None:
    rows = rows_of(LABELS)[:9]  # the last step has one row, and so one process none

    def made(device: Device, folder: Path) -> Sequence[float]:
        return fit(
            steady.prepare(LABELS, LABELS.labels, seed=5), rows, (), training=TRAINING, student=steady,
            metric=ExactMatch(), seed=5, run=Here(folder, device),
        ).fit.losses  # fmt: skip

    cut = replace(FSDP, tokens_at_once=20)
    assert made(cut, tmp_path / "parts") == pytest.approx(made(CPU, tmp_path / "alone"), abs=1e-4)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("distributed_type: MULTI_GPU\n", "expected distributed_type FSDP, with fsdp_version 2"),
        ("distributed_type: [\n", "type: accelerate config"),
        ("learning_rate: 1\n", "type: accelerate config"),
    ],
)  # fmt: skip
def test_settings_that_accelerate_does_not_know_are_said(tmp_path: Path, written: str, said: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(written)
    with pytest.raises(UserError, match=r"device.accelerate=.*a\.yaml") as caught:
        settings(replace(TWO, accelerate=str(file)))
    assert said in str(caught.value)


def test_settings_that_travel_with_p2m_are_read_by_accelerate() -> None:
    fsdp, kind = settings(FSDP)
    assert (fsdp["FSDP_VERSION"], kind) == ("2", "fsdp")
    pytest.importorskip("deepspeed")
    zero, kind = settings(replace(TWO, accelerate="deepspeed"))
    assert (zero["ACCELERATE_DEEPSPEED_ZERO_STAGE"], kind) == ("2", "deepspeed")


def test_weights_in_parts_are_not_averaged(tiny_minilm: MiniLM, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.average=ema.*type: device\.accelerate="):
        fit(
            tiny_minilm.prepare(LABELS, LABELS.labels, seed=5), rows_of(LABELS)[:9], (), seed=5,
            training=replace(TRAINING, average="ema"), student=tiny_minilm, metric=ExactMatch(),
            run=Here(tmp_path, FSDP),
        )  # fmt: skip


def test_a_process_that_dies_before_all_have_met_ends_the_training(
    tiny_minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "path" / "cloudpickle.py"  # which only the other processes take from there
    broken.parent.mkdir()
    broken.write_text("raise SystemExit('no memory for it')")
    import cloudpickle  # noqa: F401

    monkeypatch.setattr(sys, "path", [str(broken.parent), *sys.path])
    with pytest.raises(StageError, match=r"process . of 2 that train died \(exit status 1\)[^$]*no memory"):
        fitted_by(tiny_minilm, Here(tmp_path / "run", TWO))
    assert not started()


def test_a_process_does_not_outlive_the_first_one(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("a process is told of its parent's death on Linux")
    os.mkfifo(tmp_path / "job")  # what it waits for
    code = (
        "import sys, time; from pathlib import Path; from p2m.training import launchers;"
        "print(launchers._start(Path(sys.argv[1]), 1, {}).pid, flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    other = Path("/proc", first.stdout.readline().strip(), "stat")
    with (tmp_path / "job").open("wb"):  # once it waits
        first.kill()
        first.wait()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and runs(other):
            time.sleep(0.05)
    assert not runs(other)


def runs(stat: Path) -> bool:
    """Whether a process is there, and not only its remains, which nobody may have taken."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
