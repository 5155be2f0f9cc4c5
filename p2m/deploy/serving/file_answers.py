"""A file of rows answered: checked whole, then answered row by row into the file that was asked for.

Memory does not grow with the rows (of a `.json` file it does: such a file is read whole). What is answered is
kept beside the output (`part`), so the same command goes on after it was ended.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from .lines import TableError, translated
from .part import Part, digest_of
from .predictor import Predictor
from .rows import Answer, InputError, check_row, lacking
from .settings import Settings
from .tables import Table, cell, check_target, count_rows, free_name, looks_like_texts, match_columns, write

FILE_BATCH = 32  # rows of a file that are answered together
EVERY = 5  # seconds between two lines of progress
SHOWN = 5  # rows with nothing to answer that are named
STANDARD_INPUT = Path("-")
_ARRAY = re.compile(rb"\[\s*(?:[\[{\"\d\]-]|nul|tru|fal|$)")  # and no "[urgent] call me"
_NOTHING = Answer("", 0.0, abstain=True)  # of a row whose input is empty


def answer_file(
    source: Path, target: Path | None, options: argparse.Namespace, model: Path, settings: Settings, name: str
) -> int:
    """Every row of a file with its answer. Nothing is written before all rows were found to be right.

    Raises:
        InputError: the file cannot be read, a row in it is wrong, or the answers cannot be written.
    """
    with _on_disk(source) as file:
        try:
            if source == STANDARD_INPUT:
                file = _told_apart(file, options, settings, _output_name(model), name)
            job = _Job.of(file, target, options, model, settings, name)
            job.run()
        except TableError as error:
            raise InputError(_named(str(error), file, source)) from None
    if job.empties:
        told = f"{job.empties:,} of {job.total:,} rows have an empty input, and so no answer"
        job.say(_named(f"{told}: {', '.join(job.empty)}", file, source))
    return 0


@dataclass
class _Job:
    """One file, checked."""

    table: Table
    target: Path | None
    options: argparse.Namespace
    model: Path
    name: str
    columns: dict[str, str]  # field -> column
    output: str  # what the task calls its answer
    fields: Sequence[str]
    total: int = 0
    empty: list[str] = field(default_factory=list)  # places of the first rows with nothing to answer
    empties: int = 0

    @classmethod
    def of(
        cls, file: Path, target: Path | None, options: argparse.Namespace, model: Path, settings: Settings,
        name: str,
    ) -> _Job:  # fmt: skip
        table = Table(file, settings.fields[0])
        check_target(table, target)
        output = _output_name(model)
        columns = match_columns(table, settings.fields, output, _wanted(options.column))
        job = cls(table, target, options, model, name, columns, output, settings.asks)
        if any(each != column for each, column in columns.items()):
            job.say(", ".join(f"{each} <- {column}" for each, column in columns.items()))
        job.total = count_rows(table, job.problem)
        return job

    def say(self, line: str) -> None:
        print(f"{self.name}: {line}", file=sys.stderr, flush=True)

    def row_of(self, row: Any) -> dict[str, str] | None:
        """The model's fields of a row of the file; None where there is nothing to answer."""
        given: dict[str, Any] = {}
        for each, column in self.columns.items():
            with suppress(KeyError):  # said below
                value = cell(row.values, column, each)
                given[each] = "" if value is None else value
        found = check_row({**row.values, **given}, self.fields)
        return None if lacking(found, self.fields) else found

    def problem(self, row: Any) -> str:
        try:
            self.row_of(row)
        except InputError as error:
            return str(error)
        return ""

    def run(self) -> None:
        started = time.monotonic()
        predictor = Predictor(self.model, threads=self.options.threads, precision=self.options.precision)
        answer_name = free_name(self.output, self.table.columns)
        added = ("score", "abstain") if predictor.tells else ("score",)
        names = (answer_name, *(free_name(f"{answer_name}_{each}", self.table.columns) for each in added))
        part = self._part(predictor)
        is_done = False
        try:
            done = part.rows if part else 0
            answered = self._watched(self._answered(predictor, part), done)
            write(self.table, self.target, sys.stdout.buffer, names, answered)
            is_done = True
        except KeyboardInterrupt:
            if part:
                self.say(f"ended; what is answered is kept in {part.path.name}, and the same command goes on")
            raise
        finally:
            if part:
                part.close(is_done=is_done)
        took = max(time.monotonic() - started, 1e-9)
        place = "" if self.target is None else f" -> {self.target}"
        self.say(f"{self.total:,} rows in {took:.1f} s, {(self.total - done) / took:,.0f} rows/s{place}")

    def _part(self, predictor: Predictor) -> Part | None:
        """What is kept of these answers, where they go to a file."""
        if self.target is None:
            return None
        table = self.table  # whose name says where its rows begin and end
        read = [table.form, table.encoding, table.separator, table.read_by, self.total]
        told = json.dumps([self.columns, predictor.least, *read])
        with translated(self.target):
            part = Part(self.target.resolve(), digest_of(self.table.path, self.model, told))
        if part.was_other:
            self.say(f"{part.path.name} is of other rows, another model or other options: starting anew")
        elif part.rows:
            self.say(f"{part.rows:,} of {self.total:,} rows were answered before: going on from there")
        return part

    def _answered(self, predictor: Predictor, part: Part | None) -> Iterator[tuple[Any, Answer]]:
        """Each row with its answer: what was kept, then what is answered now."""
        remaining = self.table.rows()
        size = self.options.batch_size or FILE_BATCH
        for row, known in zip(islice(remaining, part.rows), part.kept()) if part else ():  # noqa: B905
            yield row, self._or_nothing(row, known)
        while batch := list(islice(remaining, size)):
            found = [self.row_of(row) for row in batch]
            made = iter(predictor.predict([each for each in found if each], batch_size=size))
            answers = [next(made) if each else None for each in found]
            if part:
                part.add(answers)
            for row, answer in zip(batch, answers, strict=True):
                yield row, self._or_nothing(row, answer)

    def _or_nothing(self, row: Any, answer: Answer | None) -> Answer:
        if answer is None:
            self.empties += 1
            self.empty += (
                [row.where] if self.empties <= SHOWN else ["..."] if self.empties == SHOWN + 1 else []
            )
        return answer or _NOTHING

    def _watched(self, answered: Iterable[tuple[Any, Answer]], kept: int) -> Iterator[tuple[Any, Answer]]:
        """The same; how far they are is said every few seconds. `kept` of them are there already."""
        started = said = time.monotonic()
        for done, each in enumerate(answered):
            now = time.monotonic()
            if done <= kept:
                started = now
            elif now - said >= EVERY:
                said, speed = now, (done - kept) / max(now - started, 1e-9)
                left = (self.total - done) / speed
                self.say(f"{done:,} of {self.total:,} rows, {speed:,.0f} rows/s, {left:.0f} s left")
            yield each


@contextmanager
def _on_disk(source: Path) -> Iterator[Path]:
    """The file; what comes from standard input is put into one, since rows are checked before they are
    answered. What it is, is seen in its first bytes: Parquet, JSON Lines, else a table or texts."""
    if source != STANDARD_INPUT:
        yield source
        return
    if sys.stdin.isatty():
        raise InputError("- reads a file of rows from standard input, and there is none: see --help")
    with tempfile.TemporaryDirectory() as folder:
        head = sys.stdin.buffer.read(4)
        begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        json_form = "jsonl" if begins[:1] == b"{" else "json" if _ARRAY.match(begins) else ""
        form = "parquet" if head == b"PAR1" else json_form or "csv"
        path = Path(folder) / f"stdin.{form}"
        with path.open("wb") as stream:
            stream.write(head)
            shutil.copyfileobj(sys.stdin.buffer, stream)
        yield path


def _told_apart(file: Path, options: argparse.Namespace, settings: Settings, output: str, name: str) -> Path:
    """The file, called a text where a line of it is one input and not the header of a table."""
    fields = settings.fields
    if file.suffix != ".csv" or options.column or not looks_like_texts(file, fields, output):
        return file
    told = f"every line is answered as one {fields[0]} (a table begins with a line that names its columns)"
    print(f"{name}: standard input: {told}", file=sys.stderr, flush=True)
    return file.rename(file.with_suffix(".txt"))


def _named(text: str, file: Path, source: Path) -> str:
    """What is said of the file on the disk, said of where it came from."""
    return text.replace(str(file), "standard input") if source == STANDARD_INPUT else text


def _output_name(model: Path) -> str:
    """What the task calls its answer; `output` for a model without its bundle."""
    try:
        return str(json.loads((model.parent / "manifest.json").read_text("utf-8"))["task"]["output"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return "output"


def _wanted(columns: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in columns:
        name, mark, column = text.partition("=")
        if not (name and mark and column):
            raise InputError(f"--column {text}: expected FIELD=COLUMN, such as --column text=body")
        found[name] = column
    return found
