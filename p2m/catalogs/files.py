"""Catalogues as Parquet files: one schema, sorted by id, the same bytes for the same entries.

Pages carry checksums, which are verified whenever they are read. A file that says of itself that it would
grow beyond bounds is refused before anything is unpacked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from p2m.catalogs.entries import KINDS, Config, Entry
from p2m.deploy.serving.lines import TableError
from p2m.deploy.serving.parquet import pyarrow_for
from p2m.engine.files import disk
from p2m.errors import DataError

SUFFIX = ".parquet"
CURATED_WORD = "curated"  # in `retriever.sources`
CURATED = Path(__file__).with_name("curated") / "datasets.parquet"  # what it stands for
CURATED_MODELS = CURATED.with_name("models.parquet")
_FORMAT = b"p2m catalogue 1"
_GROUP = 4096  # entries a row group
_MOST = 4 * 2**30  # bytes that a catalogue may unpack to
_MOST_ENTRIES = 5_000_000


def is_catalogue(path: Path) -> bool:
    """Whether it is a catalogue file; its end is looked at, and no library is needed."""
    if path.suffix != SUFFIX or not path.is_file():
        return False
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 8))
        tail = stream.read(8)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != b"PAR1" or length > path.stat().st_size - 12:
            return False
        stream.seek(-8 - length, 2)
        return _FORMAT in stream.read(length)


def dated(path: Path) -> str:
    """The day of which a catalogue tells, as an ISO date; "" where it does not say."""
    return (_mark(_opened(path)) or b"").decode()


def read_catalog(path: Path) -> tuple[Entry, ...]:
    """All entries, in the order of their ids.

    Raises:
        DataError: it is no catalogue, is damaged, or would not fit into memory.
    """
    return tuple(entries_of(path))


def entries_of(path: Path) -> Iterator[Entry]:
    """The entries one after another, so that a large catalogue is never in memory as a whole.

    Raises:
        DataError: it is no catalogue, is damaged, or would not fit into memory.
    """
    file = _opened(path)
    if _mark(file) is None:
        raise DataError(
            f"{path}: a Parquet file, and no catalogue; p2m catalog refresh and p2m catalog add make one"
        )
    size = sum(
        file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups)
    )
    if size > _MOST or file.metadata.num_rows > _MOST_ENTRIES:
        raise DataError(
            f"{path}: {file.metadata.num_rows} entries and {size} bytes; no catalogue is that large"
        )
    try:
        for batch in file.iter_batches(batch_size=_GROUP):
            yield from (_entry(row, path) for row in batch.to_pylist())
    except (OSError, ValueError) as error:  # what pyarrow raises on damaged pages
        raise DataError(
            f"{path}: a damaged catalogue ({_first_line(error)}); refresh it, or take a copy"
        ) from None


def write_catalog(entries: Iterable[Entry], path: Path, *, day: str = "") -> None:
    """Write entries to a file, sorted by kind and id, over whatever is there, in one move.

    Raises:
        DataError: two entries of one id, or pyarrow is not installed.
    """
    pyarrow = _pyarrow(path)
    there = sorted(entries, key=lambda entry: (KINDS.index(entry.kind), entry.id))
    for one, other in pairwise(there):
        if (one.kind, one.id) == (other.kind, other.id):
            raise DataError(f"{path}: two entries are called {one.id}; name each once")
    schema = _schema(pyarrow)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {
        "compression": "zstd",
        "compression_level": 9,  # 19 takes 25 times as long, for 7% less
        "store_schema": False,
        "write_page_checksum": True,
    }
    with (
        disk.replacing(path, durable=False) as stream,
        pyarrow.parquet.ParquetWriter(stream, schema, **options) as writer,
    ):
        for start in range(0, len(there), _GROUP):
            rows = [_row(entry) for entry in there[start : start + _GROUP]]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
        writer.add_key_value_metadata({_FORMAT.decode(): day})


def _opened(path: Path) -> Any:
    pyarrow = _pyarrow(path)
    try:
        return pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or _first_line(error)}") from None
    except ValueError as error:
        raise DataError(f"{path}: not a Parquet file that can be read: {_first_line(error)}") from None


def _mark(file: Any) -> bytes | None:
    """The day that stands beside the format's mark; None where the mark is not there."""
    found: Mapping[bytes, bytes] = file.metadata.metadata or {}
    return found.get(_FORMAT)


def _pyarrow(path: Path) -> Any:
    try:
        return pyarrow_for(path)
    except TableError as error:
        raise DataError(str(error)) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _schema(pyarrow: Any) -> Any:
    text, number = pyarrow.string(), pyarrow.int64()
    pairs = pyarrow.list_(pyarrow.struct([("name", text), ("type", text)]))
    parts = pyarrow.list_(pyarrow.struct([("name", text), ("rows", number)]))
    config = pyarrow.struct([("name", text), ("columns", pairs), ("parts", parts)])
    names = pyarrow.list_(pyarrow.struct([("number", text), ("name", text)]))
    labels = pyarrow.struct([("column", text), ("names", names)])
    special = {
        "task_ids": pyarrow.list_(text),
        "languages": pyarrow.list_(text),
        "gated": pyarrow.bool_(),
        "configs": pyarrow.list_(config),
        "label_names": pyarrow.list_(labels),
    } | dict.fromkeys(("size_bytes", "rows", "downloads", "likes", "parameters"), number)
    return pyarrow.schema([(one.name, special.get(one.name, text)) for one in fields(Entry)])


def _row(entry: Entry) -> dict[str, Any]:
    row = {one.name: getattr(entry, one.name) for one in fields(Entry)}
    row["configs"] = [
        {
            "name": config.name,
            "columns": [{"name": name, "type": kind} for name, kind in config.columns],
            "parts": [{"name": name, "rows": rows} for name, rows in config.parts],
        }
        for config in entry.configs
    ]
    row["label_names"] = [
        {"column": column, "names": [{"number": number, "name": name} for number, name in names.items()]}
        for column, names in entry.label_names.items()
    ]
    return row


def _entry(row: Mapping[str, Any], path: Path) -> Entry:
    try:
        values = {one.name: row[one.name] for one in fields(Entry)}
        values["configs"] = tuple(
            Config(
                config["name"],
                tuple((column["name"], column["type"]) for column in config["columns"]),
                tuple((part["name"], part["rows"]) for part in config["parts"]),
            )
            for config in row["configs"]
        )
        values["label_names"] = {
            one["column"]: {each["number"]: each["name"] for each in one["names"]}
            for one in row["label_names"]
        }
        values["task_ids"], values["languages"] = tuple(row["task_ids"]), tuple(row["languages"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: an entry without {error}; it was written by another p2m: refresh it"
        ) from None
    if values["kind"] not in KINDS or not values["id"]:
        raise DataError(f"{path}: {values['id'] or 'an entry'} is neither a dataset nor a model; refresh it")
    return Entry(**values)
