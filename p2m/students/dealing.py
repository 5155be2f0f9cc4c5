"""Rows dealt into folds: those that belong together share one, so that what is held out is new throughout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from p2m.types import Example


def dealt(rows: Sequence[Example], folds: int, strata: Sequence[Hashable] = ()) -> list[int]:
    """The fold of each row, in turns; with `strata`, one a row, each of them in turns.

    Groups that the user's own column tells go whole where fewest rows of their strata are, then where fewest
    rows are.
    """
    kinds: Sequence[Hashable] = strata or [None] * len(rows)
    if not any(row.is_grouped for row in rows):
        seen: Counter[Hashable] = Counter()
        found = []
        for kind in kinds:
            found.append(seen[kind] % folds)
            seen[kind] += 1
        return found
    units: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        units.setdefault(row.group if row.is_grouped else f"\0{number}", []).append(number)
    there: Counter[tuple[int, Hashable]] = Counter()
    sizes, found = [0] * folds, [0] * len(rows)
    for numbers in sorted(units.values(), key=len, reverse=True):
        own = Counter(kinds[number] for number in numbers)
        fold = min(
            range(folds), key=lambda n: (sum(there[n, kind] * count for kind, count in own.items()), sizes[n])
        )
        for number in numbers:
            found[number] = fold
        there.update({(fold, kind): count for kind, count in own.items()})
        sizes[fold] += len(numbers)
    return found
