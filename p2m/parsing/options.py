"""Labels that name a text of their input: A to D, each a column of its own or a mark in the one text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2m.types import Example

_MOST = 9  # options
_FEWEST = 8  # rows that show marks
_NEARLY = 0.97  # share of the rows that must have them
_MARKS = ("({})", "[{}]", "{})", "{}.", "{}:")  # around a label


def options_of(rows: Sequence[Example]) -> dict[str, str]:
    """Of each label, in their order, the input or the mark that its text stands in or behind; {} for none."""
    labels = sorted({row.output.strip() for row in rows})
    if len(rows) < _FEWEST or not 2 <= len(labels) <= _MOST:
        return {}
    fields = list(rows[0].input)
    return columns_of(labels, fields) if len(fields) > 1 else _marks_of(labels, rows, fields[0])


def columns_of(labels: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """`{"A": "option_a", "B": "option_b"}`; {} where not every label has just one column of its own.

    Numbers that begin with 0 may count columns that begin with 1.
    """
    if not 2 <= len(labels) <= _MOST:
        return {}
    counted = [str(place) for place in range(len(labels))] == list(labels)
    names = [[*labels], [str(int(label) + 1) for label in labels] if counted else []]
    for wanted in filter(None, names):
        found = [[column for column in columns if _is_called(column, name)] for name in wanted]
        if all(len(each) == 1 for each in found) and len({each[0] for each in found}) == len(labels):
            return {label: each[0] for label, each in zip(labels, found, strict=True)}
    return {}


def _is_called(column: str, label: str) -> bool:
    before = r"(?:.*\D)?" if label.isdigit() else r"(?:.*[\W_])?"
    return re.fullmatch(before + re.escape(label), column, re.IGNORECASE) is not None


def _marks_of(labels: Sequence[str], rows: Sequence[Example], field: str) -> dict[str, str]:
    """The marks of which the first two stand in nearly every row, and that of its answer."""
    for form in _MARKS:
        marks = {label: form.format(label) for label in labels}
        held = sum(_holds(row.input[field], [*marks.values()], marks[row.output.strip()]) for row in rows)
        if held >= _NEARLY * len(rows):
            return marks
    return {}


def _holds(text: str, marks: Sequence[str], own: str) -> bool:
    found, end = set(), 0
    for mark in marks:
        if at := re.compile(rf"(?<!\w){re.escape(mark)}", re.IGNORECASE).search(text, end):
            found.add(mark)
            end = at.end()
    return {*marks[:2], own} <= found
