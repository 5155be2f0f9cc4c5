"""Which part of an answer is written for which character of its input, as many rows together tell.

Each character writes some characters of the answer, or none, in order; the likeliest of such alignments are
found by hard expectation maximisation (after Ristad and Yianilos, 1998, Learning string-edit distance, and
Jiampojamarn et al., 2007, where one writes several).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from p2m.deploy.serving.edits import COPY, LOWER, MARKS, START, UPPER

LONGEST = 8  # characters that one writes
MOST_CELLS = 40_000  # characters of a text times those of its answer
_TELLING = 120  # rows that the first rounds look at
_ROUNDS = 3
_BAND = 12  # characters that an alignment may be off the straight line by
_FAR = 1e18

Pair = tuple[str, str]
Ways = Callable[[str, str, int, int], Iterator[tuple[int, float]]]


def aligned(pairs: Sequence[Pair]) -> list[list[str] | None]:
    """The edit of the start and of each character of the first texts, which together write the second ones;
    None where no alignment is found: too long, or too little alike.
    """
    telling = [pair for pair in pairs if _fits(*pair)][:_TELLING]
    table = _Table()
    for _ in range(_ROUNDS):
        found = [(source, _alignment(START + source, text, table.every)) for source, text in telling]
        table = _Table(found)
    return [_edits(source, text, table) if _fits(source, text) else None for source, text in pairs]


def edit_of(letter: str, text: str) -> str:
    """What is written for a character, as an edit that other characters may share."""
    if letter == START:
        return text
    for mark, copy in ((COPY, letter), (LOWER, letter.lower()), (UPPER, letter.upper())):
        if len(copy) == 1 and copy in text:
            before, _, after = text.partition(copy)
            return before + mark + after
    return text


def _fits(source: str, text: str) -> bool:
    return (len(source) + 1) * (len(text) + 1) <= MOST_CELLS and len(text) <= LONGEST * (len(source) + 1)


def _edits(source: str, text: str, table: _Table) -> list[str] | None:
    letters = START + source
    parts = _alignment(letters, text, table.known) or _alignment(letters, text, table.every)
    return parts and [edit_of(*each) for each in zip(letters, parts, strict=True)]


def _guessed(letter: str, edit: str) -> float:
    """What an edit costs before rows have told, in nats or so: the less, the less it changes."""
    if letter == START:
        return 1.3 * len(edit) + 0.5 * bool(edit)
    if not edit:
        return 1.2
    if edit in MARKS:
        return 0.0 if edit == COPY else 0.4
    copies = any(mark in edit for mark in MARKS)
    return (0.7 if copies else 1.8) + 1.2 * (len(edit) - 1)


class _Table:
    """How often each character has each edit, in texts that are aligned; without any, as is guessed."""

    def __init__(self, found: Sequence[tuple[str, list[str] | None]] = ()) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._texts: dict[str, set[str]] = {}
        for source, parts in found:
            for letter, text in zip(START + source, parts, strict=True) if parts else ():
                self._counts.setdefault(letter, Counter())[edit_of(letter, text)] += 1
                self._texts.setdefault(letter, set()).add(text)
        self._every = Counter[str]()
        for counts in self._counts.values():
            self._every.update(counts)
        self._costs: dict[tuple[str, str], float] = {}

    def cost(self, letter: str, text: str) -> float:
        key = (letter, text)
        found = self._costs.get(key)
        if found is None:
            found = self._costs[key] = self._cost(letter, edit_of(letter, text))
        return found

    def _cost(self, letter: str, edit: str) -> float:
        guess = _guessed(letter, edit)
        if not self._every:
            return guess
        share = (self._every[edit] + 0.5 * math.exp(-1.5 * guess)) / (self._every.total() + 1)
        counts = self._counts.get(letter, Counter())
        share = 1.0 if letter == START and not edit else share
        return -math.log((counts[edit] + 2 * share) / (counts.total() + 2))

    def every(self, letter: str, text: str, place: int, most: int) -> Iterator[tuple[int, float]]:
        """How many characters of the text, from a place on, it may write, `most` at most, and the cost."""
        for length in range(min(most, LONGEST) + 1):
            yield length, self.cost(letter, text[place : place + length])

    def known(self, letter: str, text: str, place: int, most: int) -> Iterator[tuple[int, float]]:
        """As `every`, of what it has written elsewhere, or itself in any case."""
        itself = {letter, letter.lower(), letter.upper(), ""} if letter != START else {""}
        for each in self._texts.get(letter, set()) | itself:
            if text.startswith(each, place):
                yield len(each), self.cost(letter, each)


def _alignment(letters: str, text: str, ways: Ways) -> list[str] | None:
    """What each of the letters writes of the text, at the least cost in all."""
    rows, width = len(letters), len(text)
    band = max(_BAND, abs(rows - width))
    reached: dict[int, float] = {0: 0.0}
    back: list[dict[int, int]] = []
    for number, letter in enumerate(letters):
        following: dict[int, float] = {}
        lengths: dict[int, int] = {}
        middle = (number + 1) * width / rows
        for place, so_far in reached.items():
            for length, cost in ways(letter, text, place, width - place):
                end = place + length
                if abs(end - middle) <= band and so_far + cost < following.get(end, _FAR):
                    following[end], lengths[end] = so_far + cost, length
        reached = following
        back.append(lengths)
    if width not in reached:
        return None
    parts, place = [], width
    for lengths in reversed(back):
        parts.append(text[place - lengths[place] : place])
        place -= lengths[place]
    return parts[::-1]
