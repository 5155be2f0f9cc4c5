"""Records: what rows tell of their fields, answers that their schema allows whatever the logits, learning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CITIES, PEOPLE, Here

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.record_fields import numbers_in
from p2m.errors import DataError, UserError
from p2m.metrics.exact_match import ExactMatch
from p2m.students.encoder import EncoderLearner
from p2m.students.heads import RecordHead, head_of
from p2m.students.labels import labels_of
from p2m.students.minilm import MiniLM
from p2m.training.base import fit
from p2m.types import Example, Field, RecordField, Scale, Task, TaskType, Training

RECORD = Task(
    TaskType.RECORDS, "Read the note.", (Field("text"),), Field("record"),
    record=(
        RecordField("who", "span"),
        RecordField("home", "label", labels=("true", "false"), nullable=False),
        RecordField("tags", "labels", labels=("city", "person"), nullable=False),
        RecordField("age", "number"),
        RecordField("mood", "label"),
        RecordField("stars", "number", nullable=False, scale=Scale(1, 5, 1)),
    ),
)  # fmt: skip


def note(number: int) -> Example:
    """Of a person at home or away; a small vocabulary tells each field in a way of its own."""
    person, city = PEOPLE[number % 8], CITIES[(number // 3) % 8]
    other = PEOPLE[(number + 3) % 8]
    age = str(10 + number) if number % 3 else None
    if number % 2:
        text = f"{person} lives in {city}" + (f", is {age}" if age else "") + f". {other} is away."
        values: dict[str, Any] = {"who": person, "home": True, "tags": ["city", "person"]}
    else:
        text = f"who is there?{f' is {age} in' if age else ''}"
        values = {"who": None, "home": False, "tags": []}
    values |= {"age": int(age) if age else None, "mood": "calm" if number % 2 else "keen"}
    return Example({"text": text}, json.dumps(values | {"stars": 5 if number % 2 else 2}))


ROWS = [note(number) for number in range(80)]


def learner_of(student: MiniLM, task: Task = RECORD) -> Any:
    learner = student.prepare(task, labels_of(task, ROWS), seed=0)
    assert isinstance(learner, EncoderLearner)
    return learner


def assert_valid(record: dict[str, Any], task: Task = RECORD) -> None:
    """As a JSON schema of the task's fields has it."""
    assert list(record) == [field.name for field in task.record]
    for field in task.record:
        value = record[field.name]
        labels = {"true": True, "false": False}
        named = [labels.get(each, each) for each in field.labels or ("calm", "keen")]
        if value is None:
            assert field.nullable
        elif field.kind == "label":
            assert value in named
        elif field.kind == "labels":
            assert set(value) <= set(named)
        elif field.kind == "span":
            assert isinstance(value, str)
        else:
            assert isinstance(value, (int, float))
            assert not isinstance(value, bool)
            assert field.scale is None or field.scale.low <= value <= field.scale.high


def test_rows_tell_labels_and_which_numbers_stand_in_their_texts() -> None:
    told = [json.loads(each) for each in labels_of(RECORD, ROWS)]
    assert told[0] == told[1] == told[2] == {}
    assert told[3]["decimal"] == "."
    assert told[4] == {"labels": ["calm", "keen"]}
    assert told[5]["scale"] == [2, 5, 1]
    rows = [Example({"text": f"kostet {i}.000,50 €"}, f'{{"age": {i}000.5}}') for i in range(1, 9)]
    task = Task(TaskType.RECORDS, "", RECORD.inputs, RECORD.output, record=(RECORD.record[3],))
    assert json.loads(labels_of(task, rows)[0])["decimal"] == ","


def guests(number: int) -> Example:
    """So many people, in digits or in words, beside an hour that is written in the same ways."""
    people, hour = 1 + number % 4, 5 + number % 6
    said = {1: "myself", 2: "zwei", 3: "drei", 4: "4"}[people] if number % 3 else str(people)
    text = f"{said} um {'drei' if number % 16 == 1 else hour} {PEOPLE[number * number % 7]}"
    return Example({"text": text}, json.dumps({"age": people}))


def test_words_that_say_a_number_are_learnt_from_rows_and_point_at_it() -> None:
    task = Task(TaskType.RECORDS, "", RECORD.inputs, RECORD.output, record=(RECORD.record[3],))
    (told,) = (json.loads(each) for each in labels_of(task, [guests(n) for n in range(120)]))
    assert told["decimal"] == "."
    assert dict(told["words"]) == {"myself": 1, "zwei": 2, "drei": 3}
    found = list(numbers_in("Drei oder 12, zweite", ".", [("drei", 3.0), ("zwei", 2.0)]))
    assert sorted(found) == [(0, 4, 3.0), (10, 12, 12.0)], "whole words, in any case"


def test_a_number_that_is_never_written_in_digits_is_told_by_the_whole_text() -> None:
    task = Task(TaskType.RECORDS, "", RECORD.inputs, RECORD.output, record=(RECORD.record[3],))
    mood = {"awful": 1, "fine": 3, "great": 5}
    rows = [Example({"text": f"It was {word}, {n}"}, json.dumps({"age": stars}))
            for n in range(100, 130) for word, stars in mood.items()]  # fmt: skip
    (told,) = (json.loads(each) for each in labels_of(task, rows))
    assert "decimal" not in told
    assert told["scale"] == [1, 5, 1]


@pytest.mark.parametrize(
    ("text", "decimal", "values"),
    [
        ("1,234.50 of 12", ".", [1234.5, 12]),
        ("1.234,50 of 12", ",", [1234.5, 12]),
        ("12 500 € or 3", ",", [12500, 3]),
        ("1'000 and -4, not 2020-05-17", ".", [1000, -4, 2020, 5, 17]),
        ("−3.5° at 10:30, 12kg", ".", [-3.5, 10, 30, 12]),
        ("room 1234567.", ".", [1234567]),
        ("١٢ apples", ".", [12]),
        ("none", ".", []),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, decimal: str, values: list[float]) -> None:
    found = list(numbers_in(text, decimal))
    assert [value for _, _, value in found] == values
    assert all(any(each.isdigit() for each in text[start:end]) for start, end, _ in found)


def test_fractions_are_numbers_where_rows_say_so() -> None:
    task = Task(TaskType.RECORDS, "", RECORD.inputs, RECORD.output, record=(RECORD.record[3],))
    said = {"1/2": 0.5, "1 1/2": 1.5, "¾": 0.75, "2½": 2.5, "200": 200}
    rows = [Example({"text": f"{text} cups {n}"}, json.dumps({"age": value}))
            for n in range(40, 60) for text, value in said.items()]  # fmt: skip
    (told,) = (json.loads(each) for each in labels_of(task, rows))
    assert (told["decimal"], told["fractions"]) == (".", True)
    known = "3/4 of it, page 3/4/2024 1/0"
    assert [value for *_, value in numbers_in(known, ".", fractions=True)] == [0.75, 3, 4, 2024, 1, 0]
    pages = [Example({"text": f"page {n}/31"}, json.dumps({"age": n})) for n in range(1, 31)]
    (told,) = (json.loads(each) for each in labels_of(task, pages))
    assert "fractions" not in told


STRICT = Task(
    TaskType.RECORDS, "", RECORD.inputs, RECORD.output,
    record=(
        RecordField("who", "span", nullable=False), RecordField("age", "number", nullable=False),
        RecordField("mood", "label", nullable=False), RecordField("tags", "labels", labels=("a", "b")),
    ),
)  # fmt: skip


@pytest.mark.parametrize("task", [RECORD, STRICT], ids=["nullable", "strict"])
def test_whatever_the_logits_an_answer_is_a_record_of_its_fields(tiny_minilm: MiniLM, task: Task) -> None:
    learner = learner_of(tiny_minilm, task)
    generator = np.random.default_rng(0)
    texts = ["", "   ", "?!", "Ada is 12, Ben 13.", "昨日 東京 3 時", "a" * 300, "1 2 3 " * 60]
    inputs = [{"text": text} for text in texts]
    items = learner.head.items(inputs)
    for _ in range(20):
        outputs = []
        for item in items:
            made: dict[str, Any] = {}
            for each in learner.head.projections(learner.settings):
                names = each.columns or (each.name,)
                shape = (len(item.ids),) if each.columns else (each.size,)
                made |= {name: generator.normal(scale=5, size=shape) for name in names}
            outputs.append(made)
        for text, answer in zip(texts, learner.head.answers(inputs, items, outputs), strict=True):
            record = json.loads(answer.output)
            assert_valid(record, task)
            assert record["who"] is None or record["who"] in text
            assert 0 <= answer.score <= 1


def test_what_rows_teach_is_what_would_be_answered(tiny_minilm: MiniLM) -> None:
    long = Example({"text": "who is away? " * 30 + ROWS[1].input["text"]}, ROWS[1].output)
    rows = [*ROWS[:8], long]
    learner = learner_of(tiny_minilm)
    head = learner.head
    features = head.encode(rows, max_length=40)
    assert len(features) > len(rows) + 2
    outputs = [_sure(head, feature) for feature in features]
    inputs = [row.input for row in rows]
    answers = head.answers(inputs, head.items(inputs), outputs)
    assert [json.loads(each.output) for each in answers] == [json.loads(row.output) for row in rows]


def _sure(head: Any, feature: dict[str, Any]) -> dict[str, Any]:
    """Logits that say what a feature teaches."""
    length = len(feature["input_ids"])
    targets = head.targets([feature], length)
    found: dict[str, Any] = {}
    for each in head.projections(head.settings):
        for name in each.columns or (each.name,):
            target = targets[name][0].numpy()
            if each.columns:
                found[name] = np.where(target, 9.0, -9.0)
            elif target.ndim == 0:
                found[name] = np.where(np.arange(each.size) == target, 9.0, -9.0)
            else:
                found[name] = np.where(np.isnan(target), 0.0, np.where(target == 0, -9.0, target * 9.0))
    number = head.projections(head.settings)[5].name
    found[number] = targets[number][0].numpy()
    return found


def test_what_cannot_be_learnt_is_said(tiny_minilm: MiniLM) -> None:
    text = Task(TaskType.RECORDS, "", RECORD.inputs, RECORD.output, record=(RecordField("sum", "text"),))
    assert head_of(text) is None
    assert head_of(RECORD) is RecordHead
    said = tiny_minilm.refusal(text)
    assert said is not None
    assert "'sum'" in said
    assert "span" in said
    head = learner_of(tiny_minilm).head
    with pytest.raises(DataError, match="'mood'; did you mean 'calm'"):
        head.encode([Example({"text": "a"}, '{"mood": "calmm", "home": true}')], max_length=40)
    with pytest.raises(DataError, match="not a JSON object"):
        head.encode([Example({"text": "a"}, "[]")], max_length=40)
    bare = Task(TaskType.RECORDS, "", RECORD.inputs, RECORD.output, record=(RecordField("mood", "label"),))
    with pytest.raises(UserError, match=r"'mood' has no labels.*task\.record"):
        tiny_minilm.prepare(bare, labels_of(bare, [Example({"text": "a"}, '{"mood": null}')]), seed=0)


def test_every_sort_of_field_is_learnt_and_served(tiny_minilm: MiniLM, here: Here, tmp_path: Path) -> None:
    train, test = ROWS[:60], ROWS[60:]
    learner = learner_of(tiny_minilm)
    training = Training(epochs=40, batch_size=16, learning_rate=1e-2, max_length=40)
    trained = fit(
        learner, train, (), student=tiny_minilm, training=training, metric=ExactMatch(), seed=0, run=here
    )
    assert any("the head is solved" in line for line in here.lines)
    assert trained.checkpoint is not None
    learner.model.eval()
    said = learner.predict(test, batch_size=8, device="cpu")
    right = [json.loads(answer) == json.loads(row.output) for answer, row in zip(said, test, strict=True)]
    assert sum(right) >= 0.8 * len(test)
    tiny_minilm.export(RECORD, labels_of(RECORD, ROWS), trained.checkpoint, tmp_path / "model")
    predictor = Predictor(tmp_path / "model")
    for size in (1, 8):
        answers = predictor.predict([row.input for row in test], batch_size=size)
        assert [answer.output for answer in answers] == said
    assert predictor.settings.shape == "record"
