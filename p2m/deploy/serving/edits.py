"""A text written anew from left to right: of each character a linear model says what is written in its place,
by what stands around it and what was written before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .rows import Answer
from .settings import BundleError, Settings

WEIGHTS, FEATURES, EDITS = "edits.npz", "features.json", "edits.json"
START = "\x02"  # a place before the first character, where something may be written too
COPY, LOWER, UPPER = "\x03", "\x04", "\x05"  # within what is written: the character itself, in that case
MARKS = (COPY, LOWER, UPPER)
_EDGE, _REACH = "\x01", 4
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_PLAIN = str.maketrans(dict.fromkeys((_EDGE, START, *MARKS), " "))


def plain(text: str) -> str:
    """The text without characters that mean something here."""
    return text.translate(_PLAIN)


def written(edit: str, letter: str) -> str:
    """What an edit of a character comes to."""
    if letter == START:
        return edit
    return edit.replace(COPY, letter).replace(LOWER, letter.lower()).replace(UPPER, letter.upper())


class Places:
    """What is known of each place of a text, by name: of the start, then of every character.

    `beside` are the values of the row's other fields, which every place is told.
    """

    def __init__(self, text: str, beside: Sequence[str]) -> None:
        self._text, self._beside = text, [f"{number}~{value}" for number, value in enumerate(beside)]
        low, edge = _lower(text), _EDGE * (_REACH + 1)
        self._low, self._sorts = edge + low + edge, edge + "".join(map(_sort, text)) + edge
        self._spans = [match.span() for match in _WORD.finditer(text)]
        words = [low[start:end] for start, end in self._spans]
        self._words = ["^", "^", *("0" * len(each) if each.isdigit() else each for each in words), "$", "$"]

    def __iter__(self) -> Iterator[list[str]]:
        yield self._start()
        for number, (start, end) in enumerate(self._spans):
            for place in range(start, end):
                yield [*self._around(place), *self._in_word(place, number, start, end)]

    def _start(self) -> list[str]:
        low, ends = _lower(self._text), (self._words[2], self._words[-3])
        found = [
            "start",
            *(f"<{low[:length]}" for length in (1, 2, 3)),
            f">{low[-2:]}",
            f"<<{ends[0]}",
            f">>{ends[1]}",
        ]
        found += [f"sorts {''.join(map(_sort, low[:3]))}", f"long {min(len(low), 15)}"]
        return found + [
            f"{each}{more}" for each in self._beside for more in ("", f" {low[:1]}", f" long {len(low)}")
        ]

    def _around(self, place: int) -> list[str]:
        low, sorts, at = self._low, self._sorts, place + _REACH + 1
        letter, last = low[at], len(self._text) - place
        found = [f"={self._text[place]}"]
        found += [f"{side}={low[at + side]}" for side in range(-_REACH, _REACH + 1) if side]
        found += [
            f"{start}:{low[at + start : at + end]}"
            for start, end in ((-1, 1), (0, 2), (-1, 2), (-2, 1), (0, 3), (-2, 3), (-3, 1), (0, 4))
        ]
        found += [f"s{start}:{sorts[at + start : at + end]}" for start, end in ((-2, 3), (-3, 1), (0, 4))]
        found += [f"s{sorts[at - 1 : at + 2]}{letter}", f"first {place}" if place < 3 else "later"]
        if last < 3:
            found += [
                f"last {last}",
                f"last {last} {self._words[2]}",
                f"last {last} {letter} {self._words[2]}",
            ]
        return found + [f"{each} {letter}" for each in self._beside]

    def _in_word(self, place: int, number: int, start: int, end: int) -> list[str]:
        words, letter, before, after = self._words, self._text[place].lower(), place - start, end - place - 1
        past, last, word, following, coming = words[number : number + 5]
        return [
            f"w {word} {before}", f"w {before} {after}" if end - start < 8 else "w",
            f"w< {min(before, 3)} {letter}", f"w> {min(after, 3)} {letter}",
            f"w- {last}{past} {min(before, 2)}", f"w+ {following}{coming} {min(after, 2)}",
            f"w-- {past} {word} {before}", f"# {min(number, 9)} {letter}",
        ]  # fmt: skip


def history(letter: str, done: str, edits: Sequence[str]) -> list[str]:
    """What is known of a place once the text before it is `done`, by these `edits`, the last one first."""
    last, letter = done[-3:], letter.lower()
    return [
        f"o1 {last[-1:]}", f"o2 {last[-2:]}", f"o3 {last}", f"o1 {last[-1:]} {letter}",
        f"o2 {last[-2:]} {letter}", f"e1 {edits[0]}", f"e2 {edits[0]} {edits[1]}", f"e1 {edits[0]} {letter}",
        f"ow {done.rpartition(' ')[2][-8:]}",
    ]  # fmt: skip


def _lower(text: str) -> str:
    """In small letters, of which each stands where it stood."""
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _sort(letter: str) -> str:
    if letter.isdigit():
        return "0"
    return "X" if letter.isupper() else "x" if letter.isalpha() else " " if letter.isspace() else letter


@dataclass(frozen=True)
class Edits:
    """What may be written: `known` of a character, `anywhere` of one that no row had."""

    every: list[str]
    known: dict[str, list[int]]  # numbers of `every`
    anywhere: list[int]

    def of(self, letter: str) -> list[int]:
        return self.known.get(letter) or self.anywhere


class EditModel:
    """A linear editor's folder, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        """
        Raises:
            BundleError: the files of the folder are not those of an editor.
        """
        import numpy as np

        self._settings = settings
        try:
            names = json.loads((folder / FEATURES).read_text(encoding="utf-8"))
            self._edits = Edits(**json.loads((folder / EDITS).read_text(encoding="utf-8")))
            with np.load(folder / WEIGHTS) as arrays:
                self._sparse, self._bias = arrays["sparse"], arrays["bias"].astype(np.float64)
                self._scale = arrays["scale"].astype(np.float64)
            self._numbers = {name: number for number, name in enumerate(names)}
            if self._sparse.shape != (len(names), len(self._edits.every)):
                raise ValueError("weights, features and edits are not of one model")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{folder}: not a linear editor ({error}); copy the bundle again") from None

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        return [self._answer(*asked(row, self._settings)) for row in rows]

    def _answer(self, text: str, beside: Sequence[str]) -> Answer:
        """The likeliest edit of each place in turn, and the product of their probabilities."""
        import numpy as np

        done, before, logs = "", ["", ""], 0.0
        for letter, features in zip(START + text, Places(text, beside), strict=True):
            told = [*features, *history(letter, done, before)]
            rows = sorted({self._numbers[name] for name in told if name in self._numbers})
            may = self._edits.of(letter)
            sums = self._sparse[rows][:, may].sum(axis=0, dtype=np.int64)
            logits = sums * self._scale[may] + self._bias[may]
            best = int(logits.argmax())
            logs -= float(np.log(np.exp(logits - logits[best]).sum()))
            edit = self._edits.every[may[best]]
            done, before = done + written(edit, letter), [edit, before[0]]
        return Answer(done, float(np.exp(logs)))


def asked(row: Mapping[str, str], settings: Settings) -> tuple[str, list[str]]:
    """The text of a row that is written anew, and the values of its other fields."""
    return plain(row[settings.context]), [
        plain(row[name]) for name in settings.fields if name != settings.context
    ]
