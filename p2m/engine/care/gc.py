"""Garbage collection: mark what the roots reach, sweep the rest, while builds go on.

A survey reads only, and is all that a dry run does. A sweep deletes in short batches: under the exclusive
side of the gate (see `leases`) it takes in what was pinned, kept or begun since it last looked, and deletes
what is still not kept. Builders wait for a batch at most, some milliseconds. Entries go before blobs and
folders are moved aside before they are deleted, so a collector may be killed anywhere: what remains is
sound, and the next one finishes.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from p2m.engine.care import unused
from p2m.engine.care.roots import RUNS, Reach, Roots, find_roots, named_roots, new_runs, pins_of
from p2m.engine.care.unused import GONE, KINDS, Item, Kind, Progress
from p2m.engine.files import disk
from p2m.engine.files.file_locks import locked, remove_unheld
from p2m.engine.storage.leases import Pins, gate
from p2m.engine.storage.objects import Stored
from p2m.engine.store import Store

_BATCH = 256  # things looked at under one lock
_HOLD = 0.02  # seconds that a batch may keep builders waiting
_REST = 0.002  # seconds between batches, in which those who wait get through
_COLLECTOR = ".collector"


@dataclass(frozen=True, slots=True)
class Amount:
    """So many things, so many bytes."""

    count: int = 0
    size: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.count + other.count, self.size + other.size)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one root keeps; roots overlap, so these do not add up."""

    label: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Collected:
    """What would go, or went, by kind, and what stays."""

    deleted: bool
    freed: Mapping[str, Amount]
    kept: tuple[Kept, ...]
    total_kept: Amount

    @property
    def total_freed(self) -> Amount:
        return sum(self.freed.values(), Amount())


@dataclass
class _Survey:
    """What lies in a store, what is kept, and what is not."""

    roots: Roots
    live: set[str] = field(default_factory=set)  # keys and digests
    scratch: set[str] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    total_kept: Amount = field(default_factory=Amount)


def collect(
    store: Store,
    *,
    delete: bool = False,
    runs: int = RUNS,
    older_than: float = 0.0,
    progress: Progress = lambda what, count: None,
    waiting: Callable[[str], None] = lambda who: None,
) -> Collected:
    """Say what nothing keeps, and with `delete` delete it; `older_than` in seconds spares what is younger.

    Raises:
        StoreError: the store cannot be read, or with `delete` not be written.
    """
    if not delete:
        pins = Pins(store.root)
        try:
            survey = _survey(store, pins, Reach(store), runs, older_than, progress)
        finally:
            pins.close()
        freed = {kind: amount(item for item in survey.items if item.kind == kind) for kind in KINDS}
        return _report(survey, freed, False)
    with locked(store.root / "locks" / _COLLECTOR, "gc", lambda who: waiting(str(who))):
        pins = Pins(store.root)
        try:
            with disk.explained(store.root, "collecting garbage"):
                reach = Reach(store)
                survey = _survey(store, pins, reach, runs, older_than, progress)
                freed = _Sweep(store, pins, reach, survey, progress).run()
        finally:
            pins.close()
    return _report(survey, freed, True)


def _report(survey: _Survey, freed: dict[Kind, Amount], deleted: bool) -> Collected:
    found: dict[str, Amount] = {kind: freed[kind] for kind in KINDS if freed[kind].count}
    return Collected(deleted, found, tuple(survey.kept), survey.total_kept)


def amount(items: Iterable[Item | Stored]) -> Amount:
    """How many things, and of what size together."""
    return sum((Amount(1, item.size) for item in items), Amount())


# --------------------------------------------------------------------------- mark


def _survey(
    store: Store, pins: Pins, reach: Reach, runs: int, older_than: float, progress: Progress
) -> _Survey:
    # What is stored after this listing is no candidate, whatever the roots say.
    limit = time.time() - older_than
    entries, blobs = list(unused.entries(store, progress)), list(unused.blobs(store, progress))
    sizes = {item.word: item.size for item, _ in blobs}
    roots = find_roots(store, runs)
    survey = _Survey(roots)
    young = {item.word for item, made in entries if older_than and made > limit}
    groups = [(root.label, root.words) for root in roots.roots]
    groups += [("running builds", tuple(pins.news())), ("too young", tuple(young))]
    for number, (label, words) in enumerate(groups):
        progress("roots", number)
        found = reach.of(words)
        survey.live |= found
        if words:
            inside = [sizes[word] for word in found if word in sizes]
            survey.kept.append(Kept(label, Amount(len(inside), sum(inside))))
    survey.live |= {item.word for item, made in blobs if older_than and made > limit}
    survey.scratch = {key for root in roots.roots for key in root.scratch}
    survey.total_kept = amount(item for item, _ in blobs if item.word in survey.live)
    survey.items = [item for item, _ in (*entries, *blobs)]
    survey.items += [*unused.copies(store), *unused.scratch(store, older_than), *unused.leavings(store)]
    survey.items += [*unused.quarantine(store, older_than), *unused.records(store, roots)]
    survey.items += [*unused.unheld_locks(store), *unused.dead_leases(store), *unused.dropped(store)]
    survey.items = [item for item in survey.items if not _is_kept(item, survey)]
    return survey


def _is_kept(item: Item, survey: _Survey) -> bool:
    if item.kind == "scratch":
        return item.word in survey.live or item.word in survey.scratch
    return bool(item.word) and item.word in survey.live


# --------------------------------------------------------------------------- sweep


class _Sweep:
    """The deleting half of a collection."""

    def __init__(self, store: Store, pins: Pins, reach: Reach, survey: _Survey, progress: Progress) -> None:
        self.store, self.pins, self.reach, self.survey = store, pins, reach, survey
        self.progress = progress
        self.seen = set(survey.roots.known)  # ids of runs that say nothing new any more
        self.aside: list[Path] = []
        self.freed: Counter[tuple[Kind, str]] = Counter()

    def run(self) -> dict[Kind, Amount]:
        for kind in KINDS:
            self._delete_all([item for item in self.survey.items if item.kind == kind])
            if kind == "entries":  # no power cut may bring an entry back after its output has gone
                disk.sync_folders(path for path in (self.store.root / "ac").iterdir() if path.is_dir())
            for path in self.aside:
                disk.remove_tree(path)
            self.aside.clear()
        for path in unused.empty_folders(self.store):
            with suppress(OSError):  # somebody puts something there, which is as well
                path.rmdir()
        return {kind: Amount(self.freed[kind, "count"], self.freed[kind, "size"]) for kind in KINDS}

    def _delete_all(self, items: Sequence[Item]) -> None:
        start = 0
        while start < len(items):
            self.progress(items[start].kind, start)
            self._take_in()  # most of it without keeping anyone waiting
            with gate(self.store.root, exclusive=True):
                self._take_in()
                start = self._batch(items, start)
            time.sleep(_REST)

    def _batch(self, items: Sequence[Item], start: int) -> int:
        """Delete from `items[start:]` for a moment, and return where to go on."""
        end = min(len(items), start + _BATCH)
        until = time.monotonic() + _HOLD
        for number in range(start, end):
            item = items[number]
            if not _is_kept(item, self.survey) and self._remove(item):
                self.freed[item.kind, "count"] += 1
                self.freed[item.kind, "size"] += item.size
            if time.monotonic() > until:
                return number + 1
        return end

    def _take_in(self) -> None:
        """Add what builds have pinned, and what was kept or begun, since the last look."""
        words = self.pins.news()
        for record in new_runs(self.store, self.seen):
            words += pins_of(record)
            if record.ended is not None:
                self.seen.add(record.id)
        for root in named_roots(self.store):
            words += [word for word in root.words if word not in self.survey.live]
        self.survey.live |= self.reach.of(words)

    def _remove(self, item: Item) -> bool:
        """Delete one thing, or move it aside to be deleted where that takes longer."""
        if item.kind in ("locks", "leases"):
            return remove_unheld(item.path)
        try:
            if item.path.is_dir():
                aside = disk.unique(self.store.root / "tmp", GONE)
                item.path.rename(aside)
                self.aside.append(aside)
            else:
                os.unlink(item.path)
        except FileNotFoundError:
            return False
        return True
