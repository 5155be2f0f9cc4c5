"""What a row of each label counts in a loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def balanced_weights(answers: Sequence[int], labels: int) -> list[float]:
    """What a row of each of so many labels counts so that all count alike, 1 on the average row.

    As scikit-learn's `class_weight="balanced"` (King and Zeng, 2001); a label without a row counts 1.
    """
    counts = Counter(answers)
    return [len(answers) / (len(counts) * counts[label]) if counts[label] else 1.0 for label in range(labels)]
