"""rouge_1, rouge_2: shared words, or pairs of words, for summaries and other long text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from p2m.metrics.rouge_l import _Words
from p2m.metrics.text import no_text
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class RougeN:
    """F1 of ROUGE-N (Lin, 2004) from rouge-score, best over the right answers, mean over rows; 0 to 1.

    Words of all scripts count, as of rouge_l.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    through_evaluate: ClassVar[bool] = True  # its libraries are as heavy as `evaluate`

    n: Literal[1, 2] = 1  # words of a run

    @property
    def name(self) -> str:
        return f"rouge_{self.n}"

    def refusal(self, task: Task) -> str | None:
        return no_text(self.name, task)

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """F1 a row, float (rows, 1)."""
        import numpy as np
        from rouge_score.rouge_scorer import RougeScorer

        kind = f"rouge{self.n}"
        scorer = RougeScorer([kind], tokenizer=_Words())
        scores = [
            scorer.score_multi(list(answers), said)[kind].fmeasure
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(scores, dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0
