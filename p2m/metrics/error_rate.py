"""word_error_rate, phoneme_error_rate: edits that answers need, for each word or phoneme that is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from p2m.metrics.edits import distance
from p2m.metrics.text import no_text
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Insertions, deletions and substitutions over all rows, by the units of all right answers; from 0 on,
    lower is better, above 1 where more is said than is right.

    Units are what blanks part: words, or phonemes as pronunciations are written ("HH AH0 L OW1"). Case and
    punctuation count. Of several right answers the one counts that is nearest.
    """

    lower_is_better: ClassVar[bool] = True

    unit: Literal["word", "phoneme"] = "word"

    @property
    def name(self) -> str:
        return f"{self.unit}_error_rate"

    def refusal(self, task: Task) -> str | None:
        return no_text(self.name, task)

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Edits, and units of the right answer, int (rows, 2)."""
        import numpy as np

        rows = [
            min((_counts(said.split(), answer.split()) for answer in answers), key=_rate)
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 2)

    def value(self, statistics: Any) -> float:
        return _rate(tuple(statistics.sum(axis=0).tolist())) if len(statistics) else 0.0


def _counts(said: Sequence[str], right: Sequence[str]) -> tuple[int, int]:
    return distance(said, right), len(right)


def _rate(counts: tuple[int, ...]) -> float:
    """Where nothing is right to say, every unit that is said is an error."""
    edits, units = counts
    return edits / units if units else float(edits)
