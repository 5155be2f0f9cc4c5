"""The labels of a classification, and their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2m.types import Example, Task, TaskType

_JOINTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")  # "PlayMusic", "card_arrival"
_WORD = re.compile(r"[^\W\d_]{3,}")


def labels_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """The task's labels, else those of the training rows, sorted; () for tasks that have none."""
    if task.type is not TaskType.CLASSIFICATION:
        return ()
    return task.labels or tuple(sorted({row.output for row in rows}))


def label_words(labels: Sequence[str]) -> list[str]:
    """The words of each label, "card arrival" for `card_arrival`; [] where not every label has one.

    They are texts about their labels: of five rows a label they are worth two more, of a thousand nothing.
    """
    words = [_JOINTS.sub(" ", label).strip().casefold() for label in labels]
    return words if all(_WORD.search(each) for each in words) else []
