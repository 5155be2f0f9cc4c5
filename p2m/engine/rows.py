"""Rows that may lie on disk: what stands for a `tuple[Row, ...]` where it would not fit into memory.

A stage is handed a plain tuple where rows are few and a `Rows` where they are many. Both have a length, are
iterated, indexed, sliced, added and compared alike; of a `Rows` each pass reads the file anew, 8 bytes a row
are kept, and never more than a chunk of rows. Stages that make many rows hand over a `Spool`'s or a view
(`joined`, `picked`, `mapped`), and nothing of them is held either.
"""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar, cast, overload

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")
S = TypeVar("S")
CHUNK = 500  # rows that are read, checked or written at once
_BLOCK = 1 << 20  # bytes


class Limits:
    """Up to where rows are plain tuples."""

    rows = 20_000  # that a spool keeps in memory, and that are taken out of a `Rows` as a tuple
    bytes = 16 << 20  # of a file


class FormatError(ValueError):
    """A value that is not what its type says, or a file that does not hold such a value."""


class Rows(Sequence[T]):
    """A read-only sequence that is never in memory as a whole; subclasses say how long it is, and `take`."""

    _ahead: tuple[int, list[T]] = (0, [])
    _last = -2

    @abstractmethod
    def take(self, numbers: Sequence[int] | Any) -> list[T]:
        """The rows of these numbers (a range or an integer array within bounds), in that order."""

    def __iter__(self) -> Iterator[T]:
        for chunk in self.chunks():
            yield from chunk

    def chunks(self) -> Iterator[list[T]]:
        """All rows in their order, some at once."""
        for start in range(0, len(self), CHUNK):
            yield self.take(range(start, min(start + CHUNK, len(self))))

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        if isinstance(place, slice):
            return picked(cast("tuple[T, ...]", self), range(len(self))[place])
        number = range(len(self))[place]
        start, known = self._ahead
        if not start <= number < start + len(known):
            # Who asks for the next one will ask for those after it.
            several = CHUNK if number == self._last + 1 else 1
            start, known = number, self.take(range(number, min(number + several, len(self))))
            self._ahead = (start, known)
        self._last = number
        return known[number - start]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | Rows):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # to hash them all would be to read them all

    def __add__(self, other: Sequence[T]) -> tuple[T, ...]:
        return joined(self, other) if isinstance(other, tuple | Rows) else NotImplemented

    def __radd__(self, other: Sequence[T]) -> tuple[T, ...]:
        return joined(other, self) if isinstance(other, tuple) else NotImplemented

    def __repr__(self) -> str:
        return f"<{len(self)} rows on disk>"


# --------------------------------------------------------------------------- files


class _Stored(Rows[T]):
    """The lines of a file, each a row of `kind` as JSON; of None, pickles that this process wrote."""

    def __init__(self, file: BinaryIO, kind: type[T] | None, path: Path | None, offsets: Any = None) -> None:
        """`path` is None of a file without a name, whose `offsets` are known."""
        self.file, self.kind, self.path = file, kind, path
        self.name = str(path or "a spool")
        self.offsets = _offsets(file.fileno(), self.name) if offsets is None else offsets

    def __del__(self) -> None:
        self.file.close()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __reduce__(self) -> Any:
        if self.path is None or self.kind is None:
            return tuple, (list(self),)
        return opened, (self.path, self.kind)

    def take(self, numbers: Sequence[int] | Any) -> list[T]:
        parts = self.lines(numbers)
        if self.kind is None:
            return [pickle.loads(part) for part in parts]
        try:
            return list(_validated(self.kind, parts))
        except ValueError as error:
            raise FormatError(f"{self.name} does not hold rows of {self.kind.__name__}: {error}") from error

    def lines(self, numbers: Sequence[int] | Any) -> list[bytes]:
        """As `take`, unread."""
        if not isinstance(numbers, range) or numbers.step != 1:
            return [self._bytes(number, number + 1) for number in numbers]
        whole, ends = self._bytes(numbers.start, numbers.stop), self.offsets[numbers.start : numbers.stop + 1]
        return [whole[start:end] for start, end in pairwise((ends - ends[:1]).tolist())]

    def _bytes(self, first: int, end: int) -> bytes:
        start, stop = int(self.offsets[first]), int(self.offsets[end])
        return read_at(self.file.fileno(), start, stop - start, self.name)

    def pieces(self) -> Iterator[bytes]:
        """The file, a block at a time."""
        for start in range(0, int(self.offsets[-1]), _BLOCK):
            yield read_at(self.file.fileno(), start, min(_BLOCK, int(self.offsets[-1]) - start), self.name)


def opened(path: Path, kind: type[T]) -> tuple[T, ...]:
    """The rows that `write` wrote to `path`: a tuple of a small file, else a `Rows` over the file.

    Raises:
        FormatError: the file does not hold such rows; of a large file raised when they are read.
        OSError: it cannot be read.
    """
    if path.stat().st_size <= Limits.bytes:
        return _validated(kind, path.read_bytes().split(b"\n")[:-1])
    return cast("tuple[T, ...]", _Stored(path.open("rb"), kind, path))


def _validated(kind: type[T], lines: Iterable[bytes]) -> tuple[T, ...]:
    rows: tuple[T, ...] = adapter(_many(kind)).validate_python([json.loads(line) for line in lines])
    return rows


def _many(kind: type) -> Any:
    """The type of a tuple of such rows."""
    return GenericAlias(tuple, (kind, ...))


def read_at(handle: int, start: int, size: int, name: str) -> bytes:
    """So many bytes from `start`, all of them."""
    parts = []
    while size:
        part = os.pread(handle, size, start)
        if not part:
            raise FormatError(f"{name} ends before its last row")
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return b"".join(parts)


def _offsets(handle: int, name: str) -> Any:
    """Where each line begins, and the end: (rows + 1,) int64."""
    import numpy as np

    found, at, size = [np.zeros(1, np.int64)], 0, os.fstat(handle).st_size
    while at < size:
        block = read_at(handle, at, min(_BLOCK, size - at), name)
        found.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + (at + 1))
        at += len(block)
    return np.concatenate(found)


def write(stream: BinaryIO, kind: type[T], rows: Sequence[T], where: str) -> None:
    """Write rows a line each, checked, a chunk at a time; those that lie in a file already are copied.

    Raises:
        FormatError: one of them is no `kind`, or holds text that is not Unicode.
    """
    for part in rows.parts if isinstance(rows, _Joined) else (rows,):
        if isinstance(part, _Stored) and part.kind is kind:
            for piece in part.pieces():
                stream.write(piece)
            continue
        if isinstance(part, _Picked) and isinstance(part.base, _Stored) and part.base.kind is kind:
            for start in range(0, len(part), CHUNK):
                stream.writelines(part.base.lines(_at(part.numbers, range(start, start + CHUNK))))
            continue
        for chunk in _chunks(part):
            stream.writelines(_lines(kind, chunk, where))


def _chunks(rows: Sequence[T]) -> Iterable[Sequence[T]]:
    if isinstance(rows, Rows):
        return rows.chunks()
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def _lines(kind: type[T], rows: Sequence[T], where: str) -> list[bytes]:
    dumped = dump(_many(kind), tuple(rows), where)
    return [encoded(json.dumps(row, ensure_ascii=False) + "\n", where) for row in dumped]


class Spool(Generic[T]):
    """Rows as they come: beyond the first `Limits.rows` in a file of `folder` that has no name, so that
    nothing of it outlives this process. Without a `kind`, whatever can be pickled, for this process alone.
    """

    def __init__(self, kind: type[T] | None = None, folder: Path | None = None) -> None:
        self.kind, self.folder = kind, folder
        self._file: BinaryIO | None = None
        self._held: list[T] = []
        self._ends = array("q", [0])
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, row: T) -> None:
        self._held.append(row)
        self._count += 1
        if len(self._held) >= (Limits.rows if self._file is None else CHUNK):
            self._flush()

    def extend(self, rows: Iterable[T]) -> None:
        for row in rows:
            self.append(row)

    def rows(self) -> tuple[T, ...]:
        """All that was appended, a tuple where that is little; nothing may be appended afterwards."""
        if self._file is None:
            return tuple(self._held)
        import numpy as np

        self._flush()
        self._file.flush()
        offsets = np.frombuffer(self._ends, np.int64)
        return cast("tuple[T, ...]", _Stored(self._file, self.kind, None, offsets))

    def _flush(self) -> None:
        if self._file is None:
            self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=self.folder))  # noqa: SIM115
        for start in range(0, len(self._held), CHUNK):
            for line in self._encoded(self._held[start : start + CHUNK]):
                self._file.write(line)
                self._ends.append(self._ends[-1] + len(line))
        self._held.clear()

    def _encoded(self, rows: Sequence[T]) -> list[bytes]:
        if self.kind is None:
            return [pickle.dumps(row, protocol=pickle.HIGHEST_PROTOCOL) for row in rows]
        return _lines(self.kind, rows, self.kind.__name__)


# --------------------------------------------------------------------------- views


class _Joined(Rows[T]):
    """The rows of several sequences, one after the other."""

    def __init__(self, parts: Sequence[Sequence[T]]) -> None:
        import numpy as np

        self.parts = parts
        self.starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, numbers: Sequence[int] | Any) -> list[T]:
        import numpy as np

        asked = np.asarray(numbers, dtype=np.int64)
        found: list[Any] = [None] * len(asked)
        which = np.searchsorted(self.starts, asked, side="right") - 1
        for number in np.unique(which):
            places = np.flatnonzero(which == number)
            inner = asked[places] - self.starts[number]
            for place, row in zip(places, _taken(self.parts[number], inner), strict=True):
                found[place] = row
        return found


class _Picked(Rows[T]):
    """Some rows of a `Rows`, by number, in any order."""

    def __init__(self, rows: Rows[T], numbers: range | Any) -> None:
        self.base, self.numbers = rows, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, numbers: Sequence[int] | Any) -> list[T]:
        return self.base.take(_at(self.numbers, numbers))


class _Mapped(Rows[T]):
    """What a function makes of each row."""

    def __init__(self, function: Callable[[Any], T], rows: Rows[Any]) -> None:
        self.function, self.base = function, rows

    def __len__(self) -> int:
        return len(self.base)

    def take(self, numbers: Sequence[int] | Any) -> list[T]:
        return [self.function(row) for row in self.base.take(numbers)]


def _taken(rows: Sequence[T], numbers: Any) -> list[T]:
    """Of an ascending run one read, of any other numbers a read each."""
    if not isinstance(rows, Rows):
        return [rows[number] for number in numbers]
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 == len(numbers) and (numbers[1:] > numbers[:-1]).all():
        return rows.take(range(first, last + 1))
    return rows.take(numbers)


def _at(numbers: range | Any, places: range | Any) -> Any:
    """The numbers at these places."""
    import numpy as np

    if isinstance(places, range) and places.step == 1:
        return numbers[places.start : places.stop]
    known = np.arange(numbers.start, numbers.stop, numbers.step) if isinstance(numbers, range) else numbers
    return known[np.asarray(places, dtype=np.int64)]


def joined(*parts: Sequence[T]) -> tuple[T, ...]:
    """The rows of all parts in their order: a tuple where all parts are in memory, else a view."""
    flat = [
        one for part in parts for one in (part.parts if isinstance(part, _Joined) else (part,)) if len(one)
    ]
    if not any(isinstance(part, Rows) for part in flat):
        return tuple(row for part in flat for row in part)
    return cast("tuple[T, ...]", flat[0] if len(flat) == 1 else _Joined(flat))


def picked(rows: Sequence[T], numbers: Sequence[int] | Any) -> tuple[T, ...]:
    """The rows of these numbers in that order: a tuple where the rows are in memory, or are few, else a
    view."""
    if not isinstance(rows, Rows):
        return tuple(rows[number] for number in numbers)
    if len(numbers) <= min(CHUNK, Limits.rows):
        return tuple(rows.take(numbers)) if len(numbers) else ()
    import numpy as np

    chosen = numbers if isinstance(numbers, range) else np.asarray(numbers, dtype=np.int64)
    if isinstance(rows, _Picked):
        return cast("tuple[T, ...]", _Picked(rows.base, _at(rows.numbers, chosen)))
    return cast("tuple[T, ...]", _Picked(rows, chosen))


def mapped(function: Callable[[S], T], rows: Sequence[S]) -> tuple[T, ...]:
    """What `function` makes of each row, made anew in each pass over a `Rows`."""
    if not isinstance(rows, Rows):
        return tuple(map(function, rows))
    return cast("tuple[T, ...]", _Mapped(function, rows))


# --------------------------------------------------------------------------- values as JSON


@cache
def adapter(hint: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def dump(hint: Any, value: Any, where: str) -> Any:
    """The value as JSON has it, checked against its type."""
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    known = adapter(hint)
    try:
        # Dumping alone lets a wrong type inside a dataclass pass, so what was dumped must validate again.
        dumped = known.dump_python(value, mode="json", warnings="error")
        known.validate_python(dumped)
    except (PydanticSerializationError, ValidationError, AttributeError, TypeError) as error:
        raise FormatError(f"{where} does not hold what its type says ({hint}): {error}") from error
    return dumped


def encoded(text: str, where: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError(f"{where} holds text that is not Unicode: {error}") from None
