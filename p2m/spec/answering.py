"""What a recipe says of its answers, as people write it: a scale, a record's fields, the layout of spans."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from p2m.answers.canonical import KINDS
from p2m.errors import nearest
from p2m.types import Layout, RecordField, Scale

_SCALE = "write the lowest and the highest number, [1, 5], and a step where there is one, [1, 5, 0.5]"


def scale(value: Any) -> Any:
    """`[1, 5]`, `[1, 5, 0.5]` or `{low: 1, high: 5, step: 1}`."""
    if value is None or isinstance(value, Scale):
        return value
    if isinstance(value, Mapping):
        _known(value, Scale, "scale")
        value = [value.get("low"), value.get("high"), *([value["step"]] if "step" in value else [])]
    is_numbers = isinstance(value, (list, tuple)) and all(map(_is_number, value))
    if not is_numbers or len(value) not in (2, 3):
        raise ValueError(f"{value!r} is no scale; {_SCALE}")
    low, high, step = (*map(float, value), 0.0)[:3]
    if not low < high or step < 0 or step > high - low:
        raise ValueError(f"{value!r} is no scale: it goes from the lower number to the higher; {_SCALE}")
    return Scale(low, high, step)


def record(value: Any) -> Any:
    """`{name: span, mood: [good, bad], age: {kind: number, scale: [0, 120], nullable: false}}`."""
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        return value if isinstance(value, tuple) else _refuse(value)
    return tuple(_field(str(name), words) for name, words in value.items())


def layout(value: Any) -> Any:
    """`json`, `text`, or the fields of a layout."""
    if value is None or isinstance(value, Layout):
        return value
    words = {"style": value} if isinstance(value, str) else value
    if not isinstance(words, Mapping):
        raise ValueError(f"{value!r} is no layout; write json, or {{style: text, has_values: true}}")
    _known(words, Layout, "layout")
    if words.get("style", "json") not in ("json", "text"):
        raise ValueError(f"{words['style']!r} is no style of a layout; one of: json, text")
    for name in ("has_types", "has_values", "type_first"):
        if not isinstance(words.get(name, False), bool):
            raise ValueError(f"{name} is true or false, not {words[name]!r}")
    fields: dict[str, Any] = {str(key): each for key, each in words.items()}
    made = Layout(**fields)
    if made.has_types and made.has_values and made.style == "text":
        raise ValueError("spans with types and values are written as json: style: json")
    return made


def answer(value: Any) -> Any:
    """A demonstration's answer as text: a list or an object as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, Mapping)) else value


def _field(name: str, words: Any) -> RecordField:
    if isinstance(words, (list, tuple)):
        words = {"kind": "label", "labels": words}
    words = {"kind": words} if isinstance(words, str) else words
    if not isinstance(words, Mapping):
        raise ValueError(f"{name}: {words!r} is no kind of field; one of: {', '.join(KINDS)}")
    _known(words, RecordField, name)
    kind = words.get("kind", "text")
    if kind not in KINDS:
        raise ValueError(f"{name}: {kind!r} is no kind of field; {nearest(str(kind), KINDS)}")
    labels = tuple(
        str(each).lower() if isinstance(each, bool) else str(each) for each in words.get("labels") or ()
    )
    nullable = words.get("nullable", True)
    if not isinstance(nullable, bool):
        raise ValueError(f"{name}.nullable is true or false, not {nullable!r}")
    return RecordField(
        name, kind, str(words.get("description") or ""), labels, nullable, scale(words.get("scale"))
    )


def _known(words: Mapping[Any, Any], made: type, place: str) -> None:
    names = [each.name for each in dataclasses.fields(made) if each.name != "name"]
    for key in words:
        if key not in names:
            raise ValueError(f"{place}: unknown key {key!r}; {nearest(str(key), names)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refuse(value: Any) -> Any:
    raise ValueError(f"{value!r} are no fields; write {{name: span, age: number, mood: [good, bad]}}")


WrittenScale = Annotated[
    Scale | None, BeforeValidator(scale, json_schema_input_type=list[float] | dict[str, float] | None)
]
WrittenLayout = Annotated[
    Layout | None, BeforeValidator(layout, json_schema_input_type=str | dict[str, Any] | None)
]
WrittenRecord = Annotated[
    tuple[RecordField, ...],
    BeforeValidator(record, json_schema_input_type=dict[str, str | list[str] | dict[str, Any]] | None),
]
WrittenAnswer = Annotated[
    str, BeforeValidator(answer, json_schema_input_type=str | list[Any] | dict[str, Any])
]
