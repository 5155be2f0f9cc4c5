"""What is asked on the command line, through a pipe, or in a file: rows out of it, and their answers back."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from .lines import TableError
from .objects import once, reason
from .predictor import Predictor
from .rows import Answer, InputError, check_row, named
from .settings import Settings, missing

FILE_BATCH = 32  # rows of a file that are answered together
EVERY = 5  # seconds between two lines of progress
SHOWN = 5  # rows with nothing to answer that are named


def answer_all(options: argparse.Namespace, model: Path, command: Sequence[str], name: str) -> int:
    """Do what was typed, as in `command.answer`; the exit code.

    Raises:
        InputError: what is asked is wrong.
        BundleError: the model is.
    """
    settings = Settings.read(model)
    if options.file is not None:
        if options.text is not None:
            raise InputError("--input FILE holds all that is asked: give no other input beside it")
        return _answer_file(options, model, settings, name)
    if options.output is not None or options.column:
        raise InputError("--output and --column go with --input FILE")
    if options.text is None:
        return _answer_lines(options, model, settings)
    _refuse_path(options.text, settings.fields, command)
    row = asked(parse_argument(options.text, settings.fields), settings.fields)
    predictor = _opened(options, model)
    _write(sys.stdout, predictor.predict([row]), predictor.least > 0)
    return 0


def _opened(options: argparse.Namespace, model: Path) -> Predictor:
    return Predictor(model, threads=options.threads, precision=options.precision)


def _refuse_path(text: str, fields: Sequence[str], command: Sequence[str]) -> None:
    """A file's name is hardly what the model should be asked about."""
    try:
        if not os.path.isfile(text):
            return
    except ValueError:  # no name of a file at all
        return
    as_text = f"; for the words themselves: {shlex.quote(json.dumps({fields[0]: text}))}"
    raise InputError(
        f"{text} is a file; to have its rows answered, type: {shlex.join([*command, '--input', text])}"
        + (as_text if len(fields) == 1 else "")
    )


def asked(row: Any, fields: Sequence[str]) -> dict[str, str]:
    """The task's fields of a row that somebody asks about: none is empty.

    Raises:
        InputError: a field is missing, empty or no text.
    """
    found = check_row(row, fields)
    empty = [name for name in fields if not found[name].strip()]
    if empty:
        raise InputError(f"{named(empty)} is empty: there is nothing to answer")
    return found


def _answer_lines(options: argparse.Namespace, model: Path, settings: Settings) -> int:
    """JSON Lines from standard input, answered as they come."""
    if sys.stdin.isatty():
        raise InputError(f"no input: give {named(settings.fields)} as an argument or lines; see --help")
    predictor = _opened(options, model)
    batch: list[dict[str, str]] = []
    for row in read_lines(sys.stdin.buffer, settings.fields, before_error=lambda: _flush(predictor, batch)):
        batch.append(row)
        if len(batch) >= (options.batch_size or 1):
            _flush(predictor, batch)
    _flush(predictor, batch)
    return 0


def _flush(predictor: Predictor, batch: list[dict[str, str]]) -> None:
    _write(sys.stdout, predictor.predict(batch, batch_size=max(1, len(batch))), predictor.least > 0)
    batch.clear()


def _answer_file(options: argparse.Namespace, model: Path, settings: Settings, name: str) -> int:
    """Every row of a file with its answer. Nothing is written before all rows were found to be right."""
    try:
        from .tables import Table, check_target, count_rows, free_name, match_columns, write
    except ModuleNotFoundError as error:
        raise missing(error) from None
    fields = settings.fields
    empty: list[str] = []
    try:
        table = Table(options.file, fields[0])
        check_target(table, options.output)
        output = _output_name(model)
        columns = match_columns(table, fields, output, _wanted(options.column))
        if any(field != column for field, column in columns.items()):
            told = ", ".join(f"{field} <- {column}" for field, column in columns.items())
            print(f"{name}: {told}", file=sys.stderr)

        def row_of(row: Any) -> dict[str, str] | None:
            cells = {f: row.values[c] for f, c in columns.items() if c in row.values}
            cells = {f: "" if cell is None else cell for f, cell in cells.items()}
            found = check_row({**row.values, **cells}, fields)
            return found if all(text.strip() for text in found.values()) else None

        total = count_rows(table, lambda row: _problem(row_of, row))
        answer_name = free_name(output, table.columns)
        predictor = _opened(options, model)
        added = ("score", "abstain") if predictor.least > 0 else ("score",)
        names = (answer_name, *(free_name(f"{answer_name}_{each}", table.columns) for each in added))
        answered = _answered(predictor, table.rows(), row_of, options.batch_size or FILE_BATCH, empty)
        write(table, options.output, sys.stdout.buffer, names, _watched(answered, total, name))
    except TableError as error:
        raise InputError(str(error)) from None
    if empty:
        print(f"{name}: {_empty_told(empty, total)}", file=sys.stderr)
    return 0


def _empty_told(empty: Sequence[str], total: int) -> str:
    """Which rows had nothing to answer."""
    shown = [*empty[:SHOWN], *(["..."] if len(empty) > SHOWN else [])]
    return f"{len(empty):,} of {total:,} rows have an empty input, and so no answer: {', '.join(shown)}"


def _output_name(model: Path) -> str:
    """What the task calls its answer; `output` for a model without its bundle."""
    try:
        return str(json.loads((model.parent / "manifest.json").read_text("utf-8"))["task"]["output"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return "output"


def _wanted(columns: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in columns:
        field, mark, column = text.partition("=")
        if not (field and mark and column):
            raise InputError(f"--column {text}: expected FIELD=COLUMN, such as --column text=body")
        found[field] = column
    return found


def _problem(row_of: Callable[[Any], Any], row: Any) -> str:
    try:
        row_of(row)
    except InputError as error:
        return str(error)
    return ""


def _answered(
    predictor: Predictor, rows: Iterable[Any], row_of: Callable[[Any], dict[str, str] | None], size: int,
    empty: list[str],
) -> Iterator[tuple[Any, Answer]]:  # fmt: skip
    """Each row with its answer, `size` of them at a time; places of rows without input go to `empty`."""
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        found = [row_of(row) for row in batch]
        answers = iter(predictor.predict([each for each in found if each], batch_size=size))
        for row, each in zip(batch, found, strict=True):
            if not each:
                empty.append(row.where)
            yield row, next(answers) if each else Answer("", 0.0, abstain=True)


def _watched(answered: Iterable[tuple[Any, Answer]], total: int, name: str) -> Iterator[tuple[Any, Answer]]:
    """The same; how far they are is said on standard error every few seconds."""
    started = said = time.monotonic()
    for done, each in enumerate(answered):
        now = time.monotonic()
        if now - said >= EVERY and done:
            said = now
            left = (now - started) / done * (total - done)
            print(f"{name}: {done:,} of {total:,} rows, {left:.0f} s left", file=sys.stderr)
        yield each


def parse_argument(text: str, fields: Sequence[str]) -> Any:
    """The row that a command-line argument stands for: JSON, or bare text where there is one field.

    Raises:
        InputError: it is JSON that cannot be read, or bare text for several fields.
    """
    try:
        value = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError:
        value = None
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "{":
            raise InputError(f"not JSON that can be read: {reason(error)}") from None
        value = None
    if isinstance(value, dict):
        return value
    if len(fields) == 1:
        return {fields[0]: value if isinstance(value, str) else text}
    raise InputError(f"the model has {len(fields)} input fields: give a JSON object with {named(fields)}")


def read_lines(
    stream: Iterable[bytes], fields: Sequence[str], before_error: Any = lambda: None
) -> Iterator[dict[str, str]]:
    """Rows of JSON Lines; blank lines are skipped. `before_error` is called before a bad line is reported.

    Raises:
        InputError: a line is not a row, with its number.
    """
    for number, raw in enumerate(stream, start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            if not line:
                continue
            value = json.loads(line, object_pairs_hook=once)
            row = asked({fields[0]: value} if isinstance(value, str) and len(fields) == 1 else value, fields)
        except UnicodeDecodeError:
            problem = "not UTF-8"
        except InputError as error:
            problem = str(error)
        except (ValueError, RecursionError) as error:
            why = "" if isinstance(error, json.JSONDecodeError) else f" ({reason(error)})"
            wanted = f"an object with {named(fields)} (for tables and texts: --input FILE)"
            problem = f"not JSON{why}; expected {wanted}"
        else:
            yield row
            continue
        before_error()
        raise InputError(f"line {number}: {problem}")


def _write(stream: TextIO, answers: Iterable[Answer], abstains: bool) -> None:
    for answer in answers:
        said = {"output": answer.value, "score": round(answer.score, 4)}
        said |= {"abstain": answer.abstain} if abstains else {}
        stream.write(json.dumps(said, ensure_ascii=False) + "\n")
        stream.flush()
