"""Which column of a table is said to tell rows that belong together, and which is not."""

from __future__ import annotations

import random

import pytest

from p2m.catalogs.belonging import together

ROWS = 360
LOT = random.Random(0)
OWNERS = [n // 12 for n in range(ROWS)]
USUAL = {owner: LOT.choice(["bug", "question", "praise"]) for owner in set(OWNERS)}
ANSWERS = [
    USUAL[owner] if LOT.random() < 0.6 else LOT.choice(["bug", "question", "praise"]) for owner in OWNERS
]
LEVELS = {owner: LOT.gauss(0, 1) for owner in set(OWNERS)}
NUMBERS = [f"{LEVELS[owner] + LOT.gauss(0, 0.7):.2f}" for owner in OWNERS]


@pytest.mark.parametrize("answers", [ANSWERS, NUMBERS])
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("customer", "{}"), ("Customer ID", "{}"), ("patient", "p{}"), ("thread", "t-{}"),
        ("source", "https://example.org/{}"), ("who", "u{}x"), ("sessionId", "{}"),
    ],
)  # fmt: skip
def test_a_column_of_what_rows_are_of_is_noticed(name: str, form: str, answers: list[str]) -> None:
    lot = random.Random(1)
    other = [str(lot.randrange(30)) for _ in range(ROWS)]
    found = together({"user": other, name: [form.format(owner) for owner in OWNERS]}, answers)
    assert found is not None
    assert (found.column, found.values, found.rows) == (name, 30, ROWS)
    assert found.agree > found.chance + 0.1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", [str(n) for n in range(ROWS)]),  # unique
        ("customer", [str(n % 2) for n in OWNERS]),  # two values
        ("customer", [str(random.Random(n).randrange(30)) for n in range(ROWS)]),  # says nothing of answers
        ("customer", ["" if n % 4 else str(n // 12) for n in range(ROWS)]),  # mostly empty
        ("file", [f"2024-03-{n % 28 + 1:02}" for n in OWNERS]),  # a date
        ("day", [f"{n % 28 + 1:02}.03.2024" for n in OWNERS]),
        ("age", [str(n + 20) for n in OWNERS]),  # a number, whose name says no owner
        ("country", [f"land {chr(65 + n)}" for n in OWNERS]),
        ("price", [f"{n}.50" for n in OWNERS]),
    ],
)  # fmt: skip
def test_ordinary_columns_raise_no_alarm(name: str, values: list[str]) -> None:
    assert together({name: values}, ANSWERS) is None


def test_few_rows_and_one_answer_say_nothing() -> None:
    owners = [str(owner) for owner in OWNERS]
    assert together({"customer": owners[:24]}, ANSWERS[:24]) is None
    assert together({"customer": owners}, ["bug"] * ROWS) is None
    assert together({}, ANSWERS) is None
