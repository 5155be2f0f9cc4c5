"""settle: a teacher says which columns are the fields of the datasets that the rules are unsure of."""

from __future__ import annotations

from dataclasses import replace

from p2m.catalogs.base import Column, map_columns, of_dataset, placeless
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.stages.retrieve import one_label_set, seen_columns
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.columns import columns_ask, read_columns
from p2m.teachers.craft.replies import Said, said
from p2m.types import Candidate, Candidates, Caps, Files, Task


@stage(version="1", kind="seeded")
def settle(
    task: Task,
    found: Candidates,
    catalogue: Files,
    *,
    teacher: ChatTeacher,
    mapping: dict[str, dict[str, str]],
    caps: Caps,
    run: Run,
) -> Candidates:
    """The candidates of a search, each unsure one with what the teacher says, once the rows bear it out.

    Fields that the recipe's `mapping` has of a dataset stay as they are. What a teacher says is held to what
    a user says: columns that there are, spans in their passages, the task's labels. Where it does not stand,
    the dataset stays refused, with that as the reason.
    """
    unsure: dict[int, tuple[Column, ...]] = {}
    for place, one in enumerate(found.found):
        if one.is_unsure:
            try:
                unsure[place] = seen_columns(task, one.card, catalogue.path)
            except DataError as error:
                run.say(f"{one.card.name}: {placeless(str(error), catalogue.path)}")
    asker = Asker(teacher, run, caps)

    async def work(place: int, put: Put) -> Said:
        card = found.found[place].card
        shown = {column.name: column.samples for column in unsure[place]}
        return await said(put, columns_ask(task, card, shown), teacher=teacher)

    replies = asker.each(list(unsure), work, what="datasets") if unsure else []
    settled = list(found.found)
    for place, reply in zip(unsure, replies, strict=True):
        _, own = of_dataset(settled[place].card.name, mapping) or ("", {})
        settled[place] = _settled(task, settled[place], unsure[place], own, reply)
    return Candidates(tuple(one_label_set(task, settled)), asker.spent)


def _settled(
    task: Task, one: Candidate, columns: tuple[Column, ...], own: dict[str, str], reply: Said | None
) -> Candidate:
    """The candidate by a teacher's reply; as it was where there is none."""
    if reply is None or reply.fault:
        return one
    given = read_columns(reply.value)
    if isinstance(given, str):
        return replace(one, mapping=None, refusal=f"the teacher says that it does not fit: {given}")
    try:
        fit = map_columns(task, columns, given | own)
    except DataError as error:
        return replace(one, mapping=None, refusal=f"the teacher's columns: {error}")
    if fit.refusal:
        return replace(one, mapping=None, refusal=f"the teacher's columns: {fit.refusal}")
    reasons = (*one.reasons, "columns by the teacher", *fit.reasons)
    return replace(one, mapping=fit.mapping, reasons=reasons, refusal="")
