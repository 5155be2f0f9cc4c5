"""Copies: a text written anew from a short one, by pieces of words that are copied, counted or known.

The pieces are learnt from rows; digits come in pairs, so that a number is its pairs' values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import log_sum, open_tokenizer, packed
from .rows import Answer, joined
from .settings import Settings

PAD, EOS = 0, 1  # pieces; the first also begins every answer
PIECES = "pieces.json"
PLACES = 160  # numbers of places
_BATCH_PIECES, _STEP = 2048, 8


@dataclass(frozen=True)
class Read:
    """A text as the model takes it."""

    ids: list[int]
    places: list[int]  # as long: the number of each piece's place


class PieceReader:
    """Texts to pieces and back."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def read(self, sources: Sequence[str]) -> list[Read]:
        return [self.placed(ids) for ids in self.pieces(sources)]

    def write(self, values: Sequence[str]) -> list[list[int]]:
        """Pieces of answers, the end mark included."""
        return [[*ids, EOS] for ids in self.pieces(values)]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [each.ids for each in found]

    @staticmethod
    def placed(ids: list[int]) -> Read:
        """As places count from the beginning; of what is too long the end is left out."""
        return Read(ids[:PLACES], list(range(min(len(ids), PLACES))))


@dataclass(frozen=True)
class Rewriting:
    """What writes texts anew, greedily; `encoder` and `decoder` are graphs."""

    reader: PieceReader
    encoder: Any
    decoder: Any
    most: int  # pieces of an answer

    def answers(self, sources: Sequence[str], batch_size: int) -> list[Answer]:
        texts = sorted(set(sources))
        read = self.reader.read(texts) if texts else []
        found: dict[str, Answer] = {}
        lengths = [len(each.ids) for each in read]
        for batch, length in packed(lengths, batch_size, tokens=_BATCH_PIECES, step=_STEP):
            written = self._written([read[i] for i in batch], length)
            found |= {texts[i]: answer for i, answer in zip(batch, written, strict=True)}
        return [found[source] for source in sources]

    def _written(self, items: Sequence[Read], length: int) -> list[Answer]:
        """The likeliest piece at a time; rows that have ended leave the batch."""
        import numpy as np

        feed = arrays(items, length)
        fixed = self.encoder.run(feed) | {name: feed[name] for name in ("source", "mask")}
        past = {
            name: np.zeros((len(items), shape[1], 0, shape[3]), dtype=np.float32)
            for name, shape in self.decoder.inputs.items()
            if name.startswith("past_")
        }
        ids: list[list[int]] = [[] for _ in items]
        logs, rows = np.zeros(len(items)), np.arange(len(items))  # `rows` are those that go on
        pieces = np.full((len(items), 1), PAD, dtype=np.int64)
        for _ in range(self.most):
            result = self.decoder.run({"pieces": pieces, **fixed, **past})
            shares = result.pop("logits")[:, -1].astype(np.float64)
            best = shares.argmax(axis=1)
            for place, row in enumerate(rows):
                ids[row].append(int(best[place]))
                logs[row] += shares[place, best[place]] - log_sum(shares[place])
            goes = best != EOS
            rows, pieces = rows[goes], best[goes, None].astype(np.int64)
            if not len(rows):
                break
            past = {name.replace("present_", "past_"): each[goes] for name, each in result.items()}
            fixed = {name: each[goes] for name, each in fixed.items()}
        return [
            Answer(self.reader.decode(each), float(np.exp(log))) for each, log in zip(ids, logs, strict=True)
        ]


class CopyModel:
    """A folder of a model that writes the whole row anew, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._fields = settings.fields
        self._rewriting = open_rewriting(folder, settings, PieceReader, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        return self._rewriting.answers([joined(row, self._fields) for row in rows], batch_size)


def open_rewriting(folder: Path, settings: Settings, reader: type[PieceReader], *, threads: int) -> Rewriting:
    encoder, decoder = (
        open_graph(folder, name, backend=settings.backend, threads=threads) for name in ("encoder", "decoder")
    )
    return Rewriting(reader(open_tokenizer(folder, PIECES)), encoder, decoder, settings.max_answer)


def arrays(items: Sequence[Read], length: int) -> dict[str, Any]:
    """`source`, `places` and `mask`, each (rows, length)."""
    import numpy as np

    feed = {name: np.zeros((len(items), length), dtype=np.int64) for name in ("source", "places", "mask")}
    for place, item in enumerate(items):
        feed["source"][place, : len(item.ids)] = item.ids
        feed["places"][place, : len(item.ids)] = item.places
        feed["mask"][place, : len(item.ids)] = 1
    return feed
