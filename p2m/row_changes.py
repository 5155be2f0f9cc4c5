"""Which rows two tables do not share, by content: added, removed, and changed where only the answer differs.

Rows are plain dicts as artifacts keep them; where they came from and their groups do not count.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, overload

from p2m import sizes
from p2m.engine.rows import picked

Row = Mapping[str, Any]
_BESIDE = ("source", "group")  # fields of a row that say where it comes from
_LAYOUT = ", in another order or layout"
SAME_ROWS = f"the same rows{_LAYOUT}"
_WIDTH = 100  # characters of a shown row


class Lines(Sequence[Row]):
    """The rows of JSON Lines, each parsed when it is looked at."""

    def __init__(self, content: bytes) -> None:
        self._lines = content.split(b"\n")[:-1]

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        found = self._lines[place]
        return [json.loads(line) for line in found] if isinstance(found, list) else json.loads(found)


@dataclass(frozen=True, slots=True)
class RowChanges:
    """What differs between two tables, in the order of their rows."""

    old: int  # rows
    new: int  # rows
    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    changed: tuple[tuple[Row, Row], ...]  # the same input, another answer

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def rows_between(old: Sequence[Row], new: Sequence[Row]) -> RowChanges:
    """Compare two tables as multisets of rows."""
    before, after = [*map(_mark, old)], [*map(_mark, new)]
    gone, come = _beyond(old, before, after), _beyond(new, after, before)
    by_input: dict[str, list[Row]] = defaultdict(list)
    for row in gone:
        by_input[_text(_asked(row))].append(row)
    added, changed = [], []
    for row in come:
        same = by_input[_text(_asked(row))]
        if same:
            changed.append((same.pop(0), row))
        else:
            added.append(row)
    paired = {id(was) for was, _ in changed}
    removed = tuple(row for row in gone if id(row) not in paired)
    return RowChanges(len(old), len(new), tuple(added), removed, tuple(changed))


def lines(found: RowChanges, *, most: int = 1) -> tuple[str, ...]:
    """`60 -> 62 rows: 3 added, 1 removed`, then the first few of each."""
    if not found:
        return (SAME_ROWS,) if found.old == found.new else (f"{found.old:,} -> {found.new:,} rows{_LAYOUT}",)
    parts = (("added", found.added), ("removed", found.removed), ("changed", found.changed))
    counts = ", ".join(f"{len(rows):,} {word}" for word, rows in parts if rows)
    return (f"{found.old:,} -> {found.new:,} rows: {counts}", *_shown(found, most))


def _shown(found: RowChanges, most: int) -> Iterator[str]:
    for row in found.added[:most]:
        yield f"  + {short(row)}"
    for row in found.removed[:most]:
        yield f"  - {short(row)}"
    for before, after in found.changed[:most]:
        yield f"  - {short(before)}"
        yield f"  + {short(after)}"


def short(row: Row) -> str:
    """A row in a line: its fields as JSON, cut where it is long."""
    fields = row.get("input") if isinstance(row.get("input"), dict) else None
    plain = {**fields, "->": row.get("output")} if fields else dict(row)
    text = json.dumps({k: v for k, v in plain.items() if v not in ("", [], {}, None)}, ensure_ascii=False)
    return sizes.short(text, _WIDTH)


def _beyond(rows: Sequence[Row], marks: Sequence[bytes], others: Sequence[bytes]) -> list[Row]:
    """The rows with these marks that others lack, each as often as they do."""
    left = Counter(others)
    numbers = []
    for number, mark in enumerate(marks):
        if left[mark]:
            left[mark] -= 1
        else:
            numbers.append(number)
    return list(picked(rows, numbers))


def _mark(row: Row) -> bytes:
    """A digest of what the row means: of very many rows the texts would not fit into memory twice."""
    return blake2b(_text(_meant(row)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _meant(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _BESIDE}


def _asked(row: Row) -> Any:
    return row.get("input", row)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
