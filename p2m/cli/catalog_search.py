"""p2m catalog search and models: what of a catalogue suits a prompt, and why, before any download."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.cli import common
from p2m.errors import UserError
from p2m.sizes import count, show_size
from p2m.types import Candidate, Candidates, Card, CardIndex, Encoder, Task

if TYPE_CHECKING:
    from p2m.engine.executor import Observer, Result
    from p2m.engine.store import Store

_SHOWN = 10
_REFUSED = 5  # that are shown with their reasons


def search(arguments: argparse.Namespace, kind: str) -> int:
    """Print the entries of the kind that suit the prompt `arguments.target`, best first."""
    from p2m.parsing import parse_prompt
    from p2m.retrievers.base import Hybrid
    from p2m.spec.units import size
    from p2m.stages.rank import none_fits

    if not (arguments.target or "").strip():
        raise UserError(f'look for what? p2m catalog {arguments.action} "what the model is to do"')
    if arguments.limit is not None and arguments.limit < 1:
        raise UserError(f"--limit {arguments.limit}: give 1 or more")
    if arguments.architecture and kind == "dataset":
        raise UserError('--architecture is of models; type: p2m catalog models "what the model is to do"')
    try:
        most = size(arguments.max_size) if arguments.max_size else None
    except ValueError as error:
        raise UserError(f"--max-size {arguments.max_size}: {error}") from error
    task = parse_prompt(arguments.target)
    found = [each for path in _files(arguments, kind) for each in ranked(task, path, kind)]
    found.sort(key=lambda each: (-each.score, -each.card.downloads, -each.card.likes, each.card.name))
    doubt = none_fits(found, Hybrid().least_probability)
    judged = [_judged(task, each, arguments, most) for each in found]
    kept = [each for each in judged if not each.refusal][: arguments.limit or _SHOWN]
    refused = [each for each in judged if each.refusal][:_REFUSED]
    return common.answer(
        arguments,
        {"found": kept, "refused": refused, "doubt": doubt},
        lambda: _text(kept, refused, f"{kind}s", doubt),
    )


def ranked(task: Task, path: Path, kind: str) -> list[Candidate]:
    """The entries of the kind in a catalogue file, best first; its index is made once and stored.

    Raises:
        DataError: there is no catalogue at the path.
    """
    from p2m.cli.progress import Progress
    from p2m.engine.store import Store
    from p2m.noop import default_store

    with Progress() as progress:
        return rank_in(searchable(path, Store(default_store()), progress), task, kind)


def searchable(path: Path, store: Store, observer: Observer) -> Result:
    """The steps `card-reader` and `index` of a catalogue, made where the store has not got them.

    Raises:
        DataError: there is no catalogue at the path.
    """
    from p2m.compiler.finding import card_reader
    from p2m.compiler.places import Places
    from p2m.engine.executor import execute
    from p2m.engine.plan import Plan
    from p2m.retrievers.base import Hybrid
    from p2m.stages.index import index

    able, plan = Hybrid(), Plan("catalog")
    catalogue = plan.source("catalogue", path)
    reader = card_reader(plan, able, Places({}))
    plan.add("index", index, catalogue, reader, window=able.window)
    return execute(plan, store, None, observer)


def rank_in(made: Result, task: Task, kind: str) -> list[Candidate]:
    """The entries of the kind in what `searchable` made, best first."""
    from p2m.retrievers.base import Hybrid
    from p2m.stages.rank import best_of

    with made.store.leased(made.run):
        cards, encoder = made.value("index"), made.value("card-reader")
        assert isinstance(cards, CardIndex)
        assert isinstance(encoder, Encoder)
        return best_of(task, cards, encoder, Hybrid(), kind=kind, threads=0)


def _files(arguments: argparse.Namespace, kind: str) -> list[Path]:
    from p2m.catalogs.files import CURATED, CURATED_MODELS

    own = CURATED if kind == "dataset" else CURATED_MODELS
    return arguments.catalog or [own]


def _judged(task: Task, found: Candidate, arguments: argparse.Namespace, most: int | None) -> Candidate:
    """The candidate, refused where the catalogue alone rules it out."""
    from p2m.stages.retrieve import on_paper, wrong_language, wrong_license

    card, licenses, languages = found.card, arguments.license, arguments.language
    ruled = (
        on_paper(task, card, licenses, languages)
        if card.kind == "dataset"
        else wrong_license(card, licenses) or (wrong_language(task, card, languages) if languages else "")
    )
    if not ruled and card.gated:
        ruled = "it is gated: its owner must let you in first"
    if not ruled and most is not None:
        ruled = _too_large(_size(card), most)
    if not ruled and arguments.architecture and card.kind == "model":
        ruled = _other_architecture(card, arguments.architecture)
    return replace(found, refusal=found.refusal or ruled)


def _size(card: Card) -> int | None:
    """Bytes to download; of a model of which only its weights are counted, four each."""
    return card.size_bytes or (card.parameters and 4 * card.parameters)


def _other_architecture(card: Card, wanted: Sequence[str]) -> str:
    if not card.architecture:
        where = "leave out --architecture, or look in a catalogue of p2m catalog refresh --models"
        return f"its architecture is not known: {where}"
    plain = [_plain(name) for name in card.architecture.split(", ")]
    fits = any(name.startswith(_plain(each)) for name in plain for each in wanted)
    return "" if fits else f"it is a {card.architecture}, not {' or '.join(wanted)}"


def _plain(name: str) -> str:
    """XLM-RoBERTa is XLMRobertaModel."""
    return re.sub(r"[\W_]", "", name).lower()


def _too_large(size: int | None, most: int) -> str:
    if size is None:
        return "its size is not known: leave out --max-size, or look in a catalogue of p2m catalog refresh"
    return f"it is {show_size(size)}, more than --max-size" if size > most else ""


def _text(kept: Sequence[Candidate], refused: Sequence[Candidate], kind: str, doubt: str) -> str:
    lines: list[str] = [f"none is likely to fit: {doubt}"] if kept and doubt else []
    for place, each in enumerate(kept, start=1):
        lines += [
            f"{place:3}. {each.card.name}",
            f"     {_facts(each.card)}",
            f"     {'; '.join(each.reasons)}",
        ]
    lines = lines or [f"none of the {kind} suits"]
    if kind == "datasets" and any(not each.card.folder for each in kept):
        lines.append("a build fetches retriever.max_download of each at most, 64 MB where it is not set")
    if refused:
        lines.append("ruled out:")
        lines += [f"     {each.card.name}: {each.refusal}" for each in refused]
    return "\n".join(lines)


def candidates_text(found: Candidates, rows: int) -> str:
    """What a search of a build found, the best `rows` of it: each with its figures, and why or why not."""
    lines = [f"{len(found.found):,} candidates, {len(found.usable):,} of them taken"]
    for place, each in enumerate(found.found[:rows], start=1):
        columns = ", ".join(f"{name} <- {column}" for name, column in (each.mapping or {}).items())
        below = (_facts(each.card), "; ".join(each.reasons), columns,
                 each.refusal and f"left out: {each.refusal}")  # fmt: skip
        lines.append(f"{place:3}. {each.card.name}: score {each.score:g}")
        lines += [f"     {line}" for line in below if line]
    return "\n".join(lines)


def _facts(card: Card) -> str:
    """Licence, size and languages in a line, and how many people use it."""
    parts: list[Any] = [f"licence {card.license or 'not named'}"]
    size, about = _size(card), "" if card.size_bytes else "about "
    way = "" if card.folder else " to download"
    parts.append(f"{about}{show_size(size)}{way}" if size else "size not known")
    parts += [f"{card.rows:,} rows"] if card.rows else []
    parts += [f"{count(card.parameters)} parameters"] if card.parameters else []
    parts += [card.architecture, card.library]
    parts += [", ".join(card.languages[:5]) + (" and more" if len(card.languages) > 5 else "")]
    parts += [f"{card.downloads:,} downloads"] if card.downloads else []
    parts += [f"{card.likes:,} likes"] if card.likes else []
    return ", ".join(part for part in parts if part)
