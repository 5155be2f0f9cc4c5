"""One row of a dataset as an `Example` of a task, by a mapping of fields to columns."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from p2m.answers.canonical import Canonical, Unfit, is_shaped, same_nothing
from p2m.answers.labels import label_reader, listed, number_name
from p2m.catalogs.columns import text_of, texts_of
from p2m.catalogs.joined import with_joined
from p2m.catalogs.rows import RawRow
from p2m.catalogs.vocabulary import ALSO
from p2m.deploy.serving.dates import SAMPLES, moment_of
from p2m.deploy.serving.rows import number_of
from p2m.types import GROUPED, Example, Task, TaskType

_IMPOSSIBLE = ("is_impossible", "unanswerable", "is_unanswerable")


@dataclass(frozen=True, slots=True)
class Converter:
    """Turns rows into examples of one task."""

    task: Task
    mapping: Mapping[str, str]  # task field -> column, or a template of several
    source: str
    label_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # column -> number -> name
    spans_only: bool = False  # whether rows are refused whose answers do not stand in their context
    aliases: bool = True  # whether columns of further right answers are read
    canonical: Canonical | None = None  # how answers are read that are more than a text; None: by each alone
    is_raw: bool = False  # whether answers are left as they are written, to see what sort they are
    grouping: str | None = None  # the column that says which rows belong together
    is_open: bool = False  # whether labels that the task has not stay as they are
    _named: Callable[[str], str | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", label_reader(self.task.labels))
        canonical = self.canonical or Canonical(self.task)
        object.__setattr__(self, "canonical", replace(canonical, is_open=self.is_open))

    def inputs(self, record: RawRow) -> dict[str, str] | str:
        """The input fields alone, or which of them is empty; numbers and choices may be, some of them."""
        flat = with_joined(record.values, self.mapping)
        found: dict[str, str] = {}
        for one in self.task.inputs:
            found[one.name] = text_of(flat, self.mapping[one.name])
        empty = [name for name, text in found.items() if not text]
        may_lack = found if self.is_raw else self.task.measured
        wrong = empty if len(empty) == len(found) else [name for name in empty if name not in may_lack]
        if wrong:
            return f"{wrong[0]!r} (column {self.mapping[wrong[0]]!r}) is empty"
        for name in self.task.numbers:
            if found[name] and number_of(found[name]) is None:
                column = f"{name!r} (column {self.mapping[name]!r})"
                return f"{column} is a number in other rows, and not {found[name][:40]!r}, or may be empty"
        for name, order in self.task.dates.items():
            if found[name] and moment_of(found[name], order) is None:
                column = f"{name!r} (column {self.mapping[name]!r})"
                return f"{column} is like {SAMPLES[order]} in other rows, and not {found[name][:40]!r}"
        return found

    def convert(self, record: RawRow) -> Example | str:
        """The example, or why the row is none (empty field, no answer, a label the task has not)."""
        inputs = self.inputs(record)
        if isinstance(inputs, str):
            return inputs
        flat = with_joined(record.values, self.mapping)
        column = self.mapping[self.task.output.name]
        if self.is_raw or is_shaped(self.task):
            return self._shaped(inputs, flat, column)
        answers = list(dict.fromkeys(texts_of(flat.get(column))))
        if not answers and self.task.none is not None and self._says_none(flat, column):
            answers = [self.task.none]
        if not answers:
            return self._empty(column)
        if classes := self.label_names.get(column):
            named = [number_name(classes, answer) for answer in answers]
            if named[0] is None:
                unlabelled = " (the Hub's mark for a row without one)" if answers[0] == "-1" else ""
                return f"{answers[0]!r} is none of the labels that its card names{unlabelled}"
            answers = list(dict.fromkeys(name for name in named if name is not None))
        if self.task.type is TaskType.CLASSIFICATION:  # one label, however its accents are encoded
            answers = list(dict.fromkeys(unicodedata.normalize("NFC", answer) for answer in answers))
            several = answers if len(answers) > 1 else listed(answers[0])
            if len(several) > 1 and answers[0] not in self.task.labels:
                return f"{several!r} are several labels, and a {self.task.type} has one a row"
        if self.task.is_span and self.task.none is not None:
            answers = [self._none_alike(answer, inputs) for answer in answers]
        if self.spans_only and self.task.is_span and answers != [self.task.none]:
            answers = [answer for answer in answers if answer in inputs[self.task.context_field]]
            if not answers:
                return f"the answer does not stand in {self.task.context_field!r}"
        if self.task.labels and self.task.type.is_labelled:
            label = self._named(answers[0]) or (answers[0] if self.is_open else None)
            if label is None:
                return f"{answers[0]!r} is none of the labels"
            answers = [label]
        names = [name for name in ALSO if self.aliases and name in flat and name not in self.mapping.values()]
        also = [text for name in names for text in texts_of(flat[name])]
        rest = tuple(dict.fromkeys(text for text in (*answers[1:], *also) if text != answers[0]))
        return Example(inputs, answers[0], rest, source=self.source, group=self.group(inputs, flat))

    def _empty(self, column: str) -> str:
        """That a row has no answer, and how to write that it has none where that may be one."""
        hint = ""
        if self.task.type is TaskType.MULTI_LABEL:
            hint = "; write [] where a row has none"
        elif self.task.is_span:
            said = "" if self.task.none else ", and task: {none: N/A} in the recipe"
            hint = f"; where there is none, write {self.task.none or 'N/A'}{said}"
        return f"{self.task.output.name!r} (column {column!r}) is empty{hint}"

    def written(self, record: RawRow) -> str:
        """The answer of a row as it is written; "" where it has none."""
        return self._written(with_joined(record.values, self.mapping), self.mapping[self.task.output.name])

    def _written(self, flat: Mapping[str, Any], column: str) -> str:
        value = flat.get(column)
        if not isinstance(value, list):
            return next(iter(texts_of(value)), "")
        names = self.label_names.get(column)
        items = [(number_name(names, text) or text) if names else text for text in texts_of(value)]
        if column.rpartition(".")[2] == "text" and items:  # of answers that are all right, the first
            return items[0]
        return json.dumps(items, ensure_ascii=False)

    def _shaped(self, inputs: dict[str, str], flat: Mapping[str, Any], column: str) -> Example | str:
        """The example of an answer that is more than a text, or that is left as it is."""
        said = self._written(flat, column)
        if not said:
            return self._empty(column)
        if not self.is_raw:
            assert self.canonical is not None
            context = self.mapping[self.task.context_field]
            text = flat.get(context)
            try:
                said = self.canonical.write(said, text if isinstance(text, str) else text_of(flat, context))
            except Unfit as error:
                return str(error)
        return Example(inputs, said, source=self.source, group=self.group(inputs, flat))

    def _says_none(self, flat: Mapping[str, Any], column: str) -> bool:
        """Whether a row says that it has no answer: by an empty list, or as SQuAD 2.0 does."""
        return flat.get(column) == [] or any(flat.get(name) is True for name in _IMPOSSIBLE)

    def _none_alike(self, answer: str, inputs: Mapping[str, str]) -> str:
        """The answer, or the task's own word for none where it means that."""
        stands = answer in inputs[self.task.context_field]
        return answer if stands or not same_nothing(answer, self.task.none) else str(self.task.none)

    def group(self, inputs: Mapping[str, str], flat: Mapping[str, Any]) -> str:
        """Rows with one value of the user's column belong together, else those about one passage."""
        if self.grouping is not None:
            value = text_of(flat, self.grouping)
            return value and GROUPED + value
        if self.task.type is not TaskType.QUESTION_ANSWERING or len(inputs) < 2:
            return ""
        passage = inputs[self.task.context_field]
        return f"{self.source.partition(':')[0]}:{hashlib.sha256(passage.encode()).hexdigest()[:12]}"
