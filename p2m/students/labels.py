"""What answers are made of: labels, and their words; of numbers their scale."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2m.deploy.serving.rows import laid
from p2m.deploy.serving.shapes import read_labels, read_number, spans_in, write_number
from p2m.errors import DataError
from p2m.students.record_fields import told_of
from p2m.types import Example, Scale, Task, TaskType

_JOINTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")  # "PlayMusic", "card_arrival"
_WORD = re.compile(r"[^\W\d_]{3,}")


def labels_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """The task's labels or types of spans, else those of the rows, sorted; () for tasks that have none.

    Of a regression without a scale, its ends and, where all numbers are whole, the 1 between them; of
    records what `told_of` has of each field.
    """
    if task.type is TaskType.REGRESSION and task.scale is None:
        return _ends([read_number(row.output) for row in rows])
    if task.layout is not None and task.layout.has_types:
        found = {span.type for row in rows for span in spans_in(row.output, task.layout, task.none)}
        return task.labels or tuple(sorted(found))
    if task.type is TaskType.RECORDS:
        return told_of(task, rows)
    if not task.type.is_labelled:
        return ()
    return task.labels or tuple(sorted({label for row in rows for label in given(task, row.output)}))


def given(task: Task, answer: str) -> tuple[str, ...]:
    """The labels of an answer."""
    return read_labels(answer) if task.type is TaskType.MULTI_LABEL else (answer,)


def scale_of(task: Task, labels: Sequence[str]) -> Scale:
    """The scale of a regression, by `labels_of` where the task does not say it."""
    return task.scale or Scale(*map(read_number, labels or ("0", "1")))


def aimed(row: Example, scale: Scale, log_offset: float | None = None) -> float:
    """Where the number of a row's answer lies: 0 at the low end of the scale and 1 at the high one; of
    logarithms none lies below.

    Raises:
        DataError: it is no number, or not finite.
    """
    number = number_in(row)
    if log_offset is not None:
        number = max(number, scale.low)
    low, high = laid(scale.low, log_offset), laid(scale.high, log_offset)
    return (laid(number, log_offset) - low) / ((high - low) or 1.0)


def number_in(row: Example) -> float:
    """The number that a row's answer is.

    Raises:
        DataError: it is none, or not finite.
    """
    try:
        return read_number(row.output)
    except ValueError as error:
        raise DataError(f"a row of {row.source or 'the data'} should answer with a number: {error}") from None


def _ends(numbers: Sequence[float]) -> tuple[str, ...]:
    if not numbers:
        return ()
    step = (1.0,) if all(number == int(number) for number in numbers) else ()
    return tuple(map(write_number, (min(numbers), max(numbers), *step)))


def label_words(labels: Sequence[str]) -> list[str]:
    """The words of each label, "card arrival" for `card_arrival`; [] where not every label has one.

    They are texts about their labels: of five rows a label they are worth two more, of a thousand nothing.
    """
    words = [_JOINTS.sub(" ", label).strip().casefold() for label in labels]
    return words if all(_WORD.search(each) for each in words) else []
