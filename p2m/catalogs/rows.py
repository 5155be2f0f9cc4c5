"""Rows of a data file, one at a time, each with its place, whatever the format.

Every way in which a file can be broken ends in a DataError that says file and line; nothing else leaves here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.catalogs.conll import conll_rows, is_conll
from p2m.catalogs.nested import MARK, fasttext_rows, with_questions
from p2m.catalogs.tables import separated, workbook
from p2m.deploy.serving import lines
from p2m.deploy.serving.lines import TableError, form_of, numbered_lines, open_bytes, translated
from p2m.deploy.serving.objects import json_lines, json_rows
from p2m.deploy.serving.parquet import parquet_rows, pyarrow_for
from p2m.errors import DataError, nearest

FORMATS = {
    **lines.FORMATS,
    ".xlsx": "xlsx",
    **dict.fromkeys(lines.CONLL, "conll"),
}
TEXTS = (".txt", ".md")  # files that are one text each
KNOWN = "jsonl, json, csv, tsv, conll (each also as .gz), parquet and xlsx"
TABLES = ("csv", "tsv", "xlsx")  # formats with a header
_COUNTED = 512 * 2**20  # bytes; the rows of larger files are not counted


_READERS = {
    "jsonl": lambda path: json_lines(path, pairs=True),
    "json": lambda path: with_questions(json_rows(path, pairs=True)),
    "csv": lambda path: separated(path, ","),
    "tsv": lambda path: separated(path, "\t"),
    "parquet": parquet_rows,
    "xlsx": workbook,
    "conll": conll_rows,
    "fasttext": fasttext_rows,
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row, and where it stands: `file:line`, or `file row n` in files without lines."""

    values: dict[str, Any]
    where: str


def data_format(path: Path) -> str | None:
    """The format of a file by its name; None where it is no data file."""
    return form_of(path, FORMATS)


def read_rows(path: Path) -> Iterator[RawRow]:
    """The rows of a file in order, streaming.

    Raises:
        DataError: with file and line: it cannot be read, or is broken.
    """
    with _translated(path):
        if labelled := labelled_texts(path):
            yield from _labelled(labelled)
            return
        form = data_format(path) or _sniff(path)
        for row in _READERS[form](path):
            yield RawRow(row.values, row.where)


def has_marks(path: Path) -> bool:
    """Whether a text begins with a label as fastText writes it, and so is a table."""
    if not path.is_file():
        return False
    with open_bytes(path) as stream:
        return stream.read(len(MARK)) == MARK.encode()


def labelled_texts(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Label -> texts, where they lie in folders that are called like their labels (`pos/1.txt`, `neg/1.txt`);
    {} of any other folder.
    """
    inside = [each for each in folder.iterdir() if not each.name.startswith(".")] if folder.is_dir() else []
    found = {each.name: _texts_alone(each) for each in sorted(inside) if each.is_dir()}
    beside = [each for each in inside if each.is_file() and not each.name.lower().startswith("readme")]
    is_labelled = len(found) > 1 and not beside and all(len(texts) > 1 for texts in found.values())
    return found if is_labelled else {}


def _labelled(texts: Mapping[str, Sequence[Path]]) -> Iterator[RawRow]:
    for label, files in texts.items():
        for file in files:
            text = whole_text(file)
            yield RawRow({**text.values, "label": label}, text.where)


def _texts_alone(folder: Path) -> tuple[Path, ...]:
    """The texts of a folder that holds nothing else; () of any other."""
    inside = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    return tuple(inside) if all(each.is_file() and each.suffix in TEXTS for each in inside) else ()


def text_lines(path: Path) -> Iterator[RawRow]:
    """The lines of a text that are not blank, each as the column `text`.

    Raises:
        DataError: with file and line: it cannot be read.
    """
    with _translated(path):
        for number, line in numbered_lines(path):
            if line.strip():
                yield RawRow({"text": line.strip()}, f"{path}:{number}")


def whole_text(path: Path) -> RawRow:
    """A whole text as the column `text`.

    Raises:
        DataError: with file and line: it cannot be read.
    """
    with _translated(path):
        return RawRow({"text": "".join(line for _, line in numbered_lines(path)).strip()}, str(path))


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
    if texts := labelled_texts(path):
        return sum(map(len, texts.values()))
    form = data_format(path) or _sniff(path)
    if form == "parquet":
        with _translated(path):
            return int(pyarrow_for(path).parquet.read_metadata(path).num_rows)
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
    near = nearest(column, record.values)
    hint = f" ({near})" if near else ""
    return f"{record.where}: the row lacks the column {column!r}; it has {there}{hint}"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What the libraries raise on broken files, as DataErrors."""
    try:
        with translated(path):
            yield
    except TableError as error:
        raise DataError(str(error)) from error


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
    if head.startswith(MARK.encode()):
        return "fasttext"
    if is_conll(head.decode("utf-8", "replace").splitlines()[:-1]):
        return "conll"
    named = "; call a table .csv or .tsv" if path.suffix.lower() in (".txt", ".text", ".dat", "") else ""
    raise DataError(f"{path}: not a data file that p2m knows; it reads {KNOWN}{named}")
