"""What a variant of the model is worth: the primary metric, through the predictor that the bundle ships."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.base import Backend, Predictor, open_model
from p2m.deploy.serving.settings import Settings
from p2m.engine.handles import Run
from p2m.errors import StageError
from p2m.metrics.base import Metric
from p2m.sizes import folder_size, show_size
from p2m.stages.rows import sample
from p2m.students.base import dealt, decided, held_out, scoped, with_none
from p2m.types import Example, Fit, Split, Task, Variant, merit

MAX_ROWS = 500  # rows that a variant is judged by
MOST = 10_000  # training rows that others are held against
FOLDED = 4  # of the training rows one in so many stands for validation rows, where there are none
_CHUNK = 100  # rows between two reports of progress; those of one length go through the model together


def scored(
    task: Task,
    parts: Split,
    model: Path,
    name: str,
    fit: Fit,
    *,
    backend: Backend = ONNX,
    metric: Metric | None,
    seed: int,
    run: Run,
) -> Variant:
    """The folder as a variant, judged on validation rows; on training rows where there are none.

    Without a `metric` it is not judged.

    Raises:
        StageError: it cannot be opened or run.
    """
    size = folder_size(model)
    if metric is None:
        return Variant(model, name, 0.0, size, fit)
    decide(parts, model, backend=backend, metric=metric, run=run)
    rows = sample(task, parts.validation or parts.train, MAX_ROWS, seed)
    judged = "validation" if parts.validation else "training rows"
    score = _score(model, rows, name, backend, metric, run)
    run.say(f"{name}: {metric.name} {score:.4f} on {judged}, {show_size(size)}")
    return Variant(model, name, score, size, fit)


def decide(parts: Split, folder: Path, *, backend: Backend, metric: Metric, run: Run) -> None:
    """Set in a folder of a tuned student what only rows tell that it has not learnt from: validation rows.

    Without them thresholds stay as they are, and which rows fit no label is told by the training rows.
    """
    rows, learnt = parts.validation, parts.train
    settings = Settings.read(folder)
    is_row = settings.kind == "classification" and (settings.shape != "text" or settings.none is not None)
    is_span = settings.kind == "span" and settings.none is not None
    if settings.kind == "classification" and settings.shape == "text":
        folds = () if rows else dealt(learnt, FOLDED)
        rows = rows or tuple(row for row, fold in zip(learnt, folds, strict=True) if not fold)
        learnt = tuple(row for row, fold in zip(learnt, folds, strict=True) if fold) if folds else learnt
    if not rows or not (is_row or is_span):
        return
    inputs = [row.input for row in rows]
    try:
        model = open_model(folder, backend, threads=run.device.threads)
        if is_span:
            found = model.spans(inputs, batch_size=_CHUNK)
            with_none(settings, found, rows, metric).write(folder)
            return
        if settings.shape == "text":
            _scope(settings, model, rows, learnt, metric, folder)
            return
        logits = model.logits(inputs, batch_size=_CHUNK)
    except RuntimeError:  # said where it is scored
        return
    decided(settings, logits, rows, metric).write(folder)


def _scope(
    settings: Settings, model: Predictor, rows: Sequence[Example], learnt: Sequence[Example], metric: Metric,
    folder: Path,
) -> None:  # fmt: skip
    """Set which rows fit no label."""
    learnt = learnt[:MOST]
    known = model.outputs([row.input for row in learnt], batch_size=_CHUNK)["embeddings"]
    found = model.outputs([row.input for row in rows], batch_size=_CHUNK)
    held = held_out(settings, rows, found["logits"], found["embeddings"], learnt, known)
    scoped(settings, held, learnt, known, metric, folder).write(folder)


def _score(
    model: Path, rows: Sequence[Example], name: str, backend: Backend, metric: Metric, run: Run
) -> float:
    """The metric of an exported folder on `rows`; 0.0 where there are none."""
    try:
        predictor = open_model(model, backend, threads=run.device.threads)
        answers = []
        for start in range(0, len(rows), _CHUNK):
            chunk = [row.input for row in rows[start : start + _CHUNK]]
            answers += predictor.predict(chunk, batch_size=len(chunk))
            run.progress(len(answers), len(rows), f"{name} on validation rows")
    except RuntimeError as error:
        raise StageError(f"{name}: the exported model does not run ({error})") from error
    if not rows:
        return 0.0
    said, right = [answer.output for answer in answers], [row.answers for row in rows]
    return merit(metric, metric.value(metric.statistics(said, right)))


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
