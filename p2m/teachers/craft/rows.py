"""Which of the user's rows a prompt shows: chosen by what they say, so that a further row changes little."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from p2m.answers.canonical import labels_in
from p2m.answers.spans import read_text
from p2m.types import Example, Examples, Task, TaskType

_LONGEST = 2_000  # characters of a row that is shown
_NOTHING = frozenset(
    ("n/a", "na", "none", "nothing", "no answer", "unanswerable", "not applicable", "-", "null")
)
_ALL = 12_000  # characters of all that one prompt shows


def known(task: Task, shown: Examples | None) -> tuple[Example, ...]:
    """The user's rows with their answers: demonstrations first, each input once, none too long to show."""
    names = [each.name for each in task.inputs]
    found: dict[str, Example] = {}
    for row in _rows(task, shown):
        if all(row.input.get(name) for name in names) and _size(row) <= _LONGEST:
            found.setdefault(json.dumps(row.input, sort_keys=True), row)
    return tuple(found.values())


def labels_of(task: Task, rows: Iterable[Example]) -> tuple[str, ...]:
    """The task's labels, or types of spans, else those of the rows in their order; () where it has none."""
    if task.type.is_labelled:
        return task.labels or tuple(
            dict.fromkeys(each for row in rows for each in labels_in(task, row.output))
        )
    if task.layout is None or not task.layout.has_types:
        return ()
    found = (span.type for row in rows for span in read_text(row.output, task.layout, task.none))
    return task.labels or tuple(dict.fromkeys(found))


def told_labels(task: Task, shown: Examples | None) -> tuple[str, ...]:
    """The task's labels, else those of the user's rows, those too long to be shown included."""
    return labels_of(task, _rows(task, shown))


def aims(task: Task, shown: Examples | None) -> tuple[str, ...]:
    """The labels that inputs are written for, one each; () where answers are more than one label."""
    return told_labels(task, shown) if task.type is TaskType.CLASSIFICATION else ()


def no_answer(task: Task, rows: Iterable[Example]) -> str:
    """The output where there is nothing to say, as the task's rows or its format write it; "": none known."""
    if task.none is not None and not task.type.is_labelled:
        return task.none
    if task.type is not TaskType.TEXT_TO_TEXT:
        return ""
    said = (row.output.strip() for row in rows)
    found = next((text for text in said if text.casefold().strip(".") in _NOTHING), "")
    return found or ("N/A" if "N/A" in task.output_format else "")


def ranked(items: Iterable[Example], salt: str) -> list[Example]:
    """In an order in which a row's place depends on it and the salt: a further row moves no two others.

    Rendezvous hashing (Thaler and Ravishankar, 1996).
    """
    return sorted(items, key=lambda row: _lot(salt, row))


def spread(rows: Sequence[Example], most: int, salt: str) -> list[Example]:
    """At most `most` rows, answers taking turns, within what a prompt may show."""
    queues: dict[str, list[Example]] = {}
    for row in ranked(rows, salt):
        queues.setdefault(row.output, []).append(row)
    taken: list[Example] = []
    size = 0
    for place in range(max(map(len, queues.values()), default=0)):
        for queue in queues.values():
            if place < len(queue) and len(taken) < most and size + _size(queue[place]) <= _ALL:
                taken.append(queue[place])
                size += _size(queue[place])
    return taken


def plainly(row: Example) -> dict[str, Any]:
    """A row as a prompt shows it."""
    return {"input": row.input, "output": row.output}


def _rows(task: Task, shown: Examples | None) -> tuple[Example, ...]:
    return (*task.demonstrations, *(shown.rows if shown else ()))


def _lot(salt: str, row: Example) -> bytes:
    said = json.dumps([salt, row.input, row.output], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()


def _size(row: Example) -> int:
    return sum(map(len, row.input.values())) + len(row.output)
