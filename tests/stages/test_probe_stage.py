"""What a round asks for, and which answers the other rows contradict; by a real linear student of words."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import QA, Here
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.stages.probe import probe
from p2m.stages.vet import vet
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import Example, Examples, Field, Inputs, Needs, Rejected, Task, TaskType, Unanswered

DESKS = {
    "billing": ["invoice", "refund", "charge", "payment", "fee", "card", "amount", "bank"],
    "delivery": ["parcel", "courier", "van", "doorstep", "tracking", "late", "lost", "depot"],
    "technical": ["crash", "login", "password", "screen", "update", "error", "app", "freezes"],
}
TASK = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("desk"), tuple(DESKS))
STUDENT = LinearTfidf()


def written(desk: str, lot: random.Random, words: int = 5) -> str:
    return " ".join(lot.choice(DESKS[desk]) for _ in range(words))


def answered(number: int, seed: int = 0) -> Examples:
    lot = random.Random(seed)
    rows = []
    for place in range(number):
        desk = tuple(DESKS)[place % 3]
        rows.append(Example({"text": written(desk, lot)}, desk, source="teacher:m"))
    return Examples(tuple(rows))


def waiting(*texts: str) -> Inputs:
    return Inputs(tuple(Unanswered({"text": text}, "user") for text in texts))


def asked(pool: Inputs | None, *parts: Examples, here: Here, task: Task = TASK, seed: int = 0) -> Needs:
    student = STUDENT if task is TASK else None
    return probe(task, None, pool, *parts, student=student, seed=seed, run=here)


def test_an_unclear_input_comes_before_a_clear_one_however_far_that_lies(here: Here) -> None:
    clear, far, unclear = "invoice refund charge", "login zebra okapi gnu lynx", "invoice parcel fee van"
    needs = asked(waiting(clear, far, unclear), answered(90), here=here)
    assert needs.ranked[0] == 2


def test_a_repeat_of_an_unclear_input_comes_last(here: Here) -> None:
    pool = waiting("invoice parcel charge courier", "Invoice parcel  charge courier", "screen fee error bank")
    needs = asked(pool, answered(90), here=here)
    assert sorted(needs.ranked) == [0, 1, 2]
    assert needs.ranked[1] == 2  # though the repeat is as unclear as the first
    exact = asked(waiting("fee parcel", "fee parcel", "login"), answered(90), here=here)
    assert sorted(exact.ranked) == [0, 2]


def test_what_was_answered_or_rejected_is_not_asked_again(here: Here) -> None:
    rows = answered(60)
    rows = replace(rows, rejected=(Rejected({"text": "fee parcel"}, "", "votes disagree"),))
    needs = asked(waiting(rows.rows[0].input["text"], "fee parcel", "app van"), rows, here=here)
    assert needs.ranked == (2,)


def test_labels_that_are_mixed_up_are_asked_for(here: Here) -> None:
    lot = random.Random(3)
    torn = [
        Example({"text": f"{written('billing', lot, 2)} {written('delivery', lot, 2)}"}, desk)
        for desk in ("billing", "delivery") * 15
    ]
    needs = asked(None, answered(60), Examples(tuple(torn)), here=here)
    unsure = [need for need in needs.found if need.why.startswith("unsure")]
    assert {need.why for need in unsure[:2]} == {
        "unsure: billing or delivery",
        "unsure: delivery or billing",
    }
    assert {need.aim for need in unsure[:2]} == {"billing", "delivery"}
    assert any(need.near[0]["text"] in {row.input["text"] for row in torn} for need in unsure)


def test_what_the_teacher_was_torn_about_alike_asks_for_nothing(here: Here) -> None:
    lot = random.Random(3)
    torn = [
        Example({"text": f"{written('billing', lot, 2)} {written('delivery', lot, 2)}"}, desk)
        for desk in ("billing", "delivery") * 15
    ]
    split = [replace(row, votes={row.output: 0.5, other: 0.5})
             for row, other in zip(torn, ("delivery", "billing") * 15, strict=True)]  # fmt: skip
    sure, unsure = (
        asked(None, answered(60), Examples(tuple(rows)), here=here).found for rows in (split, torn)
    )
    mass = [
        sum(need.share for need in found if {"billing", "delivery"} <= set(need.why.split()))
        for found in (sure, unsure)
    ]
    assert mass[0] < mass[1]


def test_a_label_with_few_rows_is_asked_for(here: Here) -> None:
    rows = [row for row in answered(90).rows if row.output != "technical"]
    rows += [row for row in answered(90).rows if row.output == "technical"][:2]
    needs = asked(None, Examples(tuple(rows)), here=here)
    few = [need for need in needs.found if need.why.startswith("few rows")]
    assert [need.aim for need in few] == ["technical"]
    assert 0 < few[0].share <= 0.2


def test_a_region_with_one_row_is_thin(here: Here) -> None:
    odd = Example({"question": "who sang the aria", "context": "Nadia sang an aria in Oslo"}, "Nadia")
    rows = [
        Example({"question": f"who lives in {town}", "context": f"Ada lives in {town}"}, "Ada")
        for town in ("Rome", "Lima", "Bonn", "Paris", "Quito", "Cairo", "Delhi")
    ]
    needs = asked(None, Examples((*rows, odd)), here=here, task=QA)
    assert needs.found[0].why == "thin"
    assert needs.found[0].near[0] == odd.input
    assert not any(need.aim for need in needs.found)


def test_every_input_of_a_large_pool_has_its_place(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2m.stages.probe._LOOKED", 6)
    monkeypatch.setattr("p2m.stages.probe._MOST", 3)
    lot = random.Random(9)
    pool = waiting(*(f"{written(lot.choice(list(DESKS)), lot)} {number}" for number in range(20)))
    assert sorted(asked(pool, answered(60), here=here).ranked) == list(range(20))


@given(st.integers(0, 5), st.integers(20, 60), st.integers(0, 12))
@settings(max_examples=12, deadline=None)
def test_needs_are_the_same_for_a_seed_and_share_a_round(seed: int, size: int, texts: int) -> None:
    lot = random.Random(seed)
    pool = waiting(*(written(lot.choice(list(DESKS)), lot) for _ in range(texts)))
    with tempfile.TemporaryDirectory() as folder:
        first, again = (
            asked(pool, answered(size, seed), here=Here(Path(folder) / str(turn)), seed=seed)
            for turn in range(2)
        )
    assert first == again
    assert sum(need.share for need in first.found) == pytest.approx(1)
    assert len(set(first.ranked)) == len(first.ranked) <= texts


def test_nothing_answered_needs_nothing_in_particular(here: Here) -> None:
    assert asked(waiting("a b"), Examples(()), here=here).found == ()


# --------------------------------------------------------------------------- vet


def vetted(rows: Examples, here: Here, *, samples: int = 1) -> Examples:
    return vet(
        TASK, None, rows, student=STUDENT, contradicted=20.0, samples=samples, seed=0, run=here
    )  # fmt: skip


def test_wrong_answers_go_with_their_reason_and_right_ones_stay(here: Here) -> None:
    rows = list(answered(240).rows)
    wrong = random.Random(1).sample(range(240), 24)
    for number in wrong:
        others = [desk for desk in DESKS if desk != rows[number].output]
        rows[number] = replace(rows[number], output=others[number % 2])
    kept = vetted(Examples(tuple(rows)), here)
    gone = {row.input["text"] for row in kept.rejected}
    assert len(gone & {rows[number].input["text"] for number in wrong}) >= 18
    assert len(gone - {rows[number].input["text"] for number in wrong}) <= 3
    assert all(row.reason.startswith("the other rows say ") for row in kept.rejected)
    assert sum(count.rows for count in kept.counts) == len(kept.rejected) == 240 - len(kept.rows)


def test_what_several_samples_agree_on_takes_more_to_go(here: Here) -> None:
    rows = list(answered(240).rows)
    for number in random.Random(1).sample(range(240), 24):
        others = [desk for desk in DESKS if desk != rows[number].output]
        rows[number] = replace(rows[number], output=others[number % 2])
    alone, agreed = (vetted(Examples(tuple(rows)), here, samples=samples).rows for samples in (1, 3))
    assert len(alone) < len(agreed)


def test_of_rows_that_are_all_right_none_goes(here: Here) -> None:
    rows = answered(120)
    assert vetted(rows, here).rows == rows.rows


def test_a_label_too_rare_to_be_known_is_not_doubted(here: Here) -> None:
    rows = [row for row in answered(120).rows if row.output != "technical"]
    rare = [Example({"text": "invoice refund"}, "technical"), Example({"text": "parcel van"}, "technical")]
    kept = vetted(Examples((*rows, *rare)), here)
    assert all(row in kept.rows for row in rare)


def test_repeats_of_a_wrong_answer_do_not_bear_it_out(here: Here) -> None:
    rows = list(answered(240).rows)
    text = {"text": "invoice refund charge"}
    kept = vetted(Examples((*rows, *[Example(text, "delivery")] * 3)), here)
    assert [row.input for row in kept.rejected] == [text] * 3
