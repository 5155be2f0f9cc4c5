"""What a request costs: the recipe's own price, else the table of genai-prices, else unknown, which is said.

Each request is priced by itself: the sum of many would reach tiers that none of them did. Money is Decimal
within and whole billionths of a dollar where it is added up. No network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cache
from typing import Any

from p2m.teachers.chat import ChatTeacher, Usage

NANO = 10**9  # billionths in a dollar
_MILLION = Decimal(1_000_000)
_TABLE = "genai-prices"


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What tokens cost, USD a million, of a request that reaches no tier for long ones."""

    input: float
    output: float
    cached: float  # of the input, where the provider had it
    source: str  # where it is from, and from when


@dataclass(frozen=True, slots=True)
class _Rates:
    """USD a million tokens, as long as a request's input has fewer than `below`."""

    input: Decimal
    output: Decimal
    cached: Decimal
    written: Decimal  # into the provider's cache
    below: float

    def price(self, usage: Usage) -> Decimal:
        fresh = usage.input - usage.cached - usage.cache_written
        total = fresh * self.input + usage.cached * self.cached + usage.cache_written * self.written
        return (total + usage.output * self.output) / _MILLION


def unit_price(teacher: ChatTeacher) -> UnitPrice | None:
    """What the teacher's tokens cost, by the batch price where it is set so; None where that is not known."""
    is_batch = _is_batch(teacher)
    rates = _rates(teacher, is_batch)
    if rates is None:
        return None
    source = _source(teacher, is_batch)
    return UnitPrice(float(rates.input), float(rates.output), float(rates.cached), source)


def cost_of(teacher: ChatTeacher, usage: Usage, *, batch: bool = False) -> int | None:
    """Billionths of a dollar, rounded up; None where the price is not known."""
    rates = _rates(teacher, batch)
    if rates is None or not _is_sound(usage):
        return None
    usd = rates.price(usage) if usage.input < rates.below else _tiered(teacher, usage, batch)
    return int((usd * NANO).to_integral_value(ROUND_CEILING))


def how_to_price(teacher: ChatTeacher) -> str:
    """Why there is no price, and what to type."""
    try:
        import genai_prices  # noqa: F401
    except ImportError:
        return (
            "prices come from the package genai-prices, which is not installed: pip install 'p2m[teachers]',"
            " or give teacher.price={input: 0.5, output: 1.5}, in USD a million tokens"
        )
    return (
        f"the price of {teacher.model or 'the model'} at {teacher.provider} is not known here;"
        " give it: 'teacher.price={input: 0.5, output: 1.5}', in USD a million tokens (0 where it is free)"
    )


def _is_batch(teacher: ChatTeacher) -> bool:
    return bool(getattr(teacher, "batch", False))


def _is_sound(usage: Usage) -> bool:
    return min(usage.input, usage.output, usage.cached, usage.cache_written) >= 0 and (
        usage.cached + usage.cache_written <= usage.input
    )


def _is_free(teacher: ChatTeacher) -> bool:
    """Whether it is a model of this machine; a server nearby may be the gateway to one that is paid."""
    return teacher.is_local and not getattr(teacher, "base_url", "")


def _given(teacher: ChatTeacher) -> Mapping[str, float] | None:
    given: Mapping[str, float] | None = getattr(teacher, "price", None)
    return given


def _source(teacher: ChatTeacher, is_batch: bool) -> str:
    if _given(teacher) is not None:
        return "teacher.price"
    if _is_free(teacher):
        return "runs on this machine"
    how = " by batch" if is_batch else ""
    return f"{_TABLE} {_version()}{how}, prices up to {_latest()}"


def _rates(teacher: ChatTeacher, is_batch: bool) -> _Rates | None:
    """Of what the recipe says, `batch` changes nothing: whoever gives a price gives the one that is paid."""
    given = _given(teacher)
    if given is not None:
        price = {name: Decimal(str(value)) for name, value in given.items()}
        cached = price.get("cached", price["input"])
        return _Rates(price["input"], price["output"], cached, price["input"], float("inf"))
    if _is_free(teacher):
        zero = Decimal(0)
        return _Rates(zero, zero, zero, zero, float("inf"))
    return _listed(teacher.provider, teacher.model, is_batch, datetime.now(UTC).strftime("%Y-%m-%d %H:%M"))


@cache
def _listed(provider: str, model: str, is_batch: bool, _minute: str) -> _Rates | None:
    """The table's price at this minute: some depend on the hour."""
    found = _priced(provider, model, Usage(), is_batch)
    if found is None:
        return None
    prices = [getattr(found.model_price, f"{name}_mtok", None) for name in ("input", "output")]
    if any(price is None for price in prices):
        return None
    ends = [_below(price) for price in vars(found.model_price).values()]
    cached, written = (
        getattr(found.model_price, f"{name}_mtok", None) for name in ("cache_read", "cache_write")
    )
    return _Rates(
        _base(prices[0]), _base(prices[1]), _base(prices[0] if cached is None else cached),
        _base(prices[0] if written is None else written), min(ends),
    )  # fmt: skip


def _base(price: Any) -> Decimal:
    return Decimal(getattr(price, "base", price))


def _below(price: Any) -> float:
    """Tokens of input from which on another price holds."""
    return min((float(tier.start) for tier in getattr(price, "tiers", ())), default=float("inf"))


def _tiered(teacher: ChatTeacher, usage: Usage, is_batch: bool) -> Decimal:
    found = _priced(teacher.provider, teacher.model, usage, is_batch)
    assert found is not None, teacher.model
    return Decimal(found.total_price)


def _priced(provider: str, model: str, usage: Usage, is_batch: bool) -> Any:
    """The table's calculation; None where it, or its package, knows no such model."""
    try:
        import genai_prices
    except ImportError:
        return None
    counts = genai_prices.Usage(
        input_tokens=usage.input, output_tokens=usage.output, cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_written,
    )  # fmt: skip
    try:
        return genai_prices.calc_price(
            counts, model, provider_id=provider, price_context={"processing": "batch"} if is_batch else None
        )
    except (LookupError, ValueError):
        return None


def _version() -> str:
    from importlib.metadata import version

    return version(_TABLE)


@cache
def _latest() -> str:
    """The day of the latest dated price in the table."""
    from genai_prices.data import providers

    days = [
        str(getattr(price.constraint, "start_date", ""))
        for provider in providers for model in provider.models if isinstance(model.prices, list)
        for price in model.prices
    ]  # fmt: skip
    return max((day for day in days if day <= str(datetime.now(UTC).date())), default="its release")
