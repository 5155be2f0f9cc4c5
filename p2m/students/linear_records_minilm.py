"""Records by linear models that also read the states of words in the first layers of a frozen MiniLM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from p2m.students import base_model, linear_records
from p2m.students.linear_tagger_minilm import LinearTaggerMiniLM
from p2m.types import Lesson, Task


@dataclass(frozen=True)
class LinearRecordsMiniLM(LinearTaggerMiniLM):
    """The states of each word for what is tagged, their mean for what the whole text tells."""

    max_words: int = 10_000  # the most frequent words and pairs of words
    max_pieces: int = 20_000  # the most frequent runs of 2 to 5 characters

    def refusal(self, task: Task) -> str | None:
        return linear_records.refusal(task) or base_model.unread(task, self.model, self.languages)

    def solve(self, lesson: Lesson, target: Path) -> int:
        most = {"words": self.max_words, "pieces": self.max_pieces}
        own = linear_records.solve(
            lesson, target, strength=self.strength, features=self.max_features, most=most, window=self.window
        )
        return self.parameters + own
