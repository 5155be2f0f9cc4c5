"""The calendar semantics behind every label: which day, month or year an expression names, seen from an
anchor.

Values are text in one of three formats, YYYY, YYYY-MM and YYYY-MM-DD (ISO 8601 calendar dates, reduced
precision allowed); what fits none of them (a week, a season, a quarter, a decade, a clock time alone) has no
value here. `Direction` says which way an expression without a year looks: a past sentence means the latest
occurrence up to the anchor, a future one the earliest from the anchor on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

Direction = Literal["past", "future"]
Rule = Callable[[int], "date | None"]  # year -> the day it falls on; None in a year without it

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def day_value(day: date) -> str:
    """YYYY-MM-DD."""
    return day.isoformat()


def month_value(year: int, month: int) -> str:
    """YYYY-MM."""
    return f"{year:04d}-{month:02d}"


def year_value(year: int) -> str:
    """YYYY."""
    return f"{year:04d}"


def make_day(year: int, month: int, day: int) -> date | None:
    """The date, or None where the calendar has no such day."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def shift_months(year: int, month: int, months: int) -> tuple[int, int]:
    """(year, month) that many months later."""
    index = year * 12 + month - 1 + months
    return index // 12, index % 12 + 1


def weekday_from(anchor: date, weekday: int, direction: Direction) -> date:
    """The nearest such weekday (0 Monday to 6 Sunday) strictly before or after the anchor."""
    if direction == "future":
        return anchor + timedelta(days=(weekday - anchor.weekday() - 1) % 7 + 1)
    return anchor - timedelta(days=(anchor.weekday() - weekday - 1) % 7 + 1)


def weekday_of_week(anchor: date, weekday: int, weeks: int) -> date:
    """That weekday in the ISO week (Monday to Sunday) `weeks` after the anchor's."""
    return anchor + timedelta(days=weekday - anchor.weekday() + 7 * weeks)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date | None:
    """The nth such weekday of a month, from its end where nth is negative; None where there is none."""
    if nth > 0:
        first = date(year, month, 1)
        day = 1 + (weekday - first.weekday()) % 7 + 7 * (nth - 1)
        return make_day(year, month, day)
    following = date(*shift_months(year, month, 1), 1)
    last = following - timedelta(days=1 + (following.weekday() - 1 - weekday) % 7)
    found = last + timedelta(days=7 * (nth + 1))
    return found if found.month == month else None


def occurrence(anchor: date, rule: Rule, direction: Direction) -> date | None:
    """The latest day of a yearly rule up to the anchor, or the earliest from it on, the anchor included."""
    step = 1 if direction == "future" else -1
    for years in range(0, 9 * step, step):  # eight years reach over the missing leap day of a century
        found = rule(anchor.year + years)
        if found is not None and (found - anchor).days * step >= 0:
            return found
    return None


def month_from(anchor: date, month: int, direction: Direction) -> tuple[int, int]:
    """(year, month) of the nearest such month, the anchor's own included."""
    if direction == "future":
        return anchor.year + (month < anchor.month), month
    return anchor.year - (month > anchor.month), month


def day_of_month(anchor: date, day: int, direction: Direction) -> date | None:
    """The nearest day with that number within its month, the anchor included; None for 32 and the like."""
    step = 1 if direction == "future" else -1
    for months in range(0, 3 * step, step):
        found = make_day(*shift_months(anchor.year, anchor.month, months), day)
        if found is not None and (found - anchor).days * step >= 0:
            return found
    return None


def easter(year: int) -> date:
    """Western Easter Sunday by the anonymous Gregorian computus (Nature, 20 April 1876; Meeus, 1991)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def orthodox_easter(year: int) -> date:
    """Orthodox Easter Sunday in the Gregorian calendar (Meeus' Julian algorithm, then the calendars' gap)."""
    d = (19 * (year % 19) + 15) % 30
    e = (2 * (year % 4) + 4 * (year % 7) - d + 34) % 7
    month, day = divmod(d + e + 114, 31)
    return date(year, month, day + 1) + timedelta(days=year // 100 - year // 400 - 2)
