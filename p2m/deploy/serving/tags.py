"""A graph that tags the tokens of windows: question and context to any number of spans of characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backends import open_graph
from .batches import open_tokenizer, ran
from .rows import Answer
from .settings import Settings
from .shapes import Found
from .spans import SpanReader, Window, by_row
from .tagging import told, written


@dataclass(frozen=True)
class Units:
    """The tokens of a window's context that hold characters; all arrays are of one length."""

    places: Any  # numbers of the tokens in the window
    starts: Any  # first character of each in the context, blanks left out
    ends: Any  # the character after its last


def units_of(window: Window, context: str) -> Units:
    """What is tagged of a window: neither the question, nor blanks, nor what a model adds."""
    import numpy as np

    places, starts, ends = [], [], []
    for place in np.flatnonzero(window.starts >= 0):
        start, end = int(window.starts[place]), int(window.ends[place])
        text = context[start:end]
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        if start < end:
            places.append(int(place))
            starts.append(start)
            ends.append(end)
    return Units(*(np.array(each, dtype=np.int64) for each in (places, starts, ends)))


class TagReader:
    """Question and context to overlapping windows; logits of tags to spans."""

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        self.settings = settings
        self._windows = SpanReader(settings, tokenizer)

    def windows(self, rows: Sequence[Mapping[str, str]], max_length: int | None = None) -> list[Window]:
        """The windows of all rows, in order; a row has at least one."""
        return self._windows.windows(rows, max_length)

    def answers(
        self, rows: Sequence[Mapping[str, str]], windows: Sequence[Window], logits: Sequence[Any]
    ) -> list[Answer]:
        """The spans of each row, written as the layout says."""
        return written(self.spans(rows, windows, logits), self.settings)

    def spans(
        self, rows: Sequence[Mapping[str, str]], windows: Sequence[Window], logits: Sequence[Any]
    ) -> list[tuple[tuple[Found, ...], float]]:
        """As `told` finds them; `logits` holds an array (at least `length`, tags) a window."""
        groups = by_row(windows)
        found = []
        for index, row in enumerate(rows):
            context = row[self.settings.context]
            parts = [(units_of(windows[p], context), logits[p]) for p in groups[index]]
            found.append(told(context, *merged(parts), self.settings))
        return found


def merged(parts: Sequence[tuple[Units, Any]]) -> tuple[Any, Any, Any]:
    """First characters, last ones and logits (tokens, tags), or other figures, of all tokens of a row.

    A token that several windows hold is taken from the one in which most surrounds it (Devlin et al., 2019).
    """
    import numpy as np

    starts: list[int] = []
    ends: list[int] = []
    rows: list[Any] = []
    room: list[int] = []  # tokens to the nearer border of the window that a row came from
    for units, logits in parts:
        taken = np.asarray(logits, dtype=np.float64)[units.places]
        size = len(units.places)
        shared = _shared(starts, ends, units)
        base = len(starts) - shared
        for place in range(size):
            margin = min(place, size - 1 - place)
            if place < shared:
                if margin > room[base + place]:
                    rows[base + place], room[base + place] = taken[place], margin
                continue
            starts.append(int(units.starts[place]))
            ends.append(int(units.ends[place]))
            rows.append(taken[place])
            room.append(margin)
    return np.array(starts), np.array(ends), np.array(rows)


def _shared(starts: Sequence[int], ends: Sequence[int], units: Units) -> int:
    """How many of the first tokens of a window are the last ones that were seen before."""
    size = len(units.places)
    if not starts or not size:
        return 0
    first = len(starts)
    while first and starts[first - 1] >= units.starts[0]:
        first -= 1
    for begin in range(first, len(starts)):  # pieces of one character have its place, all of them
        length = len(starts) - begin
        if (
            length <= size
            and starts[begin:] == units.starts[:length].tolist()
            and ends[begin:] == units.ends[:length].tolist()
        ):
            return length
    return 0


class TagModel:
    """A folder of a model of tags, opened."""

    def __init__(self, folder: Path, settings: Settings, *, threads: int) -> None:
        self._reader = TagReader(settings, open_tokenizer(folder))
        self._graph = open_graph(folder, "model", backend=settings.backend, threads=threads)

    def answers(self, rows: Sequence[Mapping[str, str]], batch_size: int) -> list[Answer]:
        return written(self.spans(rows, batch_size), self._reader.settings)

    def spans(
        self, rows: Sequence[Mapping[str, str]], batch_size: int
    ) -> list[tuple[tuple[Found, ...], float]]:
        """As `told` finds them."""
        windows = self._reader.windows(rows)
        outputs = ran(self._graph, windows, batch_size)
        return self._reader.spans(rows, windows, [each["tags"] for each in outputs])
