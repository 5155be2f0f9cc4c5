"""Labels: the fields of a row to one text or a pair, and logits to a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import open_tokenizer, packed, padded
from .rows import Answer, joined, labelled
from .settings import Settings


@dataclass(frozen=True)
class Encoded:
    """A row's tokens."""

    ids: list[int]
    types: list[int]


class LabelReader:
    """Fields to one text or a pair; logits to a label and its softmax."""

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
        """`logits` is (rows, labels)."""
        return labelled(logits, self.settings.labels)


class LabelModel:
    """A classifier's folder, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._reader = LabelReader(settings, open_tokenizer(folder))
        self._graph = open_graph(folder, "model", backend=settings.backend, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        items = self._reader.items(rows)
        answers: list[Any] = [None] * len(rows)
        for batch, length in packed([len(each.ids) for each in items], batch_size):
            feed = padded([(items[i].ids, items[i].types) for i in batch], length)
            logits = self._graph.run(feed)["logits"]
            for i, answer in zip(batch, self._reader.answers(logits), strict=True):
                answers[i] = answer
        return answers
