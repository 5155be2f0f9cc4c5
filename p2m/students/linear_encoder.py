"""Frozen embeddings with logistic regression: seconds, and ten rows a label go far.

The encoder is exported once for all recipes; what a recipe adds is one matrix.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.students import base_model, linear
from p2m.students.sentence_encoder import SentenceEncoder
from p2m.types import Lesson, Task


@dataclass(frozen=True)
class LinearEncoder(base_model.OverBaseModel):
    """Mean-pooled embeddings of unit length (Reimers and Gurevych, 2019) and logistic regression."""

    window: int = 256  # tokens that are read; the rest of a longer text is not
    strength: float | None = None  # C of scikit-learn, inverse of the penalty; None: by held-out rows
    label_weight: float = 2.0  # rows that the words of a label count as

    @property
    def encoder(self) -> SentenceEncoder:
        return SentenceEncoder(self.model, self.revision, self.sha256, self.window, self.prefix)

    def refusal(self, task: Task) -> str | None:
        if not task.texts:
            return "its inputs are numbers, and there is no text to read"
        return linear.refusal(task) or base_model.unread(task, self.model, self.languages)

    def solve(self, lesson: Lesson, target: Path) -> int:
        lesson, (weights,) = linear.fitted(
            [(lesson.vectors, 1.0)], lesson, strength=self.strength, label_weight=self.label_weight
        )
        own = linear.write(lesson, [linear.Part(weights, 1.0)], target, max_length=self.window)
        return self.parameters + own

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)
