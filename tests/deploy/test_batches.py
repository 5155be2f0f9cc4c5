"""Batches change no answer: rows of any length in any company, in fp32 and in eight bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import CITIES, LABELS, PEOPLE, QA, TEXT, Exports
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2m.compression.int8 import Int8
from p2m.deploy.serving.batches import BATCH_TOKENS, packed
from p2m.deploy.serving.predictor import Predictor
from p2m.types import Task

TASKS = {"span": QA, "classification": LABELS, "seq2seq": TEXT}
WORDS = (*PEOPLE, *CITIES, "lives", "in", "xylograph", "é", "7")
Open = Callable[[str, str], Predictor]

texts = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)  # some of several windows, some empty
lengths = st.lists(st.integers(1, 500), max_size=60)


@pytest.fixture(scope="module")
def opened(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Open:
    """Predictor of a kind in a precision; opened once, since examples are many."""
    known: dict[tuple[str, str], Predictor] = {}

    def open_(kind: str, precision: str) -> Predictor:
        if (kind, precision) not in known:
            folder: Path = exports[kind][1]
            if precision == "int8":
                target = tmp_path_factory.mktemp(f"{kind}-int8")
                Int8().compress(folder, target)
                folder = target
            known[kind, precision] = Predictor(folder)
        return known[kind, precision]

    return open_


def row_of(task: Task, text: str) -> dict[str, str]:
    return {each.name: "who lives there?" if each.name == "question" else text for each in task.inputs}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("kind", TASKS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(texts, min_size=1, max_size=12), size=st.integers(2, 12))
def test_an_answer_does_not_depend_on_its_batch(
    opened: Open, kind: str, precision: str, said: list[str], size: int
) -> None:
    predictor = opened(kind, precision)
    rows = [row_of(TASKS[kind], text) for text in said]
    alone = [predictor.predict([row])[0] for row in rows]
    together = predictor.predict(rows, batch_size=size)
    assert [one.output for one in together] == [one.output for one in alone]
    assert [one.score for one in together] == pytest.approx([one.score for one in alone], abs=1e-5)


@pytest.mark.parametrize("kind", ["span", "classification"])
def test_in_eight_bits_a_row_is_answered_to_the_last_bit_as_alone(opened: Open, kind: str) -> None:
    """Closer than the printed digits: an activation rounded another way may end in another score.

    A label's head is one product over the whole batch, whose sums the processor may order by its size.
    """
    predictor = opened(kind, "int8")
    rows = [row_of(TASKS[kind], f"{one} lives in {two}. {'Oslo ' * i}") for i in range(6) for one in PEOPLE
            for two in CITIES[:3]]  # fmt: skip
    alone = [predictor.predict([row])[0] for row in rows]
    near = 1e-6 if kind == "classification" else 0.0
    for together in (
        predictor.predict(rows, batch_size=16),
        predictor.predict(rows[::-1], batch_size=5)[::-1],
    ):
        assert [each.output for each in together] == [each.output for each in alone]
        assert [each.score for each in together] == pytest.approx(
            [each.score for each in alone], abs=near, rel=0
        )


def test_rows_that_end_early_leave_the_others_alone(opened: Open) -> None:
    predictor = opened("seq2seq", "int8")
    rows = [row_of(TEXT, text) for text in (*PEOPLE, *CITIES)]
    alone = [predictor.predict([row])[0].output for row in rows]
    assert len({len(each) for each in alone}) > 2, "answers of one length prove nothing"
    assert [one.output for one in predictor.predict(rows, batch_size=16)] == alone


@given(lengths, st.integers(1, 40), st.sampled_from([1, 16]))
def test_batches_hold_every_row_once_of_one_length_within_the_budget(
    each: list[int], size: int, step: int
) -> None:
    batches = list(packed(each, size, step=step))
    assert sorted(i for batch, _ in batches for i in batch) == list(range(len(each)))
    for batch, length in batches:
        assert len(batch) <= size
        assert len(batch) == 1 or len(batch) * length <= BATCH_TOKENS
        assert all(0 <= length - each[i] < step for i in batch)
    assert [length for _, length in batches] == sorted(length for _, length in batches)
