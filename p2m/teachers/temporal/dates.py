"""The calendar semantics behind every label: which day, month or year an expression names, seen from an anchor.

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
FIRST_YEAR, LAST_YEAR = 1000, 2999  # years that are written with four digits and read as years


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


def shift_days(anchor: date, days: int) -> date | None:
    """`days` later (earlier where negative); None beyond the calendar."""
    try:
        return anchor + timedelta(days=days)
    except OverflowError:
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
    """The nth such weekday of a month, counted from its end where nth is negative; None where there is none."""
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
    """The nearest day that has that number within its month, the anchor included; None for 32 and the like."""
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


def _fixed(month: int, day: int) -> Rule:
    return lambda year: make_day(year, month, day)


def _nth(month: int, weekday: int, nth: int, days: int = 0) -> Rule:
    def rule(year: int) -> date | None:
        found = nth_weekday(year, month, weekday, nth)
        return None if found is None else found + timedelta(days=days)

    return rule


def _easter(days: int) -> Rule:
    return lambda year: easter(year) + timedelta(days=days)


def _orthodox(days: int) -> Rule:
    return lambda year: orthodox_easter(year) + timedelta(days=days)


def _advent(days: int) -> Rule:
    """Days after the first Sunday of Advent, which is the fourth before Christmas Day."""
    return lambda year: weekday_from(date(year, 12, 25), 6, "past") + timedelta(days=days - 21)


HOLIDAYS: dict[str, Rule] = {
    "New Year's Day": _fixed(1, 1),
    "Epiphany": _fixed(1, 6),
    "Martin Luther King Day": _nth(1, 0, 3),
    "Burns Night": _fixed(1, 25),
    "Australia Day": _fixed(1, 26),
    "Groundhog Day": _fixed(2, 2),
    "Valentine's Day": _fixed(2, 14),
    "Presidents' Day": _nth(2, 0, 3),
    "Leap Day": _fixed(2, 29),
    "St. David's Day": _fixed(3, 1),
    "International Women's Day": _fixed(3, 8),
    "Pi Day": _fixed(3, 14),
    "St. Patrick's Day": _fixed(3, 17),
    "April Fools' Day": _fixed(4, 1),
    "Earth Day": _fixed(4, 22),
    "St. George's Day": _fixed(4, 23),
    "Anzac Day": _fixed(4, 25),
    "May Day": _fixed(5, 1),
    "Star Wars Day": _fixed(5, 4),
    "Cinco de Mayo": _fixed(5, 5),
    "Mother's Day": _nth(5, 6, 2),
    "Memorial Day": _nth(5, 0, -1),
    "Father's Day": _nth(6, 6, 3),
    "Flag Day": _fixed(6, 14),
    "Juneteenth": _fixed(6, 19),
    "Midsummer Day": _fixed(6, 24),
    "Canada Day": _fixed(7, 1),
    "Independence Day": _fixed(7, 4),
    "the Fourth of July": _fixed(7, 4),
    "Bastille Day": _fixed(7, 14),
    "Assumption Day": _fixed(8, 15),
    "Labor Day": _nth(9, 0, 1),
    "Columbus Day": _nth(10, 0, 2),
    "Boss's Day": lambda year: _workday(date(year, 10, 16)),
    "Halloween": _fixed(10, 31),
    "All Saints' Day": _fixed(11, 1),
    "All Souls' Day": _fixed(11, 2),
    "Election Day": _nth(11, 0, 1, 1),
    "Bonfire Night": _fixed(11, 5),
    "Remembrance Day": _fixed(11, 11),
    "Armistice Day": _fixed(11, 11),
    "Veterans Day": _fixed(11, 11),
    "Thanksgiving": _nth(11, 3, 4),
    "Black Friday": _nth(11, 3, 4, 1),
    "Small Business Saturday": _nth(11, 3, 4, 2),
    "Cyber Monday": _nth(11, 3, 4, 4),
    "Giving Tuesday": _nth(11, 3, 4, 5),
    "Advent Sunday": _advent(0),
    "St. Andrew's Day": _fixed(11, 30),
    "St. Nicholas Day": _fixed(12, 6),
    "Human Rights Day": _fixed(12, 10),
    "Christmas Eve": _fixed(12, 24),
    "Christmas Day": _fixed(12, 25),
    "Christmas": _fixed(12, 25),
    "Boxing Day": _fixed(12, 26),
    "New Year's Eve": _fixed(12, 31),
    "Shrove Tuesday": _easter(-47),
    "Mardi Gras": _easter(-47),
    "Ash Wednesday": _easter(-46),
    "Palm Sunday": _easter(-7),
    "Maundy Thursday": _easter(-3),
    "Good Friday": _easter(-2),
    "Holy Saturday": _easter(-1),
    "Easter Sunday": _easter(0),
    "Easter": _easter(0),
    "Easter Monday": _easter(1),
    "Ascension Day": _easter(39),
    "Pentecost": _easter(49),
    "Whit Monday": _easter(50),
    "Trinity Sunday": _easter(56),
    "Corpus Christi": _easter(60),
    "Clean Monday": _orthodox(-48),
    "Orthodox Palm Sunday": _orthodox(-7),
    "Orthodox Good Friday": _orthodox(-2),
    "Orthodox Easter": _orthodox(0),
    "Orthodox Easter Monday": _orthodox(1),
}


def _workday(day: date) -> date:
    """The nearest weekday that is no weekend: Friday for Saturday, Monday for Sunday."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))
