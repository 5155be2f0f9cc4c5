"""The task that a table of the user's shows: which columns go in, which comes out, and the labels there.

Names of columns and words of the prompt speak first, then what the columns hold. Where both leave a doubt,
nothing is guessed: the error names the columns and the option that decides.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from p2m.answers.canonical import Unfit, canonical_of, is_shaped
from p2m.answers.labels import fold, label_reader
from p2m.answers.spans import is_nothing, read_text
from p2m.catalogs.base import (
    Column,
    Converter,
    Gathering,
    RawRow,
    gathering,
    observe,
    open_catalogue,
    part_paths,
    read_rows,
)
from p2m.catalogs.belonging import Together, together
from p2m.catalogs.columns import MAX_LABELS, flatten, text_of
from p2m.catalogs.mapping import has_texts, is_json, unfit
from p2m.catalogs.vocabulary import ALSO, BOOKKEEPING, GROUPS, plain
from p2m.deploy.serving.shapes import read_labels
from p2m.errors import UserError, nearest
from p2m.parsing import columns_of, hardly_return, not_built, orders_of, parse_prompt, read_answers
from p2m.types import Card, Example, Field, Layout, RecordField, Scale, Task, TaskType

_ANSWERS = frozenset((*GROUPS["label"], *GROUPS["answer"], *GROUPS["output"][:8])) - {"text", "language"}
_PAIRS = (
    ("question", "context"),
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
)
_RECORD = "record"  # the answer that several columns become
_FEWEST = 8  # rows that tell what sort of task they are for, where nobody else says it
_SAMPLE = 5000  # rows that tell in which columns answers stand
_COMMON = 5  # rows from which a label is no slip of the pen
_RARER = 4  # times as many rows has a label as another spelling of it that differs in case alone
_MANY_WORDS = 6.0  # a value's mean length in words from which it is a label only where it returns often
_SENTENCES = 50  # of such values, at most
_OFTEN = 10  # rows that each of them has on average, at least
_KIN = 5  # letters that two words of one stem begin with alike: fraud and fraudulent
_ENDING = 2  # letters that the shorter one ends with beside it, or a plural or a case
_UNIT = re.compile(r"\s*[(\[][^)\]]*[)\]]$")  # after a name: `Area (m²)`
_FILLING = frozenset(("is", "was", "has", "did", "will"))  # words of a column's name that a prompt leaves out
_TOLD_BY = (  # words of six languages after which it is said what an answer is told from
    "from|using|based on|aus|anhand|mithilfe|auf Basis|auf Grundlage|à partir|d'après|selon|a partir|según"
    "|com base|a partire|in base|op basis|aan de hand"
)
_BESIDE = re.compile(rf"\b(?:of|by|given|based|with|for|about|in|to|on|{_TOLD_BY})\b", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d[\d.,' ]*(e[-+]?\d+)?%?", re.IGNORECASE)
_STAMP = re.compile(
    r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?\S*)?|\d{1,2}:\d{2}(?::\d{2})?"
    r"|[^\s@]+@[^\s@]+\.\w+|https?://\S+"
)
_IDENTIFIER = re.compile(r"[^\W\d_]{0,6}(?:[-_/#.]\d|\d{3})[\d./_-]*")
_INDEX = re.compile(r"__index_level_\d+__")  # what pandas calls the index of a frame
_GIVEN = (  # up to what goes in
    r"\b(?:given|convert|translate|transliterate|normali[sz]e|rewrite|paraphrase|summari[sz]e|expand|shorten"
    r"|simplify|correct|clean|split|turn)\s+(?:(?:an?|the|this|each|every|its|one)\s+)?(?:\w+(?:'s)?\s+)?"
)
_SOURCE = re.compile(  # what an answer is told from, up to what it is
    rf"\b(?:{_TOLD_BY})\b((?:(?!\b(?:whether|if|what|which|who|how|to|into|as|say|tell|predict"
    r"|estimate|decide|name|give|classify|rate)\b)[^.?!:;\n])*)",
    re.IGNORECASE,
)
_MEDIA = re.compile(
    r".+\.(png|jpe?g|gif|webp|bmp|tiff?|heic|wav|mp3|flac|ogg|m4a|mp4|avi|mov|pdf)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class TableTask:
    """What a table says about a task; fields are named like their columns."""

    type: TaskType
    inputs: tuple[str, ...]
    output: str
    rows: int
    labels: Mapping[str, int] = field(default_factory=dict)  # label or type -> rows, commonest first
    none: str | None = None  # as in Task, and so are the next three
    layout: Layout | None = None
    scale: Scale | None = None
    record: tuple[RecordField, ...] = ()
    odd: Mapping[str, str] = field(default_factory=dict)  # a value that is no label -> the label it resembles
    where: Mapping[str, str] = field(default_factory=dict)  # such a value -> file:line
    spelt: Mapping[str, str] = field(default_factory=dict)  # one that differs in case alone -> its label
    is_strict: bool = False  # whether case and marks of a text count
    has_test: bool = False  # the folder has a part of its own to judge by
    doubts: tuple[str, ...] = ()  # where prompt and rows disagree
    group: Together | None = None  # a column by which rows seem to belong together


@dataclass(frozen=True, slots=True)
class _Table:
    """A file, or the part of a dataset's folder that is learnt from."""

    path: Path
    files: tuple[Path, ...]
    card: Card
    gather: Gathering
    columns: tuple[Column, ...] = ()

    def records(self) -> Iterator[RawRow]:
        return map(self.gather.row, _rows(self.files))

    def column(self, name: str) -> Column:
        """
        Raises:
            UserError: there is none of that name.
        """
        for column in self.columns:
            if name in (column.name, _field(column.name)):
                return column
        if inner := [each for each in self.names if each.startswith(f"{name}.")]:
            raise UserError(f"{self.path}: {name!r} is an object; name one of its fields: {_listed(inner)}")
        raise UserError(f"{self.path}: there is no column {name!r}: {nearest(name, self.names)}")

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def examples(
        self, task: Task, inputs: Sequence[Column], output: Column, *, is_raw: bool = False
    ) -> Iterator[tuple[Example, str]]:
        """What a build will read as each row, and the row's place; without what it will refuse.

        Raises:
            UserError: answers may be read in two ways, or are several where one is expected.
        """
        names = (*(one.name for one in task.inputs), task.output.name)
        mapping = {name: column.name for name, column in zip(names, (*inputs, output), strict=True)}
        converter = Converter(task, mapping, "user", self.card.label_names, aliases=False, is_raw=is_raw)
        if not is_raw and is_shaped(task):
            try:
                said = canonical_of(task, [converter.written(record) for record in self.records()])
            except Unfit as error:
                raise UserError(f"{self.path}: the column {output.name!r}: {error}") from None
            converter = replace(converter, canonical=said)
        for record in self.records():
            row = converter.convert(record)
            if isinstance(row, Example):
                yield row, record.where
            elif "several labels" in row:
                raise UserError(
                    f"{record.where}: {row}\n    give each row one label, or name another column with"
                    " --output-column NAME"
                )


def read_task(
    path: Path, prompt: str, *, inputs: Sequence[str] = (), output: str = "", test: Path | None = None
) -> TableTask:
    """The task of the table at `path`, a data file or a dataset's folder; `inputs` and `output` name columns.
    An `output` of several, with commas, is one record of them.

    Raises:
        UserError: it has no rows, leaves the columns in doubt, or holds what no model can be learnt from.
    """
    several = tuple(filter(None, map(str.strip, output.split(","))))
    table, numbers = _open(path, prompt, output), frozenset[str]()
    if len(several) > 1 and output not in table.names:
        numbers = frozenset(name for name in several if _is_number(table.column(name)))
        table, output = _as_one(table, several), _RECORD
    else:
        several = ()
    chosen = _output(table, prompt, inputs, output)
    given = tuple(dict.fromkeys(table.column(name) for name in inputs)) or _inputs(table, prompt, chosen)
    if chosen in given:
        raise UserError(
            f"{path}: the column {chosen.name!r} cannot both go in and come out\n    name another one with"
            " --input-columns or --output-column"
        )
    _refuse_unread(table, (*given, chosen))
    _refuse_media(table, given)
    task = _task(table, prompt, given, chosen)
    rows = max((column.rows for column in table.columns), default=0)
    has_test = path.is_dir() and any(part.name == "test" for part in table.card.parts)
    found = TableTask(
        task.type,
        tuple(_field(one.name) for one in given),
        _field(chosen.name),
        rows,
        none=task.none,
        layout=task.layout,
        scale=task.scale,
        record=tuple(RecordField(f.name, "number") if f.name in numbers else f for f in task.record),
        is_strict=task.type is TaskType.TEXT_TO_TEXT and task.metrics[0] == "exact_match",
        has_test=has_test,
    )
    if task.type is TaskType.CLASSIFICATION:
        found = _labelled(table, task, given, chosen, found)
    elif task.type is TaskType.MULTI_LABEL or (task.layout is not None and task.layout.has_types):
        found = _counted(table, task, given, chosen, found)
    group = _together(table, replace(task, labels=()), given, chosen)
    unread = () if inputs else _unread(table, given, chosen, group, prompt)
    below = _below(table, given, chosen)
    doubts = (*(() if several else task.doubts), *found.doubts, *unread, *below)
    found = replace(found, group=group, doubts=doubts)
    if test is not None:
        other = _open(test, prompt, output)
        for name in (*(column.name for column in given), *(several or (chosen.name,))):
            if name not in (*other.names, *map(_field, other.names)):
                raise UserError(
                    f"{test}: there is no column {name!r}, which {path} has; it has {_listed(other.names)}\n"
                    "    give its columns the same names"
                )
    return found


def _open(path: Path, prompt: str, output: str) -> _Table:
    """
    Raises:
        UserError: there is nothing to read, or no row in it.
    """
    card = Card(path.name)
    files: tuple[Path, ...] = (path,)
    if path.is_dir():
        catalogue = open_catalogue(path)
        if len(catalogue.cards) != 1:
            names = ", ".join(card.name for card in catalogue.cards[:8]) or catalogue.skipped[0].reason
            raise UserError(
                f"{path}: one dataset was expected, and there is: {names}\n    give the file itself"
            )
        card = catalogue.cards[0]
        part = next((one for one in card.parts if one.name in ("train", "all")), card.parts[0])
        files = part_paths(path, card, part)
    read = parse_prompt(prompt)
    draft = replace(read, inputs=(), labels=(), output=Field(output or read.output.name))
    gather = gathering(draft, list(islice(_rows(files), _SAMPLE)), card.label_names, is_own=True)
    table = _Table(path, files, card, gather)
    columns = observe(table.records(), card.label_names)
    if not columns:
        raise UserError(f"{path}: it has no rows; a table has a line of column names and a row an example")
    if gather.asked:
        columns = tuple(column for column in columns if column.name in (*gather.asked, gather.output))
    return replace(table, columns=columns)


def _as_one(table: _Table, names: Sequence[str]) -> _Table:
    """The table with these columns as the fields of one record.

    Raises:
        UserError: there is no such column.
    """
    fields = tuple(table.column(name).name for name in names)
    made = replace(table, gather=replace(table.gather, switches=(), fields=fields, output=_RECORD))
    return replace(made, columns=observe(made.records(), table.card.label_names))


def _rows(files: Sequence[Path]) -> Iterator[RawRow]:
    for file in files:
        yield from read_rows(file)


# --------------------------------------------------------------------------- columns


def _output(table: _Table, prompt: str, inputs: Sequence[str], named: str) -> Column:
    if named:
        return table.column(named)
    free = [
        column
        for column in table.columns
        if column.filled and column.name not in inputs and column.name not in ALSO
    ]
    read = {column.name for column in free if _goes_in(column.name, prompt)}
    scores = {
        c.name: 0 if c.name in read or _is_source(c.name, prompt) else _output_score(c, prompt) for c in free
    }
    if not any(scores.values()):
        scores = _by_mention(free, read, prompt)
    best = sorted(free, key=lambda each: (-scores[each.name], _is_constant(each), _is_number(each)))
    if not best or len(table.columns) < 2:
        raise UserError(
            f"{table.path}: a table needs a column that goes in and one that comes out; it has"
            f" {_listed(table.names)}{'; part columns by commas or tabs' * ('  ' in table.names[0])}"
            "\n    texts without answers: write them into a .txt, one a line, and give that"
        )
    rivals = [each for each in best[1:] if not _is_same(best[0], each)]
    rivals = [each for each in rivals if _is_constant(best[0]) or not _is_constant(each)]
    if scores[best[0].name] <= 0 or (rivals and scores[best[0].name] == scores[rivals[0].name]):
        raise UserError(
            f"{table.path}: which column is the answer is not plain: {_listed(table.names)}"
            f"\n    say it with --output-column NAME{_as_record(free)}"
        )
    return best[0]


def _by_mention(free: Sequence[Column], read: Collection[str], prompt: str) -> dict[str, int]:
    """How much speaks for each column by whether the prompt speaks of it; and for the last one of two, since
    what a prompt speaks of may be what is to be rewritten as well as what is to be found.
    """
    left = [column for column in free if column.name not in read]
    mentioned = [column for column in left if _is_mentioned(column.name, prompt)]
    if len(mentioned) == 1 and not _is_asked_for(mentioned[0].name, prompt):
        mentioned = []
    scores = {column.name: 0 for column in free} | {
        column.name: 1 + 2 * _is_number(column) + 2 * any(_stands_in(column, other) for other in free)
        for column in mentioned
    }
    if len(left) == 2 or len(left) == 1 < len(free):
        scores[left[-1].name] += 1
    return scores


def _as_record(free: Sequence[Column]) -> str:
    """What to type where several columns together may be the answer."""
    parts = [one.name for one in free if any(_stands_in(one, other) for other in free)]
    if len(parts) < 2:
        return ""
    fields = ", ".join(f"{name}: span" for name in parts)
    task = f"{{type: records, record: {{{fields}}}}}"
    return f"; or, where all are the answer, write a recipe with task: {task}"


def _output_score(column: Column, prompt: str) -> int:
    """How much speaks for a column being the answer; 0 for none."""
    if _is_bookkeeping(column.name) and not _is_mentioned(column.name, prompt):
        return int(plain(column.name).removesuffix("_id") in _ANSWERS and _returns(column))
    name = _field(plain(column.name))
    is_called = name in _ANSWERS or (_is_number(column) and name in GROUPS["number"])
    outer, _, inner = column.name.partition(".")
    is_wrapped = plain(outer) in _ANSWERS and plain(inner) in _ANSWERS and not _is_number(column)
    is_called = is_called or is_wrapped
    is_asked_for = _is_asked_for(column.name, prompt)
    score = 3 * is_called + 2 * _returns(column) + 5 * is_json(column)
    score = score or int((is_asked_for and _is_number(column)) or _recurs(column))
    is_named = is_asked_for or _is_mentioned(column.name, prompt)
    return score + 2 * is_named if score else 0


def _inputs(table: _Table, prompt: str, output: Column) -> tuple[Column, ...]:
    """The one column of texts that do not return, else those that the prompt names; of a table without such
    texts all that say something of a row. What the prompt says is given goes in beside them.
    """
    free = _readable(table, output, prompt)
    texts = [column for column in free if column.kind in ("text", "texts") and not _is_number(column)]
    long = [column for column in texts if not _returns(column) and not _is_date(column)]
    by_name = {plain(column.name): column for column in texts}
    for pair in _PAIRS:
        if all(name in by_name for name in pair):
            return tuple(by_name[name] for name in pair)
    options = columns_of(output.distinct or (), [column.name for column in free]).values()
    if options:
        asked = [column for column in long if column.name not in options]
        return tuple(column for column in free if column.name in options or column in asked)
    mentioned = [column for column in free if _is_mentioned(column.name, prompt)]
    given = [
        column
        for column in free
        if _goes_in(column.name, prompt)
        or _is_source(column.name, prompt)
        or (column in mentioned and _is_stamp(column))
    ]
    if len(long) == 1:
        return tuple(column for column in free if column in (*long, *given))
    chosen = mentioned if long or len(mentioned) > 1 else free
    if not chosen:
        if not free:
            binary = "".join(f"; {unfit(column)}" for column in table.columns if column.kind == "binary")
            raise UserError(
                f"{table.path}: no column of text beside {output.name!r} among {_listed(table.names)}{binary}"
                "\n    p2m builds models that read text; say which with --input-columns NAME, and where it"
                " stands in another file, join the two"
            )
        raise UserError(
            f"{table.path}: which columns the model is to read is not plain: {_listed(table.names)}"
            f"\n    say it, several with commas: --input-columns {_typed([column.name for column in free])}"
        )
    return tuple(chosen)


def _readable(table: _Table, output: Column, prompt: str = "") -> list[Column]:
    """Columns that may go in; addresses where there is nothing else, or the prompt names them."""
    every = [
        column
        for column in table.columns
        if column.name not in (output.name, *ALSO) and column.filled and has_texts(column)
    ]
    every = [
        column
        for column in every
        if _goes_in(column.name, prompt)
        or _is_source(column.name, prompt)
        or not (_is_same(column, output) or _is_constant(column))
    ] or every
    named = [column.name for column in every if _is_stamp(column) and _is_mentioned(column.name, prompt)]
    free = [column for column in every if column.name in named or not _is_bookkeeping(column.name)]
    told = [column for column in free if column.name in named or _is_date(column) or not _is_stamp(column)]
    return told or free or [column for column in every if column.kind == "text" and not _is_number(column)]


def _unread(
    table: _Table, chosen: Sequence[Column], output: Column, group: Together | None, prompt: str
) -> tuple[str, ...]:
    """That columns were left out, and how to have them read, or answered."""
    free = [column for column in _readable(table, output) if group is None or column.name != group.column]
    beside = [c for c in free if c not in chosen and (_returns(c) or _is_number(c))]
    asked = [column.name for column in beside if _is_asked_for(column.name, prompt)]
    found = [column.name for column in beside if _is_found(output, chosen) and _is_found(column, chosen)]
    if asked or found:
        told = f"for all in one record: --output-column {_typed([output.name, *(asked or found)])}"
        where = "the prompt names too" if asked else "stands in the text too"
        return (f"not answered: {_listed(asked or found)}, which {where}; {told}",)
    if unclear := [each.name for each in table.columns if each not in chosen and _is_unclear_date(each)]:
        told = "dates that may be read in two ways; write them like 2024-01-31"
        return (f"not read: {_listed(unclear)}, {told}",)
    left = [column.name for column in free if column not in chosen]
    if not left:
        return ()
    every = _typed([column.name for column in free])
    return (f"not read: {_listed(left)}; where they tell the answer too: --input-columns {every}",)


def _is_found(column: Column, inputs: Sequence[Column]) -> bool:
    return any(_stands_in(column, each) for each in inputs)


def _below(table: _Table, inputs: Sequence[Column], output: Column) -> tuple[str, ...]:
    """That the last row alone lacks what all others have, as a total below a table does."""
    names = [
        column.name
        for column in table.columns
        if column not in (*inputs, output) and column.rows == column.filled + 1
    ]
    if len(names) < 2:
        return ()
    *_, last = table.records()
    flat = dict(flatten(last.values))
    lacking = [name for name in names if not text_of(flat, name)]
    if len(lacking) < 2:
        return ()
    return (f"{last.where}: it alone has nothing in {_listed(lacking)}; if it is a total, take it out",)


def _refuse_unread(table: _Table, columns: Sequence[Column]) -> None:
    for column in columns:
        if not has_texts(column):
            raise UserError(
                f"{table.path}: {unfit(column)}\n    name another with --input-columns or --output-column"
            )


def _refuse_media(table: _Table, inputs: Sequence[Column]) -> None:
    for column in inputs:
        named = [text for text in column.samples if _MEDIA.fullmatch(text)]
        if len(named) > 0.9 * len(column.samples):
            raise UserError(
                f"{table.path}: the column {column.name!r} names files of pictures, sounds or pages"
                f" ({named[0]}), and p2m builds models that read text\n    give their text in a column, or"
                " another column with --input-columns NAME"
            )


def _is_mentioned(column: str, prompt: str) -> bool:
    """Whether the prompt has the words of a column's name, in the singular or the plural; of a field in
    objects, those of any of its names.
    """
    said = re.findall(r"\w+", prompt.casefold())
    return any(
        bool(own := _words_of(part)) and all(any(_is_form(one, word) for one in said) for word in own)
        for part in {column, *column.split(".")}
    )


def _words_of(column: str) -> list[str]:
    """The words of its name, without a unit in brackets."""
    bare = _UNIT.sub("", _field(column)) or column
    return [word for word in plain(bare).casefold().split("_") if word]


def _is_form(said: str, word: str) -> bool:
    """Whether it is the word, with the ending of a plural or a case or without."""
    if said in (word, f"{word}s", word.removesuffix("s")):
        return True
    return len(word) >= _KIN and said.startswith(word) and len(said) - len(word) <= _ENDING


def _is_asked_for(column: str, prompt: str) -> bool:
    """Whether the prompt names it, or a word of its stem, before it says from what it is to be told."""
    head = _BESIDE.split(prompt, maxsplit=1)[0]
    said = re.findall(rf"\w{{{_KIN},}}", head.casefold())
    own = [word for word in _words_of(column) if word not in _FILLING]
    kin = [any(_is_kin(word, one) for one in said) for word in own]
    return _is_mentioned(column, head) or (all(kin) and min(map(len, own), default=0) >= _KIN)


def _is_kin(one: str, other: str) -> bool:
    """Whether two words have one stem: fraud and fraudulent, severe and severity."""
    shorter = min(len(one), len(other))
    stem = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    return stem >= _KIN and shorter - stem <= _ENDING


def _is_source(column: str, prompt: str) -> bool:
    """Whether the prompt has the column's name where it says from what the answer is to be told."""
    return any(_is_mentioned(column, source) for source in _SOURCE.findall(prompt))


def _goes_in(column: str, prompt: str) -> bool:
    """Whether the prompt has the column's name where it says what is given, or what is to be rewritten."""
    own = r"[\s_-]".join(map(re.escape, plain(_field(column)).split("_")))
    return bool(own) and re.search(rf"{_GIVEN}(?:{own})s?\b", prompt, re.IGNORECASE) is not None


def _is_bookkeeping(column: str) -> bool:
    words = plain(column).split("_")
    return words[-1] in BOOKKEEPING or words[0] == "id" or _INDEX.fullmatch(column) is not None


def _is_constant(column: Column) -> bool:
    """Whether one value stands in every row, which tells nothing."""
    return column.distinct is not None and len(column.distinct) == 1 and column.filled == column.rows > 1


def _is_same(one: Column, other: Column) -> bool:
    """Whether two columns of values that return say the same, as the number of a label and its name do."""
    if one.name == other.name or not (_returns(one) and _returns(other)):
        return False
    pairs = {*zip(one.samples, other.samples, strict=True)}
    sides = [{pair[side] for pair in pairs} for side in (0, 1)]
    return len(pairs) == len(sides[0]) == len(sides[1]) > 1


def _is_number(column: Column) -> bool:
    """Whether it holds numbers, of which a CSV file only has the texts."""
    filled = [text for text in column.samples if text]
    return column.kind == "number" or (bool(filled) and all(map(_NUMBER.fullmatch, filled)))


def _is_stamp(column: Column) -> bool:
    """Whether it holds dates, times, addresses of mail or of pages, or numbers of rows (`T-0042`), which are
    nothing to read.
    """
    filled = [text for text in column.samples if text]
    counts = len(filled) > 2 and len({*filled}) == len(filled) and not _is_number(column)
    return bool(filled) and (
        all(map(_STAMP.fullmatch, filled)) or (counts and all(map(_IDENTIFIER.fullmatch, filled)))
    )


def _is_date(column: Column) -> bool:
    """Whether it holds dates or times that can be read in one way."""
    filled = [text for text in column.samples if text]
    return bool(filled) and len(orders_of(filled)) == 1


def _is_unclear_date(column: Column) -> bool:
    """Whether it holds dates of which nothing tells the month from the day (03/04/2024)."""
    filled = [text for text in column.samples if text]
    return bool(filled) and len(orders_of(filled)) > 1


def _stands_in(column: Column, other: Column) -> bool:
    """Whether nearly all values of one column stand in longer texts of the other."""
    pairs = [(a, b) for a, b in zip(column.samples, other.samples, strict=True) if a and b]
    pairs = [(a, b) for a, b in pairs if not is_nothing(a)] if len(pairs) > 1 else pairs
    return column.name != other.name and sum(a in b and a != b for a, b in pairs) >= 0.9 * len(pairs) > 0


def _returns(column: Column) -> bool:
    """Whether the values are short and few enough to stand in several rows each, as labels do."""
    if column.distinct is None or column.words > _MANY_WORDS or column.kind == "texts":
        return False
    return len(column.distinct) <= min(MAX_LABELS, max(2, column.filled // 3))


def _recurs(column: Column) -> bool:
    """Whether the values are sentences of which few stand in all rows, as labels that say what to do."""
    if column.distinct is None or column.words <= _MANY_WORDS or plain(column.name) in GROUPS["context"]:
        return False
    return len(column.distinct) <= min(_SENTENCES, column.filled // _OFTEN)


def _field(column: str) -> str:
    """The field's name: `answers` for the column `answers.text` of the Hub's datasets."""
    head, dot, last = column.rpartition(".")
    return head if dot and last in ("text", "value") else column


# --------------------------------------------------------------------------- type and labels


def _task(table: _Table, prompt: str, inputs: Sequence[Column], output: Column) -> Task:
    """What prompt and rows show together; of few rows a column of values that return is a label.

    Raises:
        UserError: no model of p2m learns it.
    """
    fields = tuple(_field(column.name) for column in inputs)
    draft = Task(TaskType.TEXT_TO_TEXT, "", tuple(map(Field, fields)), Field(_field(output.name)))
    rows = [row for row, _ in table.examples(draft, inputs, output, is_raw=True)]
    shown = read_answers(rows, fewest=_FEWEST)
    if shown.type is None and _returns(output):
        labels = output.distinct or ()
        said = f"the rows answer with {len(labels)} label{'s' * (len(labels) != 1)}: {', '.join(labels[:6])}"
        shown = replace(shown, type=TaskType.CLASSIFICATION, why=said, labels=labels)
    task = parse_prompt(prompt, inputs=fields, output=_field(output.name), shown=shown)
    if not task.type.is_learnt:
        message, way = not_built(
            task, otherwise="name another column with --output-column NAME, or reword the prompt"
        )
        raise UserError(f"{table.path}: the column {output.name!r}: {message}\n    {way}")
    return task


def _labelled(
    table: _Table, shown: Task, inputs: Sequence[Column], output: Column, found: TableTask
) -> TableTask:
    counts: Counter[str] = Counter()
    where: dict[str, str] = {}
    task = replace(shown, labels=(), none=None)
    rows = [*table.examples(task, inputs, output)]
    for row, place in rows:
        counts[row.output] += 1
        where.setdefault(row.output, place)
    if hardly_return([row for row, _ in rows]):
        raise UserError(
            f"{table.path}: the prompt reads as a classification, and {output.name!r} holds texts that hardly"
            f" return, e.g. {next(iter(counts))[:40]!r}: no labels\n    name the column of labels with"
            " --output-column NAME; or, if texts are to be written, say so in the prompt, e.g. Write ..."
        )
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    common = [label for label in ordered if counts[label] >= _COMMON]
    spelt = _spelt(counts, ordered)
    odd: dict[str, str] = {}
    for value in ordered:
        if counts[value] == 1 and value not in spelt and (label := _resembled(value, common)):
            odd[value] = label
    labels = {value: counts[value] for value in ordered if value not in odd and value not in spelt}
    named = label_reader(labels)
    for value, label in spelt.items():
        labels[label] += counts[value]
    for value in odd:
        if (same := named(value)) is not None:  # another spelling, which a build reads as the label
            labels[same] += 1
    if len(labels) < 2:
        beside = f", but for {', '.join(f'{value!r} ({where[value]})' for value in odd)}," if odd else ""
        if empty := output.rows - output.filled:
            beside += f" or nothing ({empty} rows; write there what that means),"
        raise UserError(
            f"{table.path}: the column {output.name!r} holds {next(iter(labels), '')!r} in every row{beside}"
            " and a model learns to tell labels apart from rows of at least two"
            "\n    add rows of another label, or name another column with --output-column NAME"
        )
    numbers = sorted(map(int, labels)) if all(map(str.isdecimal, labels)) else []
    if numbers == list(range(len(labels))):
        listed = ", ".join(map(str, numbers[:4])) + ", ..." * (len(numbers) > 4)
        told = f"the labels are the numbers {listed}, and so a model answers; where they stand for names,"
        found = replace(found, doubts=(*found.doubts, f"{told} write the names in {output.name!r}"))
    return replace(found, labels=labels, odd=odd, where={value: where[value] for value in odd}, spelt=spelt)


def _spelt(counts: Mapping[str, int], ordered: Sequence[str]) -> dict[str, str]:
    """Values of several rows that are a far commoner label but for their case, and that label."""
    first: dict[str, str] = {}
    for value in ordered:
        first.setdefault(value.casefold(), value)
    pairs = ((value, first[value.casefold()]) for value in ordered if counts[value] > 1)
    return {value: label for value, label in pairs if _RARER * counts[value] <= counts[label]}


def _together(table: _Table, task: Task, inputs: Sequence[Column], output: Column) -> Together | None:
    """The column by whose values rows seem to belong together, among those that are not read as text."""
    if not task.type.is_decided:
        return None
    used = {column.name for column in inputs if _field(column.name) not in task.measured}
    names = [name for name in table.names if name not in used and name != output.name]
    rows = {place: row.output for row, place in table.examples(task, inputs, output)}
    records = [record for record in table.records() if record.where in rows]
    flat = [dict(flatten(record.values)) for record in records]
    columns = {name: [text_of(values, name) for values in flat] for name in names}
    return together(columns, [rows[record.where] for record in records])


def _counted(
    table: _Table, task: Task, inputs: Sequence[Column], output: Column, found: TableTask
) -> TableTask:
    """How many rows have each label of several, or spans of each type."""
    task = replace(task, labels=())
    counts: Counter[str] = Counter()
    for row, _ in table.examples(task, inputs, output):
        if task.layout is None:
            counts.update(read_labels(row.output))
        else:
            counts.update({span.type for span in read_text(row.output, task.layout, task.none)})
    ordered = sorted(counts, key=lambda label: (-counts[label], label))
    return replace(found, labels={label: counts[label] for label in ordered})


def _resembled(value: str, common: Sequence[str]) -> str:
    """The common label that a value is another spelling of; "" for none."""
    same = [label for label in common if fold(label) == fold(value) or sorted(label) == sorted(value)]
    return next(iter(same or get_close_matches(value, common, 1, 0.8)), "")


def _typed(names: Sequence[str]) -> str:
    """The names as a shell takes them."""
    return shlex.quote(",".join(names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
