"""Where in a passage an answer stands, when only its text is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from p2m.deploy.serving.shapes import Found

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?]+[\"')\]]*\s+|\n+")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a passage."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


def locate(context: str, answers: Sequence[str], question: str) -> Span | None:
    """The occurrence of the first answer that occurs; None where none does.

    Occurrences that begin and end at words go before others, exact case before any case, and among several
    the one in the sentence that shares most words with the question, then the first.
    """
    for answer in answers:
        if found := occurrences(context, answer):
            return _likeliest(context, found, question)
    return None


def occurrences(context: str, text: str) -> list[Span]:
    """Where a text stands, in order: in its own case, else in any; as whole words, else within words."""
    pattern = re.escape(text.strip())
    for flags in (0, re.IGNORECASE) if pattern else ():
        whole = [Span(*m.span()) for m in re.finditer(rf"(?<!\w){pattern}(?!\w)", context, flags)]
        if found := whole or [Span(*m.span()) for m in re.finditer(pattern, context, flags)]:
            return found
    return []


@dataclass(frozen=True, slots=True)
class At:
    """A span of a type, and where it stands."""

    type: str
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Placed:
    """The spans of a row, each with its place, none over another."""

    found: tuple[At, ...]
    unsure: tuple[tuple[int, int], ...] = ()  # further occurrences of what was given by its text alone


def placed(context: str, spans: Sequence[Found]) -> Placed | None:
    """The spans where they stand; None where one does not.

    A span that has a place is there. Of several occurrences of another one the first is taken that no span
    has; where the row lists its spans in the order of the text, one that keeps it. The longest are placed
    first: what overlaps one of them is left out.
    """
    found: dict[int, Span] = {}
    choices: dict[int, list[Span]] = {}
    for number, span in enumerate(spans):
        if span.start is not None and span.end is not None and context[span.start : span.end] == span.text:
            choices[number] = [Span(span.start, span.end)]
        else:
            choices[number] = _by_nearness(occurrences(context, span.text), span.start)
        if not choices[number]:
            return None
    certain = [choices[number][0] for number in choices if len(choices[number]) == 1]
    in_order = all(one.start <= other.start for one, other in pairwise(certain))
    order = sorted(choices, key=lambda number: (-len(spans[number].text), len(choices[number]), number))
    for number in order:
        free = [each for each in choices[number] if not any(map(each.overlaps, found.values()))]
        between = [each for each in free if in_order and _keeps_order(number, each, found)]
        if free:
            found[number] = (between or free)[0]
    taken = found.values()
    unsure = {
        (each.start, each.end)
        for number in choices
        if spans[number].start is None
        for each in choices[number]
        if not any(map(each.overlaps, taken))
    }
    whole = [At(spans[number].type, (each.start, each.end)) for number, each in found.items()]
    return Placed(tuple(sorted(whole, key=lambda each: each.place)), tuple(sorted(unsure)))


def _by_nearness(found: list[Span], start: int | None) -> list[Span]:
    """Occurrences in order, or of a span whose place is off by a little, the nearest alone."""
    return found if start is None else sorted(found, key=lambda each: abs(each.start - start))[:1]


def _keeps_order(number: int, span: Span, found: dict[int, Span]) -> bool:
    """Whether what is listed before it stands before it, and what is listed after it, after."""
    return all(
        (other < number) == (each.start < span.start) for other, each in found.items() if other != number
    )


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
