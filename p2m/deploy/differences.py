"""Where two answers differ, to be read: of lists of spans and of records only what is not the same."""

from __future__ import annotations

import json
from typing import Any

from p2m.deploy.serving.shapes import Found, read_record, spans_in
from p2m.types import Task, TaskType

NOTHING = "(nothing)"


def apart(task: Task, said: str, right: str) -> tuple[str, str]:
    """What was said and what is right, each without what both have."""
    if task.layout is not None:
        ours, theirs = (spans_in(each, task.layout, task.none) for each in (said, right))
        has_places = all(each.start is not None for each in (*ours, *theirs))
        keys = [{_key(each, has_places): _told(each) for each in side} for side in (ours, theirs)]
    elif task.type is TaskType.RECORDS:
        keys = [
            {(name, json.dumps(value)): f"{name}: {_value(value)}" for name, value in _record(each).items()}
            for each in (said, right)
        ]
    else:
        return said or NOTHING, right
    mine, yours = keys
    only = ["; ".join(side[key] for key in side if key not in other) for side, other in (keys, keys[::-1])]
    common = len(mine.keys() & yours.keys())
    told = f" (and {common} right)" if common else ""
    return f"{only[0] or NOTHING}{told}", only[1] or NOTHING


def _key(span: Found, has_places: bool) -> tuple[Any, ...]:
    place = (span.start, span.end) if has_places else (span.text,)
    return (*place, span.type, span.value)


def _told(span: Found) -> str:
    typed = f"{span.type}: {span.text}" if span.type else span.text
    return f"{typed} = {span.value}" if span.value else typed


def _record(text: str) -> dict[str, Any]:
    try:
        return read_record(text)
    except ValueError:
        return {}


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
