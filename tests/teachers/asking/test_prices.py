"""What requests cost: as the public table says, as the recipe says, or not known."""

from __future__ import annotations

import sys
from decimal import Decimal

import genai_prices
import pytest
from asking_runs import teacher_at
from hypothesis import given
from hypothesis import strategies as st

from p2m.teachers.anthropic import Anthropic
from p2m.teachers.asking.prices import NANO, cost_of, how_to_price, unit_price
from p2m.teachers.chat import Usage
from p2m.teachers.gguf import GGUF
from p2m.teachers.openai import OpenAI

SONNET = Anthropic(model="claude-sonnet-4-5")
counts = st.integers(0, 300_000)


@pytest.mark.parametrize(
    "teacher", [SONNET, OpenAI(model="gpt-4o-mini"), OpenAI(model="gpt-4.1")], ids=lambda it: it.model
)
@pytest.mark.parametrize("batch", [False, True])
@given(fresh=counts, cached=counts, written=st.sampled_from([0, 1000]), output=counts)
def test_a_request_costs_what_the_table_says(
    teacher: Anthropic, batch: bool, fresh: int, cached: int, written: int, output: int
) -> None:
    usage = Usage(fresh + cached + written, output, cached, written)
    found = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.input, output_tokens=output, cache_read_tokens=cached,
            cache_write_tokens=written,
        ),
        teacher.model, provider_id=teacher.provider,
        price_context={"processing": "batch"} if batch else None,
    )  # fmt: skip
    cost = cost_of(teacher, usage, batch=batch)
    assert cost is not None
    assert 0 <= Decimal(cost) - found.total_price * NANO < 1


def test_many_small_requests_do_not_reach_the_tier_of_long_ones() -> None:
    one, all_of_them = cost_of(SONNET, Usage(1000, 10)), cost_of(SONNET, Usage(1_000_000, 10_000))
    assert one is not None
    assert all_of_them is not None
    assert 1000 * one < all_of_them


def test_a_batch_is_cheaper_and_says_so() -> None:
    price, batch = unit_price(SONNET), unit_price(Anthropic(model="claude-sonnet-4-5", batch=True))
    assert price is not None
    assert batch is not None
    assert batch.input == price.input / 2
    assert "batch" in batch.source
    assert price.source.startswith("genai-prices 0.2")
    assert "prices up to 202" in price.source


def test_an_unknown_price_is_none_and_never_a_guess() -> None:
    unknown = teacher_at("http://127.0.0.1:1/v1", price=None)  # may be the gateway to a paid one
    assert unit_price(unknown) is None
    assert cost_of(unknown, Usage(10, 10)) is None
    assert unit_price(Anthropic(model="claude-sonnett-17")) is None
    assert cost_of(SONNET, Usage(input=10, cached=20)) is None  # a server that cannot count


def test_a_model_of_this_machine_is_free() -> None:
    found = unit_price(GGUF(path="m.gguf", sha256="0" * 64))
    assert found is not None
    assert (found.input, found.output, found.source) == (0.0, 0.0, "runs on this machine")


def test_the_recipe_has_the_last_word() -> None:
    teacher = Anthropic(model="claude-sonnet-4-5", price={"input": 1.0, "output": 2.0, "cached": 0.1})
    found = unit_price(teacher)
    assert found is not None
    assert (found.input, found.output, found.cached, found.source) == (1.0, 2.0, 0.1, "teacher.price")
    assert cost_of(teacher, Usage(1_000_000, 1_000_000, 500_000)) == int(2.55 * NANO)


def test_a_table_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no price is asked for as if the model were unknown to it."""
    assert "is not known here" in how_to_price(OpenAI(model="none-such"))
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    other = OpenAI(model="gpt-4o")  # whose rates no test here has looked up
    assert unit_price(other) is None
    assert "pip install 'p2m[teachers]'" in how_to_price(other)
