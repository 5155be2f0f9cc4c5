"""Appending to the ledger: many callers, one write and one fsync for all that wait.

Each process that records owns one segment by `flock`, which the kernel frees when it dies however it dies;
the next one goes on in it, unless its end is torn. A caller is told only after its record is on the disk.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from p2m.engine.files import disk
from p2m.errors import StoreError

SUFFIX = ".records"
FULL = 256 << 20  # bytes after which a new segment is begun
_sync = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class Appended:
    """A frame that is on the disk."""

    digest: str
    segment: str
    offset: int
    length: int


@dataclass(slots=True)
class _Waiting:
    digest: str
    frame: bytes
    done: Future[Appended] = field(default_factory=Future)


class Appender:
    """Writes frames to the segment that this process owns.

    `resting()` gives the segments that end in a sound record, with their sizes; `landed` hears of what was
    written, before those who wait do.
    """

    def __init__(
        self,
        folder: Path,
        resting: Callable[[], Mapping[str, int]],
        landed: Callable[[Sequence[Appended]], None],
    ) -> None:
        self.folder, self._resting, self._landed = folder, resting, landed
        self.segment = ""
        self.failure: StoreError | None = None
        self._handle = -1
        self._end = 0
        self._queue: list[_Waiting] = []
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def put(self, digest: str, frame: bytes) -> Future[Appended]:
        """Append a frame; the future is done when it is durable, and raises StoreError where it cannot be."""
        waiting = _Waiting(digest, frame)
        waiting.done.set_running_or_notify_cancel()  # whoever stops waiting must not stop others
        with self._wake:
            if self._closing:
                raise StoreError(f"the ledger in {self.folder} was closed")
            self._queue.append(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="p2m-ledger", daemon=True)
                self._thread.start()
            self._wake.notify()
        return waiting.done

    def close(self) -> None:
        """Write what waits, and let the segment go."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        self._release()

    # ------------------------------------------------------------------ the writing thread

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                batch, self._queue = self._queue, []
            if not batch:
                return
            try:
                if self.failure is not None:
                    raise self.failure
                appended = self._commit(batch)
            except BaseException as error:
                self._fail(batch, error)
                continue
            for waiting, done in zip(batch, appended, strict=True):
                waiting.done.set_result(done)

    def _commit(self, batch: Sequence[_Waiting]) -> list[Appended]:
        gone = self._handle >= 0 and not os.fstat(self._handle).st_nlink
        if self._handle < 0 or self._end >= FULL or gone:
            self._release()
            self._own_one()
        appended = []
        offset = self._end
        for waiting in batch:
            appended.append(Appended(waiting.digest, self.segment, offset, len(waiting.frame)))
            offset += len(waiting.frame)
        disk.write_all(self._handle, b"".join(waiting.frame for waiting in batch))
        _sync(self._handle)
        self._end = offset
        self._landed(appended)
        return appended

    def _fail(self, batch: Sequence[_Waiting], error: BaseException) -> None:
        """Take back what was written of the batch, and refuse what comes: the disk is not to be trusted."""
        try:
            if self._handle >= 0:
                os.ftruncate(self._handle, self._end)
                _sync(self._handle)
        except OSError:
            pass  # readers find a torn end, or records that were paid for and are sound
        if isinstance(error, OSError):
            error = disk.explain(error, self.folder, "recording an answer")
        if isinstance(error, StoreError):
            self.failure = error
        for waiting in batch:
            waiting.done.set_exception(error)

    def _own_one(self) -> None:
        for name, size in sorted(self._resting().items()):
            if size < FULL and self._own(name, size):
                return
        name = uuid.uuid4().hex + SUFFIX
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(self.folder / name, flags, 0o666)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        self.segment, self._end = name, 0
        disk.sync_folders([self.folder])

    def _own(self, name: str, size: int) -> bool:
        """Go on in a segment that nobody writes, if it still ends where its last sound record does."""
        try:
            handle = os.open(self.folder / name, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return False  # not ours to write
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_size != size:
                raise BlockingIOError
        except OSError:
            os.close(handle)
            return False
        self._handle, self.segment, self._end = handle, name, size
        return True

    def _release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self.segment = -1, ""
