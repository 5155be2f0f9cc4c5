"""Where each recorded answer stands: a sorted file of fixed-width entries in blocks that prove themselves.

It is made from the segments and may be lost at any time. Every block that a search looks at is checked, since
a byte that flips in an unchecked tree would hide a record, which would then be paid for again. The file is
never changed in place: a new one takes its name, so readers of the old one go on undisturbed.

    p2m-index1 <seal> {"entries": ..., "id": ..., "segments": [[name, covered bytes], ...]}\\n  blocks
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.files import disk

_ENTRY = struct.Struct(">32sIQI")  # digest, number of the segment, offset, length
_PER_BLOCK = 80
_BODY = _PER_BLOCK * _ENTRY.size
_BLOCK = _BODY + 4  # and its checksum
_HEADER = re.compile(rb"p2m-index1 ([0-9a-f]{64}) (\{.*\})\n", re.DOTALL)
_MAX_HEADER = 1 << 22
_WRITTEN_AT_ONCE = 1 << 20


class DamagedIndexError(Exception):
    """The index is not what was written; it is made anew from the segments."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands."""

    segment: str
    offset: int
    length: int


class Index:
    """An index file, open for reading."""

    def __init__(self, handle: int, header: Mapping[str, object], start: int) -> None:
        self._handle, self._start = handle, start
        self._id = str(header["id"])
        self.entries = int(str(header["entries"]))
        self.blocks = -(-self.entries // _PER_BLOCK)
        segments: list[tuple[str, int]] = header["segments"]  # type: ignore[assignment]
        self.names = [str(name) for name, _ in segments]
        self.covered = {str(name): int(size) for name, size in segments}

    @classmethod
    def open(cls, path: Path) -> Index | None:
        """The index in that file; None where there is none.

        Raises:
            DamagedIndexError: it is not what was written.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return cls._read(handle)
        except BaseException:
            os.close(handle)
            raise

    @classmethod
    def _read(cls, handle: int) -> Index:
        head = os.pread(handle, 1 << 16, 0)
        if b"\n" not in head:
            head = os.pread(handle, _MAX_HEADER, 0)
        found = _HEADER.match(head.partition(b"\n")[0] + b"\n")
        if found is None or hashlib.sha256(found[2]).hexdigest() != found[1].decode():
            raise DamagedIndexError
        index = cls(handle, json.loads(found[2]), found.end())
        if os.fstat(handle).st_size != found.end() + index.blocks * _BLOCK:
            raise DamagedIndexError
        return index

    def close(self) -> None:
        os.close(self._handle)

    def find(self, digest: str) -> Place | None:
        """Where the record of that digest stands, if the index knows it.

        Raises:
            DamagedIndexError: a block that the search looked at is not what was written.
        """
        key = bytes.fromhex(digest)
        low, high = 0, self.blocks - 1  # the last block that begins at or before the key
        while low < high:
            middle = (low + high + 1) // 2
            if self._block(middle)[:32] <= key:
                low = middle
            else:
                high = middle - 1
        if high < 0:
            return None
        entries = self._entries(low)
        at = bisect_left(entries, key, key=lambda entry: entry[:32])
        if at == len(entries) or entries[at][:32] != key:
            return None
        return self._place(entries[at])

    def all(self) -> Iterator[bytes]:
        """Every packed entry, by digest."""
        for number in range(self.blocks):
            yield from self._entries(number)

    def _place(self, entry: bytes) -> Place:
        _, segment, offset, length = _ENTRY.unpack(entry)
        if segment >= len(self.names):
            raise DamagedIndexError
        return Place(self.names[segment], offset, length)

    def _entries(self, number: int) -> list[bytes]:
        count = min(_PER_BLOCK, self.entries - number * _PER_BLOCK)
        block = self._block(number)
        return [block[at : at + _ENTRY.size] for at in range(0, count * _ENTRY.size, _ENTRY.size)]

    def _block(self, number: int) -> bytes:
        block = os.pread(self._handle, _BLOCK, self._start + number * _BLOCK)
        if len(block) != _BLOCK or block[_BODY:] != _checksum(self._id, number, block[:_BODY]):
            raise DamagedIndexError
        return block


def write(
    path: Path,
    base: Index | None,
    added: Mapping[bytes, Place],
    covered: Mapping[str, int],
    better: Callable[[str, Place, Place], Place],
) -> None:
    """Write the index of `base` and `added` under `path`, in one step.

    `better(digest, old, new)` chooses where both know a digest. Raises OSError and DamagedIndexError.
    """
    names = list(dict.fromkeys([*(base.names if base else ()), *covered]))
    numbers = {name: number for number, name in enumerate(names)}

    def packed(digest: bytes, place: Place) -> bytes:
        return _ENTRY.pack(digest, numbers[place.segment], place.offset, place.length)

    news = sorted(added)
    count = (base.entries if base else 0) + len(news)
    if base is not None:
        count -= sum(base.find(digest.hex()) is not None for digest in news)
    identity = os.urandom(4).hex()
    head = json.dumps(
        {"entries": count, "id": identity, "segments": [[name, covered.get(name, 0)] for name in names]}
    ).encode()

    def merged() -> Iterator[bytes]:
        waiting = iter(news)
        new = next(waiting, None)
        for entry in base.all() if base is not None else ():
            while new is not None and new < entry[:32]:
                yield packed(new, added[new])
                new = next(waiting, None)
            if base is not None and new == entry[:32]:
                yield packed(new, better(new.hex(), base._place(entry), added[new]))
                new = next(waiting, None)
            else:
                yield entry
        while new is not None:
            yield packed(new, added[new])
            new = next(waiting, None)

    temporary = disk.unique(path.parent, "index")
    with disk.replacing(path, temporary=temporary, durable=False, buffering=_WRITTEN_AT_ONCE) as stream:
        stream.write(b"p2m-index1 %s %s\n" % (hashlib.sha256(head).hexdigest().encode(), head))
        for number, block in enumerate(_blocks(merged())):
            stream.write(block + _checksum(identity, number, block))


def _blocks(entries: Iterator[bytes]) -> Iterator[bytes]:
    buffer: list[bytes] = []
    for entry in entries:
        buffer.append(entry)
        if len(buffer) == _PER_BLOCK:
            yield b"".join(buffer)
            buffer.clear()
    if buffer:
        yield b"".join(buffer).ljust(_BODY, b"\0")


def _checksum(identity: str, number: int, body: bytes) -> bytes:
    return zlib.crc32(body, zlib.crc32(b"%s %d" % (identity.encode(), number))).to_bytes(4, "big")
