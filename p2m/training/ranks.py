"""One of the processes that share a training: each takes its part of every step, all know how it goes.

Where nothing is sharded every process has all weights, gradients are added up, and each takes the optimizer's
step. Where accelerate's settings say so, weights, gradients and the optimizer's state lie in parts: by
torch's `fully_shard` (FSDP, Zhao et al., 2023, arXiv 2304.11277) or by DeepSpeed (ZeRO, Rajbhandari et al.,
2020, arXiv 1910.02054). Checkpoints are whole, those of one process, so any number of them goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from p2m import errors
from p2m.engine.handles import Device
from p2m.errors import UserError
from p2m.training import trainer
from p2m.training.course import Course
from p2m.training.gradients import Gradients, counted
from p2m.training.machine import prepare
from p2m.training.trainer import COURSE, last_checkpoint, take_steps

T = TypeVar("T")
JOB, TOLD, OUTCOME = "job", "told", "outcome"  # files of the folder that the processes share
_LONG = timedelta(days=30)  # a process waits while another one evaluates; death is seen at once
_MOMENTS = ("exp_avg", "exp_avg_sq")  # Adam's state of a weight, beside the step


@dataclass(frozen=True, slots=True)
class Job:
    """What each process is handed."""

    course: Course  # its machine is what one process has; nobody listens to its run
    device: Device
    checkpoints: Path
    kind: str  # replicas, fsdp or deepspeed
    keep_every: float  # seconds between two checkpoints


@dataclass(frozen=True, slots=True)
class Teller:
    """The run of a process: what the first one says and how far it is, told to who started it."""

    folder: Path
    device: Device
    tell: Callable[[str, Sequence[Any]], None]

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.tell("progress", (done, total, note))

    def say(self, line: str) -> None:
        self.tell("say", (line,))


class Replicas:
    """Every process has all weights."""

    is_sharded = False
    order: list[list[Any]]

    def __init__(self, rank: int, job: Job, kept: Callable[[Path], None]) -> None:
        self.kept = kept
        self.rank, self.processes, self.seed = rank, job.device.processes, job.course.seed
        self.machine, self.model = job.course.machine, job.course.learner.model

    def prepare(self) -> None:
        self.model.to(self.machine.device)

    def part(self, taking: Any) -> None:
        pass

    def attach(self, taking: Any) -> None:
        self.trainer = taking

    def add(self, gradients: Gradients, features: Sequence[dict[str, Any]], step: int) -> float:
        import torch
        import torch.distributed as dist

        torch.manual_seed(hash((self.seed, self.rank, step)))  # of a step, whoever began when
        loss = gradients.add(features[self.rank :: self.processes], counted(features))
        moved = [each for each in gradients.learner.model.parameters() if each.requires_grad]
        parts = [each.grad if each.grad is not None else torch.zeros_like(each) for each in moved]
        flat = torch.cat([parts[0].new_tensor([loss]), *(each.reshape(-1) for each in parts)])
        dist.all_reduce(flat)
        start = 1
        for each in moved:
            each.grad = flat[start : start + each.numel()].view_as(each)
            start += each.numel()
        return float(flat[0])

    def answers(self, ask: Callable[[Sequence[T]], list[str]], rows: Sequence[T], model: Any) -> list[str]:
        import torch.distributed as dist

        mine = rows[self.rank :: self.processes]
        with self.whole(model):
            said = ask(mine) if mine else []
        shares: list[list[str]] = [[] for _ in range(self.processes)]
        dist.all_gather_object(shares, said)
        return [shares[i % self.processes][i // self.processes] for i in range(len(rows))]

    def agreed(self, find: Callable[[], T]) -> T:
        import torch.distributed as dist

        found = [find() if self.rank == 0 else None]
        dist.broadcast_object_list(found, 0)
        return found[0]  # type: ignore[return-value]

    @contextmanager
    def whole(self, model: Any) -> Iterator[None]:
        """While the model has all weights, and may be asked without the other processes."""
        yield

    def weights(self, model: Any) -> dict[str, Any]:
        found = {}
        for name, each in model.state_dict().items():
            value = _full(each)
            if self.rank == 0:
                found[name] = value.detach().to("cpu", copy=True)
        return found

    def state(self) -> dict[str, Any]:
        """The optimizer's, as that of one process has it. Every process must ask."""
        found: dict[str, Any] = _mapped(
            self.trainer.optimizer.state_dict(), lambda each: _full(each).to("cpu")
        )
        return found

    def put(self, state: dict[str, Any]) -> None:
        """Give the optimizer such a state."""
        optimizer = self.trainer.optimizer
        weights = [each for group in optimizer.param_groups for each in group["params"]]
        for number, moments in state["state"].items():
            state["state"][number] = {name: _like(each, weights[number]) for name, each in moments.items()}
        optimizer.load_state_dict(state)

    def keep(self, course: Course, folder: Path) -> None:
        import torch

        weights, state, progress = self.weights(self.trainer.model), self.state(), self.trainer.state
        if self.rank:
            return
        target = folder / f"checkpoint-{progress.global_step}"
        target.mkdir(parents=True, exist_ok=True)
        for name, value in (
            ("pytorch_model.bin", weights), ("optimizer.pt", state), (COURSE, course.state()),
            ("scheduler.pt", self.trainer.lr_scheduler.state_dict()),
        ):  # fmt: skip
            torch.save(value, target / name)
        progress.save_to_json(str(target / "trainer_state.json"))
        for each in folder.glob("checkpoint-*"):
            if each != target:
                shutil.rmtree(each, ignore_errors=True)
        self.kept(target)

    def go_on(self, checkpoint: Path) -> None:
        import torch

        self.put(torch.load(checkpoint / "optimizer.pt", map_location="cpu", weights_only=True))
        self.trainer.lr_scheduler.load_state_dict(
            torch.load(checkpoint / "scheduler.pt", map_location="cpu", weights_only=True)
        )


class FullyShards(Replicas):
    """Weights, gradients and the optimizer's state in parts, by accelerate and torch's `fully_shard`."""

    is_sharded = True

    def prepare(self) -> None:
        _wrappable(self.model)
        if self.machine.device == "cpu":
            _allow_processors()

    def add(self, gradients: Gradients, features: Sequence[dict[str, Any]], step: int) -> float:
        import torch
        import torch.distributed as dist

        torch.manual_seed(hash((self.seed, self.rank, step)))
        passes, total, loss = self._passes(gradients, features), counted(features), 0.0
        for number, few in enumerate(passes, 1):
            # Gradients are averaged over the processes, and every one must take part in every pass.
            part = gradients.part(few or features[-1:], total) * (self.processes if few else 0)
            self._backward(part, number == len(passes))
            loss += float(part.detach()) / self.processes
        found = torch.tensor(loss, device=part.device)
        dist.all_reduce(found)
        return float(found)

    def _backward(self, loss: Any, is_last: bool) -> None:
        loss.backward()

    def _passes(
        self, gradients: Gradients, features: Sequence[dict[str, Any]]
    ) -> list[Sequence[dict[str, Any]]]:
        """This process's passes, as many as the one with most has; some may be empty."""
        shares = [features[rank :: self.processes] for rank in range(self.processes)]
        cut = [gradients.passes(share) if share else [] for share in shares]
        empty: Sequence[dict[str, Any]] = ()
        return [*cut[self.rank], *[empty] * (max(map(len, cut)) - len(cut[self.rank]))]

    @contextmanager
    def whole(self, model: Any) -> Iterator[None]:
        parts = [each for each in model.modules() if hasattr(each, "set_reshard_after_forward")]
        for each in parts:
            each.set_reshard_after_forward(False, recurse=False)
            each.unshard()
        try:
            yield
        finally:
            plugin = self.trainer.accelerator.state.fsdp_plugin
            for each in parts:
                each.set_reshard_after_forward(plugin.reshard_after_forward, recurse=False)
                each.reshard()


class Zero(FullyShards):
    """The optimizer's state and gradients in parts, by DeepSpeed's ZeRO, stage 1 or 2."""

    def prepare(self) -> None:
        pass

    def part(self, taking: Any) -> None:
        plugin = taking.accelerator.state.deepspeed_plugin
        if plugin.zero_stage not in (1, 2):
            raise UserError(
                f"device.accelerate: zero_stage is {plugin.zero_stage}, not 1 or 2; to have weights in parts"
                " too type: device.accelerate=fsdp"
            )
        # DeepSpeed computes in what its own settings say, whatever is said around it.
        words = {"enabled": self.machine.precision == "bf16", "dtype": "bfloat16"}
        plugin.deepspeed_config["torch_autocast"] = words

    def add(self, gradients: Gradients, features: Sequence[dict[str, Any]], step: int) -> float:
        gradients.learner.model = self.trainer.model_wrapped  # DeepSpeed's, around the model
        try:
            return super().add(gradients, features, step)
        finally:
            gradients.learner.model = self.model

    def _backward(self, loss: Any, is_last: bool) -> None:
        self.trainer.accelerator.deepspeed_engine_wrapped.backward(loss, sync_gradients=is_last)

    @contextmanager
    def whole(self, model: Any) -> Iterator[None]:
        yield

    def state(self) -> dict[str, Any]:
        from deepspeed.utils import safe_get_full_optimizer_state as moment

        self._link()
        moments: dict[int, dict[str, Any]] = {}
        groups = []
        for given, group in zip(self.order, self.trainer.optimizer.param_groups, strict=True):
            numbers = []
            for each in given:
                numbers.append(len(moments))
                found = {name: moment(each, name).to("cpu", copy=True) for name in _MOMENTS}
                moments[numbers[-1]] = found | {"step": _scalar(self.trainer.state.global_step)}
            plain = {name: value for name, value in group.items() if not hasattr(value, "__len__")}
            groups.append(plain | {"betas": group["betas"], "params": numbers})
        return {"state": moments, "param_groups": groups}

    def put(self, state: dict[str, Any]) -> None:
        import torch
        from deepspeed.utils import safe_set_full_optimizer_state as give

        zero, known = self.trainer.optimizer.optimizer, state["state"]
        for flat in zero.single_partition_of_fp32_groups:  # which have no state before the first step
            empty = {name: torch.zeros_like(flat) for name in _MOMENTS}
            zero.optimizer.state[flat] = empty | {"step": known[0]["step"].to(flat.device, copy=True)}
        self._link()
        for number, each in enumerate(weight for group in self.order for weight in group):
            for name in _MOMENTS:
                give(each, known[number][name].to(each.device), name)
        for group, given in zip(self.trainer.optimizer.param_groups, state["param_groups"], strict=True):
            group["lr"] = given["lr"]

    def _link(self) -> None:
        """Have DeepSpeed find the state of all groups: it looks once, when only the first has any."""
        zero = self.trainer.optimizer.optimizer
        zero._hp_optimizer_states_linked = False
        zero._lazy_init_hp_params_optimizer_state()


KINDS: Mapping[str, type[Replicas]] = {"replicas": Replicas, "fsdp": FullyShards, "deepspeed": Zero}


def main(folder: str, rank: int, parent: int) -> None:
    """A process on the machine of the one that started it, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which is the first process's to decide
    _die_with(parent)
    place = Path(folder)
    job = loaded(place)

    def tell(word: str, values: Sequence[Any]) -> None:
        with (place / TOLD).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([word, *values]) + "\n")

    meet(place, job, rank)
    take_part(job, rank, tell, place)


def loaded(folder: Path) -> Job:
    import torch

    # Mapped, so that what processes of one machine are handed lies in its memory once.
    job: Job = torch.load(folder / JOB, mmap=True, weights_only=False)
    return job


def take_part(
    job: Job, rank: int, tell: Callable[[str, Sequence[Any]], None], folder: Path,
    kept: Callable[[Path], None] | None = None,
) -> None:  # fmt: skip
    """Take part in a training of processes that have met; the first one leaves its outcome in `folder`, and
    says of each checkpoint that it is `kept`.
    """
    import torch
    import torch.distributed as dist

    prepare(job.course.machine)
    trainer.KEEP_EVERY = job.keep_every
    told = tell if rank == 0 else (lambda _word, _values: None)
    run: Any = Teller(folder, job.device, told)
    together = KINDS[job.kind](rank, job, kept or (lambda _checkpoint: None))
    course = replace(job.course, run=run, together=together)
    if (last := last_checkpoint(job.checkpoints)) is not None:
        load_weights(course.learner.model, last)
    try:
        steps, history = take_steps(course, job.checkpoints)
        best = course.settle(history)
    except errors.P2MError as error:
        told("error", (type(error).__name__, str(error)))
        sys.exit(str(error))
    weights = course.best if together.is_sharded and course.best is not None else course.copied()
    if rank == 0:
        outcome = {
            "steps": steps, "history": [(each.step, each.loss, each.score) for each in history],
            "best": best, "losses": course.losses, "weights": weights,
        }  # fmt: skip
        torch.save(outcome, folder / f"{OUTCOME}.new")
        (folder / f"{OUTCOME}.new").rename(folder / OUTCOME)
    dist.barrier()


def load_weights(model: Any, checkpoint: Path) -> None:
    """Those of a checkpoint of one process or several, into a model that is not sharded yet."""
    import torch
    from safetensors.torch import load_file

    if (file := checkpoint / "pytorch_model.bin").exists():
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    elif (file := checkpoint / "model.safetensors").exists():
        model.load_state_dict(load_file(file), strict=False)  # weights that share a tensor are there once
    else:
        model.load_adapter(str(checkpoint), model.active_adapter, is_trainable=True)


def meet(folder: Path, job: Job, rank: int) -> None:
    """Find the other processes of this machine."""
    import torch.distributed as dist

    is_cuda = job.course.machine.device == "cuda"
    if not is_cuda:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if is_cuda else "gloo", init_method=(folder / "meeting").as_uri(),
        rank=rank, world_size=job.device.processes, timeout=_LONG,
    )  # fmt: skip


def _allow_processors() -> None:
    """Let accelerate shard on processors too, where torch can and it knows replicas only."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

    Accelerator(cpu=True)
    for each in (PartialState, AcceleratorState):
        each._shared_state["distributed_type"] = DistributedType.FSDP
    AcceleratorState._shared_state["fsdp_plugin"] = FullyShardedDataParallelPlugin()


def _wrappable(model: Any) -> None:
    """Say which layers are to be whole in one place, of a model around one of transformers."""
    there = {type(each).__name__ for each in model.modules()}
    known = {name for each in model.modules() for name in getattr(each, "_no_split_modules", None) or ()}
    model._no_split_modules = sorted(known & there)


def _full(value: Any) -> Any:
    """A tensor of which this process may have a part only."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _like(value: Any, weight: Any) -> Any:
    """A whole tensor of the optimizer's state, sharded as its weight is."""
    if not hasattr(weight, "placements") or value.shape != weight.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    mesh, placements = weight.device_mesh, weight.placements
    return distribute_tensor(value.to(weight.device), mesh, placements, src_data_rank=None)


def _mapped(value: Any, make: Callable[[Any], Any]) -> Any:
    """Dicts and lists with their tensors made over."""
    if isinstance(value, dict):
        return {key: _mapped(each, make) for key, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, make) for each in value]
    return make(value) if hasattr(value, "detach") else value


def _scalar(value: float) -> Any:
    import torch

    return torch.tensor(float(value))


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)
