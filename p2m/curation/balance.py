"""No answer may drown the others: a cap on the share that one answer has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from p2m.curation.rules import ORIGINS, origin
from p2m.curation.shingles import fold, hashes
from p2m.engine.rows import picked
from p2m.errors import DataError
from p2m.types import Example

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

REASON = "balance: more of one answer than curation.max_share_of_answer allows"


def surplus(rows: Sequence[Example], *, max_share: float, seed: int) -> list[str]:
    """Which rows go so that no answer has more than `max_share` (0 to 1) of what is left; "" for the others.

    Generated rows go first, then retrieved ones, by lot; the user's own never do.

    Raises:
        DataError: there are too few distinct answers for such a share.
    """
    import numpy as np

    reasons = [""] * len(rows)
    answers = hashes(fold(row.output) for row in rows)
    _, first, which, counts = np.unique(answers, return_index=True, return_inverse=True, return_counts=True)
    if not len(rows) or counts.max() <= max_share * len(rows):
        return reasons
    if len(counts) * max_share < 1:
        raise DataError(
            f"curation.max_share_of_answer={max_share:g} cannot be met by {len(counts)} distinct answers;"
            f" set curation.max_share_of_answer={1 / len(counts):.2f} or more"
        )
    cap = _cap(counts, max_share)
    lot = random.Random(f"balance:{seed}")
    origins = np.fromiter((ORIGINS.index(origin(row)) for row in rows), dtype=np.int8, count=len(rows))
    spelt = {fold(row.output): answer for answer, row in enumerate(picked(rows, first))}
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(counts)
    for answer in (spelt[text] for text in sorted(spelt)):
        numbers = order[ends[answer] - counts[answer] : ends[answer]]
        loose = numbers[origins[numbers] > 0].tolist()
        lot.shuffle(loose)
        loose.sort(key=lambda n: -origins[n])
        for number in loose[: max(0, int(counts[answer]) - cap)]:
            reasons[number] = REASON
    return reasons


def _cap(counts: Array, max_share: float) -> int:
    """The largest number of rows that one answer may keep: c <= max_share x sum of min(count, c)."""
    low, high = 1, int(counts.max())
    while low < high:
        middle = (low + high + 1) // 2
        if middle <= max_share * int(counts.clip(max=middle).sum()) + 1e-9:
            low = middle
        else:
            high = middle - 1
    return low
