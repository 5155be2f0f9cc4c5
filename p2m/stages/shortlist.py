"""shortlist: which datasets of a catalogue file are worth fetching, by what the catalogue says of them."""

from __future__ import annotations

from dataclasses import replace

from p2m.catalogs.base import of_dataset
from p2m.catalogs.entries import card_of
from p2m.catalogs.files import entries_of
from p2m.catalogs.suspicion import speaks_to_models
from p2m.engine.stage import stage
from p2m.retrievers.base import IndexRetriever, Retriever
from p2m.stages.retrieve import SHOWN, named_first, on_paper, searched
from p2m.types import Candidate, Candidates, Files, Task

_GATED = "it is gated: once its owner has let you in, set HF_TOKEN and name it in retriever.granted"


@stage(version="1", kind="pure")
def shortlist(
    task: Task,
    catalogue: Files,
    ranked: Candidates | None,
    *,
    retriever: Retriever | IndexRetriever | None,
    limit: int,
    licenses: tuple[str, ...],
    languages: tuple[str, ...],
    mapping: dict[str, dict[str, str]] | None = None,
    granted: tuple[str, ...] = (),
) -> Candidates:
    """Of what was ranked, or of what the retriever ranks now, at most `limit` that are to be fetched.

    Datasets that `mapping` names come first. Gated ones are refused, but for those that are `granted`.

    Raises:
        DataError: the catalogue cannot be read.
    """
    mapping = mapping or {}
    if ranked is not None and not mapping:
        cards = [one.card for one in ranked.found if one.card.kind == "dataset"]
    else:
        cards = [card_of(entry) for entry in entries_of(catalogue.path) if entry.kind == "dataset"]
    ordered = ranked.found if ranked else searched(task, cards, retriever)
    found = [one for one in ordered if one.card.kind == "dataset"]
    judged: list[Candidate] = []
    left = limit
    for candidate in named_first(found, cards, mapping):
        card = candidate.card
        refusal = candidate.refusal or speaks_to_models(card.description)
        is_named = of_dataset(card.name, mapping) is not None
        refusal = refusal or on_paper(task, card, licenses, languages, is_named=is_named)
        if card.gated and card.name not in granted:
            refusal = refusal or _GATED
        if refusal and len(judged) < limit * SHOWN:
            judged.append(replace(candidate, refusal=refusal))
        elif not refusal and left:
            judged.append(candidate)
            left -= 1
    return Candidates(tuple(judged))
