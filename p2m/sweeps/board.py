"""What has become of each variant, in files of the sweep's folder, and the leaderboard that is made of them.

    leaderboard.txt .csv .json .svg   rewritten whenever a job ends, whichever process it ran in
    .jobs/<variant>.json              how the variant's last job ended, for which identity
    .jobs/<variant>.lock              held by flock while a job builds the variant
    .jobs/<sweep>.launcher            held by flock while the process lives that launches jobs

A record counts only for the identity that it was written for: once the recipe, its data or the code has
changed, or when the bundle is not as it was left, the variant is waiting again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from p2m.engine.files import disk
from p2m.engine.files.file_locks import Holder, is_held, locked
from p2m.errors import UserError
from p2m.leaderboard import Entry, Pending, entry_of, write

_FORMAT = 1
_FOLDER = ".jobs"


@dataclass(frozen=True)
class Board:
    """The state of a sweep; a plain value, so that jobs in other processes have it too."""

    folder: Path
    expected: tuple[tuple[str, str], ...] | None  # name and identity of each variant; None: as they come
    sweep: str  # this call of the sweep; what counts where variants are not known beforehand

    def __post_init__(self) -> None:
        try:
            (self.folder / _FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{self.folder}: cannot be written ({error.strerror or error}); nothing was lost"
                "\n    make the folder writable, or choose another with --outputs DIR"
            ) from error

    @contextmanager
    def launching(self) -> Iterator[None]:
        """Be the process that launches this sweep's jobs, as others can tell (`is_launching`)."""
        try:
            with locked(self._launcher, "the sweep", lambda _who: None):
                yield
        finally:
            self._launcher.unlink(missing_ok=True)

    @property
    def is_launching(self) -> bool:
        """Whether the process that launches the jobs lives; known on its own machine alone."""
        return is_held(self._launcher)

    @contextmanager
    def building(self, variant: str, waiting: Callable[[Holder], None]) -> Iterator[None]:
        """Be the only one that builds a variant; whoever comes later waits, and finds it finished."""
        with locked(self._path(variant, "lock"), variant, waiting):
            yield

    def finished(self, variant: str, identity: str) -> Entry | None:
        """The entry of a variant that was built for that identity, its bundle standing as it was left."""
        record = self._record(variant)
        if record is None or record["identity"] != identity or record["entry"] is None:
            return None
        entry = entry_of(record["entry"])
        return entry if _stamp(Path(entry.folder)) == record["stamp"] else None

    def clear(self, variant: str) -> None:
        """Forget how the variant's last job ended."""
        self._path(variant, "json").unlink(missing_ok=True)

    def forget_failures(self) -> None:
        """At the start of a sweep: what failed before is waiting again."""
        for variant, _ in self.expected or ():
            record = self._record(variant)
            if record is not None and record["entry"] is None:
                self.clear(variant)

    def end(self, variant: str, identity: str, outcome: Entry | str) -> None:
        """Record how a variant's job ended: its entry, or the reason of its failure."""
        built = isinstance(outcome, Entry)
        record = {
            "format": _FORMAT,
            "variant": variant,
            "identity": identity,
            "sweep": self.sweep,
            "entry": asdict(outcome) if isinstance(outcome, Entry) else None,
            "stamp": _stamp(Path(outcome.folder)) if isinstance(outcome, Entry) else "",
            "reason": "" if built else str(outcome),
        }
        content = json.dumps(record, indent=1) + "\n"
        disk.replace(self._path(variant, "json"), content.encode(), durable=False)

    def update(self) -> tuple[list[Entry], list[Pending]]:
        """Rewrite the leaderboard from the records, one process at a time; what it now says."""
        with locked(self.folder / _FOLDER / "leaderboard.lock", "the leaderboard", lambda _who: None):
            entries, pending = self.now()
            write(entries, self.folder, pending)
        return entries, pending

    def now(self) -> tuple[list[Entry], list[Pending]]:
        """The entries of what is built, and the state of the rest, in the order of the variants."""
        entries: list[Entry] = []
        pending: list[Pending] = []
        for variant, identity in self._wanted():
            record = self._record(variant)
            if record is not None and record["identity"] == identity:
                if record["entry"] is not None:
                    entries.append(entry_of(record["entry"]))
                else:
                    pending.append(Pending(variant, "failed", record["reason"]))
            else:
                held = is_held(self._path(variant, "lock"))
                pending.append(Pending(variant, "building" if held else "waiting"))
        return entries, pending

    def _wanted(self) -> list[tuple[str, str]]:
        if self.expected is not None:
            return list(dict.fromkeys(self.expected))
        records = (_read(path) for path in sorted((self.folder / _FOLDER).glob("*.json")))
        own = [record for record in records if record is not None and record["sweep"] == self.sweep]
        return [(record["variant"], record["identity"]) for record in own]

    def _record(self, variant: str) -> dict[str, Any] | None:
        return _read(self._path(variant, "json"))

    @property
    def _launcher(self) -> Path:
        return self.folder / _FOLDER / f"{self.sweep}.launcher"

    def _path(self, variant: str, ending: str) -> Path:
        name = hashlib.sha256(variant.encode()).hexdigest()[:16]
        return self.folder / _FOLDER / f"{name}.{ending}"


def _read(path: Path) -> dict[str, Any] | None:
    """A record; None where there is none, or none that this p2m understands."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT or not {"variant", "identity", "sweep", "stamp", "reason"} <= set(
            record
        ):
            return None
        if record["entry"] is not None:
            entry_of(record["entry"])
        return dict(record)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stamp(folder: Path) -> str:
    """What no change of a bundle leaves as it was, from file stats alone; "" where nothing is there."""
    lines = []
    with contextlib.suppress(OSError):
        for place, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if name not in ("rejected", "last"))
            for name in sorted(files):
                path = os.path.join(place, name)
                stat = os.stat(path)
                lines.append(
                    f"{os.path.relpath(path, folder)} {stat.st_ino} {stat.st_size}"
                    f" {stat.st_mtime_ns} {stat.st_ctime_ns}"
                )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""
