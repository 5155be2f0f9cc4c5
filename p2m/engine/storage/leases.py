"""Leases: what a running build has come to know, so that nothing collects it under the build's hands.

leases/<run>    a word (key or digest) a line; held by a shared flock of every process of that build

A lease is alive exactly as long as a process holds it, so a killed build holds nothing. A pin is an append,
not synced: after a power cut there is no build left to protect. Pinning passes through the shared side of
`locks/.gc`, whose exclusive side a collector holds while it reads the pins and deletes a few things. So
whatever is looked at after `pin` returned was either deleted before, and is a plain miss, or stays.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.files import disk
from p2m.engine.files.file_locks import is_at, is_held, remove_unheld
from p2m.engine.hashing import is_digest

FOLDER = "leases"
GATE = ".gc"


class Lease:
    """The pins of one process for one build."""

    def __init__(self, root: Path, run_id: str, handle: int) -> None:
        self.run_id = run_id
        self._root, self._handle = root, handle
        self._pinned: set[str] = set()

    def pin(self, words: Iterable[str], *, again: bool = False) -> None:
        """Protect keys (entry, output and all its blobs) and digests (with, of a folder, all its blobs).

        `again` writes words that were pinned before too: a key may have got its entry since.
        """
        fresh = [word for word in words if again or word not in self._pinned]
        if fresh:
            # The first newline ends what a process killed in the middle of a word may have left.
            content = ("\n" + "\n".join(fresh) + "\n").encode("ascii")
            with disk.explained(self._root, "pinning what a build uses"), gate(self._root):
                disk.write_all(self._handle, content)
            self._pinned.update(fresh)


@contextmanager
def leased(root: Path, run_id: str) -> Iterator[Lease]:
    """Hold the lease of that run together with whoever else holds it; the last one takes the file away."""
    path = root / FOLDER / run_id
    with disk.explained(root, "taking a lease"):
        handle = _hold(path)
    try:
        yield Lease(root, run_id, handle)
    finally:
        os.close(handle)
        with suppress(OSError):  # collectors sweep it too
            remove_unheld(path)


@contextmanager
def gate(root: Path, *, exclusive: bool = False) -> Iterator[None]:
    """The lock between those who pin (shared) and the one who deletes (exclusive)."""
    path = root / "locks" / GATE
    handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


# --------------------------------------------------------------------------- the collector's side


@dataclass
class _Reading:
    handle: int  # kept open, so that the last pins of a lease that ends meanwhile can still be read
    rest: bytes = b""  # the beginning of a line


class Pins:
    """The pins of all living leases, read on from where the last reading ended."""

    def __init__(self, root: Path) -> None:
        self._folder = root / FOLDER
        self._readings: dict[tuple[int, int], _Reading] = {}

    def news(self) -> list[str]:
        """What was pinned since the last call."""
        for path in disk.listed(self._folder):
            self._open(path)
        found: list[str] = []
        for reading in self._readings.values():
            *lines, reading.rest = (reading.rest + _read_on(reading.handle)).split(b"\n")
            found += pinned(lines)
        return found

    def close(self) -> None:
        for reading in self._readings.values():
            os.close(reading.handle)
        self._readings.clear()

    def _open(self, path: Path) -> None:
        try:
            stat = os.stat(path)
            if (stat.st_dev, stat.st_ino) in self._readings or not is_held(path):
                return
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        stat = os.fstat(handle)
        reading = self._readings.setdefault((stat.st_dev, stat.st_ino), _Reading(handle))
        if reading.handle != handle:
            os.close(handle)


def pinned(lines: Iterable[bytes]) -> list[str]:
    """The lines that are keys or digests."""
    return [word for line in lines if is_digest(word := line.decode("ascii", "replace"))]


# --------------------------------------------------------------------------- inside


def _hold(path: Path) -> int:
    """Open a lease file and share its lock; again where it was swept away in between."""
    path.parent.mkdir(exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            if is_at(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _read_on(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    return b"".join(parts)
