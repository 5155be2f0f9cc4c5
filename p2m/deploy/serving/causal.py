"""Texts that a decoder alone goes on with: the prompt, then the answer, the likeliest token at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .backends import open_graph, open_writer
from .batches import packed
from .rows import Answer
from .settings import Settings
from .texts import BATCH_TOKENS, Writing, nothing, open_reader, written


class CausalModel:
    """The folder of a decoder, opened. What stands before every input is read once, here."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        import numpy as np

        self._reader = open_reader(folder, settings)
        self._known = 0
        self._writer = open_writer(folder, settings, threads=threads)
        if self._writer:
            return
        self._decoder = open_graph(folder, "decoder", backend=settings.backend, threads=threads)
        self._writing = Writing(self._decoder, self._reader, self._reader.branches())
        self._past = nothing(self._decoder, 1)
        self._known = max(0, len(self._reader.before) - 1)  # one stays, so that no row is empty
        if self._known:
            prefix = np.array([self._reader.before[: self._known]], dtype=np.int64)
            found = self._decoder.run({"input_ids": prefix, **self._past})
            self._past = {
                name.replace("present_", "past_"): each for name, each in found.items() if name != "logits"
            }

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        """Rows of one length go together: nothing is padded, so nothing need be masked."""
        encoded = [self._reader.encode(row)[self._known :] for row in rows]
        answers: list[Any] = [None] * len(rows)
        for batch, _ in packed([len(ids) for ids in encoded], batch_size, tokens=BATCH_TOKENS):
            for i, answer in zip(batch, self._written([encoded[i] for i in batch]), strict=True):
                answers[i] = answer
        return answers

    def _written(self, inputs: Sequence[Sequence[int]]) -> list[Answer]:
        import numpy as np

        if self._writer:
            return written(self._writer, self._reader, inputs)
        past = {name: np.repeat(each, len(inputs), axis=0) for name, each in self._past.items()}
        return self._writing.answers(np.array(inputs, dtype=np.int64), {}, past)
