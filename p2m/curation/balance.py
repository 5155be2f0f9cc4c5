"""No answer may drown the others: a cap on the share that one answer has."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from p2m.curation.rules import origin
from p2m.curation.similar import fold
from p2m.errors import DataError
from p2m.types import Example

REASON = "balance: more of one answer than curation.max_share_of_answer allows"


def surplus(rows: Sequence[Example], *, max_share: float, seed: int) -> list[str]:
    """Which rows go so that no answer has more than `max_share` (0 to 1) of what is left; "" for the others.

    Generated rows go first, then retrieved ones, by lot; the user's own never do.

    Raises:
        DataError: there are too few distinct answers for such a share.
    """
    reasons = [""] * len(rows)
    answers = [fold(row.output) for row in rows]
    counts = Counter(answers)
    if not rows or max(counts.values()) <= max_share * len(rows):
        return reasons
    if len(counts) * max_share < 1:
        raise DataError(
            f"curation.max_share_of_answer={max_share:g} cannot be met by {len(counts)} distinct answers;"
            f" set curation.max_share_of_answer={1 / len(counts):.2f} or more"
        )
    cap = _cap(counts, max_share)
    lot = random.Random(f"balance:{seed}")
    for answer in sorted(counts):
        loose = [n for n in range(len(rows)) if answers[n] == answer and origin(rows[n]) != "user"]
        lot.shuffle(loose)
        loose.sort(key=lambda n: origin(rows[n]) != "generated")
        for number in loose[: max(0, counts[answer] - cap)]:
            reasons[number] = REASON
    return reasons


def _cap(counts: Counter[str], max_share: float) -> int:
    """The largest number of rows that one answer may keep: c <= max_share x sum of min(count, c)."""
    low, high = 1, max(counts.values())
    while low < high:
        middle = (low + high + 1) // 2
        if middle <= max_share * sum(min(count, middle) for count in counts.values()) + 1e-9:
            low = middle
        else:
            high = middle - 1
    return low
