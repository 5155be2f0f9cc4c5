"""Spans: question and passage to overlapping windows, and logits to the best span of whole words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import log_sum, open_tokenizer, ran
from .rows import Answer, joined
from .settings import Settings


@dataclass(frozen=True)
class Window:
    """A stretch of one row's context as the encoder sees it; all arrays are as long as `ids`."""

    row: int
    ids: list[int]
    types: list[int]
    starts: Any  # (length,) int: first character of the token in the context, -1 outside the context
    ends: Any  # (length,) int: character after its last
    opens: Any  # (length,) bool: a token that begins a word of the context
    closes: Any  # (length,) bool: a token that ends one


class SpanReader:
    """Question and context to overlapping windows; start and end logits to the best span of whole words."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.question_fields = tuple(name for name in settings.fields if name != settings.context)
        tokenizer.no_padding()

    def windows(self, rows: Sequence[Mapping[str, str]], max_length: int | None = None) -> list[Window]:
        """The windows of all rows, in order; a row has at least one."""
        length = max_length or self.settings.max_length
        contexts = [row[self.settings.context] for row in rows]
        if self.question_fields:
            questions = self._questions(rows, length)
            stride = min(self.settings.stride, length // 4)
            self.tokenizer.enable_truncation(length, stride=stride, strategy="only_second")
            encodings = self.tokenizer.encode_batch(list(zip(questions, contexts, strict=True)))
            part = 1
        else:
            self.tokenizer.enable_truncation(length, stride=min(self.settings.stride, length // 4))
            encodings = self.tokenizer.encode_batch(contexts)
            part = 0
        found = []
        for index, encoding in enumerate(encodings):
            found += _windows(index, contexts[index], (encoding, *encoding.overflowing), part)
        return found

    def _questions(self, rows: Sequence[Mapping[str, str]], length: int) -> list[str]:
        """Questions, cut where they would leave the context less than half of a window."""
        self.tokenizer.no_truncation()
        texts = [joined(row, self.question_fields) for row in rows]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        limit = length // 2 - 4
        return [
            text[: encoding.offsets[limit - 1][1]] if len(encoding.ids) > limit else text
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def answers(
        self, rows: Sequence[Mapping[str, str]], windows: Sequence[Window], starts: Any, ends: Any
    ) -> list[Answer]:
        """The best span of each row; `starts` and `ends` hold a logits array (at least `length`) a window.

        The score is p(start) p(end), each a softmax over the words of all windows of the row. Where a row
        may have none, its first token stands for that in each window (as in SQuAD 2.0: Rajpurkar et al.,
        2018), and a row has none whose best span is not ahead of it by more than the threshold. The score is
        then that of the span times its chance against none, or the chance of none.
        """
        found = self.spans(rows, windows, starts, ends)
        none, least = self.settings.none, self.settings.threshold
        if none is None:
            return [span for span, _ in found]
        return [
            Answer(span.output, span.score * _sigmoid(margin))
            if margin > least
            else Answer(none, 1 - _sigmoid(margin))
            for span, margin in found
        ]

    def spans(
        self, rows: Sequence[Mapping[str, str]], windows: Sequence[Window], starts: Any, ends: Any
    ) -> list[tuple[Answer, float]]:
        """The best span of each row, and by how many logits it is ahead of there being none."""
        groups = by_row(windows)
        return [
            self._best(row[self.settings.context], [(windows[p], starts[p], ends[p]) for p in groups[index]])
            for index, row in enumerate(rows)
        ]

    def _best(self, context: str, parts: Sequence[tuple[Window, Any, Any]]) -> tuple[Answer, float]:
        import numpy as np

        best, text, total_start, total_end = -np.inf, "", [], []
        for window, start, end in parts:
            opens, closes = np.flatnonzero(window.opens), np.flatnonzero(window.closes)
            if not len(opens) or not len(closes):
                continue
            first = np.asarray(start, dtype=np.float64)[opens]
            last = np.asarray(end, dtype=np.float64)[closes]
            total_start.append(first)
            total_end.append(last)
            distance = closes[None, :] - opens[:, None]
            sums = np.where(
                (distance >= 0) & (distance < self.settings.max_answer),
                first[:, None] + last[None, :],
                -np.inf,
            )
            i, j = np.unravel_index(int(np.argmax(sums)), sums.shape)
            if sums[i, j] > best:
                best = float(sums[i, j])
                text = context[window.starts[opens[i]] : window.ends[closes[j]]]
        if not total_start or best == -np.inf:
            return Answer("", 0.0), -np.inf
        nothing = min(float(start[0]) + float(end[0]) for _, start, end in parts)
        weight = log_sum(np.concatenate(total_start)) + log_sum(np.concatenate(total_end))
        return Answer(text.strip(), float(min(1.0, np.exp(best - weight)))), best - nothing


def by_row(windows: Sequence[Window]) -> dict[int, list[int]]:
    """Row -> the places of its windows."""
    found: dict[int, list[int]] = {}
    for place, window in enumerate(windows):
        found.setdefault(window.row, []).append(place)
    return found


def _sigmoid(logit: float) -> float:
    import numpy as np

    return float(1 / (1 + np.exp(min(700.0, -logit))))


def _windows(row: int, text: str, encodings: Sequence[Any], part: int) -> list[Window]:
    """The windows of one row. A word that a border cuts opens and closes where it does in the passage.

    A mark is a word of its own, also for tokenizers that part words by blanks alone.
    """
    import numpy as np

    borders: dict[int, tuple[int, int]] = {}  # word -> its first character, and the one after its last
    for encoding in encodings:
        for side, word, (start, end) in zip(
            encoding.sequence_ids, encoding.word_ids, encoding.offsets, strict=True
        ):
            if side == part and word is not None:
                first, last = borders.get(word, (start, end))
                borders[word] = (min(first, start), max(last, end))
    marks = np.array([unicodedata.category(char).startswith("P") for char in text] + [False], dtype=bool)
    found = []
    for encoding in encodings:
        inside = np.array([side == part for side in encoding.sequence_ids], dtype=bool)
        words = np.array([borders.get(word, (-1, -1)) for word in encoding.word_ids]).reshape(-1, 2)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2) * inside[:, None]
        starts, ends = offsets[:, 0], offsets[:, 1]
        found.append(
            Window(
                row,
                encoding.ids,
                encoding.type_ids,
                starts=np.where(inside, starts, -1),
                ends=np.where(inside, ends, -1),
                opens=inside & ((starts == words[:, 0]) | marks[starts - 1] | marks[starts]),
                closes=inside & ((ends == words[:, 1]) | marks[ends] | marks[ends - 1]),
            )
        )
    return found


class SpanModel:
    """A span model's folder, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._reader = SpanReader(settings, open_tokenizer(folder))
        self._graph = open_graph(folder, "model", backend=settings.backend, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        return self._reader.answers(rows, *self._read(rows, batch_size))

    def spans(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[tuple[Answer, float]]:
        """As `SpanReader.spans`."""
        return self._reader.spans(rows, *self._read(rows, batch_size))

    def _read(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> tuple[list[Window], Any, Any]:
        windows = self._reader.windows(rows)
        found = ran(self._graph, windows, batch_size)
        return windows, [each["start_logits"] for each in found], [each["end_logits"] for each in found]
