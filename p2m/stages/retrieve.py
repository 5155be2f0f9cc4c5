"""retrieve: which datasets of a catalogue could serve the task, and why the others could not.

What was ranked is held against the recipe and the task, the cheap checks first (licence,
language, sort of task, a part to learn from), and last the rows themselves: which columns are the fields, do
the answers stand in their passages, are the labels the task's. None usable is a valid answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from p2m.catalogs.base import (
    SURE,
    RawRow,
    Skipped,
    gathering,
    learnable,
    map_columns,
    normal_license,
    observe,
    open_catalogue,
    part_paths,
    placeless,
    read_rows,
)
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.retrievers.base import IndexRetriever, Retriever, is_textless, speaks, suits
from p2m.sizes import show_size
from p2m.stages.formats import by_format
from p2m.types import Candidate, Candidates, Card, Files, Task, TaskType

_LOOK = 20_000  # rows of a dataset that its columns are judged by; labels are often sorted
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
) -> Candidates:
    """Judge what was ranked, or what the retriever ranks now; at most `limit` datasets are opened.

    Each candidate comes with its columns for the task's fields, or with the reason why it is refused.
    Datasets whose card or files are broken are refused with the place.

    Raises:
        DataError: there is no catalogue at the path.
    """
    if catalogue is None:
        return Candidates(())
    root = catalogue.path
    found = ranked.found if ranked else _ranked(task, root, retriever)
    judged: list[Candidate] = []
    reads = 0
    for candidate in found:
        refusal = candidate.refusal or on_paper(task, candidate.card, licenses, languages)
        if refusal and len(judged) < limit * SHOWN:
            judged.append(replace(candidate, refusal=refusal))
        elif not refusal and reads < limit:
            reads += 1
            judged.append(_judged(task, candidate, root))
    return Candidates(tuple(_one_label_set(task, judged)))


def _ranked(task: Task, root: Path, retriever: Retriever | IndexRetriever) -> Sequence[Candidate]:
    """What the retriever finds in the catalogue at hand, and last what is broken there."""
    assert isinstance(retriever, Retriever)  # an index is ranked in a step of its own
    opened = open_catalogue(root)
    found = by_format(task, retriever.search(task, opened.cards))
    return [*found, *(_broken(one, root) for one in opened.skipped)]


def on_paper(task: Task, card: Card, licenses: Sequence[str], languages: Sequence[str]) -> str:
    """Why the card alone rules the dataset out; "" where it does not."""
    return (
        _wrong_license(card, licenses)
        or _wrong_language(task, card, languages)
        or _wrong_task(task, card)
        or (
            ""
            if learnable(card)
            else f"it has no part to learn from, only {_listed([part.name for part in card.parts])}"
        )
    )


def _wrong_license(card: Card, licenses: Sequence[str]) -> str:
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


def _wrong_language(task: Task, card: Card, languages: Sequence[str]) -> str:
    wanted = {code.lower().partition("-")[0] for code in languages} or {task.language.partition("-")[0]}
    if speaks(card, frozenset(wanted)) is not False:
        return ""
    return f"its language is {_listed(sorted(card.languages)[:6])}, the task's {_listed(sorted(wanted))}"


def _wrong_task(task: Task, card: Card) -> str:
    if suits(task, card) is not False or (task.type is TaskType.TEXT_TO_TEXT and not is_textless(card)):
        return ""
    return f"it is made for {_listed(card.task_ids[:3])}, the task is {task.type.value}"


def _judged(task: Task, candidate: Candidate, root: Path) -> Candidate:
    """The candidate with its mapping, by its own rows."""
    card = candidate.card
    try:
        records = list(_spread(root, card))
        gather = gathering(task, records, card.label_names)
        columns = observe(map(gather.row, records), card.label_names)
    except DataError as error:
        return replace(candidate, refusal=placeless(str(error), root))
    fit = map_columns(task, columns)
    reasons = (*candidate.reasons, *fit.reasons, _size(card))
    refusal = fit.refusal
    if not refusal and fit.confidence < SURE:
        unsure = ", ".join(f"{name} <- {column}" for name, column in (fit.mapping or {}).items())
        refusal = f"no column is named like the task's fields (best guess: {unsure})"
    return replace(candidate, mapping=None if refusal else fit.mapping, reasons=reasons, refusal=refusal)


def _one_label_set(task: Task, judged: list[Candidate]) -> list[Candidate]:
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


def _spread(root: Path, card: Card) -> Iterator[RawRow]:
    """Rows of the learnable parts, spread over all of them where there are many."""
    parts = learnable(card)
    total = sum(part.rows or 0 for part in parts)
    step = max(1, -(-total // _LOOK))
    records = chain.from_iterable(read_rows(path) for part in parts for path in part_paths(root, card, part))
    return islice(records, 0, None, step) if total else islice(records, _LOOK)


def _broken(skipped: Skipped, root: Path) -> Candidate:
    return Candidate(Card(skipped.name), 0.0, None, refusal=placeless(skipped.reason, root))


def _size(card: Card) -> str:
    rows = "; ".join(f"{part.name} {part.rows if part.rows is not None else '?'} rows" for part in card.parts)
    size = f", {show_size(card.size_bytes)}" if card.size_bytes is not None else ""
    return f"{rows}{size}, licence {card.license or 'not named'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
