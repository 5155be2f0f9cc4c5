"""Rows of JSON Lines and JSON: objects one by one, an array of them, or one object that holds them all.

Numbers keep the digits of the file, and what JSON allows but no text may hold is refused: half a character,
or one key twice.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from .lines import Exact, Row, TableError, numbered_lines

_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # of a pair of escapes, perhaps
_OPENING, _NEXT = re.compile(r"\s*(\[\s*)?"), re.compile(r"\s*(,|\]\s*\Z)\s*")


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON.

    Raises:
        ValueError: it has a key twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


_LISTS = 5  # in one object, of which an error tells
_DECODER = partial(json.JSONDecoder, parse_float=Exact, object_pairs_hook=once)
_STRICT = _DECODER(parse_constant=dict[str, str]().__getitem__)  # a KeyError at what no JSON holds
_CONSTANTS = {"NaN": None, "Infinity": "Infinity", "-Infinity": "-Infinity"}
_LENIENT = _DECODER(parse_constant=_CONSTANTS.__getitem__)


def decoded(text: str, at: int = 0) -> tuple[Any, int, bool]:
    """The value of JSON that begins at `at`, where it ends, and whether it holds what no JSON does: NaN, null
    here, or an infinity, a text here.

    Raises:
        ValueError, RecursionError: it is not JSON, or one object has a key twice.
    """
    try:
        return *_STRICT.raw_decode(text, at), False
    except KeyError:
        return *_LENIENT.raw_decode(text, at), True


def reason(error: Exception) -> str:
    """Why a text is not JSON that can be read."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if "integer string conversion" in str(error):
        return f"a number of more than {sys.get_int_max_str_digits()} digits; put it in quotes"
    return str(getattr(error, "msg", error))


def json_lines(path: Path, *, pairs: bool = False) -> Iterator[Row]:
    """An object a line, each with its `file:line`; with `pairs`, spaCy's `["a text", {...}]` is one too.

    Raises:
        TableError: with file and line.
    """
    blank = ""
    for number, line in numbered_lines(path):
        text = line.strip()
        if not text:
            blank += line
            continue
        where = f"{path}:{number}"
        try:
            value, end, is_odd = decoded(line, line.index(text[0]))
            if line[end:].strip():
                raise ValueError("something follows the object")
        except (ValueError, RecursionError) as error:
            raise TableError(f"{where}: not JSON ({reason(error)}): {text[:80]}") from None
        value = _unpaired(value) if pairs else value
        if isinstance(value, list):
            raise TableError(f"{where}: expected an object, found a list, which belongs in a .json file")
        body = line[: end - 1].rstrip()
        after = line[end - 1 :]
        yield _row(value, where, blank, body, after, anew=is_odd, is_escaped=_HALF.search(text) is not None)
        blank = ""


def json_rows(path: Path, *, pairs: bool = False) -> Iterator[Row]:
    """The rows of a JSON file, each with its `file row n`; JSON Lines under the wrong name too. For `pairs`
    see `json_lines`.

    Raises:
        TableError: with file and line, or row.
    """
    text = "".join(line for _, line in numbered_lines(path))
    opening = _OPENING.match(text)
    at = opening.end() if opening else 0
    if opening and opening[1]:
        yield from _array(path, text, at, pairs)
    elif at < len(text):
        value, end, _ = _decoded_in(path, text, at)
        if text[end:].strip():
            yield from json_lines(path, pairs=pairs)
            return
        rows, is_escaped = _held(value, path), _HALF.search(text) is not None
        for number, row in enumerate(rows, 1):
            before, after = "[\n" if number == 1 else "", "},\n" if number < len(rows) else "}\n]\n"
            yield _row(row, f"{path} row {number}", before, "", after, anew=True, is_escaped=is_escaped)


def _array(path: Path, text: str, at: int, pairs: bool) -> Iterator[Row]:
    """The objects of an array, the first of which begins at `at`."""
    number = start = 0
    found = _NEXT.match(text, at) if text[at : at + 1] == "]" else None
    while not found or found[1] == ",":
        number += 1
        value, end, is_odd = _decoded_in(path, text, at)
        found = _NEXT.match(text, end)
        if not found:
            raise TableError(
                f"{path}:{_line(text, at)}: not JSON (after the object that begins here, a comma or the end"
                " of the array is missing)"
            )
        body = text[at : end - 1].rstrip()
        is_escaped = _HALF.search(text, at, end) is not None
        after = text[at + len(body) : found.end()]
        where = f"{path} row {number}"
        value = _unpaired(value) if pairs else value
        yield _row(value, where, text[start:at], body, after, anew=is_odd, is_escaped=is_escaped)
        start = at = found.end()


def _decoded_in(path: Path, text: str, at: int) -> tuple[Any, int, bool]:
    try:
        return decoded(text, at)
    except (ValueError, RecursionError) as error:
        line = _line(text, getattr(error, "pos", at))
        raise TableError(f"{path}:{line}: not JSON ({reason(error)})") from None


def _line(text: str, at: int) -> int:
    return 1 + len(re.findall(r"\r\n?|\n", text[:at]))


def _held(value: Any, path: Path) -> Sequence[Any]:
    """The rows in one object: one list under a key, or columns of values."""
    if not isinstance(value, dict):
        raise TableError(f"{path}:1: expected a list of objects, found {str(value)[:60]}")
    lists = {key: item for key, item in value.items() if isinstance(item, list)}
    full = [key for key, item in lists.items() if item and all(isinstance(each, dict) for each in item)]
    if len(full) > 1:
        raise TableError(_several(path, full))
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
    deeper = dict(_lists_below(value))
    if len(deeper) == 1:
        return next(iter(deeper.values()))
    if 1 < len(deeper) <= _LISTS:
        raise TableError(_several(path, deeper))
    keys = ", ".join(value)[:60] or "none"
    raise TableError(
        f"{path}:1: expected a list of objects, found one (its keys: {keys}); if it is a row, put it in [ ]"
    )


def _several(path: Path, names: Iterable[str]) -> str:
    return f"{path}:1: several lists of rows ({', '.join(names)}); save each as a file of its own"


def _lists_below(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """The lists of objects in objects within one, by dotted names; none of what lies within a row."""
    for key, item in value.items():
        if isinstance(item, list) and item and all(isinstance(each, dict) for each in item):
            yield f"{prefix}{key}", item
        elif isinstance(item, dict):
            yield from _lists_below(item, f"{prefix}{key}.")


def _columns(columns: Mapping[str, Sequence[Any]], path: Path) -> Sequence[Any]:
    """Rows out of parallel lists, as `Dataset.to_dict` and pandas write them."""
    if len({len(column) for column in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise TableError(f"{path}:1: lists of different lengths ({lengths}); expected a list of objects")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _split(names: Sequence[Any], rows: Sequence[Any], path: Path) -> Sequence[Any]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(names):
            raise TableError(f"{path} row {number}: expected a list of {len(names)} values, one a column")
    columns = list(map(str, names))
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise TableError(f"{path}:1: two columns are called {twice!r}; name each once")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _unpaired(value: Any) -> Any:
    """`["a text", {"entities": [...]}]` as one object; anything else as it is."""
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return {"text": value[0], **value[1]} if is_pair and isinstance(value[1], dict) else value


def _row(value: Any, where: str, lead: str, body: str, after: str, *, anew: bool, is_escaped: bool) -> Row:
    """The row, if every text in it is one that can be written; `is_escaped`: perhaps some is not."""
    if not isinstance(value, dict) or not value:
        raise TableError(f'{where}: expected an object such as {{"text": ...}}, found {str(value)[:60]}')
    if is_escaped:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise TableError(
                f"{where}: half a character (\\u{ord(error.object[error.start]):04x}), as is left of an emoji"
                " where a text was cut; write the whole of it, or take the row out"
            ) from None
    return Row(value, where, lead if anew else lead + body, after, anew)
