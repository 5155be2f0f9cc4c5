"""The calendar semantics against python-dateutil and tables that are printed in calendars."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from runpy import run_path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.teachers.domains.temporal import dates
from p2m.teachers.domains.temporal.holidays import HOLIDAYS

easter_of = pytest.importorskip("dateutil.easter")
relative = pytest.importorskip("dateutil.relativedelta")
BENCH = Path(__file__).parents[2] / "bench" / "temporal.py"
READER = run_path(str(BENCH.with_name("date_expressions.py")))
resolve, holiday = READER["resolve"], READER["holiday"]
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@pytest.mark.parametrize("year", range(1900, 2101))
def test_both_easters_are_those_of_dateutil(year: int) -> None:
    assert dates.easter(year) == easter_of.easter(year, easter_of.EASTER_WESTERN)
    assert dates.orthodox_easter(year) == easter_of.easter(year, easter_of.EASTER_ORTHODOX)


@given(day=DAYS, weekday=st.integers(0, 6), nth=st.sampled_from([1, 2, 3, 4, 5, -1, -2]))
def test_nth_weekdays_are_those_of_dateutil(day: date, weekday: int, nth: int) -> None:
    name = relative.weekday(weekday, nth)
    edge = relative.relativedelta(day=1) if nth > 0 else relative.relativedelta(day=31)
    other = (day + edge) + relative.relativedelta(weekday=name)
    found = dates.nth_weekday(day.year, day.month, weekday, nth)
    assert found == (other if other.month == day.month else None)


@given(day=DAYS, number=st.integers(1, 60), unit=st.sampled_from(["day", "week", "month", "year"]))
def test_distances_are_those_of_dateutil(day: date, number: int, unit: str) -> None:
    delta = relative.relativedelta(**{f"{unit}s": number})
    length = {"day": 10, "week": 10, "month": 7, "year": 4}[unit]
    assert resolve(f"{number} {unit}s ago", day) == str(day - delta)[:length]
    assert resolve(f"in {number} {unit}s", day) == str(day + delta)[:length]


@given(day=DAYS, weekday=st.integers(0, 6))
def test_last_and_next_weekday_enclose_the_anchor_within_a_week(day: date, weekday: int) -> None:
    last = date.fromisoformat(resolve(f"last {WEEKDAYS[weekday]}", day) or "")
    coming = date.fromisoformat(resolve(f"next {WEEKDAYS[weekday]}", day) or "")
    assert last.weekday() == coming.weekday() == weekday
    assert last < day < coming
    assert coming - last in (timedelta(7), timedelta(14))
    assert (coming - last == timedelta(14)) == (day.weekday() == weekday)


@given(day=DAYS, name=st.sampled_from(sorted(HOLIDAYS)))
def test_a_holiday_is_the_nearest_in_the_direction(day: date, name: str) -> None:
    past, future = (resolve(name, day, way) for way in ("past", "future"))
    rule = HOLIDAYS[name]
    around = sorted(found for year in range(day.year - 9, day.year + 10) if (found := rule(year)))
    assert past == str(max(each for each in around if each <= day))
    assert future == str(min(each for each in around if each >= day))


@pytest.mark.parametrize(
    ("name", "year", "day"),
    [
        ("Thanksgiving", 2013, "2013-11-28"),
        ("Thanksgiving", 2012, "2012-11-22"),
        ("Labor Day", 2021, "2021-09-06"),
        ("Memorial Day", 2015, "2015-05-25"),
        ("MLK Day", 2013, "2013-01-21"),
        ("Mother's Day", 2024, "2024-05-12"),
        ("Father's Day", 2019, "2019-06-16"),
        ("Good Friday", 2022, "2022-04-15"),
        ("Ash Wednesday", 2018, "2018-02-14"),
        ("Pentecost", 2017, "2017-06-04"),
        ("Advent Sunday", 2023, "2023-12-03"),
        ("Advent Sunday", 2022, "2022-11-27"),
        ("Black Friday", 2024, "2024-11-29"),
        ("Orthodox Good Friday", 2020, "2020-04-17"),
        ("Boss's Day", 2021, "2021-10-15"),
        ("Xmas Eve", 2001, "2001-12-24"),
        ("St Patrick’s Day".replace("’", "'"), 2020, "2020-03-17"),
    ],
)
def test_holidays_fall_where_calendars_print_them(name: str, year: int, day: str) -> None:
    rule = holiday(name.lower())
    assert rule is not None
    assert str(rule(year)) == day
    assert resolve(f"{name} {year}", date(2010, 1, 1)) == day


@pytest.mark.parametrize(
    ("expression", "anchor", "direction", "value"),
    [
        ("last July", "2013-03-22", None, "2012-07"),
        ("early December", "2013-03-22", None, "2012-12"),
        ("Monday", "2013-03-22", "future", "2013-03-25"),
        ("Friday", "2013-03-22", "past", "2013-03-22"),
        ("Friday, March 22", "2013-03-18", "future", "2013-03-22"),
        ("the 22nd", "2013-03-21", "past", "2013-02-22"),
        ("the 31st", "2013-03-01", "past", "2013-01-31"),
        ("Tuesday of last week", "2013-03-22", None, "2013-03-12"),
        ("the first Monday of October 2012", "2013-03-22", None, "2012-10-01"),
        ("the last day of February 2012", "2013-03-22", None, "2012-02-29"),
        ("a year ago today", "2013-03-22", None, "2012-03-22"),
        ("three weeks from tomorrow", "2018-05-31", None, "2018-06-22"),
        ("yesterday at 5 pm", "2013-03-22", None, "2013-03-21"),
        ("5 p.m. EST Nov. 9", "1989-11-02", "future", "1989-11-09"),
        ("Feb 29", "2017-03-22", "future", "2020-02-29"),
        ("22/03/2013", "2014-01-01", None, "2013-03-22"),
        ("03/04/2013", "2014-01-01", None, "2013-03-04"),
        ("22.3.13", "2014-01-01", None, "2013-03-22"),
        ("10-31-74", "2013-02-12", None, "1974-10-31"),
        ("the fifth of last month", "2013-01-15", None, "2012-12-05"),
        ("nineteen ninety-six", "2013-01-15", None, "1996"),
        ("April Fools’ Day", "2013-05-15", "past", "2013-04-01"),
        ("late last month", "2013-01-15", None, "2012-12"),
        ("year-end", "2013-01-15", None, "2013"),
    ],
)
def test_known_readings(expression: str, anchor: str, direction: dates.Direction | None, value: str) -> None:
    assert resolve(expression, date.fromisoformat(anchor), direction) == value


@pytest.mark.parametrize(
    "expression",
    ["last week", "next weekend", "the 1990s", "last summer", "Q3", "the first quarter", "two days later",
     "soon", "a year earlier", "for two years", "every Monday", "30 February 2013", "February 29, 2013",
     "13/13/2013", "the 32nd", "", "in", "noon", "5 pm", "a few days ago", "2013-13", "version 2", "may be"],
)  # fmt: skip
def test_what_no_format_carries_has_no_value(expression: str) -> None:
    assert resolve(expression, date(2013, 3, 22)) is None


@given(text=st.text(max_size=60), day=DAYS)
def test_any_text_gets_a_valid_value_or_none(text: str, day: date) -> None:
    value = resolve(text, day)
    if value is not None:
        assert len(value) in (4, 7, 10)
        date.fromisoformat(value + "-01-01"[len(value) - 4 :])


ENDS = ["9999 years ago", "tomorrow", "yesterday", "in 9999 weeks", "last Monday", "next Monday", "Friday"]
ENDS += [
    "Easter",
    "next July",
    "last Christmas",
    "the 31st",
    "Monday of next week",
    "the last Friday of June",
]


@given(day=st.dates(date.min, date.max) | st.sampled_from([date.min, date.max]), words=st.sampled_from(ENDS))
def test_the_calendar_s_ends_raise_nothing(day: date, words: str) -> None:
    for way in (None, "past", "future"):
        resolve(words, day, way)


def test_the_bench_measures_a_folder_of_corpora(tmp_path: Path) -> None:
    import gzip

    def write(name: str, *found: dict[str, object]) -> None:
        with gzip.open(tmp_path / name, "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in found)

    plain = {"kind": "datetime", "end": None, "latent": False, "lang": "EN"}
    write(
        "duckling_time_corpus.jsonl.gz",
        plain | {"expression": "tomorrow", "grain": "Day", "start": "2013-02-13T00:00:00"},
        plain | {"expression": "today", "grain": "Day", "start": "2013-02-19T00:00:00"},
        plain | {"expression": "next week", "grain": "Week", "start": "2013-02-18T00:00:00"},
        plain | {"expression": "heute", "lang": "DE", "grain": "Day", "start": "2013-02-13T00:00:00"},
    )
    write(
        "timenorm_pairs.jsonl.gz",
        {"lang": "en", "expression": "1987", "type": "DATE", "value": "1987", "anchor": "1989-10-30"},
    )
    found = {"type": "date", "timex": "2016-11-07", "value": "2016-11-07", "input": "zwei"}
    write("recognizers_english.jsonl.gz", found | {"reference": "2016-11-07T00:00:00", "expression": "zwei"})
    command = [sys.executable, str(BENCH), str(tmp_path), "--half", "all"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    table = {line.split()[0]: [float(cell) for cell in line.split()[1:]] for line in out.splitlines()[2:]}
    assert table["duckling"] == [3, 2, 1.0, 0.5, 0.5, 1.0]
    assert table["timenorm"][:4] == [1, 1, 1.0, 1.0]
    assert table["recognizers"][:3] == [1, 1, 0.0]
    (tmp_path / "timenorm_pairs.jsonl.gz").unlink()
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "timenorm_pairs.jsonl.gz" in refused.stderr
