"""Texts as sets of hashed character 5-grams, on disk: in memory are some bytes a row.

A row is a tuple of input fields; the low three bits of a hash hold the field that it is of, so that a row is
one set, which can be taken apart again.
"""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

FIELDS = 8  # fields beyond share the last number
_SIZE = 5  # characters of a shingle
_BITS = 512  # of a row's sketch
_BUCKETS = 22  # bits of the table that counts how common a shingle is
_ROWS, _CHARACTERS = 8192, 1 << 18  # that are worked on at once
_HELD = 1 << 24  # bytes that a file holds in memory before it is one
_FACTORS = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0xD6E8FEB86659FD93,
    0xA0761D6478BD642F,
)


def fold(text: str) -> str:
    """`text` without differences that make no difference: compatibility forms, case, blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def hash64(text: str) -> int:
    """What texts are compared by where there are too many to hold them."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def hashes(texts: Iterable[str]) -> Array:
    """`hash64` of each, uint64."""
    import numpy as np

    return np.fromiter(map(hash64, texts), dtype=np.uint64)


def alike(keys: Array) -> Iterator[list[int]]:
    """The places of each value that stands in several, ascending."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    fresh = np.flatnonzero(np.diff(keys[order], prepend=keys[order][:1] ^ np.uint64(1)))
    several = np.flatnonzero(np.diff(fresh, append=len(keys)) > 1)
    for start, end in zip(fresh[several], np.append(fresh, len(keys))[several + 1], strict=True):
        yield order[start:end].tolist()


def ranges(starts: Array, widths: Array) -> Array:
    """The numbers of all ranges, one after the other."""
    import numpy as np

    begins = np.cumsum(widths) - widths
    found: Array = np.arange(int(widths.sum())) + np.repeat(starts - begins, widths)
    return found


class Spooled:
    """A growing array in a file without a name, which goes with this object; a small one is in memory."""

    def __init__(self, dtype: Any, folder: Path | None = None) -> None:
        import numpy as np

        self.dtype = np.dtype(dtype)
        place = None if folder is None else str(folder)
        self._file = tempfile.SpooledTemporaryFile(max_size=_HELD, dir=place)  # noqa: SIM115
        self._end = 0

    def __len__(self) -> int:
        return self._end

    def append(self, values: Array) -> None:
        import numpy as np

        self._file.seek(self._end * self.dtype.itemsize)
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).tobytes())
        self._end += len(values)

    def read(self, start: int, stop: int) -> Array:
        import numpy as np

        self._file.seek(start * self.dtype.itemsize)
        return np.frombuffer(self._file.read((stop - start) * self.dtype.itemsize), dtype=self.dtype)


class Shingled:
    """Rows as sorted sets of hashed shingles; made once and shared by several indexes.

    `rows` holds the input fields of each row, the same number in each, compared place by place.
    `sizes` (rows, fields) says how many shingles each field has; `sketches` (rows, bits / 64) has for each
    bit the parity of how many shingles fall upon it (Mitzenmacher et al., 2014), so that two rows differ in
    no fewer shingles than their sketches do in bits. About 100 bytes a row are held, whatever the texts.
    """

    def __init__(self, rows: Iterable[Sequence[str]], folder: Path | None = None) -> None:
        import numpy as np

        self.folder = folder
        self._shingles = Spooled(np.uint64, folder)
        self._common = np.zeros(1 << _BUCKETS, dtype=np.int32)
        sizes, sketches = [np.zeros((0, 1), np.int32)], [np.zeros((0, _BITS // 64), np.uint64)]
        for batch in _batches(rows):
            owners, shingles = _hashed_rows(batch)
            self._shingles.append(shingles)
            width = min(FIELDS, max(1, len(batch[0])))
            field = (shingles & np.uint64(7)).astype(np.int64)
            each = np.bincount(owners * width + field, minlength=len(batch) * width)
            sizes.append(each.reshape(len(batch), width).astype(np.int32))
            sketches.append(_sketches(owners, shingles, len(batch)))
            buckets = np.sort(bucket(shingles))
            last = np.flatnonzero(np.diff(buckets, append=-1))
            self._common[buckets[last]] += np.diff(last, prepend=-1).astype(np.int32)
        self.sizes = np.concatenate(sizes[1:] or sizes)
        self.sketches = np.concatenate(sketches)
        self.starts = np.concatenate([[0], np.cumsum(self.sizes.sum(axis=1, dtype=np.int64))])

    def __len__(self) -> int:
        return len(self.sizes)

    def common(self, shingles: Array) -> Array:
        """How many rows have each shingle, at the most."""
        found: Array = self._common[bucket(shingles)]
        return found

    def of(self, rows: Array) -> list[Array]:
        """The sets of these rows."""
        return [self._shingles.read(int(self.starts[row]), int(self.starts[row + 1])) for row in rows]

    def batches(self) -> Iterator[tuple[int, int, Array, Array]]:
        """All sets in order, some at once: rows from, to; of each shingle the row, from 0; shingles."""
        import numpy as np

        first = 0
        while first < len(self):
            most = int(np.searchsorted(self.starts, self.starts[first] + _CHARACTERS, side="right")) - 1
            last = min(max(first + 1, most), first + _ROWS)
            lengths = np.diff(self.starts[first : last + 1])
            shingles = self._shingles.read(int(self.starts[first]), int(self.starts[last]))
            yield first, last, np.repeat(np.arange(last - first), lengths), shingles
            first = last


def bucket(shingles: Array) -> Array:
    import numpy as np

    found: Array = (shingles >> np.uint64(64 - _BUCKETS)).astype(np.int64)
    return found


def _batches(rows: Iterable[Sequence[str]]) -> Iterator[list[list[str]]]:
    """Rows of folded texts, so many at once as make arrays of a fair size."""
    batch: list[list[str]] = []
    characters = 0
    for row in rows:
        batch.append(list(map(fold, row)))
        characters += sum(map(len, batch[-1]))
        if characters >= _CHARACTERS or len(batch) >= _ROWS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _hashed_rows(batch: Sequence[Sequence[str]]) -> tuple[Array, Array]:
    """The rows' sets, one after the other, each ascending: the row of each shingle, and the shingles."""
    import numpy as np

    parts = [
        _hashed([row[place] for row in batch], min(place, FIELDS - 1)) for place in range(len(batch[0]))
    ] or [(np.zeros(0, np.uint16), np.zeros(0, np.uint64))]
    owners, shingles = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(shingles)
    order = order[np.argsort(owners[order], kind="stable")]
    owners, shingles = owners[order].astype(np.int64), shingles[order]
    first = np.ones(len(shingles), dtype=bool)
    first[1:] = (shingles[1:] != shingles[:-1]) | (owners[1:] != owners[:-1])
    return owners[first], shingles[first]


def _hashed(texts: Sequence[str], field: int) -> tuple[Array, Array]:
    """64-bit hashes of the 5-grams of folded texts, and the text of each; multilinear, mixed.

    A text shorter than a shingle is one as a whole, and an empty one has none.
    """
    import numpy as np

    padded = [text.ljust(_SIZE, "\0") if text else "" for text in texts]
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = codes.astype(np.uint64)
    end = max(0, len(codes) - _SIZE + 1)
    mixed = np.full(end, 0x2545F4914F6CDD1D * (field + 1) & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    for place, factor in enumerate(_FACTORS):
        mixed += codes[place : place + end] * np.uint64(factor)
    for shift, factor in (
        (30, 0xBF58476D1CE4E5B9),
        (27, 0x94D049BB133111EB),
    ):  # splitmix64, Steele et al., 2014
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    mixed = (mixed & np.uint64(0xFFFFFFFFFFFFFFF8)) | np.uint64(field)
    owners = np.repeat(np.arange(len(texts), dtype=np.uint16), lengths)
    # What begins in the last four characters of a text goes on in the next one.
    inside = np.ones(len(codes), dtype=bool)
    ends = np.cumsum(lengths)[lengths > 0]
    for back in range(1, _SIZE):
        inside[ends - back] = False
    return owners[inside], mixed[inside[:end]]


def _sketches(owners: Array, shingles: Array, rows: int) -> Array:
    import numpy as np

    bits = (shingles >> np.uint64(40)).astype(np.int64) % _BITS
    odd = np.bincount(owners * _BITS + bits, minlength=rows * _BITS).astype(np.uint8) & 1
    found: Array = np.packbits(odd.reshape(rows, _BITS), axis=1).view(np.uint64)
    return found
