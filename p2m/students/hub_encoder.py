"""Any encoder of the Hub as a base, pinned: by its commit, and its weights by their digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from p2m.students.pretrained_encoder import PretrainedEncoder
from p2m.types import Task


@dataclass(frozen=True)
class HubEncoder(PretrainedEncoder):
    """What `p2m catalog pin ID` prints goes in here; without a pin the model is refused."""

    count: int = 0  # weights, so that its size is known before it is fetched; 0: BERT-base's

    @property
    def parameters(self) -> int:
        return self.count or super().parameters

    @property
    def size_bytes(self) -> int:
        return self.count or super().size_bytes

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task, or may not be opened."""
        if not self.model:
            return "it names no model: p2m catalog pin ID prints what to write under student.candidates.hub"
        if not re.fullmatch(r"[0-9a-f]{40}", self.revision) or not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            return f"{self.model} is not pinned by commit and sha256; type: p2m catalog pin {self.model}"
        return super().refusal(task)
