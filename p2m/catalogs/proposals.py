"""A query that somebody proposes for a dataset, tried on some of its rows before it is believed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.catalogs.columns import observe
from p2m.catalogs.convert import Converter
from p2m.catalogs.mapping import map_columns
from p2m.catalogs.rows import RawRow, read_rows
from p2m.catalogs.transform import Limits, transformed
from p2m.errors import DataError
from p2m.types import Example, Task

LIMITS = Limits(seconds=20, memory=10**9, rows=20_000, size=64 * 10**6)
_KEPT = 0.05  # least share of the rows that must come out as rows of the task
_FIT = 0.9  # least share of what comes out that must be a row of the task


@dataclass(frozen=True, slots=True)
class Trial:
    """What a query made of the rows: `fault` says why it is not used, "" that it is."""

    fault: str
    reasons: tuple[str, ...] = ()


def tried(task: Task, sql: str, rows: Sequence[RawRow], folder: Path) -> Trial:
    """Run the query on `rows` in a process of its own, in `folder`, and hold what it makes to the task.

    Its columns must be called like the task's fields, with labels and spans as the task has them, not the
    same in every row, and not many rows may be lost.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        made = list(read_rows(transformed(sql, rows, folder, LIMITS)))
        if not made:
            return Trial("it makes no rows")
        fields = [each.name for each in task.inputs]
        columns = observe(made)
        if task.output.name not in (names := [column.name for column in columns]):
            return Trial(f"it makes no column {task.output.name!r}, only {', '.join(names)}")
        fit = map_columns(task, columns, {name: name for name in fields})
    except DataError as error:
        return Trial(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if fit.refusal:
        return Trial(fit.refusal)
    return _held(task, made, len(rows), fit.reasons[1:])


def _held(task: Task, made: Sequence[RawRow], of: int, reasons: tuple[str, ...]) -> Trial:
    names = [each.name for each in (*task.inputs, task.output)]
    converter = Converter(task, {name: name for name in names}, "tried", spans_only=True)
    found = [converter.convert(row) for row in made]
    good = [row for row in found if isinstance(row, Example)]
    if len(good) < _FIT * len(found):
        why, number = Counter(row for row in found if isinstance(row, str)).most_common(1)[0]
        return Trial(
            f"of {len(found)} rows that it makes, only {len(good)} are of the task: {why} ({number})"
        )
    if len(good) < _KEPT * of:
        return Trial(f"it keeps {len(good)} of {of} rows, and a twentieth is the least")
    for name in names:
        values = {row.input.get(name, row.output) for row in good}
        if len(values) == 1 and len(good) > 1:
            return Trial(f"{name!r} is the same in every row")
    for name in names[:-1]:
        if len(good) > 1 and all(row.input[name] == row.output for row in good):
            return Trial(f"{task.output.name!r} is {name!r}, letter by letter")
    return Trial("", (f"of {of} sampled rows it made {len(good)} of the task", *reasons))
