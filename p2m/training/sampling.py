"""Batches of rows of similar length, in an order that depends on seed and epoch alone.

Trainer's own sampler draws from the global generator, which a resumed run cannot bring back to where an epoch
began; this one gives the resumed run the very batches that the killed one would have had.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

POOL = 50  # batches sorted together: wide enough to group by length, narrow enough to stay shuffled


class LengthSampler:
    """Indices whose consecutive `batch_size` are of similar length."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Trainer says which epoch comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(f"{self.seed}/{self.epoch}")
        order = list(range(len(self.lengths)))
        generator.shuffle(order)
        batches, wide = [], self.batch_size * POOL
        for start in range(0, len(order), wide):
            pool = sorted(order[start : start + wide], key=lambda i: -self.lengths[i])
            batches += [pool[at : at + self.batch_size] for at in range(0, len(pool), self.batch_size)]
        short = [batch for batch in batches if len(batch) < self.batch_size]  # at most the last one
        full = [batch for batch in batches if len(batch) == self.batch_size]
        generator.shuffle(full)
        for batch in full + short:  # a short batch in between would shift the borders of all that follow
            yield from batch
