"""chrf: overlap of character and word n-grams, for text with many right wordings and for any language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.text import corpus_counts, no_text
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class ChrF:
    """Corpus chrF++ (Popović, 2017, WMT) as sacrebleu computes it, divided by 100; 0 to 1.

    Each row is held against the right answer that it fits best. `word_order=0` is plain chrF.
    """

    name: ClassVar[str] = "chrf"
    through_evaluate: ClassVar[bool] = True  # its libraries are as heavy as `evaluate`

    char_order: int = 6  # longest n-gram of characters
    word_order: int = 2  # longest n-gram of words
    beta: int = 2  # weight of recall against precision

    def refusal(self, task: Task) -> str | None:
        return no_text("chrf", task)

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Counts of n-grams (predicted, right, common) for each order, int (rows, 3 x orders).

        The corpus value is a function of their sums, so resampled rows need no second pass over the text.
        """
        width = 3 * (self.char_order + self.word_order)
        return corpus_counts(self._scorer(), predictions, references).reshape(-1, width)

    def value(self, statistics: Any) -> float:
        score = self._scorer()._compute_f_score(statistics.sum(axis=0).tolist())
        return min(1.0, float(score) / 100)

    def _scorer(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(char_order=self.char_order, word_order=self.word_order, beta=self.beta)
