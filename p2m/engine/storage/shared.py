"""A shared store: the layout of a store at a url, read, and where allowed written, by several machines.

    FORMAT   cas/ab/<sha256>   ac/ab/<key>   tmp/   USAGE (see `quota`)

`Shared` is the whole seam: folders and servers join it here, object stores in `objects`. The calls may fail
and hang as networks do; `sharing` bounds them, verifies what came and makes every fault a miss.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from p2m.engine.storage.entries import FORMAT
from p2m.engine.storage.objects import OBJECT_STORES, ObjectStore, OversizeError
from p2m.engine.storage.shared_address import SharedAddress

MAX_ENTRY = 16 << 20  # bytes
_CHUNK = 1 << 20  # bytes read at once


class Shared(Protocol):
    """What a shared store can do; names are relative, such as `ac/ab/<key>`. Every call may raise or hang."""

    place: SharedAddress

    def read(self, name: str, write: Callable[[bytes], object], limit: int) -> bool:
        """Hand over what is under `name`, piece by piece; False where there is nothing.

        Raises:
            OversizeError: there are more than `limit` bytes; no more than a piece beyond that was read.
        """

    def size(self, name: str) -> int | None:
        """Bytes under `name`; None where there is nothing."""

    def write(self, name: str, content: bytes | Path, *, replace: bool = False) -> bool:
        """Put bytes, or a file's, under `name`, whole or not at all; False where it is taken and stays."""

    def ensure(self, name: str, content: Callable[[], Path], size: int, *, anew: bool) -> bool:
        """Have a file of `size` bytes under `name`, `anew` also where it is there.

        `content` gives the file, checked, and is called only where it must be sent. True where an old one was
        there and was put again, so that a collector may have met it meanwhile.
        """

    def prepare(self) -> str:
        """Make ready for the first write; what is to be known of writing there, or ""."""


class FsspecShared:
    """A shared store behind any url that fsspec knows. fsspec is imported with the first call."""

    def __init__(self, place: SharedAddress) -> None:
        self.place = place
        self._system: Any = None
        self._base = ""

    def read(self, name: str, write: Callable[[bytes], object], limit: int) -> bool:
        system, path = self._at(name)
        # Streamed by one request: without these the size would be asked for first.
        options = {"block_size": 0, "size": 1} if self.place.protocol in ("http", "https") else {}
        try:
            stream = system.open(path, "rb", **options)
        except FileNotFoundError:
            return False
        seen = 0
        with stream:
            while chunk := stream.read(_CHUNK):
                seen += len(chunk)
                if seen > limit:
                    raise OversizeError(f"more than {limit} bytes")
                write(chunk)
        return True

    def size(self, name: str) -> int | None:
        system, path = self._at(name)
        try:
            return int(system.info(path)["size"])
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes | Path, *, replace: bool = False) -> bool:
        if not replace and self.size(name) is not None:
            return False
        system, path = self._at(name)
        temporary = f"{self._base}/tmp/{uuid.uuid4().hex}"
        try:
            _put_somewhere(system, temporary, content)
            _expect_size(system, temporary, content)
            return self._rename(temporary, path, replace)
        finally:
            with suppress(Exception):  # gone by its renaming, or never there
                system.rm_file(temporary)

    def ensure(self, name: str, content: Callable[[], Path], size: int, *, anew: bool) -> bool:
        there = self.size(name)
        if there != size or anew:
            self.write(name, content(), replace=there is not None)
        return False

    def prepare(self) -> str:
        return ""

    def _rename(self, temporary: str, path: str, replace: bool) -> bool:
        system = self._system
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        if self.place.protocol in ("file", "local") and not replace:
            try:
                system.link(temporary, path)  # unlike a renaming, this never takes a name that is taken
            except FileExistsError:
                return False
            return True
        system.mv(temporary, path)
        return True

    def _at(self, name: str) -> tuple[Any, str]:
        """The file system and the path in it; both are found with the first call."""
        if self._system is None:
            import fsspec

            self._system, base = fsspec.core.url_to_fs(self.place.url)
            self._base = str(base).rstrip("/")
        return self._system, f"{self._base}/{name}"


def _put_somewhere(system: Any, path: str, content: bytes | Path) -> None:
    system.makedirs(path.rpartition("/")[0], exist_ok=True)
    if isinstance(content, Path):
        system.put_file(str(content), path)
    else:
        system.pipe_file(path, content)


def _expect_size(system: Any, path: str, content: bytes | Path) -> None:
    expected = len(content) if isinstance(content, bytes) else os.stat(content).st_size
    found = int(system.info(path)["size"])
    if found != expected:
        raise OSError(f"{found} of {expected} bytes arrived")


# --------------------------------------------------------------------------- layout


def blob_name(digest: str) -> str:
    return f"cas/{digest[:2]}/{digest}"


def entry_name(key: str) -> str:
    return f"ac/{key[:2]}/{key}"


def format_problem(mark: bytes | None) -> str:
    """What is wrong with the content of a shared store's FORMAT; "" where it can be read."""
    if mark is None:
        return "it holds no p2m store (there is no file FORMAT)"
    words = mark.decode("ascii", "replace").split()
    if len(words) != 2 or words[0] != "p2m-store" or not words[1].isdigit():
        return "its file FORMAT is not that of a p2m store"
    if int(words[1][:9]) > FORMAT:
        return f"it has format {words[1][:9]}, and this p2m reads format {FORMAT}; upgrade p2m"
    return ""


def open_shared(place: SharedAddress, memory: Path | None = None) -> Shared:
    """The shared store at that place; nothing is read yet. `memory` is a folder for what is learned of it."""
    return ObjectStore(place, memory) if place.protocol in OBJECT_STORES else FsspecShared(place)


def read_bytes(shared: Shared, name: str, limit: int, alive: Callable[[], None]) -> bytes | None:
    """What is under `name`, at most `limit` bytes of it; `alive` may raise between pieces."""
    pieces: list[bytes] = []

    def take(piece: bytes) -> None:
        alive()
        pieces.append(piece)

    return b"".join(pieces) if shared.read(name, take, limit) else None
