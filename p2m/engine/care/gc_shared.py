"""Garbage collection of an object store that many machines share: what nothing asked for lately goes.

An entry stays while it is young, while a lease names it, and while a run, a name or a lock file of this
machine's own store asks for it; an object in `cas/` while an entry or a lease that stays reaches it. There
is no lock: whatever is younger than `GRACE` is left alone, each object's age is asked for again right before
it is deleted, and writers put again what is older than `TRUSTED` before they rest on it (`storage.objects`).
So builds may read and write meanwhile, and a collector may be killed anywhere: entries go before blobs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from p2m.engine.care.gc import Amount, Collected, Kept, amount
from p2m.engine.care.roots import RUNS, find_roots
from p2m.engine.care.unused import Progress
from p2m.engine.hashing import is_digest
from p2m.engine.storage.foreign import checked_entry, checked_tree
from p2m.engine.storage.objects import GRACE, ObjectStore, Stored, cost_text
from p2m.engine.storage.quota import NAME as USAGE
from p2m.engine.storage.shared import MAX_ENTRY, blob_name, format_problem, read_bytes
from p2m.engine.storage.shared_address import SharedAddress, redacted
from p2m.engine.storage.sharing import MAX_TREE
from p2m.engine.storage.uses import FOLDER as LEASES
from p2m.engine.storage.uses import LEASE
from p2m.engine.store import Store
from p2m.errors import StoreError

SharedKind = Literal["entries", "blobs", "leavings", "leases"]
KINDS: tuple[SharedKind, ...] = ("entries", "blobs", "leavings", "leases")  # in the order of deletion
OLD = 30 * 86400.0  # seconds after which an entry that nobody asks for may go
_AT_ONCE = 16  # requests
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class SharedCollected(Collected):
    """What would go of a shared store, or went, what stays, and what that took of requests."""

    cost: str  # of the requests made
    ahead: str  # of those that deleting would take; "" where it was done or there is nothing


@dataclass
class _Survey:
    """What lies in the store, by name, and what of it is live."""

    entries: dict[str, Stored]
    blobs: dict[str, Stored]
    others: dict[SharedKind, list[Stored]]
    leases: set[str]  # words of those that count
    read: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of entries and listings: digests
    live: set[str] = field(default_factory=set)  # names
    kept: list[Kept] = field(default_factory=list)
    of_key: dict[str, list[str]] = field(default_factory=dict)  # names of entries

    def __post_init__(self) -> None:
        for name in self.entries:
            self.of_key.setdefault(_key(name), []).append(name)


def collect_shared(
    place: SharedAddress,
    store: Store | None,
    *,
    delete: bool = False,
    runs: int = RUNS,
    older_than: float = OLD,
    progress: Progress = lambda what, count: None,
    now: Callable[[], float] = time.time,
) -> SharedCollected:
    """Say what nobody asked for, and with `delete` delete it; the roots of `store`, this machine's, count.

    Entries younger than `older_than` (seconds) stay, and whatever is younger than `GRACE`.

    Raises:
        StoreError: the shared store cannot be read, or with `delete` not be written.
    """
    shared = ObjectStore(place)
    try:
        _check(shared)
        survey = _survey(shared, store, runs, max(older_than, GRACE), now(), progress)
        garbage = _garbage(survey, now())
        freed: dict[str, Amount] = {kind: amount(found) for kind, found in garbage.items() if found}
        ahead = ""
        if delete:
            freed = _delete(shared, survey, garbage, now, progress)
        elif freed:
            count = sum(len(found) for found in garbage.values())
            ahead = cost_text(place, {"HEAD": count, "DELETE": count, "LIST": 1})
    except Exception as error:  # whatever a file system of fsspec raises
        own = type(error) is ValueError  # said by `_check` in words for people
        shown = redacted(str(error) if own else f"{type(error).__name__}: {error}")
        raise StoreError(f"shared store {redacted(place.url)} cannot be collected: {shown}") from error
    total = amount(one for one in survey.blobs.values() if one.name in survey.live)
    return SharedCollected(delete, freed, tuple(survey.kept), total, shared.spent, ahead)


def _check(shared: ObjectStore) -> None:
    problem = format_problem(read_bytes(shared, "FORMAT", 100, lambda: None))
    if problem:
        raise ValueError(problem)


# --------------------------------------------------------------------------- mark


def _survey(
    shared: ObjectStore, store: Store | None, runs: int, older_than: float, now: float, progress: Progress
) -> _Survey:
    listed = {folder: _listed(shared, folder, progress) for folder in ("ac", "cas", "tmp", LEASES)}
    lapsed = [one for one in listed[LEASES].values() if now - one.modified > LEASE]
    others: dict[SharedKind, list[Stored]] = {
        "leavings": [one for one in listed["tmp"].values() if now - one.modified > GRACE],
        "leases": lapsed,
    }
    held = [one for one in listed[LEASES].values() if one not in lapsed]
    survey = _Survey(listed["ac"], listed["cas"], others, _words_of(shared, held))
    young = [one.name for one in survey.entries.values() if now - one.modified <= older_than]
    roots = find_roots(store, runs).roots if store is not None else ()
    groups = [(root.label, _names(root.words, survey)) for root in roots]
    groups += [("builds of the last 7 days", _names(survey.leases, survey)), ("too young", young)]
    for label, names in groups:
        found = _reach(shared, survey, names, progress)
        survey.live |= found
        if found:
            survey.kept.append(
                Kept(label, amount(survey.blobs[name] for name in found if name in survey.blobs))
            )
    return survey


def _listed(shared: ObjectStore, folder: str, progress: Progress) -> dict[str, Stored]:
    found = {one.name: one for one in shared.listing(folder)}
    progress(folder, len(found))
    return found


def _words_of(shared: ObjectStore, leases: Iterable[Stored]) -> set[str]:
    words: set[str] = set()
    for content in _each(lambda one: read_bytes(shared, one.name, MAX_ENTRY, lambda: None), list(leases)):
        words.update(word for word in (content or b"").decode("ascii", "replace").split() if is_digest(word))
    return words


def _names(words: Iterable[str], survey: _Survey) -> list[str]:
    """What keys and digests are called there, where they are there; a key's other results as well."""
    found = []
    for word in set(words):
        found += survey.of_key.get(word, [])
        found += [blob_name(word)] if blob_name(word) in survey.blobs else []
    return found


def _key(name: str) -> str:
    return name.rpartition("/")[2].partition("~")[0]


def _reach(shared: ObjectStore, survey: _Survey, names: Iterable[str], progress: Progress) -> set[str]:
    """The names, the outputs of entries among them, and the files of folders."""
    found = set(names)
    outputs = _read(shared, survey, found & survey.entries.keys(), progress)
    found |= outputs & survey.blobs.keys()
    return found | (_read(shared, survey, found & survey.blobs.keys(), progress) & survey.blobs.keys())


def _read(shared: ObjectStore, survey: _Survey, names: set[str], progress: Progress) -> set[str]:
    """The blobs that entries and listings name. Each is read once."""
    sizes = {name: (survey.entries.get(name) or survey.blobs[name]).size for name in names}
    fresh = [name for name in names if name not in survey.read and sizes[name] <= MAX_TREE]
    progress("entries and folders", len(survey.read))
    survey.read.update(zip(fresh, _each(lambda name: _digests(shared, name), fresh), strict=True))
    return {blob_name(digest) for name in names for digest in survey.read.get(name, ())}


def _digests(shared: ObjectStore, name: str) -> tuple[str, ...]:
    """The output of an entry, or the files of a folder; nothing for what is damaged, which nobody can use."""
    content = read_bytes(shared, name, MAX_TREE, lambda: None)
    if content is None:
        return ()
    try:
        if name.startswith("ac/"):
            return (checked_entry(content, _key(name)).output,)
        entries = checked_tree(content, name.rpartition("/")[2])
        return tuple(entry.digest for entry in entries if entry.digest)
    except Exception:  # whatever garbage does to a parser
        return ()


# --------------------------------------------------------------------------- sweep


def _garbage(survey: _Survey, now: float) -> dict[SharedKind, list[Stored]]:
    def dead(found: Mapping[str, Stored]) -> list[Stored]:
        return [one for one in found.values() if one.name not in survey.live and now - one.modified > GRACE]

    return {"entries": dead(survey.entries), "blobs": dead(survey.blobs), **survey.others}


def _delete(
    shared: ObjectStore, survey: _Survey, garbage: dict[SharedKind, list[Stored]],
    now: Callable[[], float], progress: Progress,
) -> dict[str, Amount]:  # fmt: skip
    # What builds came to use while this one looked around.
    news = [one for one in shared.listing(LEASES) if now() - one.modified <= LEASE]
    survey.live |= _reach(shared, survey, _names(_words_of(shared, news) - survey.leases, survey), progress)
    freed: Counter[tuple[SharedKind, str]] = Counter()
    for kind in KINDS:
        doomed = [one for one in garbage[kind] if one.name not in survey.live]
        for start in range(0, len(doomed), 256):
            progress(kind, start)
            batch = doomed[start : start + 256]
            for one, gone in zip(batch, _each(lambda one: _remove(shared, one), batch), strict=True):
                freed[kind, "count"] += gone
                freed[kind, "size"] += one.size * gone
    if freed:
        shared.delete(USAGE)  # so that the next build that holds to a quota counts anew
    return {kind: Amount(freed[kind, "count"], freed[kind, "size"]) for kind in KINDS if freed[kind, "count"]}


def _remove(shared: ObjectStore, one: Stored) -> bool:
    """Delete an object that is still as old as it was when it was listed."""
    found = shared.look(one.name)
    if found is None or found.modified > one.modified + 1:  # a listing may round to seconds
        return False
    shared.delete(one.name)
    return True


def _each(work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, items))
