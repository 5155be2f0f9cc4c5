"""The steps that find rows in catalogues; of files, only whether one is a catalogue is looked at here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.catalogs.files import is_catalogue
from p2m.compiler.places import Places
from p2m.compression.int8 import Int8
from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec
from p2m.stages.encoder import encoder
from p2m.stages.imagine import imagine
from p2m.stages.index import index
from p2m.stages.load import load
from p2m.stages.merge import merge
from p2m.stages.rank import rank
from p2m.stages.rerank import rerank
from p2m.stages.reshape import reshape
from p2m.stages.retrieve import retrieve
from p2m.stages.rewrite import rewrite
from p2m.stages.search import search
from p2m.stages.select import select
from p2m.stages.settle import settle
from p2m.stages.shortlist import shortlist
from p2m.stages.transform import place_of, transform
from p2m.students.sentence_encoder import SentenceEncoder
from p2m.types import (
    IndexRetriever,
)

_CAPS = {f"caps.{name}": f"constraints.{name}" for name in ("max_cost", "max_requests", "max_tokens")}


def catalogues(
    plan: Plan, task: Ref, spec: ModelSpec, at: Places
) -> tuple[Ref | None, Ref | None, Ref | None]:
    """The rows of relevant datasets of every catalogue, what was imagined to find them, and the rows that a
    teacher makes of such rows.
    """
    retrieval, imagined = spec.retriever, _imagined(plan, task, spec, at)
    made = {name: retrieval.mapping.get(name, {}) for name in retrieval.queries}
    rest = {name: each for name, each in retrieval.mapping.items() if name not in made}
    folders, rows, reader = [], [], None
    for number, source in enumerate(retrieval.sources, start=1):
        suffix = f"-{number}" if len(retrieval.sources) > 1 else ""
        place = at.of("retriever.sources")
        catalogue, ranked = plan.source(f"catalogue{suffix}", source, origin=place), None
        if isinstance(able := retrieval.component, IndexRetriever):
            reader = reader or card_reader(plan, able, at)
            ranked = _ranked(plan, task, catalogue, reader, imagined, able, suffix, at)
        elif imagined or retrieval.rerank:
            ranked = plan.add(f"search{suffix}", search, task, catalogue, imagined, retriever=able,
                              origins=at("retriever"))  # fmt: skip
        voted = _reranked(plan, task, spec, at, suffix, ranked) if ranked else None
        ranked = voted or ranked
        if is_catalogue(source):
            ranked, catalogue = _fetched(plan, task, spec, at, suffix, (catalogue, ranked))
        folders.append(catalogue)
        rows.append(_found(plan, task, spec, at, suffix, (catalogue, ranked, voted), rest))
    if made and folders:
        over = plan.add("transform", transform, *folders, queries=retrieval.queries,
                        origins=at(queries="retriever.transform"))  # fmt: skip
        named = {place_of(name): each for name, each in made.items()}
        rows.append(_found(plan, task, spec, at, "-transformed", (over, None, None), named))
    return merged(plan, "merge", *rows), imagined, _rewritten(plan, task, spec, folders, at)


def merged(plan: Plan, name: str, *rows: Ref | None) -> Ref | None:
    """All rows as one artifact, by a step of that name where there are several."""
    known = [each for each in rows if each is not None]
    return plan.add(name, merge, *known) if len(known) > 1 else known[0] if known else None


def card_reader(plan: Plan, able: IndexRetriever, at: Places) -> Ref:
    """The encoder that cards and prompts are compared by, in eight bits."""
    base = SentenceEncoder(able.model, able.revision, able.sha256)
    return plan.add("card-reader", encoder, base=base, compressor=Int8(), origins=at(base="retriever.model"))


def _ranked(
    plan: Plan, task: Ref, catalogue: Ref, reader: Ref, imagined: Ref | None, able: IndexRetriever,
    suffix: str, at: Places,
) -> Ref:  # fmt: skip
    """The catalogue's cards by an index of them, best first."""
    cards = plan.add(f"index{suffix}", index, catalogue, reader, window=able.window,
                     origins=at(window="retriever.window"))  # fmt: skip
    return plan.add(f"rank{suffix}", rank, task, cards, reader, imagined, retriever=able,
                    origins=at("retriever"))  # fmt: skip


def _imagined(plan: Plan, task: Ref, spec: ModelSpec, at: Places) -> Ref | None:
    """Datasets that a teacher describes for the search; None where the recipe does not ask for any."""
    teacher, number = spec.teacher.chat("answer"), spec.retriever.hypothetical
    if teacher is None or not number or not spec.retriever.sources:
        return None
    places = at(number="retriever.hypothetical", teacher=spec.teacher.place("answer"), **_CAPS)
    return plan.add("imagine", imagine, task, teacher=teacher, number=number, caps=spec.constraints.caps,
                    origins=places)  # fmt: skip


def _reranked(plan: Plan, task: Ref, spec: ModelSpec, at: Places, suffix: str, ranked: Ref) -> Ref | None:
    """What a teacher votes for among the candidates; None where the recipe does not ask for votes."""
    teacher, asked = spec.teacher.chat("answer"), spec.retriever.rerank
    if teacher is None or asked is None:
        return None
    mapping = spec.retriever.mapping | {name: {} for name in spec.retriever.transform}
    settings, places = _searching(spec, at, mapping)
    judging = ("mapping", "licenses", "languages")
    return plan.add(
        f"rerank{suffix}", rerank, task, ranked, teacher=teacher, top=asked.top, votes=asked.votes,
        max_size=spec.retriever.max_size, granted=spec.retriever.granted, caps=spec.constraints.caps,
        **{name: settings[name] for name in judging},
        origins=at(top="retriever.rerank.top", votes="retriever.rerank.votes", max_size="retriever.max_size",
                   granted="retriever.granted", teacher=spec.teacher.place("answer"), **_CAPS)
        | {name: places[name] for name in judging if name in places},
    )  # fmt: skip


def _rewritten(plan: Plan, task: Ref, spec: ModelSpec, folders: Sequence[Ref], at: Places) -> Ref | None:
    """What a chat teacher makes of the rows of datasets that the recipe has a wish for."""
    wishes, teacher = spec.retriever.wishes, spec.teacher.chat("answer")
    if not (wishes and folders and teacher):
        return None
    return plan.add(
        "rewrite", rewrite, task, *folders, wishes={name: each.prompt for name, each in wishes.items()},
        rows={name: each.rows for name, each in wishes.items()}, teacher=teacher,
        caps=spec.constraints.caps, seed=spec.seed,
        origins=at("seed", wishes="retriever.transform", rows="retriever.transform",
                   teacher=spec.teacher.place("answer"), **_CAPS),
    )  # fmt: skip


def _fetched(
    plan: Plan, task: Ref, spec: ModelSpec, at: Places, suffix: str, searched: tuple[Ref, Ref | None]
) -> tuple[Ref, Ref]:
    """What a catalogue file offers, ranked, and what of it was fetched."""
    retrieval, (catalogue, found) = spec.retriever, searched
    settings, places = _searching(spec, at, retrieval.mapping | {name: {} for name in retrieval.transform})
    ranked = plan.add(
        f"shortlist{suffix}", shortlist, task, catalogue, found, max_size=retrieval.max_size,
        granted=retrieval.granted, origins=places | at(max_size="retriever.max_size",
                                                       granted="retriever.granted"), **settings,
    )  # fmt: skip
    limits = {name: settings[name] for name in ("licenses", "languages")}
    fetched = {name: f"retriever.{name}" for name in ("max_rows", "max_download", "granted")}
    loaded = plan.add(
        f"load{suffix}", load, task, catalogue, ranked, max_rows=retrieval.max_rows,
        max_download=retrieval.max_download, granted=retrieval.granted, seed=spec.seed,
        mapped=tuple(settings["mapping"]), **limits,
        origins=at("seed", mapped="retriever.mapping", **fetched,
                   **{name: f"constraints.{name}" for name in limits}),
    )  # fmt: skip
    return ranked, loaded


def _found(
    plan: Plan, task: Ref, spec: ModelSpec, at: Places, suffix: str,
    catalogue: tuple[Ref, Ref | None, Ref | None], mapping: dict[str, dict[str, str]],
) -> Ref:  # fmt: skip
    """The rows of relevant datasets of one catalogue: its place, what was ranked, and by which votes."""
    retrieval, (folder, ranked, voted) = spec.retriever, catalogue
    settings, places = _searching(spec, at, mapping)
    found = plan.add(
        f"retrieve{suffix}", retrieve, task, folder, ranked,
        without=() if suffix == "-transformed" else tuple(retrieval.transform),
        origins=places | at(without="retriever.transform"), **settings,
    )  # fmt: skip
    if teacher := spec.teacher.chat("answer"):
        found = plan.add(
            f"settle{suffix}", settle, task, found, folder, teacher=teacher, mapping=mapping,
            caps=spec.constraints.caps,
            origins=at(mapping="retriever.mapping", teacher=spec.teacher.place("answer"), **_CAPS),
        )  # fmt: skip
    if teacher and retrieval.proposals and suffix != "-transformed":
        found = plan.add(
            f"reshape{suffix}", reshape, task, found, folder, teacher=teacher, number=retrieval.proposals,
            mapping=mapping, caps=spec.constraints.caps,
            origins=at(number="retriever.proposals", mapping="retriever.mapping",
                       teacher=spec.teacher.place("answer"), **_CAPS),
        )  # fmt: skip
    return plan.add(f"select{suffix}", select, task, found, folder, voted, max_rows=retrieval.max_rows,
                    seed=spec.seed, origins=at("seed", max_rows="retriever.max_rows"))  # fmt: skip


def _searching(
    spec: ModelSpec, at: Places, mapping: dict[str, dict[str, str]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What ranking goes by, and where it was written."""
    settings: dict[str, Any] = {
        "retriever": spec.retriever.component, "limit": spec.retriever.limit, "mapping": mapping,
        "licenses": spec.constraints.licenses, "languages": spec.constraints.languages,
    }  # fmt: skip
    places = at(
        "retriever", limit="retriever.limit", mapping="retriever.mapping",
        licenses="constraints.licenses", languages="constraints.languages",
    )  # fmt: skip
    return settings, places
