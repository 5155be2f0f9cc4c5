"""read: the user's own rows, as examples of the task. Whatever is wrong with one is an error with its
place."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.catalogs.base import (
    TABLES,
    Converter,
    Fit,
    Record,
    data_format,
    is_known,
    label_reader,
    map_columns,
    no_header,
    observe,
    open_catalogue,
    part_paths,
    read_rows,
    require,
)
from p2m.engine.stage import stage
from p2m.errors import DataError, nearest
from p2m.types import Card, Count, Example, Examples, Files, Part, Run, Task, TaskType

_PARTS = {
    "train": ("train", "all"),
    "validation": ("validation", "all"),
    "test": ("test", "validation", "all"),
}
_MANY = 20  # rows from which few distinct answers are no accident
_LOOK = 20_000  # rows that the mapping of columns is decided by, spread: files are often sorted
_SAID = 5  # contradictions that are shown


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of one file, with the card that goes with them."""

    path: Path
    card: Card
    records: list[Record]

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(name for record in self.records for name in record.values)


@stage(version="3", kind="pure")
def read(task: Task, files: Files, *more: Files, role: str, run: Run | None = None) -> Examples:
    """Every row of data files, or of the parts of datasets' folders that suit `role` (train, validation,
    test).

    Columns are found by the task's field names, else by the rules that map any dataset's columns; files with
    the same columns are looked at together. Answers given as a list (or the Hub's `{text: [...],
    answer_start: [...]}`) become the output and what else counts as right.

    Raises:
        DataError: with file and line: an unreadable or empty file, a row that lacks a column, has an empty
        field or
            a label that the task has not; or no column that could be one of the task's fields.
    """
    parts = [_paths(each.path, role) for each in (files, *more)]
    tables = [_table(task, path, card, role) for paths, card, _ in parts for path in paths]
    alike: dict[frozenset[str], list[_Table]] = {}
    for table in tables:
        alike.setdefault(table.columns, []).append(table)
    fits = {columns: _fit(task, together) for columns, together in alike.items()}
    found: list[tuple[Record, Example]] = []
    for table in tables:
        mapping = fits[table.columns].mapping or {}
        converter = Converter(task, mapping, "user", table.card.label_names)
        for record in table.records:
            require(record, tuple(mapping.values()))
            found.append((record, _converted(converter, record, role)))
    rows = [row for _, row in found]
    if role == "train":
        _refuse_labels_read_as_text(task, rows, tables[0].path)
    contradictions = _contradictions(task, found, role)
    if run is not None and contradictions:
        run.say(f"{contradictions[0].what}: {contradictions[0].example}")
    names = ", ".join(name for _, _, name in parts)
    said = (f"{names}: {', '.join(fit.reasons[:1])}" for fit in fits.values())
    read_from = Count(" | ".join(said), len(rows), _shown(rows[0]))
    return Examples(tuple(rows), (read_from, *_no_spans(task, rows), *contradictions))


def _table(task: Task, path: Path, card: Card, role: str) -> _Table:
    records = list(read_rows(path))
    if not records:
        raise DataError(f"{path}: it has no rows; data.{role} needs at least one, e.g. {_example_row(task)}")
    return _Table(path, card, records)


def _contradictions(task: Task, found: Sequence[tuple[Record, Example]], role: str) -> tuple[Count, ...]:
    """Inputs that stand in several rows with different labels, each with its places."""
    if task.type is not TaskType.CLASSIFICATION:
        return ()
    together: dict[tuple[str, ...], dict[str, str]] = {}
    rows: Counter[tuple[str, ...]] = Counter()
    for record, row in found:
        key = tuple(" ".join(text.split()) for text in row.input.values())
        rows[key] += 1
        together.setdefault(key, {}).setdefault(row.output, Path(record.where).name)
    torn = [key for key, labels in together.items() if len(labels) > 1]
    if not torn:
        return ()
    shown = "; ".join(
        ", ".join(f"{place} {label!r}" for label, place in together[key].items()) for key in torn[:_SAID]
    )
    more = f"; and {len(torn) - _SAID} more" if len(torn) > _SAID else ""
    done = (
        "kept is the label that most of them have, else none"
        if role == "train"
        else "all are kept, and no answer is right in all of them"
    )
    what = f"{len(torn)} of its inputs with different labels ({done})"
    return (Count(what, sum(rows[key] for key in torn), shown + more),)


def _paths(path: Path, role: str) -> tuple[tuple[Path, ...], Card, str]:
    """The files to read, the card that goes with them, and a short name without the place."""
    if path.is_file():
        return (path,), Card(path.name), path.name
    catalogue = open_catalogue(path)
    if catalogue.skipped:
        raise DataError(catalogue.skipped[0].reason)
    if len(catalogue.cards) != 1:
        names = ", ".join(card.name for card in catalogue.cards[:8])
        raise DataError(
            f"{path}: holds {len(catalogue.cards)} datasets ({names}); give data.{role} one of them,"
            f" or files by a pattern such as {path.name}/*.csv"
        )
    card = catalogue.cards[0]
    part = _part(card, role, path)
    return part_paths(path, card, part), card, f"{path.name}:{part.name}"


def _part(card: Card, role: str, path: Path) -> Part:
    for wanted in _PARTS.get(role, (role, "all")):
        for part in card.parts:
            if part.name == wanted:
                return part
    there = ", ".join(part.name for part in card.parts)
    hint = f"name the file itself, e.g. {path / card.parts[0].files[0]}"
    raise DataError(f"{path}: has no part for data.{role}, only {there}; {hint}")


def _fit(task: Task, tables: Sequence[_Table]) -> Fit:
    """Where the task's fields stand in tables of the same columns, by their own names where all do."""
    _refuse_no_header(task, tables[0])
    records = [record for table in tables for record in table.records]
    spread = records[:: max(1, -(-len(records) // _LOOK))]
    fit = map_columns(task, observe(spread, tables[0].card.label_names))
    if fit.mapping is None:
        fields = ", ".join(field.name for field in (*task.inputs, task.output))
        hint = (
            f"name the columns {fields}, or the fields after the columns (task.inputs=[...] task.output=...)"
        )
        raise DataError(f"{tables[0].path}: {fit.refusal}; {hint}")
    return fit


def _refuse_no_header(task: Task, table: _Table) -> None:
    """Where a table's column is called like a label, and none has a usual name."""
    names = table.records[0].values.keys()
    fields = {field.name for field in (*task.inputs, task.output)}
    if data_format(table.path) not in TABLES or any(name in fields or is_known(name) for name in names):
        return
    named = label_reader(task.labels)
    for name in names:
        if named(name) is not None:
            raise DataError(f"{table.path}:1: {no_header(name, names)}")


def _converted(converter: Converter, record: Record, role: str) -> Example:
    row = converter.convert(record)
    if isinstance(row, Example):
        return row
    said, wrong, _ = row.partition(" is none of the labels")
    hint = nearest(ast.literal_eval(said), converter.task.labels) if wrong and converter.task.labels else ""
    raise DataError(f"{record.where}: {row}; {hint or f'complete the row or take it out of data.{role}'}")


def _refuse_labels_read_as_text(task: Task, rows: Sequence[Example], path: Path) -> None:
    """Where a prompt was taken for text to text, and the rows answer it with a few short labels again and
    again: training a writer on them for minutes would be no answer to what was asked.
    """
    was_read = any(reason.startswith("text to text") for reason in task.reasons)  # and not stated
    answers = {row.output for row in rows}
    short = all(len(answer.split()) <= 5 for answer in answers)
    if was_read and short and len(rows) >= _MANY and 2 <= len(answers) <= len(rows) // 8:
        named = ", ".join(sorted(answers)[:6])
        raise DataError(
            f"{path}: {len(rows)} rows have {len(answers)} distinct answers ({named}): labels, as it seems,"
            " and the prompt was read as text to text; write task.type=text-classification, or"
            " task.type=text2text-generation if text it is"
        )


def _no_spans(task: Task, rows: Sequence[Example]) -> tuple[Count, ...]:
    """Rows of an extractive task that no span can answer: they stay, and are said."""
    if task.type is not TaskType.QUESTION_ANSWERING:
        return ()
    wrong = [
        row for row in rows if not any(answer in row.input[task.context_field] for answer in row.answers)
    ]
    if not wrong:
        return ()
    return (Count(f"the answer does not stand in {task.context_field!r}", len(wrong), _shown(wrong[0])),)


def _shown(row: Example) -> str:
    return " / ".join(" ".join(text.split())[:80] for text in row.input.values()) + " -> " + row.output[:80]


def _example_row(task: Task) -> str:
    return "{" + ", ".join(f'"{field.name}": "..."' for field in (*task.inputs, task.output)) + "}"
