"""What runs the graphs of a model's folder: one file a backend, `<name>.py` here, which predictor.json names.

Such a file has one function, whose graphs are as `Graph` says:

    open_graph(folder: Path, name: str, *, threads: int) -> Graph

It opens the graph `name` of the folder: `model` of spans, labels and embeddings, `encoder` and `decoder` of
written text. Where that is missing or damaged it raises `..settings.BundleError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol


class Graph(Protocol):
    """A graph, opened. `model` and `encoder` take `input_ids` and `attention_mask`, `model` also
    `token_type_ids`, each (rows, length) int64.
    """

    @property
    def inputs(self) -> Mapping[str, Sequence[Any]]:
        """Name -> shape; a dimension that is not a whole number is free."""

    def run(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by name, from an array for each input. Those of `model` are `start_logits` and
        `end_logits` (rows, length) of spans, `logits` (rows, labels), or `embeddings` (rows, dimensions).
        """


def open_graph(folder: Path, name: str, *, backend: str, threads: int) -> Graph:
    """The graph of a folder, by the file of its backend."""
    graph: Graph = import_module(f".{backend}", __name__).open_graph(folder, name, threads=threads)
    return graph
