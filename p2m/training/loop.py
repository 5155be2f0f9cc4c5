"""The steps of a training: AdamW (Loshchilov and Hutter, 2019) with a linear warm-up and decay.

What a step does depends on the seed, its number and the weights before it: the batch comes from the epoch,
the drop-out from the step. So weights, optimizer and history are all that is needed to go on after a kill.
A loop of our own, for transformers' Trainer takes seconds to import and evaluates at even steps only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.errors import StageError
from p2m.training import checkpoints
from p2m.training.checkpoints import State
from p2m.training.loss import batch_loss
from p2m.training.machine import Machine, autocast
from p2m.training.sampling import LengthSampler
from p2m.training.schedule import Schedule
from p2m.training.stopping import Stopping
from p2m.types import Evaluation, Example, Learner, Metric, Run, Training

BATCH = 32  # rows answered at once
CLIP = 1.0  # norm that gradients are cut to (Pascanu et al., 2013)
KEEP_EVERY = 15.0  # seconds: what is done again after a kill, at most, beside the way to an evaluation
MORE = 5  # times the steps: what to try where a student from scratch has not begun to learn
_UNTIMED = 2  # steps, in which kernels are prepared


@dataclass
class Loop:
    """One training, from `state` on."""

    learner: Learner
    features: Sequence[dict[str, Any]]
    validation: Sequence[Example]
    training: Training
    schedule: Schedule
    stopping: Stopping
    machine: Machine
    metric: Metric
    seed: int
    run: Run
    looks: tuple[int, ...]  # steps after which to evaluate
    weights: Any = None  # (labels,) what a row of each label counts; None: all alike
    is_announced: bool = True  # whether the time that it takes has been told
    state: State = field(default_factory=State)
    seconds: float = 0.0  # in timed steps
    timed: int = 0

    def __post_init__(self) -> None:
        self.optimizer = optimizer_of(self.learner.model, self.training.weight_decay)
        self._kept = time.monotonic()
        self._done = 0  # steps of this process

    @property
    def step_seconds(self) -> float | None:
        """Mean time of a step in this process; None before there were enough."""
        return self.seconds / self.timed if self.timed >= 3 else None

    def resume(self, folder: Path) -> bool:
        """Go on from the checkpoint of `folder`; False where there is none."""
        found = checkpoints.load(folder, self.learner.model, self.optimizer)
        if found is not None:
            self.state = found
        return found is not None

    def go(self, folder: Path) -> None:
        """Take steps until it is over."""
        for batch in self._batches():
            if self.stopping.is_over(self.state.history) or self.state.step >= self.schedule.steps:
                break
            self._timed_step(batch)
            self._tell()
            if self.state.step in self.looks:
                self.look()
                if time.monotonic() - self._kept >= KEEP_EVERY:
                    checkpoints.save(folder, self.state, self.learner.model, self.optimizer)
                    self._kept = time.monotonic()

    def look(self, loss: float | None = None) -> None:
        """Evaluate, and remember the weights if they are the best so far."""
        state = self.state
        if loss is None:
            loss = sum(state.losses) / max(1, len(state.losses))
        state.losses = []
        if not self.validation:
            self.run.say(f"step {state.step} of {self.schedule.steps}  loss {loss:.4f}")
            return
        self.learner.model.eval()
        with autocast(self.machine):
            answers = self.learner.predict(self.validation, batch_size=BATCH, device=self.machine.device)
        right = [row.answers for row in self.validation]
        score = self.metric.value(self.metric.statistics(answers, right))
        if not state.history or score > max(each.score for each in state.history):
            state.best = checkpoints.weights_of(self.learner.model)
        state.history.append(Evaluation(state.step, loss, score))
        self.run.say(f"step {state.step} of {self.schedule.steps}  loss {loss:.4f}  score {score:.4f}")
        self._warn()

    def take(self, batch: Sequence[dict[str, Any]]) -> float:
        """One step of the optimizer; the loss before it."""
        import torch

        model, step = self.learner.model, self.state.step
        torch.manual_seed((self.seed * 1_000_003 + step) % 2**63)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate * self._share(step)
        model.train()
        inputs = {name: each.to(self.machine.device) for name, each in self.learner.collate(batch).items()}
        with autocast(self.machine):
            loss = batch_loss(model, inputs, self.training.label_smoothing, self.weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.step += 1
        return float(loss.detach())

    def _warn(self) -> None:
        """Say what the latest evaluation means for a training that goes badly, or is over."""
        state, steps, rows = self.state, self.schedule.steps, len(self.features)
        if self.stopping.is_idle(state.history):
            epochs = math.ceil(MORE * steps * self.schedule.batch_size / rows)
            seen = f"{self.metric.name} {state.history[-1].score:.2f} against {self.stopping.floor:.2f}"
            advice = (
                "it has not begun to learn; from scratch such a mapping takes tens of thousands of rows"
                f" (here are {rows:,}) or more steps: give more rows (data.train) or training.epochs={epochs}"
            )
            self.run.say(
                f"step {state.step:,} of {steps:,}: no better than the commonest answer ({seen}): "
                + (advice if len(state.history) == 1 else "it has still not begun to learn")
            )
        if state.step < steps and self.stopping.is_over(state.history):
            idle = self.stopping.is_idle(state.history)
            reason = "nothing learnt" if idle else f"no better score in {self.training.patience} evaluations"
            self.run.say(f"{reason}: stopping early")

    def _timed_step(self, batch: Sequence[dict[str, Any]]) -> None:
        began = time.perf_counter()
        loss = self.take(batch)
        self._done += 1
        if self._done > _UNTIMED:
            self.seconds += time.perf_counter() - began
            self.timed += 1
        if not math.isfinite(loss):
            raise StageError(
                f"the loss is not a number at step {self.state.step}: the training diverged;"
                f" lower training.learning_rate (it is {self.schedule.learning_rate:g})"
                " or set training.precision=fp32"
            )
        self.state.losses.append(loss)

    def _share(self, step: int) -> float:
        """Of the highest rate, at a step counted from 0."""
        steps, warm = self.schedule.steps, round(self.training.warmup_ratio * self.schedule.steps)
        if step < warm:
            return step / warm
        return max(0.0, (steps - step) / max(1, steps - warm))

    def _batches(self) -> Iterator[list[dict[str, Any]]]:
        """From the next step on, without end."""
        size = self.schedule.batch_size
        sampler = LengthSampler([len(each["input_ids"]) for each in self.features], size, self.seed)
        epoch, done = divmod(self.state.step, math.ceil(len(self.features) / size))
        while True:
            sampler.set_epoch(epoch)
            order = list(sampler)
            for start in range(done * size, len(order), size):
                yield [self.features[i] for i in order[start : start + size]]
            epoch, done = epoch + 1, 0

    def _tell(self) -> None:
        state, known = self.state, self.step_seconds
        if known is not None and not self.is_announced:
            self.run.say(expectation(self.schedule, known))
            self.is_announced = True
        note = f"score {max(each.score for each in state.history):.3f}  " if state.history else ""
        left = f"{readable((self.schedule.steps - state.step) * known)} left" if known else ""
        self.run.progress(state.step, self.schedule.steps, note + left)


def optimizer_of(model: Any, weight_decay: float) -> Any:
    """AdamW that decays matrices and tables, and neither biases nor the weights of norms."""
    import torch

    named = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    decayed = [each for name, each in named if each.dim() > 1 and "bias" not in name]
    others = [each for name, each in named if each.dim() <= 1 or "bias" in name]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], fused=True)


def expectation(schedule: Schedule, step_seconds: float) -> str:
    """What the steps take, as a person says it."""
    return f"{schedule.steps} steps take about {readable(schedule.steps * step_seconds)} on this machine"


def readable(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
