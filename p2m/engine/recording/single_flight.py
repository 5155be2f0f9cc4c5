"""One call at a time for one request, among the threads, the tasks and the processes that ask.

In a process a table says who leads; others wait for what the leader brings. Among processes the leader holds
one byte of a file by `lockf`, which the kernel frees when the process dies however it dies. Those locks
belong to the whole process and go when it closes any handle of the file, so there is one table and one handle
a file, opened here alone and never closed. Waiting for another process polls: a blocking wait would see
deadlocks where threads of two processes wait for each other's different bytes.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

_tables: dict[tuple[int, str], Flights] = {}
_guard = threading.Lock()
_SHORTEST, _LONGEST = 0.002, 0.05  # seconds between two tries for another process's byte


def flights(path: Path) -> Flights:
    """The table of that file in this process; a forked child has one of its own."""
    global _guard
    key = (os.getpid(), os.path.realpath(path))
    with _guard:
        if key not in _tables or not _tables[key].is_of(path):
            _tables[key] = Flights(path)
        return _tables[key]


def _after_fork() -> None:
    global _guard
    _guard = threading.Lock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_after_fork)


class Flight:
    """A call under way. `arrival` gives the answer, or None where the leader brought none."""

    def __init__(self, table: Flights, digest: str) -> None:
        self._table, self._digest = table, digest
        self.locked = False
        self.arrival: Future[bytes | None] = Future()
        self.arrival.set_running_or_notify_cancel()  # one follower that gives up must not stop the others

    def try_lock(self) -> bool:
        """Keep other processes from the same request; False while one of them is at it."""
        self.locked = self.locked or self._table.try_lock(self._digest)
        return self.locked

    def land(self, answer: bytes | None) -> None:
        """End the flight; what is said first counts."""
        if self._table.end(self._digest, self):
            self.arrival.set_result(answer)


class Flights:
    """The flights of one ledger in this process."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._flying: dict[str, Flight] = {}
        self._lock = threading.Lock()

    def is_of(self, path: Path) -> bool:
        """Whether the file of that name is still the one that is held open."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._handle))
        except FileNotFoundError:
            return False

    def join(self, digest: str) -> tuple[Flight, bool]:
        """The flight of a request, and whether the caller leads it."""
        with self._lock:
            flight = self._flying.get(digest)
            if flight is not None:
                return flight, False
            flight = self._flying[digest] = Flight(self, digest)
            return flight, True

    def end(self, digest: str, flight: Flight) -> bool:
        """Let the next one lead, once; the byte goes while nobody else can lead."""
        with self._lock:
            if self._flying.get(digest) is not flight:
                return False
            if flight.locked:
                fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, _byte(digest))
            del self._flying[digest]
            return True

    def try_lock(self, digest: str) -> bool:
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(digest))
        except (BlockingIOError, PermissionError):
            return False
        return True


def pauses() -> Iterator[float]:
    """Seconds to wait between tries for what another process holds."""
    pause = _SHORTEST
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST)


def _byte(digest: str) -> int:
    return int(digest[:15], 16)  # below 2^60: an offset that every file system takes
