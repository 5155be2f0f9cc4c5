"""Which rows are nearly the same: an exact similarity join over character 5-gram shingles, on disk.

Two rows are near when *every* input field has a Jaccard index of at least the threshold. Judging fields one
by one keeps apart the questions of one passage, and the passages that one template wrote, which a single
index over the joined text would call the same.

No pair is missed and none is guessed. Two rows that are near share a rare shingle, so early in the order of
both that their sizes still leave room for the rest (prefix and positional filter: Chaudhuri et al., 2006;
Xiao et al., 2008); their sketches differ in few bits; the sets themselves decide. Unlike MinHash there is no
probability of a miss, so that "no near-duplicate crosses the border" can be promised.

What is shared is looked for in one field only, the one whose shingles tell most. Entries (a shingle of a row)
lie on disk by row and are sorted some at a time, as many as `_AT_ONCE`, by passes over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from p2m.curation.shingles import Shingled, Spooled, fold, hashes, ranges

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["Index", "Shingled", "clusters", "fold", "near_to"]

_EPSILON = 1e-9  # of Jaccard comparisons
_AT_ONCE = 1 << 22  # entries that are sorted in memory
_PAIRS = 1 << 17  # pairs that are looked at together
_VERIFIED = 1 << 20  # shingles that are compared together
_BLOCK = 1024  # rows of which all pairs are found, to keep the first of those that are near
_SAMPLE = 2000  # rows that tell which field to look in
_MOST = (1 << 32) - 1
_CROWD = 1 << 11  # pairs of entries of one shingle from which on it pays to join its neighbours first
_ENTRY = [("key", "<u8"), ("row", "<u4"), ("size", "<u4"), ("reach", "<u4")]


class Index:
    """Finds rows near each other among those of `shingled`.

    An entry's `size` is the number of shingles of the row in the field that is looked in; `reach` is the
    greatest size of a row that can be near and has no earlier shingle in common.
    """

    def __init__(self, shingled: Shingled, *, threshold: float) -> None:
        import numpy as np

        self.folder = shingled.folder
        self._rows = shingled
        self._threshold = threshold
        self._entries, self._starts = _entries(shingled, threshold)
        self._short = np.bitwise_xor.reduce(shingled.sketches, axis=1)
        least = threshold - _EPSILON
        self._room = (1 - least) / (1 + least) * shingled.sizes.sum(axis=1)

    def __len__(self) -> int:
        return len(self._rows)

    def first(
        self,
        left: tuple[int, int],
        right: tuple[int, int],
        alive: Array | None = None,
        labels: Array | None = None,
    ) -> Array:
        """For each row of `right` (from, to) the first of `left` that is near and has its label, else -1.

        Rows that are not `alive` are neither searched nor found. The two ranges have no row in common.
        """
        import numpy as np

        none = len(self)
        best = np.full(right[1] - right[0], none, dtype=np.int64)

        def is_open(found: Array, row: Array) -> Array:
            is_better: Array = found < best[row - right[0]]
            return is_better

        def take(found: Array, row: Array) -> None:
            np.minimum.at(best, row - right[0], found)

        for ours, theirs in self._parts((left, right), alive, labels):
            for one, other in _meeting(ours, theirs):
                self._settle(one, other, labels, is_open, take)
        best[best == none] = -1
        return best

    def kept(self, start: int = 0, alive: Array | None = None, labels: Array | None = None) -> Array:
        """For each row the first earlier one that stays, is near and has its label; -1: the row stays itself.

        The rows before `start` stay in any case. Rows that are not `alive` are left out.
        """
        import numpy as np

        stays = np.ones(len(self), dtype=bool) if alive is None else alive.copy()
        found = np.full(len(self), -1, dtype=np.int64)

        def drop(low: int, middle: int, high: int) -> None:
            first = self.first((low, middle), (middle, high), stays, labels)
            found[middle:high] = np.maximum(found[middle:high], first)
            stays[middle:high] &= first < 0

        def settle(low: int, high: int) -> None:
            if high - low <= _BLOCK:
                for one, other in self.pairs((low, high), stays, labels):
                    if stays[one] and stays[other]:
                        found[other], stays[other] = one, False
                return
            middle = (low + high) // 2
            settle(low, middle)
            drop(low, middle, high)
            settle(middle, high)

        if 0 < start < len(self):
            drop(0, start, len(self))
        settle(start, len(self))
        return found

    def clusters(self, parents: Array) -> Array:
        """The number of each row's cluster, which is its first row's, given some that are known: near rows
        share one, and those near to these."""
        roots = _roots(parents)

        def is_open(one: Array, other: Array) -> Array:
            apart: Array = roots[one] != roots[other]
            return apart

        def take(one: Array, other: Array) -> None:
            nonlocal roots
            for left, right in zip(roots[one].tolist(), roots[other].tolist(), strict=True):
                low, high = sorted((_root(roots, left), _root(roots, right)))
                roots[high] = low
            roots = _roots(roots)

        for (entries,) in self._parts(((0, len(self)),), None, None):
            for one, other in _crossing(entries, lambda rows: roots[rows]):
                self._settle(*_ordered(one, other), None, is_open, take)
        return roots

    def pairs(
        self, rows: tuple[int, int], alive: Array | None = None, labels: Array | None = None
    ) -> list[tuple[int, int]]:
        """All near pairs of one label among few rows (from, to), by the later row, then by the earlier."""
        import numpy as np

        found: set[tuple[int, int]] = set()

        def is_open(one: Array, other: Array) -> Array:
            return np.ones(len(one), dtype=bool)

        def take(one: Array, other: Array) -> None:
            found.update(zip(one.tolist(), other.tolist(), strict=True))

        for (entries,) in self._parts((rows,), alive, labels):
            entries, place = _sorted(entries, _lists(entries))
            ends = np.searchsorted(place, _end(entries, place), side="right")
            for one, other in _within(entries, entries, np.arange(len(place)) + 1, ends):
                self._settle(*_ordered(one, other), labels, is_open, take)
        return sorted(found, key=lambda pair: pair[::-1])

    def _parts(
        self, ranges: tuple[tuple[int, int], ...], alive: Array | None, labels: Array | None
    ) -> Iterator[tuple[_Entries, ...]]:
        """The entries of some ranges of rows, so many at once as memory allows, those of a key together."""
        total = sum(int(self._starts[high] - self._starts[low]) for low, high in ranges)
        parts = -(-total // _AT_ONCE)
        for part in range(parts):
            yield tuple(self._load(low, high, alive, labels, (part, parts)) for low, high in ranges)

    def _load(
        self, low: int, high: int, alive: Array | None, labels: Array | None, part: tuple[int, int]
    ) -> _Entries:
        import numpy as np

        chunks = [np.zeros(0, dtype=_ENTRY)]
        start, end = int(self._starts[low]), int(self._starts[high])
        for place in range(start, end, _AT_ONCE // 4):
            chunk = self._entries.read(place, min(place + _AT_ONCE // 4, end))
            if alive is not None:
                chunk = chunk[alive[chunk["row"]]]
            if labels is not None:
                chunk = chunk.copy()
                chunk["key"] ^= labels[chunk["row"]]
            if part[1] > 1:
                chunk = chunk[(chunk["key"] >> np.uint64(20)) % np.uint64(part[1]) == part[0]]
            chunks.append(chunk)
        joined = np.concatenate(chunks)
        key, row, size, reach = (joined[name] for name, _ in _ENTRY)
        return _Entries(
            key.copy(),
            row.astype(np.int64),
            size.astype(np.int64),
            reach.astype(np.int64),
            self._short[row],
            self._room[row],
        )

    def _settle(
        self,
        one: Array,
        other: Array,
        labels: Array | None,
        is_open: Callable[[Array, Array], Array],
        take: Callable[[Array, Array], None],
    ) -> None:
        """Hand the near ones of these pairs to `take`, those of small `one` first, as long as they are open.

        More and more pairs of an `other` are verified together, since the first often settles the rest.
        """
        import numpy as np

        one, other = self._possible(one, other, labels, is_open)
        several = 1
        while len(one):
            fresh = np.ones(len(other), dtype=bool)
            fresh[1:] = other[1:] != other[:-1]
            begins = np.flatnonzero(fresh)[np.cumsum(fresh) - 1]
            now = np.arange(len(other)) - begins < several
            near = self._near(one[now], other[now])
            take(one[now][near], other[now][near])
            one, other = one[~now], other[~now]
            left = is_open(one, other)
            one, other = one[left], other[left]
            several *= 2

    def _possible(
        self, one: Array, other: Array, labels: Array | None, is_open: Callable[[Array, Array], Array]
    ) -> tuple[Array, Array]:
        """The pairs that are open and may be near by cheap bounds, each once, by `other`, then by `one`."""
        import numpy as np

        fits = is_open(one, other)
        if labels is not None:
            fits &= labels[one] == labels[other]
        one, other = one[fits], other[fits]
        left, right = self._rows.sizes[one], self._rows.sizes[other]
        least = self._threshold - _EPSILON
        sketches = self._rows.sketches[one]
        sketches ^= self._rows.sketches[other]
        differing = np.bitwise_count(sketches).sum(axis=1, dtype=np.int64)
        fits = np.asarray(differing <= self._room[one] + self._room[other] + _EPSILON)
        fits = fits & ((left >= least * right) & (right >= least * left)).all(axis=1)
        pairs = np.unique(other[fits] * len(self) + one[fits])
        other, one = np.divmod(pairs, max(1, len(self)))
        return one, other

    def _near(self, one: Array, other: Array) -> Array:
        """Whether in each pair every field has a Jaccard index of at least the threshold."""
        import numpy as np

        lengths = np.diff(self._rows.starts)
        ends = np.cumsum(lengths[one] + lengths[other])
        found = [np.zeros(0, dtype=bool)]
        start = 0
        while start < len(one):
            reached = (ends[start - 1] if start else 0) + _VERIFIED
            stop = max(start + 1, int(np.searchsorted(ends, reached, side="right")))
            found.append(self._compared(one[start:stop], other[start:stop]))
            start = stop
        return np.concatenate(found)

    def _compared(self, one: Array, other: Array) -> Array:
        import numpy as np

        rows, places = np.unique(np.concatenate([one, other]), return_inverse=True)
        sets = self._rows.of(rows)
        lengths = np.array([len(each) for each in sets])
        known, numbers = np.unique(np.concatenate(sets), return_inverse=True)
        starts = np.cumsum(lengths) - lengths
        pairs = np.tile(np.arange(len(one)), 2)
        owners = np.repeat(pairs, lengths[places])
        shingles = numbers[ranges(starts[places], lengths[places])]
        # A shingle that both rows have stands twice in its pair.
        placed = np.sort(owners * len(known) + shingles)
        both = placed[1:][placed[1:] == placed[:-1]]
        width = self._rows.sizes.shape[1]
        field = (known[both % max(1, len(known))] & np.uint64(7)).astype(np.int64)
        common = np.bincount(both // max(1, len(known)) * width + field, minlength=len(one) * width)
        common = common.reshape(len(one), width)
        union = self._rows.sizes[one] + self._rows.sizes[other] - common
        near: Array = np.all(common >= self._threshold * union - _EPSILON, axis=1)
        return near


def near_to(shingled: Shingled, there: int, threshold: float) -> list[int | None]:
    """Of each row but the first `there`: an earlier row that it is near to; None where it is near to none.

    Rows that are near to another count as gone, so that what is only near to them stays.
    """
    found = Index(shingled, threshold=threshold).kept(there)[there:]
    return [None if place < 0 else place for place in found.tolist()]


def clusters(shingled: Shingled, *, threshold: float, groups: Array | None = None) -> Array:
    """For each row the number of its cluster: rows joined by nearness or by an equal, non-empty group.

    `groups` (rows,) are the `hashes` of the groups' names.

    A cluster's number is that of its first row. Nearness is closed transitively, so no near pair is ever in
    two clusters.
    """
    import numpy as np

    parents = np.arange(len(shingled))
    if groups is not None:
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        parents = np.where(groups == hashes([""]), parents, first[inverse])
    return Index(shingled, threshold=threshold).clusters(parents)


# --------------------------------------------------------------------------- clusters


def _root(parents: Array, row: int) -> int:
    while parents[row] != row:
        row = int(parents[row])
    return row


def _roots(parents: Array) -> Array:
    """The first row of each row's cluster."""
    while not (parents == (above := parents[parents])).all():
        parents = above
    return parents


# --------------------------------------------------------------------------- entries


class _Entries(NamedTuple):
    """Entries as columns."""

    key: Array
    row: Array
    size: Array
    reach: Array
    short: Array  # the row's sketch in 64 bits
    room: Array  # the row's part of the shingles that near rows may differ in

    def at(self, places: Array) -> _Entries:
        return _Entries(*(column[places] for column in self))


def _entries(shingled: Shingled, threshold: float) -> tuple[Spooled, Array]:
    """The entries of all rows, by row, and where those of each begin.

    Entries through which nothing can be found are left out: of shingles that no other row has, and those so
    late in the order of their row that a near row has an earlier one in common.
    """
    import numpy as np

    spooled = Spooled(_ENTRY, shingled.folder)
    counts = [np.zeros(1, dtype=np.int64)]
    order = _by_cost(shingled, threshold)
    for first, last, owners, shingles in shingled.batches():
        sizes = shingled.sizes[first:last]
        # Two rows that are near have a field both or neither.
        looked = np.array(order)[(sizes[:, order] > 0).argmax(axis=1)]
        chosen = (shingles & np.uint64(7)).astype(np.int64) == looked[owners]
        entries = _prefixes(owners[chosen], shingles[chosen], shingled, threshold)
        counts.append(np.bincount(entries["row"], minlength=last - first))
        entries["row"] += first
        spooled.append(entries)
    return spooled, np.cumsum(np.concatenate(counts))


def _by_cost(shingled: Shingled, threshold: float) -> list[int]:
    """The fields, that whose entries meet the fewest others first, by a sample of rows that have it."""
    import numpy as np

    width = shingled.sizes.shape[1]
    if width == 1:
        return [0]
    rows = np.unique(np.linspace(0, len(shingled) - 1, _SAMPLE).astype(np.int64))
    sets = shingled.of(rows)
    owners = np.repeat(np.arange(len(rows)), [len(each) for each in sets])
    shingles = np.concatenate(sets)
    costs = []
    for field in range(width):
        chosen = (shingles & np.uint64(7)).astype(np.int64) == field
        met = shingled.common(_prefixes(owners[chosen], shingles[chosen], shingled, threshold)["key"]).sum()
        having = len(np.unique(owners[chosen]))
        costs.append((met / having if having else np.inf, field))
    return [field for _, field in sorted(costs)]


def _prefixes(owners: Array, shingles: Array, shingled: Shingled, threshold: float) -> Array:
    """The useful entries of rows, in the one order that all rows share: rarest first, then by hash."""
    import numpy as np

    common = shingled.common(shingles)
    packed = (owners.astype(np.uint64) << np.uint64(51)) | (
        np.minimum(common, (1 << 24) - 1).astype(np.uint64) << np.uint64(27)
    )
    order = (np.sort(packed | np.arange(len(shingles), dtype=np.uint64)) & np.uint64((1 << 27) - 1)).astype(
        np.int64
    )
    sizes = np.bincount(owners)
    size = sizes[owners]
    later = size - (
        np.arange(len(owners)) - (np.cumsum(sizes) - sizes)[owners]
    )  # from this one on, itself too
    reach = np.floor((later * (1 + threshold) + _EPSILON) / threshold - size + 1e-6)
    useful = (reach >= threshold * size - 1e-6) & (common[order] > 1)
    entries = np.zeros(int(useful.sum()), dtype=_ENTRY)
    entries["key"], entries["row"] = shingles[order][useful], owners[useful]
    entries["size"], entries["reach"] = size[useful], np.minimum(reach[useful], _MOST)
    return entries


# --------------------------------------------------------------------------- pairs of entries


def _meeting(ours: _Entries, theirs: _Entries) -> Iterator[tuple[Array, Array]]:
    """Rows of ours with rows of theirs that have an entry in common which both sizes allow."""
    import numpy as np

    lists = _lists(ours, theirs)
    ours, at = _sorted(ours, lists[: len(ours.key)])
    theirs, there = _sorted(theirs, lists[len(ours.key) :])
    turns: tuple[tuple[_Entries, Array, _Entries, Array, Literal["left", "right"]], ...] = (
        (ours, at, theirs, there, "left"),
        (theirs, there, ours, at, "right"),
    )
    for one, place, other, others, side in turns:
        starts = np.searchsorted(others, place, side=side)
        for left, right in _within(
            one, other, starts, np.searchsorted(others, _end(one, place), side="right")
        ):
            yield (left, right) if one is ours else (right, left)


def _sorted(entries: _Entries, lists: Array) -> tuple[_Entries, Array]:
    """Entries by key, then by size, and the place of each: both in one number."""
    import numpy as np

    place = lists << 32 | entries.size
    order = np.argsort(place)
    return entries.at(order), place[order]


def _lists(*parts: _Entries) -> Array:
    """A number for each key, for the entries of all parts, one after the other."""
    import numpy as np

    keys = np.concatenate([part.key for part in parts])
    order = np.argsort(keys)
    fresh = np.ones(len(keys), dtype=np.int64)
    fresh[1:] = keys[order][1:] != keys[order][:-1]
    lists = np.empty(len(keys), dtype=np.int64)
    lists[order] = np.cumsum(fresh) - 1
    return lists


def _end(entries: _Entries, place: Array) -> Array:
    """The last place that a partner can have that is no smaller."""
    end: Array = (place >> 32 << 32) | entries.reach
    return end


def _within(one: _Entries, other: _Entries, starts: Array, ends: Array) -> Iterator[tuple[Array, Array]]:
    """The rows of each entry of `one` and of the entries of `other` from its start to its end, where sizes
    and short sketches allow, some pairs at a time."""
    import numpy as np

    widths = np.maximum(ends - starts, 0)
    reached = np.cumsum(widths)
    begin = 0
    while begin < len(widths):
        stop = int(np.searchsorted(reached, (reached[begin - 1] if begin else 0) + _PAIRS, side="right"))
        stop = max(begin + 1, stop)
        mine = np.repeat(np.arange(begin, stop), widths[begin:stop])
        theirs = ranges(starts[begin:stop], widths[begin:stop])
        fits = (one.size[mine] <= other.reach[theirs]) & (other.size[theirs] <= one.reach[mine])
        mine, theirs = mine[fits], theirs[fits]
        differing = np.bitwise_count(one.short[mine] ^ other.short[theirs])
        fits = differing <= one.room[mine] + other.room[theirs] + _EPSILON
        yield one.row[mine[fits]], other.row[theirs[fits]]
        begin = stop


def _crossing(entries: _Entries, roots: Callable[[Array], Array]) -> Iterator[tuple[Array, Array]]:
    """Rows with an entry in common that are in two clusters; `roots` tells that of rows as it is by now.

    In a crowd, where many rows share a shingle, those of about one size are handed over first: mostly they
    become one by that. Then come all pairs of the crowd that sizes allow, or all from one cluster to another,
    whichever are fewer.
    """
    import numpy as np

    entries, place = _sorted(entries, _lists(entries))
    lists = place >> 32
    starts = np.arange(len(place)) + 1
    ends = np.maximum(starts, np.searchsorted(place, _end(entries, place), side="right"))
    pairs = np.bincount(lists, weights=ends - starts)
    crowd = (pairs > _CROWD)[lists]
    yield from _within(entries, entries, starts, np.where(crowd, starts, ends))
    if not crowd.any():
        return
    step = 1
    while step < len(lists):
        near = np.flatnonzero(crowd[:-step] & (lists[step:] == lists[:-step]))
        if not len(near):
            break
        near = near[roots(entries.row[near]) != roots(entries.row[near + step])]
        yield from _within(entries.at(near), entries, near + step, near + step + 1)
        step *= 2
    cluster = roots(entries.row)
    order = np.flatnonzero(crowd)[np.lexsort((cluster[crowd], lists[crowd]))]
    bounds = (
        np.append(lists[order][1:] != lists[order][:-1], True),
        np.append(cluster[order][1:] != cluster[order][:-1], True),
    )
    after, last = _bound(bounds[0] | bounds[1]), _bound(bounds[0])
    fewer = np.bincount(lists[order], weights=last - after, minlength=len(pairs)) < pairs
    by_cluster = entries.at(order)
    yield from _within(by_cluster, by_cluster, after, np.where(fewer[lists[order]], last, after))
    yield from _within(entries, entries, starts, np.where(crowd & ~fewer[lists], ends, starts))


def _bound(is_last: Array) -> Array:
    """For each place the one after its stretch, whose last place is marked."""
    import numpy as np

    found: Array = np.flatnonzero(is_last)[np.cumsum(is_last) - is_last] + 1
    return found


def _ordered(one: Array, other: Array) -> tuple[Array, Array]:
    import numpy as np

    return np.minimum(one, other), np.maximum(one, other)
