"""Records on their way to another machine: one JSON object a line, gzipped, each with its own proof.

    {"p2m_ledger": 1}
    {"digest": ..., "record": {...}, "seal": ...}

The same records always make the same bytes. What comes in is proved line by line; what is known stays.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from p2m.engine.files import disk
from p2m.engine.recording.ledger import Ledger
from p2m.engine.recording.records import Record, body_of, canonical, parse_body, seal
from p2m.errors import UserError

_VERSION = 1
_BATCH = 2000  # lines held in memory at once
_TOGETHER = 64  # records that share an fsync


@dataclass(frozen=True)
class Exported:
    """What was written."""

    records: int
    missing: int  # digests that the ledger no longer holds


@dataclass(frozen=True)
class Imported:
    """What was read."""

    added: int
    known: int  # there already, with the same answer
    conflicts: tuple[str, ...]  # digests that have another answer here; that one stays
    damaged: tuple[int, ...]  # numbers of lines that do not prove themselves


def export(ledger: Ledger, digests: Iterable[str], target: Path) -> Exported:
    """Write these records to a `.jsonl.gz` file, in one step.

    Raises:
        UserError: the file cannot be written.
    """
    records = missing = 0
    try:
        with (
            disk.replacing(target, durable=False) as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as stream,
        ):
            stream.write(canonical({"p2m_ledger": _VERSION}) + b"\n")
            for digest in sorted(set(digests)):
                record = ledger.record_files.find_anywhere(digest)
                if record is None:
                    missing += 1
                    continue
                body = body_of(record)
                tail = f',"seal":"{seal(digest, body)}"}}\n'
                stream.write(f'{{"digest":"{digest}","record":'.encode() + body + tail.encode())
                records += 1
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}") from error
    return Exported(records, missing)


def import_file(ledger: Ledger, source: Path) -> Imported:
    """Add the records of an exported file to the ledger.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    added = known = 0
    conflicts: list[str] = []
    damaged: list[int] = []
    lines = _lines(source)
    with ThreadPoolExecutor(_TOGETHER) as pool:
        while batch := list(islice(lines, _BATCH)):
            good = [record for _, record in batch if record is not None]
            damaged += [number for number, record in batch if record is None]
            for record, (standing, new) in zip(good, pool.map(ledger.add, good), strict=True):
                added += new
                known += not new and standing.answer == record.answer
                if standing.answer != record.answer:
                    conflicts.append(record.digest)
    return Imported(added, known, tuple(conflicts), tuple(damaged))


def _lines(source: Path) -> Iterator[tuple[int, Record | None]]:
    """Number and record of each line; None where it does not prove itself."""
    number = 1
    try:
        with gzip.open(source, "rb") as stream:
            _check_head(source, stream.readline())
            for number, line in enumerate(stream, start=2):
                yield number, _proved(line)
    except (EOFError, zlib.error):
        yield number + 1, None  # cut or damaged from here on
    except gzip.BadGzipFile as error:
        if number > 1:
            yield number + 1, None
            return
        raise UserError(f"{source} is not a file that `p2m ledger export` wrote: {error}") from None
    except OSError as error:
        raise UserError(f"{source} cannot be read: {error.strerror}") from error


def _check_head(source: Path, line: bytes) -> None:
    try:
        version = json.loads(line)["p2m_ledger"]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{source} is not a file that `p2m ledger export` wrote") from None
    if version != _VERSION:
        raise UserError(f"{source} is an export of format {version}, and this p2m reads format {_VERSION}")


def _proved(line: bytes) -> Record | None:
    try:
        content = json.loads(line)
        digest, body = content["digest"], canonical(content["record"])
        return parse_body(body, digest) if seal(digest, body) == content["seal"] else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
