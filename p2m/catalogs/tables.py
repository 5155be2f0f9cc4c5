"""Rows under a header: CSV, TSV and Excel workbooks.

A first line that is a row rather than a header is refused, since it would name the columns and be lost.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from p2m.catalogs.vocabulary import is_known
from p2m.deploy.serving.lines import Row, TableError
from p2m.deploy.serving.separated import LOOK, Record, records, separator, under_header
from p2m.errors import DataError, nearest

_EXACT = 2**53  # from here on Excel's numbers are no longer exact


def separated(path: Path, usual: str) -> Iterator[Row]:
    """The rows of a CSV or TSV file, each with its `file:line`; `usual` separates where nothing else does.

    Raises:
        DataError, TableError: with file and line: no header, another number of cells, open quotes.
    """
    return _judged(under_header(records(path, separator(path, usual))))


def workbook(path: Path) -> Iterator[Row]:
    """The rows of the one sheet that has any, each with its `file row n`.

    Raises:
        DataError: no workbook, no python-calamine, or several sheets with rows.
    """
    filled = _filled(path)
    if len(filled) > 1:
        names = ", ".join(repr(sheet.name) for sheet in filled)
        longest = max(filled, key=lambda sheet: sheet.height).name
        line = f"python -m p2m.catalogs.sheet {shlex.quote(str(path))} {shlex.quote(longest)} > rows.csv"
        raise DataError(f"{path}: the sheets {names} have rows; write the one that is meant as CSV: {line}")
    return _judged(under_header(chain.from_iterable(_records(path, sheet) for sheet in filled)))


def rows_of_sheet(path: Path, name: str) -> Iterator[Record]:
    """The rows of one sheet, the header as any other.

    Raises:
        DataError: no workbook, no python-calamine, or no such sheet with rows.
    """
    filled = {sheet.name: sheet for sheet in _filled(path)}
    if name not in filled:
        raise DataError(f"{path}: no sheet {name!r} with rows: {nearest(name, filled)}")
    return _records(path, filled[name])


def _filled(path: Path) -> list[Any]:
    """The sheets that have rows."""
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
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    return [sheet for sheet in sheets if sheet.start is not None]


def _records(path: Path, sheet: Any) -> Iterator[Record]:
    for number, row in enumerate(sheet.iter_rows(), 1):
        where = f"{path} row {number}"
        cells = [_cell(cell, f"{where}: column {place}") for place, cell in enumerate(row, 1)]
        if any(cell != "" for cell in cells):
            yield cells, where, ""


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


def _judged(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows under the header, which comes first.

    Raises:
        DataError: it is a row.
    """
    header = next(rows, None)
    if header is None:
        return
    head: list[Row] = []
    broken = None
    try:
        head.extend(islice(rows, LOOK))
    except TableError as error:  # to be said after the rows above
        broken = error
    names = list(header.values)
    cells = {name: [str(row.values[name]).strip() for row in head] for name in names}
    ticked = {name for name in names if set(cells[name]) == {name, ""}}  # a choice of a survey, and no row
    again = [name for name in names if name not in ticked and cells[name].count(name) > 1]
    told = [name for name in names if len(name.split()) > 9 and name.endswith((".", "!"))]
    known = any(is_known(name) for name in names if name not in again)
    if (again or told) and not known:
        raise DataError(f"{header.where}: {no_header((again or told)[0], names)}")
    yield from head
    if broken:
        raise broken
    yield from rows


def no_header(cell: str, header: Collection[str]) -> str:
    """That a first line is a row, which `cell` tells."""
    names = ["text", "label", "c", "d", "e", "f", "g"]
    return (
        f"a row, as it seems ({cell[:60]!r}), where the names of the columns were expected; add a first line"
        f" such as {','.join(names[: len(header)])}, or give the column a name that is no value"
    )
