"""What runs the graphs of a model's folder: one file a backend, `<name>.py` here, which predictor.json names.

Such a file has one function or two, whose graphs and writers are as `Graph` and `Writer` say:

    open_graph(folder: Path, name: str, *, threads: int) -> Graph
    open_writer(folder: Path, settings: Settings, *, threads: int) -> Writer

The first opens the graph `name` of the folder: `model` of spans, labels and embeddings, `encoder` and
`decoder` of written text. The second is there where the backend decodes by itself.
Where something is missing or damaged they raise `..settings.BundleError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ..settings import Settings


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


@dataclass(frozen=True)
class Written:
    """What a model wrote."""

    ids: list[int]  # the end mark last, unless the longest answer was reached
    log: float  # the logarithm of the probability that it gives to all of them


class Writer(Protocol):
    """A model that decodes by itself, greedily."""

    def write(
        self, prompts: Sequence[Sequence[int]], most: int, among: Mapping[str, Sequence[int]]
    ) -> list[Written]:
        """At most `most` tokens after each of the prompts; one of the texts of `among`, each with its ids and
        an end mark, where there are any.
        """


def open_writer(folder: Path, settings: Settings, *, threads: int) -> Writer | None:
    """The folder's own writer; None where its backend runs graphs, which are decoded here."""
    opened = getattr(import_module(f".{settings.backend}", __name__), "open_writer", None)
    writer: Writer | None = opened and opened(folder, settings, threads=threads)
    return writer


def open_graph(folder: Path, name: str, *, backend: str, threads: int) -> Graph:
    """The graph of a folder, by the file of its backend."""
    graph: Graph = import_module(f".{backend}", __name__).open_graph(folder, name, threads=threads)
    return graph
