"""Answers of a file that is being answered, kept beside its output: the same command goes on after a kill.

`out.csv.part` begins with a line that says of what it is a part, a digest; a line an answer follows, in the
order of the rows. Whatever of it is no whole line is cut off before anything is added. The output itself is
written anew from the kept answers, so it has the same bytes however often the command was ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from .lines import TableError
from .rows import Answer

try:
    import fcntl
except ModuleNotFoundError:  # no such locks on this system: whoever writes there twice at once is not told
    fcntl = None  # type: ignore[assignment]

SYNC = 5  # seconds between two times that answers are sure to be on the disk


class Part:
    """The kept answers, open and locked. `rows` is how many there are, `was_other` that those of other rows,
    another model or other options were thrown away.
    """

    def __init__(self, output: Path, digest: str) -> None:
        """Of the file that becomes `output`.

        Raises:
            TableError: another command is writing there.
        """
        self.path = output.with_name(f"{output.name}.part")
        self._stream: IO[bytes] = open(self.path, "a+b")  # noqa: SIM115
        try:
            _lock(self._stream, self.path)
            head = json.dumps({"part": 1, "of": digest}).encode() + b"\n"
            self._stream.seek(0)
            found = self._stream.readline()
            self.was_other = bool(found) and found != head
            if found != head:
                self._stream.truncate(0)
                self._stream.write(head)
            self._start, self.rows = len(head), 0
            end = self._start
            for line in self._lines():
                self.rows, end = self.rows + 1, end + len(line)
            self._stream.truncate(end)
        except BaseException:
            self._stream.close()
            raise
        self._synced = time.monotonic()

    def kept(self) -> Iterator[Answer | None]:
        """The answers so far; None of a row with nothing to answer."""
        for line in self._lines():
            yield _read(line)

    def add(self, answers: Iterable[Answer | None]) -> None:
        """Keep further ones."""
        self._stream.seek(0, os.SEEK_END)
        self._stream.write(b"".join(map(_written, answers)))
        self._stream.flush()
        if time.monotonic() - self._synced >= SYNC:
            os.fsync(self._stream.fileno())
            self._synced = time.monotonic()

    def close(self, *, is_done: bool) -> None:
        """Let go of it; what is done leaves nothing behind, and neither does what kept nothing."""
        if is_done or os.fstat(self._stream.fileno()).st_size <= self._start:
            self.path.unlink(missing_ok=True)
        self._stream.close()

    def _lines(self) -> Iterator[bytes]:
        """Whole lines of answers, read by a handle of its own; it stops at the first that is none."""
        self._stream.flush()
        with self.path.open("rb") as stream:
            stream.seek(self._start)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                try:
                    _read(line)
                except (ValueError, TypeError):  # a machine that lost its power may leave anything
                    return
                yield line


def _written(answer: Answer | None) -> bytes:
    value = None if answer is None else [answer.output, answer.score, answer.shaped, answer.abstain]
    return json.dumps(value).encode() + b"\n"


def _read(line: bytes) -> Answer | None:
    value = json.loads(line)
    if value is None:
        return None
    output, score, shaped, abstains = value
    return Answer(output, score, shaped, abstains)


def _lock(stream: IO[bytes], path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise TableError(
            f"{path}: another command is writing these answers; wait for it, or name another output"
        ) from None


def digest_of(input: Path, model: Path, options: str) -> str:
    """What answers depend on: the file of rows, the model's folder, the code beside this file, and what was
    asked for."""
    found = hashlib.sha256(options.encode())
    here = Path(__file__).resolve().parent
    files = [input, *sorted(each for each in model.rglob("*") if each.is_file()), *sorted(here.glob("*.py"))]
    for path in files:
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()
