"""exact_match: the share of rows whose answer equals one of the right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from p2m.metrics.answers import is_list, label_set
from p2m.metrics.field_accuracy import fields_right
from p2m.metrics.mean import MeanOfRows
from p2m.metrics.span_f1 import pair_of
from p2m.metrics.text import collapse, normalise
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class ExactMatch(MeanOfRows):
    """Equality after normalisation, with the best of the right answers; 0 to 1.

    `normalisation` is "squad" (case, punctuation and articles do not count) or "blanks" (only surplus blanks
    do not count: for code, dates and other output where punctuation carries meaning). Lists of labels, lists
    of spans and records are compared as such: order does not count, nor where spans stand if either side does
    not say it.
    """

    name: ClassVar[str] = "exact_match"
    normalisation: Literal["squad", "blanks"] = "squad"

    def refusal(self, task: Task) -> str | None:
        return None

    def row(self, said: str, answers: Sequence[str]) -> float:
        same = normalise if self.normalisation == "squad" else collapse
        return any(_is_equal(said, answer, same) for answer in answers)


def _is_equal(said: str, answer: str, same: Callable[[str], str]) -> bool:
    if said == answer:
        return True
    if is_list(answer):
        return label_set(said) == label_set(answer)
    if (pair := pair_of(said, answer, same)) is not None:
        return pair[0] == pair[1]
    if (fields := fields_right(said, answer, same)) is not None:
        return all(fields)
    return same(said) == same(answer)
