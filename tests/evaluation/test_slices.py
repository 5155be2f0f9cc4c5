"""Where a model is weak is named, and chance is not."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from p2m.evaluation.slices import FEWEST, slices
from p2m.metrics.field_accuracy import FieldAccuracy
from p2m.types import Evaluated, Judged


def rows(count: int, *, weak: str = "", seed: int = 0) -> tuple[Judged, ...]:
    """Rows of three answers and several lengths, right in nine cases of ten; those of `weak` in three."""
    random = Random(seed)
    found = []
    for _ in range(count):
        answer = random.choice(("billing", "returns", "account"))
        share = 0.3 if answer == weak else 0.9
        text = "word " * random.randint(1, 30)
        found.append(Judged({"text": text}, answer, answer, 0.9, float(random.random() < share)))
    return tuple(found)


def weakest(found: tuple[Judged, ...], sources: tuple[str, ...] = ()) -> str:
    evaluated = Evaluated((), (), None, "", "gold", found, slices=slices(found, sources))
    return evaluated.weakest.name if evaluated.weakest else ""


def test_the_answer_that_is_wrong_most_often_is_named() -> None:
    assert weakest(rows(300, weak="returns")) == "answer=returns"


def test_chance_names_no_slice() -> None:
    named = sum(bool(weakest(rows(200, seed=seed))) for seed in range(200))
    assert named <= 20  # 5 of 100 by the intervals' own account


def test_sources_lengths_scripts_and_question_words_are_slices() -> None:
    found = rows(60)
    found = tuple(
        replace(row, input={"question": "And who left?" if place % 2 else "Когда он ушёл?"},
                correct=float(place % 2 == 0))
        for place, row in enumerate(found)
    )  # fmt: skip
    made = {each.name: each for each in slices(found, ["a" if place < 20 else "b" for place in range(60)])}
    assert {"source=a", "source=b", "question=who", "script=latin", "script=cyrillic"} <= made.keys()
    assert (made["question=who"].rows, made["question=who"].value) == (30, 0.0)
    assert sum(each.rows for name, each in made.items() if name.startswith("length=")) == 60
    assert next(iter(made.values())).value == 0.0  # the weakest first


def test_few_rows_are_no_slice() -> None:
    made = slices(rows(3 * FEWEST))
    assert all(FEWEST <= each.rows < 3 * FEWEST for each in made)
    assert slices(()) == ()


def test_each_field_of_records_is_looked_at() -> None:
    right, said = '{{"price": {}, "kind": "Lamp"}}', '{"price": 9, "kind": "lamp"}'
    found = tuple(Judged({"text": f"row {n}"}, right.format(n + 10), said, 0.9, 0.5) for n in range(40))
    made = {each.name: each.value for each in slices(found, metric=FieldAccuracy())}
    assert (made["field=price"], made["field=kind"]) == (0.0, 1.0)
    assert next(iter(made)) == "field=price"
    assert not any("field" in each.name for each in slices(rows(40), metric=FieldAccuracy()))
