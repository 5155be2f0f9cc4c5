"""A file system of fsspec that fails on demand: `flaky://NAME/...` is a folder, watched by `WORLDS[NAME]`."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
from fsspec import AbstractFileSystem

FAULTS = ("error", "lost", "cut", "flip", "missing", "hang")
WRITES = ("makedirs", "put_file", "pipe_file", "mv", "rm_file", "link", "open-wb")


@dataclass
class World:
    """A remote folder, what goes wrong in it, and every call that was made."""

    folder: Path
    fault: Callable[[int, str, str], str | None] = lambda number, operation, path: None  # one of FAULTS
    pause: float = 0.5  # seconds that a hanging call takes
    calls: list[tuple[str, str]] = field(default_factory=list)
    under_way: int = 0  # calls that have not ended
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def call(self, operation: str, path: str) -> Iterator[str | None]:
        """What goes wrong in a call, which is under way until the block ends."""
        with self.lock:
            self.calls.append((operation, path))
            number = len(self.calls)
            self.under_way += 1
        try:
            fault = self.fault(number, operation, path)
            if fault == "hang":
                time.sleep(self.pause)
            if fault == "error":
                raise OSError("the network is down")
            if fault == "missing":
                raise FileNotFoundError(path)
            yield fault
        finally:
            with self.lock:
                self.under_way -= 1

    def wait(self) -> None:
        """Until no call is under way, and for a while none has begun."""
        until, seen = time.monotonic() + 60, -1
        while (self.under_way or seen != len(self.calls)) and time.monotonic() < until:
            seen = len(self.calls)
            time.sleep(0.1)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] in WRITES]


WORLDS: dict[str, World] = {}


class FlakyFileSystem(AbstractFileSystem):
    """Calls reach the folder, but for the faults of its world."""

    protocol = "flaky"
    cachable = False

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> Any:
        world, place = self._world(path)
        with world.call(f"open-{mode}", path) as fault:
            if mode != "rb":
                raise NotImplementedError(mode)
            content = place.read_bytes()
            _lose(fault)
            return io.BytesIO(_spoilt(content, fault))

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        world, place = self._world(path)
        with world.call("info", path) as fault:
            stat = os.stat(place)
            _lose(fault)
            size = stat.st_size // 2 if fault == "cut" else stat.st_size
            return {"name": path, "size": size, "type": "directory" if place.is_dir() else "file"}

    def ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        world, place = self._world(path)
        with world.call("ls", path):
            names = [f"{path.rstrip('/')}/{one.name}" for one in place.iterdir()]
            return [self.info(name) for name in names] if detail else names

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self._change("makedirs", path, lambda place, _fault: place.mkdir(parents=True, exist_ok=exist_ok))

    def put_file(self, lpath: str, rpath: str, **_options: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def pipe_file(self, path: str, value: bytes, **_options: Any) -> None:
        self._change("pipe_file", path, lambda place, fault: place.write_bytes(_spoilt(value, fault)))

    def mv(self, path1: str, path2: str, **_options: Any) -> None:
        target = self._world(path2)[1]
        self._change("mv", path1, lambda place, _fault: place.replace(target))

    def rm_file(self, path: str) -> None:
        self._change("rm_file", path, lambda place, _fault: place.unlink())

    def _change(self, operation: str, path: str, act: Callable[[Path, str | None], object]) -> None:
        world, place = self._world(path)
        with world.call(operation, path) as fault:
            act(place, fault)
            _lose(fault)

    def _world(self, path: str) -> tuple[World, Path]:
        name, _, rest = str(self._strip_protocol(path)).partition("/")
        return WORLDS[name], WORLDS[name].folder / rest


def _lose(fault: str | None) -> None:
    if fault == "lost":
        raise OSError("no answer, though it was done")


def _spoilt(content: bytes, fault: str | None) -> bytes:
    if fault == "cut":
        return content[: len(content) // 2]
    if fault == "flip" and content:
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    return content


def world(name: str, folder: Path) -> World:
    """A new world of that name over an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    WORLDS[name] = World(folder)
    return WORLDS[name]


fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
