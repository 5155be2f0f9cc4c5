"""rank: the cards of an index that are most like a task, best first, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.deploy.base import open_encoder
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.retrievers.base import IndexRetriever, open_index
from p2m.stages.formats import by_format
from p2m.types import Candidate, Candidates, Card, CardIndex, Encoder, Task

_PROMPT = 4  # times the window of a card: how much of a prompt is read
_KEPT = 200  # candidates


@stage(version="1", kind="seeded")
def rank(task: Task, cards: CardIndex, reader: Encoder, *, retriever: IndexRetriever, run: Run) -> Candidates:
    """Candidates by words, meaning and format; nothing of a dataset is opened.

    Those whose card cannot be read come last, refused.
    """
    model = open_encoder(reader.folder, threads=run.device.threads, max_length=_PROMPT * retriever.window)

    def encode(texts: Sequence[str]) -> Any:
        return model.encode(texts)

    found = by_format(task, retriever.rank(task, open_index(cards.folder), encode))
    broken = (Candidate(Card(name), 0.0, None, refusal=why) for name, why in cards.skipped.items())
    return Candidates((*found[:_KEPT], *broken))
