"""Quantities are read as people write them, and what is shown can be read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.spec import units
from p2m.types import Requirement


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250M", 250_000_000),
        ("1.5B", 1_500_000_000),
        ("22k", 22_000),
        (" 7 m ", 7_000_000),
        (12, 12),
        ("1_000", 1000),
    ],
)
def test_parameters(text: object, number: int) -> None:
    assert units.parameters(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("24 MB", 24_000_000),
        ("24MB", 24_000_000),
        ("24mb", 24_000_000),
        ("1 GiB", 2**30),
        ("0.5 GB", 500_000_000),
        ("64 KiB", 65_536),
        ("100", 100),
        ("100 B", 100),
        ("2 G", 2_000_000_000),
    ],
)
def test_sizes(text: object, number: int) -> None:
    assert units.size(text) == number


@pytest.mark.parametrize(
    ("text", "number"), [("40 ms", 0.04), ("0.1 s", 0.1), ("40ms", 0.04), (2, 2.0), ("1 min", 60.0)]
)
def test_durations(text: object, number: float) -> None:
    assert units.duration(text) == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "number"), [("5 USD", 5.0), ("$5", 5.0), ("$ 2.50", 2.5), ("50 cents", 0.5), (0, 0.0), (3, 3.0)]
)
def test_money(text: object, number: float) -> None:
    assert units.money(text) == pytest.approx(number)


@pytest.mark.parametrize("read", [units.parameters, units.size, units.duration, units.money])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "many",
        "5 parsecs",
        "-5",
        "5 5",
        True,
        None,
        [1],
        "1.2.3",
        "nan",
        float("inf"),
        "$5 USD",
        "5 $ $",
        "1e999",
    ],
)
def test_what_is_no_quantity_is_refused_with_an_example(read: object, text: object) -> None:
    with pytest.raises(ValueError, match="such as"):
        read(text)  # type: ignore[operator]


@given(st.integers(min_value=1, max_value=10**13))
def test_counts_round_trip(number: int) -> None:
    assert units.parameters(units.show_parameters(number)) == number


@given(st.integers(1, 10**6), st.sampled_from([*units.SIZES]))
def test_blanks_and_case_do_not_count(number: int, unit: str) -> None:
    assert units.size(f" {number}{unit.upper()}") == units.size(f"{number}  {unit} ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">= 0.60", Requirement("f1", ">=", 0.6)),
        (">0.5", Requirement("f1", ">", 0.5)),
        ("<= .5", Requirement("f1", "<=", 0.5)),
        ("< 1", Requirement("f1", "<", 1.0)),
        ("== 1", Requirement("f1", "==", 1.0)),
        (">= 60%", Requirement("f1", ">=", 0.6)),
        (0.6, Requirement("f1", ">=", 0.6)),
    ],
)
def test_requirements(text: object, expected: Requirement) -> None:
    assert units.parse_requirement("f1", text) == expected


@given(st.sampled_from(units.OPERATORS), st.floats(min_value=0, max_value=1))
def test_a_requirement_round_trips(operator: str, value: float) -> None:
    assert units.parse_requirement("f1", f"{operator} {value!r}") == Requirement("f1", operator, value)


@pytest.mark.parametrize(
    "text", ["", "0.6", ">>= 1", "=> 0.5", ">= x", ">= 0.5 0.6", None, True, [], "! 1", ">= 1e999"]
)
def test_what_is_no_requirement_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"'>= 0\.60'"):
        units.parse_requirement("f1", text)
