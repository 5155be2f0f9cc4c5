"""Which part of an answer is written for which character of its input, as many rows together tell.

Each character writes some characters of the answer, or none, in order; the likeliest of such alignments are
found by expectation maximisation (after Ristad and Yianilos, 1998, Learning string-edit distance, and
Jiampojamarn et al., 2007, where one writes several).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from p2m.deploy.serving.edits import COPY, LOWER, MARKS, START, UPPER

LONGEST = 8  # characters that one writes
MOST_CELLS = 40_000  # characters of a text times those of its answer
_TELLING = 120  # rows that the first rounds look at
_ROUNDS = 3
_BAND = 12  # characters that an alignment may be off the straight line by
_HARDLY = 0.1  # times that a text is expected, below which it is no longer looked for
_FAR = 1e18

Pair = tuple[str, str]
Expected = defaultdict[tuple[str, str], float]  # of a character and what it writes: how often
Ways = Callable[[str, str, int, int], Iterator[tuple[int, float]]]


def aligned(pairs: Sequence[Pair]) -> list[list[str] | None]:
    """The edit of the start and of each character of the first texts, which together write the second ones;
    None where no alignment is found: too long, or too little alike.
    """
    telling = [(START + source, text) for source, text in pairs if _fits(source, text)][:_TELLING]
    table = Table({})
    for number in range(_ROUNDS):
        expected: Expected = defaultdict(float)
        for letters, text in telling:
            _expect(letters, text, table.known if number else table.every, expected)
        table = Table(expected)
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


def _edits(source: str, text: str, table: Table) -> list[str] | None:
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


class Table:
    """How often each character is expected to write each text; without any, as is guessed."""

    def __init__(self, expected: Mapping[tuple[str, str], float]) -> None:
        self._counts: dict[str, dict[str, float]] = {}
        self._texts: dict[str, set[str]] = {}
        self._every: dict[str, float] = {}
        for (letter, text), count in expected.items():
            edit, counts = edit_of(letter, text), self._counts.setdefault(letter, {})
            counts[edit] = counts.get(edit, 0.0) + count
            self._every[edit] = self._every.get(edit, 0.0) + count
            if count >= _HARDLY:
                self._texts.setdefault(letter, set()).add(text)
        self._total = sum(self._every.values())
        self._totals = {letter: sum(counts.values()) for letter, counts in self._counts.items()}
        self._costs: dict[tuple[str, str], float] = {}

    def cost(self, letter: str, text: str) -> float:
        key = (letter, text)
        found = self._costs.get(key)
        if found is None:
            found = self._costs[key] = self._cost(letter, edit_of(letter, text))
        return found

    def _cost(self, letter: str, edit: str) -> float:
        guess = _guessed(letter, edit)
        if not self._total:
            return guess
        share = (self._every.get(edit, 0.0) + 0.5 * math.exp(-1.5 * guess)) / (self._total + 1)
        share = 1.0 if letter == START and not edit else share
        count = self._counts.get(letter, {}).get(edit, 0.0)
        return -math.log((count + 2 * share) / (self._totals.get(letter, 0.0) + 2))

    def every(self, letter: str, text: str, place: int, most: int) -> Iterator[tuple[int, float]]:
        """How many characters of the text, from a place on, it may write, `most` at most, and the cost."""
        for length in range(min(most, LONGEST) + 1):
            yield length, self.cost(letter, text[place : place + length])

    def known(self, letter: str, text: str, place: int, most: int) -> Iterator[tuple[int, float]]:
        """As `every`, of what it has written elsewhere, or itself in any case."""
        itself = {letter, letter.lower(), letter.upper(), ""} if letter != START else {""}
        for each in sorted(self._texts.get(letter, set()) | itself):
            if text.startswith(each, place):
                yield len(each), self.cost(letter, each)


def _expect(letters: str, text: str, ways: Ways, expected: Expected) -> None:
    """Add how often each letter writes each part of the text, over all alignments by their probability."""
    edges = [list(each) for each in _edges(letters, text, ways)]
    after: list[dict[int, float]] = [
        {len(text): 1.0}
    ]  # of a place, what is left is written from there, by the letters that are left
    for each in reversed(edges):
        found: dict[int, float] = {}
        for place, end, cost in each:
            if end in after[-1]:
                found[place] = found.get(place, 0.0) + math.exp(-cost) * after[-1][end]
        after.append(found)
    total = after[-1].get(0, 0.0)
    before: dict[int, float] = {0: 1.0}
    for letter, each, rest in zip(letters, edges, after[-2::-1], strict=True) if total else ():
        found = {}
        for place, end, cost in each:
            if place in before and end in rest:
                so_far = before[place] * math.exp(-cost)
                found[end] = found.get(end, 0.0) + so_far
                expected[letter, text[place:end]] += so_far * rest[end] / total
        before = found


def _edges(letters: str, text: str, ways: Ways) -> Iterator[Iterator[tuple[int, int, float]]]:
    """Of each letter from which place to which it may write, and the cost: about straight on."""
    rows, width = len(letters), len(text)
    band = max(_BAND, abs(rows - width))
    reached = {0}
    for number, letter in enumerate(letters):
        middle = (number + 1) * width / rows
        found = [
            (place, place + length, cost)
            for place in sorted(reached)
            for length, cost in ways(letter, text, place, width - place)
            if abs(place + length - middle) <= band
        ]
        reached = {end for _, end, _ in found}
        yield iter(found)


def _alignment(letters: str, text: str, ways: Ways) -> list[str] | None:
    """What each of the letters writes of the text, at the least cost in all."""
    best: dict[int, float] = {0: 0.0}
    back: list[dict[int, int]] = []
    for edges in _edges(letters, text, ways):
        following: dict[int, float] = {}
        begun: dict[int, int] = {}
        for place, end, cost in edges:
            if best[place] + cost < following.get(end, _FAR):
                following[end], begun[end] = best[place] + cost, place
        best = following
        back.append(begun)
    end = len(text)
    if end not in best:
        return None
    parts = []
    for begun in reversed(back):
        parts.append(text[begun[end] : end])
        end = begun[end]
    return parts[::-1]
