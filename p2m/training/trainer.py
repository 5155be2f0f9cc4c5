"""The steps of a training, by transformers' Trainer: AdamW (Loshchilov and Hutter, 2019) with a linear
warm-up and decay.

Trainer is told when to look and when to stop, and is given the loss, the order of the rows and the score.
Its checkpoints hold weights, optimizer, generators and history; the best weights lie beside them.
"""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.engine.handles import Run
from p2m.errors import StageError
from p2m.training.machine import Machine, autocast
from p2m.training.sampling import LengthSampler
from p2m.training.schedule import Schedule
from p2m.training.stopping import Stopping
from p2m.types import Evaluation, Example, Learner, Metric, Shaping, Training, WarmStarter

BATCH = 32  # rows answered at once
KEEP_EVERY = 15.0  # seconds: what is done again after a kill, at most, beside the way to an evaluation
MOST_EPOCHS = 100  # passes over rows that are worth a try
MORE = 5  # times the steps: what to try where a student from scratch has not begun to learn
_BEST = "best.pt"  # in a checkpoint
_UNTIMED = 2  # steps, in which kernels are prepared
_TIMED, _SEEN = 5, 3.0  # steps and seconds of them, before it is said how long a training takes
_RECENT = 20  # steps whose pace that is


@dataclass
class Course:
    """One training: what Trainer asks of it, and what it has come to know."""

    learner: Learner
    features: list[dict[str, Any]]
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
    losses: list[float] = field(default_factory=list)  # of the steps since the last evaluation
    best: dict[str, Any] | None = None  # weights of the best evaluation; None: those at hand
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

    def warm_start(self) -> None:
        """Solve the head, where it can be; its loss is that of the evaluation before the first step."""
        if not isinstance(self.learner, WarmStarter):
            return
        balanced, device = self.weights is not None, self.machine.device
        with autocast(self.machine):
            loss = self.learner.warm_start(self.features, batch_size=BATCH, device=device, balanced=balanced)
        if loss is None:
            return
        self.run.say(f"the head is solved over the untuned embeddings: loss {loss:.4f} on the training rows")
        self.losses = [loss] if self.validation else []

    def loss(self, inputs: dict[str, Any], step: int) -> Any:
        """Of the batch of a step, counted from 1."""
        loss = self.learner.loss(inputs, Shaping(self.training.label_smoothing, self.weights))
        self.losses.append(float(loss.detach()))
        if not math.isfinite(self.losses[-1]):
            raise StageError(
                f"the loss is not a number at step {step}: the training diverged;"
                f" lower training.learning_rate (it is {self.schedule.learning_rate:g})"
                " or set training.precision=fp32"
            )
        return loss

    def look(self, step: int, history: Sequence[Evaluation]) -> dict[str, float]:
        """Evaluate, and remember the weights if they are the best so far; {} without validation rows."""
        loss = sum(self.losses) / max(1, len(self.losses))
        self.losses = []
        said = f"step {step} of {self.schedule.steps}  loss {loss:.4f}"
        if not self.validation:
            self.run.say(said)
            return {}
        model = self.learner.model.eval()
        with autocast(self.machine):
            answers = self.learner.predict(self.validation, batch_size=BATCH, device=self.machine.device)
        score = self.metric.value(self.metric.statistics(answers, [row.answers for row in self.validation]))
        if not history or score > max(each.score for each in history):
            self.best = {
                name: each.detach().to("cpu", copy=True) for name, each in model.state_dict().items()
            }
        self.run.say(f"{said}  score {score:.4f}")
        return {"eval_loss": loss, "eval_score": score}

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
            reason = "nothing learnt" if idle else f"no better score in {self.training.patience} evaluations"
            self.run.say(f"{reason}: stopping early")

    def tell(self, step: int, history: Sequence[Evaluation]) -> None:
        """How far the training is, and how long it takes."""
        steps, known = self.schedule.steps, self.pace
        if known is not None and not self.is_announced:
            self.run.say(expectation(self.schedule, known))
            self.is_announced = True
        note = f"score {max(each.score for each in history):.3f}  " if history else ""
        self.run.progress(step, steps, note + (f"{readable((steps - step) * known)} left" if known else ""))


def take_steps(course: Course, folder: Path) -> tuple[int, list[Evaluation]]:
    """Take the steps, from the last checkpoint in `folder` on; their number and evaluations, in all."""
    import torch

    last = last_checkpoint(folder)
    course.learner.model.to(course.machine.device)
    if last is None:
        course.warm_start()
    else:
        course.run.say(f"going on from step {last.name.rpartition('-')[2]}")
        course.best = torch.load(last / _BEST, map_location="cpu", weights_only=True)
    with quiet():
        trainer = _trainer(course, folder)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    return trainer.state.global_step, _history(trainer.state)


def last_checkpoint(folder: Path) -> Path | None:
    """The latest whole checkpoint: one whose state, the last file that Trainer writes, can be read."""
    whole = {}
    for path in folder.glob("checkpoint-*/trainer_state.json"):
        with contextlib.suppress(OSError, ValueError):
            whole[json.loads(path.read_text(encoding="utf-8"))["global_step"]] = path.parent
    return whole[max(whole)] if whole else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Training reports through run.say alone; warnings of what saves and loads it are no user's business."""
    from transformers.utils import logging

    level, had = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if had:
            logging.enable_progress_bar()


def _arguments(course: Course, folder: Path) -> Any:
    from transformers import TrainingArguments

    schedule, machine = course.schedule, course.machine
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=schedule.steps,
        per_device_train_batch_size=schedule.batch_size,
        learning_rate=schedule.learning_rate,
        warmup_steps=round(course.training.warmup_ratio * schedule.steps),
        weight_decay=course.training.weight_decay,
        lr_scheduler_type="linear",
        optim="adamw_torch_fused",
        bf16=machine.precision == "bf16",
        use_cpu=machine.device == "cpu",
        use_cache=getattr(course.learner.model.config, "use_cache", False),
        seed=course.seed % 2**32,
        eval_on_start=bool(course.losses),
        eval_strategy="no",  # when to evaluate and to save is told at each step
        save_strategy="no",
        save_total_limit=1,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=machine.device == "cuda",
    )
    if machine.device == "cuda":
        arguments._n_gpu = 1  # one device: several would change the batch, and with it the result
    return arguments


def _trainer(course: Course, folder: Path) -> Any:
    """Trainer whose loss, order of rows and evaluation are the course's."""
    import torch
    from transformers import Trainer
    from transformers.trainer_callback import PrinterCallback

    class Steered(Trainer):  # type: ignore[misc]
        control: Any

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            lengths = [len(each["input_ids"]) for each in course.features]
            return LengthSampler(lengths, course.schedule.batch_size, course.seed)

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            return course.loss(inputs, self.state.global_step + 1)

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            found = course.look(self.state.global_step, _history(self.state))
            self.log(dict(found))
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
            return found

        def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
            super().save_model(output_dir, _internal_call)
            torch.save(course.best, Path(output_dir or folder) / _BEST)

    trainer = Steered(
        model=course.learner.model,
        args=_arguments(course, folder),
        train_dataset=course.features,
        data_collator=course.learner.collate,
        callbacks=[_steering(course)],
    )
    trainer.model_accepts_loss_kwargs = False  # the loss is a mean over the batch
    trainer.remove_callback(PrinterCallback)
    return trainer


def _steering(course: Course) -> Any:
    """The callback that says when to look, to save and to stop. Time decides about saving alone."""
    from transformers import TrainerCallback

    class Steering(TrainerCallback):  # type: ignore[misc]
        kept = time.monotonic()
        began = 0.0  # the latest step

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            course.took.append(time.perf_counter() - self.began)
            course.tell(state.global_step, _history(state))
            control.should_evaluate = state.global_step in course.looks

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            step, history = state.global_step, _history(state)
            course.warn(step, history)
            is_over = step >= state.max_steps or course.stopping.is_over(history)
            control.should_training_stop = is_over
            control.should_save = not is_over and time.monotonic() - self.kept >= KEEP_EVERY

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.kept = time.monotonic()

    return Steering()


def _history(state: Any) -> list[Evaluation]:
    return [
        Evaluation(each["step"], each["eval_loss"], each["eval_score"])
        for each in state.log_history
        if "eval_score" in each
    ]


def expectation(schedule: Schedule, step_seconds: float) -> str:
    """What the steps take, as a person says it."""
    return f"{schedule.steps} steps take about {readable(schedule.steps * step_seconds)} on this machine"


def readable(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
