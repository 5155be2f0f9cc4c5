"""TF-IDF with logistic regression: words, pairs of words and pieces of words, numbers and choices; any
language, no download.

The ten lines of scikit-learn that every user has at hand, and the model to beat on short, regular texts.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.students import linear
from p2m.types import Lesson, Task


@dataclass(frozen=True)
class LinearTfidf:
    """Sublinear TF-IDF of two blocks (words, pieces), each of unit length, and logistic regression."""

    strength: float | None = None  # C of scikit-learn, inverse of the penalty; None: by held-out rows
    label_weight: float = 2.0  # rows that the words of a label count as
    max_words: int = 10_000  # the most frequent words and pairs of words
    max_pieces: int = 20_000  # the most frequent runs of 2 to 5 characters
    license: str = "apache-2.0"  # of nothing but the user's own words
    encoder: None = None

    @property
    def parameters(self) -> int:
        """Of ten labels, with every term that may be kept."""
        return 10 * (self.max_words + self.max_pieces)

    @property
    def size_bytes(self) -> int:
        """Of a small table: a table of many labels takes a byte a term and label."""
        return 500_000

    def refusal(self, task: Task) -> str | None:
        return linear.refusal(task)

    def solve(self, lesson: Lesson, target: Path) -> int:
        found = linear.measured(lesson, {"words": self.max_words, "pieces": self.max_pieces})
        lesson, (weights,) = linear.fitted(
            [(found.matrix, 1.0)], lesson, strength=self.strength, label_weight=self.label_weight
        )
        return linear.write(lesson, [linear.Part(weights, 1.0, found)], target, max_length=1)

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)
