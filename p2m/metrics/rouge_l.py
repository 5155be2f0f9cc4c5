"""rouge_l: the longest common subsequence of words, for summaries and other long text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.metrics.mean import MeanOfRows
from p2m.metrics.text import no_text, tokens
from p2m.types import Task

_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class RougeL(MeanOfRows):
    """F1 of ROUGE-L (Lin, 2004) from rouge-score, best over the right answers, mean over rows; 0 to 1.

    rouge-score's own tokenizer drops every letter beyond a-z; this one keeps all scripts and agrees with it
    on English.
    """

    name: ClassVar[str] = "rouge_l"
    through_evaluate: ClassVar[bool] = True  # its libraries are as heavy as `evaluate`

    def refusal(self, task: Task) -> str | None:
        return no_text("rouge_l", task)

    def row(self, said: str, answers: Sequence[str]) -> float:
        return f1("rougeL", said, answers)


def f1(kind: str, said: str, answers: Sequence[str]) -> float:
    """The best F1 over the right answers of one of rouge-score's kinds."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], tokenizer=_Words())
    return float(scorer.score_multi(list(answers), said)[kind].fmeasure)


class _Words:
    """Lower-case words of any script, in the form that rouge-score asks of a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return [word for run in tokens(text.lower()) for word in _WORDS.findall(run)]
