"""The decisions file while people decide: every decision is on the disk before it is answered.

A line is appended under a lock and synced; the file is sorted when a review begins and when it ends, by
writing it anew beside itself. So a kill at any moment leaves every decision that was answered.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from p2m.curation.decisions import Entry, compacted, read_entries
from p2m.engine.files.disk import replacing, sync_folders, write_all
from p2m.errors import UserError


@dataclass(frozen=True, slots=True)
class Overlay:
    """A decisions file, there or not yet."""

    path: Path

    def entries(self) -> list[Entry]:
        """Every line; a last one that a power failure cut off was never answered, and is taken out.

        Raises:
            DataError: with file and line: a line that is no decision.
        """
        if not self.path.is_file():
            return []
        with self._locked() as handle:
            _mend(handle)
            return read_entries(self.path)

    def append(self, *entries: Entry) -> None:
        """Put decisions on the disk.

        Raises:
            UserError: the file cannot be written; nothing was decided then.
        """
        with self._locked() as handle:
            _mend(handle)
            os.lseek(handle, 0, os.SEEK_END)
            write_all(handle, "".join(f"{entry.line()}\n" for entry in entries).encode())
            os.fsync(handle)

    def tidy(self) -> None:
        """Sort the lines and leave out what later ones have replaced."""
        if not self.path.is_file():
            return
        with self._locked() as handle:
            _mend(handle)
            before = read_entries(self.path)
            after = compacted(before)
            if [entry.line() for entry in after] == [entry.line() for entry in before]:
                return
            with replacing(self.path) as stream:
                os.fchmod(stream.fileno(), os.fstat(handle).st_mode & 0o777)
                stream.write("".join(f"{entry.line()}\n" for entry in after).encode())
            sync_folders([self.path.parent])

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The file, open and locked: the one that has the name, should another process have replaced it."""
        try:
            while True:
                is_new = not self.path.exists()
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
                fcntl.flock(handle, fcntl.LOCK_EX)
                if self.path.exists() and os.path.samestat(os.fstat(handle), os.stat(self.path)):
                    break
                os.close(handle)
        except OSError as error:
            raise UserError(f"{self.path}: decisions cannot be kept there: {error.strerror}") from None
        try:
            if is_new:
                sync_folders([self.path.parent])
            yield handle
        except OSError as error:
            raise UserError(
                f"{self.path}: this could not be kept: {error.strerror}; free some room"
            ) from None
        finally:
            os.close(handle)


def _mend(handle: int) -> None:
    """End the last line: one without an end is whole and lacks its line break, or was cut off."""
    size = os.fstat(handle).st_size
    os.lseek(handle, 0, os.SEEK_SET)
    if not size or os.pread(handle, 1, size - 1) == b"\n":
        return
    text = os.pread(handle, size, 0)
    begin = text.rfind(b"\n") + 1
    if text[begin:].rstrip().endswith(b"}"):
        os.lseek(handle, 0, os.SEEK_END)
        write_all(handle, b"\n")
    else:
        os.ftruncate(handle, begin)
    os.fsync(handle)
