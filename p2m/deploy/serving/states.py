"""Texts to the states of their words: the mean over the tokens of each, which an encoder gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .backends import Graph, open_graph
from .batches import open_tokenizer, ran
from .settings import Settings
from .spans import SpanReader, by_row
from .tags import merged, units_of

SCALE = 5.0  # of states of unit length, beside features that are 0 or 1
_TEXT = "text"


class WordStates:
    """An encoder whose graph gives `states` of unit length (batch, length, width); `window` is in tokens."""

    def __init__(self, tokenizer: Any, graph: Graph, window: int) -> None:
        settings = Settings("tags", (_TEXT,), context=_TEXT, max_length=window, stride=window // 4)
        self._reader, self._graph = SpanReader(settings, tokenizer), graph

    def of(
        self, texts: Sequence[str], words: Sequence[Sequence[tuple[int, int]]], batch_size: int
    ) -> list[Any]:
        """(words, width) of each text, whose `words` are characters; a word without tokens has zeros, as has
        every word of a text that the tokenizer leaves nothing of.
        """
        windows = self._reader.windows([{_TEXT: text} for text in texts])
        states = [each["states"] for each in ran(self._graph, windows, batch_size)]
        width = states[0].shape[-1] if states else 0  # a window has a first and a last token at least
        groups = by_row(windows)
        found = []
        for index, text in enumerate(texts):
            parts = [(units_of(windows[place], text), states[place]) for place in groups[index]]
            found.append(_averaged(*merged(parts), words[index], width))
        return found


def _averaged(starts: Any, ends: Any, states: Any, words: Sequence[tuple[int, int]], width: int) -> Any:
    """(words, width) of the states (tokens, width) of tokens at those characters."""
    import numpy as np

    found = np.zeros((len(words), width))
    for place, (start, end) in enumerate(words if len(starts) else ()):
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end)
        if first < last:
            found[place] = SCALE * states[first:last].mean(axis=0)
    return found


def open_states(folder: Path, *, window: int, threads: int, backend: str = "onnx") -> WordStates:
    """The encoder in a folder with the graph `model` and `tokenizer.json`."""
    graph = open_graph(folder, "model", backend=backend, threads=threads)
    return WordStates(open_tokenizer(folder), graph, window)
