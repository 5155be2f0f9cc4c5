"""Labels and numbers: the fields of a row to one text or a pair, and logits to an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import Encoded, open_tokenizer, ran
from .rows import Answer, answered, joined
from .scope import open_scope
from .settings import Settings


class LabelReader:
    """Fields to one text or a pair; logits to an answer and its score."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        tokenizer.no_padding()

    def encode(self, rows: Sequence[Mapping[str, str]], max_length: int | None = None) -> list[Any]:
        """Encodings with `ids` and `type_ids`, one a row. Two fields make a pair, more are joined."""
        fields = self.settings.fields
        self.tokenizer.enable_truncation(max_length or self.settings.max_length, strategy="longest_first")
        if len(fields) == 2:
            pairs = [(row[fields[0]], row[fields[1]]) for row in rows]
            return list(self.tokenizer.encode_batch(pairs))
        return list(self.tokenizer.encode_batch([joined(row, fields) for row in rows]))

    def items(self, rows: Sequence[Mapping[str, str]]) -> list[Encoded]:
        """The rows as an encoder sees them."""
        return [Encoded(each.ids, each.type_ids) for each in self.encode(rows)]

    def answers(self, logits: Any) -> list[Answer]:
        """`logits` is (rows, labels), or (rows, 1) of numbers."""
        return answered(logits, self.settings)


class LabelModel:
    """The folder of a model that answers with a label, several labels or a number, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._reader = LabelReader(settings, open_tokenizer(folder))
        self._graph = open_graph(folder, "model", backend=settings.backend, threads=threads)
        self._scope = open_scope(folder, settings)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        outputs = self.outputs(rows, batch_size)
        answers = self._reader.answers(outputs["logits"])
        return self._scope.limited(answers, **outputs) if self._scope else answers

    def outputs(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> dict[str, Any]:
        """`logits` and, where a row may fit no label, `embeddings` (rows, dimensions)."""
        import numpy as np

        found = ran(self._graph, self._reader.items(rows), batch_size)
        return {name: np.stack([each[name] for each in found]) for name in found[0]}
