"""A training that several processes share: it learns the same, and ends cleanly whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import LABELS, Here, rows_of

from p2m.engine.handles import Device
from p2m.errors import StageError
from p2m.metrics.exact_match import ExactMatch
from p2m.students.minilm import MiniLM
from p2m.training.base import fit
from p2m.types import Trained, Training

TRAINING = Training(epochs=2, batch_size=8, learning_rate=2e-3, evaluations=2, precision="fp32")


@dataclass
class Disturbed(Here):
    """A run in which a signal comes, or a process dies, after the third step."""

    what: str = ""
    others: tuple[int, ...] = ()

    def progress(self, done: int, total: int, note: str = "") -> None:
        super().progress(done, total, note)
        if done == 3 and self.what:
            self.others = started()
            if self.what == "interrupted":
                raise KeyboardInterrupt
            os.kill(self.others[0], signal.SIGKILL)


def started() -> tuple[int, ...]:
    """The processes that share this one's training."""
    import psutil  # accelerate comes with it

    there = psutil.Process().children()
    return tuple(each.pid for each in there if "p2m.training.ranks" in " ".join(each.cmdline()))


def fitted_by(student: MiniLM, run: Here) -> Trained:
    return fit(
        student.prepare(LABELS, LABELS.labels, seed=5), rows_of(LABELS)[:40], (),
        training=TRAINING, student=student, metric=ExactMatch(), seed=5, run=run,
    )  # fmt: skip


def test_two_processes_learn_what_one_does(tiny_minilm: MiniLM, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    student = replace(tiny_minilm, dropout=0.0)
    run = Here(tmp_path / "shared", Device(type="cpu", threads=2, processes=2))
    made = fitted_by(student, Here(tmp_path / "alone")), fitted_by(student, run)
    assert made[0].fit.losses == pytest.approx(made[1].fit.losses, abs=1e-4)
    assert len(made[0].fit.losses) == 10
    alone, shared = (load_file(each.checkpoint / "model.safetensors") for each in made)
    assert "2 processes share each step, 1 threads each" in run.lines
    before = student.prepare(LABELS, LABELS.labels, seed=5).model.state_dict()
    moved = [name for name, each in alone.items() if not torch.equal(each, before[name])]
    assert len(moved) > 20
    assert all(torch.allclose(alone[name], shared[name], atol=1e-4) for name in moved)
    assert any(not torch.allclose(before[name], shared[name], atol=1e-2) for name in moved)
    assert not started()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("what", ["killed", "interrupted"])
def test_nothing_is_left_running(tiny_minilm: MiniLM, tmp_path: Path, what: str) -> None:
    run = Disturbed(tmp_path, Device(type="cpu", threads=2, processes=2), what=what)
    with pytest.raises(StageError if what == "killed" else KeyboardInterrupt) as caught:
        fitted_by(tiny_minilm, run)
    if what == "killed":
        assert "process 1 of 2 that train died (SIGKILL)" in str(caught.value)
        assert "goes on from the last checkpoint" in str(caught.value)
    assert len(run.others) == 1
    assert not started()


def test_a_process_that_dies_before_all_have_met_ends_the_training(
    tiny_minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "path" / "cloudpickle.py"  # which only the other process takes from there
    broken.parent.mkdir()
    broken.write_text("raise SystemExit('no memory for it')")
    import cloudpickle  # noqa: F401

    monkeypatch.setattr(sys, "path", [str(broken.parent), *sys.path])
    run = Here(tmp_path / "run", Device(type="cpu", threads=2, processes=2))
    with pytest.raises(StageError, match=r"process 1 of 2 that train died \(exit status 1\)[^$]*no memory"):
        fitted_by(tiny_minilm, run)
    assert not started()


def test_a_process_does_not_outlive_the_first_one(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("a process is told of its parent's death on Linux")
    os.mkfifo(tmp_path / "work")  # what it waits for
    code = (
        "import sys, time; from pathlib import Path; from p2m.training import ranks;"
        "print(ranks._start(Path(sys.argv[1]), 1).pid, flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    other = Path("/proc", first.stdout.readline().strip(), "stat")
    with (tmp_path / "work").open("wb"):  # once it waits
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
