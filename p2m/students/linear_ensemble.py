"""TF-IDF and frozen all-MiniLM-L6-v2 side by side, each with its logistic regression, their logits added.

The two err on different rows, so that together they are rarely worse than the better one, and mostly better.
Numbers and choices stand beside both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from p2m.students import linear
from p2m.students.linear_minilm import LinearMiniLM
from p2m.types import Lesson


@dataclass(frozen=True)
class LinearEnsemble(LinearMiniLM):
    """A log-linear mixture of two classifiers (Hinton, 2002, calls it a product of experts)."""

    tfidf_share: float = 0.3  # 0 to 1: how much TF-IDF has to say
    max_words: int = 10_000  # the most frequent words and pairs of words
    max_pieces: int = 20_000  # the most frequent runs of 2 to 5 characters

    @property
    def size_bytes(self) -> int:
        return super().size_bytes + 500_000

    def solve(self, lesson: Lesson, target: Path) -> int:
        found = linear.measured(lesson, {"words": self.max_words, "pieces": self.max_pieces})
        parts = [(found.matrix, self.tfidf_share), (found.beside(lesson.vectors), 1 - self.tfidf_share)]
        lesson, (words, vectors) = linear.fitted(
            parts, lesson, strength=self.strength, label_weight=self.label_weight
        )  # fmt: skip
        mixed = linear.mixed(found, words, vectors, self.tfidf_share)
        return self.parameters + linear.write(lesson, mixed, target, max_length=self.window)
