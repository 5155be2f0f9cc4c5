"""Other processes that take a share of each step's rows, one a device where there are several.

One process holds the optimizer, the checkpoints and the word; the others are handed the weights, and hand
their gradients back (torch.distributed: NCCL between GPUs, else gloo over the loopback). They keep nothing,
so a training goes on with another number of them, and none of them outlives it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from p2m.errors import StageError, UserError
from p2m.training.gradients import Gradients, counted
from p2m.training.machine import Machine, prepare
from p2m.types import Learner, Shaping

_LONG = timedelta(days=30)  # a process waits while another one evaluates; death is seen at once
_LAST_LINES = 500  # characters of what a process that died had said


@dataclass(frozen=True, slots=True)
class Work:
    """What the processes share."""

    learner: Learner
    features: Sequence[dict[str, Any]]
    machine: Machine  # of all of them together
    shaping: Shaping
    most: int  # tokens that go through one of them at once; 0: all
    seed: int
    processes: int


class Ranks:
    """The other processes, as the first one sees them; to be entered, and left when all is done."""

    def __init__(self, work: Work, say: Callable[[str], None]) -> None:
        self._work = replace(work, machine=_shared(work.machine, work.processes))
        self._say = say
        self._model = work.learner.model
        self._started: list[subprocess.Popen[bytes]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="p2m-ranks-")

    def __enter__(self) -> Ranks:
        import cloudpickle  # classes of heads are made in functions

        folder, work = Path(self._folder.name), self._work
        (folder / "work").write_bytes(cloudpickle.dumps(work))
        prepare(work.machine)
        try:
            self._started = [_start(folder, rank) for rank in range(1, work.processes)]
            self._await(folder)
            _meet(folder, work, 0)
        except BaseException:
            self._end()
            raise
        self._say(f"{work.processes} processes share each step, {work.machine.threads} threads each")
        return self

    def __exit__(self, *_error: object) -> None:
        import torch.distributed as dist

        for each in self._started:  # they keep nothing
            each.kill()
        if dist.is_initialized():
            dist.destroy_process_group()
        self._end()

    def share(self, rows: Sequence[int], step: int) -> Sequence[int]:
        """Hand weights and rows of a step to the others; the rows that are left to this process."""
        import torch
        import torch.distributed as dist

        self._check()
        device = self._work.machine.device
        try:
            dist.broadcast(torch.tensor([step, len(rows)], device=device), 0)
            dist.broadcast(torch.tensor(list(rows), device=device), 0)
            dist.broadcast(_flat([each.detach() for each in _moved(self._model)]), 0)
        except RuntimeError as error:
            raise self._death() from error
        return rows[:: self._work.processes]

    def gathered(self, loss: float) -> float:
        """The loss of all rows of the step; the model then has the gradient of all."""
        import torch.distributed as dist

        flat = _gradient(self._model, loss)
        try:
            dist.reduce(flat, 0)
        except RuntimeError as error:
            raise self._death() from error
        start = 1
        for each in _moved(self._model):
            each.grad = flat[start : start + each.numel()].view_as(each)
            start += each.numel()
        return float(flat[0])

    def _await(self, folder: Path) -> None:
        """Until all others are about to meet: the meeting itself hears of no death, and of no Ctrl-C."""
        while not all(_ready(folder, rank).exists() for rank in range(1, self._work.processes)):
            self._check()
            time.sleep(0.02)

    def _check(self) -> None:
        if any(each.poll() is not None for each in self._started):
            raise self._death()

    def _death(self) -> StageError:
        """Of the first process that died, with its last words."""
        for rank, each in enumerate(self._started, 1):
            try:
                code = each.wait(timeout=5)
            except subprocess.TimeoutExpired:
                continue
            said = (Path(self._folder.name) / f"{rank}.log").read_text(encoding="utf-8", errors="replace")
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            return StageError(
                f"process {rank} of {self._work.processes} that train died ({how});"
                f" the same command goes on from the last checkpoint\n{said[-_LAST_LINES:].strip()}".rstrip()
            )
        return StageError(f"the {self._work.processes} processes that train lost each other; try again")

    def _end(self) -> None:
        for each in self._started:
            each.kill()
            each.wait()
        self._folder.cleanup()


def _start(folder: Path, rank: int) -> subprocess.Popen[bytes]:
    begin = (
        "import sys; sys.path[:] = sys.argv[4:]; from p2m.training.ranks import main;"
        " main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"
    )
    command = [sys.executable, "-c", begin, str(folder / "work"), str(rank), str(os.getpid()), *sys.path]
    with (folder / f"{rank}.log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def main(file: str, rank: int, parent: int) -> None:
    """One of the other processes: its share of every step, until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which is the first process's to decide
    _die_with(parent)
    work: Work = pickle.loads(Path(file).read_bytes())
    if work.machine.device == "cuda":
        import torch

        torch.cuda.set_device(rank)
    prepare(work.machine)
    work.learner.model.to(work.machine.device).train()
    _ready(Path(file).parent, rank).touch()
    _meet(Path(file).parent, work, rank)
    gradients = Gradients(work.learner, work.machine, work.shaping, work.most, _say)
    try:
        while True:
            _take_share(work, rank, gradients)
    except StageError as error:
        sys.exit(str(error))


def _take_share(work: Work, rank: int, gradients: Gradients) -> None:
    import torch
    import torch.distributed as dist

    model, device = work.learner.model, work.machine.device
    head = torch.zeros(2, dtype=torch.long, device=device)
    dist.broadcast(head, 0)
    step, number = head.tolist()
    rows = torch.zeros(number, dtype=torch.long, device=device)
    dist.broadcast(rows, 0)
    moved = _moved(model)
    flat = _flat([torch.zeros_like(each) for each in moved])
    dist.broadcast(flat, 0)
    with torch.no_grad():
        start = 0
        for each in moved:
            each.copy_(flat[start : start + each.numel()].view_as(each))
            start += each.numel()
    torch.manual_seed(hash((work.seed, rank, step)))  # of a step, so that it does not matter who began when
    features = [work.features[row] for row in rows.tolist()]
    model.zero_grad()
    loss = gradients.add(features[rank :: work.processes], counted(features))
    dist.reduce(_gradient(model, loss), 0)


def _shared(machine: Machine, processes: int) -> Machine:
    """What each of so many processes has of it.

    Raises:
        UserError: there are fewer devices.
    """
    import torch

    if machine.device == "cuda" and torch.cuda.device_count() < processes:
        there = torch.cuda.device_count()
        raise UserError(
            f"device.processes={processes}: there are {there} GPUs; type: device.processes={there}"
        )
    return replace(machine, threads=max(1, machine.threads // processes))


def _ready(folder: Path, rank: int) -> Path:
    return folder / f"{rank}.ready"


def _meet(folder: Path, work: Work, rank: int) -> None:
    import torch.distributed as dist

    if work.machine.device != "cuda":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
    kind = "nccl" if work.machine.device == "cuda" else "gloo"
    dist.init_process_group(
        kind, init_method=(folder / "meeting").as_uri(), rank=rank, world_size=work.processes, timeout=_LONG
    )


def _moved(model: Any) -> list[Any]:
    return [each for each in model.parameters() if each.requires_grad]


def _flat(tensors: Sequence[Any]) -> Any:
    import torch

    return torch.cat([each.reshape(-1) for each in tensors])


def _gradient(model: Any, loss: float) -> Any:
    """The loss, then the gradient of every weight that moves; zeros where there is none."""
    import torch

    moved = _moved(model)
    parts = [each.grad if each.grad is not None else torch.zeros_like(each) for each in moved]
    return _flat([torch.tensor([loss], dtype=parts[0].dtype, device=parts[0].device), *parts])


def _say(line: str) -> None:
    print(line, flush=True)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)
