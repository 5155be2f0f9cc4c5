"""One build per key at a time, by `flock`, which the kernel frees when a process dies however it dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.files import disk
from p2m.errors import StoreError

QUIET_SECONDS = 1.0  # that another may hold a lock before it is said who is waited for
on_behalf_of = 0  # the process that a lock is signed with instead of this one; a worker's parent


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: for a line that says who is waited for."""

    pid: int  # 0 where it is not known
    what: str
    since: float  # seconds since the epoch

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        return f"process {self.pid}, at it for {max(0, time.time() - self.since):.0f} s"


@contextmanager
def locked(path: Path, what: str, waiting: Callable[[Holder], None]) -> Iterator[bool]:
    """Hold the lock of that file; `waiting` is called once if another has it for a while. Yields whether it
    waited.

    A collector deletes files that nobody holds, so whoever got the lock looks whether the name is still that
    file; two processes that locked two files of one name would both go on.
    """
    waited, holder = False, os.getpid()
    while True:
        with disk.explained(path.parent.parent, f"locking {what}"):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if not _try(handle, path):
                if not (waited or _soon(handle, path)):
                    waiting(_holder(handle))
                waited = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            if is_at(handle, path):
                _sign(handle, what)
                try:
                    yield waited
                finally:
                    _free(handle, holder)
                return
        finally:
            os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def remove_unheld(path: Path) -> bool:
    """Delete a lock file that no process holds; False where one does, or where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_at(handle, path) or path.is_dir():
            return False
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of that file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _try(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise StoreError(
                f"{path.parent} lies on a file system without locks ({error.strerror});"
                " set P2M_STORE to a folder on a local disk"
            ) from error
        raise
    return True


def _soon(handle: int, path: Path) -> bool:
    """Whether the lock is had after a moment that is not worth a word."""
    pause, until = 0.005, time.monotonic() + QUIET_SECONDS
    while time.monotonic() < until:
        time.sleep(pause)
        if _try(handle, path):
            return True
        pause = min(2 * pause, 0.1)
    return False


def _free(handle: int, holder: int) -> None:
    """Let go of a lock; closing the file would not, while a process forked meanwhile has it open too."""
    if os.getpid() == holder:  # otherwise this is such a process, and the lock is its parent's
        fcntl.flock(handle, fcntl.LOCK_UN)


def _sign(handle: int, what: str) -> None:
    """Leave who and since when in the file; only a courtesy, so a full disk does not matter."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(
            handle,
            json.dumps({"pid": on_behalf_of or os.getpid(), "what": what, "since": time.time()}).encode(),
            0,
        )
    except OSError:
        pass


def _holder(handle: int) -> Holder:
    try:
        record = json.loads(os.pread(handle, 4096, 0))
        return Holder(int(record["pid"]), str(record["what"]), float(record["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(0, "", time.time())
