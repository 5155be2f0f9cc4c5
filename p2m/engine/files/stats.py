"""Digests of files that have not changed since they were hashed, remembered in `tmp/stats` of a store.

    tmp/stats/<id of a place>    sealed: {"place", "files": {name: [inode, size, mtime, ctime, digest]}}

A digest is remembered only if, when its hashing began, the file's ctime lay clearly in the past: a file that
is written again within the same tick of the clock keeps its times, and would pass for what it was (git calls
that racy). No program can set a ctime, so equal stats then mean equal content. A lost or damaged file here
costs the time to hash again, and nothing else; `verify` looks at none of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from p2m.engine import hashing
from p2m.engine.files import disk
from p2m.engine.files.sealed import read_sealed, seal
from p2m.engine.hashing import TreeEntry

SETTLED = 2 * 10**9  # nanoseconds: the coarsest clock of a file system in use (FAT)
FOLDER = "stats"
_FRESH = 86400.0  # seconds after which a file in use here is touched, so that it is not taken for forgotten
Stamp = tuple[int, int, int, int]
Known = dict[str, tuple[int, int, int, int, str]]


class Stats:
    """Hashes files and folders by their stats where that is safe."""

    def __init__(self, tmp: Path | None) -> None:
        self._tmp = tmp  # None: nothing is remembered
        self._known: dict[str, Known] = {}  # what this process has read or written

    @classmethod
    def forgetful(cls) -> Stats:
        """Hashes every file every time."""
        return cls(None)

    def entries(self, path: Path) -> tuple[tuple[TreeEntry, ...], tuple[Stamp, ...]]:
        """A folder's files, as `hashing.tree_entries`, or a file itself; and what no edit leaves alone.

        Raises:
            FileNotFoundError: there is nothing.
            ValueError: a link below a folder, a socket or another thing that is neither file nor folder.
        """
        place = os.path.abspath(path)
        known = self._recall(place)
        fresh: Known = {}
        stamps = [stamp_of(os.stat(path))]
        found = []
        for name, file, stat in _files(path):
            if stat is None:
                found.append(TreeEntry(name, "", 0))
                continue
            stamp = stamp_of(stat)
            stamps.append(stamp)
            digest = self._digest(file, stamp, known.get(name), name, fresh)
            found.append(TreeEntry(name, digest, stat.st_size))
        if fresh != known:
            self._retain(place, fresh)
        return tuple(sorted(found, key=lambda entry: os.fsencode(entry.name))), tuple(stamps)

    def _digest(
        self, path: Path, stamp: Stamp, known: tuple[int, int, int, int, str] | None, name: str, fresh: Known
    ) -> str:
        """The digest of a file whose stats are `stamp`, remembered in `fresh` where it may be."""
        if known is not None and tuple(known[:4]) == stamp:
            fresh[name] = known
            return known[4]
        began = time.time_ns()
        digest = hashing.digest_file(path)
        if stamp[3] + SETTLED < began and stamp_of(os.stat(path)) == stamp:
            fresh[name] = (*stamp, digest)
        return digest

    # ------------------------------------------------------------------ the file

    def _file(self, tmp: Path, place: str) -> Path:
        return tmp / FOLDER / hashing.digest_bytes(os.fsencode(place))[:32]

    def _recall(self, place: str) -> Known:
        if self._tmp is None:
            return {}
        if place not in self._known:
            file = self._file(self._tmp, place)
            self._known[place] = _parse(read_sealed(file), place)
            with suppress(OSError):
                if self._known[place] and time.time() - os.stat(file).st_mtime > _FRESH:
                    os.utime(file)
        return self._known[place]

    def _retain(self, place: str, fresh: Known) -> None:
        if self._tmp is None:
            return
        self._known[place] = fresh
        file, temporary = self._file(self._tmp, place), disk.unique(self._tmp, FOLDER)
        with suppress(OSError, UnicodeError):  # names that are no text, a full disk: hashed again next time
            file.parent.mkdir(exist_ok=True)
            disk.replace(file, seal({"place": place, "files": fresh}), temporary=temporary, durable=False)


def stamp_of(stat: os.stat_result) -> Stamp:
    """What no change of content leaves alone."""
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _files(path: Path) -> list[tuple[str, Path, os.stat_result | None]]:
    """Files with their names and stats, empty folders without; a file itself under its own name."""
    if path.is_dir():
        return sorted(hashing.walk(path), key=lambda found: os.fsencode(found[0]))
    if not path.is_file():
        os.stat(path)
        raise ValueError(f"{path} is neither a file nor a folder")
    return [(path.name, path, os.stat(path))]


def _parse(value: Any, place: str) -> Known:
    try:
        if value["place"] != place:
            return {}
        files: Mapping[str, Any] = value["files"]
        return {
            name: (ino, size, mtime, ctime, digest)
            for name, (ino, size, mtime, ctime, digest) in files.items()
        }
    except (TypeError, KeyError, ValueError, AttributeError):
        return {}
