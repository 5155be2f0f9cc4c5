"""A sentence-transformers checkpoint as one ONNX graph: ids in, embeddings out. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.students import bert_graph, weights
from p2m.students.base_model import MODEL, SHA256


@dataclass(frozen=True)
class SentenceEncoder:
    """The mean of the last states over the tokens, of unit length (Reimers and Gurevych, 2019)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str = MODEL
    revision: str = "main"
    sha256: str = SHA256
    window: int = 256  # tokens of a text that are read

    def export(self, target: Path) -> None:
        """Raises MissingWeights where the weights cannot be had, or are not those that were published."""
        folder = weights.find(self.model, MODEL, revision=self.revision, sha256=self.sha256)
        target.mkdir(parents=True, exist_ok=True)
        bert_graph.copy_tokenizer(folder, target)
        bert_graph.pooled(folder, target / "model.onnx")
