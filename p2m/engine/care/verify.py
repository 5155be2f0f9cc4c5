"""Read everything in a store, and say what is wrong and whom it touches.

Nothing here trusts a size, a time or a cache, and nothing is written. It may run beside builds and
collectors: what has gone when it is looked at again was no fault.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from p2m.engine import hashing
from p2m.engine.care.unused import Progress
from p2m.engine.files import disk
from p2m.engine.hashing import TreeEntry, is_digest
from p2m.engine.recording import care as ledger_care
from p2m.engine.storage import kept, leases
from p2m.engine.storage.entries import Action, parse_entry
from p2m.engine.store import Store
from p2m.errors import StoreError

_OWN = frozenset(
    (
        *("FORMAT", ".gitignore", "cas", "ac", "ledger", "tmp", "locks", "quarantine", "runs", "steps"),
        *("leases", "keep", "roots", "noop", "offers", "lost+found"),
    )
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    kind: str  # blob, entry, output, run, name, lock file, lease, ledger, foreign
    path: str  # below the store
    reason: str
    steps: tuple[str, ...] = ()  # "train of qa": what it touches, by the run records
    repair: str = ""  # what was done about it; "" where nothing was, or could be


@dataclass(frozen=True, slots=True)
class Verification:
    """What was read, and what was found."""

    blobs: int
    bytes: int
    entries: int
    runs: int
    ledger: int  # records
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]  # no faults, but worth a line

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, or all that was has been repaired."""
        return all(fault.repair for fault in self.faults)


def verify(store: Store, *, progress: Progress = lambda what, count: None) -> Verification:
    """Read everything.

    Raises:
        StoreError: something may not be read.
    """
    reading = _Reading(store, progress)
    reading.read()
    return Verification(
        reading.blobs, reading.bytes, reading.entries, reading.runs, reading.ledger, tuple(reading.faults),
        tuple(reading.notes),
    )  # fmt: skip


@dataclass
class _Reading:
    """One pass over a store."""

    store: Store
    progress: Progress
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blobs: int = 0
    bytes: int = 0
    entries: int = 0
    runs: int = 0
    ledger: int = 0
    users: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # word -> "step of plan"
    _sound: dict[str, int] = field(default_factory=dict)  # digest -> bytes, of the blobs that were read
    _damaged: dict[str, Fault] = field(default_factory=dict)

    def read(self) -> None:
        self._runs()
        self._blobs()
        self._entries()
        self.faults = [*self._damaged.values(), *self.faults]
        self._anchors()
        self._leases()
        self._ledger()
        self._top()

    # ------------------------------------------------------------------ blobs

    def _blobs(self) -> None:
        for number, path in enumerate(_below(self.store.root / "cas")):
            self.progress("blobs", number)
            if not is_digest(path.name) or path.parent.name != path.name[:2] or not path.is_file():
                self._fault("foreign", path, "is no blob")
                continue
            digest = digest_of(path)
            if digest is None:
                continue  # collected meanwhile
            size = _size(path)
            self.blobs, self.bytes = self.blobs + 1, self.bytes + size
            if digest == path.name:
                self._sound[digest] = size
            else:
                steps = tuple(sorted(self.users[path.name]))
                place = str(path.relative_to(self.store.root))
                self._damaged[path.name] = Fault(
                    "blob", place, "its content is not what its name says", steps
                )

    def _has(self, entry: TreeEntry) -> bool:
        """Whether a blob of an output is sound; what came after the listing is read now."""
        if entry.digest not in self._sound and entry.digest not in self._damaged:
            path = self.store.blobs.path(entry.digest)
            if digest_of(path) == entry.digest:
                self._sound[entry.digest] = _size(path)
        return self._sound.get(entry.digest) == entry.size

    # ------------------------------------------------------------------ entries

    def _entries(self) -> None:
        for number, path in enumerate(_below(self.store.root / "ac")):
            self.progress("entries", number)
            key, _, other = path.name.partition("~")
            if not is_digest(key) or path.parent.name != key[:2] or (other and not is_digest(other)):
                self._fault("foreign", path, "is no entry")
                continue
            content = disk.read_if_there(path)
            if content is None:
                continue
            self.entries += 1
            try:
                action = parse_entry(content, key)
                if other and action.output != other:
                    raise ValueError("it is of another output")
            except (ValueError, KeyError, TypeError) as error:
                self._fault("entry", path, f"does not verify: {error}", self.users[key])
            else:
                self._output(path, action)

    def _output(self, path: Path, action: Action) -> None:
        """Whether an entry's output is there in full and sound."""
        tree = self._tree(action.output)
        lost = [action.output] if tree is None else [each.digest for each in tree if not self._has(each)]
        if not lost or not path.exists():  # a collector deletes the entry first
            return
        names = self.users[action.key]
        for digest in lost:
            if digest in self._damaged:
                fault = self._damaged[digest]
                self._damaged[digest] = replace(fault, steps=tuple(sorted({*fault.steps, *names})))
        what = ", ".join(digest[:12] for digest in lost[:3]) + (" ..." if len(lost) > 3 else "")
        self._fault("output", path, f"its output lacks {what}, missing or damaged", names)

    def _tree(self, digest: str) -> list[TreeEntry] | None:
        content = disk.read_if_there(self.store.blobs.path(digest))
        if content is None or hashing.digest_bytes(content) != digest:
            return None
        try:
            return [entry for entry in hashing.parse_tree(content) if entry.digest]
        except ValueError:
            return None

    # ------------------------------------------------------------------ the rest

    def _runs(self) -> None:
        for folder in disk.listed(self.store.runs):
            self.progress("runs", self.runs)
            path = folder / "run.jsonl"
            content = disk.read_if_there(path) if folder.is_dir() else None
            if content is None:
                if folder.is_file():
                    self._fault("foreign", folder, "is no run record")
                continue  # a run that was killed before its first line, or is about to write it
            self.runs += 1
            try:
                plan, steps = _events(content)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._fault("run", folder, f"cannot be read as a run's record: {error}")
                continue
            for step in steps:
                for word in ("key", "output", "listing"):
                    if step.get(word):
                        self.users[step[word]].add(f"{step['step']} of {plan}")

    def _anchors(self) -> None:
        for keep in kept.keeps(self.store.root):
            if keep.damaged:
                self._fault("name", self.store.root / kept.KEEP / keep.name, "its seal is broken")
        for lock in kept.registered(self.store.root):
            note = self.store.root / kept.ROOTS / lock.id
            if lock.damaged:
                self._fault("lock file", note, "the note of its place is damaged")
            elif lock.gone:
                self.notes.append(f"{lock.path}, a lock file whose results were kept, has gone")

    def _leases(self) -> None:
        for path in disk.listed(self.store.root / leases.FOLDER):
            content = disk.read_if_there(path)
            if content is None:
                continue
            *lines, _ = content.split(b"\n")
            if any(line.strip(b"0123456789abcdef") or len(line) > 64 for line in lines):
                self._fault("lease", path, "holds something else than keys and digests")

    def _ledger(self) -> None:
        self.progress("ledger", 0)
        folder = self.store.root / "ledger"
        try:
            found = ledger_care.check(folder)
        except OSError as error:
            self._fault("ledger", folder, f"cannot be read: {error.strerror}")
            return
        self.ledger = found.records
        for reason in found.damaged:
            self._fault("ledger", folder, reason)

    def _top(self) -> None:
        names = sorted({path.name for path in disk.listed(self.store.root)} - _OWN)
        if names:
            self.notes.append(f"not p2m's own, left alone: {', '.join(names[:5])}")
        aside = [path for path in disk.listed(self.store.root / "quarantine") if path.suffix != ".why"]
        if aside:
            self.notes.append(f"{len(aside)} damaged things set aside earlier lie in quarantine/")

    def _fault(self, kind: str, path: Path, reason: str, steps: Iterable[str] = ()) -> None:
        if kind == "foreign" and not os.path.lexists(path):
            return  # a collector took it away since it was listed
        place = str(path.relative_to(self.store.root))
        self.faults.append(Fault(kind, place, reason, tuple(sorted(steps))))


# --------------------------------------------------------------------------- files


def _events(content: bytes) -> tuple[str, list[dict[str, str]]]:
    """The plan and the steps of a record; a last line without an end is what a kill left."""
    *lines, _ = content.split(b"\n")
    plan, steps = "", []
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"line {number} is damaged") from None
        if number == 1 and kind != "started":
            raise ValueError("its beginning is missing")
        if kind == "started":
            plan = str(event["plan"])
        elif kind == "step":
            words = [event.get(name, "") for name in ("key", "output", "listing")]
            if not all(word == "" or is_digest(word) for word in words):
                raise ValueError(f"line {number} names no key or digest")
            steps.append({name: event.get(name, "") for name in ("step", "key", "output", "listing")})
        elif kind != "ended" and not isinstance(kind, str):
            raise ValueError(f"line {number} is damaged")
    return plan, steps


def _below(folder: Path) -> Iterator[Path]:
    """What lies in the fan-out folders, and whatever else lies beside these."""
    for path in disk.listed(folder):
        if path.is_dir() and len(path.name) == 2:
            yield from disk.listed(path)
        else:
            yield path


def digest_of(path: Path) -> str | None:
    """A file's digest; None where it has gone. What the disk cannot give back is damaged: ""."""
    try:
        return hashing.digest_file(path)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}\n    run this as the store's owner"
        ) from error
    except OSError:
        return ""


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
