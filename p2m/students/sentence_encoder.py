"""A sentence encoder's checkpoint as one ONNX graph: ids in, embeddings out. A BERT's needs no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.students import base_model, bert_graph, traced, weights
from p2m.students.base_model import MODEL, SHA256
from p2m.students.tokenizer import copy_tokenizer


@dataclass(frozen=True)
class SentenceEncoder:
    """A vector of unit length: the mean of the last states over the tokens (Reimers and Gurevych, 2019), or
    what a sentence-transformers checkpoint says of itself.
    """

    model: str = MODEL
    revision: str = "main"
    sha256: str = SHA256
    window: int = 256  # tokens of a text that are read
    prefix: str = ""  # before every text
    is_pooled: ClassVar[bool] = True

    @property
    def download(self) -> str:
        """What is fetched before it is exported; "" where it is here."""
        return base_model.download(self.model, self.revision)

    def export(self, target: Path) -> None:
        """Raises MissingWeights where the weights cannot be had, or are not those that were published."""
        folder = weights.find(self.model, MODEL, revision=self.revision, sha256=self.sha256)
        target.mkdir(parents=True, exist_ok=True)
        copy_tokenizer(folder, target, prefix=self.prefix)
        if not _takes_the_mean(folder):
            traced.sentence(folder, target / "model.onnx")
            return
        writer = bert_graph if bert_graph.can_write(folder) else traced
        writer.pooled(folder, target / "model.onnx")


def _takes_the_mean(folder: Path) -> bool:
    """Whether a checkpoint's own modules pool as this encoder does by itself; one that lists none does."""
    listed = folder / "modules.json"
    if not listed.is_file():
        return True
    modules = json.loads(listed.read_text(encoding="utf-8"))
    kinds = [each["type"].rpartition(".")[2] for each in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return False
    pooling = json.loads((folder / modules[1]["path"] / "config.json").read_text(encoding="utf-8"))
    ways = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
    return pooling.get("pooling_mode", "mean") in ("mean", ["mean"]) and ways in (
        [],
        ["pooling_mode_mean_tokens"],
    )
