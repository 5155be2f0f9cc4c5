"""Does a row have the form that its task asks for? Checked before anything is paid for training on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2m.answers.canonical import is_canonical, is_shaped, stands_in
from p2m.curation.rules import inputs
from p2m.types import Example, Task, TaskType

# Beyond these a row is a parsing accident rather than an example; generous, in characters.
_LONGEST_INPUT = 50_000
_LONGEST_OUTPUT = 5_000


def malformed(task: Task, rows: Sequence[Example]) -> list[str]:
    """For each row what is wrong with its form; "" where nothing is."""
    return [_fault(task, row) for row in rows]


def with_span_first(task: Task, row: Example) -> Example:
    """The row with an answer that its context holds as the preferred one, where only another one did."""
    if not task.is_span:
        return row
    context = row.input.get(task.context_field, "")
    if row.output in context or row.output == task.none:
        return row
    for answer in row.also:
        if answer.strip() and answer in context:
            rest = tuple(other for other in row.answers if other != answer)
            return replace(row, output=answer, also=rest)
    return row


def _fault(task: Task, row: Example) -> str:
    may_lack = task.measured  # of a table
    for entry, text in zip(task.inputs, inputs(task, row), strict=True):
        if entry.name not in row.input:
            return f"no field {entry.name!r}"
        if not text.strip() and entry.name not in may_lack:
            return f"blank {entry.name}"
        if len(text) > _LONGEST_INPUT:
            return f"{entry.name} longer than {_LONGEST_INPUT} characters"
    if any("\ufffd" in text or "\0" in text for text in (*inputs(task, row), row.output)):
        return "unreadable characters"
    return _output_fault(task, row)


def _output_fault(task: Task, row: Example) -> str:
    if not row.output.strip():
        return "blank output"
    if len(row.output) > _LONGEST_OUTPUT:
        return f"output longer than {_LONGEST_OUTPUT} characters"
    if task.type is TaskType.CLASSIFICATION and task.labels and row.output not in task.labels:
        return "output is none of the labels"
    if not stands_in(task, replace(row, also=())):
        return f"answer does not occur in the {task.context_field}"
    if is_shaped(task) and not is_canonical(task, row):
        return f"output is not {task.output_format}"
    return ""
