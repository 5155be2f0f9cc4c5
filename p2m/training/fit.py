"""Fitting a student: transformers' Trainer, steered by the recipe's own metric on decoded answers.

Everything that a kill must not lose lies in the step's folder: each evaluation is a checkpoint with
optimizer, schedule and generator states, and what decides early stopping is computed from the history inside
it. So a run that is killed and run again goes on where it was, and ends as it would have ended.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from p2m.errors import DataError
from p2m.training.machine import Machine, choose_machine, environment, prepare
from p2m.training.schedule import Schedule, scheduled
from p2m.types import Evaluation, Example, Learner, Metric, Pace, Run, Trained, Training

BATCH = 32  # rows answered at once
STATE = "trainer_state.json"  # the last file that Trainer writes into a checkpoint


def fit(
    learner: Learner,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    training: Training,
    pace: Pace,
    metric: Metric,
    seed: int,
    run: Run,
) -> Trained:
    """Fit `learner` to `train`; keep the weights that score best on `validation`.

    Evaluates `training.evaluations` times, evenly spaced; stops after `training.patience` without a better
    score.

    Raises:
        DataError: no row of `train` can be learnt, or there is nothing to validate on.
        UserError: the runtime asks for a device that is not there.
    """
    machine = choose_machine(run.runtime, training.precision)
    prepare(machine)
    features = _features(learner, train, training, run)
    if not validation:
        raise DataError("there are no validation rows to stop by; raise split.validation_share")
    folder = run.folder / "checkpoints"
    schedule = scheduled(training, pace, len(features))
    steps = schedule.steps
    run.say(
        f"{len(features)} features, {steps} steps of {schedule.batch_size}, rate {schedule.learning_rate:g},"
        f" {machine.precision} on {machine.device} with {machine.threads} threads"
    )
    with _quiet():
        trainer = _trainer(
            learner, features, validation, training, schedule, metric, seed, run, folder, machine
        )
        last = last_checkpoint(folder)
        history = read_history(last) if last else ()
        if last and _over(history, steps, training.patience):
            run.say(f"training had ended at step {history[-1].step}")
        else:
            if last:
                run.say(f"going on from step {_step(last)}")
            trainer.train(resume_from_checkpoint=str(last) if last else None)
            last = last_checkpoint(folder)
            history = read_history(last) if last else ()
    best = max(history, key=lambda each: (each.score, -each.step))
    target = _keep(folder / f"checkpoint-{best.step}", learner, run.folder / "checkpoint")
    return Trained(
        checkpoint=target,
        parameters=sum(each.numel() for each in learner.model.parameters()),
        steps=history[-1].step,
        best=best.score,
        history=history,
        environment=environment(machine),
    )


def predicted(learner: Learner, rows: Sequence[Example], *, training: Training, run: Run) -> list[str]:
    """The learner's answers, on the device and in the precision that it would be trained in."""
    machine = choose_machine(run.runtime, training.precision)
    prepare(machine)
    learner.model.to(machine.device).eval()
    with _autocast(machine):
        return learner.predict(rows, batch_size=BATCH, device=machine.device)


def last_checkpoint(folder: Path) -> Path | None:
    """The latest whole checkpoint; those that a kill left half written are removed."""
    whole = []
    for path in folder.glob("checkpoint-*") if folder.is_dir() else ():
        try:
            json.loads((path / STATE).read_text(encoding="utf-8"))
            whole.append(path)
        except (OSError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
    return max(whole, key=_step, default=None)


def read_history(checkpoint: Path) -> tuple[Evaluation, ...]:
    """The evaluations up to a checkpoint, oldest first."""
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    return tuple(
        Evaluation(entry["step"], entry["eval_loss"], entry["eval_score"])
        for entry in state["log_history"]
        if "eval_score" in entry
    )


def stale(history: Sequence[Evaluation]) -> int:
    """Evaluations since the best one."""
    if not history:
        return 0
    best = max(range(len(history)), key=lambda i: (history[i].score, -i))
    return len(history) - 1 - best


def _over(history: Sequence[Evaluation], steps: int, patience: int) -> bool:
    return bool(history) and (history[-1].step >= steps or stale(history) >= patience)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _features(
    learner: Learner, train: Sequence[Example], training: Training, run: Run
) -> list[dict[str, Any]]:
    features = learner.encode(train, max_length=training.max_length)
    used = len({each["row"] for each in features}) if features and "row" in features[0] else len(features)
    if not used:
        what = f"none of {len(train)} training rows can be learnt" if train else "there are no training rows"
        raise DataError(f"{what}; in extractive tasks the answer must be a part of the passage")
    if used < len(train):
        run.say(
            f"{len(train) - used} of {len(train)} training rows teach nothing:"
            " their answer cannot be expressed"
        )
    return features


def _keep(best: Path, learner: Learner, target: Path) -> Path:
    """The checkpoint that is kept, without what only training needs; a folder that appears whole."""
    fresh = target.with_name("checkpoint.new")
    for path in (fresh, target):
        shutil.rmtree(path, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        if (best / name).is_file():
            shutil.copyfile(best / name, fresh / name)
    if learner.tokenizer is not None:
        learner.tokenizer.save_pretrained(str(fresh))
    return fresh.rename(target)


def _trainer(
    learner: Learner,
    features: list[dict[str, Any]],
    validation: Sequence[Example],
    training: Training,
    schedule: Schedule,
    metric: Metric,
    seed: int,
    run: Run,
    folder: Path,
    machine: Machine,
) -> Any:
    from transformers import Trainer, TrainingArguments

    from p2m.training.loss import batch_loss
    from p2m.training.sampling import LengthSampler

    lengths = [len(each["input_ids"]) for each in features]
    steps = schedule.steps
    every = max(1, math.ceil(steps / max(1, training.evaluations)))
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=schedule.batch_size,
        learning_rate=schedule.learning_rate,
        warmup_steps=round(training.warmup_ratio * steps),
        weight_decay=training.weight_decay,
        lr_scheduler_type="linear",
        optim="adamw_torch_fused",
        bf16=machine.precision == "bf16",
        use_cpu=machine.device == "cpu",
        seed=seed,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the best and the last; with 1, Trainer ends by removing the last
        load_best_model_at_end=True,
        metric_for_best_model="score",
        greater_is_better=True,
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=machine.device == "cuda",
        push_to_hub=False,
    )
    if machine.device == "cuda":
        arguments._n_gpu = 1  # one device: several would change the batch, and with it the result

    class Steered(Trainer):  # type: ignore[misc]
        """Trainer whose evaluation is the recipe's metric on the learner's own answers."""

        control: Any
        losses: tuple[float, int] = (0.0, 0)  # sum and number since the last evaluation

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return LengthSampler(lengths, schedule.batch_size, seed)

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            loss = batch_loss(model, inputs, training.label_smoothing)
            total, number = self.losses
            self.losses = (total + float(loss.detach()), number + 1)
            return loss

        def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
            total, number = self.losses
            self.losses = (0.0, 0)
            self.model.eval()
            with _autocast(machine):
                answers = learner.predict(validation, batch_size=BATCH, device=self.args.device)
            self.model.train()
            value = metric.value(metric.statistics(answers, [row.answers for row in validation]))
            metrics = {"eval_score": value, "eval_loss": total / max(1, number)}
            self.log(dict(metrics))
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

    trainer = Steered(
        model=learner.model,
        args=arguments,
        train_dataset=features,
        data_collator=learner.collate,
        eval_dataset=list(validation),
        callbacks=[_steering(run, training)],
    )
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def _steering(run: Run, training: Training) -> Any:
    """A callback that stops early and tells how far the training is."""
    from transformers import TrainerCallback

    class Steering(TrainerCallback):  # type: ignore[misc]
        began: tuple[int, float] | None = None  # step and time at which this process began

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            now = time.monotonic()
            if self.began is None:
                self.began = (state.global_step, now)
            first, since = self.began
            done = state.global_step - first
            left = (now - since) / done * (state.max_steps - state.global_step) if done else 0.0
            entries = _evaluations(state)
            note = f"score {max(e.score for e in entries):.3f}  " if entries else ""
            run.progress(
                state.global_step, state.max_steps, note + (f"{_minutes(left)} left" if done else "")
            )

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            entries = _evaluations(state)
            latest = entries[-1]
            run.say(
                f"step {latest.step} of {state.max_steps}  loss {latest.loss:.4f}  score {latest.score:.4f}"
            )
            if stale(entries) >= training.patience and latest.step < state.max_steps:
                run.say(f"no better score in {training.patience} evaluations: stopping early")
                control.should_training_stop = True

    return Steering()


def _evaluations(state: Any) -> list[Evaluation]:
    return [
        Evaluation(entry["step"], entry["eval_loss"], entry["eval_score"])
        for entry in state.log_history
        if "eval_score" in entry
    ]


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def _autocast(machine: Machine) -> Any:
    import torch

    return torch.autocast(machine.device, torch.bfloat16, enabled=machine.precision == "bf16")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Trainer reports through run.say alone; warnings about what it saves are no user's business."""
    import warnings

    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
