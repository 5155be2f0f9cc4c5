"""rouge_l: the longest common subsequence of words, for summaries and other long text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.text import no_text, tokens
from p2m.types import Task

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class RougeL:
    """F1 of ROUGE-L (Lin, 2004) from rouge-score, best over the right answers, mean over rows; 0 to 1.

    rouge-score's own tokenizer drops every letter beyond a-z; this one keeps all scripts and agrees with it
    on English.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    through_evaluate: ClassVar[bool] = True  # its libraries are as heavy as `evaluate`

    @property
    def name(self) -> str:
        return "rouge_l"

    def refusal(self, task: Task) -> str | None:
        return no_text("rouge_l", task)

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """F1 a row, float (rows, 1)."""
        import numpy as np
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(["rougeL"], tokenizer=_Words())
        scores = [
            scorer.score_multi(list(answers), said)["rougeL"].fmeasure
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(scores, dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0


class _Words:
    """Lower-case words of any script, in the form that rouge-score asks of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return [word for run in tokens(text.lower()) for word in _WORDS.findall(run)]
