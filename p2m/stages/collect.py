"""collect: the user's own inputs, whose answers nobody has written yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from p2m.catalogs.base import (
    TEXTS,
    Converter,
    RawRow,
    answer_column,
    asked_fields,
    flatten,
    is_trace,
    last_user_message,
    map_inputs,
    observe,
    read_rows,
    require,
    text_lines,
    whole_text,
)
from p2m.curation.base import fold
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import DataError
from p2m.sizes import on_a_line
from p2m.stages.read import data_paths, told
from p2m.stages.rejects import counted
from p2m.types import Card, Count, Files, Inputs, Rejected, Task, Unanswered

_LOOK = 2000  # rows of a file that its columns are told by
_NO_MESSAGE = "no user message"
_REPEATED = "repeats an earlier input"


@dataclass(frozen=True, slots=True)
class _File:
    """One file of the user's."""

    path: Path
    card: Card
    is_whole: bool = False  # a text that is one input, rather than one a line


class _Row(NamedTuple):
    values: dict[str, str] | None  # None where a record has no input
    where: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one file holds, and how it was read."""

    name: str
    rows: tuple[_Row, ...]
    how: str
    ignored: str = ""  # the column with answers


@stage(version="1", kind="pure")
def collect(task: Task, *files: Files, group: str | None = None, run: Run | None = None) -> Inputs:
    """Every input of tables, texts and traces, each once; a column with answers is left aside, and that said.
    Inputs with one value of the column `group`, where tables have it, belong together.

    Raises:
        DataError: with file and line: it cannot be read, lacks a field, or a field is empty.
    """
    found = [one for each in files for one in _found(task, each.path, group)]
    seen: set[tuple[str, ...]] = set()
    rows: list[Unanswered] = []
    rejected: list[Rejected] = []
    for values, where, together in (row for one in found for row in one.rows):
        if values is None:
            rejected.append(Rejected({}, "", f"{_NO_MESSAGE}: {Path(where).name}"))
            continue
        key = tuple(fold(values[field.name]) for field in task.inputs)
        if key in seen:
            rejected.append(Rejected(values, "", _REPEATED))
        else:
            seen.add(key)
            rows.append(Unanswered(values, "user", together))
    if not rows:
        names = ", ".join(one.name for one in found)
        raise DataError(f"{names}: no input in it; data.inputs needs at least one, e.g. {_example(task)}")
    for one in found:
        if run is not None and one.ignored:
            run.say(
                f"{one.name}: the column {one.ignored!r} is not read, the teacher answers these rows;"
                " rows whose answers are right belong in data.train"
            )
    counts = [Count(f"{one.name}: {one.how}", len(one.rows), _shown(one)) for one in found]
    return Inputs(tuple(rows), (*counts, *counted(rejected)), {}, tuple(rejected))


def _found(task: Task, path: Path, group: str | None) -> list[_Found]:
    """What the files of a place hold; of a folder of texts all of them together."""
    files = list(_files(path))
    found = [_read(task, file, group) for file in files]
    if len(files) < 2 or not all(file.is_whole for file in files):
        return found
    rows = tuple(row for one in found for row in one.rows)
    return [_Found(path.name, rows, "each text of the folder is one input")]


def _files(path: Path) -> Iterator[_File]:
    """The files of a place: of a folder of texts these, of a dataset's folder its data files."""
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
        if inside and all(each.suffix in TEXTS for each in inside):
            yield from (_File(each, Card(each.name), is_whole=True) for each in inside)
            return
    paths, card, _ = data_paths(path, "inputs")
    yield from (_File(each, card, is_whole=each.suffix == ".md") for each in paths)


def _read(task: Task, file: _File, group: str | None) -> _Found:
    """The inputs of a file.

    Raises:
        DataError: of several problems the first, each with its place.
    """
    if file.is_whole or file.path.suffix in TEXTS:
        return _texts(task, file)
    stream = read_rows(file.path)
    first = list(islice(stream, _LOOK))
    if not first:
        raise DataError(f"{file.path}: it has no rows; data.inputs needs at least one, e.g. {_example(task)}")
    if is_trace(first[0].values):
        return _trace(task, file.path.name, chain(first, stream))
    columns = tuple(one for one in observe(first, file.card.label_names) if one.name != group)
    fit = map_inputs(task, columns)
    if fit.mapping is None:
        raise DataError(
            f"{file.path}: {fit.refusal}; name the columns like the task's fields, e.g. {_example(task)}"
        )
    converter = Converter(task, fit.mapping, "user", file.card.label_names, grouping=group)
    wrong: list[str] = []
    rows = [_fields(converter, record, wrong) for record in chain(first, stream)]
    if wrong:
        raise DataError(told(wrong))
    return _Found(file.path.name, tuple(rows), fit.reasons[0], answer_column(task, columns))


def _fields(converter: Converter, record: RawRow, wrong: list[str]) -> _Row:
    try:
        require(record, tuple(converter.mapping.values()))
    except DataError as error:
        wrong.append(str(error))
        return _Row(None, record.where)
    values = converter.inputs(record)
    if isinstance(values, dict):
        return _Row(values, record.where, converter.group(values, dict(flatten(record.values))))
    wrong.append(f"{record.where}: {values}; complete the row or take it out of data.inputs")
    return _Row(None, record.where)


def _texts(task: Task, file: _File) -> _Found:
    if len(task.inputs) > 1:
        names = ", ".join(field.name for field in task.inputs)
        raise DataError(
            f"{file.path}: a text is one field, and the task has {names}; give a table with these columns"
        )
    records = [whole_text(file.path)] if file.is_whole else list(text_lines(file.path))
    if not any(record.values["text"] for record in records):
        raise DataError(f"{file.path}: it is empty; data.inputs needs a text")
    rows = tuple(_Row({task.inputs[0].name: str(record.values["text"])}, record.where) for record in records)
    return _Found(
        file.path.name, rows, "the whole text is one input" if file.is_whole else "one input a line"
    )


def _trace(task: Task, name: str, records: Iterator[RawRow]) -> _Found:
    rows: list[_Row] = []
    wrong: list[str] = []
    passage = Converter(task, {}, "user")
    for record in records:
        text = last_user_message(record.values)
        values = _message(task, text, record.where, wrong) if text else None
        rows.append(_Row(values, record.where, passage.group(values, {}) if values else ""))
    if wrong:
        raise DataError(told(wrong))
    return _Found(name, tuple(rows), "the last user message of each conversation")


def _message(task: Task, text: str, where: str, wrong: list[str]) -> dict[str, str] | None:
    names = [field.name for field in task.inputs]
    values = asked_fields(text, names)
    if values is None:
        wrong.append(
            f"{where}: the message is one text, and the task has {', '.join(names)}; give a table with these"
        )
    return values


def _shown(found: _Found) -> str:
    return on_a_line(next((row.values for row in found.rows if row.values), {}))


def _example(task: Task) -> str:
    return "{" + ", ".join(f'"{field.name}": "..."' for field in task.inputs) + "}"
