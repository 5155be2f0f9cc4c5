"""propose: what one trial of a search sets."""

from __future__ import annotations

import random

from p2m.engine.stage import stage
from p2m.types import Proposal

RATES = (1 / 3, 3.0)  # of the rate without a search: from, to; evenly on a logarithmic scale
BATCHES = (8, 16, 32)  # rows a step


@stage(version="1", kind="pure")
def propose(*, number: int, learning_rate: float, seed: int) -> Proposal:
    """Random search (Bergstra and Bengio, 2012); `learning_rate` is what the recipe itself trains at.

    A proposal depends on its number and the seed, not on how many there are: a further one adds one training.
    """
    lot = random.Random(f"trial:{seed}:{number}")
    low, high = RATES
    rate = learning_rate * low * (high / low) ** lot.random()
    return Proposal(float(f"{rate:.2e}"), lot.choice(BATCHES))
