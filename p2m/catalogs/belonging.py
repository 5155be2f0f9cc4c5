"""Which column of a table tells rows that belong together, such as those of one customer or one document.

A score that rests on rows of customers whom the model has learnt from says nothing of new ones. So a column
is looked for that is called, or written, like something which rows are of, and whose rows are more alike in
their answers than chance would have them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2m.catalogs.vocabulary import TOGETHER, plain
from p2m.marked_yaml import plain_scalar

ALIKE = 0.1  # of what answers could agree above chance, the share from which a column is worth a word
_FEWEST = 5  # values that several rows have
_ROWS = 30
_MOST = 20_000  # rows that are looked at
_PARTS = 5  # of numbers, of which answers agree where they are in the same
_LABELS = 200  # distinct answers above which these are numbers or texts
_SHUFFLES = 99  # that must all agree less: p is 0.01
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\D?.*|\d{1,2}:\d{2}.*|\d+[.,]\d+")
_CODE = re.compile(r"(?=\S*\d)(?=\S*[^\W\d])\S+|https?://\S+|[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True)
class Together:
    """A column by whose values rows seem to belong together."""

    column: str
    values: int  # that several rows have
    rows: int  # with these
    agree: float  # share of pairs of rows of one value that have the same answer
    chance: float  # of any two rows

    @property
    def line(self) -> str:
        """As a recipe has it."""
        is_plain = re.fullmatch(r"[^\W\d]\w*", self.column) and plain_scalar(self.column) == self.column
        return f"data: {{group: {self.column if is_plain else json.dumps(self.column)}}}"

    def __str__(self) -> str:
        return (
            f"two rows of one {self.column!r} have the same answer in {self.agree:.0%}, any two in"
            f" {self.chance:.0%} ({self.rows:,} rows, {self.values:,} values)"
        )


def together(columns: Mapping[str, Sequence[str]], answers: Sequence[str]) -> Together | None:
    """The column, of values by row, whose rows are most alike in their answers; None where none is so."""
    answers = _binned(answers[:_MOST])
    found = [
        one
        for name, values in columns.items()
        if _may_tell(name, values[:_MOST]) and (one := _agreement(name, values[:_MOST], answers))
    ]
    return max(found, key=lambda one: (one.agree - one.chance) / (1 - one.chance), default=None)


def _may_tell(name: str, values: Sequence[str]) -> bool:
    """Whether the column is called or written like what rows are of, and rows share its values."""
    filled = [value for value in values if value]
    counts = Counter(filled)
    shared = [count for count in counts.values() if count > 1]
    if len(shared) < _FEWEST or sum(shared) < max(_ROWS, len(values) / 2) or len(counts) > len(filled) / 2:
        return False
    words = plain(name).split("_")
    is_called = bool(TOGETHER & set(words)) or words[-1] in ("id", "uuid", "guid") or words[0] == "id"
    if all(_DATE.fullmatch(value) for value in filled):
        return False
    return is_called or sum(_CODE.fullmatch(value) is not None for value in filled) > 0.9 * len(filled)


def _agreement(name: str, values: Sequence[str], answers: Sequence[str]) -> Together | None:
    """How often rows of one value agree; None where a shuffle of the answers does as well, or nearly."""
    import numpy as np

    shared = {value for value, count in Counter(filter(None, values)).items() if count > 1}
    places = [number for number, value in enumerate(values) if value in shared]
    groups = np.unique([values[place] for place in places], return_inverse=True)[1]
    labels = np.unique([answers[place] for place in places], return_inverse=True)[1]
    sizes, width = np.bincount(groups), int(labels.max()) + 1

    def agree(labels: Any) -> float:
        same = np.unique(groups * width + labels, return_counts=True)[1]
        return float((same * (same - 1)).sum() / (sizes * (sizes - 1)).sum())

    counts = np.bincount(labels)
    chance = float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))
    seen = agree(labels)
    if chance >= 1 or seen - chance < ALIKE * (1 - chance):
        return None
    lot = np.random.default_rng(0)
    if max(agree(lot.permutation(labels)) for _ in range(_SHUFFLES)) >= seen:
        return None
    return Together(name, len(shared), len(places), seen, chance)


def _binned(answers: Sequence[str]) -> Sequence[str]:
    """Numbers as the fifth of all that they are in; labels as they are."""
    import numpy as np

    if len(set(answers)) <= min(_LABELS, max(2, len(answers) // 5)):
        return answers
    try:
        numbers = np.array([float(answer) for answer in answers])
    except ValueError:
        return answers
    edges = np.quantile(numbers, np.linspace(0, 1, _PARTS + 1)[1:-1])
    return [str(place) for place in np.searchsorted(edges, numbers)]
