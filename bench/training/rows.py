"""Rows of the three families that train_speed and g2p fit, from the folder of datasets."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.metrics.accuracy import Accuracy
from p2m.metrics.base import Metric
from p2m.metrics.exact_match import ExactMatch
from p2m.students.base import TunedStudent
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.types import Example, Field, Task, TaskType

MAX_LENGTH = 256  # tokens, of both contestants


@dataclass(frozen=True)
class Match:
    """What is learnt, by whom, from what."""

    name: str
    task: Task
    student: TunedStudent
    metric: Metric
    rate: float
    batch: int
    train: tuple[Example, ...]
    test: tuple[Example, ...]


def labels(data: Path, train: int, test: int) -> Match:
    """banking77, 77 intents."""
    learnt, asked = (
        [Example({"text": row["text"]}, row["label"]) for row in read(data / "hub/banking77" / name, most)]
        for name, most in (("train.jsonl.gz", train), ("test.jsonl.gz", test))
    )
    known = {row.output for row in learnt}
    task = Task(
        TaskType.CLASSIFICATION, "Name the intent.", (Field("text"),), Field("label"), tuple(sorted(known))
    )
    asked = [row for row in asked if row.output in known]
    return Match("labels", task, MiniLM(), Accuracy(), 1e-4, 32, tuple(learnt), tuple(asked))


def spans(data: Path, train: int, test: int) -> Match:
    """SQuAD 1.1."""
    learnt, asked = (
        [
            Example({"question": row["question"], "context": row["context"]}, *first(row["answers"]))
            for row in read(data / "hub/squad" / name, most)
        ]
        for name, most in (("train.jsonl.gz", train), ("validation.jsonl.gz", test))
    )
    task = Task(
        TaskType.QUESTION_ANSWERING, "Answer it.", (Field("question"), Field("context")), Field("answer")
    )
    return Match("spans", task, MiniLM(), ExactMatch(), 1e-4, 16, tuple(learnt), tuple(asked))


def phonemes(data: Path, train: int, test: int) -> Match:
    """CMUdict, a twentieth of its words set aside by their digests; further pronunciations are right, too."""
    learnt: list[Example] = []
    asked: list[Example] = []
    for row in read(data / "hub/cmudict/all.jsonl.gz", None):
        example = Example({"word": row["word"]}, *first(row["phones"]))
        is_asked = int(hashlib.sha256(row["word"].encode()).hexdigest(), 16) % 20 == 0
        (asked if is_asked else learnt).append(example)
    task = Task(TaskType.TEXT_TO_TEXT, "Pronounce it.", (Field("word"),), Field("phones"))
    student = TinySeq2Seq(max_input=64, max_output=96)
    return Match("seq2seq", task, student, ExactMatch(), 1e-3, 32, tuple(learnt[:train]), tuple(asked[:test]))


FAMILIES = {"labels": labels, "spans": spans, "seq2seq": phonemes}


def first(answers: list[str]) -> tuple[str, tuple[str, ...]]:
    return answers[0], tuple(answers[1:])


def read(path: Path, most: int | None) -> list[dict[str, Any]]:
    """Some rows of a file, drawn by a fixed seed.

    Raises:
        SystemExit: it is not there.
    """
    if not path.exists():
        raise SystemExit(f"{path}: not there; name the folder of datasets that has it")
    rows = list(_lines(path))
    random.Random(0).shuffle(rows)
    return rows[:most]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)
