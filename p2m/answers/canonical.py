"""An answer as somebody wrote it, in the one spelling that p2m compares, votes on and stores."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from p2m.answers.labels import label_reader, listed
from p2m.answers.numbers import NumberStyle, fault, read_written, style_of
from p2m.answers.spans import bracketed, is_nothing, read_text, spans_in, written
from p2m.deploy.serving.shapes import (
    Found,
    read_labels,
    read_spans,
    write_labels,
    write_number,
    write_record,
    write_spans,
)
from p2m.types import Example, Layout, RecordField, Task, TaskType

JOINTS = (r"\s*\|\s*", r"\s*;\s*", r"\s*\n\s*", r"\s*[,、，]\s*", r"\s*/\s*")
SHAPED = (TaskType.MULTI_LABEL, TaskType.REGRESSION, TaskType.RECORDS)  # and extraction with a layout
KINDS = ("label", "labels", "span", "number", "text")  # of a record's field
_TRUE = ("true", "1", "1.0", "yes", "x")
_FALSE = ("false", "0", "0.0", "no", "")


class Unfit(ValueError):
    """A text that is no answer of its task; the message says why."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """Writes the answers of one task and one column."""

    task: Task
    joint: str = ""  # a pattern, between labels in one text; "": as each text tells
    numbers: NumberStyle | None = None  # None: as each text tells
    fields: Mapping[str, NumberStyle] = field(default_factory=dict)  # the same of a record's numbers
    optional: frozenset[str] = frozenset()  # fields of a record that a row may lack
    is_open: bool = False  # whether labels that the task has not stay as they are
    _named: Callable[[str], str | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", label_reader(self.task.labels))

    def write(self, said: str, text: str = "") -> str:
        """What was said of `text`, the field that answers stand in, in its canonical spelling.

        Raises:
            Unfit: it is no answer of this task.
        """
        kind = self.task.type
        try:
            if kind is TaskType.MULTI_LABEL:
                return write_labels(self._labels(said), self.task.labels)
            if kind is TaskType.REGRESSION:
                return self._number(said)
            if kind is TaskType.RECORDS:
                return self._record(said, text)
            if self.task.layout is not None:
                return self._spans(said, text, self.task.layout)
        except Unfit:
            raise
        except ValueError as error:
            raise Unfit(str(error)) from None
        none = self.task.none
        return none if none is not None and self.task.is_span and same_nothing(said, none) else said.strip()

    # ----------------------------------------------------------------- several labels

    def _labels(self, said: str) -> list[str]:
        said = said.strip()
        value = parsed(said)
        if isinstance(value, dict):
            items = _switched_on(value)
        elif said[:1] == "[" and isinstance(value, list):
            items = listed(said)
        elif self._named(said) is not None:
            items = [said]
        elif is_nothing(said):
            return []
        else:
            items = self._parted(said)
        items = [item.strip() for item in items if item.strip()]
        if not self.task.labels:
            return items
        named = [self._named(item) or (item if self.is_open else None) for item in items]
        for item, label in zip(items, named, strict=True):
            if label is None:
                raise Unfit(f"{item!r} is none of the labels")
        return [label for label in named if label is not None]

    def _parted(self, said: str) -> list[str]:
        """The labels of one text; of those that the task names, by whichever joint knows most of them."""
        if self.joint or not self.task.labels:
            return [part for part in re.split(self.joint, said) if part] if self.joint else [said]
        cuts = [[part for part in re.split(joint, said) if part] for joint in JOINTS]
        return max(cuts, key=lambda parts: sum(self._named(part) is not None for part in parts) / len(parts))

    # ----------------------------------------------------------------- numbers

    def _number(self, said: str) -> str:
        value = read_written(said, self.numbers)
        if wrong := fault(value, self.task.scale):
            raise Unfit(wrong)
        return write_number(value)

    # ----------------------------------------------------------------- spans

    def _spans(self, said: str, text: str, layout: Layout) -> str:
        found = self._found(said, text, layout)
        for span in found:
            for name, is_wanted in (("type", layout.has_types), ("value", layout.has_values)):
                if is_wanted and not getattr(span, name):
                    raise Unfit(f"the span {span.text[:60]!r} has no {name}")
        if self.task.labels and layout.has_types:
            found = [self._typed(span) for span in found]
        if layout.style == "text":
            marks = (
                (layout.between, layout.pair) if layout.has_types or layout.has_values else (layout.between,)
            )
            for span in found:
                torn = [mark for mark in marks if mark in span.text or mark in span.value]
                if torn:
                    raise Unfit(f"{span.text[:60]!r} holds {torn[0].strip()!r}, which parts spans in answers")
        else:
            lead = len(text) - len(text.lstrip())
            found = spans_in([_plain(span) for span in found], text[lead:].rstrip()) if text else found
        return write_spans(found, written(layout), self.task.none)

    def _found(self, said: str, text: str, layout: Layout) -> list[Found]:
        said = said.strip()
        value = parsed(said) if said[:1] in ("[", "{") else None
        if isinstance(value, dict):
            value = [
                {"type": key, "text": item}
                for key, items in value.items()
                for item in (items if isinstance(items, list) else [items] if items else [])
            ]
        if isinstance(value, list):
            return spans_in(value, text)
        if same_nothing(said, self.task.none) or is_nothing(said):
            return []
        if layout.style == "text":
            return list(read_text(said, layout, self.task.none))
        if found := bracketed(said):
            return found
        for between in (" | ", "; ", "\n", ", "):
            parts = [part.strip() for part in said.split(between) if part.strip()]
            if all(part in text for part in parts):
                return [Found(part) for part in parts]
        raise Unfit(f"{said[:60]!r} is no list of spans, and does not stand in the text")

    def _typed(self, span: Found) -> Found:
        label = self._named(span.type) or (span.type if self.is_open else None)
        if label is None:
            raise Unfit(f"{span.type!r} is none of the labels")
        return Found(span.text, label, span.value, span.start, span.end)

    # ----------------------------------------------------------------- records

    def _record(self, said: str, text: str) -> str:
        value = parsed(said.strip())
        if not isinstance(value, dict):
            raise Unfit(f"{said.strip()[:60]!r} is no JSON object")
        names = [each.name for each in self.task.record]
        for key in value:
            if names and key not in names:
                raise Unfit(f"the record has {key!r}, and the task's fields are {', '.join(names)}")
        for each in self.task.record:
            if each.name not in value and each.name not in self.optional:
                hint = (
                    "write null where there is none"
                    if each.nullable
                    else f"it has {', '.join(value) or 'none'}"
                )
                raise Unfit(f"the record lacks the field {each.name!r}; {hint}")
        found = {
            each.name: field_value(each, value.get(each.name), self.fields.get(each.name))
            for each in self.task.record
        }
        return write_record(found or value, names)


def is_shaped(task: Task) -> bool:
    """Whether answers of the task are more than a label or a text."""
    return task.type in SHAPED or task.layout is not None


def labels_in(task: Task, output: str) -> tuple[str, ...]:
    """The labels of a canonical answer, one or several."""
    return read_labels(output) if task.type is TaskType.MULTI_LABEL else (output,)


def stands_in(task: Task, row: Example) -> bool:
    """Whether the spans of a row's answer, or one of its answers, stand in its text; true of other tasks."""
    text = row.input.get(task.context_field, "")
    if task.layout is not None:
        try:
            return all(span.text in text for span in read_spans(row.output, written(task.layout), task.none))
        except ValueError:
            return False
    if not task.is_span:
        return True
    return any(answer == task.none or answer in text for answer in row.answers)


def is_canonical(task: Task, row: Example) -> bool:
    """Whether a row's answer is written as p2m writes it, so that it need not be read again."""
    try:
        return Canonical(task).write(row.output, row.input.get(task.context_field, "")) == row.output
    except Unfit:
        return False


def canonical_of(task: Task, texts: Sequence[str]) -> Canonical:
    """How the answers of a column are read; `texts` are some of them.

    Raises:
        Unfit: they may be read in two ways.
    """
    texts = [text for text in texts if text.strip()]
    try:
        if task.type is TaskType.MULTI_LABEL and not task.labels:
            return Canonical(task, joint=_joint(texts))
        if task.type is TaskType.REGRESSION:
            return Canonical(task, numbers=style_of(texts))
        if task.type is TaskType.RECORDS:
            return _of_records(task, texts)
    except ValueError as error:
        raise Unfit(str(error)) from None
    return Canonical(task)


def field_value(each: RecordField, value: Any, style: NumberStyle | None = None) -> Any:
    """The value of a record's field, as JSON has it.

    Raises:
        Unfit: it is none that the field may have.
    """
    name = each.name
    if value is None or (isinstance(value, str) and not value.strip()):
        if each.nullable:
            return None
        raise Unfit(f"the field {name!r} of the record is empty, and each row has one")
    if each.kind == "number":
        try:
            number = _numeric(value, style)
        except ValueError as error:
            raise Unfit(f"the field {name!r} of the record: {error}") from None
        if wrong := fault(number, each.scale):
            raise Unfit(f"the field {name!r} of the record: {wrong}")
        return int(number) if number == int(number) and abs(number) < 1e15 else number
    if each.kind == "labels":
        items = (
            value
            if isinstance(value, list)
            else listed(str(value)) or re.split("|".join(JOINTS[:4]), str(value))
        )
        if any(isinstance(item, (list, dict)) for item in items):
            raise Unfit(f"the field {name!r} of the record is no list of labels: {str(value)[:60]}")
        return json.loads(write_labels([_label(each, plain_text(item)) for item in items], each.labels))
    if isinstance(value, (list, dict)):
        raise Unfit(f"the field {name!r} of the record is {_sort(value)}, where {each.kind} was expected")
    if each.kind == "label":
        if each.labels and set(each.labels) <= {"true", "false"}:
            said = plain_text(value).strip().casefold()
            return _label(each, "true" if said in _TRUE else "false" if said in _FALSE else said) == "true"
        return _label(each, plain_text(value))
    return plain_text(value).strip()


def plain_text(value: Any) -> str:
    """A scalar of JSON as a text."""
    return "true" if value is True else "false" if value is False else str(value)


def same_nothing(said: str, none: str | None) -> bool:
    """Whether a text is the answer of rows without one, or means the same."""
    if none is None:
        return False
    said = said.strip()
    return said.casefold() == none.strip().casefold() or not said or is_nothing(said)


def parsed(text: str) -> Any:
    """The value of a text that is JSON, or a list or object of Python; None of any other."""
    import ast
    import warnings

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[:1] not in ("[", "{"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes that Python does not know
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None


def _label(each: RecordField, said: str) -> str:
    if not each.labels:
        return said.strip()
    label = label_reader(each.labels)(said)
    if label is None:
        there = ", ".join(each.labels[:8]) + ", ..." * bool(each.labels[8:])
        raise Unfit(f"the field {each.name!r} of the record: {said[:60]!r} is none of its labels, {there}")
    return label


def _numeric(value: Any, style: NumberStyle | None) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise ValueError(f"{plain_text(value)[:60]} is no number")
    return read_written(value, style)


def _sort(value: Any) -> str:
    return "a list" if isinstance(value, list) else "an object"


def _plain(span: Found) -> dict[str, Any]:
    """A span as plain data, so that its place is looked up anew where it has none."""
    found: dict[str, Any] = {"text": span.text, "type": span.type or None, "value": span.value or None}
    if span.start is not None:
        found |= {"start": span.start, "end": span.end}
    return found


def _switched_on(value: Mapping[str, Any]) -> list[str]:
    """The keys of `{"toxic": 1, "spam": 0}` that are on."""
    found = []
    for key, each in value.items():
        said = plain_text(each).casefold()
        if said in _TRUE:
            found.append(str(key))
        elif each is not None and said not in _FALSE:
            raise Unfit(f"{key!r} is {plain_text(each)[:40]!r}, where 0 or 1 was expected")
    return found


def _joint(texts: Sequence[str]) -> str:
    """What joins labels in the texts of a column; "" where each is one label or a list."""
    texts = [text.strip() for text in texts if text.strip()[:1] != "["]
    for joint in JOINTS:
        parted = [[part for part in re.split(joint, text) if part] for text in texts]
        joined = sum(len(parts) > 1 for parts in parted)
        counts = Counter(part for parts in parted for part in parts)
        if (
            joined
            and len(counts) * 2 <= counts.total()
            and len(counts) < len({tuple(p) for p in parted}) + joined
        ):
            return joint
    return ""


def _of_records(task: Task, texts: Sequence[str]) -> Canonical:
    rows = [value for value in map(parsed, texts) if isinstance(value, dict)]
    styles = {}
    for each in task.record:
        if each.kind == "number":
            said = [row[each.name] for row in rows if isinstance(row.get(each.name), str)]
            styles[each.name] = style_of(said)
    lacking = Counter(each.name for each in task.record for row in rows if each.name not in row)
    optional = frozenset(
        name for name, count in lacking.items() if count > _OPTIONAL * len(rows) and count > 1
    )
    return Canonical(task, fields=styles, optional=optional)


_OPTIONAL = 0.05  # share of the records from which a field that they lack is one that rows may lack
