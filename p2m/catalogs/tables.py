"""Rows under a header: CSV, TSV and Excel workbooks.

What separates the columns is seen in the first lines, by what gives every row as many cells as the header. A
first line that is a row rather than a header is refused, since it would name the columns and be lost.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from p2m.catalogs.lines import numbered_lines
from p2m.catalogs.vocabulary import is_known
from p2m.errors import DataError

SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
_LOOK = 200  # lines, or rows of a workbook, that a table is judged by
_STATED = re.compile(r'"?sep=(.)"?\r?\n?')  # the first line, as Excel reads and writes it
_INDEX = re.compile(r"\d*")  # what pandas writes below a header cell without a name
_EXACT = 2**53  # from here on Excel's numbers are no longer exact
Cells = Sequence[Any]


def separated(path: Path, usual: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of a CSV or TSV file, each with its `file:line`; `usual` separates where nothing else does.

    Raises:
        DataError: with file and line: no header, a row with more or fewer cells, quotes that never close.
    """
    csv.field_size_limit(2**31 - 1)
    lines = (line for _, line in numbered_lines(path))
    head = list(islice(lines, _LOOK))
    stated = _STATED.fullmatch(head[0]) if head else None
    before = 1 if stated else 0
    head = head[before:]
    sign = stated[1] if stated else _separator(path, head, usual, whole=len(head) + before < _LOOK)
    yield from _under_header(path, _records(path, chain(head, lines), sign, before))


def _records(path: Path, lines: Iterator[str], sign: str, before: int) -> Iterator[tuple[list[str], str]]:
    reader = csv.reader(lines, delimiter=sign, strict=True)
    while True:
        where = f"{path}:{reader.line_num + 1 + before}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{where}: {_said(error, sign)}") from error
        if cells:
            yield cells, where


def _said(error: csv.Error, sign: str) -> str:
    if "unexpected end" in str(error):
        return 'a quote that opens in this row never closes; close it, or double a quote that is meant ("")'
    if "expected after" in str(error):
        return (
            f"a quote ends a cell, and no {SEPARATORS.get(sign, sign)} follows;"
            ' inside a quoted cell write two quotes for one ("")'
        )
    return f"cannot be read as a table: {error}"


def _separator(path: Path, lines: Sequence[str], usual: str, *, whole: bool) -> str:
    """The one sign that gives all rows as many cells as the header, two at least.

    Where none does, the sign that gives the header most cells, so that the uneven row will be named.
    """
    widths = {sign: _widths(lines, sign, whole=whole) for sign in (usual, *SEPARATORS)}
    even = [sign for sign, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if len(even) > 1:
        names = " and ".join(SEPARATORS[sign] for sign in even)
        raise DataError(
            f"{path}:1: {names} could separate the columns; say which by a first line such as sep={even[0]}"
        )
    return even[0] if even else max(widths, key=lambda sign: (widths[sign] or [0])[0])


def _widths(lines: Sequence[str], sign: str, *, whole: bool) -> list[int]:
    """Cells a record, 0 where it cannot be read."""
    reader = csv.reader(lines, delimiter=sign, strict=True)
    found: list[int] = []
    try:
        found.extend(len(cells) for cells in reader if cells)
    except csv.Error:
        found.append(0)
    if not whole and len(found) > 1:
        found.pop()  # cut off, perhaps
    return found


def workbook(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The rows of the one sheet that has any, each with its `file row n`.

    Raises:
        DataError: no workbook, no python-calamine, or several sheets with rows.
    """
    try:
        import python_calamine
    except ImportError as error:
        raise DataError(
            f"{path}: reading Excel needs python-calamine; pip install 'p2m[excel]', or save it as CSV"
        ) from error
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
    except python_calamine.CalamineError as error:
        raise DataError(f"{path}: not an Excel workbook that can be read: {error}") from error
    filled = [sheet for sheet in sheets if sheet.start is not None]
    if len(filled) > 1:
        names = ", ".join(repr(sheet.name) for sheet in filled)
        raise DataError(
            f"{path}: the sheets {names} have rows; keep the one that is meant, or save it as CSV"
        )
    rows = (
        (
            [_cell(cell, f"{path} row {number}: column {place}") for place, cell in enumerate(row, 1)],
            f"{path} row {number}",
        )
        for sheet in filled
        for number, row in enumerate(sheet.iter_rows(), 1)
    )
    yield from _under_header(path, (row for row in rows if any(cell != "" for cell in row[0])))


def _cell(value: Any, where: str) -> Any:
    """Excel knows no whole numbers: what it shows as 3 is stored as 3.0.

    Raises:
        DataError: a number of more digits than Excel keeps.
    """
    if not isinstance(value, float) or not value.is_integer():
        return value
    if abs(value) >= _EXACT:
        raise DataError(
            f"{where}: {value:.17g}, of which Excel keeps only the first 15 digits; format the column as text"
            " and type it again, or take the column out"
        )
    return int(value)


def _under_header(path: Path, rows: Iterator[tuple[Cells, str]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Cells by the names of the first row."""
    first = next(rows, None)
    if first is None:
        return
    head = list(islice(rows, _LOOK))
    header = [str(cell).strip() for cell in first[0]]
    named = _named(header, [cells for cells, _ in head if len(cells) == len(header)], first[1])
    for cells, where in chain(head, rows):
        if len(cells) != len(header):
            raise DataError(
                f"{where}: {len(cells)} cells under {len(header)} columns ({', '.join(header)});"
                " put cells that hold the separator or quotes in double quotes"
            )
        if len(header) > 1 and [str(cell).strip() for cell in cells] == header:
            raise DataError(f"{where}: the header again; take the line out, or give the files one by one")
        yield {header[place]: cells[place] for place in named}, where


def _named(header: Sequence[str], rows: Sequence[Cells], where: str) -> list[int]:
    """The places of the columns that have a name; one without a name may only count the rows."""
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{where}: two columns are called {', '.join(map(repr, twice))}; name each once")
    for place, name in enumerate(header):
        if not name and not all(_INDEX.fullmatch(str(row[place]).strip()) for row in rows):
            raise DataError(f"{where}: column {place + 1} has no name; name it in the header, or take it out")
    again = [
        place
        for place, name in enumerate(header)
        if name and sum(str(row[place]).strip() == name for row in rows) > 1
    ]
    told = [place for place, name in enumerate(header) if len(name.split()) > 9 and name.endswith((".", "!"))]
    known = any(is_known(name) for place, name in enumerate(header) if place not in again)
    if (again or told) and not known:
        raise DataError(f"{where}: {no_header(header[(again or told)[0]], header)}")
    return [place for place, name in enumerate(header) if name]


def no_header(cell: str, header: Collection[str]) -> str:
    """That a first line is a row, which `cell` tells."""
    names = ["text", "label", "c", "d", "e", "f", "g"]
    return (
        f"a row, as it seems ({cell[:60]!r}), where the names of the columns were expected; add a first line"
        f" such as {','.join(names[: len(header)])}, or give the column a name that is no value"
    )
