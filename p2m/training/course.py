"""One training: what it works on, what it has come to know, and what it says of itself."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from p2m.engine.handles import Run
from p2m.errors import StageError
from p2m.training.averages import Average
from p2m.training.curves import sparkline
from p2m.training.gradients import Gradients, counted
from p2m.training.machine import Machine, autocast
from p2m.training.memory import halving
from p2m.training.schedule import Schedule
from p2m.training.stopping import Stopping
from p2m.types import Evaluation, Example, Learner, Metric, Shaping, Training, WarmStarter, merit

BATCH = 32  # rows answered at once
SOLVED = 50_000  # features that a head is solved over, at most
MOST_EPOCHS = 100  # passes over rows that are worth a try
MORE = 5  # times the steps: what to try where a student from scratch has not begun to learn
_UNTIMED = 2  # steps, in which kernels are prepared
_TIMED, _SEEN = 5, 3.0  # steps and seconds of them, before it is said how long a training takes
_RECENT = 20  # steps whose pace that is
T = TypeVar("T")


class Together(Protocol):
    """The processes that share a training, as one of them sees them (`p2m.training.ranks`)."""

    is_sharded: bool  # whether weights lie in parts, one a process
    order: list[list[Any]]  # the weights of each of the optimizer's groups

    def prepare(self) -> None:
        """Make ready for Trainer."""

    def part(self, taking: Any) -> None:
        """Take Trainer, before model and optimizer are parted."""

    def attach(self, taking: Any) -> None:
        """Take Trainer, whose model and optimizer are in parts now where they are to be."""

    def add(self, gradients: Gradients, features: Sequence[dict[str, Any]], step: int) -> float:
        """The loss of a step's rows; the model then has their gradient, or its part of it."""

    def answers(self, ask: Callable[[Sequence[T]], list[str]], rows: Sequence[T], model: Any) -> list[str]:
        """What `ask` makes of the rows, each process of its share."""

    def agreed(self, find: Callable[[], T]) -> T:
        """What the first process finds."""

    def weights(self, model: Any) -> dict[str, Any]:
        """All weights, on the processor; {} but in the first process."""

    def keep(self, course: Course, folder: Path) -> None:
        """Write a checkpoint that any number of processes goes on from."""

    def go_on(self, checkpoint: Path) -> None:
        """Take optimizer and schedule from a checkpoint, whose weights the model has."""


@dataclass
class Course:
    """One training: what Trainer asks of it, and what it has come to know."""

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
    is_announced: bool = False  # whether the time that it takes has been told
    losses: list[float] = field(default_factory=list)  # of every step
    looked: int = 0  # losses that there were at the last evaluation
    start: float | None = None  # loss of a head that was solved, until the evaluation before the first step
    best: dict[str, Any] | None = None  # weights of the best evaluation; None: those at hand
    average: Average | None = None
    together: Together | None = None  # where several processes take the steps
    took: list[float] = field(default_factory=list)  # seconds of this process's steps

    @property
    def step_seconds(self) -> float | None:
        """Mean time of a step in this process; None before there were enough."""
        timed = self.took[_UNTIMED:]
        return sum(timed) / len(timed) if len(timed) >= 3 else None

    @property
    def pace(self) -> float | None:
        """Seconds of a step by the latest ones; None before enough was seen to tell.

        The first steps prepare kernels, caches and memory, and may take many times what the others do.
        """
        timed = self.took[_UNTIMED:]
        if len(timed) < _TIMED or sum(timed) < _SEEN:
            return None
        return statistics.median(timed[-_RECENT:])

    @property
    def shaping(self) -> Shaping:
        training = self.training
        return Shaping(training.label_smoothing, self.weights, training.focal, training.soft_labels)

    def warm_start(self) -> None:
        """Solve the head, where it can be; its loss is that of the evaluation before the first step."""
        learner = self.learner
        if not isinstance(learner, WarmStarter):
            return
        balanced, device = self.weights is not None, self.machine.device
        few = list(self.features[:: -(-len(self.features) // SOLVED)])
        with autocast(self.machine):
            loss = halving(
                lambda size: learner.warm_start(few, batch_size=size, device=device, balanced=balanced),
                BATCH,
                self.run.say,
            )
        if loss is None:
            return
        over = f"{len(few):,} of the training rows" if len(few) < len(self.features) else "the training rows"
        self.run.say(f"the head is solved over the untuned embeddings: loss {loss:.4f} on {over}")
        self.start = loss if self.validation else None

    def begin(self) -> None:
        """Make ready for the first step, from the weights at hand."""
        most = self.run.device.tokens_at_once
        self._gradients = Gradients(self.learner, self.machine, self.shaping, most, self.run.say)
        if self.training.average != "none":
            self.average = Average(self.training.average, self.learner.model, self.schedule.steps)

    def step(self, rows: Sequence[int], number: int) -> float:
        """The loss of the rows of a step, counted from 1; the model then has its gradient."""
        features = [self.features[row] for row in rows]
        if self.together:
            loss = self.together.add(self._gradients, features, number)
        else:
            loss = self._gradients.add(features, counted(features))
        self.losses.append(loss)
        if not math.isfinite(loss):
            raise StageError(
                f"the loss is not a number at step {number}: the training diverged;"
                f" lower training.learning_rate (it is {self.schedule.learning_rate:g})"
                " or set training.precision=fp32"
            )
        return loss

    def look(self, step: int, history: Sequence[Evaluation]) -> dict[str, float]:
        """Evaluate, and remember the weights if they are the best so far; {} without validation rows."""
        since = self.losses[self.looked :] if self.start is None else [self.start]
        loss = sum(since) / max(1, len(since))
        self.looked, self.start = len(self.losses), None
        said = f"step {step} of {self.schedule.steps}  loss {loss:.4f}"
        if self.average:
            self.average.look(self.learner.model)
        if not self.validation:
            self.run.say(said)
            return {}
        score = self._score()
        if not history or score > max(each.score for each in history):
            self.best = self.copied()
        self.run.say(f"{said}  score {score:.4f}")
        return {"eval_loss": loss, "eval_score": score}

    def copied(self) -> dict[str, Any]:
        """A copy of the weights at hand; of several processes the first has it."""
        model = self.learner.model
        if self.together:
            return self.together.weights(model)
        return {name: each.detach().to("cpu", copy=True) for name, each in model.state_dict().items()}

    def agreed(self, find: Callable[[], T]) -> T:
        """What is found here, or by the first of several processes."""
        return self.together.agreed(find) if self.together else find()

    def settle(self, history: Sequence[Evaluation]) -> float:
        """Give the model the weights to keep: the best ones, or their average where it is better.

        Its score is that of what was kept; 0 without validation rows.
        """
        model, best = self.learner.model, max((each.score for each in history), default=0.0)
        if self.average:
            self.average.put(model)
            if not self.validation:
                return best
            score = self._score()
            kept = "kept" if score > best else "not kept"
            self.run.say(f"averaged weights  score {score:.4f} against {best:.4f}: {kept}")
            if score > best:
                return score
        if self.best and not (self.together and self.together.is_sharded):
            model.load_state_dict(self.best)
        return best

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds beside Trainer's own."""
        average = self.average.state() if self.average else None
        return {"best": self.best, "losses": self.losses, "average": average}

    def load(self, state: dict[str, Any]) -> None:
        self.best, self.losses = state["best"], state["losses"]
        self.looked = len(self.losses)
        if self.average:
            self.average.load(state["average"], self.machine.device)

    def _score(self) -> float:
        """The metric on the validation rows, of the weights at hand."""
        rows, model = self.validation, self.learner.model
        model.eval()
        answers = self.together.answers(self._answers, rows, model) if self.together else self._answers(rows)
        right = [row.answers for row in rows]
        return self.agreed(
            lambda: merit(self.metric, self.metric.value(self.metric.statistics(answers, right)))
        )

    def _answers(self, rows: Sequence[Example]) -> list[str]:
        learner, device = self.learner, self.machine.device
        with autocast(self.machine):
            return halving(
                lambda size: learner.predict(rows, batch_size=size, device=device), BATCH, self.run.say
            )

    def warn(self, step: int, history: Sequence[Evaluation]) -> None:
        """Say what the latest evaluation means for a training that goes badly, or is over."""
        steps, rows, idle = self.schedule.steps, len(self.features), self.stopping.is_idle(history)
        if idle:
            epochs = math.ceil(MORE * steps * self.schedule.batch_size / rows)
            seen = f"{self.metric.name} {history[-1].score:.2f} against {self.stopping.floor:.2f}"
            advice = (
                "it has not begun to learn; from scratch such a mapping takes tens of thousands of rows"
                f" (here are {rows:,}) or more steps: give more rows (data.train)"
                + (f" or training.epochs={epochs}" if epochs <= MOST_EPOCHS else "")
            )
            self.run.say(
                f"step {step:,} of {steps:,}: no better than the commonest answer ({seen}): "
                + (advice if len(history) == 1 else "it has still not begun to learn")
            )
        if step < steps and self.stopping.is_over(history):
            reason = f"no better score in {self.training.patience} evaluations"
            if self.stopping.is_behind(history):
                reason = "below the median of the earlier trials at this point"
            if idle:
                reason = "nothing learnt"
            self.run.say(f"{reason}: stopping early")

    def tell(self, step: int, history: Sequence[Evaluation]) -> None:
        """How far the training is, how its loss and score went, and how long it takes."""
        steps, known = self.schedule.steps, self.pace
        if known is not None and not self.is_announced:
            self.run.say(expectation(self.schedule, known))
            self.is_announced = True
        notes = []
        if self.losses:
            recent = self.losses[-_RECENT:]
            notes.append(f"loss {sparkline(self.losses)} {sum(recent) / len(recent):.3g}")
        if history:
            scores = [each.score for each in history]
            notes.append(f"score {sparkline(scores)} {max(scores):.3f}")
        if known:
            notes.append(f"{readable((steps - step) * known)} left")
        self.run.progress(step, steps, "  ".join(note.replace("  ", " ") for note in notes))


def expectation(schedule: Schedule, step_seconds: float) -> str:
    """What the steps take, as a person says it."""
    return f"{schedule.steps} steps take about {readable(schedule.steps * step_seconds)} on this machine"


def readable(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
