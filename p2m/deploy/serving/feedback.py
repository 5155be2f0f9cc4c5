"""The feedback log: what was asked in service, what was answered, and what people said of the answers.

JSON Lines that are only ever appended to, by any number of processes at once, and synced before the append
returns. A line that a power failure cut off was never acknowledged; the next append begins after it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RIGHT, WRONG = "right", "wrong"


def now() -> str:
    """The time as entries have it: UTC, 2026-01-31T09:05:00.000000Z."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row that was asked. `answer` corrects `output` where it was judged wrong; both are JSON values."""

    at: str
    id: str  # of the request
    bundle: str  # its name and its digest: desk@1f0c5a77b2d4
    source: str  # "server" or "demo"; `from` in the log
    input: Mapping[str, str]
    output: Any
    score: float
    abstain: bool = False
    judged: str | None = None  # RIGHT, WRONG, or None: seen in service, and not judged
    answer: Any = None
    note: str = ""

    def line(self) -> str:
        """Without its line break."""
        told = asdict(self)
        told["from"] = told.pop("source")
        return json.dumps(told, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Log:
    """A log's file, there or not yet."""

    path: Path

    def append(self, *entries: Entry) -> None:
        """Put the entries on the disk, all of them or, where the disk is full, none.

        Raises:
            OSError: the file cannot be written.
        """
        text = "".join(f"{entry.line()}\n" for entry in entries).encode("utf-8", "surrogatepass")
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            cut = size and os.pread(handle, 1, size - 1) != b"\n"
            try:
                _write(handle, b"\n" * bool(cut) + text)
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]
