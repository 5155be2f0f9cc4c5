"""What is asked on the command line, through a pipe, or in a file: rows out of it, and their answers back."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from .objects import once, reason
from .predictor import Predictor
from .rows import Answer, InputError, check_row, lacking, named
from .settings import Settings, missing


def answer_all(options: argparse.Namespace, model: Path, name: str) -> int:
    """Do what was typed, as in `command.answer`; the exit code.

    Raises:
        InputError: what is asked is wrong.
        BundleError: the model is.
    """
    settings = Settings.read(model)
    source, target = _files(options)
    if source is not None:
        try:
            from .file_answers import answer_file
        except ModuleNotFoundError as error:
            raise missing(error) from None
        return answer_file(source, target, options, model, settings, name)
    if options.output is not None or options.column:
        raise InputError("--output and --column go with a file of rows; name it first")
    if options.text is None:
        return _answer_lines(options, model, settings)
    _refuse_path(options.text, settings.fields)
    row = asked(parse_argument(options.text, settings.fields), settings.asks)
    predictor = _opened(options, model)
    _write(sys.stdout, predictor.predict([row]), predictor.tells)
    return 0


def _files(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """The file of rows and where it goes, as options or by their place; (None, None) where there is none."""
    if options.file is not None:
        if options.text is not None:
            raise InputError("--input FILE holds all that is asked: give no other input beside it")
        return options.file, options.output
    if options.target is not None and options.output is not None:
        raise InputError(f"{options.target} and --output {options.output}: where do the answers go? give one")
    target = options.target or options.output
    if options.text is None or (target is None and options.text != "-" and not _is_rows(options.text)):
        return None, None
    return Path(options.text), target


def _is_rows(text: str) -> bool:
    """Whether it is the name of a file of rows that is there: such a name is hardly asked about itself."""
    from .lines import FORMATS, form_of

    try:
        return form_of(
            Path(text), {**FORMATS, ".txt": "text", ".text": "text"}
        ) is not None and os.path.isfile(text)
    except ValueError:  # no name of a file at all
        return False


def _opened(options: argparse.Namespace, model: Path) -> Predictor:
    return Predictor(model, threads=options.threads, precision=options.precision)


def _refuse_path(text: str, fields: Sequence[str]) -> None:
    """A file's name, there or mistyped, is hardly what the model should be asked about."""
    from .lines import FORMATS, unread

    endings = (*FORMATS, ".txt", ".text", ".xlsx")
    if os.path.isfile(text):
        said = " is a file; to have its rows answered, call it .csv, .tsv, .jsonl, .json, .parquet or .txt"
        said = unread(Path(text)) or said
    elif os.path.isdir(text) and (line := unread(Path(text))):
        said = line
    elif os.path.exists(text):
        said = " is no regular file; rows that come through a pipe are read by -"
    elif text.splitlines() == [text] and text.lower().removesuffix(".gz").endswith(endings):
        said = ": there is no such file"
    else:
        return
    as_text = f"; for the words themselves: {shlex.quote(json.dumps({fields[0]: text}))}"
    raise InputError(text + said + (as_text if len(fields) == 1 else ""))


def asked(row: Any, fields: Sequence[str]) -> dict[str, str]:
    """The task's fields of a row that somebody asks about: none is empty that may not be.

    Raises:
        InputError: a field is missing, empty or no text.
    """
    found = check_row(row, fields)
    if empty := lacking(found, fields):
        raise InputError(f"{named(empty)} is empty: there is nothing to answer")
    return found


def _answer_lines(options: argparse.Namespace, model: Path, settings: Settings) -> int:
    """JSON Lines from standard input, answered as they come."""
    if sys.stdin.isatty():
        raise InputError(f"no input: give {named(settings.fields)} as an argument or lines; see --help")
    predictor = _opened(options, model)
    batch: list[dict[str, str]] = []
    for row in read_lines(sys.stdin.buffer, settings.asks, before_error=lambda: _flush(predictor, batch)):
        batch.append(row)
        if len(batch) >= (options.batch_size or 1):
            _flush(predictor, batch)
    _flush(predictor, batch)
    return 0


def _flush(predictor: Predictor, batch: list[dict[str, str]]) -> None:
    _write(sys.stdout, predictor.predict(batch, batch_size=max(1, len(batch))), predictor.tells)
    batch.clear()


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
            wanted = f"an object with {named(fields)} (for tables and texts: give the file's name, or -)"
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
        try:
            stream.write(json.dumps(said, ensure_ascii=False) + "\n")
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InputError(f"standard output: {error.strerror or error}") from None
