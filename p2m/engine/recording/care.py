"""Looking after a ledger: adding it up, proving it, and erasing from it for good.

Erasing is the one thing that rewrites segments. It needs the ledger alone (`gate`), takes the index away
first, and replaces each segment in one step, so that a kill leaves every other record where it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from p2m.engine.files import disk
from p2m.engine.recording.index import DamagedIndexError, Index
from p2m.engine.recording.record_files import hold_gate
from p2m.engine.recording.records import Frame, Gap, Record, frame_of, parse_body, scan
from p2m.engine.recording.segments import SUFFIX
from p2m.errors import StoreError, UserError

_REWRITTEN = "rewritten"  # label of a segment that is being written anew
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_ADDED = ("cost", "input_tokens", "output_tokens")  # labels that are added up, not told apart
_MANY = 40  # values of one label beyond which they are only counted


@dataclass(frozen=True)
class Query:
    """Which records: those whose labels have these values and whose text holds this one, in any case."""

    where: Mapping[str, str] = field(default_factory=dict)  # `digest` takes the beginning of one
    matching: str = ""

    def selects(self, record: Record) -> bool:
        for name, value in self.where.items():
            if name == "digest":
                if not record.digest.startswith(value):
                    return False
            elif name not in record.labels or _written(record.labels[name]) != value:
                return False
        return not self.matching or _holds(record, _folded(self.matching))


@dataclass(frozen=True)
class Found:
    """What a look at every segment came to."""

    records: int
    bytes: int  # of the segments
    damaged: tuple[str, ...]  # "<segment>: N bytes at M", a record lost each
    torn: tuple[str, ...]  # ends that a killed writer left; nothing that was answered is lost with them


@dataclass
class Sum:
    """Records of one value of a label, of a recipe or of a day."""

    records: int = 0
    cost: float = 0.0  # sum of the label `cost`, USD
    tokens: int = 0  # sum of the labels `input_tokens` and `output_tokens`

    def add(self, cost: float | None, tokens: int) -> None:
        self.records += 1
        self.cost += cost or 0.0
        self.tokens += tokens


@dataclass
class Totals:
    """A ledger added up."""

    records: int = 0
    bytes: int = 0
    cost: float | None = None  # USD; None where no record has the label `cost`
    first: float | None = None  # seconds since the epoch
    last: float | None = None
    labels: dict[str, dict[str, Sum]] = field(default_factory=dict)  # name -> value -> records
    days: dict[str, Sum] = field(default_factory=dict)  # "2026-11-22", of this machine's clock -> records
    recipes: dict[str, Sum] = field(default_factory=dict)  # name -> records


def each(folder: Path) -> Iterator[Record]:
    """Every sound record, once; of two for one request the first."""
    seen: set[bytes] = set()
    for _, part in _parts(folder):
        record = _record(part)
        if record is not None and (key := bytes.fromhex(record.digest)) not in seen:
            seen.add(key)
            yield record


def add_up(
    folder: Path, recipes: Mapping[str, Collection[str]] = MappingProxyType({}), query: Query | None = None
) -> Totals:
    """The ledger's totals, by every label, by day, and by recipe: name -> digests that it used.

    Only of records that `query` selects; `bytes` is always the whole ledger's.
    """
    totals = Totals(bytes=sum(path.stat().st_size for path in _segments(folder)))
    for record in each(folder):
        if query is not None and not query.selects(record):
            continue
        totals.records += 1
        totals.first = min(totals.first or record.time, record.time)
        totals.last = max(totals.last or record.time, record.time)
        cost, tokens = _cost(record), _tokens(record)
        if cost is not None:
            totals.cost = (totals.cost or 0.0) + cost
        day = time.strftime("%Y-%m-%d", time.localtime(record.time))
        totals.days.setdefault(day, Sum()).add(cost, tokens)
        for recipe, digests in recipes.items():
            if record.digest in digests:
                totals.recipes.setdefault(recipe, Sum()).add(cost, tokens)
        for name, value in record.labels.items():
            if name in _ADDED:
                continue
            sums = totals.labels.setdefault(name, {})
            known = _written(value) if len(sums) < _MANY or _written(value) in sums else "(others)"
            sums.setdefault(known, Sum()).add(cost, tokens)
    return totals


def check(folder: Path) -> Found:
    """Read every byte; nothing is changed."""
    damaged, torn, records = [], [], 0
    sizes = {path.name: path.stat().st_size for path in _segments(folder)}
    for name, part in _parts(folder):
        if isinstance(part, Gap) and part.torn:
            torn.append(f"{name}: {part.length} bytes at {part.offset}")
        elif _record(part) is None:
            damaged.append(f"{name}: {part.length} bytes at {part.offset}")
        else:
            records += 1
    try:
        index = Index.open(folder / "index")
        if index is not None:
            sizes = {path.name: path.stat().st_size for path in _segments(folder)}  # others go on writing
            short = [name for name, size in index.covered.items() if sizes.get(name, 0) < size]
            damaged += [f"{name}: shorter than when it was last read" for name in short]
            for _ in index.all():
                pass
            index.close()
    except DamagedIndexError:
        damaged.append("index: not what was written (the next build makes it anew, and no record is lost)")
    return Found(records, sum(sizes.values()), tuple(damaged), tuple(torn))


def erase(folder: Path, query: Query) -> Sum:
    """Take every record that the query selects out of the ledger, and damaged bytes with them.

    Raises:
        UserError: the query would select everything.
        StoreError: another process has the ledger open; or the disk is full, and some records still stand.
    """
    if not query.where and not query.matching:
        raise UserError("erase which records? give --where LABEL=VALUE or --matching TEXT")
    return rewrite(folder, query.selects, log=_told(query))


def rewrite(folder: Path, drop: Callable[[Record], bool], *, log: Mapping[str, Any] | None = None) -> Sum:
    """Rewrite the segments without damaged bytes and without the records that `drop` chooses."""
    dropped = Sum()
    with disk.explained(folder, "rewriting the ledger"):
        gate = _alone(folder)
        try:
            (folder / "index").unlink(missing_ok=True)
            for path in (folder / "segments").glob(f"{_REWRITTEN}.*"):
                path.unlink()  # what a rewriting that was killed has left holds records too
            for path in _segments(folder):
                dropped.records += _rewrite_one(path, drop)
        finally:
            if log is not None:
                _log(folder, {**log, "records": dropped.records})
            os.close(gate)
    return dropped


# --------------------------------------------------------------------------- inside


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "segments").glob(f"*{SUFFIX}") if path.is_file())


def _parts(folder: Path) -> Iterator[tuple[str, Frame | Gap]]:
    for path in _segments(folder):
        with disk.explained(folder, "reading the ledger"), open(path, "rb") as stream:
            for part in scan(stream, 0, path.stat().st_size):
                yield path.name, part


def _record(part: Frame | Gap) -> Record | None:
    if isinstance(part, Gap):
        return None
    try:
        return parse_body(part.body, part.digest)
    except ValueError:
        return None


def _rewrite_one(path: Path, drop: Callable[[Record], bool]) -> int:
    """Write a segment anew if anything of it goes; returns how many records went."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        gone = kept = dirty = 0
        for part in scan(stream, 0, size):
            record = _record(part)
            dirty += record is None
            gone += record is not None and drop(record)
            kept += record is not None and not drop(record)
        if not gone and not dirty:
            return 0
        if not kept:
            path.unlink()
            disk.sync_folders([path.parent])
            return gone
        with disk.replacing(path, temporary=disk.unique(path.parent, _REWRITTEN)) as target:
            for part in scan(stream, 0, size):
                record = _record(part)
                if record is not None and not drop(record):
                    target.write(frame_of(record))
    disk.sync_folders([path.parent])
    return gone


def _alone(folder: Path) -> int:
    try:
        return hold_gate(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(
            f"another process has the ledger in {folder} open, and records cannot be erased under it\n"
            "    wait until running builds have ended, and run the same command again"
        ) from None


def _told(query: Query) -> dict[str, Any]:
    """What the log says of a query: by what was chosen, not the words, which may be what had to go."""
    return {"labels": sorted(query.where), "text": bool(query.matching)}


def _log(folder: Path, line: Mapping[str, Any]) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open(folder / "erased.jsonl", "a", encoding="utf-8") as stream:
        stream.write(json.dumps({"time": stamp, **line}) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _cost(record: Record) -> float | None:
    cost = record.labels.get("cost")
    return float(cost) if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None


def _tokens(record: Record) -> int:
    found = (record.labels.get(name) for name in ("input_tokens", "output_tokens"))
    return sum(value for value in found if isinstance(value, int) and not isinstance(value, bool))


def _written(value: object) -> str:
    """A label's value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _holds(record: Record, folded: str) -> bool:
    """Whether any text of the record holds that one."""
    answer = record.answer.decode("utf-8", "replace")
    return any(
        folded in _folded(text) for text in _texts([record.asked.request, dict(record.labels), answer])
    )


def _texts(value: object) -> Iterator[str]:
    """Every text inside; of one that is JSON (answers often are) also those inside it, without escapes."""
    if isinstance(value, str):
        yield value
        if "\\u" in value:  # of JSON that stands among other text
            yield _ESCAPES.sub(lambda found: _unescaped(found[0]), value)
        if value.lstrip()[:1] in ("{", "[", '"'):
            with suppress(ValueError, RecursionError):
                yield from _texts(json.loads(value))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield json.dumps(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        if set(value) == {"$bytes"}:
            yield bytes.fromhex(value["$bytes"]).decode("utf-8", "replace")
        for key, item in value.items():
            yield key
            yield from _texts(item)


def _unescaped(escapes: str) -> str:
    """`\\u00e9` as the character that it stands for; two halves of a pair make one."""
    units = b"".join(int(code, 16).to_bytes(2, "big") for code in escapes.split("\\u")[1:])
    return units.decode("utf-16-be", "replace")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
