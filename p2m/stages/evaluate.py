"""evaluate: the model on the rows that judge it, in the runtime that serves it, beside what it must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.base import Backend
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.sureness import calibrated, uncalibrated
from p2m.engine.handles import Run
from p2m.engine.rows import picked
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.evaluation.base import (
    ROWS,
    Units,
    beside,
    compared,
    covered,
    expected_error,
    fitted,
    least_scores,
    matched,
    needed_rows,
    reported,
    slices,
    swaps,
    units_of,
    variants,
)
from p2m.metrics.base import Metric
from p2m.stages.answering import answers_of, correct, out_of_fold
from p2m.stages.fair import fair, only
from p2m.stages.rows import drawn
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
    Rewritten,
    Split,
    Sureness,
    Task,
    Winner,
)


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
    places, every = fair(parts), len(parts.judged)
    parts = only(parts, places)
    rows = parts.judged
    if not rows:
        raise DataError("there is no test row: give data.test, or raise split.test_share")
    if parts.is_cross_validated:
        said_to_all = _out_of_fold(folds, winner, every, Settings.read(exported.model))
        answers = [said_to_all[place] for place in places]
    else:
        answers = answers_of(exported, backend, rows, run, "test")
    said = [answer.output for answer in answers]
    right, units = [row.answers for row in rows], units_of(rows)
    primary = metrics[0]
    rival, note = _teacher(examined, primary, said, parts, bootstrap=bootstrap, seed=seed)
    compared = {winner.student, *(each.student for each in folds if each.rows)}
    tried = len(compared) if parts.is_cross_validated else 1
    judged = _judged(task, primary, rows, answers, examined if rival else None)
    return Evaluated(
        scores=tuple(
            reported(metric, said, right, resamples=bootstrap, seed=seed, units=units) for metric in metrics
        ),
        comparisons=tuple(
            _compared(each, places, primary, said, right, seed=seed, tried=tried, units=units)
            for each in rivals.found
            if each.name != winner.student  # which it could only tie with
        ),
        teacher=rival,
        teacher_note=note,
        evidence=parts.evidence,
        rows=judged,
        tried=tried,
        out_of_fold=None if parts.is_cross_validated else _score_out_of_fold(folds, winner, parts, primary),
        sureness=_sureness(parts, judged, Settings.read(exported.model)),
        slices=slices(judged, [row.source for row in rows], primary),
        rewritten=_rewritten(task, parts, exported, backend, primary, said, bootstrap, seed, run),
        groups=len({row.group for row in rows if row.is_grouped}),
    )


def _rewritten(
    task: Task, parts: Split, exported: Exported, backend: Backend, primary: Metric, said: Sequence[str],
    bootstrap: int, seed: int, run: Run,
) -> tuple[Rewritten, ...]:  # fmt: skip
    """Some of the judged rows written otherwise; where it did not say `said` itself, they are asked as they
    are, too.
    """
    places = drawn(task, parts.judged, ROWS, seed)
    rows = picked(parts.judged, places)
    others = variants(task, rows, seed=seed)
    if not others:
        return ()
    asked = [row for each in others.values() for row in each]
    if parts.is_cross_validated:
        asked = [*asked, *rows]
    answers = [answer.output for answer in answers_of(exported, backend, asked, run, "rewritten")]
    found = {what: answers[n * len(rows) : (n + 1) * len(rows)] for n, what in enumerate(others)}
    before = answers[-len(rows) :] if parts.is_cross_validated else [said[place] for place in places]
    return compared(primary, rows, before, found, resamples=bootstrap, seed=seed)


def _sureness(parts: Split, judged: Sequence[Judged], settings: Settings) -> Sureness | None:
    """How far scores can be relied on; where the rows that judge also calibrated, each half of the folds is
    looked at by what the other one tells.
    """
    if settings.calibration is None:
        return None
    right, given = [row.correct for row in judged], [uncalibrated(row.confidence, settings) for row in judged]
    every = list(range(len(judged)))
    halves = [(every, settings)]
    if parts.is_cross_validated:
        even = [row for row in every if parts.folds[row] % 2 == 0]
        odd = [row for row in every if parts.folds[row] % 2]
        halves = [
            (one, _refitted(settings, other, given, right)) for one, other in ((even, odd), (odd, even))
        ]
    scores = [0.0] * len(judged)
    answered: dict[float, list[bool]] = {}
    for rows, told in halves:
        for row in rows:
            scores[row] = calibrated(given[row], told)
        for wanted, least in told.precisions:
            marks = answered.setdefault(wanted, [False] * len(judged))
            for row in rows:
                marks[row] = least is not None and scores[row] >= least
    known = {wanted for wanted, least in settings.precisions if least is not None}
    return Sureness(
        expected_error(scores, right), expected_error(given, right),
        tuple(covered(wanted, marks, right) for wanted, marks in answered.items() if wanted in known),
    )  # fmt: skip


def _refitted(
    settings: Settings, rows: Sequence[int], scores: Sequence[float], right: Sequence[float]
) -> Settings:
    """The settings as these rows would have made them; as they are, where the rows are too few."""
    seen = [scores[row] for row in rows]
    fit = fitted(seen, [right[row] for row in rows])
    if fit is None:
        return settings
    return least_scores(
        replace(settings, calibration=fit), seen, [wanted for wanted, _ in settings.precisions]
    )


def _compared(
    rival: Baseline, places: Sequence[int], primary: Metric, said: Sequence[str],
    right: Sequence[Sequence[str]], *, seed: int, tried: int, units: Units,
) -> Comparison:  # fmt: skip
    theirs = [rival.answers[place] for place in places]
    value = primary.value(primary.statistics(theirs, right))
    better, worse = swaps(primary, said, theirs, right, seed=seed, units=units)
    needed = needed_rows(primary, said, theirs, right, seed=seed, alpha=ALPHA / tried, units=units)
    return Comparison(rival.name, value, better, worse, rival.is_learnt, needed)


def _out_of_fold(folds: Sequence[OutOfFold], winner: Winner, rows: int, settings: Settings) -> list[Answer]:
    """The chosen student's answers to every row, their scores as the model that ships would give them."""
    found = out_of_fold(folds, winner)
    if found is None or len(found.rows) != rows:
        known = 0 if found is None else len(found.rows)
        raise DataError(f"{winner.student} was asked about {known} of {rows} rows out of fold")
    scores = [calibrated(score, settings) for score in found.confidences]
    return [Answer(*pair) for pair in zip(found.answers, scores, strict=True)]


def _score_out_of_fold(
    folds: Sequence[OutOfFold], winner: Winner, parts: Split, primary: Metric
) -> float | None:
    """What the chosen student scored where it was chosen; None where nothing was compared."""
    found = out_of_fold(folds, winner)
    if found is None:
        return None
    right = [parts.train[row].answers for row in found.rows]
    return primary.value(primary.statistics(found.answers, right))


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


def _judged(
    task: Task, primary: Metric, rows: Sequence[Example], answers: Sequence[Answer], examined: Examined | None
) -> tuple[Judged, ...]:
    right = correct(task, primary, [answer.output for answer in answers], rows)
    asked = matched(rows, examined) if examined else {}
    taught = [
        examined.answers[asked[number]] if examined and number in asked else None
        for number in range(len(rows))
    ]
    theirs = correct(task, primary, [said or "" for said in taught], rows)
    return tuple(
        Judged(
            input=row.input,
            output=row.output,
            predicted=answer.output,
            confidence=float(answer.score),
            correct=right[number],
            teacher=taught[number],
            teacher_correct=0.0 if taught[number] is None else theirs[number],
        )
        for number, (row, answer) in enumerate(zip(rows, answers, strict=True))
    )
