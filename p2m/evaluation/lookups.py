"""Spans and records without a model: what training rows marked is marked wherever it stands again.

`dictionary` finds the spans of the training rows in other texts, the longest first, but for those that mostly
stand there unmarked; `fields` gives each field its commonest value, or of spans one that stands in the text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.shapes import Found, Layout, read_record, spans_in, write_record, write_spans
from p2m.types import Example, Task

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+|[^\w\s]")
_LONGEST = 12  # tokens of a span that is looked up
_LIKELY = 0.5  # share of its occurrences that must be marked

Token = tuple[str, int, int]


def dictionary(task: Task, train: Sequence[Example], test: Sequence[Example]) -> list[str]:
    """The answers to the test rows' inputs, of an extraction with a layout."""
    assert task.layout is not None
    layout = Layout(**asdict(task.layout))
    meanings: dict[tuple[str, ...], Counter[tuple[str, str]]] = {}
    for row in train:
        for span in spans_in(row.output, task.layout, task.none):
            words = tuple(text for text, _, _ in _tokens(span.text))
            if 0 < len(words) <= _LONGEST:
                meanings.setdefault(words, Counter())[(span.type, span.value)] += 1
    seen = Counter(
        words for row in train for _, _, words in _known(_tokens(_context(task, row.input)), meanings)
    )
    kept = {words: found for words, found in meanings.items() if found.total() >= _LIKELY * seen[words]}
    answers = []
    for row in test:
        context, spans, end = _context(task, row.input), [], 0
        for start, stop, words in _known(_tokens(context), kept):
            if start >= end:
                (kind, value), _ = kept[words].most_common(1)[0]
                spans.append(Found(context[start:stop], kind, value, start, stop))
                end = stop
        answers.append(write_spans(spans, layout, task.none))
    return answers


def by_fields(task: Task, train: Sequence[Example], test: Sequence[Example]) -> list[str]:
    """The answers to the test rows' inputs, of records."""
    names = [each.name for each in task.record]
    values: dict[str, Counter[str]] = {name: Counter() for name in names}
    for record in map(_record, train):
        for name in names:
            values[name][json.dumps(record.get(name), ensure_ascii=False)] += 1
    fields = tuple(each.name for each in task.inputs)
    answers = []
    for row in test:
        text = joined(row.input, fields)
        found: dict[str, Any] = {}
        for field in task.record:
            ranked = [json.loads(value) for value, _ in values[field.name].most_common()]
            standing = [one for one in ranked if field.kind == "span" and one and str(one) in text]
            found[field.name] = max(standing, key=len, default=ranked[0] if ranked else None)
        answers.append(write_record(found, names))
    return answers


def placeless(task: Task, row: Example) -> Example:
    """The row without the places of its spans, which mean nothing in another text."""
    if task.layout is None or task.layout.style != "json":
        return row
    spans = [replace(each, start=None, end=None) for each in spans_in(row.output, task.layout, task.none)]
    return replace(row, output=write_spans(spans, Layout(**asdict(task.layout)), task.none))


def _record(row: Example) -> Mapping[str, Any]:
    try:
        return read_record(row.output)
    except ValueError:
        return {}


def _context(task: Task, values: Mapping[str, str]) -> str:
    return values.get(task.context_field, "")


def _tokens(text: str) -> list[Token]:
    return [(match.group(), *match.span()) for match in _TOKEN.finditer(text)]


def _known(tokens: Sequence[Token], known: Mapping[tuple[str, ...], Any]) -> Iterator[tuple[int, int, Any]]:
    """First character, the one after the last, and words of what is known, the longest at each place."""
    for first in range(len(tokens)):
        for size in range(min(_LONGEST, len(tokens) - first), 0, -1):
            words = tuple(text for text, _, _ in tokens[first : first + size])
            if words in known:
                yield tokens[first][1], tokens[first + size - 1][2], words
                break
