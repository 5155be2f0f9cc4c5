"""Texts to embeddings of unit length, by an encoder that pools inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .backends import Graph, open_graph
from .batches import Encoded, open_tokenizer, ran


class TextEncoder:
    """Texts to embeddings (texts, dimensions)."""

    def __init__(self, tokenizer: Any, graph: Graph, max_length: int) -> None:
        self._tokenizer, self._graph = tokenizer, graph
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)

    def encode(self, texts: Sequence[str], *, batch_size: int = 1) -> Any:
        import numpy as np

        items = [Encoded(each.ids, each.type_ids) for each in self._tokenizer.encode_batch(list(texts))]
        return np.stack([each["embeddings"] for each in ran(self._graph, items, batch_size)])


def compared(first: Any, second: Any) -> Any:
    """How two texts differ and agree, (texts, 2 * dimensions + 1), by their embeddings, (texts, dimensions):
    the distance and the product of each dimension (Conneau et al., 2017, arXiv 1705.02364), and the cosine,
    which weighs more than any of these and so tells first where rows are few.
    """
    import numpy as np

    product = first * second
    cosine = product.sum(axis=1, keepdims=True)
    return np.concatenate([np.abs(first - second) / 2, product / 2, 2 * cosine], axis=1)


def opposed(encode: Callable[[Sequence[str]], Any], rows: Sequence[tuple[str, Sequence[str | None]]]) -> Any:
    """How what is asked compares with each of its options, (rows, options * (2 * dimensions + 1)).

    An option that a row lacks is as unlike as can be.
    """
    import numpy as np

    asked, found = encode([each for each, _ in rows]), []
    for options in zip(*(each for _, each in rows), strict=True):
        one = compared(asked, encode([text or "" for text in options]))
        one[[text is None for text in options]] = 0.0
        one[[text is None for text in options], -1] = -2.0
        found.append(one)
    return np.concatenate(found, axis=1)


def open_encoder(folder: Path, *, threads: int, max_length: int, backend: str = "onnx") -> TextEncoder:
    """The encoder in a folder with the graph `model` and `tokenizer.json`."""
    graph = open_graph(folder, "model", backend=backend, threads=threads)
    return TextEncoder(open_tokenizer(folder), graph, max_length)
