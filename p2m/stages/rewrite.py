"""rewrite: a teacher turns rows of datasets into rows of the task, a request each, as the recipe wishes."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from p2m.catalogs.base import Converter, RawRow, of_dataset, open_catalogue, placeless
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError, nearest
from p2m.sizes import on_a_line
from p2m.stages.transform import labelled_rows
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.replies import said
from p2m.teachers.craft.rewriting import rewrite_ask
from p2m.types import Caps, Card, Count, Example, Examples, Files, Task


@stage(version="1", kind="seeded")
def rewrite(
    task: Task,
    *catalogues: Files,
    wishes: dict[str, str],
    rows: dict[str, int],
    teacher: ChatTeacher,
    caps: Caps,
    seed: int,
    run: Run,
) -> Examples:
    """At most `rows` of each dataset that `wishes` names, as the teacher writes them; more only add to fewer.

    What it writes is held to the task: labels, spans in their passages, no empty field. What cannot be used
    is counted, with its reason.

    Raises:
        DataError: with the config path: there is no such dataset, or its rows cannot be read.
    """
    found = [
        (catalogue.path, card, named[0])
        for catalogue in catalogues
        for card in open_catalogue(catalogue.path).cards
        if (named := of_dataset(card.name, wishes))
    ]
    _all_there(wishes, {written for _, _, written in found}, catalogues)
    items = [
        _Item(card.name, row, wishes[written])
        for root, card, written in found
        for row in _sampled(root, card, written, rows[written], seed)
    ]
    asker = Asker(teacher, run, caps)

    async def work(item: _Item, put: Put) -> Example | str:
        reply = await said(put, rewrite_ask(task, item.wish, item.row.values), teacher=teacher)
        if reply.fault:
            return reply.fault.partition(": ")[0]
        if not reply.value["fits"]:
            return "the teacher says that the row does not fit"
        made = RawRow({**reply.value["input"], task.output.name: reply.value["output"]}, item.row.where)
        return converter[item.dataset].convert(made)

    fields = {each.name: each.name for each in (*task.inputs, task.output)}
    converter = {
        card.name: Converter(task, fields, f"{card.name}:{teacher.model}", spans_only=True, aliases=False)
        for _, card, _ in found
    }
    told = asker.each(items, work, what="rows") if items else []
    kept = tuple(one for one in told if isinstance(one, Example))
    counts = [
        Count(f"{name}: {what}", number, example)
        for (name, what), (number, example) in _counted(items, told).items()
    ]
    if (left := sum(one is None for one in told)) > 0:
        counts.append(Count(f"not asked: {asker.spent.stopped}", left))
        run.say(f"{left} of {len(items)} rows not asked: {asker.spent.stopped}")
    return Examples(kept, tuple(counts), {"asked": float(len(told) - left)}, spent=asker.spent)


@dataclass(frozen=True, slots=True)
class _Item:
    dataset: str
    row: RawRow
    wish: str


def _all_there(wishes: dict[str, str], found: set[str], catalogues: tuple[Files, ...]) -> None:
    for name in wishes:
        if name not in found:
            names = [card.name for each in catalogues for card in open_catalogue(each.path).cards]
            why = f"there is no such dataset; {nearest(name, names)}"
            raise DataError(f"retriever.transform.{name}: {why}")


def _sampled(root: Path, card: Card, written: str, most: int, seed: int) -> list[RawRow]:
    """At most so many rows, in their order; a larger number has those of a smaller one."""
    chance = random.Random(f"{seed}:{card.name}:rewrite")
    try:
        drawn = heapq.nsmallest(
            most, ((chance.random(), place, row) for place, row in enumerate(labelled_rows(root, card)))
        )
    except DataError as error:
        raise DataError(f"retriever.transform.{written}: {placeless(str(error), root)}") from None
    return [row for _, _, row in sorted(drawn, key=lambda one: one[1])]


def _counted(items: list[_Item], told: list[Example | str | None]) -> dict[tuple[str, str], tuple[int, str]]:
    """(dataset, what became of rows) -> how many, and one of them."""
    numbers: Counter[tuple[str, str]] = Counter()
    shown: dict[tuple[str, str], str] = {}
    for item, one in zip(items, told, strict=True):
        if one is None:
            continue
        is_kept = isinstance(one, Example)
        key = (item.dataset, "rows turned by the teacher" if is_kept else f"left out, {one}")
        numbers[key] += 1
        shown.setdefault(
            key, on_a_line(one.input, one.output) if isinstance(one, Example) else item.row.where
        )
    return {key: (number, shown[key]) for key, number in numbers.most_common()}
