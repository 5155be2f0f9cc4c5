"""Values put into a recipe's text, which else stays as its user wrote it: comments, order, blanks.

The text that is made is read again: it says what it said before and the new values, or nothing is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from p2m.errors import Problem, RecipeError
from p2m.marked_yaml import parse_marked, show

Value = int | float | str


def edited(text: str, path: Path, values: Mapping[str, Value]) -> str:
    """The text of the recipe in `path` with values at config paths such as `training.learning_rate`.

    Raises:
        RecipeError: it is written in a way that cannot be edited; with the lines to write by hand.
    """
    before = parse_marked(text, path).value
    made = text
    try:
        for place, value in values.items():
            made = _with(made, place.split("."), value)
        same = parse_marked(made, path).value == _wanted(before, values)
    except (RecipeError, ValueError, yaml.YAMLError):
        same = False
    if not same:
        lines = "\n    ".join(f"{place}: {written(value)}" for place, value in values.items())
        raise RecipeError(
            [Problem("cannot be edited by p2m as it is written", where=show(path),
                     hint=f"write it by hand:\n    {lines}")]
        )  # fmt: skip
    return made


def _wanted(before: Any, values: Mapping[str, Value]) -> Any:
    """What the edited recipe should say."""
    wanted = deepcopy(before)
    for place, value in values.items():
        section = wanted
        *parents, name = place.split(".")
        for parent in parents:
            section[parent] = section.get(parent) or {}
            section = section[parent]
        section[name] = value
    return wanted


def written(value: Value) -> str:
    """A value as YAML."""
    return value if isinstance(value, str) else f"{value:.10g}"


def _with(text: str, parts: list[str], value: Value) -> str:
    """The text with one value more, or another one."""
    node, depth = yaml.compose(text, Loader=yaml.SafeLoader), 0
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("no mapping")
    while True:
        found = _entry(node, parts[depth])
        if found is None:
            return _added(text, node, parts[depth:], value)
        if depth == len(parts) - 1 or not isinstance(found[1], yaml.MappingNode):
            return _replaced(text, *found, parts[depth + 1 :], value)
        node, depth = found[1], depth + 1


def _entry(node: yaml.MappingNode, name: str) -> tuple[Any, Any] | None:
    return next(((key, item) for key, item in node.value if key.value == name), None)


def _replaced(text: str, key: Any, item: Any, rest: list[str], value: Value) -> str:
    """The scalar at `item` as another one, or as a mapping where a path goes on below it."""
    if not isinstance(item, yaml.ScalarNode) or item.start_mark.index < key.end_mark.index:
        raise ValueError("no scalar, or one that is written elsewhere")
    if rest and item.value not in ("", "~", "null"):
        raise ValueError("a value where a section belongs")
    new = _flow(rest, value)
    if item.start_mark.index == item.end_mark.index:  # nothing stands there
        colon = text.index(":", key.end_mark.index) + 1
        return f"{text[:colon]} {new}{text[colon:]}"
    return text[: item.start_mark.index] + new + text[item.end_mark.index :]


def _added(text: str, node: yaml.MappingNode, parts: list[str], value: Value) -> str:
    """A further key, after the last one of its mapping."""
    if not node.value:
        at = node.start_mark.index + 1  # after the brace
        return f"{text[:at]}{_flow(parts, value)[1:-1]}{text[at:]}"
    if node.flow_style:
        at = node.value[-1][1].end_mark.index
        return f"{text[:at]}, {_flow(parts, value)[1:-1]}{text[at:]}"
    column = node.value[0][0].start_mark.column
    ending = "\r\n" if "\r\n" in text else "\n"
    at = _line_after(text, node.value[-1])
    head = "" if not at or text[at - 1] == "\n" else ending
    line = f"{' ' * column}{parts[0]}: {_flow(parts[1:], value)}{ending}"
    return f"{text[:at]}{head}{line}{text[at:]}"


def _line_after(text: str, entry: tuple[Any, Any]) -> int:
    """Where the line after the last one of an entry begins."""
    item = entry[1]
    while isinstance(item, yaml.CollectionNode) and not item.flow_style and item.value:
        last = item.value[-1]
        item = last[1] if isinstance(last, tuple) else last
    end = max(item.end_mark.index, entry[0].end_mark.index)
    if isinstance(item, yaml.ScalarNode) and item.style in ("|", ">"):
        begins = text[:end].rstrip()
        end = len(begins)
    newline = text.find("\n", end)
    return len(text) if newline < 0 else newline + 1


def _flow(parts: list[str], value: Value) -> str:
    """`{a: {b: 1}}`, or the value alone."""
    return written(value) if not parts else f"{{{parts[0]}: {_flow(parts[1:], value)}}}"
