"""What votes that err say of a row: how likely each label is, rather than what share voted for it."""

from __future__ import annotations

from typing import Any

_MOST = 15  # votes of a row
_PRIOR = (8.0, 2.0)  # votes that are right and wrong, as good as seen before any
_PASSES = 50
_NEAR = 0.02  # how far shares of so many votes may lie from whole votes


def believed(shares: Any) -> Any:
    """Probabilities (rows, labels) of labels after the shares of votes (rows, labels), each row 1 together.

    Every vote is right with the one probability that all rows together make likeliest, else any other label
    alike (one coin: Dawid and Skene, 1979, Applied Statistics 28, by expectation maximisation). Two votes of
    three are then nearly as good as three where votes seldom err, and three votes for three labels stay open,
    where shares would give a third of a row to every slip. Where all votes of a row agree, there were as many
    as decide among those of the others.
    """
    import numpy as np

    labels = shares.shape[1]
    counts = shares * _cast(shares)[:, None]
    right = _PRIOR[0] / sum(_PRIOR)
    for _ in range(_PASSES):
        logits = counts * np.log(right * (labels - 1) / (1 - right))
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
        told = (found * counts).sum() + _PRIOR[0]
        right = float(np.clip(told / (counts.sum() + sum(_PRIOR)), 1 / labels + 1e-6, 1 - 1e-6))
    return found


def _cast(shares: Any) -> Any:
    """How many votes each row had at least: the fewest that come to such shares."""
    import numpy as np

    fewest = np.full(len(shares), _MOST)
    for number in range(_MOST - 1, 0, -1):
        votes = shares * number
        fewest[(np.abs(votes - votes.round()) <= _NEAR * number).all(axis=1)] = number
    return np.where(fewest == 1, fewest.max() // 2 + 1, fewest)
