"""Votes: what several opinions on a row come to, and that asking stops when nothing can change any more."""

from __future__ import annotations

import itertools

import pytest
from craft_runs import DESK, SHOUT
from hypothesis import given
from hypothesis import strategies as st

from p2m.teachers.craft.answers import Answer
from p2m.teachers.craft.votes import Poll
from p2m.types import Field, Scale, Task, TaskType

FAULT = Answer(fault="refused")


def said(text: str) -> list[Answer]:
    """ "bba-" is two for b, one for a, and one that gave no answer."""
    return [FAULT if letter == "-" else Answer(letter) for letter in text]


@pytest.mark.parametrize(
    ("answers", "agreement", "aim", "answer", "fault"),
    [
        ("b", 0.5, "", "b", ""),
        ("bba", 0.5, "", "b", ""),
        ("bba", 0.7, "", "", "low agreement"),
        ("ba", 0.5, "", "", "no majority"),
        ("bb--", 0.5, "", "", "low agreement"),
        ("bbb-", 0.5, "", "b", ""),
        ("bbb", 1.0, "", "b", ""),
        ("---", 0.5, "", "", "refused"),
        ("b", 0.5, "b", "b", ""),
        ("a", 0.5, "b", "", "not what it was written for"),
        ("aab", 0.5, "b", "", "no majority"),
        ("aaa", 0.5, "b", "a", ""),
        ("bac", 0.0, "", "b", ""),
        ("a", 0.0, "b", "a", ""),
        ("-", 0.0, "b", "", "refused"),
    ],
)
def test_a_majority_is_what_it_says(
    answers: str, agreement: float, aim: str, answer: str, fault: str
) -> None:
    decided = Poll(DESK, len(answers), agreement, aim).decided(said(answers))
    assert (decided.answer, decided.fault.partition(":")[0]) == (answer, fault)


@given(
    st.text("abc-", min_size=1, max_size=9), st.sampled_from(["", "a"]), st.sampled_from([0.0, 0.5, 0.8, 1.0])
)
def test_shares_add_up_to_one_and_a_row_is_answered_or_has_a_reason(
    text: str, aim: str, agreement: float
) -> None:
    decided = Poll(DESK, len(text), agreement, aim).decided(said(text))
    assert bool(decided.answer) != bool(decided.fault)
    if decided.votes:
        assert sum(decided.votes.values()) == pytest.approx(1)
    if decided.answer:
        assert decided.answer in decided.votes


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("agreement", [0.0, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("aim", ["", "a"])
def test_asking_stops_only_where_no_further_sample_can_change_the_answer(
    samples: int, agreement: float, aim: str
) -> None:
    poll = Poll(DESK, samples, agreement, aim)
    stops = 0
    for text in map("".join, itertools.product("ab-", repeat=samples)):
        told = next(end for end in range(samples + 1) if poll.is_decided(said(text)[:end]))
        stops += told < samples
        early, late = poll.decided(said(text)[:told]), poll.decided(said(text))
        assert (early.answer, bool(early.fault)) == (late.answer, bool(late.fault)), text
    assert stops or samples < 3


def test_two_of_three_that_agree_are_enough() -> None:
    poll = Poll(DESK, 3, 0.5)
    assert [poll.is_decided(said(text)) for text in ("", "a", "aa", "ab", "abb")] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_answers_in_free_text_are_the_same_however_they_are_spaced() -> None:
    decided = Poll(SHOUT, 3, 0.5).decided([Answer("GO  HOME"), Answer("GO HOME"), Answer("STAY")])
    assert decided.answer == "GO  HOME"
    assert decided.votes["GO  HOME"] == pytest.approx(2 / 3)


def test_of_free_texts_that_all_differ_the_one_most_like_the_others_is_taken() -> None:
    texts = ["the order left our store on monday", "the order left our store on monday morning", "no idea"]
    decided = Poll(SHOUT, 3, 0.4).decided([Answer(text) for text in texts])
    assert decided.answer in texts[:2]
    nothing = Poll(SHOUT, 3, 0.4).decided([Answer(text) for text in ("one two", "three four", "five six")])
    assert nothing.fault.startswith("samples differ")


@pytest.mark.parametrize(
    ("answers", "agreement", "answer", "fault"),
    [
        (("4", "4", "5"), 0.5, "4", ""), (("3", "4", "5"), 0.5, "4", "low agreement"),
        (("1", "5"), 0.5, "1", "low agreement"),
        (("3", "4", "5"), 0.0, "4", ""), (("2.5", "2.4", "2.6"), 1.0, "2.5", ""),
    ],
)  # fmt: skip
def test_of_numbers_the_middle_is_taken_if_the_others_are_near(
    answers: tuple[str, ...], agreement: float, answer: str, fault: str
) -> None:
    stars = Task(TaskType.REGRESSION, "", (Field("text"),), Field("value"), scale=Scale(1, 5))
    decided = Poll(stars, len(answers), agreement).decided([Answer(text) for text in answers])
    assert (decided.answer, decided.fault.partition(":")[0]) == ("" if fault else answer, fault)
