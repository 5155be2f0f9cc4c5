"""p2m catalog search and models: what of a catalogue suits a prompt, and why, before any download."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2m.cli import common
from p2m.errors import UserError
from p2m.sizes import show_size
from p2m.types import Candidate, Candidates, Card, CardIndex, Encoder, Task

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
    try:
        most = size(arguments.max_size) if arguments.max_size else None
    except ValueError as error:
        raise UserError(f"--max-size {arguments.max_size}: {error}") from error
    task = parse_prompt(arguments.target)
    found = [each for path in _files(arguments, kind) for each in ranked(task, path, kind)]
    found.sort(key=lambda each: (-each.score, each.card.name))
    doubt = none_fits(found, Hybrid().least_probability)
    judged = [_judged(task, each, arguments.license, arguments.language, most) for each in found]
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
    from p2m.compiler.pipeline import card_reader
    from p2m.compiler.places import Places
    from p2m.engine.executor import execute
    from p2m.engine.plan import Plan
    from p2m.engine.store import Store
    from p2m.noop import default_store
    from p2m.retrievers.base import Hybrid
    from p2m.stages.index import index
    from p2m.stages.rank import best_of

    able, plan = Hybrid(), Plan("catalog")
    catalogue = plan.source("catalogue", path)
    reader = card_reader(plan, able, Places({}))
    plan.add("index", index, catalogue, reader, window=able.window)
    store = Store(default_store())
    with Progress() as progress:
        result = execute(plan, store, None, progress)
        with store.leased(result.run):
            cards, encoder = result.value("index"), result.value("card-reader")
            assert isinstance(cards, CardIndex)
            assert isinstance(encoder, Encoder)
            return best_of(task, cards, encoder, able, kind=kind, threads=0)


def _files(arguments: argparse.Namespace, kind: str) -> list[Path]:
    from p2m.catalogs.files import CURATED, CURATED_MODELS

    own = CURATED if kind == "dataset" else CURATED_MODELS
    return arguments.catalog or [own]


def _judged(
    task: Task, found: Candidate, licenses: Sequence[str], languages: Sequence[str], most: int | None
) -> Candidate:
    """The candidate, refused where the catalogue alone rules it out."""
    from p2m.stages.retrieve import on_paper, wrong_language, wrong_license

    card = found.card
    ruled = (
        on_paper(task, card, licenses, languages)
        if card.kind == "dataset"
        else wrong_license(card, licenses) or (wrong_language(task, card, languages) if languages else "")
    )
    if not ruled and card.gated:
        ruled = "it is gated: its owner must let you in first"
    if not ruled and most is not None:
        ruled = _too_large(card.size_bytes, most)
    return replace(found, refusal=found.refusal or ruled)


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
    way = "" if card.folder else " to download"
    parts.append(f"{show_size(card.size_bytes)}{way}" if card.size_bytes else "size not known")
    parts += [f"{card.rows:,} rows"] if card.rows else []
    parts += [", ".join(card.languages[:5]) + (" and more" if len(card.languages) > 5 else "")]
    parts += [f"{card.downloads:,} downloads"] if card.downloads else []
    return ", ".join(part for part in parts if part)
