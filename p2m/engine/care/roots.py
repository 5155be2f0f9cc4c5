"""What a collector must leave: from runs, names and lock files to keys, and from keys to blobs.

Roots are keys and digests. A key stands for its entry, its alternatives and their outputs; an output for its
tree and its blobs. Reading here changes nothing: what is damaged reaches nothing and is left to `verify`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from p2m.engine import hashing
from p2m.engine.journal import RunRecord, runs
from p2m.engine.storage import kept
from p2m.engine.storage.entries import parse_entry
from p2m.engine.store import Store

RUNS = 3  # of each plan and set of overrides that are kept unless told otherwise
RECORDS = 200  # of each plan's run records
_SHOWN = 3  # variants of a plan that are told one by one


@dataclass(frozen=True, slots=True)
class Root:
    """One reason to keep things."""

    label: str  # "last 3 runs of qa", "last run of qa seed=2", "keep demo"
    words: tuple[str, ...] = field(repr=False)  # keys and digests
    scratch: frozenset[str] = frozenset()  # keys of steps that have not ended


@dataclass(frozen=True, slots=True)
class Roots:
    """All reasons but the running builds, whose pins are read apart."""

    roots: tuple[Root, ...]
    known: frozenset[str]  # ids of the runs that were looked at
    old: tuple[str, ...]  # ids of the runs whose records are beyond the newest


def find_roots(store: Store, kept: int = RUNS, records: int = RECORDS) -> Roots:
    """The last `kept` runs of each plan with each set of overrides, kept names, and lock files."""
    plans: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    known: set[str] = set()
    for record in runs(store):
        known.add(record.id)
        plans[str(record.plan), record.invocation.recipe].append(record)
    names = [plan for plan, _ in plans]
    roots: list[Root] = []
    old: list[str] = []
    for (plan, recipe), found in plans.items():
        where = f" ({recipe})" if names.count(plan) > 1 and recipe else ""
        last = {words: _last(same, kept) for words, same in _variants(found).items()}
        roots += _run_roots(f"{plan}{where}", {words: same for words, same in last.items() if same})
        # However old, for without its record a run keeps nothing.
        needed = {record.id for same in last.values() for record in same}
        old += [record.id for record in found[records:] if record.id not in needed]
    return Roots((*roots, *named_roots(store)), frozenset(known), tuple(old))


def variant(overrides: Iterable[str]) -> tuple[str, ...]:
    """A set of overrides, in whichever order they were typed."""
    return tuple(sorted(overrides))


def _variants(found: Iterable[RunRecord]) -> dict[tuple[str, ...], list[RunRecord]]:
    """Runs by their overrides, in the order of the latest of each."""
    variants: dict[tuple[str, ...], list[RunRecord]] = defaultdict(list)
    for record in found:
        variants[variant(record.invocation.overrides)].append(record)
    return variants


def _run_roots(plan: str, last: Mapping[tuple[str, ...], list[RunRecord]]) -> Iterator[Root]:
    """A root for the plan as committed and for each variant, or for all of these where they are many."""
    variants = [words for words in last if words]
    folded = variants if len(variants) > _SHOWN else []
    for words, found in last.items():
        if words not in folded:
            count = f"last {len(found)} runs" if len(found) > 1 else "last run"
            yield _root(" ".join([count, "of", plan, *words]), found)
    if folded:
        found = [record for words in folded for record in last[words]]
        yield _root(f"last runs of {len(folded)} variants of {plan}", found)


def _root(label: str, found: Sequence[RunRecord]) -> Root:
    words = tuple(dict.fromkeys(word for record in found for word in pins_of(record)))
    return Root(label, words, frozenset(key for record in found for key in _unfinished(record)))


def named_roots(store: Store) -> tuple[Root, ...]:
    """Names and lock files alone."""
    roots = [
        Root(f"keep {keep.name}{' (damaged)' if keep.damaged else ''}", keep.words)
        for keep in kept.keeps(store.root)
    ]
    for lock in kept.registered(store.root):
        if lock.path is not None and not lock.gone:
            roots.append(Root(_shown(lock.path), lock.words))
    return tuple(roots)


def new_runs(store: Store, known: Collection[str]) -> Iterator[RunRecord]:
    """The runs that are none of the `known` ones, whose records are not read again."""
    return runs(store, without=known)


def pins_of(record: RunRecord) -> tuple[str, ...]:
    """Every key and digest that a run names."""
    return tuple(
        word
        for step in record.steps.values()
        for word in (step.key, step.output, step.listing)
        if isinstance(word, str) and word
    )


class Reach:
    """From words to everything that they keep; what was read is remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trees: dict[str, tuple[str, ...]] = {}

    def of(self, words: Iterable[str]) -> set[str]:
        """The words themselves, the outputs of keys, and the blobs of folders."""
        found: set[str] = set()
        for word in words:
            found.add(word)
            outputs = self._outputs(word)
            found.update(outputs)
            for digest in (word, *outputs):
                found.update(self._blobs(digest))
        return found

    def _outputs(self, key: str) -> list[str]:
        """What a key gave, and what else it gave: read anew each time, for it may have come to be."""
        place = self._store.entry_path(key)
        found = []
        for path in (place, *(self._store.entry_path(key, other) for other in self._store.alternatives(key))):
            try:
                found.append(parse_entry(path.read_bytes(), key).output)
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    def _blobs(self, digest: str) -> tuple[str, ...]:
        if digest not in self._trees:
            found = self._read_tree(digest)
            if found is None:
                return ()  # not there, so not remembered either
            self._trees[digest] = found
        return self._trees[digest]

    def _read_tree(self, digest: str) -> tuple[str, ...] | None:
        tag = hashing.TREE_TAG.encode() + b"\n"
        try:
            with open(self._store.blobs.path(digest), "rb") as stream:
                content = stream.read(len(tag))
                if content != tag:
                    return ()
                content += stream.read()
            if hashing.digest_bytes(content) != digest:
                return ()
            return tuple(entry.digest for entry in hashing.parse_tree(content) if entry.digest)
        except (OSError, ValueError):
            return None


def _last(found: list[RunRecord], kept: int) -> list[RunRecord]:
    """The newest runs until `kept` of them are done, and of those that are not no more than `kept`.

    A run that rests on the keys of a newer one, such as a build that reused everything, counts for nothing.
    """
    last: list[RunRecord] = []
    done: set[frozenset[str]] = set()
    for record in found:
        if len(done) == kept:
            break
        keys = frozenset(step.key for step in record.steps.values() if step.key)
        if record.status == "done":
            if keys in done:
                continue
            done.add(keys)
        elif len(last) - len(done) >= kept:
            continue
        last.append(record)
    return last


def _unfinished(record: RunRecord) -> Iterator[str]:
    """Keys whose scratch folder may be of use: of steps that failed, were stopped, or ran when killed."""
    for step in record.steps.values():
        if step.key and not step.is_done:
            yield step.key


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
