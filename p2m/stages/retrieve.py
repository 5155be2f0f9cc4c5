"""retrieve: which datasets of a catalogue could serve the task, and why the others could not.

What was ranked is held against the recipe and the task, the cheap checks first (licence, language, sort of
task, a part to learn from), and last the rows themselves: which columns are the fields, do the answers stand
in their passages, are the labels the task's. None usable is a valid answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from p2m.catalogs.base import (
    SURE,
    Catalogue,
    Column,
    RawRow,
    gathering,
    is_mapped,
    learnable,
    made_into,
    map_columns,
    normal_license,
    observe,
    of_dataset,
    open_catalogue,
    part_paths,
    placeless,
    read_rows,
)
from p2m.catalogs.suspicion import speaks_to_models
from p2m.engine.stage import stage
from p2m.errors import DataError, nearest
from p2m.retrievers.base import IndexRetriever, Retriever, is_textless, speaks, suits
from p2m.sizes import show_size
from p2m.stages.formats import by_format
from p2m.types import Candidate, Candidates, Card, Files, Loaded, Task, TaskType

_LOOK = 20_000  # rows of a dataset that its columns are judged by; labels are often sorted
_GATED = "it is gated: once its owner has let you in, set HF_TOKEN and name it in retriever.granted"
SHOWN = 4  # times `limit`: how many candidates are reported, refused ones included


@stage(version="1", kind="pure")
def retrieve(
    task: Task,
    catalogue: Files | None,
    ranked: Candidates | None = None,
    *,
    retriever: Retriever | IndexRetriever,
    limit: int,
    licenses: tuple[str, ...],
    languages: tuple[str, ...],
    mapping: dict[str, dict[str, str]] | None = None,
    without: tuple[str, ...] = (),
) -> Candidates:
    """Judge what was ranked, or what the retriever ranks now; at most `limit` datasets are opened.

    Where the catalogue is a `Loaded` of what was `ranked` before, that order holds. Each candidate comes with
    its columns for the task's fields, or with the reason why it is refused. Datasets whose card or files are
    broken are refused with the place. Those that `mapping` names, dataset -> field -> column or template,
    come first, whatever ranking, language and sort of task say of them; those made over, `without`, do not.

    Raises:
        DataError: there is no catalogue at the path, or a field or column of `mapping` that there is not.
    """
    if catalogue is None:
        return Candidates(())
    root, mapping = catalogue.path, mapping or {}
    if isinstance(catalogue, Loaded):
        assert ranked is not None
        opened = open_catalogue(root) if any(root.iterdir()) else Catalogue(())
        found = list(_fetched(ranked, catalogue, opened.cards))
    else:
        opened = open_catalogue(root)
        found = list(ranked.found if ranked else searched(task, opened.cards, retriever))
    left_out = dict.fromkeys(without, True)
    cards = [card for card in opened.cards if not of_dataset(card.name, left_out)]
    found = [one for one in found if not of_dataset(one.card.name, left_out)]
    judged: list[Candidate] = []
    reads = 0
    # Of a Hub's, those that the recipe maps stand first already, and what was not fetched stays refused.
    for candidate in found if isinstance(catalogue, Loaded) else named_first(found, cards, mapping):
        is_named = of_dataset(candidate.card.name, mapping) is not None
        refusal = candidate.refusal or on_paper(task, candidate.card, licenses, languages, is_named=is_named)
        if refusal and len(judged) < limit * SHOWN:
            judged.append(replace(candidate, refusal=refusal))
        elif not refusal and reads < limit:
            reads += 1
            judged.append(_judged(task, candidate, root, mapping))
    judged = one_label_set(task, judged)
    return Candidates((*judged, *_broken(opened, root), *_unmet(mapping, [card.name for card in cards])))


def searched(
    task: Task,
    cards: Sequence[Card],
    retriever: Retriever | IndexRetriever | None,
    imagined: Sequence[str] = (),
) -> Sequence[Candidate]:
    """What a retriever finds that needs no index, the format of the cards counted in."""
    return (
        by_format(task, retriever.search(task, cards, imagined)) if isinstance(retriever, Retriever) else []
    )


def _fetched(ranked: Candidates, loaded: Loaded, cards: Sequence[Card]) -> Iterator[Candidate]:
    """What was ranked, as the cards that were fetched: one a configuration, or why there is none."""
    refusals = {one.name: one.refusal for one in loaded.datasets}
    for candidate in ranked.found:
        name = candidate.card.name
        own = [card for card in cards if name in (card.name, card.folder)]
        if candidate.refusal or not own:
            refusal = candidate.refusal or refusals.get(name, "") or "it was not fetched"
            yield replace(candidate, refusal=refusal)
        yield from (replace(candidate, card=card) for card in own)


def named_first(
    found: Sequence[Candidate], cards: Sequence[Card], mapping: Mapping[str, Mapping[str, str]]
) -> list[Candidate]:
    """The datasets that the recipe maps itself, found or not, then the others, each best first."""
    ranked = {one.card.name: one for one in found}
    unfound = [Candidate(card, 0.0, None) for card in cards if card.name not in ranked]
    named = [one for one in (*found, *unfound) if is_mapped(one.card.name, mapping)]
    rest = [one for one in found if not is_mapped(one.card.name, mapping)]
    said = "retriever.mapping names it"
    return [*(replace(one, refusal="", reasons=(*one.reasons, said)) for one in named), *rest]


def _unmet(mapping: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> Iterator[Candidate]:
    """What the recipe maps and the catalogue has not."""
    known = {found[0] for name in names if (found := of_dataset(name, mapping))}
    for name in mapping:
        if name not in known:
            there = {*names, *(part for one in names if (part := one.rpartition("/")[0]))}
            why = f"retriever.mapping names it, and there is no such dataset; {nearest(name, there)}"
            yield Candidate(Card(name), 0.0, None, refusal=why)


def ruled_out(
    task: Task, card: Card, licenses: Sequence[str], languages: Sequence[str], *, is_named: bool = False,
    max_size: int | None = None, granted: Sequence[str] = (),
) -> str:  # fmt: skip
    """Why a dataset is neither fetched nor shown to a teacher, by its card alone; "" where it may be."""
    return (
        speaks_to_models(card.description)
        or on_paper(task, card, licenses, languages, is_named=is_named)
        or (_GATED if card.gated and card.name not in granted else "")
        or _too_large(card, max_size)
    )


def _too_large(card: Card, most: int | None) -> str:
    if most is None or (card.size_bytes is not None and card.size_bytes <= most):
        return ""
    size = "of a size that is not known" if card.size_bytes is None else show_size(card.size_bytes)
    return f"it is {size}, and retriever.max_size is {show_size(most)}"


def on_paper(
    task: Task, card: Card, licenses: Sequence[str], languages: Sequence[str], *, is_named: bool = False
) -> str:
    """Why the card alone rules the dataset out; "" where it does not."""
    return (
        wrong_license(card, licenses)
        or ("" if is_named else wrong_language(task, card, languages) or _wrong_task(task, card))
        or (
            ""
            if learnable(card) or not card.parts
            else f"it has no part to learn from, only {_listed([part.name for part in card.parts])}"
        )
    )


def wrong_license(card: Card, licenses: Sequence[str]) -> str:
    if not licenses:
        return ""
    accepted = {normal_license(text) for text in licenses}
    if not card.license:
        return f"its card names no licence, and constraints.licenses wants {_listed(licenses)}"
    others = [text for text in card.license.split(", ") if text not in accepted]
    return (
        f"its licence {_listed(others)} is not among constraints.licenses ({_listed(licenses)})"
        if others
        else ""
    )


def wrong_language(task: Task, card: Card, languages: Sequence[str]) -> str:
    wanted = {code.lower().partition("-")[0] for code in languages} or {task.language.partition("-")[0]}
    into = "" if languages else made_into(task)
    into = "" if into == "en" else into  # which cards of parallel texts often leave unsaid
    needed = [wanted, {into}] if into else [wanted]
    if all(speaks(card, frozenset(each)) is not False for each in needed):
        return ""
    has = _listed(sorted(card.languages)[:6]) + (" and others" if len(card.languages) > 6 else "")
    return f"its language is {has}, the task's {_listed(sorted(wanted))}{into and f' into {into}'}"


def _wrong_task(task: Task, card: Card) -> str:
    if suits(task, card) is not False or (task.type is TaskType.TEXT_TO_TEXT and not is_textless(card)):
        return ""
    return f"it is made for {_listed(card.task_ids[:3])}, the task is {task.type.value}"


def seen_columns(task: Task, card: Card, root: Path) -> tuple[Column, ...]:
    """The columns of a dataset, by rows of its learnable parts.

    Raises:
        DataError: its files are broken.
    """
    records = list(spread_rows(root, card))
    gather = gathering(task, records, card.label_names)
    return observe(map(gather.row, records), card.label_names)


def _judged(
    task: Task, candidate: Candidate, root: Path, mapping: Mapping[str, Mapping[str, str]]
) -> Candidate:
    """The candidate with its mapping, by its own rows.

    Raises:
        DataError: the recipe maps a field or a column that there is not.
    """
    card = candidate.card
    place, given = of_dataset(card.name, mapping) or ("", {})
    try:
        columns = seen_columns(task, card, root)
    except DataError as error:
        return replace(candidate, refusal=placeless(str(error), root))
    try:
        fit = map_columns(task, columns, given)
    except DataError as error:
        raise DataError(f"retriever.mapping.{place}.{error}") from None
    reasons = (*candidate.reasons, *fit.reasons, _size(card))
    refusal = fit.refusal
    if not refusal and fit.confidence < SURE:
        unsure = ", ".join(f"{name} <- {column}" for name, column in (fit.mapping or {}).items())
        refusal = f"no column is named like the task's fields (best guess: {unsure})"
    guess = {} if fit.mapping is None else None if fit.refusal else fit.mapping
    return replace(candidate, mapping=guess, reasons=reasons, refusal=refusal, is_near=True)


def one_label_set(task: Task, judged: list[Candidate]) -> list[Candidate]:
    """Of datasets with labels of their own only the best is kept, unless the task itself names the labels."""
    if task.type is not TaskType.CLASSIFICATION or task.labels:
        return judged
    best = next((one.card.name for one in judged if not one.refusal), None)
    return [
        one
        if one.refusal or one.card.name == best
        else replace(
            one,
            mapping=None,
            refusal=f"its labels are others than those of {best}; name yours with task.labels=[...]",
        )
        for one in judged
    ]


def spread_rows(root: Path, card: Card) -> Iterator[RawRow]:
    """Rows of the learnable parts, spread over all of them where there are many."""
    parts = learnable(card)
    total = sum(part.rows or 0 for part in parts)
    step = max(1, -(-total // _LOOK))
    records = chain.from_iterable(read_rows(path) for part in parts for path in part_paths(root, card, part))
    return islice(records, 0, None, step) if total else islice(records, _LOOK)


def _broken(opened: Catalogue, root: Path) -> list[Candidate]:
    return [
        Candidate(Card(one.name), 0.0, None, refusal=placeless(one.reason, root)) for one in opened.skipped
    ]


def _size(card: Card) -> str:
    rows = "; ".join(f"{part.name} {part.rows if part.rows is not None else '?'} rows" for part in card.parts)
    size = f", {show_size(card.size_bytes)}" if card.size_bytes is not None else ""
    return f"{rows}{size}, licence {card.license or 'not named'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
