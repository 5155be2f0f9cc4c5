"""Trainings that several processes share, beside one process and a bare Trainer under torchrun.

    python bench/devices.py [DATA] [--steps 20] [--rows 320] [--device cpu]

Labels of banking77 on all-MiniLM-L6-v2, without dropout, the same rows and steps for all: by one process,
by two that have all weights, by two that have parts (fsdp; deepspeed, where it is installed), and by two
processes of a script that gives Trainer rows and settings and nothing else. Prints steps a second (without
the first five), the peak memory of the process that had most (resident; on GPUs, of the device) and the
mean loss of the last steps. Exits with 1 where two processes learn another loss than one (by more than
0.01), where two replicas take fewer than 0.9 of the script's steps a second or, on GPUs, where a process
that has parts takes more than 0.7 of the memory of one.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from training.rows import FAMILIES, Match

from p2m.engine.handles import Device

LOSS, SPEED, MEMORY = 0.01, 0.9, 0.7  # the bars
UNTIMED = 5  # steps, in which kernels are prepared


@dataclass
class Watched:
    """A run that knows when its steps ended."""

    folder: Path
    device: Device
    ended: list[float] = field(default_factory=list)

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.ended.append(time.perf_counter())

    def say(self, line: str) -> None:
        if "going on" in line or "out of memory" in line:
            print("   ", line)


@dataclass(frozen=True)
class Figures:
    """How a training went."""

    name: str
    steps_a_second: float
    gigabytes: float  # of the process that had most
    loss: float


class Memory:
    """The peak of the processes that this one has started, or of GPUs; to be entered."""

    def __init__(self, is_cuda: bool, own: bool) -> None:
        self._is_cuda, self._own = is_cuda, own
        self.peak = 0.0
        self._over = threading.Event()

    def __enter__(self) -> Memory:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max([self.peak, *(self._of_gpus() if self._is_cuda else self._of_processes())])

    def _of_gpus(self) -> list[float]:
        asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        return [float(line) / 1e3 for line in found.split()]

    def _of_processes(self) -> list[float]:
        import psutil

        me = psutil.Process()
        found = []
        for each in [me] if self._own else me.children(recursive=True):
            try:
                found.append(each.memory_info().rss / 1e9)
            except psutil.NoSuchProcess:
                continue
        return found


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(argv)
    match = FAMILIES["labels"](given.data, given.rows, 1)
    device = Device(type=given.device, threads=given.threads)
    ways = {"one process": device, "two, replicas": replace(device, processes=2)}
    ways["two, fsdp"] = replace(device, processes=2, accelerate="fsdp")
    if importlib.util.find_spec("deepspeed"):
        ways["two, deepspeed"] = replace(device, processes=2, accelerate="deepspeed")
    found = [shown(by_p2m(name, match, given.steps, each)) for name, each in ways.items()]
    found.append(shown(by_script(match, given.steps, device)))
    return 0 if are_held(found, given.device == "cuda") else 1


def by_p2m(name: str, match: Match, steps: int, device: Device) -> Figures:
    from p2m.students.minilm import MiniLM
    from p2m.training.base import fit
    from p2m.types import Training

    student = MiniLM(dropout=0.0)
    epochs = steps * match.batch / len(match.train)
    training = Training(epochs=epochs, batch_size=match.batch, learning_rate=5e-5, precision="fp32")
    labels = sorted({row.output for row in match.train})
    task = replace(match.task, labels=tuple(labels))
    with tempfile.TemporaryDirectory() as place:
        run = Watched(Path(place), device)
        with Memory(device.type == "cuda", device.processes == 1) as memory:
            made = fit(
                student.prepare(task, labels, seed=0), match.train, (), student=student,
                training=training, metric=match.metric, seed=0, run=run,  # type: ignore[arg-type]
            )  # fmt: skip
    return Figures(name, pace(run.ended), memory.peak, made.fit.losses[-1])


def by_script(match: Match, steps: int, device: Device) -> Figures:
    """Two processes of `training/bare.py`: replicas by DistributedDataParallel."""
    from p2m.students.minilm import MiniLM

    student = MiniLM(dropout=0.0)
    labels = sorted({row.output for row in match.train})
    learner = student.prepare(replace(match.task, labels=tuple(labels)), labels, seed=0)
    with tempfile.TemporaryDirectory() as place:
        job, out = Path(place) / "job", Path(place) / "out"
        import cloudpickle
        import torch

        features = learner.encode(match.train, max_length=256)
        torch.save((learner, features, match.batch, steps), job, pickle_module=cloudpickle)
        launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
        if device.type == "cpu":  # where accelerate's launcher asks for MPI
            launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        script = Path(__file__).parent / "training" / "bare.py"
        command = [sys.executable, *launcher, str(script), str(job), str(out)]
        given = {**os.environ, "OMP_NUM_THREADS": str(max(1, device.threads // 2))}
        with Memory(device.type == "cuda", False) as memory:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=given)
        told = json.loads(out.read_text())
    return Figures("two, bare Trainer", pace(told["ended"]), memory.peak, told["loss"])


def pace(ended: Sequence[float]) -> float:
    timed = ended[UNTIMED:]
    return (len(timed) - 1) / (timed[-1] - timed[0])


def shown(found: Figures) -> Figures:
    print(
        f"{found.name:18s} {found.steps_a_second:6.2f} steps/s  {found.gigabytes:6.2f} GB a process"
        f"  loss {found.loss:.4f}",
        flush=True,
    )
    return found


def are_held(found: Sequence[Figures], is_cuda: bool) -> bool:
    by_name = {each.name: each for each in found}
    one, script = by_name["one process"], by_name["two, bare Trainer"]
    worst = max(abs(each.loss - one.loss) for each in found if each is not script)
    speed = by_name["two, replicas"].steps_a_second / script.steps_a_second
    bars = [
        (worst <= LOSS, f"the loss of two lies {worst:.4f} from that of one (bar {LOSS})"),
        (speed >= SPEED, f"replicas take {speed:.2f} of the script's steps a second (bar {SPEED})"),
    ]
    if is_cuda:
        share = by_name["two, fsdp"].gigabytes / one.gigabytes
        bars.append((share <= MEMORY, f"parts take {share:.2f} of one process's memory (bar {MEMORY})"))
    for is_met, said in bars:
        print(f"  {'PASS' if is_met else 'FAIL'}  {said}")
    return all(is_met for is_met, _ in bars)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
