"""Quantities as people write them: `250M` parameters, `24 MB`, `40 ms`, `5 USD`; and requirements, `>= 0.60`.

Sizes: MB is 10^6 and MiB is 2^20 bytes. Everything is kept in base units: weights, bytes, seconds, USD.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from p2m.types import Metric, Requirement

COUNTS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
SIZES = {"": 1.0, "b": 1.0} | {
    f"{prefix}{suffix}": base**power
    for power, prefix in enumerate("kmgt", start=1)
    for suffix, base in (("b", 1e3), ("", 1e3), ("ib", 1024.0))
}
TIMES = {"": 1.0, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
MONEY = {"": 1.0, "usd": 1.0, "$": 1.0, "cent": 0.01, "cents": 0.01, "ct": 0.01}
OPERATORS = (">=", "<=", "==", ">", "<")

_QUANTITY = re.compile(
    r"\s*(?P<sign>\$?)\s*(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)\s*(?P<unit>[^\s\d.]*)\s*"
)
_REQUIREMENT = re.compile(r"\s*(>=|<=|==|>|<)\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(%?)\s*")


def parse_quantity(value: Any, units: Mapping[str, float], *, expected: str) -> float:
    """A number in base units from `24 MB`, `24` or 24.

    Raises:
        ValueError: it is no such quantity; the message says what was expected.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a quantity; expected {expected}")
    if isinstance(value, int | float):
        number, unit = float(value), ""
    else:
        match = _QUANTITY.fullmatch(value)
        if not match:
            raise ValueError(f"{value!r} is not a quantity; expected {expected}")
        number = float(match["number"].replace("_", ""))
        unit = (match["sign"] or match["unit"]).lower()
        if match["sign"] and match["unit"]:
            raise ValueError(f"{value!r} has two units; expected {expected}")
    if unit not in units:
        raise ValueError(f"{value!r}: the unit {unit!r} is not known here; expected {expected}")
    number *= units[unit]
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"{value!r} must be above zero; expected {expected}")
    return number


def parameters(value: Any) -> int:
    """`250M`, `1.5B`, 22_000_000 to a number of weights."""
    return max(1, round(parse_quantity(value, COUNTS, expected="a count such as 250M or 1.5B")))


def count(value: Any) -> int:
    """`2M`, `500k`, 1_000 to a number of things; none at all (0) is a limit too."""
    if value in (0, "0") and not isinstance(value, bool):
        return 0
    return max(1, round(parse_quantity(value, COUNTS, expected="a number such as 5000, 500k or 2M")))


def size(value: Any) -> int:
    """`24 MB`, `1 GiB`, bytes to bytes."""
    return max(1, round(parse_quantity(value, SIZES, expected="a size such as 24 MB or 1 GiB")))


def duration(value: Any) -> float:
    """`40 ms`, `0.1 s`, seconds to seconds."""
    return parse_quantity(value, TIMES, expected="a time such as 40 ms or 0.1 s")


def money(value: Any) -> float:
    """`5 USD`, `$5`, dollars to dollars; nothing at all (0) is a limit too."""
    if value in (0, "0", "0 USD", "$0") and not isinstance(value, bool):
        return 0.0
    return parse_quantity(value, MONEY, expected="an amount such as 5 USD or $5")


def show_parameters(value: int) -> str:
    """A count as it may stand in a recipe, exactly: `250M`, `22713216`."""
    for name, factor in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= factor and value % factor == 0:
            return f"{value // factor}{name}"
    return str(value)


def parse_requirement(metric: str, value: Any) -> Requirement:
    """`>= 0.60` to a Requirement; a bare number is a lower limit, `>= 60%` is 0.6.

    Raises:
        ValueError: it is no such comparison.
    """
    expected = "a comparison in quotes such as '>= 0.60' (operators: " + " ".join(OPERATORS) + ")"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Requirement(metric, ">=", float(value))
    match = _REQUIREMENT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is not a requirement; expected {expected}")
    number = float(match[2]) / (100 if match[3] else 1)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a requirement; expected {expected}")
    return Requirement(metric, match[1], number)


def reachable(requirement: Requirement) -> bool:
    """Whether some value from 0 to 1 meets it."""
    value = requirement.value
    known = {">": value < 1, ">=": value <= 1, "<": value > 0, "<=": value >= 0, "==": 0 <= value <= 1}
    return known[requirement.operator]


def unreachable(requirement: Requirement, metric: Metric | None) -> tuple[str, str] | None:
    """Why no model can meet a requirement of `metric`, and what to write; None where one can."""
    operator, value = requirement.operator, requirement.value
    if getattr(metric, "lower_is_better", False):
        if operator not in (">=", ">"):
            return None
        reason = f"{requirement} asks for a large error: of {requirement.metric} less is better"
        return reason, f"write what it may be at most: '<= {value:g}'"
    if reachable(requirement):
        return None
    hint = "write a share from 0 to 1"
    if 1 < value <= 100:
        hint += f", e.g. '{operator} {value / 100:g}'"
    return f"no model can have {requirement}: metrics go from 0 to 1", hint


def _written(pattern: str, example: str, least: str = "exclusiveMinimum") -> WithJsonSchema:
    """How an editor should see a quantity: a number or text with a unit."""
    return WithJsonSchema(
        {"anyOf": [{"type": "number", least: 0}, {"type": "string", "pattern": pattern}]}
        | {"examples": [example]}
    )


Parameters = Annotated[
    int, Field(gt=0), BeforeValidator(parameters), _written(r"^\s*[0-9._]+\s*[kKmMbBgGtT]?\s*$", "250M")
]
Count = Annotated[
    int,
    Field(ge=0),
    BeforeValidator(count),
    _written(r"^\s*[0-9._]+\s*[kKmMbBgGtT]?\s*$", "2M", "minimum"),
]
Size = Annotated[
    int, Field(gt=0), BeforeValidator(size), _written(r"^\s*[0-9._]+\s*([kKmMgGtT]i?)?[bB]?\s*$", "24 MB")
]
Duration = Annotated[
    float,
    Field(gt=0),
    BeforeValidator(duration),
    _written(r"^\s*[0-9._]+\s*(us|µs|ms|s|sec|min|h)?\s*$", "40 ms"),
]
Money = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(money),
    _written(r"^\s*\$?\s*[0-9._]+\s*(USD|usd|\$|ct|cents?)?\s*$", "5 USD", "minimum"),
]
