"""Rows under a header: CSV and TSV.

What separates the columns is seen in the first lines, by what gives every row as many cells as the header.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from .lines import Row, TableError, numbered_lines

SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
NOTHING = "\0"  # separates the cells of a lone column: no text has it
LOOK = 200  # lines, or rows, that a table is judged by
_STATED = re.compile(r'"?sep=([^\r\n"])"?\s*', re.IGNORECASE)  # the first line, as Excel reads and writes it
_NAMES = {**SEPARATORS, NOTHING: "end of the line"}
_INDEX = re.compile(r"\d*")  # what pandas writes below a header cell without a name
Record = tuple[Sequence[Any], str, str]  # cells, their place, and the text with the empty lines before it


def separator(path: Path, usual: str, *, lone: str | None = None) -> str:
    """What stands between cells: the sign of a first line `sep=;`, else the one that gives all rows as many
    cells as the header, two at least.

    Where none does, the sign that gives the header most cells, so that the uneven row will be named; `lone`
    (default: `usual`) where the header is one cell by every sign.

    Raises:
        TableError: several signs do.
    """
    lines = [line for _, line in islice(numbered_lines(path), LOOK)]
    if stated := _STATED.fullmatch(lines[0] if lines else ""):
        return stated[1]
    widths = {sign: _widths(lines, sign) for sign in (usual, *SEPARATORS)}
    even = [sign for sign, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if len(even) > 1:
        names = " and ".join(SEPARATORS[sign] for sign in even)
        raise TableError(
            f"{path}:1: {names} could separate the columns; say which by a first line such as sep={even[0]}"
        )
    best = even[0] if even else max(widths, key=lambda sign: widths[sign][:1])
    return best if lone is None or widths[best][:1] > [1] else lone


def _widths(lines: Sequence[str], sign: str) -> list[int]:
    """Cells a record, 0 where it cannot be read."""
    found: list[int] = []
    try:
        found.extend(len(cells) for cells in _reader(lines, sign) if cells)
    except csv.Error:
        found.append(0)
    if len(lines) == LOOK and len(found) > 1:
        found.pop()  # cut off, perhaps
    return found


def _reader(lines: Iterable[str], sign: str) -> Any:
    csv.field_size_limit(2**31 - 1)
    return csv.reader(lines, delimiter=sign, strict=True)


def records(path: Path, sign: str) -> Iterator[Record]:
    """The records of a file whose cells `sign` separates.

    Raises:
        TableError: with file and line: quotes that never close, or end within a cell.
    """
    taken: list[str] = []

    def remembered() -> Iterator[str]:
        for number, line in numbered_lines(path):
            taken.append(line)
            yield "" if number == 1 and _STATED.fullmatch(line) else line

    reader = _reader(remembered(), sign)
    while True:
        where = f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise TableError(f"{where}: {_said(error, sign)}") from None
        if cells:
            yield cells, where, "".join(taken)
            taken.clear()


def _said(error: csv.Error, sign: str) -> str:
    if "unexpected end" in str(error):
        return 'a quote that opens in this row never closes; close it, or double a quote that is meant ("")'
    if "expected after" in str(error):
        return (
            f"a quote ends a cell, and no {_NAMES.get(sign, sign)} follows;"
            ' inside a quoted cell write two quotes for one ("")'
        )
    return f"cannot be read as a table: {error}"


def _nameless(header: Sequence[str], at: int) -> str:
    if sum(map(bool, header)) == 1 and len(header) > 2:
        name = next(filter(None, header))
        return (
            f"only {name[:40]!r} stands in the first line, where {len(header)} columns are named; take"
            " out the lines above the names"
        )
    return f"column {at + 1} has no name; name it in the header, or take it out"


def _uneven(cells: Sequence[Any], header: Sequence[str]) -> str:
    count = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
    said = f"{count} under {len(header)} column{'s' * (len(header) != 1)} ({', '.join(header)});"
    if len(cells) == 1 < len(header):
        return f"{said} if it is no row, as a total is none, take the line out: {cells[0][:40]!r}"
    if len(header) == 1:
        return f"{said} if the first line is a title, take out the lines above the names of the columns"
    return f"{said} put cells that hold the separator or quotes in double quotes"


def under_header(found: Iterator[Record]) -> Iterator[Row]:
    """The header as a row that has its names for values, then every row under it.

    A column without a name may only count the rows, as pandas writes it, and is left out.

    Raises:
        TableError: with file and line: a header that names no column or one twice, or a row that has more or
            fewer cells.
    """
    header: list[str] = []
    for cells, where, text in found:
        body = text.rstrip("\r\n")
        if not header:
            header, top = [str(cell).strip() for cell in cells], where
            if twice := sorted({name for name in header if name and header.count(name) > 1}):
                names = ", ".join(map(repr, twice))
                raise TableError(f"{where}: two columns are called {names}; name each once")
            unnamed = [place for place, name in enumerate(header) if not name]
            cells = header
        elif len(cells) != len(header):
            raise TableError(f"{where}: {_uneven(cells, header)}")
        elif len(header) > 1 and [str(cell).strip() for cell in cells] == header:
            raise TableError(f"{where}: the header again; take the line out, or give the files one by one")
        values = dict(zip(header, cells, strict=True))
        for at in unnamed:
            if not _INDEX.fullmatch(str(cells[at]).strip()):
                raise TableError(f"{top}: {_nameless(header, at)}")
            values.pop("", None)
        yield Row(values, where, body, text[len(body) :])
