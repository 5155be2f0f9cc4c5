"""index: a catalogue's cards made ready to be searched, once for all recipes that search it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.catalogs.base import open_catalogue
from p2m.catalogs.entries import card_of
from p2m.catalogs.files import entries_of, is_catalogue
from p2m.deploy.base import open_encoder
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.retrievers.base import index_of, write_index
from p2m.stages.embed import BATCH
from p2m.types import Card, CardIndex, Encoder, Files

_CHUNK = 320  # cards between two reports of progress


@stage(version="1", kind="seeded", cpus="all")
def index(catalogue: Files, reader: Encoder, *, window: int, run: Run) -> CardIndex:
    """The words of every card, and an embedding of its first `window` tokens.

    Raises:
        DataError: there is no catalogue at the path.
    """
    import numpy as np

    cards = _cards(catalogue.path)
    model = open_encoder(reader.folder, threads=run.device.threads, max_length=window)

    def encode(texts: Sequence[str]) -> Any:
        found = []
        for start in range(0, len(texts), _CHUNK):
            found.append(model.encode(texts[start : start + _CHUNK], batch_size=BATCH).astype(np.float16))
            run.progress(min(start + _CHUNK, len(texts)), len(texts), "cards embedded")
        return np.concatenate(found)

    folder = run.folder / "index"
    folder.mkdir(parents=True, exist_ok=True)
    write_index(index_of(cards, encode), folder)
    return CardIndex(folder)


def _cards(path: Path) -> Sequence[Card]:
    """Those of a catalogue file, or of datasets on this disk; what is broken there is for others to say."""
    if is_catalogue(path):
        return [card_of(entry) for entry in entries_of(path)]
    return open_catalogue(path).cards
