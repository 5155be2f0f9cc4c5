"""Rows of a data file, one at a time, each with its place: JSON Lines, JSON, CSV, TSV and Parquet, also
gzipped.

Every way in which a file can be broken ends in a DataError that says file and line; nothing else leaves here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from p2m.errors import DataError, nearest

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
KNOWN = "jsonl, json, csv, tsv (each also as .gz) and parquet"
_COUNTED = 512 * 2**20  # bytes; the rows of larger files are not counted


@dataclass(frozen=True, slots=True)
class Record:
    """One row, and where it stands: `file:line`, or `file row n` in files without lines."""

    values: dict[str, Any]
    where: str


def data_format(path: Path) -> str | None:
    """The format of a file by its name; None where it is no data file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
        return FORMATS.get(suffixes[-1]) if suffixes and suffixes[-1] != ".parquet" else None
    return FORMATS.get(suffixes[-1]) if suffixes else None


def read_rows(path: Path, columns: Sequence[str] = ()) -> Iterator[Record]:
    """The rows of a file in order, streaming; each must have `columns`, dotted ones of objects too.

    Raises:
        DataError: with file and line: it cannot be read, is broken, or a row lacks one of the columns.
    """
    with _translated(path):
        form = data_format(path) or _sniff(path)
        readers = {"jsonl": _jsonl, "json": _json, "csv": _csv, "tsv": _tsv, "parquet": _parquet}
        for record in readers[form](path):
            for column in columns:
                if not _has(record.values, column):
                    raise DataError(_lacks(record, column))
            yield record


def count_rows(path: Path) -> int | None:
    """How many rows a file has; None where counting would take long.

    Raises:
        DataError: the file is broken.
    """
    form = data_format(path) or _sniff(path)
    if form == "parquet":
        with _translated(path):
            import pyarrow.parquet

            return int(pyarrow.parquet.read_metadata(path).num_rows)
    if path.stat().st_size > _COUNTED:
        return None
    if form == "jsonl":
        with _translated(path), _bytes(path) as stream:
            return sum(1 for line in stream if line.strip())
    return sum(1 for _ in read_rows(path))


def _has(values: Mapping[str, Any], column: str) -> bool:
    """Whether a row has a column, or the object that a dotted one is a field of: names may hold dots too."""
    return column in values or any(column.startswith(f"{name}.") for name in values)


def _lacks(record: Record, column: str) -> str:
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
    with _bytes(path) as stream:
        head = stream.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"{", b"["):
        return "json" if head[:1] == b"[" else "jsonl"
    raise DataError(f"{path}: not a data file that p2m knows; it reads {KNOWN}")


def _bytes(path: Path) -> IO[bytes]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines (from 1) as text."""
    with _bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = error.object[error.start]
                raise DataError(
                    f"{path}:{number}: not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"
                ) from error


def _jsonl(path: Path) -> Iterator[Record]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply")
            raise DataError(f"{path}:{number}: not JSON ({reason}): {line.strip()[:80]}") from error
        if not isinstance(value, dict):
            raise DataError(
                f'{path}:{number}: expected an object such as {{"text": ...}}, found {line.strip()[:60]}'
            )
        yield Record(value, f"{path}:{number}")


def _json(path: Path) -> Iterator[Record]:
    """An array of objects, or an object whose one list holds them; JSON Lines under the wrong name too."""
    text = "".join(line for _, line in _lines(path))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "{" and "\n" in text.strip():
            yield from _jsonl(path)
            return
        line = getattr(error, "lineno", 1)
        raise DataError(f"{path}:{line}: not JSON ({getattr(error, 'msg', 'nested too deeply')})") from error
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list):
        raise DataError(f"{path}:1: expected a list of objects, found {type(value).__name__}")
    for index, row in enumerate(value, 1):
        if not isinstance(row, dict):
            raise DataError(f"{path} row {index}: expected an object, found {str(row)[:60]}")
        yield Record(row, f"{path} row {index}")


def _csv(path: Path) -> Iterator[Record]:
    return _separated(path, ",")


def _tsv(path: Path) -> Iterator[Record]:
    return _separated(path, "\t")


def _separated(path: Path, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(2**31 - 1)
    with _bytes(path) as raw:
        reader = csv.reader(io.TextIOWrapper(raw, "utf-8-sig", newline=""), delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, UnicodeDecodeError) as error:
                raise DataError(
                    f"{path}:{line}: cannot be read as {path.suffix[1:] or 'csv'}: {error}"
                ) from error
            if not cells:
                continue
            if header is None:
                header = _header(cells, path)
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{path}:{line}: {len(cells)} cells under {len(header)} columns ({', '.join(header)});"
                    " put cells that hold the separator or quotes in double quotes"
                )
            yield Record(dict(zip(header, cells, strict=True)), f"{path}:{line}")


def _header(cells: list[str], path: Path) -> list[str]:
    header = [cell.strip() for cell in cells]
    if len(set(header)) < len(header) or not all(header):
        raise DataError(f"{path}:1: the columns need names, each once; found {', '.join(map(repr, header))}")
    return header


def _parquet(path: Path) -> Iterator[Record]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{path}: reading Parquet needs pyarrow; pip install 'p2m[train]'") from error
    number = 0
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                number += 1
                yield Record(row, f"{path} row {number}")
