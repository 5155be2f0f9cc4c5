"""reshape: a teacher proposes queries for datasets that suit nearly, used once their rows bear them out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from p2m.catalogs.base import Column, RawRow, observe, of_dataset, placeless
from p2m.catalogs.proposals import Trial, tried
from p2m.catalogs.suspicion import speaks_to_models
from p2m.catalogs.transform import column_types, labelled, missing
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.stages.merge import together
from p2m.stages.retrieve import one_label_set, spread_rows
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.queries import FEW, Shown, query_ask
from p2m.teachers.craft.replies import said
from p2m.types import Candidate, Candidates, Caps, Files, Task, TaskType

TRIES = 3  # queries that a teacher may propose for one dataset
_SAMPLE = 1000  # rows that a query is tried on


@stage(version="1", kind="seeded")
def reshape(
    task: Task,
    found: Candidates,
    catalogue: Files,
    *,
    teacher: ChatTeacher,
    number: int,
    mapping: dict[str, dict[str, str]],
    caps: Caps,
    run: Run,
) -> Candidates:
    """The candidates; at most `number` of those that are refused for their rows alone may get a query.

    A query is DuckDB's SQL over the table `rows`, run where `retriever.transform` runs. One that is refused,
    or whose rows are not the task's, is told what was wrong, up to TRIES times; where none holds, the dataset
    stays refused, with the last reason. Datasets that `mapping` names are left to whoever mapped them.
    """
    near = [
        place
        for place, one in enumerate(found.found)
        if one.is_near
        and one.refusal
        and not of_dataset(one.card.name, mapping)
        and not speaks_to_models(one.card.description)
    ][:number]
    if task.type is TaskType.CLASSIFICATION and not task.labels and found.usable:
        near = []  # its labels are those of the best dataset, and others are of no use
    reshaped = list(found.found)
    if near and (reason := missing()):
        run.say(f"no queries are asked for: {reason.partition('; ')[2]}")
        return found
    asked = [(place, one) for place in near if (one := _table(reshaped[place], catalogue.path, run))]
    asker = Asker(teacher, run, caps)
    work = _Work(task, teacher, run.folder / "tried")
    told = asker.each([table for _, table in asked], work.proposed, what="datasets") if asked else []
    for (place, _), proposed in zip(asked, told, strict=True):
        if proposed is not None:
            reshaped[place] = _reshaped(task, reshaped[place], proposed)
    spent = together((found.spent, asker.spent if asked else None))
    return Candidates(tuple(one_label_set(task, reshaped)), spent)


@dataclass(frozen=True, slots=True)
class _Table:
    """A dataset as a query sees it."""

    candidate: Candidate
    columns: tuple[Shown, ...]
    rows: tuple[RawRow, ...]


@dataclass(frozen=True, slots=True)
class _Proposed:
    """The query that holds, or why there is none."""

    query: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class _Work:
    """How one dataset is asked about; what was tried is remembered, for asking may begin twice."""

    task: Task
    teacher: ChatTeacher
    folder: Path
    known: dict[tuple[str, str], Trial] = field(default_factory=dict)

    async def proposed(self, table: _Table, put: Put) -> _Proposed:
        card, faults = table.candidate.card, list[tuple[str, str]]()
        rows = [row.values for row in table.rows]
        for _ in range(TRIES):
            reply = await said(
                put, query_ask(self.task, card, table.columns, rows, faults), teacher=self.teacher
            )
            if reply.fault:
                return _Proposed("", Trial(reply.fault))
            if not reply.value["fits"]:
                why = f"the teacher says that it does not fit: {_line(reply.value['why'])}"
                return _Proposed("", Trial(why))
            query = str(reply.value["query"]).strip().rstrip(";")
            trial = self.known.get((card.name, query))
            if trial is None:
                trial = self.known[card.name, query] = tried(self.task, query, table.rows, self.folder)
            if not trial.fault:
                return _Proposed(query, trial)
            faults.append((query, trial.fault))
        hint = f"where none can do it, it turns each row: retriever.transform.{card.name}={{prompt: ...}}"
        why = f"{TRIES} queries of the teacher failed, the last: {faults[-1][1]}; {hint}"
        return _Proposed("", Trial(why))


def _table(one: Candidate, root: Path, run: Run) -> _Table | None:
    """The dataset with some of its rows; None where its files are broken."""
    card = one.card
    try:
        rows = [labelled(row, card.label_names) for row in spread_rows(root, card)]
    except DataError as error:
        run.say(f"{card.name}: {placeless(str(error), root)}")
        return None
    sample = rows[:: max(1, len(rows) // _SAMPLE)][:_SAMPLE]
    values = {column.name: _values(column) for column in observe(sample)}
    shown = (Shown(name, kind, values.get(name, ())) for name, kind in column_types(sample).items())
    return _Table(one, tuple(shown), tuple(sample))


def _values(column: Column) -> tuple[str, ...]:
    """All values of a column where they are few, else three of them."""
    if column.distinct is not None and len(column.distinct) <= FEW:
        return column.distinct
    return tuple(dict.fromkeys(text for text in column.samples if text))[:3]


def _reshaped(task: Task, one: Candidate, proposed: _Proposed) -> Candidate:
    """The candidate with the query; refused as before, and with what came of asking, where there is none."""
    if not proposed.query:
        return replace(one, refusal=f"{one.refusal}; {proposed.trial.fault}")
    names = {each.name: each.name for each in (*task.inputs, task.output)}
    reasons = (*one.reasons, "made over by the teacher's query", *proposed.trial.reasons)
    return replace(one, mapping=names, reasons=reasons, refusal="", query=proposed.query)


def _line(value: Any) -> str:
    return " ".join(str(value).split())[:200]
