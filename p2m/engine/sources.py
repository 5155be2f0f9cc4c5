"""The user's own files: keyed by content, read in place, and looked at again after every step that read them.

The name of a file counts, since its ending tells a reader what it is; the place of a file and the name of a
folder do not. An edit while a step runs is noticed, and the step's result is not kept.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.files.stats import Stats
from p2m.engine.hashing import TreeEntry, digest, digest_bytes, tree_object
from p2m.engine.plan import Step
from p2m.errors import UserError, nearest


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as it was when it was read."""

    digest: str  # what enters keys
    entries: tuple[TreeEntry, ...]  # its files; of a single file, itself
    stamps: tuple[tuple[int, ...], ...]  # what no edit leaves as it was
    is_folder: bool

    @property
    def listing(self) -> bytes:
        """The files as a tree object, for a later comparison."""
        return tree_object(self.entries)


def read_source(step: Step, stats: Stats | None = None) -> SourceState:
    """Hash a source; with `stats`, of its files only those that may have changed since they were hashed.

    Raises:
        UserError: it is missing or cannot be read; with the place where it was asked for.
    """
    assert step.path is not None, step.name
    where = f"{step.origins['path']}: " if "path" in step.origins else ""
    try:
        return _read(step.path, stats or Stats.forgetful())
    except FileNotFoundError:
        raise UserError(f"{where}{step.path} does not exist{_suggestion(step.path)}") from None
    except OSError as error:
        reason = "is not readable" if error.errno == errno.EACCES else f"cannot be read: {error.strerror}"
        raise UserError(f"{where}{error.filename or step.path} {reason}") from None
    except ValueError as error:
        raise UserError(f"{where}{error}") from None


def read_sources(steps: Iterable[Step], stats: Stats | None = None) -> dict[str, SourceState]:
    """Every source among the steps, by name. Raises: as `read_source`."""
    return {step.name: read_source(step, stats) for step in steps if step.is_source}


def digests_of(sources: Mapping[str, SourceState]) -> dict[str, str]:
    return {name: state.digest for name, state in sources.items()}


def read_path(path: Path, stats: Stats | None = None) -> SourceState | None:
    """A source as it is now, its times too, since an edit may be undone; None where it cannot be read."""
    try:
        return _read(path, stats or Stats.forgetful())
    except (OSError, ValueError):
        return None


def _read(path: Path, stats: Stats) -> SourceState:
    entries, stamps = stats.entries(path)
    if path.is_dir():
        content = digest_bytes(tree_object(entries))
        return SourceState(digest({"folder": content}), entries, stamps, True)
    (entry,) = entries
    return SourceState(digest({"file": entry.digest, "name": path.name}), entries, stamps, False)


def _suggestion(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f" (there is no folder {path.parent} either)"
    hint = nearest(path.name, names)
    return f"; {hint}" if hint.startswith("did you mean") else ""
