"""read: the user's own rows, as examples of the task. What is wrong with one is an error with its place."""

from __future__ import annotations

import ast
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

from p2m.answers.canonical import Unfit, canonical_of, is_shaped, stands_in
from p2m.catalogs.base import (
    TABLES,
    Converter,
    Fit,
    RawRow,
    data_format,
    flatten,
    gathering,
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
from p2m.engine.handles import Run
from p2m.engine.rows import Spool, joined, picked
from p2m.engine.stage import stage
from p2m.errors import DataError, nearest
from p2m.parsing import hardly_return, read_answers
from p2m.sizes import on_a_line
from p2m.types import Card, Count, Example, Examples, Files, Part, Shown, Task, TaskType

_PARTS = {
    "train": ("train", "all"),
    "validation": ("validation", "all"),
    "test": ("test", "validation", "all"),
    "inputs": ("unsupervised", "train", "all"),
}
_LOOK = 20_000  # rows that the mapping of columns is decided by, spread: files are often sorted
_GLANCE = 5000  # rows of a file that tell what sort of task it is for
_THOUSANDS = re.compile(r"[-+]?\d{1,3}\.\d{3}")
_SAID = 5  # contradictions that are shown
_TOLD = 5  # things that are wrong, of which one error tells


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of one file, with the card that goes with them."""

    path: Path
    card: Card
    records: Sequence[RawRow]
    header: tuple[str, ...]  # every column that a row has
    wrong: tuple[str, ...]  # what kept it from being read to its end
    is_whole: bool  # whether that is all that there is

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(self.header)


@stage(version="4", kind="pure")
def read(
    task: Task, files: Files, *more: Files, role: str, group: str | None = None, run: Run | None = None
) -> Examples:
    """Every row of data files, or of the parts of datasets' folders that suit `role` (train, validation,
    test).

    Columns are found by the task's field names, else by the rules that map any dataset's columns; files with
    the same columns are looked at together. Answers given as a list (or the Hub's `{text: [...],
    answer_start: [...]}`) become the output and what else counts as right. Rows with one value of the column
    `group` are never parted.

    Raises:
        DataError: with file and line, of several problems the first: an unreadable or empty file, a row that
            lacks a column, has an empty field or a label that the task has not; or no column that could be
            one of the task's fields.
    """
    seen = look(task, (files, *more), role, group=group, folder=run.folder if run else None)
    if seen.wrong:
        raise DataError(told(seen.wrong))
    contradictions = _contradictions(task, seen, role)
    if run is not None and contradictions:
        run.say(f"{contradictions[0].what}: {contradictions[0].example}")
    said = (f"{seen.name}: {', '.join(fit.reasons[:1])}" for fit in seen.fits)
    read_from = Count(" | ".join(said), len(seen.rows), on_a_line(seen.rows[0].input, seen.rows[0].output))
    return Examples(seen.rows, (read_from, *_no_spans(task, seen.rows), *contradictions))


@dataclass(frozen=True, slots=True)
class Seen:
    """What data files hold for a task, and everything in them that `read` refuses."""

    name: str  # of all files, without their place
    columns: tuple[str, ...]
    fits: tuple[Fit, ...]  # one for each set of columns that files have
    rows: tuple[Example, ...]
    places: Sequence[str]  # file:line of each row
    wrong: tuple[str, ...]  # each with its place; () where all can be read
    is_whole: bool  # whether no file has more rows than were asked for


def look(
    task: Task, files: Sequence[Files], role: str, *, group: str | None = None, most: int | None = None,
    is_raw: bool = False, is_open: bool = False, folder: Path | None = None,
) -> Seen:  # fmt: skip
    """The rows of `read` with their places, at most `most` of a file; what is wrong with one ends nothing.

    Of `is_raw`, answers are those of the output's column alone, as they are written; of `is_open`, labels
    that the task has not are no fault. Rows that are many lie in a file of `folder`.
    """
    wrong: list[str] = []
    names: list[str] = []
    tables: list[_Table] = []
    for each in files:
        with _noted(wrong):
            paths, card, name = data_paths(each.path, role)
            names.append(name)
            tables += [_table(task, path, card, role, most, folder) for path in paths]
    alike: dict[frozenset[str], list[_Table]] = {}
    for table in tables:
        if table.records:
            alike.setdefault(table.columns, []).append(table)
    converters: dict[frozenset[str], tuple[Fit, Converter]] = {}
    for columns, together in alike.items():
        with _noted(wrong):
            converters[columns] = _reader(task, together, group, is_raw=is_raw, is_open=is_open)
    found, places = Spool(Example, folder), Spool[str](folder=folder)
    header = dict.fromkeys(name for table in tables for name in table.header)
    needed = tuple(each for each in [group] if each and role == "train" and _stands(each, header))
    for table in tables:
        if table.columns in converters:
            fit, converter = converters[table.columns]
            for record in table.records:
                with _noted(wrong):
                    require(record, (*(fit.mapping or {}).values(), *needed))
                    found.append(_converted(converter, record, role, is_told=len(wrong) < _TOLD))
                    places.append(record.where)
        wrong += table.wrong
    rows, stand = found.rows(), places.rows()
    wrong += _two_marks(task, rows, stand)
    if role == "train" and not is_raw and _have_no_labels(task, rows):
        wrong.append(_no_labels(task, rows, ", ".join(names)))
    is_whole = all(table.is_whole for table in tables)
    fits = tuple(fit for fit, _ in converters.values())
    return Seen(", ".join(names), tuple(header), fits, rows, stand, tuple(wrong), is_whole)


def _two_marks(task: Task, rows: Sequence[Example], places: Sequence[str]) -> list[str]:
    """Numbers such as 1.234 where others of their column have decimal commas, the first of each column."""
    commas = {name for row in rows for name in task.numbers if "," in row.input[name]}
    doubted = (
        f"{place}: {name!r} has a decimal comma in other rows, and {row.input[name]} may mean a thousand;"
        " write its numbers without marks of thousands"
        for row, place in zip(rows if commas else (), places, strict=False)
        for name in sorted(commas)
        if _THOUSANDS.fullmatch(row.input[name].strip())
    )
    return list(islice(doubted, 1))


def _stands(column: str, header: Iterable[str]) -> bool:
    """Whether a header has the column, or the object that it is a field of."""
    return any(column == name or column.startswith(f"{name}.") for name in header)


def _reader(
    task: Task, tables: Sequence[_Table], group: str | None, *, is_raw: bool, is_open: bool
) -> tuple[Fit, Converter]:
    """How the rows of tables with the same columns become examples.

    Raises:
        DataError: no columns suit the task, or its answers may be read in two ways.
    """
    fit = _fit(task, tables, group)
    raw = Converter(
        task, fit.mapping or {}, "user", tables[0].card.label_names, aliases=not is_raw, is_raw=is_raw,
        grouping=group, is_open=is_open,
    )  # fmt: skip
    if is_raw or not is_shaped(task):
        return fit, raw
    texts = [raw.written(record) for record in _spread(tables)]
    try:
        return fit, replace(raw, canonical=canonical_of(task, texts))
    except Unfit as error:
        column = (fit.mapping or {})[task.output.name]
        raise DataError(f"{tables[0].path}: the column {column!r}: {error}") from None


def _spread(tables: Sequence[_Table]) -> list[RawRow]:
    """Rows from all over the tables."""
    records = joined(*(table.records for table in tables))
    return list(records[:: max(1, -(-len(records) // _LOOK))])


def _have_no_labels(task: Task, rows: Sequence[Example]) -> bool:
    return task.type is TaskType.CLASSIFICATION and not task.labels and hardly_return(rows)


def _no_labels(task: Task, rows: Sequence[Example], names: str) -> str:
    return (
        f"{names}: {len({row.output for row in rows}):,} of {len(rows):,} rows have"
        f" {task.output.name!r} to themselves, e.g. {rows[0].output[:40]!r}, and labels return;"
        " to have texts written: task: {type: text2text-generation}; else name the column of labels:"
        " task: {output: NAME}"
    )


def without(files: Sequence[Files], column: str) -> str:
    """The first training file that has not this column, and those that it has; "" where none lacks it."""
    for each in files:
        with suppress(DataError):  # told where it is read
            for path in data_paths(each.path, "train")[0]:
                first = next(read_rows(path), None)
                there = dict(flatten(first.values)) if first is not None else {column: ""}
                if column not in there:
                    return f"{path.name} has {', '.join(there)}; {nearest(column, there)}"
    return ""


def shown_by(task: Task, files: Sequence[Files], group: str | None = None) -> Shown | None:
    """What the rows of data files say of a task; None where none can be read.

    Whichever column suits the answer best, of a label or of a text, is looked at.
    """
    best: Seen | None = None
    for kind in dict.fromkeys((TaskType.TEXT_TO_TEXT, TaskType.CLASSIFICATION, task.type)):
        draft = replace(task, type=kind, labels=task.labels if task.type is kind else ())
        seen = look(draft, files, "train", group=group, most=_GLANCE, is_raw=True)
        if seen.rows and (best is None or seen.fits[0].confidence > best.fits[0].confidence):
            best = seen
    return read_answers(best.rows, is_whole=best.is_whole) if best else None


@contextmanager
def _noted(wrong: list[str]) -> Iterator[None]:
    """What is wrong is remembered rather than raised."""
    try:
        yield
    except DataError as error:
        wrong.append(str(error))


def told(wrong: Sequence[str]) -> str:
    """The first of what is wrong, a line each, and how much there is."""
    more = [f"... {len(wrong)} such problems in all"] if len(wrong) > _TOLD else []
    return "\n    ".join([*wrong[:_TOLD], *more])


def _table(task: Task, path: Path, card: Card, role: str, most: int | None, folder: Path | None) -> _Table:
    """The rows of a file as far as it can be read."""
    broken: list[str] = []
    wrong: list[str] = []
    stream, is_whole = read_rows(path), True
    records = _noting(islice(stream, most), broken)
    first = list(islice(records, _LOOK))
    gather = gathering(task, first, card.label_names, is_own=True)
    gathered = Spool[RawRow](folder=folder)
    header: dict[str, None] = {}
    for record in chain(first, records):
        with _noted(wrong):
            row = gather.row(record)
            gathered.append(row)
            header |= dict.fromkeys(row.values)
    with _noted(broken):
        is_whole = bool(broken) or next(stream, None) is None
        if not first and not broken:
            raise DataError(
                f"{path}: it has no rows; data.{role} needs at least one, e.g. {_example_row(task)}"
            )
    return _Table(path, card, gathered.rows(), tuple(header), (*broken, *wrong), is_whole)


def _noting(stream: Iterator[RawRow], wrong: list[str]) -> Iterator[RawRow]:
    """The rows up to the first that cannot be read, which is remembered."""
    with _noted(wrong):
        yield from stream


def _contradictions(task: Task, seen: Seen, role: str) -> tuple[Count, ...]:
    """Inputs that stand in several rows with different labels, each with its places."""
    if not task.type.is_labelled:
        return ()
    numbers = _torn(seen.rows)
    together: dict[tuple[str, ...], dict[str, str]] = {}
    rows: Counter[tuple[str, ...]] = Counter()
    for place, row in zip(picked(seen.places, numbers), picked(seen.rows, numbers), strict=True):
        key = _key(row)
        rows[key] += 1
        together.setdefault(key, {}).setdefault(row.output, Path(place).name)
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


def _torn(rows: Sequence[Example]) -> list[int]:
    """Numbers of the rows whose input stands with several labels; by 8 bytes of a digest, so there may be
    others among them.
    """
    import numpy as np

    marks = array("q")
    for row in rows:
        for part in (_key(row), row.output):
            marks.frombytes(blake2b(repr(part).encode(errors="surrogatepass"), digest_size=8).digest())
    inputs, labels = np.frombuffer(marks, np.int64).reshape(-1, 2).T
    order = np.lexsort((labels, inputs))
    after, before = order[1:], order[:-1]
    torn = inputs[after[(inputs[after] == inputs[before]) & (labels[after] != labels[before])]]
    found: list[int] = np.flatnonzero(np.isin(inputs, torn)).tolist()
    return found


def _key(row: Example) -> tuple[str, ...]:
    return tuple(" ".join(text.split()) for text in row.input.values())


def data_paths(path: Path, role: str) -> tuple[tuple[Path, ...], Card, str]:
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


def _fit(task: Task, tables: Sequence[_Table], group: str | None) -> Fit:
    """Where the task's fields stand in tables of the same columns, by their own names where all do; none
    stands in the one that says which rows belong together.
    """
    _refuse_no_header(task, tables[0])
    columns = observe(_spread(tables), tables[0].card.label_names)
    own = {field.name for field in (*task.inputs, task.output)}
    fit = map_columns(task, tuple(one for one in columns if one.name != group or one.name in own))
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


def _converted(converter: Converter, record: RawRow, role: str, *, is_told: bool) -> Example:
    """The row; of what is wrong and will not be told, no remedy is looked for, which takes long."""
    row = converter.convert(record)
    if isinstance(row, Example):
        return row
    labels = converter.task.labels if is_told else ()
    said, wrong, _ = row.rpartition(" is none of the labels")
    hint = nearest(ast.literal_eval(said), labels) if wrong and labels else ""
    raise DataError(f"{record.where}: {row}; {hint or f'complete the row or take it out of data.{role}'}")


def _no_spans(task: Task, rows: Sequence[Example]) -> tuple[Count, ...]:
    """Rows of an extractive task with an answer that does not stand in the text: they stay, and are said."""
    wrong, example = 0, ""
    for row in rows:
        if not stands_in(task, row):
            wrong, example = wrong + 1, example or on_a_line(row.input, row.output)
    return (Count(f"the answer does not stand in {task.context_field!r}", wrong, example),) if wrong else ()


def _example_row(task: Task) -> str:
    return "{" + ", ".join(f'"{field.name}": "..."' for field in (*task.inputs, task.output)) + "}"
