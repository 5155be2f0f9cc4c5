"""Tables and text files for predict.py: the rows to ask about, and the same file again with their answers.

A bundle ships this file beside predict.py. The standard library is all it needs; Parquet takes pyarrow.
What a file holds stays as it is written, byte for byte: an answer is put into the text of its row. Only where
the answers go to a file of another format are the other columns written anew.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

FORMATS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".parquet": "parquet", ".txt": "text", ".text": "text",
}  # fmt: skip
SEPARATORS = ",;\t|"  # that a .csv may have; the header line tells which
_SNIFFED = 50  # lines by which the separator is found
_LOOK = 1000  # rows by which the columns are told apart
_NAME = 60  # characters: no column has a longer name, but a row in the place of the header has
_SHOWN = 5  # bad rows that are named
_CHUNK = 1000  # rows of Parquet that are read at once
Answers = Iterator[tuple["Row", Any]]  # each row with its answer, which has `output` and `score`
# Words in the names of columns: what goes into a model, and what is no input whatever else the name says.
_INPUTS = frozenset(
    "text texts sentence content review tweet comment utterance message post body input inputs source"  # noqa: SIM905
    " prompt instruction question query passage paragraph document article context story email mail sms"
    " abstract title headline subject phrase description request ticket note claim statement snippet data"
    " value".split()
)
_OTHERS = frozenset(
    "label labels output outputs answer answers target targets tgt class category gold prediction"  # noqa: SIM905
    " predicted score intent sentiment rating response completion id ids idx index uuid guid key url uri"
    " link hash sha date time timestamp path file filename split version author user username lang"
    " language".split()
)
_NUMBER = re.compile(r"[\s\d.,:/+-]*")  # numbers, dates and times in cells


_NOT_UTF8 = re.compile("[\\udc80-\\udcff]")  # what Python makes of bytes that are no UTF-8
_COMMA, _CLOSING = re.compile(r"\s*,\s*"), re.compile(r"\s*\]\s*\Z")


class TableError(ValueError):
    """A file that cannot be read, or a row in it; the message says where."""


@dataclass(frozen=True)
class Row:
    """One row. Of the file's text, its answer goes between `before` and `after`."""

    values: Mapping[str, Any]
    where: str  # file:line, or `file row n` where there are no lines
    before: str = ""
    after: str = ""


class Exact(float):
    """A number of JSON that remembers how it was written."""

    def __new__(cls, text: str) -> Exact:
        made = super().__new__(cls, text)
        made.text = text  # type: ignore[attr-defined]
        return made

    def __str__(self) -> str:
        return str(self.text)  # type: ignore[attr-defined]


def form_of(path: Path) -> str:
    """The format of a file, by its name, which may end in .gz too.

    Raises:
        TableError: the name does not tell.
    """
    zipped = path.suffix.lower() == ".gz"
    form = FORMATS.get(Path(path.stem).suffix.lower() if zipped else path.suffix.lower())
    if form is None or (zipped and form == "parquet"):
        raise TableError(f"{path}: the name must end in {', '.join(FORMATS)}, each but .parquet also as .gz")
    return form


def _opened(path: Path) -> IO[bytes]:
    """The file, unzipped where it is gzipped, whatever its name."""
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


# --------------------------------------------------------------------------- reading


class Table:
    """A file of rows, read anew as often as it is asked for. `columns` are all that its first rows have."""

    def __init__(self, path: Path, field: str) -> None:
        """`field` is what a line of a text file is called.

        Raises:
            TableError: there is no such file, it is no table, or its first rows are broken.
        """
        if not path.is_file():
            raise TableError(f"{path}: {'not a regular file' if path.exists() else 'there is no such file'}")
        self.path, self.field = path, field
        self.form = form_of(path)
        self.encoding = "utf-8" if self.form == "parquet" else _encoding(path)
        with translated(path):
            marks = _separators(self) if self.form in ("csv", "tsv") else ("", "")
        self.read_by, self.separator = marks  # between cells of the file, and of what is written
        self.is_one = False  # JSON: one object that holds the rows
        first = list(islice(self.rows(), _LOOK))
        if not first:
            raise TableError(f"{path}: there are no rows in it")
        self.columns = tuple(dict.fromkeys(name for row in first for name in row.values))
        self.texts = tuple(
            name for name in self.columns if self._is_text([r.values.get(name) for r in first])
        )
        # what tells a header from a row: its name stands in the rows again, and it is no number over numbers
        self.again = {name for name in self.columns if any(r.values.get(name) == name for r in first)}
        self.numeric = [
            name
            for name in self.columns
            if name not in self.texts
            and not _NUMBER.fullmatch(name)
            and any(r.values.get(name) for r in first)
        ]

    def rows(self) -> Iterator[Row]:
        """Every row, in order.

        Raises:
            TableError: with file and line.
        """
        readers = {"csv": _separated, "tsv": _separated, "jsonl": _jsonl, "json": _json, "text": _text}
        with translated(self.path):
            yield from readers.get(self.form, _parquet)(self)

    def head(self) -> str:
        """What stands before the first row."""
        if self.form in ("csv", "tsv"):
            return _header(self)[1]
        return (_opening(_whole(self))[0] or ("[\n" if self.is_one else "")) if self.form == "json" else ""

    def _is_text(self, values: Sequence[Any]) -> bool:
        given = [value for value in values if value not in (None, "")]
        texts = all(isinstance(value, str) for value in given)
        return texts and any(not _NUMBER.fullmatch(value) for value in given)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """What the system and pyarrow raise, as TableErrors."""
    try:
        yield
    except (TableError, BrokenPipeError):
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path}: not a whole gzip file ({error}); copy or download it again") from None
    except OSError as error:
        raise TableError(f"{path}: {error.strerror or error}") from None
    except UnicodeError as error:
        raise TableError(f"{path}: {error}") from None
    except RecursionError:
        raise TableError(f"{path}: a value is nested too deeply") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "pyarrow":
            raise
        raise TableError(f"{path}: {str(error).strip().splitlines()[0]}") from None


def _encoding(path: Path) -> str:
    """By the mark that a file may begin with, which is written again."""
    with translated(path), _opened(path) as stream:
        mark = stream.read(3)
    if mark[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-8-sig" if mark == b"\xef\xbb\xbf" else "utf-8"


def _lines(table: Table) -> Iterator[tuple[int, str]]:
    """Numbered lines with their ends, which are those of Unix, Windows, or old Macs."""
    path, wide = table.path, table.encoding == "utf-16"
    with _opened(path) as raw:
        errors = "strict" if wide else "surrogateescape"
        encoding = "utf-16" if wide else "utf-8-sig"
        for number, line in enumerate(io.TextIOWrapper(raw, encoding, errors, newline=""), 1):
            if "\0" in line:
                raise TableError(
                    f"{path}:{number}: a NUL character, which no text has; correct the line, or save the file"
                    " as UTF-8"
                )
            if not line.isascii() and (byte := _NOT_UTF8.search(line)) and not wide:
                zipped = path.suffix.lower() == ".gz"
                plain = path.with_suffix("") if zipped else path
                better = plain.with_stem(f"{plain.stem}-utf8")
                unzip, source = (f"gzip -dc '{path}' | ", "") if zipped else ("", f" '{path}'")
                raise TableError(
                    f"{path}:{number}: not UTF-8 (byte 0x{ord(byte[0]) & 0xFF:02x}); if it is of Windows:"
                    f" {unzip}iconv -f cp1252 -t utf-8{source} > '{better}'"
                )
            yield number, line


def _whole(table: Table) -> str:
    return "".join(line for _, line in _lines(table))


def _separators(table: Table) -> tuple[str, str]:
    """The mark between cells, and the one to write.

    It is the file's own word (`sep=;`, of Excel), else the one of the header that stands as often below,
    so that commas of texts and numbers are none. A lone column has no mark; its commas go into quotes.
    """
    lines = [line for _, line in islice(_lines(table), _SNIFFED) if line.strip()]
    if table.form == "tsv" or not lines:
        return "\t", "\t"
    if _stated(lines[0]):
        return lines[0][4], lines[0][4]
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]

    def likely(mark: str) -> tuple[bool, int, int]:
        count = bare[0].count(mark)
        return count > 0, sum(line.count(mark) == count for line in bare), count

    mark = max(SEPARATORS, key=likely)
    return mark, mark if mark in bare[0] else ","


def _stated(line: str) -> bool:
    return re.fullmatch(r"sep=[,;\t|]\s*", line, re.IGNORECASE) is not None


def _cells(table: Table) -> Iterator[tuple[int, list[str], str]]:
    """The line where a record begins, its cells, and its text with the empty lines before it."""
    csv.field_size_limit(2**31 - 1)
    taken: list[int] = []  # numbers of the lines of this record
    texts: list[str] = []

    def remembered() -> Iterator[str]:
        for number, line in _lines(table):
            taken.append(number)
            texts.append(line)
            yield "" if number == 1 and _stated(line) else line

    reader = csv.reader(remembered(), delimiter=table.read_by, strict=True)
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = taken[0] if taken else reader.line_num
            raise TableError(
                f"{table.path}:{line}: the row that begins here cannot be read: {error}"
            ) from None
        if cells:
            yield taken[0], cells, _quoted_lone(table, cells, "".join(texts))
            texts.clear()


def _quoted_lone(table: Table, cells: Sequence[str], text: str) -> str:
    """The text of a record; its cell in quotes where it is the only one and holds what now separates."""
    body = text.strip("\r\n")
    is_bare = table.separator in cells[0] and not body.startswith('"')
    if table.read_by == table.separator or len(cells) > 1 or not is_bare:
        return text
    return text.replace(body, _cell(cells[0], table.separator))


def _header(table: Table) -> tuple[list[str], str]:
    for line, cells, text in _cells(table):
        names = [cell.strip() for cell in cells]
        if len(set(names)) < len(names) or not all(names):
            raise TableError(
                f"{table.path}:{line}: the first line must name every column, each once; it is"
                f" {', '.join(map(repr, cells[:8]))}"
            )
        return names, text
    raise TableError(f"{table.path}: there are no rows in it")


def _separated(table: Table) -> Iterator[Row]:
    header = _header(table)[0]
    for number, (line, cells, text) in enumerate(_cells(table)):
        if number == 0:
            continue
        if len(cells) != len(header):
            raise TableError(
                f"{table.path}:{line}: {len(cells)} cells under {len(header)} columns ({', '.join(header)});"
                " a cell that holds the separator or quotes stands in double quotes"
            )
        body = text.rstrip("\r\n")
        where = f"{table.path}:{line}"
        yield Row(dict(zip(header, cells, strict=True)), where, body, text[len(body) :])


def _decoded(text: str, at: int = 0) -> tuple[Any, int, bool]:
    """The value of JSON that begins at `at`, where it ends, and whether it holds what no JSON does: Python's
    reader knows NaN, which is null here, and infinities, which are texts.

    Raises:
        ValueError, RecursionError: it is not JSON, or one object has a key twice.
    """
    odd: list[str] = []

    def constant(name: str) -> str | None:
        odd.append(name)
        return None if name == "NaN" else name

    decoder = json.JSONDecoder(parse_float=Exact, parse_constant=constant, object_pairs_hook=_once)
    value, end = decoder.raw_decode(text, at)
    return value, end, bool(odd)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if "integer string conversion" in str(error):
        return f"a number of more than {sys.get_int_max_str_digits()} digits; put it in quotes"
    return str(getattr(error, "msg", error))


def _row(value: Any, where: str, before: str, after: str, *, is_odd: bool) -> Row:
    """A row of JSON as it stands in the file, or, if that is odd, written anew."""
    if not isinstance(value, dict) or not value:
        raise TableError(f"{where}: expected an object with the row's columns, found {str(value)[:60]}")
    return Row(value, where, _json_text(value)[:-1] if is_odd else before, after)


def _jsonl(table: Table) -> Iterator[Row]:
    blank = ""
    hint = "" if table.form == "jsonl" else "; a .json file holds an array of objects, [{...}, {...}]"
    for number, line in _lines(table):
        if not line.strip():
            blank += line
            continue
        where = f"{table.path}:{number}"
        try:
            value, end, is_odd = _decoded(line, len(line) - len(line.lstrip()))
            if line[end:].strip():
                raise ValueError("something follows the object")
        except (ValueError, RecursionError) as error:
            raise TableError(f"{where}: not JSON ({_reason(error)}){hint}") from None
        body = line[: end - 1].rstrip()
        row = _row(value, where, body, line[end - 1 :], is_odd=is_odd)
        yield replace(row, before=blank + row.before)
        blank = ""


def _opening(text: str) -> tuple[str, int]:
    """What stands before the first object of an array, and where that begins."""
    found = re.match(r"\s*\[\s*", text)
    start = found.end() if found else 0
    return text[:start], start


def _json(table: Table) -> Iterator[Row]:
    """An array of objects, one object that holds them, or, under the wrong name, one object a line."""
    text = _whole(table)
    head, at = _opening(text)
    if not head:
        held = _held(text, str(table.path))
        table.is_one = held is not None
        if held is None:
            yield from _jsonl(table)
        for number, value in enumerate(held or (), 1):
            closing = "}\n]\n" if number == len(held or ()) else "},\n"
            yield _row(value, f"{table.path} row {number}", "", closing, is_odd=True)
        return
    line, counted, sign = 1, 0, "\n" if "\n" in text else "\r"
    last = re.fullmatch(r"\]\s*", text[at:])  # an empty array
    while not last:
        line, counted = line + text.count(sign, counted, at), at
        where = f"{table.path}:{line}"
        try:
            value, end, is_odd = _decoded(text, at)
        except (ValueError, RecursionError) as error:
            raise TableError(f"{where}: not JSON ({_reason(error)})") from None
        last, comma = _CLOSING.match(text, end), _COMMA.match(text, end)
        if not last and not comma:
            raise TableError(
                f"{where}: after the object that begins here, a comma or the array's end is missing"
            )
        body = text[at : end - 1].rstrip()
        after = comma.end() if comma else len(text)
        yield _row(value, where, body, text[at + len(body) : after], is_odd=is_odd)
        at = after


def _held(text: str, where: str) -> Sequence[Any] | None:
    """The rows in one object: the one list of objects in it, or its columns; None where there are none."""
    try:
        value, end, _ = _decoded(text, len(text) - len(text.lstrip()))
    except (ValueError, RecursionError):
        return None  # to be said with its line
    if not isinstance(value, dict) or text[end:].strip():
        return None
    lists = {name: item for name, item in value.items() if isinstance(item, list)}
    full = [name for name, item in lists.items() if item and all(isinstance(each, dict) for each in item)]
    if len(full) > 1:
        raise TableError(
            f"{where}: several lists of rows ({', '.join(full)}); save each as a file of its own"
        )
    if full:
        return lists[full[0]]
    if not lists or len(lists) < len(value):
        return None
    if set(value) in ({"columns", "data"}, {"columns", "index", "data"}):  # pandas, orient="split"
        names = [str(name) for name in value["columns"]]
        if any(not isinstance(cells, list) or len(cells) != len(names) for cells in value["data"]):
            raise TableError(f"{where}: expected lists of {len(names)} values, one a column, under 'data'")
        return [dict(zip(names, cells, strict=True)) for cells in value["data"]]
    if len({len(item) for item in lists.values()}) > 1:
        lengths = ", ".join(f"{name} {len(item)}" for name, item in lists.items())
        raise TableError(f"{where}: lists of different lengths ({lengths}); expected one value a row in each")
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _text(table: Table) -> Iterator[Row]:
    """Every line is one input; empty ones at the end are none."""
    empty: list[Row] = []
    for number, line in _lines(table):
        body = line.rstrip("\r\n")
        row = Row({table.field: body}, f"{table.path}:{number}", body, line[len(body) :])
        if body.strip():
            yield from (*empty, row)
            empty.clear()
        else:
            empty.append(row)


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise TableError(f"{path}: Parquet needs pyarrow; type: pip install pyarrow") from None
    return pyarrow


def _parquet(table: Table) -> Iterator[Row]:
    number = 0
    with _pyarrow(table.path).parquet.ParquetFile(table.path) as file:
        for batch in file.iter_batches(batch_size=_CHUNK):
            for values in batch.to_pylist():
                number += 1
                yield Row(values, f"{table.path} row {number}")


# --------------------------------------------------------------------------- which column is which field


def match_columns(
    table: Table, fields: Sequence[str], output: str, wanted: Mapping[str, str]
) -> dict[str, str]:
    """Field -> column: what is `wanted`, else the column of that name, else, of a single field, the only
    other column of texts that has the name of an input.

    Raises:
        TableError: some field has no column; it says what to type.
    """
    if table.form == "text" and len(fields) > 1:
        raise TableError(
            f"{table.path}: a line is one input, and the model has {len(fields)} fields"
            f" ({', '.join(fields)}); give a table with these columns, .csv or .jsonl"
        )
    there = ", ".join(table.columns)
    for field, column in wanted.items():
        if field not in fields:
            raise TableError(
                f"--column {field}={column}: the model has no field {field!r}, only {', '.join(fields)}"
            )
        if column not in table.columns:
            raise TableError(f"--column {field}={column}: {table.path} has no such column, only {there}")
    found = {field: wanted.get(field, field) for field in fields}
    missing = [field for field, column in found.items() if column not in table.columns]
    if not missing:
        return found
    others = [name for name in table.texts if name not in found.values() and _may_be_input(name, output)]
    if len(fields) == 1 and len(others) == 1 and _is_named(table, others[0], fields[0]):
        return {fields[0]: others[0]}
    typed = " ".join(
        f"--column {_quoted(f'{field}={column}')}"
        for field, column in zip(missing, [*others, *["COLUMN"] * len(missing)], strict=False)
    )
    headless = ""
    if table.form in ("csv", "tsv") and len(missing) == len(fields):
        headless = f"\n    if its first line is a row: add a first line such as {','.join(fields)}" + (
            ", or name the file .txt, one input a line" if len(table.columns) == len(fields) == 1 else ""
        )
    raise TableError(
        f"{table.path}: no column {' and '.join(map(repr, missing))}; it has {there}\n"
        f"    say which it is, e.g. {typed}{headless}"
    )


def _words(name: str) -> list[str]:
    """`Review Body`, `reviewBody` and `review-body` alike."""
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())


def _may_be_input(name: str, output: str) -> bool:
    """Whether a column's name is neither the answer's nor one of those that no input has."""
    words, answer = _words(name), _words(output)
    return words[: len(answer)] != answer and _OTHERS.isdisjoint(words)


def _is_named(table: Table, column: str, field: str) -> bool:
    """Whether a column has a name, which the first cell of a table without a header is not: it says that it
    is an input, or stands beside one over nothing but numbers.
    """
    if table.form not in ("csv", "tsv"):
        return True
    if len(column) > _NAME or column in table.again:
        return False
    return not _INPUTS.union(_words(field)).isdisjoint(_words(column)) or bool(table.numeric)


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w=.-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or what it becomes where the table has such a column: name_predicted, name_predicted_2, ..."""
    known, found, number = set(taken), name, 1
    while found in known:
        found = f"{name}_predicted" + (f"_{number}" if number > 1 else "")
        number += 1
    return found


def count_rows(table: Table, problem: Callable[[Row], str]) -> int:
    """How many rows there are, none of which has a problem; from now on `table.columns` are those of all.

    Raises:
        TableError: with the first rows that have a problem, and how many there are.
    """
    count, wrong, bad = 0, [], 0
    columns: dict[str, None] = {}
    for row in table.rows():
        count += 1
        columns |= dict.fromkeys(row.values)
        said = problem(row)
        if said:
            bad += 1
            wrong += [f"{row.where}: {said}"] if bad <= _SHOWN else []
    if bad:
        more = [f"... {bad} rows of {count} are wrong, and none has been answered"] if bad > 1 else []
        raise TableError("\n    ".join([*wrong, *more]))
    table.columns = tuple(columns)
    return count


# --------------------------------------------------------------------------- writing


def check_target(table: Table, target: Path | None) -> str:
    """The format to write.

    Raises:
        TableError: the answers cannot be written there, or not so.
    """
    form = table.form if target is None else form_of(target)
    if target is None and form == "parquet":
        raise TableError("Parquet is not for the screen: give --output FILE")
    if target is not None and target.exists() and not target.is_file():
        raise TableError(
            f"{target}: not a regular file; leave --output out, and the answers go to the screen"
        )
    if target is not None and target.exists() and target.samefile(table.path):
        raise TableError(f"{target}: that is the input; give --output another name")
    if target is not None and not target.resolve().parent.is_dir():
        raise TableError(f"{target}: there is no folder {target.parent}; make it first")
    if target is not None and target.suffix.lower() == ".gz":
        raise TableError(f"{target}: answers are written unzipped; leave .gz out")
    if form == "text" and table.form != "text":
        raise TableError(f"{target}: a text file has no columns; name it .csv, .tsv, .jsonl or .json")
    if form == "parquet":
        _pyarrow(target or table.path)
    return form


def write(
    table: Table, target: Path | None, screen: IO[bytes], names: tuple[str, str], answers: Answers
) -> None:
    """Write every row with its answer and score under `names`; a file takes its name when it is whole.

    Raises:
        TableError: it cannot be written.
    """
    form = check_target(table, target)
    if target is None:
        with translated(table.path):
            _write(table, form, screen, names, answers)
        return
    place = target.resolve()
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    with translated(target):
        try:
            with draft.open("wb") as stream:
                _write(table, form, stream, names, answers)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, place)
        finally:
            draft.unlink(missing_ok=True)


def _write(table: Table, form: str, stream: IO[bytes], names: tuple[str, str], answers: Answers) -> None:
    if form == "parquet":
        _write_parquet(table, stream, names, answers)
        return
    same = form == table.form
    encoder = io.TextIOWrapper(
        stream, table.encoding if same else "utf-8", "backslashreplace", newline="", write_through=True
    )
    try:
        for piece in _spliced(table, names, answers) if same else _anew(table, form, names, answers):
            encoder.write(piece)
    finally:
        encoder.detach()


def _spliced(table: Table, names: tuple[str, str], answers: Answers) -> Iterator[str]:
    """The file's own text, with the answers put in."""
    head = table.head()
    if table.separator:
        body = head.rstrip("\r\n")
        yield body + _joined(names, table.separator) + (head[len(body) :] or "\n")
    else:
        yield head
    for row, said in answers:
        yield row.before + _addition(table, names, said) + row.after


def _addition(table: Table, names: tuple[str, str], said: Any) -> str:
    if table.separator:
        return _joined((said.output, f"{said.score:.4f}"), table.separator)
    if table.form == "text":
        return f"\t{' '.join(said.output.split())}\t{said.score:.4f}"
    return (
        f", {_json_text(names[0])}: {_json_text(said.output)}, {_json_text(names[1])}: {round(said.score, 4)}"
    )


def _joined(cells: Sequence[str], separator: str) -> str:
    """Further cells of a line that has some."""
    return "".join(separator + _cell(cell, separator) for cell in cells)


def _cell(text: str, separator: str) -> str:
    quoted = any(mark in text for mark in (separator, '"', "\r", "\n")) or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if quoted else text


def _json_text(value: Any) -> str:
    """JSON, with numbers as they were written, and null for what is no number."""
    if isinstance(value, Exact):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(
                f"{json.dumps(str(k), ensure_ascii=False)}: {_json_text(v)}" for k, v in value.items()
            )
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _anew(table: Table, form: str, names: tuple[str, str], answers: Answers) -> Iterator[str]:
    """The rows in another format."""
    columns = table.columns if form in ("csv", "tsv") else ()
    separator = "\t" if form == "tsv" else ","
    if columns:
        yield separator.join(_cell(name, separator) for name in (*columns, *names)) + "\n"
    elif form == "json":
        yield "[\n"
    for number, (row, said) in enumerate(answers):
        if columns:
            cells = [_plain(row.values.get(name)) for name in columns]
            yield separator.join(_cell(cell, separator) for cell in cells)
            yield _joined((said.output, f"{said.score:.4f}"), separator) + "\n"
            continue
        if table.form in ("json", "jsonl"):  # as it is written, on one line
            body = re.sub(r"\s*\n\s*", " ", row.before.strip()) + _addition(table, names, said) + "}"
        else:
            body = _json_text({**row.values, names[0]: said.output, names[1]: round(said.score, 4)})
        yield body + "\n" if form == "jsonl" else ("" if number == 0 else ",\n") + body
    if form == "json":
        yield "\n]\n"


def _plain(value: Any) -> str:
    """A value as a cell: texts and numbers as they are, nothing for null, anything nested as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if value != value:  # NaN
        return ""
    return _json_text(value) if isinstance(value, (dict, list, bool)) else str(value)


def _column(arrow: Any, values: Sequence[Any]) -> Any:
    """A column of the type that its values have; as texts where no type holds them all."""
    try:
        return arrow.array(values)
    except (arrow.ArrowException, OverflowError, UnicodeError):
        cells = [None if value is None else _plain(value) for value in values]
        return arrow.array([cell and cell.encode("utf-8", "backslashreplace").decode() for cell in cells])


def _write_parquet(table: Table, stream: IO[bytes], names: tuple[str, str], answers: Answers) -> None:
    """Columns of a Parquet file keep their types; those of other files get what their values are."""
    arrow = _pyarrow(table.path)

    def added(batch: Any, said: Sequence[Any]) -> Any:
        outputs = arrow.array([each.output for each in said], arrow.string())
        scores = arrow.array([round(each.score, 4) for each in said], arrow.float64())
        return batch.append_column(names[0], outputs).append_column(names[1], scores)

    if table.form != "parquet":
        pairs = list(answers)
        columns = [_column(arrow, [row.values.get(name) for row, _ in pairs]) for name in table.columns]
        whole = arrow.table(columns, names=list(table.columns))
        arrow.parquet.write_table(added(whole, [said for _, said in pairs]), stream)
        return
    writer = None
    with arrow.parquet.ParquetFile(table.path) as file:
        for batch in file.iter_batches(batch_size=_CHUNK):
            rows = arrow.Table.from_batches([batch])
            made = added(rows, [said for _, said in islice(answers, len(batch))])
            writer = writer or arrow.parquet.ParquetWriter(stream, made.schema)
            writer.write_table(made)
    if writer is not None:
        writer.close()
