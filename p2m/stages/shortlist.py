"""shortlist: which datasets of a catalogue file are worth fetching, by what the catalogue says of them."""

from __future__ import annotations

from dataclasses import replace

from p2m.catalogs.base import is_mapped
from p2m.catalogs.entries import card_of
from p2m.catalogs.files import entries_of
from p2m.engine.stage import stage
from p2m.retrievers.base import IndexRetriever, Retriever
from p2m.stages.retrieve import SHOWN, named_first, ruled_out, searched
from p2m.types import Candidate, Candidates, Files, Task


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
    max_size: int | None = None,
    granted: tuple[str, ...] = (),
) -> Candidates:
    """Of what was ranked, or of what the retriever ranks now, at most `limit` that are to be fetched.

    Datasets that `mapping` names come first. None of more than `max_size` bytes, or of an unknown size where
    that is given, is fetched, and none that is gated, but for those that are `granted`.

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
        is_named = is_mapped(card.name, mapping)
        refusal = candidate.refusal or ruled_out(
            task, card, licenses, languages, is_named=is_named, max_size=max_size, granted=granted
        )
        if refusal and len(judged) < limit * SHOWN:
            judged.append(replace(candidate, refusal=refusal))
        elif not refusal and left:
            judged.append(candidate)
            left -= 1
    return Candidates(tuple(judged))
