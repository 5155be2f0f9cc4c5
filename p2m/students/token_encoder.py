"""The first layers of a BERT as one ONNX graph: ids in, a state of each token out. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.errors import StageError
from p2m.students import base_model, bert_graph, weights
from p2m.students.base_model import MODEL, SHA256
from p2m.students.tokenizer import copy_tokenizer


@dataclass(frozen=True)
class TokenEncoder:
    """States of unit length after so many `layers`."""

    model: str = MODEL
    revision: str = "main"
    sha256: str = SHA256
    window: int = 128  # tokens that are read at once
    prefix: str = ""  # before every text
    layers: int = 3
    is_pooled: ClassVar[bool] = False

    @property
    def download(self) -> str:
        """What is fetched before it is exported; "" where it is here."""
        return base_model.download(self.model, self.revision)

    def export(self, target: Path) -> None:
        """
        Raises:
            MissingWeights: the weights cannot be had, or are not those that were published.
            StageError: it is no BERT.
        """
        folder = weights.find(self.model, MODEL, revision=self.revision, sha256=self.sha256)
        if not bert_graph.can_write(folder):
            raise StageError(f"{self.model}: only a BERT gives states of words; use student=linear_tagger")
        target.mkdir(parents=True, exist_ok=True)
        copy_tokenizer(folder, target, prefix=self.prefix)
        bert_graph.worded(folder, self.layers, target / "model.onnx")
