"""bleu: shared runs of up to four words, for translations and other text with few right wordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from p2m.metrics.text import corpus_counts, no_text, tokens
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class BLEU:
    """Corpus BLEU (Papineni et al., 2002) as sacrebleu computes it, divided by 100, with its smoothing of
    counts that are 0; 0 to 1.

    `tokenize` is one of sacrebleu's tokenizers. With "auto" it is its default, 13a, or where most of the
    right answers are of scripts without blanks, char. Rows may differ in how many right answers they have.
    """

    name: ClassVar[str] = "bleu"
    through_evaluate: ClassVar[bool] = True  # its libraries are as heavy as `evaluate`

    tokenize: Literal["auto", "13a", "intl", "zh", "char", "none"] = "auto"
    lowercase: bool = False

    def refusal(self, task: Task) -> str | None:
        return no_text("bleu", task)

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Lengths of what was said and of the right answer, and counts of runs that are right and of all
        that were said, for one to four words: int (rows, 10).
        """
        return corpus_counts(self._scorer(references), predictions, references).reshape(-1, 10)

    def value(self, statistics: Any) -> float:
        from sacrebleu.metrics import BLEU as Scorer  # noqa: N811

        if not len(statistics):
            return 0.0
        summed = statistics.sum(axis=0).tolist()
        found = Scorer.compute_bleu(summed[2:6], summed[6:10], summed[0], summed[1], smooth_method="exp")
        return min(1.0, float(found.score) / 100)

    def _scorer(self, references: Sequence[Sequence[str]]) -> Any:
        from sacrebleu.metrics import BLEU as Scorer  # noqa: N811

        chosen = self.tokenize
        if chosen == "auto":
            chosen = "char" if _is_unspaced(references) else "13a"
        return Scorer(tokenize=chosen, lowercase=self.lowercase, force=True)


def _is_unspaced(references: Sequence[Sequence[str]]) -> bool:
    """Whether most characters are words of their own."""
    texts = [answer for answers in references for answer in answers]
    letters = sum(len("".join(text.split())) for text in texts)
    return letters > 0 and sum(sum(len(word) == 1 and word >= "\u0e00" for word in tokens(text))
                               for text in texts) * 2 > letters  # fmt: skip
