"""Starting the processes that share a training, hearing what they say, and taking what they made.

They are started as torchrun and `accelerate launch` start theirs, with the same environment, but in the
step's own process group and without handlers of signals: whatever ends the step ends them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from p2m import errors
from p2m.engine.handles import Run
from p2m.errors import StageError
from p2m.training.ranks import TOLD, Job

_POLL = 0.05  # seconds between two looks
LAST_LINES = 800  # characters of what a process that died had said


def environment_of(rank: int, job: Job, environment: dict[str, str]) -> dict[str, str]:
    """Of a process, which sees one device: what torchrun and accelerate's launcher tell it, as if it were the
    only one of its machine. Replicas are not told of each other, for Trainer would take their gradients over.
    """
    found = {"TOKENIZERS_PARALLELISM": "false"}
    if job.course.machine.device == "cpu":
        found |= {"CUDA_VISIBLE_DEVICES": "", "DS_ACCELERATOR": "cpu"}
    if job.kind != "replicas":
        found |= environment | {
            "RANK": str(rank), "WORLD_SIZE": str(job.device.processes),
            "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500",
            "OMP_NUM_THREADS": str(job.course.machine.threads),
        }  # fmt: skip
    return found


def _device_of(rank: int, job: Job) -> dict[str, str]:
    if job.course.machine.device == "cpu":
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[rank] if visible else str(rank)}


class Heard:
    """What the first process has told, passed on to a run."""

    def __init__(self, run: Run) -> None:
        self._run, self._error, self._rest = run, None, ""

    def hear(self, text: str) -> None:
        """The next piece of what it wrote.

        Raises:
            P2MError: what ended the training, as the process had it.
        """
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            word, *values = json.loads(line)
            if word == "error":
                raise getattr(errors, values[0])(values[1])
            getattr(self._run, word)(*values)


def carry_out(job: Job, folder: Path, environment: dict[str, str], run: Run) -> None:
    """Take the steps on this machine; the outcome lies in `folder`.

    Raises:
        StageError: a process died.
    """
    started: list[subprocess.Popen[bytes]] = []
    heard = Heard(run)
    (folder / TOLD).touch()
    try:
        for rank in range(job.device.processes):
            told = environment_of(rank, job, environment) | _device_of(rank, job)
            started.append(_start(folder, rank, told))
        with (folder / TOLD).open(encoding="utf-8") as lines:
            while True:
                ended = [each.poll() for each in started]
                heard.hear(lines.read())
                if any(ended):
                    raise _death(started, folder)
                if None not in ended:
                    return
                time.sleep(_POLL)
    finally:
        for each in started:  # what they keep is written
            each.kill()
            each.wait()


def _start(folder: Path, rank: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    begin = (
        "import sys; sys.path[:] = sys.argv[4:]; from p2m.training.ranks import main;"
        " main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))"
    )
    command = [sys.executable, "-c", begin, str(folder), str(rank), str(os.getpid()), *sys.path]
    with (folder / f"{rank}.log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment}
        )


def _death(started: list[subprocess.Popen[bytes]], folder: Path) -> StageError:
    """Of the process that died first, with its last words: a killed one, else who wrote no longer."""
    dead = [(rank, code) for rank, each in enumerate(started) if (code := each.poll())]
    logs = {rank: folder / f"{rank}.log" for rank, _ in dead}
    rank, code = min(dead, key=lambda each: (each[1] > 0, logs[each[0]].stat().st_mtime))
    said = logs[rank].read_text(encoding="utf-8", errors="replace")
    how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return StageError(
        f"process {rank} of {len(started)} that train died ({how});"
        f" the same command goes on from the last checkpoint\n{said[-LAST_LINES:].strip()}".rstrip()
    )
