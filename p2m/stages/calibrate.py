"""calibrate: scores that say how often answers are right, and the least that gives a wanted precision."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.base import Backend
from p2m.deploy.serving.settings import Settings
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.evaluation.base import FEWEST, fitted, least_scores
from p2m.metrics.base import Metric
from p2m.stages.answering import answers_of, correct, out_of_fold
from p2m.stages.rows import sample
from p2m.types import Example, Exported, OutOfFold, Split, Task, TaskType, Winner

MAX_ROWS = 1000  # that are put to the model
WANTED = (0.9, 0.95, 0.99)  # precisions that every bundle knows the scores of, where there are any


@stage(version="1", kind="seeded", cpus="all")
def calibrate(
    task: Task,
    parts: Split,
    winner: Winner,
    exported: Exported,
    *folds: OutOfFold,
    metric: Metric,
    precision: float | None,
    backend: Backend = ONNX,
    seed: int,
    run: Run,
) -> Exported:
    """The same model; its predictor.json says what its scores are worth. A `precision` makes it abstain.

    Rows that tell are those of validation or, of a linear student, which learns from these, and where none
    are set aside, training rows out of fold. Numbers are left as they are: their score is no share of right
    answers.
    """
    settings = Settings.read(exported.model)
    if task.type is TaskType.REGRESSION:
        return replace(exported, calibrated="not calibrated: answers are numbers")
    rows, said, scores, which = _held_out(parts, winner, exported, folds, settings, task, backend, seed, run)
    fit = fitted(scores, correct(task, metric, said, rows)) if rows else None
    if fit is None:
        why = f"{len(rows)} rows were held out, {FEWEST} are needed" if len(rows) < FEWEST else _UNTOLD
        return replace(exported, calibrated=f"not calibrated: {why}")
    settings = replace(settings, calibration=fit)
    settings = least_scores(settings, scores, sorted({*WANTED, *([precision] if precision else [])}))
    least = dict(settings.precisions)[precision] if precision else 0.0
    folder = run.folder / "model"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(exported.model, folder)
    replace(settings, abstain=0.0 if least is None else least).write(folder)
    return replace(exported, model=folder, calibrated=f"calibrated on {len(rows):,} {which}")


_UNTOLD = "surer answers are no oftener right"


def _held_out(
    parts: Split, winner: Winner, exported: Exported, folds: Sequence[OutOfFold], settings: Settings,
    task: Task, backend: Backend, seed: int, run: Run,
) -> tuple[Sequence[Example], list[str], list[float], str]:  # fmt: skip
    """Rows that the model has not learnt from, what it said to them, how sure, and which they are."""
    if parts.validation and settings.kind != "linear":
        rows = sample(task, parts.validation, MAX_ROWS, seed)
        answers = answers_of(exported, backend, rows, run, "validation")
        return rows, [each.output for each in answers], [each.score for each in answers], "validation rows"
    found = out_of_fold(folds, winner)
    if found is None:
        return (), [], [], ""
    rows = [parts.train[row] for row in found.rows]
    return rows, list(found.answers), list(found.confidences), "training rows, out of fold"
