"""Answers that stand in several columns, or in the forms of annotation tools, as one column of text.

Label Studio, doccano, Prodigy, spaCy and the Hub's tokens with tags become a text and a column that holds the
JSON of its spans; objects that are answers become their JSON; columns of 0 and 1 or of a mark, and the fields
of a record that are columns of their own, become one; a conversation with a chat model becomes what the user
said last, and what was answered. What a text means, and whether it is right, `p2m.answers` says.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from p2m.answers.labels import number_name
from p2m.answers.spans import holds_spans, tagged
from p2m.catalogs.rows import RawRow
from p2m.catalogs.traces import asked_fields, is_trace, last_answer, last_user_message
from p2m.catalogs.vocabulary import OUTPUTS, plain
from p2m.errors import DataError
from p2m.types import Task, TaskType

_ON, _OFF = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")
_ON_OFF = frozenset((*_ON, *_OFF, ""))
_OF_SPANS = frozenset(
    ("text", "answer_start", "start", "value", "score", "id")
)  # of one answer, as the Hub has it
_TOKENS = ("tokens", "words", "token")
_SPAN_COLUMNS = frozenset(("entities", "spans", "ents", "annotations", "slots", "label", "labels", "ner"))
_LOOK = 2000  # rows that tell how answers are written


@dataclass(frozen=True, slots=True)
class Gathering:
    """What is done to each row of a table; () where nothing is."""

    names: Mapping[str, Mapping[str, str]]  # of the card: column -> number -> what it means
    listed: tuple[str, ...] = ()  # columns of lists of spans, or of objects that are answers
    tags: tuple[str, str] | None = None  # columns of tokens and of their tags
    switches: tuple[str, ...] = ()  # columns of 0 and 1, or of a mark and nothing
    marks: Mapping[str, str] = field(default_factory=dict)  # of the latter: column -> its mark
    fields: tuple[str, ...] = ()  # columns that are the fields of one record
    output: str = ""  # the column that switches, fields or what was answered become
    asked: tuple[str, ...] = ()  # of conversations, the columns that what was asked becomes

    def row(self, record: RawRow) -> RawRow:
        """The row with its answer in one column.

        Raises:
            DataError: with file and line: a tag that is none, an annotation that was rejected, or a
                conversation without an answer.
        """
        values = self._said(record) if self.asked else dict(_annotated(record).values)
        for name in self.listed:
            if isinstance(values.get(name), (list, Mapping)):
                values[name] = _json(values[name])
        if self.tags:
            self._join(values, record.where)
        if self.switches:
            parts = {name: values.pop(name, None) for name in self.switches}
            values[self.output] = _json(
                {name: _switch(each, self.marks.get(name)) for name, each in parts.items()}
            )
        if self.fields:
            parts = {name: values.pop(name, None) for name in self.fields}
            values[self.output] = _json({name: None if each == "" else each for name, each in parts.items()})
        return replace(record, values=values)

    def _said(self, record: RawRow) -> dict[str, Any]:
        """A conversation as a row, beside what else the record says that is no list or object."""
        text, answer = last_user_message(record.values), last_answer(record.values)
        beside = {name: each for name, each in record.values.items() if not isinstance(each, (list, Mapping))}
        if not text or not (answer or self.output in beside):
            lacking = "no answer in it" if text else "no message of a user in it"
            raise DataError(
                f"{record.where}: a conversation with {lacking}; take it out, or, to have it answered, put it"
                " into a file of its own that data.inputs names"
            )
        fields = asked_fields(text, self.asked)
        if fields is None:
            raise DataError(
                f"{record.where}: what the user says is one text, and the task has {', '.join(self.asked)};"
                " give a table with these"
            )
        return {self.output: answer} | beside | fields

    def _join(self, values: dict[str, Any], where: str) -> None:
        """Tokens and tags as a text and its spans."""
        assert self.tags is not None
        words, marks = self.tags
        tokens, tags = values.get(words), values.get(marks)
        if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags):
            count = f"{len(tokens or ())} {words} and {len(tags or ())} {marks}"
            raise DataError(f"{where}: {count}, where each token has a tag")
        named = self.names.get(marks, {})
        said = [(number_name(named, str(tag)) or str(tag)) if named else str(tag) for tag in tags]
        try:
            text, spans = tagged([str(token) for token in tokens], said)
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None
        values[words] = text
        values[marks] = _json(
            [
                {"start": each.start, "end": each.end} | ({"label": each.type} if each.type else {})
                for each in spans
            ]
        )


def gathering(
    task: Task, records: Sequence[RawRow], names: Mapping[str, Mapping[str, str]] | None = None,
    *, is_own: bool = False,
) -> Gathering:  # fmt: skip
    """What is to be done to the rows of a table, by some of them; conversations are read where they
    are the user's own.
    """
    names = names or {}
    if is_own and records and is_trace(records[0].values):
        asked = tuple(each.name for each in task.inputs) or ("text",)
        if not set(asked) <= set(records[0].values):
            return Gathering(names, output=task.output.name, asked=asked)
    seen = [_annotated(record, strict=False).values for record in records[:_LOOK]]
    columns = list(dict.fromkeys(name for values in seen for name in values))
    wanted = {plain(each.name) for each in task.inputs}
    listed = tuple(
        name
        for name in columns
        if plain(name) not in (*wanted, *_TOKENS)
        and _is_listed(name, task, [values.get(name) for values in seen])
    )
    tags = _tags(columns, seen, names)
    found = Gathering(names, listed, tags)
    if tags or any(plain(name) == plain(task.output.name) for name in columns):
        return found
    if task.record and (fields := _fields(task, columns)):
        return replace(found, fields=fields, output=task.output.name)
    marks = _marks(columns, seen)
    switches = _switches(task, columns, seen, marks)
    marks = {name: mark for name, mark in marks.items() if name in switches}
    return replace(found, switches=switches, marks=marks, output=task.output.name) if switches else found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


def _switch(value: Any, mark: str | None) -> int | str:
    """A cell of a column of 0 and 1, of yes and no, or of a mark and nothing; whatever else stands there is
    for the reader to refuse.
    """
    text = _cell(value)
    if mark is not None and text in (mark, ""):
        return int(text == mark)
    return 1 if text in _ON else 0 if text in _OFF else text or "nothing"


def _is_listed(name: str, task: Task, values: Sequence[Any]) -> bool:
    """Whether a column holds lists of spans, or objects that are answers."""
    full = [value for value in values if value not in (None, [], {}, "")]
    if full and all(holds_spans(value) for value in full):
        return True
    if not full or not all(isinstance(value, Mapping) for value in full):
        # none of a few rows has a span: [] beside a column that is called like one of spans
        empty = not full and any(value == [] for value in values)
        return empty and plain(name) in _SPAN_COLUMNS and task.type is TaskType.EXTRACTION
    if any(_wraps(value) for value in full):
        return False
    is_answer = plain(name) == plain(task.output.name) or plain(name) in OUTPUTS
    is_answer = is_answer or all(_cell(each) in _ON_OFF for value in full for each in value.values())
    return is_answer and not all(set(value) <= _OF_SPANS for value in full)


def _wraps(value: Mapping[str, Any]) -> bool:
    """Whether an object holds an answer beside what was noted of it (`{output: ..., rating: {...}}`), so that
    its fields are columns, and it is no record.
    """
    inner = [each for name, each in value.items() if plain(name) in OUTPUTS]
    held = any(isinstance(each, Mapping) for each in value.values())
    return held and any(not isinstance(each, (Mapping, list)) for each in inner)


def _tags(
    columns: Sequence[str], seen: Sequence[Mapping[str, Any]], names: Mapping[str, Mapping[str, str]]
) -> tuple[str, str] | None:
    """A column of tokens and one of as many tags."""
    words = next((name for name in columns if plain(name) in _TOKENS), "")
    rows = [values for values in seen if isinstance(values.get(words), list) and values[words]]
    if not rows or not all(isinstance(word, str) for word in rows[0][words]):
        return None
    for name in columns:
        lists = [values.get(name) for values in rows]
        if name == words or not all(isinstance(each, list) for each in lists):
            continue
        if all(len(each) == len(values[words]) for each, values in zip(lists, rows, strict=True)):  # type: ignore[arg-type]
            said = [str(tag) for tag in lists[0] or ()]
            named = [number_name(names[name], tag) or tag for tag in said] if name in names else said
            if _are_tags(named):
                return words, name
    return None


def _are_tags(tags: Sequence[str]) -> bool:
    try:
        tagged(tags, tags)
    except ValueError:
        return False
    return True


def _fields(task: Task, columns: Sequence[str]) -> tuple[str, ...]:
    """Columns that are the fields of the task's record."""
    names = [each.name for each in task.record]
    inputs = {each.name for each in task.inputs}
    return tuple(names) if len(names) > 1 and set(names) <= set(columns) - inputs else ()


def _marks(columns: Sequence[str], seen: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Columns in which one mark or nothing stands, as exports of surveys have a choice each: the mark is the
    column's name, or the same (`x`) in several.
    """
    found = {}
    for name in columns:
        cells = {_cell(values.get(name)) for values in seen}
        if len(cells) == 2 and "" in cells:
            (found[name],) = cells - {""}
    often = Counter(found.values())
    return {name: mark for name, mark in found.items() if mark == _cell(name) or often[mark] > 1}


def _switches(
    task: Task, columns: Sequence[str], seen: Sequence[Mapping[str, Any]], marks: Collection[str]
) -> tuple[str, ...]:
    """Columns that say of a label each whether a row has it: those of the task's labels, else all of 0 and 1
    or with `marks`, where no other column is called like an answer."""
    inputs = {each.name for each in task.inputs}
    binary = []
    for name in columns:
        cells = {_cell(values.get(name)) for values in seen}
        if name not in inputs and (name in marks or (cells <= _ON_OFF and cells - {""})):
            binary.append(name)
    if task.type is TaskType.MULTI_LABEL and task.labels:
        return task.labels if set(task.labels) <= set(columns) else ()
    called = [name for name in columns if name not in binary and plain(name) in OUTPUTS]
    return tuple(binary) if len(binary) > 2 - (task.type is TaskType.MULTI_LABEL) and not called else ()


# --------------------------------------------------------------------------- annotation tools


def _annotated(record: RawRow, *, strict: bool = True) -> RawRow:
    """A row of Label Studio or Prodigy as plain columns; any other as it is.

    Raises:
        DataError: with file and line: nobody has annotated it, or who did has rejected it.
    """
    values = record.values
    results = next(
        (values[name] for name in ("annotations", "completions") if isinstance(values.get(name), list)), None
    )
    if isinstance(values.get("data"), Mapping) and results is not None:
        made = [each for each in results if isinstance(each, Mapping) and not each.get("was_cancelled")]
        if not made and strict:
            raise DataError(f"{record.where}: it has no annotation; export the annotated tasks alone")
        return replace(record, values=_of_label_studio(values["data"], made[0].get("result") if made else []))
    if "_input_hash" in values and values.get("answer") in ("accept", "reject", "ignore"):
        if values["answer"] != "accept" and strict:
            raise DataError(f"{record.where}: {_unaccepted(values, record.where.rpartition(':')[0])}")
        return replace(
            record,
            values={
                "text": values.get("text", ""),
                **{name: values[name] for name in ("spans", "label", "accept", "cats") if name in values},
            },
        )
    choices = {
        name: value["choices"]
        for name, value in values.items()
        if isinstance(value, Mapping) and set(value) == {"choices"} and isinstance(value["choices"], list)
    }
    return replace(record, values={**values, **choices}) if choices else record


def _unaccepted(values: Mapping[str, Any], file: str) -> str:
    """That Prodigy's answer is another than accept, and the line that makes rows of these."""
    said, name = f"Prodigy's answer is {values['answer']!r}", shlex.quote(file)
    if isinstance(values.get("label"), str) and not {"spans", "accept", "cats"} & set(values):
        line = f"jq -c 'select(.answer != \"ignore\") | {{text, label: .answer}}' {name} > rows.jsonl"
        return f"{said} to whether it is {values['label']!r}; to learn that, write it as the label: {line}"
    return f'{said}; take the accepted rows alone: grep \'"answer": *"accept"\' {name} > accepted.jsonl'


def _of_label_studio(data: Mapping[str, Any], results: Any) -> dict[str, Any]:
    """The fields of a task of Label Studio, and what was said of it, by the name of the control."""
    found: dict[str, Any] = dict(data)
    spans: dict[str, list[Any]] = {}
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        name = str(result.get("from_name") or "label")
        if "start" in value and "end" in value:
            spans.setdefault(name, []).append(dict(value))
            continue
        kind = next((key for key in _VALUES if key in value), None)
        if kind is not None:
            found[name] = value[kind]
    if spans:
        return found | spans
    is_of_spans = isinstance(results, list) and not results
    return found | {"label": []} if is_of_spans and "label" not in found else found


_VALUES: tuple[str, ...] = ("choices", "rating", "number", "text", "taxonomy")
