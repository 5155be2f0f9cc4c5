"""The account: what teachers were asked and what it cost, and when the model has paid for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.stages.account import account
from p2m.types import (
    Attributes,
    Count,
    Evaluated,
    Examined,
    Example,
    Examples,
    Inputs,
    Judgement,
    Measured,
    Rejected,
    Spent,
    Unanswered,
)

MEASURED = Measured(0.002, 0.004, 500.0, 100, 10**6, "a processor")
EVALUATED = Evaluated((), (), None, "", "gold")
INVENTED = Inputs(
    (Unanswered({"text": "where is it"}, "teacher:m"), Unanswered({"text": "it broke"}, "teacher:m")),
    rejected=(
        Rejected({"text": "it broke!"}, "", "repeats an earlier input: it broke"),
        Rejected({"text": "it  broke"}, "", "repeats an earlier input: it broke"),
    ),
    spent=Spent(2, 100, 300, 0.2, 3.0, {"answered": 2}),
)
DRAWN = Inputs((Unanswered({"text": "my own"}, "user"),))
GENERATED = Examples(
    (
        Example({"text": "where is it"}, "delivery", votes={"delivery": 0.667, "billing": 0.333}),
        Example({"text": "my own"}, "billing", votes={"billing": 1.0}),
    ),
    rejected=(Rejected({"text": "it broke"}, "", "refused: I cannot help with that"),),
    spent=Spent(9, 900, 90, 0.9, 4.5, {"answered": 8, "refused": 1}),
)
EXAMINED = Examined(
    "local m", ({"text": "a"}, {"text": "b"}), ("x", "y"), ("", ""), (0.5, 0.7, 9.0), 0.05, Spent(2, cost=0.1)
)
CURATED = Examples(
    GENERATED.rows[:1],
    (Count("in: user", 9), Count("in: generated", 2), Count("kept: user", 9), Count("kept: generated", 1)),
)
NAMED = Attributes((), spent=Spent(1, cost=0.3, outcomes={"answered": 1}))


def test_everything_that_was_spent_is_added_up_and_divided_by_what_one_answer_costs() -> None:
    found = account(
        CURATED, EVALUATED, MEASURED, GENERATED, NAMED, EXAMINED, None, None, None, None, DRAWN, INVENTED
    )
    assert found.spent.requests == 14
    assert found.spent.cost == pytest.approx(1.5)
    assert found.spent.outcomes == {"answered": 11, "refused": 1}
    assert found.per_request == pytest.approx(0.05)  # of the two examined rows
    assert (found.latency, found.student_latency) == (0.7, 0.002)
    assert (found.break_even, found.note) == (30, "")
    assert found.votes == {"1.00": 1, "0.67": 1}


def test_the_funnel_leads_from_the_inputs_to_the_rows_kept_with_every_loss_and_one_of_it() -> None:
    found = account(
        CURATED, EVALUATED, MEASURED, GENERATED, NAMED, EXAMINED, None, None, None, None, DRAWN, INVENTED
    )
    assert found.funnel == (
        Count("inputs of your own", 1, "my own"),
        Count("inputs invented", 2, "where is it"),
        Count("input rejected: repeats an earlier input", 2, "it broke! (it broke)"),
        Count("row rejected: refused", 1, "it broke (I cannot help with that)"),
        Count("rows answered", 2, "where is it -> delivery"),
        Count("rows dropped by curation", 1),
        Count("rows kept", 1),
    )
    answered = found.funnel[4].rows + found.funnel[3].rows
    assert answered == found.funnel[0].rows + found.funnel[1].rows


def test_a_second_examination_adds_what_it_spent_and_prices_a_row_over_both() -> None:
    both = replace(EXAMINED, cost=0.06, spent=Spent(1, cost=0.08))
    found = account(
        CURATED, EVALUATED, MEASURED, GENERATED, NAMED, EXAMINED, both, None, None, None, DRAWN, INVENTED
    )
    assert (found.spent.requests, found.per_request) == (15, 0.06)
    assert found.spent.cost == pytest.approx(1.58)


def test_a_judge_is_paid_for_as_well() -> None:
    judgement = Judgement("local m", None, spent=Spent(20, cost=2.0))
    judged = replace(EVALUATED, judgement=judgement)
    found = account(
        CURATED, judged, MEASURED, GENERATED, NAMED, EXAMINED, None, None, None, None, DRAWN, INVENTED
    )
    assert found.spent.cost == pytest.approx(3.5)
    assert found.break_even == 70


def test_without_rows_to_examine_a_request_costs_and_lasts_what_those_for_training_rows_did() -> None:
    found = account(CURATED, EVALUATED, MEASURED, GENERATED, None, None, None, None, None, None, INVENTED)
    assert found.per_request == pytest.approx(0.1)
    assert found.latency == pytest.approx(0.5)
    assert found.break_even == 11


def test_an_unknown_price_is_said_and_nothing_is_guessed() -> None:
    unknown = replace(GENERATED, spent=Spent(9))
    for found in (
        account(
            CURATED, EVALUATED, MEASURED, unknown, None, EXAMINED, None, None, None, None
        ),  # a part of the build has no price
        account(CURATED, EVALUATED, MEASURED, unknown, None, None, None, None, None, None),
        account(
            CURATED, EVALUATED, MEASURED, replace(GENERATED, spent=None), None, None, None, None, None, None
        ),
    ):
        assert found.break_even is None
        assert found.spent.cost is None
        assert "teacher.price" in found.note


def test_a_teacher_that_takes_no_money_is_no_division_by_nothing() -> None:
    found = account(
        CURATED,
        EVALUATED,
        MEASURED,
        replace(GENERATED, spent=Spent(9, cost=0.0)),
        None,
        None,
        None,
        None,
        None,
        None,
    )
    assert (found.break_even, found.per_request) == (None, 0.0)
    assert "no money" in found.note


def test_inputs_that_a_limit_left_unasked_are_counted() -> None:
    more = replace(
        INVENTED, rows=(*INVENTED.rows, *(Unanswered({"text": f"{n}"}, "teacher:m") for n in range(5)))
    )
    found = account(
        CURATED, EVALUATED, MEASURED, GENERATED, NAMED, EXAMINED, None, None, None, None, DRAWN, more
    )
    assert Count("inputs not asked about", 5) in found.funnel


def test_the_limit_that_ended_any_step_is_kept() -> None:
    capped = replace(INVENTED, spent=Spent(1, cost=0.1, stopped="constraints.max_cost=1"))
    assert (
        account(CURATED, EVALUATED, MEASURED, GENERATED, NAMED, None, None, capped, None, None).spent.stopped
        == "constraints.max_cost=1"
    )


COSTS = st.one_of(st.none(), st.floats(0, 100))
SPENTS = st.builds(
    Spent, st.integers(0, 50), st.integers(0, 99), st.integers(0, 99), COSTS,
    outcomes=st.dictionaries(st.sampled_from(["answered", "refused"]), st.integers(1, 9)),
)  # fmt: skip


@given(parts=st.lists(SPENTS, min_size=1, max_size=5))
def test_the_cost_is_known_exactly_where_that_of_every_part_is_that_asked_for_anything(
    parts: list[Spent],
) -> None:
    whole = sum(parts, Spent())
    asked = [part.cost for part in parts if part.requests]
    assert whole.requests == sum(part.requests for part in parts)
    assert sum(whole.outcomes.values()) == sum(sum(part.outcomes.values()) for part in parts)
    if not asked or None in asked:
        assert whole.cost is None
    else:
        assert whole.cost == pytest.approx(sum(cost for cost in asked if cost is not None))
