"""The fields of JSON objects that rows answer with, by what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.answers.canonical import plain_text
from p2m.answers.numbers import scale_of
from p2m.types import RecordField

_FEW_ROWS = 8  # below these, what returns may do so by accident
_EACH = 3  # rows that a label has on average, at least
_WORDS = 6  # of a label, at most
_NEARLY = 0.97  # share of the values that must stand in their texts to be spans
_MOSTLY = 0.9  # share of the values that are numbers from which all should be
_LACKING = 0.05  # share of the rows that may lack a field by mistake


class Nested(ValueError):
    """A field that holds what no field of a record can."""


def fields_of(rows: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> tuple[RecordField, ...]:
    """The fields of these objects in the order of the first; `texts` holds what each is about.

    Raises:
        Nested: a field holds objects, or lists of what does not return.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return tuple(_field(name, rows, texts) for name in names)


def _field(name: str, rows: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> RecordField:
    pairs = [
        (row[name], text)
        for row, text in zip(rows, texts, strict=True)
        if row.get(name) is not None and row[name] != ""
    ]
    is_few = len(rows) < _FEW_ROWS
    nullable = is_few or len(pairs) < len(rows)
    lacking = sum(name not in row for row in rows)
    if not is_few and 0 < lacking <= _LACKING * len(rows) and len(pairs) + lacking == len(rows):
        nullable = False  # rows that lack it are mistakes
    values = [value for value, _ in pairs]
    if any(isinstance(value, Mapping) for value in values):
        raise Nested(f"the field {name!r} holds objects, and records are flat")
    if values and all(isinstance(value, bool) for value in values):
        return RecordField(name, "label", labels=("true", "false"), nullable=nullable)
    numbers = [
        float(each) for each in values if isinstance(each, (int, float)) and not isinstance(each, bool)
    ]
    if numbers and len(numbers) >= (1 if is_few else _MOSTLY) * len(values):  # the others are mistakes
        scale = None if is_few else scale_of(numbers)
        return RecordField(name, "number", nullable=nullable, scale=scale)
    if any(isinstance(value, list) for value in values):
        return _listing(name, values, nullable, is_few)
    said = [plain_text(value).strip() for value in values]
    spans = sum(one in text for one, (_, text) in zip(said, pairs, strict=True))
    distinct = tuple(dict.fromkeys(said))
    returns = 2 <= len(distinct) <= len(said) / (2 if is_few else _EACH)
    if said and spans >= _NEARLY * len(said):
        return RecordField(name, "span", nullable=nullable)
    if returns and all(len(one.split()) <= _WORDS for one in distinct):
        return RecordField(name, "label", labels=() if is_few else distinct, nullable=nullable)
    return RecordField(name, "text", nullable=nullable)


def _listing(name: str, values: Sequence[Any], nullable: bool, is_few: bool) -> RecordField:
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    if any(isinstance(item, (Mapping, list)) for item in items):
        raise Nested(f"the field {name!r} holds lists of objects, and records are flat")
    distinct = tuple(dict.fromkeys(plain_text(item).strip() for item in items))
    if not is_few and (
        len(distinct) * _EACH > len(items) or any(len(one.split()) > _WORDS for one in distinct)
    ):
        raise Nested(f"the field {name!r} holds lists of texts that hardly return, and records have none")
    return RecordField(name, "labels", labels=() if is_few else distinct, nullable=nullable)
