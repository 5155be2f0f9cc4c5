"""rank: the cards of an index that are most like a task, best first, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from p2m.deploy.base import open_encoder
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.retrievers.base import IndexRetriever, open_index
from p2m.stages.formats import by_format
from p2m.types import Candidate, Candidates, CardIndex, Encoder, Imagined, Task

_PROMPT = 4  # times the window of a card: how much of a prompt is read
KEPT = 200  # candidates


@stage(version="1", kind="seeded")
def rank(
    task: Task,
    cards: CardIndex,
    reader: Encoder,
    imagined: Imagined | None = None,
    *,
    retriever: IndexRetriever,
    run: Run,
) -> Candidates:
    """Datasets by words, meaning and format; nothing of them is opened.

    Where the retriever knows how likely a card is to fit, and even the likeliest is not likely enough, all
    are refused, which is said.
    """
    texts = imagined.texts if imagined else ()
    found = best_of(task, cards, reader, retriever, texts, kind="dataset", threads=run.device.threads)
    if refusal := none_fits(found, getattr(retriever, "least_probability", 0.0)):
        run.say(f"no dataset fits: {refusal}")
        found = [replace(one, refusal=one.refusal or f"none fits: {refusal}") for one in found]
    return Candidates(tuple(found))


def none_fits(found: Sequence[Candidate], least: float) -> str:
    """Why none of the candidates fits; "" where one may, or where nobody can tell."""
    best = max(found, key=lambda one: one.probability or 0.0, default=None)
    if best is None or best.probability is None or best.probability >= least:
        return ""
    said = f"the likeliest, {best.card.name}, does with a probability of {best.probability:.1%}"
    return f"{said}; at least {least:.1%} is needed"


def best_of(
    task: Task, cards: CardIndex, reader: Encoder, retriever: IndexRetriever, imagined: Sequence[str] = (),
    *, kind: str, threads: int,
) -> list[Candidate]:  # fmt: skip
    """The candidates of a kind in an index, best first."""
    model = open_encoder(reader.folder, threads=threads, max_length=_PROMPT * retriever.window)

    def encode(texts: Sequence[str]) -> Any:
        return model.encode(texts)

    found = retriever.rank(task, open_index(cards.folder), encode, imagined)
    return by_format(task, (one for one in found if one.card.kind == kind))[:KEPT]
