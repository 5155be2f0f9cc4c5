"""token_f1: how far the words of an answer overlap with those of a right one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.metrics.mean import MeanOfRows
from p2m.metrics.text import no_text, normalise, tokens
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class TokenF1(MeanOfRows):
    """F1 of bags of tokens after SQuAD normalisation, best over the right answers; mean of rows, 0 to 1.

    In scripts without blanks the tokens are characters, as evaluations of Chinese and Japanese reading
    comprehension do it (CMRC 2018, Cui et al., 2019).
    """

    name: ClassVar[str] = "token_f1"

    def refusal(self, task: Task) -> str | None:
        return no_text("token_f1", task)

    def row(self, said: str, answers: Sequence[str]) -> float:
        return max((_f1(said, answer) for answer in answers), default=0.0)


def _f1(said: str, answer: str) -> float:
    """F1 of two answers; where one has no token, 1 if the other has none either (SQuAD 2.0)."""
    left, right = tokens(normalise(said)), tokens(normalise(answer))
    if not left or not right:
        return float(left == right)
    common = sum((Counter(left) & Counter(right)).values())
    return 2 * common / (len(left) + len(right))
