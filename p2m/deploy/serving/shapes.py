"""Answers that are more than a text or a label: labels, numbers, spans, records; as text and as JSON.

Within p2m every answer is text, in one spelling (canonical), so that answers can be compared, voted on and
stored alike; whoever asks a model is given the JSON value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHAPES = ("text", "labels", "number", "spans", "record")


@dataclass(frozen=True)
class Layout:
    """How the spans of one answer are written; see `p2m.types.Layout`."""

    style: str = "json"
    has_types: bool = False
    has_values: bool = False
    between: str = " | "
    pair: str = " == "
    type_first: bool = False


@dataclass(frozen=True)
class Found:
    """A span of a text, its type or value, and where it stands (characters; None where that is not known)."""

    text: str
    type: str = ""
    value: str = ""
    start: int | None = None
    end: int | None = None


def write_labels(labels: Iterable[str], order: Sequence[str] = ()) -> str:
    """A JSON list, each label once, in the given order; those that it lacks come last, sorted."""
    place = {label: number for number, label in enumerate(order)}
    found = sorted(set(labels), key=lambda label: (place.get(label, len(place)), label))
    return json.dumps(found, ensure_ascii=False)


def read_labels(text: str) -> tuple[str, ...]:
    """The labels of a canonical answer.

    Raises:
        ValueError: it is none.
    """
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"not a JSON list of labels: {text[:60]!r}")
    return tuple(found)


def write_number(value: float) -> str:
    """The shortest spelling that reads as the same number: `4`, `4.5`, `-0.25`."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def read_number(text: str) -> float:
    """The number of a canonical answer.

    Raises:
        ValueError: it is none, or not finite.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:60]!r} is no finite number")
    return value


def write_spans(spans: Sequence[Found], layout: Layout, none: str | None = None) -> str:
    """The spans as one answer; `none`, or nothing, where there are none."""
    if layout.style == "json":
        return json.dumps([_object(span, layout) for span in spans], ensure_ascii=False)
    if not spans:
        return none or ""
    return layout.between.join(_paired(span, layout) for span in spans)


def read_spans(text: str, layout: Layout, none: str | None = None) -> tuple[Found, ...]:
    """The spans of a canonical answer.

    Raises:
        ValueError: it is not written as the layout says.
    """
    if layout.style == "json":
        found = json.loads(text)
        if not isinstance(found, list):
            raise ValueError(f"not a JSON list of spans: {text[:60]!r}")
        return tuple(_span(each) for each in found)
    if not text.strip() or text.strip() == (none or "").strip():
        return ()
    return tuple(_unpaired(part, layout) for part in text.split(layout.between))


def spans_in(text: str, layout: Any, none: str | None = None) -> tuple[Found, ...]:
    """The spans of an answer; () where it is not written as the layout says."""
    try:
        return read_spans(text, layout, none)
    except ValueError:
        return ()


def write_record(values: Mapping[str, Any], names: Sequence[str] = ()) -> str:
    """A JSON object, `names` first and in their order."""
    ordered = {name: values[name] for name in names if name in values} | dict(values)
    return json.dumps(ordered, ensure_ascii=False)


def read_record(text: str) -> dict[str, Any]:
    """The object of a canonical answer.

    Raises:
        ValueError: it is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"not a JSON object: {text[:60]!r}")
    return found


def record_in(text: str) -> dict[str, Any] | None:
    """The object of an answer; None where it is none."""
    try:
        return read_record(text)
    except (ValueError, RecursionError):
        return None


def shaped(output: str, shape: str, layout: Layout | None = None, none: str | None = None) -> Any:
    """The JSON value of an answer; the text itself where it is text, or not written in its shape."""
    try:
        if shape == "labels":
            return list(read_labels(output))
        if shape == "number":
            return float(output) if "." in output or "e" in output else int(output)
        if shape == "spans" and layout is not None and layout.style == "json":
            return [_object(span, layout) for span in read_spans(output, layout, none)]
        if shape == "record":
            return read_record(output)
    except ValueError:
        pass
    return output


def _object(span: Found, layout: Layout) -> dict[str, Any]:
    found: dict[str, Any] = {"type": span.type} if layout.has_types else {}
    found["text"] = span.text
    if layout.has_values:
        found["value"] = span.value
    if span.start is not None and span.end is not None:
        found |= {"start": span.start, "end": span.end}
    return found


def _span(each: Any) -> Found:
    if not isinstance(each, Mapping) or not isinstance(each.get("text"), str):
        raise ValueError(f"not a span with its text: {json.dumps(each)[:60]}")
    return Found(
        each["text"],
        str(each.get("type", "")),
        str(each.get("value", "")),
        each.get("start"),
        each.get("end"),
    )


def _paired(span: Found, layout: Layout) -> str:
    if layout.has_types:
        return layout.pair.join((span.type, span.text) if layout.type_first else (span.text, span.type))
    return f"{span.text}{layout.pair}{span.value}" if layout.has_values else span.text


def _unpaired(part: str, layout: Layout) -> Found:
    if not layout.has_types and not layout.has_values:
        return Found(part.strip())
    left, pair, right = (
        part.partition(layout.pair)
        if layout.has_types and layout.type_first
        else part.rpartition(layout.pair)
    )
    if not pair:
        raise ValueError(f"{part[:60]!r} has no {layout.pair.strip()!r}")
    left, right = left.strip(), right.strip()
    if layout.has_values:
        return Found(left, value=right)
    return Found(right, left) if layout.type_first else Found(left, right)
