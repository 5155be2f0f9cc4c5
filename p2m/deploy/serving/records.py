"""Records: a JSON object whose fields are read side by side from one pass of an encoder.

A field is a label, several labels, a span of the text, a number that stands in it or is told by the whole of
it. Whatever the logits are, an answer has every field, and each a value that its field may have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import log_sum, open_tokenizer, ran
from .record_fields import RecordField, fields_of, plain, told_value
from .rows import Answer, joined
from .settings import Settings
from .shapes import write_record
from .spans import SpanReader, Window, by_row
from .tagging import is_within, with_marks
from .tags import Units, units_of

TEXT = "text"  # the one field of what is read: all fields of a row, joined
LONGEST = 64  # tokens of a span


def output_of(number: int) -> str:
    """The output of a field's logits; those of a span are its first and its last, `_first` and `_last`."""
    return f"field_{number}"


class RecordReader:
    """Fields of a row to windows of one text; logits to a record."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self.fields = fields_of(settings)
        self._windows = SpanReader(replace(settings, fields=(TEXT,), context=TEXT), tokenizer)

    def text_of(self, row: Mapping[str, str]) -> str:
        """What is read of a row."""
        return joined(row, self.settings.fields)

    def windows(self, rows: Sequence[Mapping[str, str]], max_length: int | None = None) -> list[Window]:
        """The windows of all rows, in order; a row has at least one."""
        return self._windows.windows([{TEXT: self.text_of(row)} for row in rows], max_length)

    def answers(
        self,
        rows: Sequence[Mapping[str, str]],
        windows: Sequence[Window],
        outputs: Sequence[Mapping[str, Any]],
    ) -> list[Answer]:
        """Records, and the least probability of a field; `outputs` are the arrays of each window by name."""
        groups = by_row(windows)
        names = [field.name for field in self.fields]
        found = []
        for index, row in enumerate(rows):
            text = self.text_of(row)
            units = [units_of(windows[p], text) for p in groups[index]]
            arrays = [outputs[p] for p in groups[index]]
            values = [self._value(number, text, units, arrays) for number in range(len(self.fields))]
            record = {name: value for name, (value, _) in zip(names, values, strict=True)}
            found.append(Answer(write_record(record, names), min(score for _, score in values)))
        return found

    def _value(
        self, number: int, text: str, units: Sequence[Units], arrays: Sequence[Mapping[str, Any]]
    ) -> tuple[Any, float]:
        import numpy as np

        field, name = self.fields[number], output_of(number)
        if field.is_pointed_at:
            parts = [
                (one, np.asarray(each[f"{name}_first"], float), np.asarray(each[f"{name}_last"], float))
                for one, each in zip(units, arrays, strict=True)
            ]
            return _pointed(field, text, parts)
        logits = np.mean([np.asarray(each[name], float) for each in arrays], axis=0)
        return told_value(field, logits)


def _pointed(field: RecordField, text: str, parts: Sequence[tuple[Units, Any, Any]]) -> tuple[Any, float]:
    """The value that stands in the text where its first and its last token are likeliest.

    Of null both are the first token of all, and of the windows that which says so least has the say.
    """
    import numpy as np

    best, value = -math.inf, None
    for units, first, last in parts:
        for score, found in _best(field, text, units, first, last):
            if score > best:
                best, value = score, found
    null = min(float(first[0] + last[0]) for _, first, last in parts)
    ends = [
        np.concatenate([np.concatenate([each[:1], each[units.places]]) for units, each in side])
        for side in ([(u, f) for u, f, _ in parts], [(u, e) for u, _, e in parts])
    ]
    weight = sum(log_sum(each) for each in ends)
    if field.nullable and null >= best:
        return None, min(1.0, math.exp(null - weight))
    if value is None:
        return (plain(field.middle) if field.kind == "number" else ""), 0.0
    return value, min(1.0, math.exp(best - weight))


def _best(field: RecordField, text: str, units: Units, first: Any, last: Any) -> Iterator[tuple[float, Any]]:
    """Scores and values that a window offers: of numbers all of them, of spans the best one."""
    import numpy as np

    if not len(units.places):
        return
    first, last = first[units.places], last[units.places]
    if field.kind == "number":
        for start, end, value in field.numbers_in(text):
            inside = np.flatnonzero((units.ends > start) & (units.starts < end))
            if len(inside) and units.starts[inside[0]] <= start and units.ends[inside[-1]] >= end:
                yield float(first[inside[0]] + last[inside[-1]]), plain(value)
        return
    opens = np.array([not is_within(text, int(place)) for place in units.starts])
    closes = np.array([not is_within(text, int(place)) for place in units.ends])
    opened, closed = np.flatnonzero(opens), np.flatnonzero(closes)
    if not len(opened) or not len(closed):
        return
    distance = closed[None, :] - opened[:, None]
    sums = np.where(
        (distance >= 0) & (distance < LONGEST), first[opened][:, None] + last[closed][None, :], -np.inf
    )
    i, j = np.unravel_index(int(np.argmax(sums)), sums.shape)
    if sums[i, j] > -np.inf:
        start, end, after = int(units.starts[opened[i]]), int(units.ends[closed[j]]), int(closed[j]) + 1
        limit = int(units.starts[after]) if after < len(units.starts) else len(text)
        yield float(sums[i, j]), text[start : with_marks(text, end, limit)]


class RecordModel:
    """A folder of a model of records, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._reader = RecordReader(settings, open_tokenizer(folder))
        self._graph = open_graph(folder, "model", backend=settings.backend, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        windows = self._reader.windows(rows)
        return self._reader.answers(rows, windows, ran(self._graph, windows, batch_size))
