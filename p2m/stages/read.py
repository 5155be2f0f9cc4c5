"""read: the user's own rows, as examples of the task. Whatever is wrong with one is an error with its
place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from p2m.catalogs.base import (
    Converter,
    Fit,
    Record,
    map_columns,
    observe,
    open_catalogue,
    part_paths,
    read_rows,
)
from p2m.engine.stage import stage
from p2m.errors import DataError, nearest
from p2m.types import Card, Count, Example, Examples, Files, Part, Task, TaskType

_PARTS = {
    "train": ("train", "all"),
    "validation": ("validation", "all"),
    "test": ("test", "validation", "all"),
}
_MANY = 20  # rows from which few distinct answers are no accident
_LOOK = 2000  # rows that the mapping of columns is decided by


@stage(version="2", kind="pure")
def read(task: Task, files: Files, *, role: str) -> Examples:
    """Every row of a data file, or of the part of a dataset's folder that suits `role` (train, validation,
    test).

    Columns are found by the task's field names, else by the rules that map any dataset's columns. Answers
    given as a list (or the Hub's `{text: [...], answer_start: [...]}`) become the output and what else
    counts as right.

    Raises:
        DataError: with file and line: an unreadable or empty file, a row that lacks a column, has an empty
        field or
            a label that the task has not; or no column that could be one of the task's fields.
    """
    paths, card, name = _paths(files.path, role)
    records = list(islice(_records(paths), _LOOK))
    if not records:
        raise DataError(
            f"{paths[0]}: it has no rows; data.{role} needs at least one, e.g. {_example_row(task)}"
        )
    fit = _fit(task, records, card, paths[0])
    converter = Converter(task, fit.mapping or {}, "user", card.label_names)
    rows = [
        _converted(converter, record, role) for record in _records(paths, tuple((fit.mapping or {}).values()))
    ]
    if role == "train":
        _refuse_labels_read_as_text(task, rows, paths[0])
    said = Count(f"{name}: {', '.join(fit.reasons[:1])}", len(rows), _shown(rows[0]))
    return Examples(tuple(rows), (said, *_no_spans(task, rows)))


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
            f"{path}: holds {len(catalogue.cards)} datasets ({names}); give data.{role} one of them"
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


def _records(paths: Sequence[Path], columns: Sequence[str] = ()) -> Iterator[Record]:
    for path in paths:
        yield from read_rows(path, columns)


def _fit(task: Task, records: Sequence[Record], card: Card, path: Path) -> Fit:
    """Where the task's fields stand, by their own names where all do."""
    fit = map_columns(task, observe(records, card.label_names))
    if fit.mapping is None:
        fields = ", ".join(field.name for field in (*task.inputs, task.output))
        hint = (
            f"name the columns {fields}, or the fields after the columns (task.inputs=[...] task.output=...)"
        )
        raise DataError(f"{path}: {fit.refusal}; {hint}")
    return fit


def _converted(converter: Converter, record: Record, role: str) -> Example:
    row = converter.convert(record)
    if isinstance(row, Example):
        return row
    labels = converter.task.labels
    hint = nearest(row.split("'")[1], labels) if labels and "none of the labels" in row else ""
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
