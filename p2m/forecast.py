"""What a training will take, before it starts: rows, steps, rate and, where this machine is known, the time.

Rows are known once the split is in the store; before that they are counted in the user's files and in what
the teacher is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2m.engine.explaining.survey import Survey
from p2m.engine.running.work import load_artifact
from p2m.engine.store import DamagedError
from p2m.spec import ModelSpec
from p2m.stages.choose import refusal
from p2m.students.base import TunedStudent
from p2m.training.base import Schedule, scheduled
from p2m.types import Split, Task


@dataclass(frozen=True, slots=True)
class Forecast:
    """One student's training."""

    student: str
    rows: int
    is_counted: bool  # by the split itself, not estimated from files
    schedule: Schedule

    def __str__(self) -> str:
        about = "" if self.is_counted else "about "
        passes = self.schedule.rows / max(1, self.rows)
        return (
            f"{self.student}: {about}{self.rows:,} rows, {self.schedule.steps:,} steps of"
            f" {self.schedule.batch_size} ({passes:.1f} passes), rate {self.schedule.learning_rate:g}"
        )


def forecasts(spec: ModelSpec, task: Task, found: Survey) -> tuple[Forecast, ...]:
    """Of every student that may be tuned; () where all are solved, or the rows cannot be known."""
    tuned = {
        name: student
        for name, student in spec.student.candidates.items()
        if isinstance(student, TunedStudent) and not refusal(student, task, spec.constraints)
    }
    if not tuned:
        return ()
    rows, counted = _rows(spec, found)
    return tuple(
        Forecast(name, rows, counted, scheduled(spec.training, student.pace, rows))
        for name, student in tuned.items()
        if rows
    )


def _rows(spec: ModelSpec, found: Survey) -> tuple[int, bool]:
    digest = found.digests.get("split")
    if digest:
        try:
            parts = load_artifact("split", Split, digest, found.store)
            return len(parts.train), True
        except (DamagedError, OSError, ValueError):
            pass
    own = _lines(spec)
    written = spec.generation.num_examples if "generate" in found.found else 0
    total = own + written
    aside = (
        0
        if spec.data.test or total < spec.split.cross_validate_below
        else _share(spec.split.test_share, total)
    )
    return max(0, total - aside), False


def _share(share: float, total: int) -> int:
    return round(share * total)


def _lines(spec: ModelSpec) -> int:
    """Lines of the training file, which in a table are rows; 0 where it is a folder or in a binary format."""
    path = spec.data.train
    if path is None or not path.is_file() or path.suffix in (".parquet", ".arrow", ".gz", ".zip"):
        return 0
    with path.open("rb") as stream:
        return max(0, sum(1 for line in stream if line.strip()) - (path.suffix in (".csv", ".tsv")))
