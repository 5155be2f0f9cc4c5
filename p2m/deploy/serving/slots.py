"""Slots: spans of a text, and a value for each, written from the span and what stands around it.

What writes the values (`copies`) sees a short text alone: the beginning of the row (where a letter has its
date, a table its unit), some characters on both sides, and the span between marks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .copies import PLACES, PieceReader, Read, Rewriting, open_rewriting
from .rows import Answer
from .settings import Settings
from .shapes import Found, Layout, write_spans
from .tags import TagModel

HEAD, LEFT, RIGHT, LONGEST = 32, 40, 24, 64  # characters: of the beginning, before, after, of the span
AFTER_HEAD, OPENS, CLOSES = "\x01", "\x02", "\x03"  # marks within a short text
_HEAD_PLACES, _BEFORE = 48, 48  # numbers of places: of the beginning, before the span
_UNMARKED = str.maketrans(dict.fromkeys(AFTER_HEAD + OPENS + CLOSES, " "))
_LAYOUT = Layout(has_values=True)


class SpanReader(PieceReader):
    """Short texts to pieces: places count from the beginning there, and from the span elsewhere."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer)
        self._ends_head, self._opens = (tokenizer.encode(mark).ids[0] for mark in (AFTER_HEAD, OPENS))

    def read(self, sources: Sequence[str]) -> list[Read]:
        return [self._around(ids) for ids in self.pieces(sources)]

    def _around(self, ids: list[int]) -> Read:
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
    """The spans of rows, and what writes their values."""

    settings: Settings
    rewriting: Rewriting

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
        values = iter(self.rewriting.answers(sources, batch_size))
        for spans, score in found:
            valued = []
            for span in spans:
                value = next(values)
                valued.append(replace(span, value=value.output))
                score = min(score, value.score)
            answers.append(Answer(write_spans(valued, settings.layout or _LAYOUT, settings.none), score))
        return answers


class SlotModel:
    """A folder of a model of slots, opened: tags, then values."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._tags = TagModel(folder, settings, threads=threads)
        self._values = Values(settings, open_rewriting(folder, settings, SpanReader, threads=threads))

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        return self._values.answers(rows, self._tags.spans(rows, batch_size), batch_size)
