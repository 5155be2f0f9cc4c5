"""Where in a passage an answer stands, when only its text is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?]+[\"')\]]*\s+|\n+")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a passage."""

    start: int
    end: int


def locate(context: str, answers: Sequence[str], question: str) -> Span | None:
    """The occurrence of the first answer that occurs; None where none does.

    Occurrences that begin and end at words go before others, exact case before any case, and among several
    the one in the sentence that shares most words with the question, then the first.
    """
    for answer in answers:
        if not answer.strip():
            continue
        for flags in (0, re.IGNORECASE):
            pattern = re.escape(answer.strip())
            whole = [Span(*m.span()) for m in re.finditer(rf"(?<!\w){pattern}(?!\w)", context, flags)]
            found = whole or [Span(*m.span()) for m in re.finditer(pattern, context, flags)]
            if found:
                return _likeliest(context, found, question)
    return None


def _likeliest(context: str, spans: Sequence[Span], question: str) -> Span:
    if len(spans) == 1:
        return spans[0]
    asked = {word.lower() for word in _WORD.findall(question)}
    borders = [0, *(match.end() for match in _SENTENCE.finditer(context)), len(context) + 1]
    sentences = [Span(start, end) for start, end in pairwise(borders)]

    def overlap(span: Span) -> int:
        for sentence in sentences:
            if sentence.start <= span.start < sentence.end:
                words = _WORD.findall(context[sentence.start : sentence.end])
                return len(asked & {word.lower() for word in words})
        return 0

    return max(spans, key=lambda span: (overlap(span), -span.start))
