"""The labels of a classification, and their words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from p2m.deploy.serving.shapes import Found, Layout, read_spans
from p2m.types import Example, Task, TaskType

_JOINTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")  # "PlayMusic", "card_arrival"
_WORD = re.compile(r"[^\W\d_]{3,}")


def labels_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """The task's labels or types of spans, else those of the rows, sorted; () for tasks that have none."""
    if task.layout is not None and task.layout.has_types:
        return task.labels or tuple(
            sorted({span.type for row in rows for span in spans_in(task, row.output)})
        )
    if task.type is not TaskType.CLASSIFICATION:
        return ()
    return task.labels or tuple(sorted({row.output for row in rows}))


def spans_in(task: Task, output: str) -> tuple[Found, ...]:
    """The spans of an answer; () where it is not written as the task's layout says."""
    try:
        return read_spans(output, Layout(**asdict(task.layout)), task.none) if task.layout else ()
    except ValueError:
        return ()


def label_words(labels: Sequence[str]) -> list[str]:
    """The words of each label, "card arrival" for `card_arrival`; [] where not every label has one.

    They are texts about their labels: of five rows a label they are worth two more, of a thousand nothing.
    """
    words = [_JOINTS.sub(" ", label).strip().casefold() for label in labels]
    return words if all(_WORD.search(each) for each in words) else []
