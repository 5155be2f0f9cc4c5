"""Texts: the fields of a row to bytes, and bytes to text, the likeliest one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import log_sum, packed, padded
from .rows import Answer, joined
from .settings import Settings

PAD, EOS, OFFSET = 0, 1, 3  # ByT5's convention (Xue et al., 2022): byte + 3; 0 pads, 1 ends, 2 is spare
BYTES = 259
# Of a batch: decoding costs by the step, so more bytes at once pay, and so does padding that finds company.
BATCH_BYTES, BYTES_STEP = 2048, 16


class ByteReader:
    """Fields to bytes and back. An input that is too long loses the end of its longest field."""

    def __init__(self, settings: Settings, tokenizer: Any = None) -> None:
        self.settings = settings

    def encode(self, row: Mapping[str, str], max_length: int | None = None) -> list[int]:
        """Ids of the input, the end mark included."""
        limit = (max_length or self.settings.max_length) - 1
        fields = self.settings.fields
        text = joined(row, fields).encode("utf-8")
        if len(text) > limit:
            longest = max(fields, key=lambda name: len(row[name].encode("utf-8")))
            kept = max(0, len(row[longest].encode("utf-8")) - (len(text) - limit))
            cut = row[longest].encode("utf-8")[:kept].decode("utf-8", errors="ignore")
            text = joined({**row, longest: cut}, fields).encode("utf-8")[:limit]
        return [byte + OFFSET for byte in text] + [EOS]

    @staticmethod
    def encode_answer(text: str, max_length: int) -> list[int]:
        return [*(byte + OFFSET for byte in text.encode("utf-8")[: max_length - 1]), EOS]

    @staticmethod
    def decode(ids: Iterable[int]) -> str:
        """The text before the end mark; bytes that are not UTF-8 are dropped."""
        found = bytearray()
        for each in ids:
            if each == EOS:
                break
            if OFFSET <= each < BYTES:
                found.append(each - OFFSET)
        return found.decode("utf-8", errors="ignore")


class TextModel:
    """The folder of a model that writes text, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._reader = ByteReader(settings)
        self._most = settings.max_answer
        self._encoder = open_graph(folder, "encoder", backend=settings.backend, threads=threads)
        self._decoder = open_graph(folder, "decoder", backend=settings.backend, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        encoded = [self._reader.encode(row) for row in rows]
        answers: list[Any] = [None] * len(rows)
        lengths = [len(ids) for ids in encoded]
        for batch, length in packed(lengths, batch_size, tokens=BATCH_BYTES, step=BYTES_STEP):
            for i, answer in zip(batch, self._greedy([encoded[i] for i in batch], length), strict=True):
                answers[i] = answer
        return answers

    def _greedy(self, inputs: Sequence[Sequence[int]], length: int) -> list[Answer]:
        """The likeliest byte at a time; the score is the probability that the model gives to the whole
        answer. Rows that have ended leave the batch.
        """
        import numpy as np

        feed = padded([(ids, ids) for ids in inputs], length)
        mask = feed["attention_mask"]
        cross = self._encoder.run({name: feed[name] for name in ("input_ids", "attention_mask")})
        past = {
            name: np.zeros((len(inputs), shape[1], 0, shape[3]), dtype=np.float32)
            for name, shape in self._decoder.inputs.items()
            if name.startswith("past_")
        }
        tokens = np.zeros((len(inputs), 1), dtype=np.int64)  # decoding starts from the padding mark
        found: list[list[int]] = [[] for _ in inputs]
        logs, rows = np.zeros(len(inputs)), np.arange(len(inputs))  # `rows` are those that go on
        for _ in range(self._most):
            result = self._decoder.run({"input_ids": tokens, "attention_mask": mask, **past, **cross})
            logits = result.pop("logits")[:, -1, :].astype(np.float64)
            best = logits.argmax(axis=1)
            for place, row in enumerate(rows):
                found[row].append(int(best[place]))
                logs[row] += logits[place, best[place]] - log_sum(logits[place])
            past = {name.replace("present_", "past_"): value for name, value in result.items()}
            goes = best != EOS
            if not goes.all():
                rows, best, mask = rows[goes], best[goes], mask[goes]
                past = {name: value[goes] for name, value in past.items()}
                cross = {name: value[goes] for name, value in cross.items()}
            if not len(rows):
                break
            tokens = best[:, None].astype(np.int64)
        return [
            Answer(self._reader.decode(ids), float(np.exp(log))) for ids, log in zip(found, logs, strict=True)
        ]
