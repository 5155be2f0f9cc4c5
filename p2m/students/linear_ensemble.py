"""TF-IDF and frozen all-MiniLM-L6-v2 side by side, each with its logistic regression, their logits added.

The two err on different rows, so that together they are rarely worse than the better one, and mostly better.
How much each has to say is what makes held-out rows likeliest; where words tell little, that is little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.students import linear
from p2m.students.linear_minilm import LinearMiniLM
from p2m.types import Lesson

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
FOLDS = 4


@dataclass(frozen=True)
class LinearEnsemble(LinearMiniLM):
    """A log-linear mixture of two classifiers (Hinton, 2002, calls it a product of experts)."""

    tfidf_share: float | None = None  # 0 to 1: how much TF-IDF has to say; None: by the rows
    max_words: int = 10_000  # the most frequent words and pairs of words
    max_pieces: int = 20_000  # the most frequent runs of 2 to 5 characters

    @property
    def size_bytes(self) -> int:
        return super().size_bytes + 500_000

    def solve(self, lesson: Lesson, target: Path) -> int:
        found = linear.terms(linear.texts_of(lesson), {"words": self.max_words, "pieces": self.max_pieces})
        both = (found.matrix, lesson.vectors)
        share = self._share(lesson, both) if self.tfidf_share is None else self.tfidf_share
        words, vectors = self._solved(lesson, both)
        parts = [linear.Part(vectors, 1 - share)]
        if share:
            parts.append(linear.Part(words, share, found))
        return self.parameters + linear.write(lesson, parts, target, max_length=self.window)

    def _solved(self, lesson: Lesson, both: tuple[Any, Any]) -> tuple[linear.Weights, linear.Weights]:
        """Over terms, and over embeddings."""
        words, vectors = (
            linear.logistic(features, lesson, strength=self.strength, label_weight=self.label_weight)
            for features in both
        )
        return words, vectors

    def _share(self, lesson: Lesson, both: tuple[Any, Any]) -> float:
        """The share that makes held-out rows likeliest: their accuracy would say too little of few."""
        import numpy as np

        rows, total = len(lesson.rows), both[0].shape[0]
        place = {label: number for number, label in enumerate(lesson.labels)}
        right = np.array([place[row.output] for row in lesson.rows])
        fold = np.array(linear.dealt([row.output for row in lesson.rows], FOLDS))
        losses = np.zeros(len(SHARES))
        for number in range(1 if rows >= linear.MANY_ROWS else FOLDS):
            held = np.flatnonzero(fold == number)
            kept = np.flatnonzero(np.concatenate([fold != number, np.ones(total - rows, dtype=bool)]))
            part = replace(lesson, rows=tuple(lesson.rows[row] for row in kept if row < rows))
            solved = self._solved(part, (both[0][kept], both[1][kept]))
            logits = [
                features[held] @ each.matrix + each.bias for features, each in zip(both, solved, strict=True)
            ]
            for index, share in enumerate(SHARES):
                mixed = share * logits[0] + (1 - share) * logits[1]
                losses[index] += linear.surprise(mixed, right[held])
        return SHARES[int(losses.argmin())]
