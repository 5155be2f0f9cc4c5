"""Numbers as people write them: what they mean by themselves, and beside the others of their column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.answers.numbers import NumberStyle, is_number, read_written, style_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4), ("4.5", 4.5), ("4,5", 4.5), ("-0.25", -0.25), ("−3", -3), (".5", 0.5), ("1e5", 1e5),
        ("1.234,50 €", 1234.5), ("€ 12", 12), ("EUR 12.50", 12.5), ("12 kg", 12), ("85 %", 85),
        ("1,234,567", 1234567), ("1 234,5", 1234.5), ("1'234.5", 1234.5),
        ("★★★★☆", 4), ("★★½", 2.5), ("4/5", 4), ("4 out of 5 stars", 4), ("1 star", 1), ("3 Sterne", 3),
    ],
)  # fmt: skip
def test_a_number_is_read_as_its_writer_meant_it(text: str, value: float) -> None:
    assert read_written(text) == value


@pytest.mark.parametrize("text", ["", "cheap", "2024-01-31", "10:30", "v2", "A1", "3-4", "1.2.3", "12 , 3"])
def test_what_is_no_number_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        read_written(text)


def test_a_column_decides_what_a_comma_is() -> None:
    assert style_of(["1,234", "2,5"]).decimal == ","
    assert read_written("1,234", style_of(["1,234", "2,5"])) == 1.234
    assert read_written("1,234", style_of(["1,234", "1,234.5"])) == 1234
    with pytest.raises(ValueError, match=r"'1,234' may be 1234 or 1\.234"):
        style_of(["1,234", "2,500"])


@pytest.mark.parametrize(
    ("others", "odd", "said"),
    [
        (["12 kg", "3 kg"], "900 g", "has the unit 'g', and other rows have the unit 'kg'"),
        (["4/5", "3/5"], "7/10", "has 10 as its highest, and other rows have 5 as its highest"),
        (["45%", "50%"], "0.5", "has no unit, and other rows have the unit '%'"),
        (["4,5", "3,25"], "1,250.5", "is no number with a decimal comma"),
    ],
)
def test_a_number_written_otherwise_than_the_others_is_refused(
    others: list[str], odd: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_written(odd, style_of([*others, odd]))


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([".", ","]))
def test_every_number_comes_back_in_the_style_that_it_was_written_in(value, mark):
    text = f"{value:,.2f}".replace(",", "_").replace(".", mark).replace("_", "." if mark == "," else ",")
    assert is_number(text)
    assert read_written(text, NumberStyle(mark)) == pytest.approx(float(value))
