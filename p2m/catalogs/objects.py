"""Rows of JSON Lines and JSON: objects one by one, a list of them, or columns in parallel lists.

Numbers keep the digits of the file (as Decimals where they have a fraction), and what JSON allows but no text
may hold is refused: half a character, or one key twice.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from p2m.catalogs.lines import numbered_lines
from p2m.errors import DataError

_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # of a pair of escapes, perhaps


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _constant(text: str) -> str | None:
    """Python's JSON knows NaN, which is no value, and infinities."""
    return None if text == "NaN" else text


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=Decimal, parse_constant=_constant)


def json_lines(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """An object a line, each with its `file:line`."""
    for number, line in numbered_lines(path):
        text = line.strip()
        if not text:
            continue
        where = f"{path}:{number}"
        try:
            value = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({_reason(error)}): {text[:80]}") from error
        if not isinstance(value, dict):
            hint = "; a list of objects belongs in a file called .json" if text[0] == "[" else ""
            raise DataError(f'{where}: expected an object such as {{"text": ...}}, found {text[:60]}{hint}')
        yield _whole(value, text, where), where


def json_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of a JSON file, each with its `file row n`; JSON Lines under the wrong name too."""
    text = "".join(line for _, line in numbered_lines(path))
    if not text.strip():
        return
    try:
        value = _DECODER.decode(text.strip())
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "{" and "\n" in text.strip() and "Extra data" in str(error):
            yield from json_lines(path)
            return
        skipped = text[: len(text) - len(text.lstrip())].count("\n")
        line = getattr(error, "lineno", 1) + skipped
        raise DataError(f"{path}:{line}: not JSON ({_reason(error)})") from error
    for number, row in enumerate(_rows(value, path), 1):
        where = f"{path} row {number}"
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object, found {str(row)[:60]}")
        yield _whole(row, text, where), where


def _rows(value: Any, path: Path) -> Sequence[Any]:
    """The rows in what a file holds: a list, one list under a key, or columns of values."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise DataError(f"{path}:1: expected a list of objects, found {str(value)[:60]}")
    lists = {key: item for key, item in value.items() if isinstance(item, list)}
    full = [key for key, item in lists.items() if item and all(isinstance(each, dict) for each in item)]
    if len(full) > 1:
        raise DataError(
            f"{path}:1: several lists of rows ({', '.join(full)}); save each as a file of its own"
        )
    if full:
        return lists[full[0]]
    if set(value) in ({"columns", "data"}, {"columns", "index", "data"}) and len(lists) == len(value):
        return _split(value["columns"], value["data"], path)  # pandas, orient="split"
    if value and len(lists) == len(value):
        return _columns(lists, path)
    inner = {key: item for key, item in value.items() if isinstance(item, dict)}
    if inner and len(inner) == len(value):
        if all(key.isdigit() for key in inner):  # pandas, orient="index"
            return list(inner.values())
        if all(key.isdigit() for item in inner.values() for key in item):  # pandas, its own choice
            return _columns({key: list(item.values()) for key, item in inner.items()}, path)
    keys = ", ".join(value)[:60] or "none"
    raise DataError(
        f"{path}:1: expected a list of objects, found one (its keys: {keys}); if it is a row, put it in [ ]"
    )


def _columns(columns: Mapping[str, Sequence[Any]], path: Path) -> Sequence[Any]:
    """Rows out of parallel lists, as `Dataset.to_dict` and pandas write them."""
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise DataError(f"{path}:1: lists of different lengths ({lengths}); expected a list of objects")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _split(names: Sequence[Any], rows: Sequence[Any], path: Path) -> Sequence[Any]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(names):
            raise DataError(f"{path} row {number}: expected a list of {len(names)} values, one a column")
    return [_once([(str(name), item) for name, item in zip(names, row, strict=True)]) for row in rows]


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if "integer string conversion" in str(error):
        return f"a number of more than {sys.get_int_max_str_digits()} digits; put it in quotes"
    return str(getattr(error, "msg", error))


def _whole(value: dict[str, Any], text: str, where: str) -> dict[str, Any]:
    """The row, if every text in it is one that can be written."""
    if _HALF.search(text) and (half := next(_halves(value), None)):
        raise DataError(
            f"{where}: half a character (\\u{ord(half):04x}), as is left of an emoji where a text was cut;"
            " write the whole of it, or take the row out"
        )
    return value


def _halves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (sign for sign in value if "\ud800" <= sign <= "\udfff")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _halves(key)
            yield from _halves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _halves(item)
