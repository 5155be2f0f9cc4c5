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
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2m import errors
from p2m.engine.handles import SHARDED, Device, Run
from p2m.errors import StageError, UserError
from p2m.training import trainer
from p2m.training.course import Course
from p2m.training.machine import Machine
from p2m.training.ranks import JOB, OUTCOME, TOLD, Job
from p2m.training.trainer import last_checkpoint
from p2m.types import Evaluation

_POLL = 0.05  # seconds between two looks
LAST_LINES = 800  # characters of what a process that died had said


def take_steps_together(course: Course, checkpoints: Path) -> tuple[int, list[Evaluation], float]:
    """Take the steps in several processes; number, evaluations, best score. The model then has the weights.

    Raises:
        UserError: there are not as many devices, or accelerate's settings cannot be had or used.
        StageError: a process died.
    """
    device = course.run.device
    environment, kind = settings(device)
    if kind != "replicas" and course.training.average != "none":
        raise UserError(
            f"training.average={course.training.average}: weights that lie in parts are not averaged;"
            " type: device.accelerate="
        )
    machine = shared(course.machine, device)
    model, run = course.learner.model.to(machine.device), course.run
    if last_checkpoint(checkpoints) is None:
        course.warm_start()
    model.to("cpu")
    nobody: Any = None
    alone = replace(course, machine=machine, run=nobody)
    job = Job(alone, device, checkpoints, kind, trainer.KEEP_EVERY)
    how = "share each step" if kind == "replicas" else f"share each step and the weights ({kind})"
    run.say(f"{device.processes} processes {how}, {machine.threads} threads each")
    with tempfile.TemporaryDirectory(prefix="p2m-ranks-") as place:
        folder = Path(place)
        write(job, folder)
        if device.nodes > 1:
            from p2m.training.nodes import carry_out

            carry_out(job, folder, environment, run)
        else:
            _carry_out(job, folder, environment, run)
        return _taken(course, folder)


def settings(device: Device) -> tuple[dict[str, str], str]:
    """What accelerate's launcher would put into a process's environment, and replicas, fsdp or deepspeed.

    Raises:
        UserError: the file is not one of accelerate's, or of ways that are not known here.
    """
    if not device.accelerate:
        return {}, "replicas"
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    file = Path(device.accelerate)
    if device.accelerate in SHARDED:
        file = Path(__file__).parent / "accelerate" / f"{device.accelerate}.yaml"
    typed = ["--config_file", str(file), "--num_processes", str(device.processes), "--main_process_port", "0"]
    typed += ["--num_machines", "1", "--machine_rank", "0", "--mixed_precision", "no", "x"]
    try:
        words, known, _ = _validate_launch_command(launch_command_parser().parse_args(typed))
        if words.use_deepspeed:
            import deepspeed  # noqa: F401  # which every process takes

            words.deepspeed_fields_from_accelerate_config = ",".join(known.deepspeed_config)
            found = prepare_deepspeed_cmd_env(words)[1]
        elif words.use_fsdp:
            found = prepare_multi_gpu_env(words)
    except ImportError as error:
        raise UserError(f"device.accelerate={file}: {error}; type: pip install 'p2m[distributed]'") from error
    except Exception as error:  # its reader raises whatever is at hand
        raise UserError(f"device.accelerate={file}: {error}; type: accelerate config") from error
    if not words.use_deepspeed and not (words.use_fsdp and words.fsdp_version == 2):
        raise UserError(
            f"device.accelerate={file}: expected distributed_type FSDP, with fsdp_version 2, or DEEPSPEED;"
            " leave it out where nothing is to be sharded"
        )
    found = {name: value for name, value in found.items() if os.environ.get(name) != value}
    return found, "deepspeed" if words.use_deepspeed else "fsdp"


def shared(machine: Machine, device: Device) -> Machine:
    """What each of the processes has of its machine.

    Raises:
        UserError: there are fewer devices.
    """
    import torch

    here = device.processes // device.nodes
    if here * device.nodes != device.processes:
        raise UserError(
            f"device.processes={device.processes}: as many on each of {device.nodes} nodes;"
            f" type: device.processes={max(1, here) * device.nodes}"
        )
    if machine.device == "cuda" and device.nodes == 1 and torch.cuda.device_count() < here:
        there = torch.cuda.device_count()
        raise UserError(f"device.processes={here}: there are {there} GPUs; type: device.processes={there}")
    return replace(machine, threads=max(1, machine.threads // here))


def write(job: Job, folder: Path) -> None:
    import cloudpickle  # classes of heads are made in functions
    import torch

    torch.save(job, folder / JOB, pickle_module=cloudpickle)


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


def _carry_out(job: Job, folder: Path, environment: dict[str, str], run: Run) -> None:
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


def _taken(course: Course, folder: Path) -> tuple[int, list[Evaluation], float]:
    import torch

    outcome = torch.load(folder / OUTCOME, mmap=True, weights_only=True)
    course.learner.model.load_state_dict(outcome["weights"])
    course.losses = outcome["losses"]
    return outcome["steps"], [Evaluation(*each) for each in outcome["history"]], outcome["best"]
