"""A sentence encoder's checkpoint as one ONNX graph: ids in, embeddings out. A BERT's needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.students import base_model, bert_graph, traced, weights
from p2m.students.base_model import MODEL, SHA256
from p2m.students.tokenizer import copy_tokenizer


@dataclass(frozen=True)
class SentenceEncoder:
    """The mean of the last states over the tokens, of unit length (Reimers and Gurevych, 2019)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str = MODEL
    revision: str = "main"
    sha256: str = SHA256
    window: int = 256  # tokens of a text that are read
    prefix: str = ""  # before every text

    @property
    def download(self) -> str:
        """What is fetched before it is exported; "" where it is here."""
        return base_model.download(self.model, self.revision)

    def export(self, target: Path) -> None:
        """Raises MissingWeights where the weights cannot be had, or are not those that were published."""
        folder = weights.find(self.model, MODEL, revision=self.revision, sha256=self.sha256)
        target.mkdir(parents=True, exist_ok=True)
        copy_tokenizer(folder, target, prefix=self.prefix)
        writer = bert_graph if bert_graph.can_write(folder) else traced
        writer.pooled(folder, target / "model.onnx")
