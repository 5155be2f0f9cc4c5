"""A training whose processes Ray places on several machines (ray.train): the same ranks, farther apart.

The step's machine keeps the folder of the training: an actor there hands out the job and the last checkpoint,
and takes what the first process says and makes. So no folder needs to be shared.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2m.engine.handles import Run
from p2m.engine.running import wire
from p2m.errors import P2MError, StageError, UserError
from p2m.training import launchers
from p2m.training.ranks import JOB, OUTCOME, TOLD, Job, loaded, take_part
from p2m.training.trainer import last_checkpoint

_ADDRESS = "RAY_ADDRESS"  # environment: of the cluster; else the one that this machine belongs to
_FRESH = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_SHARING = "TRAIN_ENABLE_SHARE_CUDA_VISIBLE_DEVICES"  # environment
_POLL = 0.2  # seconds between two looks at what was told


class Desk:
    """The training's folder, for processes elsewhere."""

    def __init__(self, folder: str, checkpoints: str) -> None:
        self._folder, self._checkpoints = Path(folder), Path(checkpoints)

    def job(self) -> bytes:
        return (self._folder / JOB).read_bytes()

    def checkpoint(self) -> tuple[str, dict[str, bytes]]:
        """The last whole one: its name and files."""
        last = last_checkpoint(self._checkpoints)
        return ("", {}) if last is None else (last.name, _files(last))

    def tell(self, line: str) -> None:
        with (self._folder / TOLD).open("a", encoding="utf-8") as stream:
            stream.write(line)

    def keep(self, name: str, files: dict[str, bytes]) -> None:
        """A checkpoint, the state last; those before it go."""
        _write(self._checkpoints / name, files)
        for each in self._checkpoints.glob("checkpoint-*"):
            if each.name != name:
                for file in each.iterdir():
                    file.unlink()
                each.rmdir()

    def take(self, outcome: bytes) -> None:
        (self._folder / OUTCOME).write_bytes(outcome)


def carry_out(job: Job, folder: Path, environment: dict[str, str], run: Run) -> None:
    """Take the steps on machines of a Ray cluster; the outcome lies in `folder`.

    Raises:
        UserError: there is no cluster, or it has fewer machines.
        StageError: a process or a machine died.
    """
    nodes, processes = job.device.nodes, job.device.processes
    try:
        import ray
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError as error:
        raise UserError(f"device.nodes={nodes} takes ray; type: pip install 'p2m[ray]'") from error
    os.environ[_SHARING] = "0"  # each process sees its own device alone
    is_ours = _join(nodes)
    (folder / TOLD).touch()
    desk = _desk(folder, job.checkpoints)
    is_cuda = job.course.machine.device == "cuda"
    settings = {
        "desk": desk, "path": sys.path, "environment": environment,
        "code": code_digest(),
    }  # fmt: skip
    trainer = TorchTrainer(
        take_part_elsewhere,
        train_loop_config=settings,
        scaling_config=ScalingConfig(
            num_workers=processes, use_gpu=is_cuda,
            # The step itself holds processors, maybe all; a byte is what is asked for, so that nobody waits.
            resources_per_worker={"memory": 1, **({"GPU": 1} if is_cuda else {})},
            placement_strategy="STRICT_SPREAD" if processes == nodes else "SPREAD",
        ),
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if is_cuda else "gloo"),
        run_config=RunConfig(name="p2m", storage_path=str(folder / "ray")),
    )  # fmt: skip
    listening = _Listening(folder, run)
    try:
        trainer.fit()
    except P2MError:
        raise
    except Exception as error:  # ray.train wraps whatever ended a process
        raise listening.error or _death(error, processes) from error
    finally:
        listening.stop()
        ray.kill(desk)
        if is_ours:
            ray.shutdown()
    if listening.error:
        raise listening.error


def take_part_elsewhere(settings: dict[str, Any]) -> None:
    """What ray.train calls in each process, once all have met."""
    import json

    import ray
    import torch.distributed as dist

    sys.path[:] = list(dict.fromkeys([*settings["path"], *sys.path]))
    if code_digest() != settings["code"]:
        raise StageError("a node has other code of p2m than the step's machine; install the same there")
    desk, rank = settings["desk"], dist.get_rank()
    with tempfile.TemporaryDirectory(prefix="p2m-rank-") as place:
        folder = Path(place)
        (folder / JOB).write_bytes(ray.get(desk.job.remote()))
        job = loaded(folder)
        job = replace(job, checkpoints=folder / "checkpoints")
        name, files = ray.get(desk.checkpoint.remote())
        if name:
            _write(job.checkpoints / name, files)
        for each in _FRESH:
            os.environ.pop(each, None)
        os.environ.update(launchers.environment_of(rank, job, settings["environment"]))

        def tell(word: str, values: Sequence[Any]) -> None:
            desk.tell.remote(json.dumps([word, *values]) + "\n")

        def kept(target: Path) -> None:
            ray.get(desk.keep.remote(target.name, _files(target)))

        take_part(job, rank, tell, folder, kept)
        if rank == 0:
            ray.get(desk.take.remote((folder / OUTCOME).read_bytes()))


def code_digest() -> str:
    """Of p2m as it lies here."""
    import p2m

    root = Path(p2m.__file__).parent
    content = b"".join(each.read_bytes() for each in sorted(root.rglob("*.py")))
    return hashlib.sha256(content).hexdigest()


class _Listening:
    """Passes on what the first process tells while this one waits."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.error: P2MError | None = None
        self._told, self._heard = folder / TOLD, launchers.Heard(run)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _listen(self) -> None:
        with self._told.open(encoding="utf-8") as told:
            is_last = False
            while not is_last:
                is_last = self._over.wait(_POLL)
                try:
                    self._heard.hear(told.read())
                except P2MError as error:
                    self.error = error


def _join(nodes: int) -> bool:
    """Whether the cluster was joined here, and not by whoever runs the step.

    Raises:
        UserError: there is none, or it has fewer machines.
    """
    import ray

    is_ours = not ray.is_initialized()
    if is_ours:
        address = os.environ.get(_ADDRESS, "auto")
        try:
            wire.knock(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise UserError(
                f"device.nodes={nodes}: no Ray cluster was found ({error});"
                f" start one (ray start --head) or set {_ADDRESS}"
            ) from error
    known: Any = ray.nodes
    there = sum(bool(each["Alive"]) for each in known())
    if there < nodes:
        if is_ours:
            ray.shutdown()
        raise UserError(f"device.nodes={nodes}: the Ray cluster has {there}; type: device.nodes={there}")
    return is_ours


def _desk(folder: Path, checkpoints: Path) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    made: Any = ray.remote(num_cpus=0)(Desk).options(scheduling_strategy=here)
    return made.remote(str(folder), str(checkpoints))


def _death(error: Exception, processes: int) -> StageError:
    """Of what ray.train says of each process, the last line."""
    causes = getattr(error, "worker_failures", None) or {}
    said = [
        f"process {rank}: {str(cause).strip().splitlines()[-1]}" for rank, cause in sorted(causes.items())
    ]
    return StageError(
        f"one of {processes} processes that train died; the same command goes on from the last checkpoint\n"
        + "\n".join(said or [str(error).strip()])[-launchers.LAST_LINES :]
    )


def _files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir())}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda each: each == "trainer_state.json"):  # which says that all are there
        with suppress(FileNotFoundError):
            (folder / name).unlink()
        (folder / name).write_bytes(files[name])
