"""Holidays by name: fixed days, nth weekdays of a month, and what hangs on Easter or Advent."""

from __future__ import annotations

import re
from datetime import date, timedelta

from p2m.teachers.domains.temporal.dates import (
    Rule,
    easter,
    make_day,
    nth_weekday,
    orthodox_easter,
    weekday_from,
)


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


_ALIASES = {
    "xmas": "Christmas",
    "xmas day": "Christmas Day",
    "xmas eve": "Christmas Eve",
    "mlk day": "Martin Luther King Day",
    "martin luther king jr day": "Martin Luther King Day",
    "mlk jr day": "Martin Luther King Day",
    "civil rights day": "Martin Luther King Day",
    "new year": "New Year's Day",
    "new years": "New Year's Day",
    "thanksgiving day": "Thanksgiving",
    "4th of july": "Independence Day",
    "fourth of july": "Independence Day",
    "july fourth": "Independence Day",
    "july 4th": "Independence Day",
    "guy fawkes night": "Bonfire Night",
    "guy fawkes day": "Bonfire Night",
    "st paddys day": "St. Patrick's Day",
    "paddys day": "St. Patrick's Day",
    "pancake day": "Shrove Tuesday",
    "fat tuesday": "Shrove Tuesday",
    "easter day": "Easter Sunday",
    "easter mon": "Easter Monday",
    "whit sunday": "Pentecost",
    "international workers day": "May Day",
    "labour day": "Labor Day",
    "halloween night": "Halloween",
    "juneteenth day": "Juneteenth",
    "all hallows eve": "Halloween",
    "epiphany day": "Epiphany",
    "washingtons birthday": "Presidents' Day",
    "president day": "Presidents' Day",
    "presidents day": "Presidents' Day",
    "day of pentecost": "Pentecost",
    "maundy thu": "Maundy Thursday",
    "holy thursday": "Maundy Thursday",
}
_KEYS: dict[str, Rule] = {}


def _holiday_key(text: str) -> str:
    """A name without what spelling varies in: marks, `the`, saint, the possessive s."""
    text = re.sub(r"[.'’,]", "", text.lower()).removeprefix("the ")
    text = re.sub(r"\bsaint\b", "st", text)
    return re.sub(r"\b(\w{3,})s (day|eve|night)\b", r"\1 \2", text)


def holiday(text: str) -> Rule | None:
    """The rule of a holiday called `text`, in any usual spelling; None for any other text."""
    if not _KEYS:
        _KEYS.update({_holiday_key(name): rule for name, rule in HOLIDAYS.items()})
        _KEYS.update({_holiday_key(alias): HOLIDAYS[name] for alias, name in _ALIASES.items()})
    return _KEYS.get(_holiday_key(text))
