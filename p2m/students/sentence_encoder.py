"""A sentence-transformers checkpoint as one ONNX graph: ids in, embeddings of unit length out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.students import weights
from p2m.students.minilm import MODEL, SHA256


@dataclass(frozen=True)
class SentenceEncoder:
    """The mean of the last states over the tokens of a text, scaled to length 1."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str = MODEL
    revision: str = "main"
    sha256: str = SHA256
    window: int = 256  # tokens of a text that are read

    def export(self, target: Path) -> None:
        """Raises MissingWeights where the weights cannot be had, or are not those that were published."""
        from transformers import AutoTokenizer, BertModel

        from p2m.students.encoder import backend
        from p2m.students.onnx_graph import pooled_graph
        from p2m.students.quiet import quiet

        folder = weights.find(self.model, MODEL, revision=self.revision, sha256=self.sha256)
        target.mkdir(parents=True, exist_ok=True)
        with quiet():
            tokenizer = backend(AutoTokenizer.from_pretrained(str(folder), local_files_only=True))
            model = BertModel.from_pretrained(str(folder), local_files_only=True, attn_implementation="eager")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.save(str(target / "tokenizer.json"))
        pooled_graph(model, target / "model.onnx")
