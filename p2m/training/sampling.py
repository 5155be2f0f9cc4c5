"""The rows of each step: of similar length, in an order that depends on seed and pass alone.

All steps are one sequence, so that a resumed training skips those that were taken and has the very batches
that the killed one would have had.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

POOL = 50  # batches sorted together: wide enough to group by length, narrow enough to stay shuffled


def lengths(features: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Tokens of each feature's input, and of what is to be written where that is a sequence."""
    known: dict[tuple[int, int], tuple[int, int]] = {}  # so that equal ones are one object
    found = []
    for each in features:
        size = (len(each["input_ids"]), len(each["labels"]) if isinstance(each.get("labels"), list) else 0)
        found.append(known.setdefault(size, size))
    return found


class Batches:
    """Indices of the rows of each of `steps` steps, the longest first."""

    def __init__(
        self, lengths: Sequence[tuple[int, int]], *, steps: int, size: int, tokens: int | None, seed: int
    ) -> None:
        """`size` rows a batch or, with `tokens`, as many as have no more tokens together, padded; then
        `size` is about how many these are.
        """
        self.lengths = lengths
        self.steps = steps
        self.size = size
        self.tokens = tokens
        self.seed = seed

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        taken = number = 0
        while taken < self.steps:
            for batch in self.once(number):
                if taken == self.steps:
                    return
                taken += 1
                yield batch
            number += 1

    def once(self, number: int) -> list[list[int]]:
        """The batches of one pass over the rows."""
        generator = random.Random(f"{self.seed}/{number}")
        order = list(range(len(self.lengths)))
        generator.shuffle(order)
        batches, wide = [], self.size * POOL
        for start in range(0, len(order), wide):
            pool = sorted(
                order[start : start + wide], key=lambda i: (-self.lengths[i][0], -self.lengths[i][1])
            )
            batches += self._cut(pool)
        if self.tokens:
            generator.shuffle(batches)
            return batches
        short = [batch for batch in batches if len(batch) < self.size]  # at most the last one
        full = [batch for batch in batches if len(batch) == self.size]
        generator.shuffle(full)
        return full + short

    def _cut(self, pool: list[int]) -> list[list[int]]:
        if not self.tokens:
            return [pool[at : at + self.size] for at in range(0, len(pool), self.size)]
        return fitting(pool, self.lengths, self.tokens)


def fitting(rows: Sequence[int], lengths: Sequence[tuple[int, int]], tokens: int) -> list[list[int]]:
    """The rows in their order, in groups of at most so many tokens, padded; a longer row has its own."""
    groups: list[list[int]] = []
    widest = (0, 0)
    for row in rows:
        wider = (max(widest[0], lengths[row][0]), max(widest[1], lengths[row][1]))
        if groups and (len(groups[-1]) + 1) * sum(wider) <= tokens:
            groups[-1].append(row)
            widest = wider
        else:
            groups.append([row])
            widest = lengths[row]
    return groups
