"""Records by linear models: what stands in the text is tagged word by word; what the whole of it tells is
read from its terms and, where the folder has an encoder, from the mean of its words' states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .linear import LinearHead
from .record_fields import RecordField, fields_of, plain, told_value
from .rows import Answer, joined
from .settings import Settings
from .shapes import Found, write_record
from .tagger import TaggerHead, best_span, ends_of, words_of
from .tagging import shares_of, told

Words = Sequence[tuple[int, int]]


class FieldsModel:
    """A folder of a linear model of records, opened: a tagger, a head for what is told, or both."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        """
        Raises:
            BundleError: the files of the folder are not those of such a model.
        """
        self._settings, self._fields = settings, fields_of(settings)
        pointed = [field.name for field in self._fields if field.is_pointed_at]
        self._places = {name: number for number, name in enumerate(pointed)}
        self._types = replace(settings, labels=tuple(pointed), layout=None)
        sizes = sum(field.size for field in self._fields if not field.is_pointed_at)
        self._tagger = TaggerHead(folder) if pointed else None
        self._head = LinearHead(folder, sizes) if sizes else None
        self._states = None
        if (folder / "model.onnx").is_file():
            from .states import open_states

            backend = settings.backend
            self._states = open_states(folder, window=settings.max_length, threads=threads, backend=backend)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        texts = [joined(row, self._settings.fields) for row in rows]
        words = [words_of(text) for text in texts]
        states: Sequence[Any] = [None] * len(texts)
        if self._states is not None:
            states = self._states.of(texts, words, batch_size)
        logits = None
        if self._head is not None:
            pooled = pooled_of(states) if self._head.has_embedding else None
            logits = self._head.logits(texts, pooled)
        return [
            self._answer(*each, None if logits is None else logits[place])
            for place, each in enumerate(zip(texts, words, states, strict=True))
        ]

    def _answer(self, text: str, words: Words, states: Any, logits: Any) -> Answer:
        """The record, and the least probability of a tag or of a field that is told."""
        tags = self._tagger.logits(text, words, states) if self._tagger is not None else None
        spans: Sequence[Found] = ()
        score, begin, record = 1.0, 0, {}
        if self._tagger is not None:
            spans, score = told(text, *ends_of(words), tags, self._types, self._tagger.moves)
        for field in self._fields:
            if field.is_pointed_at:
                record[field.name] = self._pointed(field, text, words, tags, spans)
                continue
            value, share = told_value(field, logits[begin : begin + field.size])
            record[field.name], score, begin = value, min(score, share), begin + field.size
        return Answer(write_record(record, [field.name for field in self._fields]), score)

    def _pointed(
        self, field: RecordField, text: str, words: Words, tags: Any, spans: Sequence[Found]
    ) -> Any:  # fmt: skip
        """The first span of the field; of a field that is never null the likeliest there may be."""
        for span in spans:
            if span.type == field.name:
                value = _valued(field, text, span.start or 0, span.end or 0)
                if value is not None:
                    return value
        if field.nullable:
            return None
        if words:
            first = 1 + 4 * self._places[field.name]
            start, end, _ = best_span(shares_of(tags[:, [0, *range(first, first + 4)]]))
            value = _valued(field, text, words[start][0], words[end][1])
            if value is not None:
                return value
        return plain(field.middle) if field.kind == "number" else ""


def _valued(field: RecordField, text: str, start: int, end: int) -> Any:
    """What stands there: the text, or the first number; None where there is none."""
    if field.kind != "number":
        return text[start:end]
    for first, last, value in field.numbers_in(text):
        if first < end and start < last:
            return plain(value)
    return None


def pooled_of(states: Sequence[Any]) -> Any:
    """The mean over the words of each text, at the same scale, (texts, width)."""
    import numpy as np

    from .states import SCALE

    width = max(each.shape[1] for each in states)
    found = np.zeros((len(states), width))
    for place, each in enumerate(states):
        if len(each):
            mean = each.mean(axis=0)
            found[place] = mean * (SCALE / max(1e-12, float(np.linalg.norm(mean))))
    return found
