"""rouge_1, rouge_2: shared words, or pairs of words, for summaries and other long text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from p2m.metrics.mean import MeanOfRows
from p2m.metrics.rouge_l import f1
from p2m.metrics.text import no_text
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class RougeN(MeanOfRows):
    """F1 of ROUGE-N (Lin, 2004) from rouge-score, best over the right answers, mean over rows; 0 to 1.

    Words of all scripts count, as of rouge_l.
    """

    through_evaluate: ClassVar[bool] = True  # its libraries are as heavy as `evaluate`

    n: Literal[1, 2] = 1  # words of a run

    @property
    def name(self) -> str:
        return f"rouge_{self.n}"

    def refusal(self, task: Task) -> str | None:
        return no_text(self.name, task)

    def row(self, said: str, answers: Sequence[str]) -> float:
        return f1(f"rouge{self.n}", said, answers)
