"""Answers: the question put for one row, and what its reply comes to, by the kind of task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from p2m.answers.canonical import Canonical, Unfit, is_shaped, stands_in
from p2m.answers.spans import read_text
from p2m.deploy.serving.shapes import read_record
from p2m.teachers.asking.asker import Put
from p2m.teachers.chat import Ask, ChatTeacher, Turn
from p2m.teachers.craft.described import described, record, turned, words
from p2m.teachers.craft.fence import fenced
from p2m.teachers.craft.replies import said
from p2m.teachers.craft.rows import known, plainly, spread, told_labels
from p2m.types import Attributes, Example, Examples, Layout, RecordField, Scale, Task, TaskType

NONE = "(none of these)"  # what a teacher says where no label fits
_SHOWN = 40  # rows at most that each prompt shows
_SPREAD = 0.7  # temperature of every sample but the first, which is taken at 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one sample came to."""

    text: str = ""  # "" where there is none
    fault: str = ""  # why there is none


@dataclass(frozen=True, slots=True)
class Form:
    """How the answers of a kind of task are asked for and read."""

    rule: Callable[[Task], str]  # in words
    schema: Callable[[Task, Sequence[str]], dict[str, Any]]  # of `answer`
    read: Callable[[Task, Sequence[str], Mapping[str, str], Any], Answer]  # what the schema allows
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Answering:
    """All that the questions of one step have in common; a question depends on that and on its row alone."""

    task: Task
    labels: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[Example, ...] = ()
    _systems: dict[int, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def ask(self, row: Mapping[str, str], sample: int = 0) -> Ask:
        """The question. Of another sample, labels and examples stand in another order."""
        form = form_of(self.task)
        if sample not in self._systems:
            self._systems[sample] = self._system(sample)
        return Ask(
            system=self._systems[sample],
            turns=(Turn("user", f"Answer this input.\n{fenced({'input': dict(row)})}"),),
            schema=record({"answer": form.schema(self.task, self.labels)}),
            max_tokens=form.max_tokens,
            temperature=_SPREAD if sample else 0.0,
        )

    def _system(self, sample: int) -> str:
        common: dict[str, Any] = {
            "task": described(self.task, self.labels, self.meanings, turn=sample),
            "rule": form_of(self.task).rule(self.task),
        }
        if self.shown:
            shown = turned(self.shown, sample)
            common["examples"] = [plainly(each) | {"output": _as_asked(self.task, each)} for each in shown]
        return f"{words('answer')}\n{fenced(common)}"

    async def answer(
        self, put: Put, row: Mapping[str, str], *, teacher: ChatTeacher, sample: int = 0
    ) -> Answer:
        """Ask once."""
        found = await said(put, self.ask(row, sample), teacher=teacher, sample=sample)
        value = found.value.get("answer")
        if found.fault or value is None:
            return Answer(fault=found.fault or "not in the form that was asked for")
        return form_of(self.task).read(self.task, self.labels, row, value)


def answering(task: Task, shown: Examples | None, attributes: Attributes | None) -> Answering:
    """How a step asks, after the user's own rows and what is known of the labels."""
    rows = known(task, shown)
    labels = told_labels(task, shown)
    return Answering(
        task, labels, attributes.labels if attributes else {}, tuple(spread(rows, _SHOWN, "answer"))
    )


def _as_asked(task: Task, row: Example) -> Any:
    """The answer of a row in the form that answers are asked for in."""
    if task.layout is not None:
        wanted = ("text", *["type"] * task.layout.has_types, *["value"] * task.layout.has_values)
        spans = read_text(row.output, task.layout, task.none)
        return [{name: getattr(span, name) for name in wanted} for span in spans]
    is_plain = not is_shaped(task) or (task.type is TaskType.RECORDS and not task.record)
    return row.output if is_plain else json.loads(row.output)


def form_of(task: Task) -> Form:
    """How answers of a task are asked for."""
    return _SPANS if task.layout is not None else FORMS[task.type]


# --------------------------------------------------------------------------- labels


def _label_rule(task: Task) -> str:
    other = f"{task.none or NONE!r} where none of them fits"
    return f"`answer` is one of `task.labels`, letter by letter, or {other}"


def _label_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    allowed = [*dict.fromkeys((*labels, task.none or NONE))]
    return {"type": "string", "enum": allowed} if labels else {"type": "string"}


def _label(task: Task, labels: Sequence[str], row: Mapping[str, str], text: Any) -> Answer:
    said = str(text).strip()
    if said == NONE:
        return Answer(fault="none of the labels fits")
    if labels and said not in (*labels, task.none):
        return Answer(fault=f"none of the labels: {said[:80]!r}")
    return Answer(said)


def _labels_rule(task: Task) -> str:
    return "`answer` is a list of every one of `task.labels` that fits, letter by letter; [] where none does"


def _labels_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": [*labels]} if labels else _TEXT}


# --------------------------------------------------------------------------- spans and texts


def _span_rule(task: Task) -> str:
    return (
        f"`answer` is the shortest span of `input.{task.context_field}` that is right, copied letter by"
        ' letter; "" where the text does not say'
    )


def _text_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    return _TEXT


def _span(task: Task, labels: Sequence[str], row: Mapping[str, str], text: Any) -> Answer:
    said = str(text).strip()
    if not said or said == task.none:
        return Answer(fault="the text does not say") if task.none is None else Answer(task.none)
    if said not in row[task.context_field]:
        return Answer(fault=f"not a span of the text: {said[:80]!r}")
    return Answer(said)


def _spans_rule(task: Task) -> str:
    layout = task.layout or Layout()
    told = "its type, one of `task.labels`" if task.labels else "its type"
    of = [f", `type` {told}"] * layout.has_types + [", `value` what it stands for"] * layout.has_values
    return (
        f"`answer` is a list of all spans of `input.{task.context_field}` that are asked for, in their order;"
        f" `text` is the span, copied letter by letter{''.join(of)}; [] where there are"
        " none. This list takes the place of any other form that the task asks for"
    )


def _spans_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    layout = task.layout or Layout()
    fields: dict[str, Any] = {"text": _TEXT}
    if layout.has_types:
        fields["type"] = {"type": "string", "enum": [*labels]} if labels else _TEXT
    if layout.has_values:
        fields["value"] = _TEXT
    return {"type": "array", "items": record(fields)}


def _text_rule(task: Task) -> str:
    return "`answer` is the output in the form that the task asks for, and nothing around it"


def _text(task: Task, labels: Sequence[str], row: Mapping[str, str], text: Any) -> Answer:
    said = str(text).strip()
    return Answer(said) if said else Answer(fault="empty")


# --------------------------------------------------------------------------- numbers and records


def _number_rule(task: Task) -> str:
    on = f" from {task.scale.low:g} to {task.scale.high:g}" if task.scale else ""
    step = f", in steps of {task.scale.step:g}" if task.scale and task.scale.step else ""
    return f"`answer` is a number{on}{step}, without a unit"


def _number_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    return _numeric(task.scale)


def _record_rule(task: Task) -> str:
    means = {
        "label": "one of its labels",
        "labels": "a list of all of its labels that fit",
        "span": f"a span of `input.{task.context_field}`, copied letter by letter",
        "number": "a number",
        "text": "a text",
    }
    told = [
        f"`{each.name}` {means[each.kind]}{f' ({each.description})' if each.description else ''}"
        for each in task.record
    ]
    if not told:
        return "`answer` is the JSON object that the task asks for, written as a text"
    return f"`answer` is an object: {'; '.join(told)}. null where the input does not say"


def _record_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    return record({each.name: _field_schema(each) for each in task.record}) if task.record else _TEXT


def _field_schema(each: RecordField) -> dict[str, Any]:
    is_switch = bool(each.labels) and set(each.labels) <= {"true", "false"}
    one: dict[str, Any] = {"type": "string", "enum": [*each.labels]} if each.labels else _TEXT
    if each.kind == "labels":
        one = {"type": "array", "items": one}
    elif each.kind == "number":
        one = _numeric(each.scale)
    elif is_switch:
        one = {"type": "boolean"}
    return {"anyOf": [one, {"type": "null"}]} if each.nullable else one


def _numeric(scale: Scale | None) -> dict[str, Any]:
    bounds = {"minimum": scale.low, "maximum": scale.high} if scale else {}
    return {"type": "number", **bounds}


def _shaped(task: Task, labels: Sequence[str], row: Mapping[str, str], value: Any) -> Answer:
    """An answer that is a list, a number or an object, in its canonical spelling."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    context = row[task.context_field]
    try:
        answer = Canonical(replace(task, labels=tuple(labels))).write(said, context)
    except Unfit as error:
        return Answer(fault=f"not in the form that was asked for: {error}")
    if not stands_in(task, Example(dict(row), answer)):
        return Answer(fault=f"not a span of the text: {answer[:80]!r}")
    spans = {each.name for each in task.record if each.kind == "span"}
    for name, said_of in read_record(answer).items() if spans else ():
        if name in spans and said_of is not None and said_of not in context:
            return Answer(fault=f"not a span of the text: {name} {said_of[:80]!r}")
    return Answer(answer)


_TEXT: dict[str, Any] = {"type": "string"}
_SPAN = Form(_span_rule, _text_schema, _span, 1024)
_SPANS = Form(_spans_rule, _spans_schema, _shaped, 4096)
FORMS: dict[TaskType, Form] = {
    TaskType.CLASSIFICATION: Form(_label_rule, _label_schema, _label, 1024),
    TaskType.MULTI_LABEL: Form(_labels_rule, _labels_schema, _shaped, 1024),
    TaskType.REGRESSION: Form(_number_rule, _number_schema, _shaped, 1024),
    TaskType.QUESTION_ANSWERING: _SPAN,
    TaskType.EXTRACTION: _SPAN,
    TaskType.RECORDS: Form(_record_rule, _record_schema, _shaped, 4096),
    TaskType.TEXT_TO_TEXT: Form(_text_rule, _text_schema, _text, 4096),
}
