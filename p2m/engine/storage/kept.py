"""What its user asked a store to keep: names (`keep/<name>`), and lock files of recipes (`roots/<id>`).

A name holds the keys and digests of one run, so it outlives the run's record. A lock file is an indirect
root: only its place is kept, and it is read when a collector runs; one that has gone drops out. A damaged
file here protects whatever in it still looks like a key or a digest.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine.files import disk
from p2m.engine.files.sealed import seal, unseal
from p2m.engine.hashing import digest_bytes
from p2m.engine.storage.leases import gate

KEEP, ROOTS = "keep", "roots"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_WORDS = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Keep:
    """What a name keeps."""

    name: str
    run: str
    plan: str
    made: float  # seconds since the epoch
    words: tuple[str, ...]  # keys and digests
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A lock file whose keys are kept."""

    id: str
    path: Path | None  # None where the note of it is damaged
    words: tuple[str, ...]
    gone: bool = False
    damaged: bool = False


def is_name(text: str) -> bool:
    """Whether a name can be kept under that text."""
    return _NAME.fullmatch(text) is not None and not text.endswith(".new")


def keep(root: Path, name: str, run: str, plan: str, words: Iterable[str]) -> Keep:
    """Protect these keys and digests under a name, in place of what it kept before."""
    found = Keep(name, run, plan, time.time(), tuple(dict.fromkeys(words)))
    value = {"name": name, "run": run, "plan": plan, "made": found.made, "words": found.words}
    _write(root, root / KEEP / name, value)
    return found


def drop(root: Path, name: str) -> bool:
    """Forget a name; False where there is none."""
    with disk.explained(root, f"dropping the name {name}"):
        try:
            (root / KEEP / name).unlink()
        except FileNotFoundError:
            return False
    return True


def keeps(root: Path) -> tuple[Keep, ...]:
    """Every name, in order."""
    found = []
    for path, content in _files(root / KEEP):
        try:
            value = unseal(content)
            words = tuple(str(word) for word in value["words"])
            found.append(Keep(path.name, value["run"], value["plan"], float(value["made"]), words))
        except (ValueError, KeyError, TypeError):
            found.append(Keep(path.name, "", "", 0.0, pins_in(content), damaged=True))
    return tuple(found)


def register(root: Path, path: Path) -> None:
    """Protect what the lock file at `path` names, for as long as it is there and as it then reads."""
    place = os.path.abspath(path)
    target = root / ROOTS / digest_bytes(os.fsencode(place))[:32]
    value = {"path": place}
    if not target.exists() or _path_in(target.read_bytes()) != Path(place):
        _write(root, target, value)


def registered(root: Path) -> tuple[Registered, ...]:
    """Every registered lock file, read now."""
    found = []
    for note, content in _files(root / ROOTS):
        path = _path_in(content)
        if path is None:
            found.append(Registered(note.name, None, (), damaged=True))
            continue
        try:
            found.append(Registered(note.name, path, pins_in(path.read_bytes())))
        except (FileNotFoundError, NotADirectoryError):
            found.append(Registered(note.name, path, (), gone=True))
        except OSError as error:
            raise disk.explain(error, root, f"reading {path}, whose keys are to be kept,") from error
    return tuple(sorted(found, key=lambda each: str(each.path)))


def pins_in(content: bytes) -> tuple[str, ...]:
    """Whatever may be a key or a digest in a text."""
    return tuple(dict.fromkeys(word.decode() for word in _WORDS.findall(content)))


def _path_in(content: bytes) -> Path | None:
    try:
        return Path(unseal(content)["path"])
    except (ValueError, KeyError, TypeError):
        return None


def _write(root: Path, target: Path, value: Mapping[str, Any]) -> None:
    """Replace a file durably; when this returns, no collector deletes what it names."""
    with disk.explained(root, f"writing {target.name}"):
        target.parent.mkdir(exist_ok=True)
        disk.replace(target, seal(value), temporary=disk.unique(root / "tmp", "new"))
        disk.sync_folders([target.parent])
        with gate(root):
            pass


def _files(folder: Path) -> list[tuple[Path, bytes]]:
    found = ((path, disk.read_if_there(path)) for path in disk.listed(folder))
    return [(path, content) for path, content in found if content is not None]
