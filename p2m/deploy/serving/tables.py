"""Tables and text files for predict.py: the rows to ask about, and the same file again with their answers.

A bundle ships this file beside predict.py. The standard library is all it needs; Parquet takes pyarrow.
What a file holds stays as it is written, byte for byte: an answer is put into the text of its row. Only where
the answers go to a file of another format are the other columns written anew.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

from . import lines
from .lines import Exact, Row, TableError, encoding_of, numbered_lines, translated
from .objects import json_lines, json_rows
from .parquet import parquet_rows, pyarrow_for
from .separated import LOOK, NOTHING, SEPARATORS, records, separator, under_header

FORMATS = {**lines.FORMATS, ".txt": "text", ".text": "text"}
_USUAL = {"csv": ",", "tsv": "\t"}  # between cells, where a file does not tell
_LOOK = 1000  # rows by which the columns are told apart
_NAME = 60  # characters: no column has a longer name, but a row in the place of the header has
_MESSAGES = "messages"  # the column of conversations with a chat model
_GROUP = 5000  # rows of a row group of Parquet that is written
_SHOWN = 5  # bad rows that are named
Answers = Iterator[tuple[Row, Any]]  # each row with its answer, which has `output` and `score`
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
    " link hash sha model date time timestamp path file filename split version author user username lang"
    " language".split()
)
_NUMBER = re.compile(r"[\s\d.,:/+-]*")  # numbers, dates and times in cells


def form_of(path: Path) -> str:
    """The format of a file, by its name, which may end in .gz too.

    Raises:
        TableError: the name does not tell.
    """
    form = lines.form_of(path, FORMATS)
    if form is None and (said := lines.unread(path)):
        raise TableError(f"{path}{said}")
    if form is None:
        raise TableError(f"{path}: the name must end in {', '.join(FORMATS)}, each but .parquet also as .gz")
    return form


# --------------------------------------------------------------------------- reading


class Table:
    """A file of rows, read anew as often as it is asked for. `columns` are all that its first rows have, and
    `names` these with the fields of objects in their places, dotted.
    """

    def __init__(self, path: Path, field: str) -> None:
        """`field` is what a line of a text file is called.

        Raises:
            TableError: there is no such file, it is no table, or its first rows are broken.
        """
        if path.is_dir() and (said := lines.unread(path)):
            raise TableError(f"{path}{said}")
        if not path.is_file():
            raise TableError(f"{path}: {'not a regular file' if path.exists() else 'there is no such file'}")
        self.path, self.field = path, field
        self.form = form_of(path)
        with translated(path):
            self.encoding = "utf-8" if self.form == "parquet" else encoding_of(path)
            self.separator = _USUAL.get(self.form, "")  # between cells of what is written
            self.read_by = separator(path, self.separator, lone=NOTHING) if self.separator else ""
        if self.read_by != NOTHING:
            self.separator = self.read_by
        first = list(islice(self.rows(), _LOOK))
        if not first:
            raise TableError(f"{path}: there are no rows in it")
        self.columns = tuple(dict.fromkeys(name for row in first for name in row.values))
        self.names = tuple(dict.fromkeys(name for row in first for name in _names(row.values)))
        cells = {name: [_or_none(row.values, name) for row in first] for name in self.names}
        self.texts = tuple(name for name, values in cells.items() if _is_text(values))
        # what tells a header from a row: its name stands in the rows again, and it is no number over numbers
        self.again = {name for name, values in cells.items() if name in values}
        others = [name for name in self.names if name not in self.texts and any(cells[name])]
        self.numeric = [name for name in others if not _NUMBER.fullmatch(name)]

    def rows(self) -> Iterator[Row]:
        """Every row, in order.

        Raises:
            TableError: with file and line.
        """
        with translated(self.path):
            yield from islice(self.from_top(), 1 if self.separator else 0, None)

    def from_top(self) -> Iterator[Row]:
        """The same, after its header where cells are separated."""
        if self.separator:
            rows = under_header(records(self.path, self.read_by))
            return map(self._quoted, rows) if self.read_by == NOTHING else rows
        if self.form == "text":
            return _text(self)
        return {"jsonl": json_lines, "json": json_rows, "parquet": parquet_rows}[self.form](self.path)

    def _quoted(self, row: Row) -> Row:
        """A row of a lone column; its cell in quotes where it holds what now separates."""
        cell = row.before.lstrip("\r\n")
        if self.separator not in cell or cell.startswith('"'):
            return row
        return row._replace(before=row.before.removesuffix(cell) + _cell(cell, self.separator))


def _names(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def cell(values: Mapping[str, Any], name: str, field: str = "") -> Any:
    """What stands in a column, or in the field of an object that a dotted name means. Of a conversation it is
    what its user said last: the text, or this `field` where the text is a JSON object that has it.

    Raises:
        KeyError: there is no such column.
    """
    if name in values:
        return _said_last(values[name], field) if name == _MESSAGES else values[name]
    for end, sign in enumerate(name):
        if sign == "." and isinstance(inner := values.get(name[:end]), Mapping):
            return cell(inner, name[end + 1 :])
    raise KeyError(name)


def _said_last(messages: Any, field: str) -> Any:
    """What a user said last; what is no conversation as it is."""
    if not isinstance(messages, list) or not all(isinstance(each, Mapping) for each in messages):
        return messages
    said = (_message(each.get("content")) for each in reversed(messages) if each.get("role") == "user")
    text = next(filter(None, said), "")
    try:
        value = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return text
    return value[field] if isinstance(value, dict) and isinstance(value.get(field), str) else text


def _message(content: Any) -> str:
    """The text of a message: a text, or a list of parts of which some are texts."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str)).strip()


def _or_none(values: Mapping[str, Any], name: str) -> Any:
    with suppress(KeyError):
        return cell(values, name)
    return None


def _is_text(values: Sequence[Any]) -> bool:
    given = [value for value in values if value not in (None, "")]
    texts = all(isinstance(value, str) for value in given)
    return texts and any(not _NUMBER.fullmatch(value) for value in given)


def _text(table: Table) -> Iterator[Row]:
    """Every line is one input; empty ones at the end are none."""
    empty: list[Row] = []
    for number, line in numbered_lines(table.path):
        body = line.rstrip("\r\n")
        row = Row({table.field: body}, f"{table.path}:{number}", body, line[len(body) :])
        if body.strip():
            yield from (*empty, row)
            empty.clear()
        else:
            empty.append(row)


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
    there = ", ".join(table.names)
    for field, column in wanted.items():
        if field not in fields:
            raise TableError(
                f"--column {field}={column}: the model has no field {field!r}, only {', '.join(fields)}"
            )
        if column not in (*table.columns, *table.names):
            raise TableError(f"--column {field}={column}: {table.path} has no such column, only {there}")
    found = {field: wanted.get(field, field) for field in fields}
    missing = [field for field, column in found.items() if column not in (*table.columns, *table.names)]
    if not missing:
        return found
    if _MESSAGES in table.columns:
        if len(fields) == 1:
            return {fields[0]: _MESSAGES}
        raise TableError(
            f"{table.path}: its rows are conversations, whose user says one text, and the model has"
            f" {', '.join(fields)}\n    give a table with these columns"
        )
    others = [name for name in table.texts if name not in found.values() and _may_be_input(name, output)]
    if len(fields) == 1 and len(others) == 1 and _is_named(table, others[0], fields[0]):
        return {fields[0]: others[0]}
    typed = " ".join(
        f"--column {shlex.quote(f'{field}={column}')}"
        for field, column in zip(missing, [*others, *["COLUMN"] * len(missing)], strict=False)
    )
    if at := _names_below(table, missing):
        raise TableError(
            f"{table.path}: the columns are named in line {at}; take out the lines above it:"
            f" tail -n +{at} {shlex.quote(str(table.path))} > rows.csv"
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


def _names_below(table: Table, fields: Sequence[str]) -> int:
    """The first line below the top that has these names for cells; 0 where none has."""
    for number, line in islice(numbered_lines(table.path), LOOK) if table.separator else ():
        cells = ({cell.strip(' "\r\n') for cell in line.split(sign)} for sign in SEPARATORS)
        if number > 1 and any(len(each) > 1 and each.issuperset(fields) for each in cells):
            return number
    return 0


def looks_like_texts(path: Path, fields: Sequence[str], output: str) -> bool:
    """Whether a file that no name tells holds a text a line: no column of it is an input, and its first line
    reads like no header.

    Raises:
        TableError: it is no text.
    """
    try:
        match_columns(Table(path, fields[0]), fields, output, {})
    except TableError:
        lines = [line.strip() for _, line in islice(numbered_lines(path), LOOK) if line.strip()]
    else:
        return False
    if len(fields) > 1 or not lines:
        return False
    sign = max(SEPARATORS, key=lines[0].count)
    cells = [cell.strip(' "') for cell in lines[0].split(sign)]
    if len(cells) == len(lines) == 1:
        return cells != [*fields]
    known = _INPUTS.union(_OTHERS, *map(_words, (*fields, output)))
    if any(cell and known.issuperset(_words(cell)) for cell in cells):
        return False
    is_even = len(lines) > 1 and len(cells) > 1 and len({line.count(sign) for line in lines}) == 1
    return not is_even or any(len(cell.split()) > 3 or cell[-1:] in tuple(".!?") for cell in cells)


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
    is_sentence = len(column.split()) > 2 and "_" not in column
    if is_sentence or len(column) > _NAME or column in table.again:
        return False
    return not _INPUTS.union(_words(field)).isdisjoint(_words(column)) or bool(table.numeric)


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
        if said := problem(row):
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
    if target is None:
        if table.form == "parquet":
            raise TableError("Parquet is not for the screen: say where the answers go, e.g. answered.parquet")
        return table.form
    form = form_of(target)
    if target.exists() and not target.is_file():
        raise TableError(
            f"{target}: not a regular file; leave the output out, and the answers go to the screen"
        )
    if target.exists() and target.samefile(table.path):
        raise TableError(f"{target}: that is the input; give the output another name")
    if not target.resolve().parent.is_dir():
        raise TableError(f"{target}: there is no folder {target.parent}; make it first")
    if target.suffix.lower() == ".gz":
        raise TableError(f"{target}: answers are written unzipped; leave .gz out")
    if form == "text" and table.form != "text":
        raise TableError(f"{target}: a text file has no columns; name it .csv, .tsv, .jsonl or .json")
    if form == "parquet":
        pyarrow_for(target)
    return form


def write(
    table: Table, target: Path | None, screen: IO[bytes], names: Sequence[str], answers: Answers
) -> None:
    """Write every row with its answer, its score and, under a third of the `names`, whether it is abstained
    from; a file takes its name when it is whole.

    Raises:
        TableError: it cannot be written.
    """
    form = check_target(table, target)
    if target is None:
        with translated(Path("standard output")):  # what is wrong with the input says so itself
            _write(table, form, screen, names, answers)
        return
    place = target.resolve()
    draft = place.with_name(f".{place.name}.draft")
    with translated(target):
        try:
            with draft.open("wb") as stream:
                _write(table, form, stream, names, answers)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, place)
        finally:
            draft.unlink(missing_ok=True)


def _write(table: Table, form: str, stream: IO[bytes], names: Sequence[str], answers: Answers) -> None:
    if form == "parquet":
        _write_parquet(table, stream, names, answers)
        return
    same = form == table.form
    encoding = table.encoding if same else "utf-8"
    encoder = io.TextIOWrapper(stream, encoding, "backslashreplace", newline="", write_through=True)
    try:
        for piece in _spliced(table, names, answers) if same else _anew(table, form, names, answers):
            encoder.write(piece)
    finally:
        encoder.detach()


def _spliced(table: Table, names: Sequence[str], answers: Answers) -> Iterator[str]:
    """The file's own text, with the answers put in."""
    if table.separator:
        head = next(table.from_top())
        yield head.before + _joined(names, table.separator) + (head.after or "\n")
    for row, said in answers:
        yield row.before + (_json_text(row.values)[:-1] if row.anew else "")
        yield _addition(table, names, said) + row.after


def _addition(table: Table, names: Sequence[str], said: Any) -> str:
    if table.separator:
        return _joined(_cells(names, said), table.separator)
    if table.form == "text":
        return "".join(f"\t{' '.join(cell.split())}" for cell in _cells(names, said))
    return f", {_json_text(_named(names, said))[1:-1]}"


def _named(names: Sequence[str], said: Any) -> dict[str, Any]:
    return dict(zip(names, (said.value, round(said.score, 4), said.abstain), strict=False))


def _cells(names: Sequence[str], said: Any) -> tuple[str, ...]:
    return (said.output, f"{said.score:.4f}", "true" if said.abstain else "false")[: len(names)]


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
        pairs = [f"{_json_text(str(key))}: {_json_text(item)}" for key, item in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _anew(table: Table, form: str, names: Sequence[str], answers: Answers) -> Iterator[str]:
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
            yield _joined(_cells(names, said), separator) + "\n"
            continue
        if table.form in ("json", "jsonl"):  # as it is written, on one line
            written = _json_text(row.values)[:-1] if row.anew else row.before[row.before.index("{") :]
            body = re.sub(r"\s*\n\s*", " ", written) + _addition(table, names, said) + "}"
        else:
            body = _json_text({**row.values, **_named(names, said)})
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


def _write_parquet(table: Table, stream: IO[bytes], names: Sequence[str], answers: Answers) -> None:
    """Columns of a Parquet file keep their types; those of other files get what their values are."""
    arrow = pyarrow_for(table.path)
    writer = None
    for group in _groups(table, arrow):
        said = [each for _, each in islice(answers, len(group))]
        outputs = arrow.array([each.output for each in said], arrow.string())
        scores = arrow.array([round(each.score, 4) for each in said], arrow.float64())
        marks = arrow.array([each.abstain for each in said], arrow.bool_())
        for name, column in zip(names, (outputs, scores, marks), strict=False):
            group = group.append_column(name, column)
        writer = writer or arrow.parquet.ParquetWriter(stream, group.schema)
        writer.write_table(group)
    if writer is not None:
        writer.close()


def _groups(table: Table, arrow: Any) -> Iterator[Any]:
    """The rows as tables of `_GROUP` rows, each of which becomes a row group."""
    if table.form != "parquet":
        yield from _typed(table, arrow)
        return
    with arrow.parquet.ParquetFile(table.path) as file:
        for batch in file.iter_batches(batch_size=_GROUP):
            yield arrow.Table.from_batches([batch])


def _typed(table: Table, arrow: Any) -> Iterator[Any]:
    """The rows of another file; a column has the type that its values share, and is text without one."""
    types = {name: arrow.string() for name in table.columns}
    if table.form in ("json", "jsonl"):
        types = _fitting(table, arrow, _shared_types(table, arrow))
    for rows in _cut(table.rows()):
        columns = [_column(arrow, [row.values.get(name) for row in rows], types[name]) for name in types]
        yield arrow.table(columns, names=list(types))


def _shared_types(table: Table, arrow: Any) -> dict[str, Any]:
    """Of each column the type that its values have in common, group by group; text where there is none."""
    found = {name: arrow.null() for name in table.columns}
    for rows in _cut(table.rows()):
        for name, known in found.items():
            try:
                seen = arrow.array([row.values.get(name) for row in rows]).type
                both = [arrow.schema([(name, each)]) for each in (known, seen)]
                found[name] = arrow.unify_schemas(both, promote_options="permissive").field(name).type
            except (arrow.ArrowException, OverflowError):
                found[name] = arrow.string()
    return found


def _fitting(table: Table, arrow: Any, types: dict[str, Any]) -> dict[str, Any]:
    """The same, where every value is one of its column's type; elsewhere text."""
    for rows in _cut(table.rows()):
        for name, kind in types.items():
            try:
                arrow.array([row.values.get(name) for row in rows], kind)
            except (arrow.ArrowException, OverflowError):
                types[name] = arrow.string()
    return types


def _column(arrow: Any, values: Sequence[Any], kind: Any) -> Any:
    if kind == arrow.string():
        values = [None if value is None else _plain(value) for value in values]
    return arrow.array(values, kind)


def _cut(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while group := list(islice(rows, _GROUP)):
        yield group
