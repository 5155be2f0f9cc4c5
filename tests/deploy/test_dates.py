"""Dates are read as a column writes them, and as nothing else."""

from __future__ import annotations

import pytest

from p2m.deploy.serving.dates import SAMPLES, moment_of, parts_of, unfolded


@pytest.mark.parametrize(
    ("text", "order", "said"),
    [
        ("2024-01-31", "ymd", "2024-01-31T00:00"),
        (" 2024/1/31 10:33:05.25+02:00 ", "ymd", "2024-01-31T10:33"),
        ("31.1.2024, 5:07 PM", "dmy", "2024-01-31T17:07"),
        ("01/31/2024 12:00 am", "mdy", "2024-01-31T00:00"),
        ("17:30", "time", "0001-01-01T17:30"),
        ("2024-02-30", "ymd", ""),
        ("31.01.2024", "mdy", ""),
        ("2024-01/31", "ymd", ""),
        ("13:00 pm", "time", ""),
        ("24:00", "time", ""),
        ("2024", "ymd", ""),
        ("٢٠٢٤-٠١-٣١", "ymd", ""),
    ],
)
def test_a_moment_is_read_or_none(text: str, order: str, said: str) -> None:
    moment = moment_of(text, order)
    assert (moment.isoformat()[:16] if moment else "") == said


def test_each_order_has_a_sample_that_it_reads_alone() -> None:
    for order, text in SAMPLES.items():
        assert [other for other in SAMPLES if moment_of(text, other)] == [order]


def test_a_row_has_the_parts_of_its_dates_and_the_days_between_them() -> None:
    dates = {"sent": "ymd", "back": "ymd", "at": "time"}
    row = unfolded({"sent": "2024-01-31", "back": "2024-02-02 12:00", "at": "", "note": "x"}, dates)
    assert row["sent weekday"] == "3"
    assert row["back month"] == "2"
    assert row["back day"] == "2"
    assert row["back hour"] == "12.0000"
    assert row["sent to back"] == "2.5000"
    assert row["at hour"] == ""
    assert row["note"] == "x"
    choices, numbers = parts_of(dates)
    assert {*choices, *numbers, "note", *dates} == row.keys()
    assert unfolded({**row, "sent weekday": "mine"}, dates)["sent weekday"] == "mine"
