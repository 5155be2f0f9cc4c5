"""Answers: the question put for one row, and what its reply comes to, by the kind of task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from p2m.teachers.asking.asker import Put
from p2m.teachers.chat import Ask, ChatTeacher, Turn
from p2m.teachers.craft.described import described, record, turned, words
from p2m.teachers.craft.fence import fenced
from p2m.teachers.craft.replies import said
from p2m.teachers.craft.rows import known, plainly, spread, told_labels
from p2m.types import Attributes, Example, Examples, Task, TaskType

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
    read: Callable[[Task, Sequence[str], Mapping[str, str], str], Answer]
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
        form = FORMS[self.task.type]
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
            "rule": FORMS[self.task.type].rule(self.task),
        }
        if self.shown:
            common["examples"] = [plainly(each) for each in turned(self.shown, sample)]
        return f"{words('answer')}\n{fenced(common)}"

    async def answer(
        self, put: Put, row: Mapping[str, str], *, teacher: ChatTeacher, sample: int = 0
    ) -> Answer:
        """Ask once."""
        found = await said(put, self.ask(row, sample), teacher=teacher, sample=sample)
        text = found.value.get("answer")
        if found.fault or not isinstance(text, str):
            return Answer(fault=found.fault or "not in the form that was asked for")
        return FORMS[self.task.type].read(self.task, self.labels, row, text)


def answering(task: Task, shown: Examples | None, attributes: Attributes | None) -> Answering:
    """How a step asks, after the user's own rows and what is known of the labels."""
    rows = known(task, shown)
    labels = told_labels(task, shown)
    return Answering(
        task, labels, attributes.labels if attributes else {}, tuple(spread(rows, _SHOWN, "answer"))
    )


def _label_rule(task: Task) -> str:
    return f"`answer` is one of `task.labels`, letter by letter, or {NONE!r} where none of them fits"


def _label_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": [*labels, NONE]} if labels else {"type": "string"}


def _label(task: Task, labels: Sequence[str], row: Mapping[str, str], text: str) -> Answer:
    if text.strip() == NONE:
        return Answer(fault="none of the labels fits")
    if labels and text.strip() not in labels:
        return Answer(fault=f"none of the labels: {text.strip()[:80]!r}")
    return Answer(text.strip())


def _span_rule(task: Task) -> str:
    return (
        f"`answer` is the shortest span of `input.{task.context_field}` that is right, copied letter by"
        ' letter; "" where the text does not say'
    )


def _text_schema(task: Task, labels: Sequence[str]) -> dict[str, Any]:
    return {"type": "string"}


def _span(task: Task, labels: Sequence[str], row: Mapping[str, str], text: str) -> Answer:
    if not text.strip():
        return Answer(fault="the text does not say")
    if text.strip() not in row[task.context_field]:
        return Answer(fault=f"not a span of the text: {text.strip()[:80]!r}")
    return Answer(text.strip())


def _text_rule(task: Task) -> str:
    return "`answer` is the output in the form that the task asks for, and nothing around it"


def _text(task: Task, labels: Sequence[str], row: Mapping[str, str], text: str) -> Answer:
    return Answer(text.strip()) if text.strip() else Answer(fault="empty")


_SPAN = Form(_span_rule, _text_schema, _span, 1024)
FORMS: dict[TaskType, Form] = {
    TaskType.CLASSIFICATION: Form(_label_rule, _label_schema, _label, 1024),
    TaskType.QUESTION_ANSWERING: _SPAN,
    TaskType.EXTRACTION: _SPAN,
    TaskType.TEXT_TO_TEXT: Form(_text_rule, _text_schema, _text, 4096),
}
