"""Fitting a student, steered by the recipe's own metric on decoded answers.

Everything that a kill must not lose lies in the step's folder, and what decides when to stop is computed from
the history inside it. So a run that is killed and run again goes on where it was, and ends as it would have
ended.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from p2m.engine.handles import Run
from p2m.engine.rows import Spool
from p2m.errors import DataError
from p2m.training import probe, rates
from p2m.training.course import BATCH, Course, expectation
from p2m.training.curves import means
from p2m.training.loss import balanced_weights
from p2m.training.machine import Machine, autocast, choose_machine, environment, prepare
from p2m.training.quick import quicken
from p2m.training.sampling import lengths
from p2m.training.schedule import scheduled
from p2m.training.speeds import remember, remembered
from p2m.training.stopping import Stopping, evaluation_steps
from p2m.training.together import take_steps_together
from p2m.training.trainer import quiet, take_steps
from p2m.types import (
    Evaluation,
    Example,
    Fit,
    Learner,
    Look,
    Metric,
    ScoredLearner,
    Trained,
    Training,
    TunedStudent,
    merit,
)

FINISHED = "finished.json"
CHECKPOINTS = "checkpoints"  # of a training that has not ended
AT_ONCE = 20_000  # rows that are encoded at once
LOSSES = 40  # that a report draws


def fit(
    learner: Learner, train: Sequence[Example], validation: Sequence[Example], *,
    student: TunedStudent, training: Training, metric: Metric, seed: int, run: Run, balanced: bool = False,
    others: tuple[tuple[Look, ...], ...] = (),
) -> Trained:  # fmt: skip
    """Fit `learner`, which `student` prepared, to `train`; keep the weights that score best on `validation`.

    Evaluates `training.evaluations` times, evenly spaced, and before the first step where the head was
    solved; stops after `training.patience` without a better score, once learning has begun. Without
    validation rows the schedule is run to its end and the last weights are kept. `balanced` makes every label
    count alike. `others` are earlier trials of a search: it stops where it falls behind these.

    Raises:
        DataError: no row of `train` can be learnt.
        UserError: the device asks for a device that is not there.
        StageError: the training diverged.
    """
    machine = choose_machine(run.device, training.precision)
    prepare(machine)
    known = _finished(run, learner, machine)
    if known is not None:
        return known
    if machine.device == "cpu":
        quicken(learner.model)
    rates.freeze(learner.model, training.freeze_embeddings, training.freeze_layers)
    features = _features(learner, train, training, run)
    length = sum(map(sum, lengths(features))) / len(features)
    schedule = scheduled(training, student.pace, len(features), length)
    from_scratch = bool(student.pace.from_scratch and validation)
    floor = commonest_score(train, validation, metric) if from_scratch else None
    course = Course(
        learner, features, validation, training, schedule,
        Stopping(schedule, training.patience, floor, others), machine, metric, seed, run,
        looks=evaluation_steps(schedule, training.evaluations, early=from_scratch),
        weights=_weights(learner, features, machine) if balanced else None,
    )  # fmt: skip
    steps, history, best = _taken(course, student, probe.characters(train))
    return _kept(course, steps, history, best)


def predicted(
    learner: Learner, rows: Sequence[Example], *, training: Training, run: Run
) -> list[tuple[str, float]]:
    """The learner's answers, on the device and in the precision that it would be trained in.

    Each has its score, 0 to 1; where the learner knows none, all have 0.
    """
    machine = choose_machine(run.device, training.precision)
    prepare(machine)
    learner.model.to(machine.device).eval()
    with autocast(machine):
        if isinstance(learner, ScoredLearner):
            return learner.scored(rows, batch_size=BATCH, device=machine.device)
        return [(text, 0.0) for text in learner.predict(rows, batch_size=BATCH, device=machine.device)]


def commonest_score(train: Sequence[Example], validation: Sequence[Example], metric: Metric) -> float:
    """The metric of giving the commonest training answer to every row of `validation`."""
    answer = Counter(row.output for row in train).most_common(1)[0][0]
    right = [row.answers for row in validation]
    return merit(metric, metric.value(metric.statistics([answer] * len(right), right)))


def _taken(course: Course, student: TunedStudent, length: float) -> tuple[int, list[Evaluation], float]:
    """The steps, announced with the time that they take where it is known: number, evaluations, best score.

    The model then has the weights to keep. The speed of one process is remembered.
    """
    schedule, machine = course.schedule, course.machine
    speed = probe.speed_key(student, machine.precision, machine.threads, schedule.batch_size, machine.device)
    known = remembered(speed, length)
    about = f", {expectation(schedule, known)}" if known is not None else ""
    course.run.say(
        f"{len(course.features)} features, {schedule.steps} steps of {schedule.batch_size},"
        f" rate {schedule.learning_rate:g}, {machine}{about}"
    )
    course.is_announced = known is not None
    checkpoints, device = course.run.folder / CHECKPOINTS, course.run.device
    if device.processes > 1 or device.accelerate:
        return take_steps_together(course, checkpoints)
    steps, history = take_steps(course, checkpoints)
    if course.step_seconds is not None:
        remember(speed, length, course.step_seconds)
    return steps, history, course.settle(history)


def _features(
    learner: Learner, train: Sequence[Example], training: Training, run: Run
) -> Sequence[dict[str, Any]]:
    features = _encoded(learner, train, training.max_length, run)
    rows = {row for each in features for row in each.get("rows", (each.get("row"),))}
    used = len(rows) if None not in rows else len(features)
    if not used:
        what = f"none of {len(train)} training rows can be learnt" if train else "there are no training rows"
        raise DataError(f"{what}; in extractive tasks the answer must be a part of the passage")
    if used < len(train):
        run.say(
            f"{len(train) - used} of {len(train)} training rows teach nothing:"
            " their answer cannot be expressed"
        )
    return features


def _encoded(learner: Learner, train: Sequence[Example], length: int, run: Run) -> Sequence[dict[str, Any]]:
    """The features of the rows; those of very many lie on disk, where rows have theirs each for itself."""
    if len(train) <= AT_ONCE or not getattr(learner, "encodes_rows_apart", False):
        return learner.encode(train, max_length=length)
    found = Spool[dict[str, Any]](folder=run.folder)
    for start in range(0, len(train), AT_ONCE):
        for each in learner.encode(train[start : start + AT_ONCE], max_length=length):
            found.append({**each, "row": start + each["row"]})
        run.progress(min(start + AT_ONCE, len(train)), len(train), "rows encoded")
    return found.rows()


def _weights(learner: Learner, features: Sequence[dict[str, Any]], machine: Machine) -> Any:
    """(labels,) of a classification with one label a row, or several; None elsewhere."""
    import torch

    labels = getattr(getattr(learner, "settings", None), "labels", ())
    aims = [each["labels"] for each in features if "labels" in each] if labels else []
    answers = [label for aim in aims for label in (aim if isinstance(aim, list) else [aim])]
    if not answers:
        return None
    found = balanced_weights(answers, len(labels))
    return torch.tensor(found, dtype=torch.float32, device=machine.device)


def _kept(course: Course, steps: int, history: Sequence[Evaluation], best: float) -> Trained:
    """The model's weights as a checkpoint folder that appears whole, without what only training needs."""
    folder, model, tokenizer = course.run.folder, course.learner.model, course.learner.tokenizer
    target, fresh = folder / "checkpoint", folder / "checkpoint.new"
    for path in (fresh, target):
        shutil.rmtree(path, ignore_errors=True)
    with quiet():
        model.save_pretrained(str(fresh))
    if tokenizer is not None:
        tokenizer.save_pretrained(str(fresh))
    fresh.rename(target)
    record = {
        "steps": steps,
        "planned": course.schedule.steps,
        "was_pruned": steps < course.schedule.steps and course.stopping.is_behind(history),
        "best": best,
        "history": [asdict(each) for each in history],
        "losses": means(course.losses, LOSSES),
    }
    (folder / FINISHED).write_text(json.dumps(record), encoding="utf-8")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return _trained(target, record, model, course.machine)


def _finished(run: Run, learner: Learner, machine: Machine) -> Trained | None:
    """What a run that was killed after its end left; None where it had not ended."""
    try:
        record = json.loads((run.folder / FINISHED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    run.say(f"training had ended at step {record['steps']}")
    return _trained(run.folder / "checkpoint", record, learner.model, machine)


def _trained(checkpoint: Path, record: dict[str, Any], model: Any, machine: Machine) -> Trained:
    return Trained(
        checkpoint,
        Fit(
            parameters=getattr(model, "served", None) or sum(each.numel() for each in model.parameters()),
            steps=record["steps"],
            planned=record["planned"],
            was_pruned=record["was_pruned"],
            best=record["best"],
            history=tuple(Evaluation(**each) for each in record["history"]),
            losses=tuple(record["losses"]),
            environment=environment(machine),
        ),
    )
