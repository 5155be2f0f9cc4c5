"""Rows of a data file, one at a time, each with its place, whatever the format.

Every way in which a file can be broken ends in a DataError that says file and line; nothing else leaves here.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.catalogs.lines import numbered_lines, open_bytes
from p2m.catalogs.objects import json_lines, json_rows
from p2m.catalogs.parquet import count_parquet, parquet_rows
from p2m.catalogs.tables import separated, workbook
from p2m.errors import DataError, nearest

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
KNOWN = "jsonl, json, csv, tsv (each also as .gz), parquet and xlsx"
TABLES = ("csv", "tsv", "xlsx")  # formats with a header
_WHOLE = ("parquet", "xlsx")  # formats that are never gzipped
_COUNTED = 512 * 2**20  # bytes; the rows of larger files are not counted


_READERS = {
    "jsonl": json_lines,
    "json": json_rows,
    "csv": lambda path: separated(path, ","),
    "tsv": lambda path: separated(path, "\t"),
    "parquet": parquet_rows,
    "xlsx": workbook,
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row, and where it stands: `file:line`, or `file row n` in files without lines."""

    values: dict[str, Any]
    where: str


def data_format(path: Path) -> str | None:
    """The format of a file by its name; None where it is no data file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
        form = FORMATS.get(suffixes[-1]) if suffixes else None
        return None if form in _WHOLE else form
    return FORMATS.get(suffixes[-1]) if suffixes else None


def read_rows(path: Path) -> Iterator[RawRow]:
    """The rows of a file in order, streaming.

    Raises:
        DataError: with file and line: it cannot be read, or is broken.
    """
    with _translated(path):
        form = data_format(path) or _sniff(path)
        for values, where in _READERS[form](path):
            yield RawRow(values, where)


def require(record: RawRow, columns: Sequence[str]) -> None:
    """See that a row has these columns, dotted ones of objects too.

    Raises:
        DataError: with file and line: it lacks one.
    """
    for column in columns:
        if not _has(record.values, column):
            raise DataError(_lacks(record, column))


def count_rows(path: Path) -> int | None:
    """How many rows a file has; None where counting would take long.

    Raises:
        DataError: the file is broken.
    """
    form = data_format(path) or _sniff(path)
    if form == "parquet":
        with _translated(path):
            return count_parquet(path)
    if path.stat().st_size > _COUNTED:
        return None
    if form == "jsonl":
        with _translated(path):
            return sum(1 for _, line in numbered_lines(path) if line.strip())
    return sum(1 for _ in read_rows(path))


def _has(values: Mapping[str, Any], column: str) -> bool:
    """Whether a row has a column, or the object that a dotted one is a field of: names may hold dots too."""
    return column in values or any(column.startswith(f"{name}.") for name in values)


def _lacks(record: RawRow, column: str) -> str:
    there = ", ".join(record.values) or "none"
    hint = nearest(column, record.values)
    return f"{record.where}: the row lacks the column {column!r}; it has {there}" + (
        f" ({hint})" if hint else ""
    )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What the libraries raise on broken files, as DataErrors."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); copy or download it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "pyarrow":
            raise DataError(f"{path}: not a Parquet file that can be read: {error}") from error
        raise


def _sniff(path: Path) -> str:
    """The format by the first bytes, for files whose names do not tell."""
    if path.is_dir():
        raise DataError(f"{path}: a folder, where a data file was expected ({KNOWN})")
    with path.open("rb") as raw:
        if raw.read(4) == b"PAR1":
            return "parquet"
    with open_bytes(path) as stream:
        head = stream.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"{", b"["):
        return "json" if head[:1] == b"[" else "jsonl"
    raise DataError(f"{path}: not a data file that p2m knows; it reads {KNOWN}")
