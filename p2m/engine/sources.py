"""The user's own files: keyed by content, read in place, and looked at again after every step that read them.

The name of a file counts, since its ending tells a reader what it is; the place of a file and the name of a
folder do not. An edit while a step runs is noticed, and the step's result is not kept.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.hashing import TreeEntry, digest, digest_bytes, tree_entries, tree_object
from p2m.engine.hashing import digest_file as _digest_file
from p2m.engine.plan import Step
from p2m.errors import UserError, nearest


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as it was when it was read."""

    digest: str  # what enters keys
    entries: tuple[TreeEntry, ...]  # its files; of a single file, itself
    stamps: tuple[tuple[int, ...], ...]  # what no edit leaves as it was

    @property
    def listing(self) -> bytes:
        """The files as a tree object, for a later comparison."""
        return tree_object(self.entries)


def read_source(step: Step) -> SourceState:
    """Hash a source.

    Raises:
        UserError: it is missing or cannot be read; with the place where it was asked for.
    """
    assert step.path is not None, step.name
    where = f"{step.origins['path']}: " if "path" in step.origins else ""
    try:
        stamps = _stamps(step.path)
        return _read(step.path, stamps)
    except FileNotFoundError:
        raise UserError(f"{where}{step.path} does not exist{_suggestion(step.path)}") from None
    except OSError as error:
        reason = "is not readable" if error.errno == errno.EACCES else f"cannot be read: {error.strerror}"
        raise UserError(f"{where}{error.filename or step.path} {reason}") from None
    except ValueError as error:
        raise UserError(f"{where}{error}") from None


def is_unchanged(step: Step, state: SourceState) -> bool:
    """Whether a source still is what it was, by content, and by times too, since an edit may be undone."""
    try:
        return read_source(step) == state
    except UserError:
        return False


def _read(path: Path, stamps: tuple[tuple[int, ...], ...]) -> SourceState:
    if path.is_dir():
        entries = tree_entries(path)
        content = digest_bytes(tree_object(entries))
        return SourceState(digest({"folder": content}), entries, stamps)
    if not path.is_file():
        raise ValueError(f"{path} is neither a file nor a folder")
    content = _digest_file(path)
    entry = TreeEntry(path.name, content, path.stat().st_size)
    return SourceState(digest({"file": content, "name": path.name}), (entry,), stamps)


def _stamps(path: Path) -> tuple[tuple[int, ...], ...]:
    found = [os.stat(path)]
    for place, folders, files in os.walk(path):
        folders.sort()
        found += [os.lstat(os.path.join(place, name)) for name in sorted(files)]
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for stat in found)


def _suggestion(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f" (there is no folder {path.parent} either)"
    hint = nearest(path.name, names)
    return f"; {hint}" if hint.startswith("did you mean") else ""
