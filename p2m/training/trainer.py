"""The steps of a training, by transformers' Trainer: AdamW (Loshchilov and Hutter, 2019) with a linear
warm-up and a decay that is linear, or as the recipe says.

Trainer is told when to look and when to stop, and is given the rows of each step, their gradient and the
score. Its checkpoints hold weights, optimizer, generators and history; what the course knows lies beside.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from p2m.training import rates
from p2m.training.course import Course, Together
from p2m.training.sampling import Batches, lengths
from p2m.types import Evaluation

KEEP_EVERY = 15.0  # seconds: what is done again after a kill, at most, beside the way to an evaluation
COURSE = "course.pt"  # in a checkpoint
_SCHEDULERS = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def take_steps(course: Course, folder: Path) -> tuple[int, list[Evaluation]]:
    """Take the steps, from the last checkpoint in `folder` on; their number and evaluations, in all."""
    import torch

    last = last_checkpoint(folder)
    if course.together is None:
        course.learner.model.to(course.machine.device)
        if last is None:
            course.warm_start()
    course.begin()
    if last is not None:
        course.run.say(f"going on from step {last.name.rpartition('-')[2]}")
        course.load(torch.load(last / COURSE, map_location="cpu", weights_only=True))
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
    zero = _is_by_deepspeed()
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=schedule.steps,
        per_device_train_batch_size=schedule.batch_size,
        learning_rate=schedule.learning_rate,
        warmup_steps=round(course.training.warmup_ratio * schedule.steps),
        weight_decay=course.training.weight_decay,
        lr_scheduler_type=_SCHEDULERS[course.training.schedule],
        optim="adamw_torch_fused",
        use_cpu=machine.device == "cpu" and not zero,
        ddp_backend="gloo" if machine.device == "cpu" and zero else None,
        use_cache=getattr(course.learner.model.config, "use_cache", False),
        seed=course.seed % 2**32,
        eval_on_start=course.start is not None,
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


def _is_by_deepspeed() -> bool:
    """Whether this process was told so; accelerate must then take the processor for a device."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true"


def _trainer(course: Course, folder: Path) -> Any:
    from transformers.trainer_callback import PrinterCallback

    kind, arguments = _steered(course, folder), _arguments(course, folder)
    if course.together:
        kind = _shared(kind, course.together, course, folder)
        course.together.prepare()
    trainer = kind(
        model=course.learner.model,
        args=arguments,
        train_dataset=list(range(len(course.features))),
        callbacks=[_steering(course)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _steered(course: Course, folder: Path) -> Any:
    """The class of Trainers whose rows, gradients and evaluation are the course's."""
    import torch
    from torch.utils.data import DataLoader
    from transformers import Trainer

    class Steered(Trainer):  # type: ignore[misc]
        control: Any
        optimizer: Any

        def get_train_dataloader(self) -> Any:
            schedule, training = course.schedule, course.training
            batches = Batches(
                lengths(course.features), steps=schedule.steps, size=schedule.batch_size,
                tokens=training.batch_tokens, seed=course.seed,
            )  # fmt: skip
            own = torch.Generator()  # the global one must be where an unkilled training has it
            return DataLoader(
                self.train_dataset, batch_sampler=batches, collate_fn=lambda rows: {"rows": rows},
                generator=own,
            )  # fmt: skip

        def create_optimizer(self, model: Any = None) -> Any:
            decay = course.training.layer_decay
            if self.optimizer is None and (decay < 1 or rates.parts(self.model)):
                kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
                groups = rates.groups(
                    self.model, set(self.get_decay_parameter_names(self.model)),
                    rate=self.args.learning_rate, weight_decay=self.args.weight_decay, layer_decay=decay,
                )  # fmt: skip
                self.optimizer = kind(groups, **options)
            return super().create_optimizer(model)

        def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            model.train()
            loss = course.step(inputs["rows"], self.state.global_step + 1)
            return torch.tensor(loss, device=self.args.device)

        def floating_point_ops(self, inputs: Any) -> int:
            return 0

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            found = course.look(self.state.global_step, _history(self.state))
            self.log(dict(found))
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
            return found

        def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
            super().save_model(output_dir, _internal_call)
            torch.save(course.state(), Path(output_dir or folder) / COURSE)

    return Steered


def _shared(kind: Any, together: Together, course: Course, folder: Path) -> Any:
    """The same of one of several processes: model and optimizer may be parted, and checkpoints are whole."""

    class Shared(kind):  # type: ignore[misc]
        def create_optimizer(self, model: Any = None) -> Any:
            made = super().create_optimizer(model)
            together.order = [list(each["params"]) for each in self.optimizer.param_groups]
            return made

        def _prepare_for_training(self, max_steps: int, rows: Any, checkpoint: str | None) -> Any:
            together.part(self)
            found = super()._prepare_for_training(max_steps, rows, None)
            together.attach(self)
            if checkpoint:
                together.go_on(Path(checkpoint))
            return found

        def _load_from_checkpoint(self, *args: Any, **kwargs: Any) -> None:
            """The model had its weights before it was parted."""

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
            together.keep(course, folder)

    return Shared


def _steering(course: Course) -> Any:
    """The callback that says when to look, to save and to stop. Time decides about saving alone."""
    from transformers import TrainerCallback

    class Steering(TrainerCallback):  # type: ignore[misc]
        kept = time.monotonic()
        began = 0.0  # the latest step

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if course.average:
                course.average.step(course.learner.model)
            course.took.append(time.perf_counter() - self.began)
            course.tell(state.global_step, _history(state))
            control.should_evaluate = state.global_step in course.looks

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            step, history = state.global_step, _history(state)
            course.warn(step, history)
            is_over = step >= state.max_steps or course.stopping.is_over(history)
            control.should_training_stop = is_over
            is_due = course.agreed(lambda: time.monotonic() - self.kept >= KEEP_EVERY)
            control.should_save = is_due and not is_over

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.kept = time.monotonic()

    return Steering()


def _history(state: Any) -> list[Evaluation]:
    return [
        Evaluation(each["step"], each["eval_loss"], each["eval_score"])
        for each in state.log_history
        if "eval_score" in each
    ]
