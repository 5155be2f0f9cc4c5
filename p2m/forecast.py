"""What a training will take, before it starts: rows, steps, rate and, where this machine is known, the time.

Rows are known once the split is in the store; before that they are counted in the user's files and in what
the teacher is asked for. Speed is remembered from a probe or from an earlier training of the same student.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from p2m.deploy.serving.shapes import write_labels
from p2m.engine.explaining.survey import Survey
from p2m.sizes import count, show_size
from p2m.spec import ModelSpec, allowed, is_choice, over_budget, refused, rungs, untaught
from p2m.spec.distilling import taught
from p2m.stages.lessons import MOST
from p2m.stages.samples import samples, untried
from p2m.students.base import LinearStudent, TunedStudent, labels_of
from p2m.training.base import Schedule, characters, expected_seconds, planned, probe
from p2m.tuning.base import left_out
from p2m.types import Choice, Example, Split, Student, Task, TaskType

_LENGTH = 120.0  # characters of a row, where none is known


@dataclass(frozen=True, slots=True)
class Forecast:
    """One student's training."""

    student: str
    rows: int
    is_counted: bool  # by the split itself, not estimated from files
    schedule: Schedule
    seconds: float | None  # on this machine; None where it was never measured
    download: str = ""  # what must be fetched first
    search: str = ""  # for better settings, in how many trials

    def __str__(self) -> str:
        about = "" if self.is_counted else "about "
        passes = self.schedule.rows / max(1, self.rows)
        return (
            f"{self.student}: {about}{self.rows:,} rows, {self.schedule.steps:,} steps of"
            f" {self.schedule.batch_size} ({passes:.1f} passes), rate {self.schedule.learning_rate:g}"
            + (f"; {self.download}" if self.download else "")
        )


def forecasts(spec: ModelSpec, task: Task, found: Survey) -> tuple[Forecast, ...]:
    """Of every student that may be tuned; () where all are solved, or the rows cannot be known."""
    parts = found.made("split", Split)
    rows = len(parts.train) if parts else _estimated(spec, task, found)
    length = characters(parts.train if parts else task.demonstrations) or _LENGTH
    pupils, texts = taught(spec, task), _texts(spec)
    tuned = [(name, each, texts if name in pupils else 0) for name, each in _tuned(spec, task, rows).items()]
    if pupils and (teacher := spec.distil.source) and teacher.student is not None:
        tuned.insert(0, (f"{teacher.name}, which teaches", teacher.student, 0))
    return tuple(
        Forecast(
            name, rows + more, parts is not None and not more, planned(student, spec.training, rows + more),
            expected_seconds(student, task, spec.training, rows + more, length, spec.device),
            getattr(student, "download", ""),
            _search(spec, student),
        )
        for name, student, more in tuned
        if rows
    )  # fmt: skip


def ranking(spec: ModelSpec, task: Task, found: Survey) -> tuple[tuple[str, str, str, str, str], ...]:
    """Where rows choose, every candidate: name, weights, size, licence, and how it will be tried or, once it
    was, what it scored and why it was taken or not; the best first. () where nothing is to choose.
    """
    able = allowed(spec.student.candidates, task, spec.limits)
    if not is_choice(task, able):
        return ()
    choice, parts = found.made("choose", Choice), found.made("split", Split)
    rows = len(parts.train) if parts else _estimated(spec, task, found)
    out = untaught(task, able)
    rest = {name: each for name, each in able.items() if name not in out}
    out |= over_budget(spec.choosing, rest) if len(rest) > 1 else {}
    tuned = [name for name, each in rest.items() if isinstance(each, TunedStudent) and name not in out]
    most = rungs(spec.choosing, len(tuned))
    tried = {name: _trial(spec, task, each, rows, most) for name, each in able.items()} | out
    told = (_chosen(choice) if choice else tried) | refused(spec.student.candidates, task, spec.limits)
    names = [*told, *(name for name in able if name not in told)]
    return tuple(
        (name, count(each.parameters), show_size(each.size_bytes), each.license, told.get(name, ""))
        for name in names
        for each in [spec.student.candidates[name]]
    )


def sampled(spec: ModelSpec, task: Task, found: Survey) -> str:
    """That students which are solved learn from some of the rows, with their names; "" where from all."""
    able = allowed(spec.student.candidates, task, spec.limits)
    names = ", ".join(name for name, each in able.items() if isinstance(each, LinearStudent))
    parts = found.made("split", Split) if names else None
    rows = len(parts.train) if parts else _estimated(spec, task, found) if names else 0
    about = "" if parts else "about "
    return f"  {names}: a sample of {MOST:,} of {about}{rows:,} rows is learnt from\n" if rows > MOST else ""


def _chosen(choice: Choice) -> dict[str, str]:
    """What became of each candidate, the taken one first, then by score."""
    order = sorted(choice.scores, key=lambda name: (name != choice.student, -choice.scores[name]))
    taken = {choice.student: f"taken: {choice.reasons[0]}"} if choice.reasons else {}
    return taken | {name: choice.refused[name] for name in order if name in choice.refused} | choice.refused


def _trial(spec: ModelSpec, task: Task, student: Student, rows: int, most: int) -> str:
    """How a candidate will be tried; one that is tuned on so many samples at `most`."""
    if not isinstance(student, TunedStudent):
        return "cross-validated"
    if why := untried(student, task, rows, len(task.labels) or 2):
        return why
    outside = rows - rows // spec.split.folds
    sizes = samples(replace(spec.choosing, rungs=max(1, most)), outside)
    taken = sizes if sizes[-1] < outside else sizes[-1:]
    return f"tried on {' and '.join(f'{size:,}' for size in taken)} of {outside:,} rows"


def _search(spec: ModelSpec, student: TunedStudent) -> str:
    """What is searched for, and what of the space is not; "" where the recipe is trained once."""
    tuning = spec.tuning
    if tuning.trials == 1:
        return ""
    without = left_out(tuning.space, student, spec.training)
    names = ", ".join(name for name in tuning.space if name not in without)
    told = f"{tuning.trials} trials, each a training of its own: {names}"
    return told + "".join(f"; not {name}: {reason}" for name, reason in without.items())


def measure_speed(spec: ModelSpec, task: Task, found: Survey) -> None:
    """Probe every student that may be tuned, for some steps; loads torch, and is remembered for this machine.

    Raises:
        MissingWeights: a base model cannot be had.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as a build does, before torch is imported
    parts = found.made("split", Split)
    rows = _sample(task, parts, len(parts.train) if parts else _estimated(spec, task, found))
    labels = labels_of(task, rows)
    labels = labels if len(labels) > 1 else ("0", "1")
    teacher = spec.distil.source.student if spec.distil.source and taught(spec, task) else None
    for student in (*([teacher] if teacher else []), *_tuned(spec, task, len(rows)).values()):
        probe(student, task, labels, rows, spec.training, spec.device)


def _tuned(spec: ModelSpec, task: Task, rows: int) -> dict[str, TunedStudent]:
    """Of a choice by cross-validation those that would be tried with so many rows."""
    able = allowed(spec.student.candidates, task, spec.limits)
    tuned = {name: student for name, student in able.items() if isinstance(student, TunedStudent)}
    if not is_choice(task, able):
        return tuned
    labels = len(task.labels) or 2
    return {name: student for name, student in tuned.items() if not untried(student, task, rows, labels)}


def _sample(task: Task, parts: Split | None, number: int) -> Sequence[Example]:
    """As many rows to take steps on: the split's, else demonstrations, else a text of the usual length."""
    if parts:
        return parts.train
    text = "word " * round(_LENGTH / 5)
    made = Example({field.name: text for field in task.inputs}, _usual(task))
    return tuple(islice(cycle(task.demonstrations or (made,)), number))


def _usual(task: Task) -> str:
    """An answer of the task's sort."""
    if task.type is TaskType.MULTI_LABEL:
        return write_labels(task.labels[:1])
    if task.type is TaskType.REGRESSION:
        return "1"
    return task.labels[0] if task.labels else "word"


def _estimated(spec: ModelSpec, task: Task, found: Survey) -> int:
    """Training rows, from lines of files and the number that the teacher is asked for."""
    written = spec.rows_wanted if any(name in found.found for name in ("generate", "answer")) else 0
    total = _lines(spec) + written
    few = total < spec.split.cross_validate_below and not written
    if few and task.type is not TaskType.TEXT_TO_TEXT:
        return total
    aside = 0.0 if spec.data.test else min(spec.split.max_test, spec.split.test_share * total)
    if not spec.data.validation:
        aside += min(spec.split.max_validation, spec.split.validation_share * total)
    return round(total - aside)


def _lines(spec: ModelSpec) -> int:
    """Lines of the training files, which in a table are rows; 0 for a folder or a binary format."""
    return sum(map(_lines_of, spec.data.train or ()))


def _texts(spec: ModelSpec) -> int:
    """Lines of the files whose texts a teacher on this machine answers alone."""
    if spec.distil.source is None or spec.teacher.chat("answer") is not None:
        return 0
    return sum(map(_lines_of, spec.data.inputs or ()))


def _lines_of(path: Path) -> int:
    if not path.is_file() or path.suffix in (".parquet", ".xlsx", ".arrow", ".gz", ".zip"):
        return 0
    with path.open("rb") as stream:
        return max(0, sum(1 for line in stream if line.strip()) - (path.suffix in (".csv", ".tsv")))
