"""Slots: spans of a text, and a value for each, written from the span and what stands around it.

What writes the values sees a short text alone: the beginning of the row (where a letter has its date, a table
its unit), some characters on both sides, and the span between marks. It reads and writes pieces of words;
digits come in pairs, so that a number is its pairs' values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import log_sum, open_tokenizer, packed
from .rows import Answer
from .settings import Settings
from .shapes import Found, Layout, write_spans
from .tags import TagModel

PAD, EOS = 0, 1  # pieces; the first also begins every value
HEAD, LEFT, RIGHT, LONGEST = 32, 40, 24, 64  # characters: of the beginning, before, after, of the span
AFTER_HEAD, OPENS, CLOSES = "\x01", "\x02", "\x03"  # marks within a short text
PIECES = "pieces.json"
PLACES, _HEAD_PLACES, _BEFORE = 160, 48, 48  # numbers of places; those of the beginning; before the span
_BATCH_PIECES, _STEP = 2048, 8
_UNMARKED = str.maketrans(dict.fromkeys(AFTER_HEAD + OPENS + CLOSES, " "))
_LAYOUT = Layout(has_values=True)


@dataclass(frozen=True)
class Read:
    """A short text as the model takes it."""

    ids: list[int]
    places: list[int]  # as long: counted from the beginning there, and from the span elsewhere


class PieceReader:
    """Short texts to pieces, and pieces to values."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._ends_head, self._opens = (tokenizer.encode(mark).ids[0] for mark in (AFTER_HEAD, OPENS))

    def read(self, sources: Sequence[str]) -> list[Read]:
        encodings = self.tokenizer.encode_batch(list(sources), add_special_tokens=False)
        return [self._placed(encoding.ids) for encoding in encodings]

    def write(self, values: Sequence[str]) -> list[list[int]]:
        """Pieces of values, the end mark included."""
        encodings = self.tokenizer.encode_batch(list(values), add_special_tokens=False)
        return [[*encoding.ids, EOS] for encoding in encodings]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _placed(self, ids: list[int]) -> Read:
        head, opens = ids.index(self._ends_head), ids.index(self._opens)
        first = [min(place, _HEAD_PLACES - 1) for place in range(head)]
        most = PLACES - _HEAD_PLACES - _BEFORE - 1
        rest = [max(-_BEFORE, min(place - opens, most)) for place in range(head, len(ids))]
        return Read(ids, first + [_HEAD_PLACES + _BEFORE + place for place in rest])


def short_text(row: Mapping[str, str], settings: Settings, start: int, end: int, kind: str = "") -> str:
    """What a value is written from: of the span [start, end) of the context field; `kind` is its type."""
    text = row[settings.context].translate(_UNMARKED)
    others = [row[name].translate(_UNMARKED)[:HEAD] for name in settings.fields if name != settings.context]
    before = "".join(f"{each}\n" for each in (*others, kind) if each)
    head, left = text[: min(HEAD, start)], text[max(HEAD, start - LEFT) : start]
    span, right = text[start : min(end, start + LONGEST)], text[end : end + RIGHT]
    return f"{before}{head}{AFTER_HEAD}{left}{OPENS}{span}{CLOSES}{right}"


@dataclass(frozen=True)
class Values:
    """What writes values, greedily; `encoder` and `decoder` are graphs."""

    settings: Settings
    reader: PieceReader
    encoder: Any
    decoder: Any

    def answers(
        self,
        rows: Sequence[Mapping[str, str]],
        found: Sequence[tuple[Sequence[Found], float]],
        batch_size: int,
    ) -> list[Answer]:
        """The spans of each row with their values. The score is that of the least certain tag or value."""
        settings, answers = self.settings, []
        sources = [
            short_text(row, settings, span.start or 0, span.end or 0, span.type)
            for row, (spans, _) in zip(rows, found, strict=True)
            for span in spans
        ]
        values = iter(self._of(sources, batch_size))
        for spans, score in found:
            valued = []
            for span in spans:
                value = next(values)
                valued.append(replace(span, value=value.output))
                score = min(score, value.score)
            answers.append(Answer(write_spans(valued, settings.layout or _LAYOUT, settings.none), score))
        return answers

    def _of(self, sources: Sequence[str], batch_size: int) -> list[Answer]:
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
        for _ in range(self.settings.max_answer):
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


class SlotModel:
    """A folder of a model of slots, opened: tags, then values."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._tags = TagModel(folder, settings, threads=threads)
        graphs = (
            open_graph(folder, name, backend=settings.backend, threads=threads)
            for name in ("encoder", "decoder")
        )
        self._values = Values(settings, PieceReader(open_tokenizer(folder, PIECES)), *graphs)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        return self._values.answers(rows, self._tags.spans(rows, batch_size), batch_size)


def arrays(items: Sequence[Read], length: int) -> dict[str, Any]:
    """`source`, `places` and `mask`, each (rows, length)."""
    import numpy as np

    feed = {name: np.zeros((len(items), length), dtype=np.int64) for name in ("source", "places", "mask")}
    for place, item in enumerate(items):
        feed["source"][place, : len(item.ids)] = item.ids
        feed["places"][place, : len(item.ids)] = item.places
        feed["mask"][place, : len(item.ids)] = 1
    return feed
