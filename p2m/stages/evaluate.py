"""evaluate: the model on the rows that judge it, in the runtime that serves it, beside what it must beat."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.base import Backend, open_model
from p2m.deploy.serving.rows import Answer
from p2m.engine.handles import Run
from p2m.engine.slots import processors
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.evaluation.base import beside, matched, needed_rows, reported, scored, swaps
from p2m.metrics.base import Metric, number_pairs
from p2m.stages.folds import joined_folds
from p2m.types import (
    ALPHA,
    Baseline,
    Baselines,
    Beside,
    Comparison,
    Evaluated,
    Examined,
    Example,
    Exported,
    Judged,
    OutOfFold,
    Score,
    Split,
    Task,
    TaskType,
    Winner,
)

_CHUNK = 200  # rows between two reports of progress; of many rows more are of one length and go together


@stage(version="2", kind="seeded", cpus="all")
def evaluate(
    task: Task,
    parts: Split,
    winner: Winner,
    exported: Exported,
    rivals: Baselines,
    examined: Examined | None,
    *folds: OutOfFold,
    metrics: tuple[Metric, ...],
    backend: Backend = ONNX,
    bootstrap: int,
    seed: int,
    run: Run,
) -> Evaluated:
    """Every metric with its 95% interval from `bootstrap` resamples; the first metric is the primary one.

    Where rows are too few to set any aside, the answers are those of the chosen student out of fold.
    Baselines and teacher are judged by the primary metric, on the same rows; of these the teacher may have
    answered a part.

    Raises:
        DataError: there is no row to be judged on.
    """
    rows = parts.judged
    if not rows:
        raise DataError("there is no test row: give data.test, or raise split.test_share")
    answers = (
        _out_of_fold(folds, winner, rows)
        if parts.is_cross_validated
        else _answers(exported, backend, rows, run)
    )
    said = [answer.output for answer in answers]
    right = [row.answers for row in rows]
    primary = metrics[0]
    rival, note = _teacher(examined, primary, said, parts, bootstrap=bootstrap, seed=seed)
    compared = {winner.student, *(each.student for each in folds if each.rows)}
    tried = len(compared) if parts.is_cross_validated else 1
    return Evaluated(
        scores=tuple(_score(metric, said, right, bootstrap=bootstrap, seed=seed) for metric in metrics),
        comparisons=tuple(
            _compared(each, primary, said, right, seed=seed, tried=tried)
            for each in rivals.found
            if each.name != winner.student  # which it could only tie with
        ),
        teacher=rival,
        teacher_note=note,
        evidence=parts.evidence,
        rows=_judged(task, primary, rows, answers, examined if rival else None),
        tried=tried,
        out_of_fold=None if parts.is_cross_validated else _score_out_of_fold(folds, winner, parts, primary),
    )


def _compared(
    rival: Baseline, primary: Metric, said: Sequence[str], right: Sequence[Sequence[str]], *,
    seed: int, tried: int,
) -> Comparison:  # fmt: skip
    value = primary.value(primary.statistics(rival.answers, right))
    better, worse = swaps(primary, said, rival.answers, right, seed=seed)
    needed = needed_rows(primary, said, rival.answers, right, seed=seed, alpha=ALPHA / tried)
    return Comparison(rival.name, value, better, worse, rival.is_learnt, needed)


def _out_of_fold(folds: Sequence[OutOfFold], winner: Winner, rows: Sequence[Example]) -> list[Answer]:
    """The chosen student's answers to every row."""
    found = joined_folds(each for each in folds if each.student == winner.student)
    if found is None or len(found.rows) != len(rows):
        known = 0 if found is None else len(found.rows)
        raise DataError(f"{winner.student} was asked about {known} of {len(rows)} rows out of fold")
    return [Answer(*pair) for pair in zip(found.answers, found.confidences, strict=True)]


def _score_out_of_fold(
    folds: Sequence[OutOfFold], winner: Winner, parts: Split, primary: Metric
) -> float | None:
    """What the chosen student scored where it was chosen; None where nothing was compared."""
    found = joined_folds(each for each in folds if each.student == winner.student)
    if found is None:
        return None
    right = [parts.train[row].answers for row in found.rows]
    return primary.value(primary.statistics(found.answers, right))


def _answers(exported: Exported, backend: Backend, rows: Sequence[Example], run: Run) -> list[Answer]:
    """What the exported model says to each row."""
    predictor = open_model(exported.model, backend, threads=run.device.threads or processors())
    found: list[Answer] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = [row.input for row in rows[start : start + _CHUNK]]
        found += predictor.predict(chunk, batch_size=len(chunk))
        run.progress(len(found), len(rows), "test rows answered")
    return found


def _score(
    metric: Metric, said: Sequence[str], right: Sequence[Sequence[str]], *, bootstrap: int, seed: int
) -> Score:
    value = reported(metric, said, right)
    return scored(metric, said, right, value=value, resamples=bootstrap, seed=seed)


def _teacher(
    examined: Examined | None,
    primary: Metric,
    said: Sequence[str],
    parts: Split,
    *,
    bootstrap: int,
    seed: int,
) -> tuple[Beside | None, str]:
    """The teacher beside the model, and on which rows or why on none."""
    if parts.evidence == "synthetic":  # whoever wrote them would be held against itself
        return None, "not applicable: the rows that judge were generated with their answers"
    if examined is None:
        return None, "not applicable: no teacher that answers rows of others"
    found = beside(examined, primary, said, parts.judged, resamples=bootstrap, seed=seed)
    if found is None:
        return None, f"not asked: {examined.note or 'none of the rows that judge was put to it'}"
    part = "" if found.rows == len(parts.judged) else f" of {len(parts.judged)}"
    return found, f"{found.name} on the same {found.rows}{part} rows"


def _correct(task: Task, primary: Metric, said: Sequence[str], rows: Sequence[Example]) -> list[float]:
    """How right each answer is, 0 to 1: the primary metric of the row alone.

    A number is as right as its error is small beside the spread of the right ones: one standard deviation is
    0.
    """
    import numpy as np

    right = [row.answers for row in rows]
    if task.type is not TaskType.REGRESSION:
        statistics = primary.statistics(said, right)
        return [primary.value(statistics[number : number + 1]) for number in range(len(rows))]
    pairs = number_pairs(said, right)
    spread = float(np.std(pairs[:, 1])) or 1.0
    errors = np.nan_to_num(np.abs(pairs[:, 0] - pairs[:, 1]) / spread, nan=1.0)
    return [max(0.0, 1 - float(error)) for error in errors]


def _judged(
    task: Task, primary: Metric, rows: Sequence[Example], answers: Sequence[Answer], examined: Examined | None
) -> tuple[Judged, ...]:
    correct = _correct(task, primary, [answer.output for answer in answers], rows)
    asked = matched(rows, examined) if examined else {}
    taught = [
        examined.answers[asked[number]] if examined and number in asked else None
        for number in range(len(rows))
    ]
    theirs = _correct(task, primary, [said or "" for said in taught], rows)
    return tuple(
        Judged(
            input=row.input,
            output=row.output,
            predicted=answer.output,
            confidence=float(answer.score),
            correct=correct[number],
            teacher=taught[number],
            teacher_correct=0.0 if taught[number] is None else theirs[number],
        )
        for number, (row, answer) in enumerate(zip(rows, answers, strict=True))
    )
