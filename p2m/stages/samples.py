"""The samples that candidates are tried on, and whether a candidate is tried at all."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.engine.rows import picked
from p2m.stages.rows import drawn as of_all
from p2m.students.base import TunedStudent
from p2m.types import Choosing, Example, Task, TaskType

FEWEST_ROWS = 500  # training rows below which frozen embeddings are not beaten by tuning them
FEWEST_PER_LABEL = 20
FOLD = 0  # that is held out
ETA = 3  # times as many rows as the sample before
NO_FOLDS = "there is nothing to choose by: no folds"
NEEDLESS = "the last sample is every row"


def samples(choosing: Choosing, rows: int) -> list[int]:
    """How many of so many rows each sample has, the smallest first."""
    last = min(rows, max(choosing.least_rows, round(choosing.sample * rows)))
    return [max(1, round(last / ETA**before)) for before in reversed(range(choosing.rungs))]


def untried(student: TunedStudent, task: Task, rows: int, labels: int) -> str:
    """Why a student that is tuned is no candidate for so many rows and labels; "" where it is one."""
    if task.type is TaskType.TEXT_TO_TEXT:  # what is frozen writes none
        return ""
    if student.pace.from_scratch and task.type.is_decided:
        return "not tried: from scratch, labels are learnt from tens of thousands of rows at best"
    fewest = max(FEWEST_ROWS, FEWEST_PER_LABEL * labels)
    if rows < fewest:
        return (
            f"not tried: {rows} rows of {labels} labels are too few for fine-tuning to beat frozen embeddings"
            f" (from {fewest} rows on)"
        )
    return ""


def drawn(task: Task, rows: Sequence[Example], outside: Sequence[int], most: int, seed: int) -> list[int]:
    """Numbers of at most so many rows, as many of each label as may be; a larger sample has all of them."""
    return sorted(outside[place] for place in of_all(task, picked(rows, outside), most, seed))
