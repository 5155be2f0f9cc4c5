"""Several labels a row, and numbers: encoders and linear students learn them, and what ships answers so."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import answered
from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.shapes import read_labels, read_number, write_labels, write_number
from p2m.errors import DataError
from p2m.stages.lessons import linear_answers
from p2m.students import linear
from p2m.students.labels import labels_of
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.types import Example, Field, Lesson, Shaping, Task, TaskType

WORDS = {"colour": "red blue green", "size": "large small tiny", "smell": "sweet sour fresh"}
SETS = Task(TaskType.MULTI_LABEL, "Name all topics.", (Field("text"),), Field("labels"), tuple(WORDS))
STARS = Task(TaskType.REGRESSION, "How many stars?", (Field("text"),), Field("value"))


def sets(number: int, seed: int = 0) -> list[Example]:
    lot, rows = random.Random(seed), []
    for _ in range(number):
        held = [label for label in WORDS if lot.random() < 0.4]
        said = [lot.choice(WORDS[label].split()) for label in held] + lot.choices(["Ada", "was", "in"], k=3)
        lot.shuffle(said)
        rows.append(Example({"text": " ".join(said)}, write_labels(held, SETS.labels), source="user"))
    return rows


def stars(number: int, seed: int = 0) -> list[Example]:
    lot, rows = random.Random(seed), []
    for _ in range(number):
        good = lot.randint(0, 4)
        said = ["good"] * good + ["bad"] * (4 - good)
        lot.shuffle(said)
        rows.append(Example({"text": " ".join(said)}, write_number(1 + good), source="user"))
    return rows


def trained(student: MiniLM, task: Task, rows: Sequence[Example], steps: int) -> Any:
    learner = student.prepare(task, labels_of(task, rows), seed=0)
    features = learner.encode(rows, max_length=32)
    learner.warm_start(features, batch_size=16, device="cpu", balanced=False)  # type: ignore[attr-defined]
    optimizer = torch.optim.AdamW([each for each in learner.model.parameters() if each.requires_grad], 3e-3)
    lot = random.Random(0)
    learner.model.train()
    for _ in range(steps):
        loss = learner.loss(learner.collate(lot.choices(features, k=16)), Shaping())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    learner.model.eval()
    return learner


@pytest.mark.parametrize(("task", "made"), [(SETS, sets), (STARS, stars)])
def test_an_encoder_learns_the_rows_and_its_export_answers_as_it_did(
    task: Task, made: Any, tiny_bert: Path, tmp_path: Path
) -> None:
    student = MiniLM(model=str(tiny_bert), sha256="", window=32, dropout=0.0)
    rows, asked = made(200), made(60, seed=1)
    learner = trained(student, task, rows, steps=60)
    learner.model.save_pretrained(str(tmp_path / "kept"))
    learner.tokenizer.save_pretrained(str(tmp_path / "kept"))
    student.export(task, labels_of(task, rows), tmp_path / "kept", tmp_path / "model")
    said = [each.output for each in Predictor(tmp_path / "model").predict([row.input for row in asked])]
    assert said == learner.predict(asked, batch_size=8, device="cpu")
    assert np.mean([one == row.output for one, row in zip(said, asked, strict=True)]) > 0.8


@pytest.mark.parametrize(("task", "made"), [(SETS, sets), (STARS, stars)])
def test_a_linear_student_learns_the_rows(task: Task, made: Any, tmp_path: Path) -> None:
    rows, asked = made(200), made(60, seed=1)
    LinearTfidf().solve(Lesson(task, labels_of(task, rows), tuple(rows), None, None), tmp_path)
    answers = Predictor(tmp_path).predict([row.input for row in asked])
    assert [each.output for each in answers] == [
        each.output for each in linear_answers(tmp_path, asked, None)
    ]
    assert np.mean([each.output == row.output for each, row in zip(answers, asked, strict=True)]) > 0.6
    assert all(0 <= each.score <= 1 for each in answers)


def test_a_label_of_every_row_or_of_none_is_no_obstacle(tmp_path: Path) -> None:
    rows = [Example(row.input, write_labels(["size", *read_labels(row.output)])) for row in sets(40)]
    rows = [Example(row.input, write_labels(set(read_labels(row.output)) - {"smell"})) for row in rows]
    LinearTfidf().solve(Lesson(SETS, SETS.labels, tuple(rows), None, None), tmp_path)
    for answer in Predictor(tmp_path).predict([row.input for row in sets(20, seed=2)]):
        assert "size" in read_labels(answer.output)
        assert "smell" not in read_labels(answer.output)


def test_a_threshold_decides_what_holds_and_the_score_is_of_exactly_that() -> None:
    settings = Settings(
        "classification", ("text",), labels=("a", "b"), shape="labels", none="[]", threshold=0.7
    )
    shares = np.array([[0.6, 0.2], [0.8, 0.75]])
    first, second = answered(np.log(shares / (1 - shares)), settings)
    assert (first.output, second.output) == ("[]", '["a", "b"]')
    assert (first.score, second.score) == (pytest.approx(0.4 * 0.8), pytest.approx(0.8 * 0.75))
    forced = Settings("classification", ("text",), labels=("a", "b"), shape="labels", threshold=0.7)
    assert answered(np.log(shares / (1 - shares)), forced)[0].output == '["a"]'


def test_numbers_keep_to_their_scale_and_steps_and_are_surer_where_errors_are_small() -> None:
    stepped = Settings("linear", ("text",), shape="number", scale=(1.0, 5.0, 1.0), error=0.5)
    logits = np.array([[-3.0], [0.52], [0.6], [9.0]])
    assert [each.output for each in answered(logits, stepped)] == ["1", "3", "3", "5"]
    free = Settings("linear", ("text",), shape="number", scale=(0.0, 10.0, 0.0), error=0.5)
    assert answered(np.array([[0.123456]]), free)[0].output == "1.23"
    sure, unsure = (
        answered(
            np.array([[0.5]]), Settings("linear", ("t",), shape="number", scale=(1.0, 5.0, 1.0), error=e)
        )[0]
        for e in (0.1, 2.0)
    )
    assert sure.score > 0.99 > 0.3 > unsure.score


def test_a_scale_that_nobody_named_is_that_of_the_rows() -> None:
    assert labels_of(STARS, stars(50)) == ("1", "5", "1")
    assert labels_of(STARS, [Example({"text": "a"}, text) for text in ("0.5", "2")]) == ("0.5", "2")


@pytest.mark.parametrize("answer", ["many", "nan", "1e999"])
def test_what_is_no_finite_number_is_refused_by_name(answer: str, tmp_path: Path) -> None:
    rows = [*stars(10), Example({"text": "odd"}, answer, source="user")]
    with pytest.raises(DataError, match="a row of user should answer with a number"):
        LinearTfidf().solve(Lesson(STARS, ("1", "5"), tuple(rows), None, None), tmp_path)


def test_a_label_that_is_not_among_them_is_refused_by_name(tiny_bert: Path) -> None:
    learner = MiniLM(model=str(tiny_bert), sha256="", window=32).prepare(SETS, SETS.labels, seed=0)
    with pytest.raises(DataError, match=r"'colours'.*colour"):
        learner.encode([Example({"text": "red"}, json.dumps(["colours"]), source="user")], max_length=32)


def test_answers_of_numbers_read_back() -> None:
    for text in ("4", "4.5", "-0.25", "1000000"):
        assert write_number(read_number(text)) == text
    assert linear.refusal(STARS) is None
    assert linear.refusal(SETS) is None
