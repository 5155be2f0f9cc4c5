"""Which rows are nearly the same: an exact similarity join over character 5-gram shingles.

Two rows are near when *every* input field has a Jaccard index of at least the threshold. Judging fields one
by one keeps apart the questions of one passage, and the passages that one template wrote, which a single
index over the joined text would call the same.

No pair is missed and none is guessed. Candidates share a rare shingle (prefix filter: Chaudhuri et al.,
2006; Bayardo et al., 2007), have comparable sizes, and differ in few bits of a bitmap; the sets themselves
decide. Unlike MinHash there is no probability of a miss, so that "no near-duplicate crosses the border" can
be promised.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_SIZE = 5  # characters of a shingle
_FIELDS = 8  # the low three bits of a shingle's hash hold its field; fields beyond share the last number
_BITS = 2048  # of a row's bitmap
_BUCKETS = 22  # bits of the table that counts how common a shingle is
_EPSILON = 1e-9  # of Jaccard comparisons


def fold(text: str) -> str:
    """`text` without differences that make no difference: compatibility forms, case, blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class Shingled:
    """Rows as sorted sets of hashed shingles; made once and shared by several indexes.

    `rows` holds the input fields of each row, the same number in each, compared place by place.
    """

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        import numpy as np

        hashed = cache(_hashed)  # rows share passages: once a text
        self.sets = [_shingles(fields, hashed) for fields in rows]
        self.sizes = np.zeros((len(rows), _FIELDS), dtype=np.int64)
        self.bitmaps = np.zeros((len(rows), _BITS // 64), dtype=np.uint64)
        self._common = np.zeros(1 << _BUCKETS, dtype=np.int64)
        for row, shingles in enumerate(self.sets):
            self.sizes[row] = np.bincount((shingles & np.uint64(7)).astype(np.int64), minlength=_FIELDS)
            bits = np.zeros(_BITS, dtype=bool)
            bits[(shingles >> np.uint64(40)).astype(np.int64) % _BITS] = True
            self.bitmaps[row] = np.packbits(bits).view(np.uint64)
            np.add.at(self._common, _bucket(shingles), 1)

    def rarest(self, row: int, number: int) -> list[int]:
        """The row's first `number` shingles in the one order that all rows share, rarest first.

        Shingles that no other row has are left out: nothing can be found through them.
        """
        import numpy as np

        shingles = self.sets[row]
        common = self._common[_bucket(shingles)]
        first = np.argsort(common, kind="stable")[:number]  # ties keep the order of the hashes
        return [int(shingle) for shingle in shingles[first[common[first] > 1]]]

    def near(self, left: int, right: int, threshold: float) -> bool:
        """Whether every field of two rows has a Jaccard index of at least `threshold`."""
        import numpy as np

        both = np.intersect1d(self.sets[left], self.sets[right], assume_unique=True)
        common = np.bincount((both & np.uint64(7)).astype(np.int64), minlength=_FIELDS)
        union = self.sizes[left] + self.sizes[right] - common
        return bool((common >= threshold * union - _EPSILON).all())


class Index:
    """Rows that were added so far, searchable for those near another row of the same `Shingled`."""

    def __init__(self, shingled: Shingled, *, threshold: float) -> None:
        self._rows = shingled
        self._threshold = threshold
        self._postings: dict[int, list[int]] = {}
        self._last: tuple[int, list[int]] = (-1, [])  # a row is usually searched and then added

    def add(self, row: int) -> None:
        for shingle in self._prefix(row):
            self._postings.setdefault(shingle, []).append(row)

    def near(self, row: int) -> list[int]:
        """Rows near `row` among those added, in ascending order."""
        return [other for other in self.candidates(row) if self.verify(row, other)]

    def verify(self, left: int, right: int) -> bool:
        return self._rows.near(left, right, self._threshold)

    def candidates(self, row: int) -> list[int]:
        """Rows that cheap bounds cannot tell from near ones; every near one is among them, ascending."""
        import numpy as np

        found: set[int] = set()
        for shingle in self._prefix(row):
            found.update(self._postings.get(shingle, ()))
        found.discard(row)
        if not found:
            return []
        others = np.fromiter(sorted(found), dtype=np.int64, count=len(found))
        sizes, own = self._rows.sizes[others], self._rows.sizes[row]
        least = self._threshold - _EPSILON
        fits = ((sizes >= least * own) & (own >= least * sizes)).all(axis=1)
        others, sizes = others[fits], sizes[fits]
        differing = np.bitwise_count(self._rows.bitmaps[others] ^ self._rows.bitmaps[row]).sum(axis=1)
        allowed = (1 - least) / (1 + least) * (sizes.sum(axis=1) + own.sum())
        return [int(other) for other in others[differing <= allowed]]

    def _prefix(self, row: int) -> list[int]:
        """Shingles of which two near rows must share one: all but the last t * n, plus one, of n."""
        if self._last[0] != row:
            size = len(self._rows.sets[row])
            needed = max(1, _ceil((self._threshold - _EPSILON) * size))
            self._last = (row, self._rows.rarest(row, size - needed + 1))
        return self._last[1]


def near_to(shingled: Shingled, there: int, threshold: float) -> list[int | None]:
    """Of each row but the first `there`: an earlier row that it is near to; None where it is near to none.

    Rows that are near to another count as gone, so that what is only near to them stays.
    """
    index = Index(shingled, threshold=threshold)
    for row in range(there):
        index.add(row)
    found: list[int | None] = []
    for row in range(there, len(shingled.sets)):
        near = index.near(row)
        found.append(near[0] if near else None)
        if not near:
            index.add(row)
    return found


def clusters(shingled: Shingled, *, threshold: float, groups: Sequence[str]) -> list[int]:
    """For each row the number of its cluster: rows joined by nearness or by an equal, non-empty group.

    A cluster's number is that of its first row. Nearness is closed transitively, so no near pair is ever in
    two clusters.
    """
    parents = list(range(len(shingled.sets)))
    first_of_group: dict[str, int] = {}
    index = Index(shingled, threshold=threshold)
    for row in range(len(parents)):
        if groups[row]:
            _join(parents, row, first_of_group.setdefault(groups[row], row))
        for other in index.candidates(row):
            if _root(parents, row) != _root(parents, other) and index.verify(row, other):
                _join(parents, row, other)
        index.add(row)
    return [_root(parents, row) for row in range(len(parents))]


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


def _join(parents: list[int], left: int, right: int) -> None:
    """Join two clusters under the smaller number."""
    low, high = sorted((_root(parents, left), _root(parents, right)))
    parents[high] = low


def _ceil(number: float) -> int:
    return int(-(-number // 1))


def _bucket(shingles: Array) -> Array:
    import numpy as np

    found: Array = (shingles >> np.uint64(64 - _BUCKETS)).astype(np.int64)
    return found


def _shingles(fields: Sequence[str], hashed: Callable[[str, int], Array]) -> Array:
    """The row's set of hashed shingles, ascending uint64; a text shorter than a shingle is one as a whole."""
    import numpy as np

    parts = [hashed(text, min(place, _FIELDS - 1)) for place, text in enumerate(fields)]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _hashed(text: str, field: int) -> Array:
    """64-bit hashes of the folded text's 5-grams, `field` in the low three bits; multilinear, mixed."""
    import numpy as np

    text = fold(text)
    if not text:
        return np.zeros(0, dtype=np.uint64)
    codes = np.frombuffer(text.ljust(_SIZE, "\0").encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = codes.astype(np.uint64)
    factors = (
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        0xA0761D6478BD642F,
    )
    end = len(codes) - _SIZE + 1
    mixed = np.full(end, 0x2545F4914F6CDD1D * (field + 1) & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    for place, factor in enumerate(factors):
        mixed += codes[place : place + end] * np.uint64(factor)
    for shift, factor in (
        (30, 0xBF58476D1CE4E5B9),
        (27, 0x94D049BB133111EB),
    ):  # splitmix64, Steele et al., 2014
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    found: Array = (mixed & np.uint64(0xFFFFFFFFFFFFFFF8)) | np.uint64(field)
    return found
