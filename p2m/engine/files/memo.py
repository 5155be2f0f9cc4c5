"""What was computed before, by the digest of what it was computed of: values of one size in one file.

    <file>    32 bytes: the sha256 of the rest; 4 bytes: the size of a value; then of each 32 bytes of digest
              and its own bytes

A memo saves time and nothing else: no result may depend on what is in it. A lost or damaged file costs the
time to compute again; of two processes that write at once the later one's file stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.files import disk

FOLDER = "memos"  # below `tmp` of a store
_DIGEST = 32
_HEAD = 4
_MOST = 2**20  # values in a file; beyond that, those that were asked for longest ago go


@dataclass(frozen=True, slots=True)
class Memo:
    """Values in a file, by the sha256 of what each belongs to."""

    path: Path

    def known(self) -> dict[bytes, bytes]:
        """All values, those that were asked for last at the end; none where the file is damaged."""
        content = disk.read_if_there(self.path) or b""
        seal, rest = content[:_DIGEST], memoryview(content)[_DIGEST:]
        if len(rest) < _HEAD or hashlib.sha256(rest).digest() != seal:
            return {}
        step = _DIGEST + int.from_bytes(rest[:_HEAD], "little")
        places = range(_HEAD, len(rest), step)
        return {bytes(rest[at : at + _DIGEST]): bytes(rest[at + _DIGEST : at + step]) for at in places}

    def keep(self, values: Mapping[bytes, bytes]) -> None:
        """Add values, all of one size, or move them to the end.

        Where they cannot be written, nothing is remembered.
        """
        if not values:
            return
        others = {digest: value for digest, value in self.known().items() if digest not in values}
        kept = [*others.items(), *values.items()][-_MOST:]
        size = len(kept[-1][1]).to_bytes(_HEAD, "little")
        rest = b"".join((size, *(part for pair in kept for part in pair)))
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            disk.replace(self.path, hashlib.sha256(rest).digest() + rest, durable=False)
