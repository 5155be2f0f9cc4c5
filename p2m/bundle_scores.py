"""Bundles on labelled rows: what one scores, and whether of two one is better by more than chance."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.answers.canonical import labels_in
from p2m.deploy.serving.command import check_sums
from p2m.deploy.serving.predictor import Answer, Predictor
from p2m.deploy.serving.settings import BundleError
from p2m.deploy.serving.shapes import spans_in
from p2m.engine.rows import picked
from p2m.errors import DataError, UserError, nearest
from p2m.evaluation.base import (
    beside,
    compared,
    component,
    covered,
    expected_error,
    reported,
    slices,
    suited,
    variants,
)
from p2m.metrics.base import JudgeMetric
from p2m.stages.answering import correct
from p2m.stages.package import MANIFEST
from p2m.stages.read import look, told
from p2m.stages.rows import drawn
from p2m.types import (
    Beside,
    Examined,
    Example,
    Files,
    Judged,
    Metric,
    Rewritten,
    Score,
    Slice,
    Sureness,
    Task,
)

RESAMPLES = 1000
MOST = 500  # rows that are written otherwise
_OWN = "p2m.metrics."
_BATCH = 64
_CHUNK = 500  # rows between two reports of progress
Progress = Callable[[int, int], None]  # rows that are answered, of so many


def _silent(_done: int, _total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle, with what its manifest says of its task."""

    folder: Path
    task: Task
    metrics: tuple[Metric, ...]  # the primary one first
    before: tuple[Score, ...]  # what it scored when it was built
    model: Predictor
    left: tuple[str, ...] = ()  # metrics that are not computed here, and why


@dataclass(frozen=True, slots=True)
class Scored:
    """What a bundle says to labelled rows."""

    scores: tuple[Score, ...]
    sureness: Sureness | None
    rows: tuple[Judged, ...]
    slices: tuple[Slice, ...]  # the weakest first


@dataclass(frozen=True, slots=True)
class Compared:
    """Two bundles on the same rows, by the primary metric of the first."""

    beside: Beside  # the second as "student", the first as "teacher"
    first: Scored
    second: Scored

    @property
    def outcomes(self) -> Counter[str]:
        """Rows by who is righter: first, second, both, neither."""
        pairs = zip(self.first.rows, self.second.rows, strict=True)
        return Counter(_outcome(one.correct, two.correct) for one, two in pairs)


def opened(folder: Path, *, threads: int = 1, trust: Sequence[str] = ()) -> Opened:
    """A bundle's model, task and metrics; metrics of packages that are not in `trust` are never imported.

    Raises:
        UserError: it is no bundle, or one whose files were damaged or written by another version.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        task = TypeAdapter(Task).validate_python(manifest["task"])
        before = TypeAdapter(tuple[Score, ...]).validate_python(manifest["metrics"])
        described = dict(manifest["spec"].get("metric") or {})
        model = Predictor(folder / "model", threads=threads)
        wrong = check_sums(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError, BundleError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{folder}: no bundle that can be opened ({reason}); build it again") from None
    if wrong:
        raise UserError(f"{folder}: damaged: {'; '.join(wrong[:3])}; build it again")
    found, left = _metrics(before, described, task, trust)
    if not found:
        raise UserError(f"{folder}: none of its metrics can be computed here: {'; '.join(left)}")
    return Opened(folder, task, found, before, model, left)


def _metrics(
    before: Sequence[Score], described: Mapping[str, Any], task: Task, trust: Sequence[str]
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """The metrics that judged a bundle, with their settings then, and why some are left out."""
    found, left = [], []
    for score in before:
        settings = described.get(score.metric)
        made = _metric(score.metric, settings if isinstance(settings, Mapping) else {}, task, trust)
        if isinstance(made, str):
            left.append(f"{score.metric}: {made}")
        elif not isinstance(made, JudgeMetric):  # nobody grades here
            found.append(made)
    return tuple(found), tuple(left)


def _metric(name: str, settings: Mapping[str, Any], task: Task, trust: Sequence[str]) -> Metric | str:
    """The metric, or why it cannot be computed here."""
    target = str(settings.get("target", _OWN))
    package = target.partition(".")[0]
    if not target.startswith(_OWN) and package not in trust:
        return f"it is of {package}, whose code is run if you trust it: --trust {package}"
    try:
        metric = suited(component(name, settings), task)
    except UserError as error:
        return str(error)
    return metric.refusal(task) or metric


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows of the user's with their right answers."""

    rows: tuple[Example, ...]
    unseen: Mapping[str, tuple[str, ...]]  # label that the model was not taught -> file:line of its rows


def labelled(task: Task, data: Path) -> Labelled:
    """Every row of a table with its right answer, as `data.test` of a recipe is read. Labels that the task
    has not are no fault of a row, which no answer is right for.

    Raises:
        DataError: with file and line, what is wrong with it; or most rows have such labels.
    """
    if not data.exists():
        raise UserError(f"{data}: no such file; a table with the inputs and their right answers is expected")
    seen = look(task, (Files(data),), "test", is_open=True)
    if seen.wrong:
        raise DataError(told(seen.wrong))
    unseen: dict[str, list[str]] = {}
    for row, place in zip(seen.rows, seen.places, strict=True):
        for label in dict.fromkeys(_labels(task, row.output)):
            if label not in task.labels:
                unseen.setdefault(label, []).append(place)
    if (count := len({place for places in unseen.values() for place in places})) > len(seen.rows) / 2:
        label, (first, *_) = next(iter(unseen.items()))
        raise DataError(
            f"{first}: {label!r} is none of the labels, and so in {count:,} of {len(seen.rows):,} rows;"
            f" {nearest(label, task.labels)}"
        )
    return Labelled(seen.rows, {label: tuple(places) for label, places in unseen.items()})


def _labels(task: Task, output: str) -> Sequence[str]:
    """The labels of an answer, where the task has some."""
    if not task.labels:
        return ()
    if task.layout is not None:
        return [span.type for span in spans_in(output, task.layout, task.none) if span.type]
    return labels_in(task, output) if task.type.is_labelled else ()


def score(bundle: Opened, rows: Sequence[Example], *, seed: int = 0, progress: Progress = _silent) -> Scored:
    """Every metric of the bundle with its 95% interval, and how far its scores can be relied on."""
    answers = _answers(bundle, rows, progress)
    said, right = [answer.output for answer in answers], [row.answers for row in rows]
    primary = bundle.metrics[0]
    righter = correct(bundle.task, primary, said, rows)
    judged = tuple(
        Judged(row.input, row.output, answer.output, answer.score, value)
        for row, answer, value in zip(rows, answers, righter, strict=True)
    )
    scores = tuple(reported(metric, said, right, resamples=RESAMPLES, seed=seed) for metric in bundle.metrics)
    return Scored(scores, _sureness(bundle, judged), judged, slices(judged, metric=primary))


def rewritten(
    bundle: Opened, rows: Sequence[Example], found: Scored, *, seed: int = 0, progress: Progress = _silent
) -> tuple[Rewritten, ...]:
    """The first metric on at most `MOST` of the rows, drawn by seed, where they are written otherwise."""
    places = drawn(bundle.task, rows, MOST, seed)
    some = picked(rows, places)
    others = {
        what: [answer.output for answer in _answers(bundle, changed, progress)]
        for what, changed in variants(bundle.task, some, seed=seed).items()
    }
    said = [found.rows[place].predicted for place in places]
    return compared(bundle.metrics[0], some, said, others, resamples=RESAMPLES, seed=seed)


def _answers(bundle: Opened, rows: Sequence[Example], progress: Progress) -> list[Answer]:
    answers: list[Answer] = []
    for start in range(0, len(rows), _CHUNK):
        inputs = [row.input for row in rows[start : start + _CHUNK]]
        answers += bundle.model.predict(inputs, batch_size=_BATCH)
        progress(len(answers), len(rows))
    return answers


def _sureness(bundle: Opened, rows: Sequence[Judged]) -> Sureness | None:
    from p2m.deploy.serving.sureness import uncalibrated

    settings = bundle.model.settings
    if settings.calibration is None:
        return None
    right, sure = [row.correct for row in rows], [row.confidence for row in rows]
    known = [(wanted, least) for wanted, least in settings.precisions if least is not None]
    return Sureness(
        expected_error(sure, right),
        expected_error([uncalibrated(each, settings) for each in sure], right),
        tuple(covered(wanted, [each >= least for each in sure], right) for wanted, least in known),
    )


def compare(
    first: Opened, second: Opened, rows: Sequence[Example], *, seed: int = 0, progress: Progress = _silent
) -> Compared:
    """Both on the same rows: paired intervals and a paired permutation test.

    Raises:
        UserError: they do not read and answer the same.
    """
    for what, one, two in (
        ("reads", [each.name for each in first.task.inputs], [each.name for each in second.task.inputs]),
        ("answers with", first.task.type.value, second.task.type.value),
    ):
        if one != two:
            raise UserError(
                f"{first.folder} {what} {_named(one)}, {second.folder} {_named(two)}: not comparable"
            )
    known = [set(each.model.settings.labels) for each in (first, second)]
    if all(known) and not known[0] & known[1]:
        raise UserError(f"{first.folder} and {second.folder} have no label in common: not comparable")
    ours, theirs = (score(each, rows, seed=seed, progress=progress) for each in (first, second))
    asked = Examined(
        str(first.folder), tuple(row.input for row in rows), tuple(r.predicted for r in ours.rows)
    )
    said = [row.predicted for row in theirs.rows]
    found = beside(asked, first.metrics[0], said, rows, resamples=RESAMPLES, seed=seed)
    assert found is not None  # every row is in common
    return Compared(found, ours, theirs)


def _named(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _outcome(one: float, two: float) -> str:
    if one != two:
        return "first" if one > two else "second"
    return "both" if one >= 1 else "neither"
