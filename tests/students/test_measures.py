"""Numbers and choices of a table count beside its texts, and as what they are."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from p2m.curation.checks import malformed
from p2m.deploy.serving.asking import asked
from p2m.deploy.serving.embeddings import open_encoder
from p2m.deploy.serving.http.bundles import Served
from p2m.deploy.serving.http.fitting import fault_in
from p2m.deploy.serving.http.schema import row_schema
from p2m.deploy.serving.linear import words_of
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import InputError, joined, number_of
from p2m.deploy.serving.settings import Settings
from p2m.errors import DataError
from p2m.parsing import parse_prompt, read_answers
from p2m.stages.lessons import linear_answers
from p2m.stages.read import read
from p2m.students.labels import labels_of
from p2m.students.linear_ensemble import LinearEnsemble
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_pair import LinearPair
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import Example, Files, Lesson, LinearStudent, Task, TaskType

NOTES = ["how do I export", "it crashes again", "thanks, all is well", "who may see this"]


def rows(number: int, seed: int) -> list[Example]:
    """A user leaves who is young or pays, whatever the note and the second switch say."""
    lot = random.Random(seed)
    found = []
    for _ in range(number):
        age, pays, asks = lot.randint(0, 400), lot.choice(["yes", "no"]), lot.choice(["yes", "no"])
        leaves = "stays" if age > 200 and pays == "no" else "leaves"
        given = {"note": lot.choice(NOTES), "age": str(age), "asks": asks, "pays": pays}
        found.append(Example(given, leaves))
    return found


def task_of(learnt: Sequence[Example], prompt: str = "Say whether the user leaves.") -> Task:
    return parse_prompt(
        prompt, inputs=tuple(learnt[0].input), output="answer", shown=read_answers(learnt, fewest=8)
    )


def students(tiny_bert: Path) -> dict[str, LinearStudent]:
    return {
        "words": LinearTfidf(),
        "both": LinearEnsemble(model=str(tiny_bert), sha256="", window=40),
    }


@pytest.mark.parametrize("name", ["words", "both"])
def test_numbers_and_choices_are_learnt_from(name: str, tiny_bert: Path, tmp_path: Path) -> None:
    learnt, asked = rows(160, 1), rows(80, 2)
    task = task_of(learnt)
    assert (task.type, task.numbers, task.choices) == (
        TaskType.CLASSIFICATION, ("age",), ("note", "asks", "pays"),
    )  # fmt: skip
    assert task.texts == ("note", "asks", "pays")
    student, vectors = students(tiny_bert)[name], [None, None]
    if student.encoder is not None:
        student.encoder.export(tmp_path / "encoder")
        model = open_encoder(tmp_path / "encoder", threads=1, max_length=40)
        vectors = [model.encode([joined(row.input, task.texts) for row in part], batch_size=8)
                   for part in (learnt, asked)]  # fmt: skip
    encoder = tmp_path / "encoder" if student.encoder is not None else None
    lesson = Lesson(task, ("leaves", "stays"), tuple(learnt), vectors[0], encoder)
    student.solve(lesson, tmp_path / "solved")
    served = Predictor(tmp_path / "solved").predict([row.input for row in asked])
    right = sum(answer.output == row.output for answer, row in zip(served, asked, strict=True))
    assert right >= 0.93 * len(asked)
    known = linear_answers(tmp_path / "solved", asked, vectors[1])
    assert [answer.output for answer in known] == [answer.output for answer in served]
    unknown = Predictor(tmp_path / "solved").predict([{**asked[0].input, "age": "", "pays": "maybe"}])
    assert unknown[0].output in ("leaves", "stays")


def test_a_table_of_numbers_alone_is_learnt_by_them(tiny_bert: Path, tmp_path: Path) -> None:
    lot = random.Random(1)
    drawn = [(lot.uniform(20, 180), lot.randint(1, 9)) for _ in range(120)]
    learnt = [Example({"area": f"{area:.1f}", "rooms": str(rooms)}, f"{9 * area + 40 * rooms:.0f}")
              for area, rooms in drawn]  # fmt: skip
    task = task_of(learnt, "Estimate the price of the flat.")
    assert (task.type, task.numbers, task.texts) == (TaskType.REGRESSION, ("area", "rooms"), ())
    LinearTfidf().solve(Lesson(task, labels_of(task, learnt), tuple(learnt), None, None), tmp_path)
    said = Predictor(tmp_path).predict([{"area": "100", "rooms": "5"}, {"area": "1e9", "rooms": "9"}])
    assert float(said[0].output) == pytest.approx(1100, rel=0.05)
    assert float(said[1].output) == pytest.approx(9 * 180 + 360, rel=0.05)  # none lies beyond what was seen
    refused = LinearMiniLM(model=str(tiny_bert), sha256="").refusal(task)
    assert refused is not None
    assert "no text" in refused
    pair = LinearPair(model=str(tiny_bert), sha256="").refusal(task)
    assert pair == "it compares two texts, and 'area' is a number or a date"


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12.0), (" -3.50 ", -3.5), (".5", 0.5), ("1e3", 1000.0), ("1,200", None), ("", None),
     ("85,3", 85.3), ("-0,25", -0.25), ("52,5170", 52.517), ("1.234,5", None), ("1,2,3", None), (",5", None),
     ("nan", None), ("inf", None), ("0x1f", None), ("1_000", None), ("12 kg", None), ("9" * 400, None)],
)  # fmt: skip
def test_a_number_is_what_data_files_write(text: str, number: float | None) -> None:
    assert number_of(text) == number


def test_ids_and_free_texts_are_neither_numbers_nor_choices() -> None:
    drawn = [Example({"text": f"note {n} of the shop", "code": f"A{n}"}, "ab"[n % 2]) for n in range(40)]
    task = task_of(drawn)
    assert (task.numbers, task.choices) == ((), ())
    alone = [Example({"text": "yes" if n % 2 else "no"}, "ab"[n % 2]) for n in range(40)]
    assert task_of(alone).choices == ()  # one text is no table


def test_an_empty_cell_of_a_table_is_a_value_of_its_own(tmp_path: Path) -> None:
    lot = random.Random(1)
    learnt = []
    for _ in range(200):
        age, plan = lot.choice([*map(str, range(60, 99)), *[""] * 20]), lot.choice(["pro", "free", ""])
        learnt.append(Example({"age": age, "plan": plan}, "out" if not age or not plan else "in"))
    task = task_of(learnt, "Say who is in.")
    assert (task.numbers, task.choices) == (("age",), ("plan",))
    LinearTfidf().solve(Lesson(task, ("in", "out"), tuple(learnt), None, None), tmp_path)
    asked = [{"age": "70", "plan": "pro"}, {"age": "", "plan": "pro"}, {"age": "70", "plan": ""}]
    assert [each.output for each in Predictor(tmp_path).predict(asked)] == ["in", "out", "out"]


def test_signs_of_a_script_without_blanks_are_words() -> None:
    assert words_of("iphone15を買った") == [
        "iphone15", "を", "買", "っ", "た", "iphone15 を", "を 買", "買 っ", "っ た",
    ]  # fmt: skip
    assert words_of("สวัสดี ok")[-1] == "ี ok"
    assert words_of("한국어 테스트")[:2] == ["한국어", "테스트"]  # Korean has blanks


def test_numbers_may_be_asked_as_json_has_them_and_cells_be_empty(tmp_path: Path) -> None:
    learnt = rows(120, 1)
    task = task_of(learnt)
    LinearTfidf().solve(Lesson(task, ("leaves", "stays"), tuple(learnt), None, None), tmp_path)
    predictor, fields = Predictor(tmp_path), Settings.read(tmp_path).asks
    row = {"note": "who may see this", "age": 300, "asks": "no", "pays": "no"}
    assert asked(row, fields)["age"] == "300"
    assert predictor.predict([row]) == predictor.predict([{**row, "age": "300"}])
    assert asked({**row, "age": "", "pays": " "}, fields)["age"] == ""
    for wrong, said in (
        ({"asks": 3}, '"asks" must be text, not a number'),
        ({"age": True}, '"age" must be text, not true or false'),
        ({"age": "old"}, "\"age\" must be a number, not 'old'"),
        (dict.fromkeys(row, ""), "is empty"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            asked({**row, **wrong}, fields)
    served = Served("m", "0" * 12, Settings.read(tmp_path), {}, ())
    schema = row_schema(served)
    assert fault_in({**row, "pays": ""}, schema) == ""
    assert fault_in({**row, "asks": 3}, schema)


def test_curation_keeps_rows_with_empty_cells_of_numbers_and_choices() -> None:
    task = task_of(rows(40, 1))
    row = rows(1, 2)[0]
    lacks = [replace(row, input={**row.input, name: ""}) for name in ("age", "pays")]
    assert malformed(task, lacks) == ["", ""]
    assert malformed(replace(task, numbers=(), choices=()), lacks) == ["blank age", "blank pays"]


def test_a_row_whose_number_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    lines = [f"{n},note {n},{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(["age,text,label", *lines]))
    files = Files(tmp_path / "rows.csv")
    drawn = [Example({"age": str(n), "text": f"note {n}"}, "ab"[n % 2]) for n in range(40)]
    task = parse_prompt("Sort it.", inputs=("age", "text"), output="label", shown=read_answers(drawn))
    (tmp_path / "rows.csv").write_text("\n".join(["age,text,label", *lines, "old,note,a"]))
    with pytest.raises(DataError, match=r"rows.csv:42: 'age' .* is a number in other rows, and not 'old'"):
        read(task, files, role="train")


def together(number: int, seed: int, *, is_label: bool, is_sum: bool = False) -> list[Example]:
    """A price that an area and a rate make by each other, whatever the age is; or half of it by each."""
    lot = random.Random(seed)
    found = []
    for _ in range(number):
        area, rate, age = lot.uniform(20, 180), lot.uniform(1, 9), lot.uniform(0, 90)
        price = 5 * area + 100 * rate if is_sum else area * rate
        answer = ("dear" if price > 450 else "cheap") if is_label else f"{price + lot.gauss(0, 5):.2f}"
        given = {"area": f"{area:.1f}", "rate": f"{rate:.2f}", "age": f"{age:.0f}"}
        found.append(Example(given, answer))
    return found


@pytest.mark.parametrize("is_label", [True, False])
def test_two_numbers_that_act_together_are_learnt_as_their_product(is_label: bool, tmp_path: Path) -> None:
    learnt, asked = together(240, 1, is_label=is_label), together(80, 2, is_label=is_label)
    task = task_of(learnt, "Is it dear or cheap?" if is_label else "Estimate the price of the flat.")
    LinearTfidf(strength=20.0).solve(
        Lesson(task, labels_of(task, learnt), tuple(learnt), None, None), tmp_path
    )
    products = [
        each for each in json.loads((tmp_path / "terms.json").read_text())["measures"] if len(each) == 6
    ]
    pairs = [(each[0], each[3]) for each in products]
    assert pairs == [("area", "rate"), ("area", "age"), ("rate", "age")]
    said = Predictor(tmp_path).predict([row.input for row in asked])
    if is_label:
        assert sum(a.output == row.output for a, row in zip(said, asked, strict=True)) >= 73
    else:
        missed = [abs(float(a.output) - float(row.output)) for a, row in zip(said, asked, strict=True)]
        assert sum(missed) / len(missed) < 20
        blank = Predictor(tmp_path).predict(
            [{**asked[0].input, "rate": ""}, {**asked[0].input, "rate": "1e9"}]
        )
        assert all(float(answer.output) == float(answer.output) for answer in blank)


def test_numbers_that_add_up_are_left_to_that(tmp_path: Path) -> None:
    learnt = together(240, 1, is_label=False, is_sum=True)
    task = task_of(learnt, "Estimate the price of the flat.")
    LinearTfidf().solve(Lesson(task, labels_of(task, learnt), tuple(learnt), None, None), tmp_path)
    measures = json.loads((tmp_path / "terms.json").read_text())["measures"]
    assert all(len(each) < 6 for each in measures)


def shipped(number: int, seed: int) -> list[Example]:
    """A parcel is late that leaves on a Friday, or after four."""
    lot = random.Random(seed)
    found = []
    for _ in range(number):
        day = date(2024, 1, 1) + timedelta(lot.randrange(500))
        hour = lot.randrange(7, 20)
        given = {"day": f"{day:%d.%m.%Y}", "at": f"{hour:02}:30"}
        found.append(Example(given, "late" if day.weekday() == 4 or hour >= 16 else "in time"))
    return found


def test_dates_and_times_are_learnt_by_their_parts(tiny_bert: Path, tmp_path: Path) -> None:
    learnt, held = shipped(300, 1), shipped(100, 2)
    task = task_of(learnt, "Say whether the parcel is late or in time.")
    assert (task.dates, task.texts) == ({"day": "dmy", "at": "time"}, ())
    LinearTfidf().solve(Lesson(task, labels_of(task, learnt), tuple(learnt), None, None), tmp_path)
    predictor = Predictor(tmp_path)
    said = [each.output for each in predictor.predict([row.input for row in held])]
    assert sum(one == row.output for one, row in zip(said, held, strict=True)) >= 95
    assert said == [each.output for each in linear_answers(tmp_path, held, None)]
    assert predictor.predict([{"day": "", "at": "18:00"}])[0].output == "late"
    with pytest.raises(InputError, match=r'"day" must be like 31\.01\.2024, not'):
        predictor.predict([{"day": "2024-01-31", "at": "18:00"}])
    assert LinearPair(model=str(tiny_bert), sha256="").refusal(task)


def test_a_row_whose_date_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    lines = [
        "day,at,answer",
        *(f"{row.input['day']},{row.input['at']},{row.output}" for row in shipped(60, 1)),
    ]
    (tmp_path / "rows.csv").write_text("\n".join([*lines, "soon,10:00,late"]))
    task = task_of(shipped(60, 1), "Say whether the parcel is late or in time.")
    with pytest.raises(
        DataError, match=r"rows.csv:62: 'day' .* is like 31.01.2024 in other rows, and not 'soon'"
    ):
        read(task, Files(tmp_path / "rows.csv"), role="train")


def test_of_weights_a_thousand_times_apart_the_small_ones_are_served_too(tmp_path: Path) -> None:
    """Hours from 1 to thousands at one price: the last stretch is worth far more than the first."""
    lot = random.Random(1)
    hours = [math.exp(lot.gauss(4, 1.5)) for _ in range(300)]
    learnt = [Example({"hours": f"{each:.2f}", "note": lot.choice("abc")}, f"{50 * each:.2f}")
              for each in hours]  # fmt: skip
    task = task_of(learnt, "Estimate the cost.")
    LinearTfidf().solve(Lesson(task, labels_of(task, learnt), tuple(learnt), None, None), tmp_path)
    said = Predictor(tmp_path).predict([row.input for row in learnt])
    missed = [abs(float(one.output) - float(row.output)) for one, row in zip(said, learnt, strict=True)]
    assert sum(missed) / len(missed) < 0.02 * 50 * sum(hours) / len(hours)


def test_few_rows_of_two_labels_are_parted_by_a_straight_line(tmp_path: Path) -> None:
    lot = random.Random(1)

    def drawn(number: int) -> list[Example]:
        found = []
        for _ in range(number):
            one, two = lot.gauss(0, 1), lot.gauss(0, 1)
            given = {"one": f"{one:.3f}", "two": f"{two:.3f}", "three": f"{lot.gauss(0, 1):.3f}"}
            found.append(Example(given, "above" if one + two + lot.gauss(0, 0.7) > 0 else "below"))
        return found

    learnt, asked = drawn(60), drawn(1000)
    task = task_of(learnt, "Say which side it is on.")
    assert task.numbers == ("one", "two", "three")
    LinearTfidf().solve(Lesson(task, ("above", "below"), tuple(learnt), None, None), tmp_path)
    measures = json.loads((tmp_path / "terms.json").read_text())["measures"]
    assert [each[3] for each in measures if len(each) == 4] == ["range"] * 3
    said = Predictor(tmp_path).predict([row.input for row in asked])
    right = sum(one.output == row.output for one, row in zip(said, asked, strict=True))
    assert right > 800
