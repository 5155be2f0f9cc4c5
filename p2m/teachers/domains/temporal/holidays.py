"""Holidays by name: fixed days, nth weekdays of a month, and what hangs on Easter or Advent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from p2m.teachers.domains.temporal.dates import (
    Rule,
    easter,
    make_day,
    nth_weekday,
    orthodox_easter,
    weekday_from,
)
from p2m.word_lists import WordLists


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


def _workday(month: int, day: int) -> Rule:
    """The nearest weekday that is no weekend: Friday for Saturday, Monday for Sunday."""

    def rule(year: int) -> date:
        found = date(year, month, day)
        return found + timedelta(days={5: -1, 6: 1}.get(found.weekday(), 0))

    return rule


_RULES: dict[str, Callable[..., Rule]] = {
    "fixed": _fixed, "weekday": _nth, "workday": _workday,
    "easter": _easter, "orthodox": _orthodox, "advent": _advent,
}  # fmt: skip
_LISTS = WordLists(Path(__file__).with_name("holidays.txt"))
HOLIDAYS: dict[str, Rule] = {
    name: _RULES[rule](*map(int, numbers.split())) for name, rule, numbers in _LISTS.table("holidays", 3)
}
