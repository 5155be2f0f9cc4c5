"""What the students share that go on from a checkpoint which writes text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.students import base_model, checkpoints, weights
from p2m.students.text_tasks import INPUT, unwritten
from p2m.types import Pace, Task


@dataclass(frozen=True)
class TextCheckpoint(ABC):
    """A checkpoint with its tokenizer, of one of `families`."""

    families: ClassVar[tuple[str, ...]]
    fewest_steps: ClassVar[int]

    model: str  # on the Hub, or a folder
    revision: str = "main"  # of the Hub: a commit, a branch or a tag
    sha256: str = ""  # of model.safetensors; "" accepts any
    license: str = ""
    languages: tuple[str, ...] = ()  # that the model knows; () means any
    prompt: str = INPUT  # around the input; {instruction} is the recipe's prompt
    max_input: int = 512  # tokens, of ByT5 bytes; a longer input loses the end of its longest field
    max_output: int = 256  # tokens of the longest answer that is learnt
    learning_rate: float = 3e-4  # at its highest
    epochs: float = 3.0  # passes over the rows, where there are many

    @property
    def shape(self) -> Mapping[str, Any]:
        return checkpoints.shape_of(self.model, self.revision)

    @property
    @abstractmethod
    def parameters(self) -> int:
        """How many weights it has; 0 where its shape is not known yet."""

    @property
    def download(self) -> str:
        """What is fetched before it is trained; "" where it is here."""
        return checkpoints.to_fetch(self.model, self.revision, self.parameters)

    @property
    def pace(self) -> Pace:
        return Pace(self.learning_rate, self.epochs, self.fewest_steps)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task."""
        return (
            unwritten(task, self.prompt)
            or checkpoints.unknown(self.model, self.revision, self.families)
            or base_model.unread(task, self.model, self.languages)
        )

    def folder(self) -> Path:
        """The checkpoint's folder.

        Raises:
            MissingWeights: it cannot be had, has no safetensors, or is not what was published.
        """
        return weights.find(self.model, "", revision=self.revision, sha256=self.sha256)
