"""Dates and times of a row as what answers hang on: the weekday, the month, the day and the hour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from itertools import combinations

_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::\d{2}(?:[.,]\d+)?)?(?:\s*(?P<half>[ap])m)?"
    r"(?:\s*(?:Z|UTC|[-+]\d{2}:?\d{2}))?"
)
_TAIL = rf"(?:(?:T|,?\s+){_CLOCK})?"
_ORDERS = {  # how a column writes its dates
    "ymd": re.compile(
        rf"(?P<year>\d{{4}})([-./])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_TAIL}", re.I | re.A
    ),
    "dmy": re.compile(
        rf"(?P<day>\d{{1,2}})([-./])(?P<month>\d{{1,2}})\2(?P<year>\d{{4}}){_TAIL}", re.I | re.A
    ),
    "mdy": re.compile(
        rf"(?P<month>\d{{1,2}})([-/])(?P<day>\d{{1,2}})\2(?P<year>\d{{4}}){_TAIL}", re.I | re.A
    ),
    "time": re.compile(_CLOCK, re.I | re.A),
}
SAMPLES = {"ymd": "2024-01-31", "dmy": "31.01.2024", "mdy": "01/31/2024", "time": "17:30"}


def moment_of(text: str, order: str) -> datetime | None:
    """The moment that a text is, as it is written, whatever its zone; None where it is none."""
    found = _ORDERS[order].fullmatch(text.strip())
    if found is None:
        return None
    said = found.groupdict()
    hour, half = int(said["hour"] or 0), (said["half"] or "").lower()
    if half:
        hour = hour % 12 + 12 * (half == "p") if 0 < hour < 13 else 24
    try:
        clock = time(hour, int(said["minute"] or 0))
        day = date(int(said["year"]), int(said["month"]), int(said["day"])) if order != "time" else date.min
        return datetime.combine(day, clock)
    except ValueError:
        return None


def parts_of(dates: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choices and numbers, by name, that `unfolded` makes of date columns, given with their orders."""
    days = [name for name, order in dates.items() if order != "time"]
    choices = [f"{name} {part}" for name in days for part in ("weekday", "month")]
    numbers = [f"{name} {part}" for name in days for part in ("date", "day")]
    hours = [f"{name} hour" for name in dates]
    return tuple(choices), (*numbers, *hours, *(f"{one} to {other}" for one, other in combinations(days, 2)))


def unfolded(row: Mapping[str, str], dates: Mapping[str, str]) -> dict[str, str]:
    """The row with the parts of its dates as columns beside it, empty where there is no date; a `date` and
    what lies between two are in days.
    """
    names = [name for each in parts_of(dates) for name in each]
    found, days = dict.fromkeys(names, ""), {}
    for name, order in dates.items():
        if (moment := moment_of(row[name], order)) is None:
            continue
        hours = moment.hour + moment.minute / 60
        found[f"{name} hour"] = f"{hours:.4f}"
        if order != "time":
            days[name] = moment.toordinal() + hours / 24
            said = {"weekday": moment.isoweekday(), "month": moment.month, "day": moment.day}
            found |= {f"{name} {part}": str(value) for part, value in said.items()}
            found[f"{name} date"] = str(moment.toordinal())
    for one, other in combinations(days, 2):
        found[f"{one} to {other}"] = f"{days[other] - days[one]:.4f}"
    return {**found, **row}
