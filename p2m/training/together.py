"""A training of several processes: what accelerate says of it, who carries it out, what came of it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2m.engine.handles import SHARDED, Device
from p2m.errors import UserError
from p2m.training import launchers, nodes, trainer
from p2m.training.course import Course
from p2m.training.machine import Machine
from p2m.training.ranks import JOB, OUTCOME, Job
from p2m.training.trainer import last_checkpoint
from p2m.types import Evaluation


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
        carry_out = nodes.carry_out if device.nodes > 1 else launchers.carry_out
        carry_out(job, folder, environment, run)
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
    if machine.device == "cuda" and device.nodes == 1 and torch.cuda.device_count() < here:
        there = torch.cuda.device_count()
        raise UserError(f"device.processes={here}: there are {there} GPUs; type: device.processes={there}")
    return replace(machine, threads=max(1, machine.threads // here))


def write(job: Job, folder: Path) -> None:
    import cloudpickle  # classes of heads are made in functions
    import torch

    torch.save(job, folder / JOB, pickle_module=cloudpickle)


def _taken(course: Course, folder: Path) -> tuple[int, list[Evaluation], float]:
    import torch

    outcome = torch.load(folder / OUTCOME, mmap=True, weights_only=True)
    course.learner.model.load_state_dict(outcome["weights"])
    course.losses = outcome["losses"]
    return outcome["steps"], [Evaluation(*each) for each in outcome["history"]], outcome["best"]
