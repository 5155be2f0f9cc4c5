"""index: a catalogue's cards made ready to be searched, once for all recipes that search it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.catalogs.base import open_catalogue
from p2m.catalogs.entries import card_of
from p2m.catalogs.files import entries_of, is_catalogue
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.retrievers.base import index_of, write_index
from p2m.stages.card_vectors import vectors
from p2m.types import Card, CardIndex, Encoder, Files


@stage(version="2", kind="seeded", cpus="all")
def index(catalogue: Files, reader: Encoder, *, window: int, run: Run) -> CardIndex:
    """The words of every card, and an embedding of its first `window` tokens.

    Raises:
        DataError: there is no catalogue at the path.
    """

    def encode(texts: Sequence[str]) -> Any:
        return vectors(texts, reader.folder, window=window, run=run)

    folder = run.folder / "index"
    folder.mkdir(parents=True, exist_ok=True)
    write_index(index_of(_cards(catalogue.path), encode), folder)
    return CardIndex(folder)


def _cards(path: Path) -> Sequence[Card]:
    """Those of a catalogue file, or of datasets on this disk; what is broken there is for others to say."""
    if is_catalogue(path):
        return [card_of(entry) for entry in entries_of(path)]
    return open_catalogue(path).cards
