"""What in a store could go: every kind of thing that nothing keeps, with its size. Reading only."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from p2m.engine.care.roots import Roots
from p2m.engine.files import disk, memo, stats
from p2m.engine.files.file_locks import is_held
from p2m.engine.hashing import is_digest
from p2m.engine.storage import kept, leases
from p2m.engine.store import Store

Kind = Literal[
    "entries", "blobs", "copies", "scratch", "leavings", "quarantine", "runs", "locks", "leases", "roots"
]
# In this order: an entry goes before its output, so that a killed collector leaves no entry without one.
KINDS: tuple[Kind, ...] = (
    *("entries", "blobs", "copies", "scratch", "leavings"),
    *("quarantine", "runs", "locks", "leases", "roots"),
)
WEEK = 7 * 86400.0
# A process of another container may look dead here, so what was touched lately is left alone.
GRACE = 600.0  # seconds
FORGOTTEN = 30 * 86400.0  # seconds that nobody has asked for what is remembered of a place
GONE = "gone"  # label of what a collector has moved aside to delete
_LEAVING = re.compile(r".+\.(\d+)\.[0-9a-f]{12}")
Progress = Callable[[str, int], None]  # what is being looked at, and how many so far


@dataclass(frozen=True, slots=True)
class Item:
    """Something that could go. `word`: the key or digest on which that depends, where it does."""

    kind: Kind
    path: Path
    size: int  # bytes
    word: str = ""


def blobs(store: Store, progress: Progress) -> Iterator[tuple[Item, float]]:
    """Every blob with the time of its making."""
    for number, (path, stat) in enumerate(_files(store.root / "cas", depth=1)):
        if is_digest(path.name) and path.parent.name == path.name[:2]:
            yield Item("blobs", path, stat.st_size, path.name), stat.st_mtime
        if number % 1000 == 0:
            progress("blobs", number)


def entries(store: Store, progress: Progress) -> Iterator[tuple[Item, float]]:
    """Every entry and every alternative, with the time of its making."""
    for number, (path, stat) in enumerate(_files(store.root / "ac", depth=1)):
        key = path.name.partition("~")[0]
        if is_digest(key) and path.parent.name == key[:2]:
            yield Item("entries", path, stat.st_size, key), stat.st_mtime
        if number % 1000 == 0:
            progress("entries", number)


def copies(store: Store) -> Iterator[Item]:
    """Every copy that was made to be read."""
    for path in disk.listed(store.root / "tmp" / "out"):
        if is_digest(path.name):
            yield Item("copies", path, _size(path), path.name)


def scratch(store: Store, age: float) -> Iterator[Item]:
    """Scratch folders that nobody has touched for so long, or that a kill left of a step that is stored."""
    for path in disk.listed(store.root / "steps"):
        if is_digest(path.name) and store.entry(path.name) and not is_held(store.root / "locks" / path.name):
            yield Item("scratch", path, _size(path))
        elif _idle(path) > max(age, WEEK):
            yield Item("scratch", path, _size(path), path.name)


def leavings(store: Store) -> Iterator[Item]:
    """What processes that are dead have left in `tmp`."""
    for path in disk.listed(store.root / "tmp"):
        found = _LEAVING.fullmatch(path.name)
        if found and not _runs(int(found[1])) and (path.name.startswith(GONE + ".") or _idle(path) > GRACE):
            yield Item("leavings", path, _size(path))
    for folder in (stats.FOLDER, memo.FOLDER):
        for path in disk.listed(store.root / "tmp" / folder):
            if _idle(path) > FORGOTTEN:
                yield Item("leavings", path, _size(path))


def quarantine(store: Store, age: float) -> Iterator[Item]:
    """What was set aside long ago."""
    for path in disk.listed(store.root / "quarantine"):
        if _idle(path) > max(age, WEEK):
            yield Item("quarantine", path, _size(path))


def records(store: Store, roots: Roots) -> Iterator[Item]:
    """Records of runs beyond the newest of their plans."""
    for name in roots.old:
        if not is_held(store.root / leases.FOLDER / name):
            yield Item("runs", store.runs / name, _size(store.runs / name))


def unheld_locks(store: Store) -> Iterator[Item]:
    """Lock files of steps and copies that nobody holds."""
    for path in disk.listed(store.root / "locks"):
        word = path.name.removeprefix("out-")
        if is_digest(word) and not is_held(path):
            yield Item("locks", path, _size(path))


def dead_leases(store: Store) -> Iterator[Item]:
    """Leases of builds that are no more."""
    for path in disk.listed(store.root / leases.FOLDER):
        if not is_held(path):
            yield Item("leases", path, _size(path))


def dropped(store: Store) -> Iterator[Item]:
    """Notes of lock files that have gone."""
    for lock in kept.registered(store.root):
        if lock.gone:
            yield Item("roots", store.root / kept.ROOTS / lock.id, 0)


def empty_folders(store: Store) -> Iterable[Path]:
    """Fan-out folders with nothing in them."""
    for kind in ("cas", "ac"):
        for path in disk.listed(store.root / kind):
            if path.is_dir() and not disk.listed(path):
                yield path


# --------------------------------------------------------------------------- inside


def _files(folder: Path, depth: int) -> Iterator[tuple[Path, os.stat_result]]:
    """The files `depth` folders below; what goes meanwhile is left out."""
    for path in disk.listed(folder):
        try:
            stat = os.lstat(path)
        except FileNotFoundError:
            continue
        if depth and path.is_dir():
            yield from _files(path, depth - 1)
        elif not depth:
            yield path, stat


def _below(path: Path) -> Iterator[os.stat_result]:
    """The stats of a path and of everything below it."""
    try:
        yield os.lstat(path)
        for place, folders, files in os.walk(path):
            for name in (*folders, *files):
                yield os.lstat(os.path.join(place, name))
    except FileNotFoundError:
        return


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(stat.st_size for stat in _below(path) if not _is_folder(stat))
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0


def _is_folder(stat: os.stat_result) -> bool:
    return (stat.st_mode & 0o170000) == 0o040000


def _idle(path: Path) -> float:
    """Seconds since anything at or below a path was written or moved."""
    return time.time() - max(
        (max(stat.st_mtime, stat.st_ctime) for stat in _below(path)), default=time.time()
    )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
