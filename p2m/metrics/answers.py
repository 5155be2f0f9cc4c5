"""Answers as what metrics compare: sets of labels, numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from p2m.deploy.serving.shapes import read_labels, read_number


def label_set(text: str) -> frozenset[str]:
    """The labels of a canonical answer; a text that is no list of labels is one label."""
    try:
        return frozenset(read_labels(text))
    except ValueError:
        return frozenset([text.strip()])


def is_list(text: str) -> bool:
    """Whether it is a canonical list of labels."""
    try:
        read_labels(text)
    except ValueError:
        return False
    return True


def nearest_set(said: frozenset[str], answers: Sequence[str]) -> frozenset[str]:
    """Of several right answers the one that shares most with what was said; of equals the first."""
    return max(map(label_set, answers), key=lambda right: _f1(said, right))


def _f1(said: frozenset[str], right: frozenset[str]) -> float:
    return 2 * len(said & right) / (len(said) + len(right)) if said or right else 1.0


def number_pairs(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
    """What was said and the nearest right number, float (rows, 2); NaN where no number was said."""
    import numpy as np

    found = []
    for text, answers in zip(predictions, references, strict=True):
        said = _number(text)
        right = [value for each in answers if not math.isnan(value := _number(each))] or [math.nan]
        found.append((said, right[0] if math.isnan(said) else min(right, key=lambda one: abs(one - said))))
    return np.array(found, dtype=float).reshape(-1, 2)


def _number(text: str) -> float:
    try:
        return read_number(text)
    except ValueError:
        return math.nan
