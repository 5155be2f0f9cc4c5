"""A linear tagger that also reads what the first layers of a frozen all-MiniLM-L6-v2 say of each word."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.students import base_model, linear_tagger
from p2m.students.base_model import MODEL, SHA256
from p2m.students.token_encoder import TokenEncoder
from p2m.types import Lesson, Task


@dataclass(frozen=True)
class LinearTaggerMiniLM(base_model.OverBaseModel):
    """States of the first `layers`, which know words and their order, beside the features of `LinearTagger`;
    of any other BERT too.
    """

    model: str = MODEL
    license: str = "apache-2.0"
    sha256: str = SHA256
    languages: tuple[str, ...] = ("en",)
    layers: int = 3  # that are read and shipped; the last ones say what a whole text is about
    window: int = 128  # tokens that are read at once; longer texts are read in windows
    strength: float = 3.0  # C of scikit-learn, inverse of the penalty
    max_features: int = 100_000  # of words, the most frequent ones

    @property
    def encoder(self) -> TokenEncoder:
        return TokenEncoder(self.model, self.revision, self.sha256, self.window, self.prefix, self.layers)

    @property
    def parameters(self) -> int:
        return super().parameters - base_model.beyond(self.model, self.layers)

    @property
    def size_bytes(self) -> int:
        return super().size_bytes - base_model.beyond(self.model, self.layers) + 1_000_000

    @property
    def whole_bytes(self) -> int:
        return super().whole_bytes - base_model.beyond(self.model, self.layers) + 1_000_000

    def refusal(self, task: Task) -> str | None:
        return linear_tagger.refusal(task) or base_model.unread(task, self.model, self.languages)

    def solve(self, lesson: Lesson, target: Path) -> int:
        own = linear_tagger.solve(
            lesson, target, strength=self.strength, most=self.max_features, window=self.window
        )
        return self.parameters + own

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        shutil.copytree(checkpoint, target, dirs_exist_ok=True)
