"""search: what a retriever without an index finds in a catalogue, where a teacher has part in the search."""

from __future__ import annotations

from p2m.catalogs.base import open_catalogue
from p2m.catalogs.entries import card_of
from p2m.catalogs.files import entries_of, is_catalogue
from p2m.engine.stage import stage
from p2m.retrievers.base import Retriever
from p2m.stages.rank import KEPT
from p2m.stages.retrieve import searched
from p2m.types import Candidates, Files, Imagined, Task


@stage(version="1", kind="pure")
def search(task: Task, catalogue: Files, imagined: Imagined | None, *, retriever: Retriever) -> Candidates:
    """The best candidates; nothing of them is opened.

    Raises:
        DataError: there is no catalogue at the path.
    """
    path = catalogue.path
    if is_catalogue(path):
        cards = [card_of(entry) for entry in entries_of(path) if entry.kind == "dataset"]
    else:
        cards = list(open_catalogue(path).cards)
    texts = imagined.texts if imagined else ()
    return Candidates(tuple(searched(task, cards, retriever, texts)[:KEPT]))
