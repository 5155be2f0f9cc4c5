"""How well a task's fields are found among a dataset's columns: `python bench/mapping.py [data folder]`.

The truth is what people wrote for real datasets; what is seen is names and types alone, no row. Mappings
that ask for the same fields of the same columns are one question, of which each is right. What anybody would
guess, fields that are called like their columns, is left out of the first figure; an input that holds class
labels is no text and left out of all. A dataset counts once, however many configurations it has. Rules are
developed on one half (by hash of the dataset's name), whose misses `-v` prints, and the other half is
reported, of which the kinds of columns that failed, not their names, were looked at once.
Exits 1 where a bar is missed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.catalogs.base import SURE, Column, map_columns
from p2m.types import Field, Task, TaskType

RIGHT, WRONG = 0.93, 0.03  # at least of the datasets right, at most wrong and sure
_TEXTLESS = ("image", "audio", "img", "file", "path", "video")
_TYPES = {
    "question-answering-extractive": (TaskType.QUESTION_ANSWERING, ("question", "context"), "answers"),
    "extractive_question_answering": (TaskType.QUESTION_ANSWERING, ("question", "context"), "answers"),
    "text-classification": (TaskType.CLASSIFICATION, ("text",), "label"),
    "multi_class_classification": (TaskType.CLASSIFICATION, ("text",), "label"),
    "binary_classification": (TaskType.CLASSIFICATION, ("text",), "label"),
    "entity_extraction": (TaskType.EXTRACTION, ("tokens",), "tags"),
    "summarization": (TaskType.TEXT_TO_TEXT, ("text",), "summary"),
    None: (TaskType.TEXT_TO_TEXT, ("input",), "output"),
}
_COLUMNS = {
    "string": "text", "Sequence[string]": "texts", "Sequence[ClassLabel]": "texts", "bool": "boolean",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """Which of the columns are the task's fields, and the answers that people gave."""

    dataset: str
    task: Task
    columns: tuple[Column, ...]
    truths: list[dict[str, str]] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether equal names answer it."""
        return any(right({name: name for name in truth}, truth) for truth in self.truths)


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    mapping: dict[str, str]
    confidence: float

    @property
    def is_right(self) -> bool:
        return any(right(self.mapping, truth) for truth in self.question.truths)


def held_out(name: str) -> bool:
    """Whether a dataset is of the half that nothing was chosen on."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def lines(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, gzip.decompress(path.read_bytes()).decode().rstrip("\n").split("\n"))


def wanted(raw: dict[str, Any]) -> tuple[Task, dict[str, str]] | None:
    """The task of a human-written mapping and its truth, field to column; None where it is not about text."""
    if raw["task"] not in _TYPES:
        return None
    kind, inputs, output = _TYPES[raw["task"]]
    pairs = {
        role: column
        for role, column in raw["mapping"].items()
        if isinstance(column, str) and role != "metrics"
    }
    if raw["source"] == "train-eval-index":  # written the other way round: column to role
        pairs = {output if role == "target" else role: column for column, role in pairs.items()}
        pairs |= {"answers": "answers"} if kind is TaskType.QUESTION_ANSWERING else {}
    truth = {name: pairs.get(name, "") for name in (*inputs, output)}
    known = {*raw["columns"], *(name for name in truth.values() if "translation" in raw["columns"])}
    if not all(truth.values()) or len(set(truth.values())) < len(truth) or not set(truth.values()) <= known:
        return None
    if any(column in _TEXTLESS for column in truth.values()):
        return None
    language = truth["input"] if "translation" in raw["columns"] else "en"
    return Task(kind, "", tuple(map(Field, inputs)), Field(output), language=language), truth


def as_columns(config: dict[str, Any]) -> tuple[Column, ...]:
    """Declared types as the facts that rows would show."""
    found: list[Column] = []
    for column in config["columns"]:
        name, kind = column["name"], column["type"]
        if kind.startswith("Translation("):
            found.extend(Column(f"{name}.{code}", "text") for code in kind[12:-1].split(","))
        elif kind.startswith("ClassLabel"):
            found.append(Column(name, "label"))
        elif kind == "Sequence[struct]" and name.startswith("answer"):
            found.append(Column(f"{name}.text", "texts"))
        else:
            number = "number" if re.match(r"u?int|float", kind) else "other"
            found.append(Column(name, _COLUMNS.get(kind, number)))
    return tuple(found)


def right(mapping: dict[str, str], truth: dict[str, str]) -> bool:
    """`answers.text` is the column answers; `translation.en` is en."""
    return all(column in (*(got := mapping.get(name, "")).split("."), got) for name, column in truth.items())


def questions(folder: Path) -> list[Question]:
    """What people were asked, each once."""
    configs = {
        (raw["name"], config["config"]): as_columns(config)
        for raw in lines(folder / "dataset_cards.jsonl.gz")
        for config in raw["configs"]
    }
    found: dict[tuple[str, str, tuple[Column, ...]], Question] = {}
    for raw in lines(folder / "column_mappings_dev.jsonl.gz"):
        asked, columns = wanted(raw), configs.get((raw["dataset"], raw["config"]))
        if asked is None or columns is None:
            continue
        task, truth = asked
        labels = {column.name for column in columns if column.kind == "label"}
        if labels.isdisjoint(truth[each.name] for each in task.inputs):
            one = Question(raw["dataset"], task, columns)
            found.setdefault((one.dataset, repr(task), columns), one).truths.append(truth)
    return list(found.values())


def answered(question: Question) -> Answer:
    fit = map_columns(question.task, question.columns)
    return Answer(question, fit.mapping or {}, fit.confidence)


def a_dataset(answers: Sequence[Answer], shares: Sequence[bool]) -> float:
    """The mean over datasets of the share of their questions."""
    by_dataset: dict[str, list[bool]] = defaultdict(list)
    for answer, share in zip(answers, shares, strict=True):
        by_dataset[answer.question.dataset].append(share)
    return sum(sum(some) / len(some) for some in by_dataset.values()) / len(by_dataset)


def told(name: str, answers: Sequence[Answer]) -> tuple[float, float]:
    """The share of datasets that are right, and that are wrong and sure; one line with all of it."""
    datasets = len({answer.question.dataset for answer in answers})
    score = a_dataset(answers, [answer.is_right for answer in answers])
    sure = a_dataset(answers, [not answer.is_right and answer.confidence >= SURE for answer in answers])
    known = a_dataset(answers, [answer.confidence >= SURE for answer in answers])
    plain = a_dataset(answers, [answer.question.is_plain for answer in answers])
    print(
        f"  {name} ({datasets} datasets, {len(answers)} questions): p2m {score:.3f},"
        f" sure {known:.3f}, wrong and sure {sure:.3f}; equal names {plain:.3f}"
    )
    return score, sure


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "../shared/data") / "catalogs"
    answers = list(map(answered, questions(folder)))
    met = True
    for half in (False, True):
        some = [one for one in answers if held_out(one.question.dataset) is half]
        hard = [one for one in some if not one.question.is_plain]
        print("columns, held out" if half else "columns, developed on")
        score, sure = told("not called like their fields", hard)
        told("all", some)
        met = met and (not half or (score >= RIGHT and sure <= WRONG))
        for one in some if "-v" in arguments and not half else ():
            if not one.is_right:
                names = ", ".join(column.name for column in one.question.columns)
                print(
                    f"    {one.question.dataset}: wanted {one.question.truths}, got {one.mapping} of {names}"
                )
    print(
        f"the bars (at least {RIGHT} right, at most {WRONG} wrong and sure) are {'met' if met else 'missed'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
