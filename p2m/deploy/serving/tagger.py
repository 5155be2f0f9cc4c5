"""Spans by a linear model: each word of a text is tagged by its letters, by the words around it and, where
the folder has an encoder, by the states of its tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from .rows import Answer
from .settings import BundleError, Settings
from .tagging import BEGIN, END, INSIDE, SINGLE, is_unspaced, shares_of, told, with_marks, written

WEIGHTS, FEATURES = "tagger.npz", "features.json"
REACH = 3  # words to each side whose letters count
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_REPEATED = re.compile(r"(.)\1+")
_NOTHING = -1e9  # of a path that cannot be


def words_of(text: str) -> list[tuple[int, int]]:
    """First character and the one after the last of each run of letters, run of digits or other sign.

    A letter of a script without blanks is one by itself, and accents stay with their letter.
    """
    found: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        goes_on = bool(found) and found[-1][1] == start
        if goes_on and (
            with_marks(text, start, end) == end or (_is_mark(text[start - 1]) and text[start].isalpha())
        ):
            found[-1] = (found[-1][0], end)
        elif text[start].isalpha() and any(map(is_unspaced, text[start:end])):
            found += [(place, place + 1) for place in range(start, end)]
        else:
            found.append((start, end))
    return found


def _is_mark(sign: str) -> bool:
    return with_marks(sign, 0, 1) == 1


def features_of(text: str, words: Sequence[tuple[int, int]]) -> list[list[str]]:
    """What is known of each word, by name: words and pairs of words around it, its letters, its place."""
    told = [text[start:end] for start, end in words]
    plain = ["0" * len(word) if word.isdigit() else word.lower() for word in told]
    shapes = [_shape(word) for word in told]
    around = ["<", *["<"] * REACH, *plain, *[">"] * REACH, ">"]
    found = []
    for place, word in enumerate(plain):
        window = around[place + 1 : place + 2 * REACH + 2]
        middle = window[REACH - 2 : REACH + 3]
        features = [f"{number}={each}" for number, each in enumerate(window)]
        features += [f"{number}:{one} {two}" for number, (one, two) in enumerate(pairwise(middle))]
        features += [
            f"s{side}={shapes[place + side]}" for side in (-1, 0, 1) if 0 <= place + side < len(words)
        ]
        for length in range(1, min(4, len(word)) + 1):
            features += [f"^{word[:length]}", f"${word[-length:]}"]
        if place and words[place - 1][1] == words[place][0]:
            features.append("joined")
        found.append(features)
    return found


def _shape(word: str) -> str:
    """Its sorts of letters, `Xx` of `Anna`."""
    return _REPEATED.sub(r"\1\1", "".join(map(_sort, word)))


def _sort(letter: str) -> str:
    if letter.isdigit():
        return "0"
    return "X" if letter.isupper() else "x" if letter.islower() else letter


class TaggerHead:
    """Features and states to logits of tags."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            BundleError: the files of the folder are not those of a tagger.
        """
        import numpy as np

        try:
            names = json.loads((folder / FEATURES).read_text(encoding="utf-8"))
            with np.load(folder / WEIGHTS) as arrays:
                self._arrays = {name: arrays[name] for name in arrays.files}
            self._numbers = {name: number for number, name in enumerate(names)}
            tags = len(self._arrays["bias"])
            if self._arrays["sparse"].shape != (len(names), tags) or len(self._arrays["moves"]) != tags + 1:
                raise ValueError("weights and features are not of one model")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{folder}: not a linear tagger ({error}); copy the bundle again") from None

    @property
    def has_states(self) -> bool:
        return "dense" in self._arrays

    @property
    def moves(self) -> Any:
        """From each tag to the next one, as `tagging.likeliest` takes them."""
        return self._arrays["moves"]

    def logits(self, text: str, words: Sequence[tuple[int, int]], states: Any) -> Any:
        """(words, tags); `states` (words, width), None where it reads none."""
        import numpy as np

        found = np.tile(self._arrays["bias"].astype(np.float64), (len(words), 1))
        for place, features in enumerate(features_of(text, words)):
            known = sorted(self._numbers[name] for name in features if name in self._numbers)
            found[place] += self._arrays["sparse"][known].sum(axis=0, dtype=np.int64) * self._arrays["scale"]
        return found + states @ self._arrays["dense"] if self.has_states else found


class TaggerModel:
    """A linear tagger's folder, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._settings, self._folder, self._threads = settings, folder, threads
        self._head = TaggerHead(folder)

    @cached_property
    def _states(self) -> Any:
        from .states import open_states

        settings = self._settings
        return open_states(
            self._folder, window=settings.max_length, threads=self._threads, backend=settings.backend
        )

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        texts = [row[self._settings.context] for row in rows]
        words = [words_of(text) for text in texts]
        states: Sequence[Any] = [None] * len(texts)
        if self._head.has_states:
            states = self._states.of(texts, words, batch_size)
        found = [self._head.logits(*each) for each in zip(texts, words, states, strict=True)]
        if self._settings.shape == "text":
            return [self._one(*each) for each in zip(texts, words, found, strict=True)]
        spans = [
            told(text, *ends_of(each), logits, self._settings, self._head.moves)
            for text, each, logits in zip(texts, words, found, strict=True)
        ]
        return written(spans, self._settings)

    def _one(self, text: str, words: Sequence[tuple[int, int]], logits: Any) -> Answer:
        """The likeliest span, or that there is none where a row may have none."""
        import numpy as np

        none = self._settings.none
        if not words:
            return Answer(none or "", 1.0)
        start, end, ahead = best_span(shares_of(logits))
        share = float(1 / (1 + np.exp(-ahead)))
        if none is not None and ahead < 0:
            return Answer(none, 1 - share)
        return Answer(text[words[start][0] : words[end][1]], share)


def best_span(shares: Any) -> tuple[int, int, float]:
    """First and last word of the likeliest single span, and by how many nats it is ahead of no span.

    `shares` are log-probabilities of the five tags (words, 5).
    """
    import numpy as np

    over = shares[:, 1:] - shares[:, :1]
    best, opened, first = (_NOTHING, 0, 0), _NOTHING, 0
    for place, row in enumerate(over):
        best = max(
            best, (float(row[SINGLE]), place, place), (opened + float(row[END]), first, place), key=_ahead
        )
        goes_on, begins = opened + float(row[INSIDE]), float(row[BEGIN])
        opened, first = (begins, place) if begins >= goes_on else (goes_on, first)
    return best[1], best[2], float(np.clip(best[0], -500, 500))


def _ahead(found: tuple[float, int, int]) -> float:
    return found[0]


def ends_of(words: Sequence[tuple[int, int]]) -> tuple[Any, Any]:
    import numpy as np

    places = np.array(words, dtype=np.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1]
