"""The forms of temporal expressions that the grammar writes: words and value together, so labels cannot be
wrong.

Where usage is divided (does `last Friday` mean the nearest one, or last week's?), a form writes only the
cases in which the readings agree. Spans have no leading preposition (`in July` is listed as `July`), but
keep what belongs to the expression (`in three days`, `early July`, `the end of the year`, `Friday night`); a
clock time beside a day is not part of it. A form returns None where the anchor and the tense leave it
nothing unambiguous to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from p2m.teachers.domains.temporal import dates
from p2m.teachers.domains.temporal.dates import MONTHS, WEEKDAYS, Direction
from p2m.teachers.domains.temporal.holidays import HOLIDAYS
from p2m.teachers.domains.temporal.numerals import cardinal_word, ordinal_digits, ordinal_word
from p2m.word_lists import WordLists


@dataclass(frozen=True, slots=True)
class Phrase:
    """An expression ready for a sentence; `value` is None for one that looks temporal but has no date."""

    form: str
    text: str
    value: str | None
    lead: str = ""  # the preposition in front of it in a sentence, with its blank
    nominal: bool = True  # whether it can follow another preposition: since, until, by
    possessive: bool = False  # whether it can stand before a noun with 's


Form = Callable[[Random, date, Direction], "Phrase | None"]

SHORT_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec")
_SHORT_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LISTS = WordLists(Path(__file__).with_name("expressions.txt"))
_TABLES = {
    (unit, tense): _LISTS.table(f"{unit} {tense}", 2)
    for unit in ("month", "year")
    for tense in ("past", "future")
}
_PARTS = ("morning", "afternoon", "evening", "night")


def _day(
    form: str, text: str, day: date, lead: str = "", *, nominal: bool = True, own: bool = False
) -> Phrase:
    return Phrase(form, text, dates.day_value(day), lead, nominal, own)


# --------------------------------------------------------------------------- days from the anchor


def _today(rng: Random, anchor: date, tense: Direction) -> Phrase:
    past = ("today", "earlier today", "this morning", "this afternoon", "today", "this morning")
    future = ("today", "tonight", "later today", "this evening", "this afternoon", "tonight")
    text = rng.choice(past if tense == "past" else future)
    return _day("today", text, anchor, nominal=text[0] == "t", own=text == "today")


def _yesterday(rng: Random, anchor: date, tense: Direction) -> Phrase:
    step = timedelta(days=1 if tense == "future" else -1)
    word = "tomorrow" if tense == "future" else "yesterday"
    part = rng.choice(_PARTS[:3] if tense == "past" else _PARTS) if rng.random() < 0.3 else ""
    if tense == "past" and rng.random() < 0.2:
        return _day("last_night", "last night", anchor + step, own=True)
    return _day(word, f"{word} {part}".strip(), anchor + step, own=not part)


def _two_days(rng: Random, anchor: date, tense: Direction) -> Phrase:
    text, step = ("the day after tomorrow", 2) if tense == "future" else ("the day before yesterday", -2)
    return _day("two_days", text, anchor + timedelta(days=step))


def _count(rng: Random, most: int) -> tuple[int, str]:
    """A small number more often than a large one, in words or digits."""
    number = min(rng.randint(1, most), rng.randint(1, most))
    if number == 1:
        return 1, rng.choice(("a", "one"))
    return number, cardinal_word(number) if rng.random() < 0.6 else str(number)


_MOST = {"day": 20, "week": 10, "month": 11, "year": 30}


def _away(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """`three days ago`, `in two months`, `ten years from now`."""
    unit = rng.choice(("day", "day", "week", "month", "year", "year"))
    number, word = _count(rng, _MOST[unit])
    sign = 1 if tense == "future" else -1
    span = f"{word} {unit}" + ("s" if number > 1 else "")
    text = f"{span} ago" if tense == "past" else rng.choice((f"in {span}", f"{span} from now"))
    form = f"{unit}s_{'ahead' if sign > 0 else 'ago'}"
    if unit in ("day", "week"):
        value = dates.day_value(anchor + timedelta(days=sign * number * (7 if unit == "week" else 1)))
    elif unit == "month":
        value = dates.month_value(*dates.shift_months(anchor.year, anchor.month, sign * number))
    else:
        value = dates.year_value(anchor.year + sign * number)
    return Phrase(form, text, value, nominal=False)


def _from_day(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`a year ago today`, `two weeks from tomorrow`: exact to the day."""
    number, word = _count(rng, 4)
    plural = "s" if number > 1 else ""
    if tense == "future":
        start, name = rng.choice(((0, "today"), (1, "tomorrow")))
        day = anchor + timedelta(days=start + 7 * number)
        return _day("weeks_from_day", f"{word} week{plural} from {name}", day, nominal=False)
    if rng.random() < 0.5:
        text, found = f"{word} week{plural} ago today", anchor - timedelta(days=7 * number)
        return _day("ago_today", text, found, nominal=False)
    year_day = dates.make_day(anchor.year - number, anchor.month, anchor.day)
    text = f"{word} year{plural} ago today"
    return None if year_day is None else _day("ago_today", text, year_day, nominal=False)


# --------------------------------------------------------------------------- weekdays


def _weekday(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """A bare weekday, which is the nearest one in the sentence's direction; never the anchor's own."""
    day = anchor + timedelta(days=rng.randint(1, 6) * (1 if tense == "future" else -1))
    name = WEEKDAYS[day.weekday()]
    part = f" {rng.choice(_PARTS)}" if rng.random() < 0.2 else ""
    return _day("weekday_part" if part else "weekday", name + part, day, "on ", own=not part)


def _near_weekday(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """`last Friday`, `next Monday`, only where the nearest and the neighbour week's are the same day."""
    today = anchor.weekday()
    if tense == "past":
        weekday = rng.randint(today, max(today, 5))  # a Sunday belongs to either week
        return _day(
            "last_weekday", f"last {WEEKDAYS[weekday]}", dates.weekday_from(anchor, weekday, "past"), own=True
        )
    weekday = rng.randint(0, today)
    day = dates.weekday_from(anchor, weekday, "future")
    return _day("next_weekday", f"next {WEEKDAYS[weekday]}", day, own=True)


def _this_weekday(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`this Friday` within the anchor's week; `this past` and `this coming` in any."""
    if tense == "past":
        day = anchor - timedelta(days=rng.randint(1, 6))
        return _day("this_weekday", f"this past {WEEKDAYS[day.weekday()]}", day, nominal=True)
    if anchor.weekday() < 5 and rng.random() < 0.6:
        weekday = rng.randint(anchor.weekday() + 1, 5)
        day = dates.weekday_of_week(anchor, weekday, 0)
        return _day("this_weekday", f"this {WEEKDAYS[weekday]}", day, own=True)
    day = anchor + timedelta(days=rng.randint(1, 6))
    return _day("this_weekday", f"this coming {WEEKDAYS[day.weekday()]}", day)


def _weekday_of_week(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`Tuesday of last week`: Monday to Saturday, where Sunday-first and Monday-first weeks agree."""
    if anchor.weekday() == 6:
        return None
    weekday = rng.randint(0, 5)
    weeks, which = (1, "next") if tense == "future" else (-1, "last")
    text = rng.choice((f"{WEEKDAYS[weekday]} of {which} week", f"{WEEKDAYS[weekday]} {which} week"))
    return _day("weekday_of_week", text, dates.weekday_of_week(anchor, weekday, weeks), "on ")


# --------------------------------------------------------------------------- dates


def _far_day(rng: Random, anchor: date, tense: Direction) -> date:
    """A day that deserves its year: mostly within some years of the anchor."""
    days = int(rng.expovariate(1 / 700)) + 1
    if tense == "past" and rng.random() < 0.2:
        days = rng.randint(1, 18000)
    return anchor + timedelta(days=min(days, 18000) * (1 if tense == "future" else -1))


def _near_day(rng: Random, anchor: date, tense: Direction) -> date:
    """A day that is clear without its year: within ten months of the anchor, and not the anchor."""
    days = min(1 + int(rng.expovariate(1 / 60)), 300)
    return anchor + timedelta(days=days if tense == "future" else -days)


def _month_name(rng: Random, month: int) -> str:
    if rng.random() < 0.75 or month == 5:
        return MONTHS[month - 1]
    return SHORT_MONTHS[month - 1] + ("." if rng.random() < 0.6 else "")


def _full_date(rng: Random, anchor: date, tense: Direction) -> Phrase:
    day = _far_day(rng, anchor, tense)
    month, year = _month_name(rng, day.month), day.year
    nth = ordinal_digits(day.day)
    texts = (
        f"{month} {day.day}, {year}",
        f"{month} {day.day}, {year}",
        f"{day.day} {month} {year}",
        f"{day.day} {month} {year}",
        f"{month} {nth}, {year}",
        f"{nth} {month} {year}",
        f"the {nth} of {month} {year}",
        f"{month} {day.day} {year}",
        f"the {ordinal_word(day.day)} of {MONTHS[day.month - 1]} {year}",
    )
    return _day("full_date", rng.choice(texts), day, "on ")


def _numeric_date(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """ISO and point dates in any order of magnitude; slashes only where one number cannot be a month."""
    day = _far_day(rng, anchor, tense)
    iso = day.isoformat()
    pattern = rng.randrange(5)
    if pattern == 0:
        return _day("iso_date", iso, day, "on ")
    if pattern == 1:
        return _day("iso_date", iso.replace("-", "/"), day, "on ")
    if day.day <= 12:
        return None
    texts = (
        f"{day.month}/{day.day}/{day.year}",
        f"{day.day}/{day.month}/{day.year}",
        f"{day.month:02d}/{day.day}/{day.year}",
        f"{day.day}/{day.month:02d}/{day.year}",
        f"{day.day}.{day.month:02d}.{day.year}",
        f"{day.day}.{day.month}.{day.year}",
        f"{day.month}-{day.day}-{day.year}",
        f"{day.month}/{day.day}/{day.year % 100:02d}" if -20 <= day.year - anchor.year <= 9 else "",
    )
    text = rng.choice(texts)
    return _day("numeric_date", text, day, "on ") if text else None


def _month_day(rng: Random, anchor: date, tense: Direction) -> Phrase:
    day = _near_day(rng, anchor, tense)
    month = _month_name(rng, day.month)
    nth = ordinal_digits(day.day)
    texts = (
        f"{month} {day.day}",
        f"{month} {day.day}",
        f"{month} {day.day}",
        f"{day.day} {month}",
        f"{month} {nth}",
        f"{nth} {month}",
        f"the {nth} of {month}",
        f"{MONTHS[day.month - 1]} the {nth}",
        f"the {ordinal_word(day.day)} of {MONTHS[day.month - 1]}",
    )
    return _day("month_day", rng.choice(texts), day, "on ")


def _weekday_date(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """`Friday, March 22`, with or without its year."""
    with_year = rng.random() < 0.35
    day = _far_day(rng, anchor, tense) if with_year else _near_day(rng, anchor, tense)
    name = WEEKDAYS[day.weekday()] if rng.random() < 0.75 else _SHORT_WEEKDAYS[day.weekday()]
    month = _month_name(rng, day.month)
    tail = f", {day.year}" if with_year else ""
    texts = (
        f"{name}, {month} {day.day}{tail}",
        f"{name} {day.day} {month}{tail.replace(',', '')}",
        f"{name} {month} {ordinal_digits(day.day)}{tail}",
        f"{name}, {day.day} {month}{tail.replace(',', '')}",
    )
    return _day("weekday_date", rng.choice(texts), day, "on ")


def _day_number(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`the 22nd`, which is the nearest in the sentence's direction and not the anchor's own number."""
    number = rng.randint(1, 28)
    if number == anchor.day:
        return None
    day = dates.day_of_month(anchor, number, tense)
    return None if day is None else _day("day_number", f"the {ordinal_digits(number)}", day, "on ")


def _day_of_month(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`the 5th of next month`."""
    step, which = (
        rng.choice(((1, "next"), (0, "this")))
        if tense == "future"
        else rng.choice(((-1, "last"), (0, "this")))
    )
    number = rng.randint(1, 28)
    ahead = number > anchor.day
    if step == 0 and (number == anchor.day or ahead != (tense == "future")):
        return None
    day = date(*dates.shift_months(anchor.year, anchor.month, step), number)
    return _day("day_of_month", f"the {ordinal_digits(number)} of {which} month", day, "on ")


def _nth_weekday(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`the first Monday of October 2012`, `the last Friday in May`."""
    nth = rng.choice((1, 1, 2, 3, 4, -1))
    weekday, month = rng.randrange(7), rng.randint(1, 12)
    word = "last" if nth < 0 else ordinal_word(nth)
    lead = f"the {word} {WEEKDAYS[weekday]} {rng.choice(('of', 'in'))} {MONTHS[month - 1]}"
    if rng.random() < 0.5 and month != anchor.month:
        year, _ = dates.month_from(anchor, month, tense)
        found, text = dates.nth_weekday(year, month, weekday, nth), lead
    else:
        year = _some_year(rng, anchor, tense)
        found, text = dates.nth_weekday(year, month, weekday, nth), f"{lead} {year}"
    return None if found is None else _day("nth_weekday", text, found, "on ")


def _edge_day(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """`the last day of March 2012`, `the first day of next year`."""
    first = rng.random() < 0.5
    edge = "first" if first else "last"
    step = 1 if tense == "future" else -1
    pattern = rng.randrange(3)
    if pattern == 0:
        year, month = dates.shift_months(anchor.year, anchor.month, step)
        name = "next month" if step > 0 else "last month"
    elif pattern == 1:
        year, month = _some_year(rng, anchor, tense), rng.randint(1, 12)
        name = f"{MONTHS[month - 1]} {year}"
    else:
        year = _some_year(rng, anchor, tense)
        month, name = (1 if first else 12), str(year)
    day = date(year, month, 1) if first else date(*dates.shift_months(year, month, 1), 1) - timedelta(days=1)
    return _day("edge_day", f"the {edge} day of {name}", day, "on ")


# --------------------------------------------------------------------------- holidays


def _holiday(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """A holiday by itself, with `last` or `next` where the readings agree, or with its year."""
    name = rng.choice(_LISTS["holidays"])
    rule = HOLIDAYS[name]
    lead = "at " if name in ("Christmas", "Easter", "Thanksgiving") and rng.random() < 0.5 else "on "
    day = dates.occurrence(anchor, rule, tense)
    style = rng.random()
    if style < 0.35 or name.startswith("the "):
        year = _some_year(rng, anchor, tense)
        dated = rule(year)
        joint = rng.choice((" ", " ", " of ", ", ")) if name.startswith("the ") else " "
        return None if dated is None else _day("holiday_year", f"{name}{joint}{year}", dated, lead)
    if day is None or day == anchor:
        return None
    if style < 0.6 and (day.year != anchor.year):
        which = "last" if tense == "past" else "next"
        return _day("holiday_near", f"{which} {name}", day, own=True)
    if abs((day - anchor).days) > 250:
        return None
    return _day("holiday", name, day, lead)


# --------------------------------------------------------------------------- months


def _near_month(rng: Random, anchor: date, tense: Direction, most: int = 9) -> tuple[int, int]:
    months = rng.randint(1, most)
    return dates.shift_months(anchor.year, anchor.month, months if tense == "future" else -months)


def _month(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """`July`, `early July`: the nearest in the sentence's direction, never the anchor's own."""
    year, month = _near_month(rng, anchor, tense)
    phase = rng.choice((*_LISTS["phases"], "the middle of ")) if rng.random() < 0.3 else ""
    lead = "at " if phase.startswith(("the end", "the beg", "the start")) else "in "
    if not phase and rng.random() < 0.15:
        lead = "back in " if tense == "past" else "some time in "
    name = MONTHS[month - 1] if phase or rng.random() < 0.93 else SHORT_MONTHS[month - 1]
    form = "month_phase" if phase else "month"
    return Phrase(form, phase + name, dates.month_value(year, month), lead, possessive=not phase)


def _last_month_name(rng: Random, anchor: date, tense: Direction) -> Phrase | None:
    """`last July`, `next May`, where the nearest one and the neighbour year's agree; `this June`."""
    style = rng.random()
    if style < 0.2:
        month = rng.randint(1, 12)
        if month == anchor.month or (month > anchor.month) != (tense == "future"):
            return None
        return Phrase("this_month_name", f"this {MONTHS[month - 1]}", dates.month_value(anchor.year, month))
    months = range(anchor.month + 1, 13) if tense == "past" else range(1, anchor.month)
    if not months:
        return None
    month = rng.choice(months)
    which, year = ("last", anchor.year - 1) if tense == "past" else ("next", anchor.year + 1)
    if style < 0.4:
        text = f"{MONTHS[month - 1]} {rng.choice(('of ', ''))}{which} year"
        return Phrase("month_of_year", text, dates.month_value(year, month), "in ")
    return Phrase(
        f"{which}_month_name", f"{which} {MONTHS[month - 1]}", dates.month_value(year, month), possessive=True
    )


def _month_year(rng: Random, anchor: date, tense: Direction) -> Phrase:
    day = _far_day(rng, anchor, tense)
    phase = rng.choice(_LISTS["phases"]) if rng.random() < 0.2 else ""
    name = MONTHS[day.month - 1] if phase else _month_name(rng, day.month)
    joint = rng.choice((" ", " ", " ", ", ", " of "))
    lead = "at " if phase.startswith("the ") else "in "
    form = "month_year_phase" if phase else "month_year"
    return Phrase(form, f"{phase}{name}{joint}{day.year}", dates.month_value(day.year, day.month), lead)


def _numeric_month(rng: Random, anchor: date, tense: Direction) -> Phrase:
    day = _far_day(rng, anchor, tense)
    text = rng.choice(
        (f"{day.month:02d}/{day.year}", f"{day.month}/{day.year}", f"{day.year}-{day.month:02d}")
    )
    return Phrase("numeric_month", text, dates.month_value(day.year, day.month), "in ")


def _calendar(rng: Random, unit: str, tense: Direction) -> tuple[str, int]:
    """An expression, and how many units from the anchor's it lies."""
    text, step = rng.choice(_TABLES[unit, tense])
    return text, int(step)


def _calendar_month(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """`last month`, `later this month`, `early next month`, `the end of the month`."""
    text, step = _calendar(rng, "month", tense)
    value = dates.month_value(*dates.shift_months(anchor.year, anchor.month, step))
    nominal = not text.startswith(("earlier", "later", "early", "late "))
    lead = "at " if text.startswith(("the end", "the start", "the beg")) else ""
    return Phrase("calendar_month", text, value, lead, nominal, text in ("last month", "next month"))


# --------------------------------------------------------------------------- years


def _some_year(rng: Random, anchor: date, tense: Direction) -> int:
    """A year that is not the anchor's: mostly near, sometimes generations away."""
    if tense == "future":
        return anchor.year + min(1 + int(rng.expovariate(1 / 3)), 40)
    years = 1 + int(rng.expovariate(1 / 4)) if rng.random() < 0.75 else rng.randint(1, 60)
    return anchor.year - min(years, 90)


def _year(rng: Random, anchor: date, tense: Direction) -> Phrase:
    year = _some_year(rng, anchor, tense)
    if tense == "past" and rng.random() < 0.08:
        year = rng.randint(1600, 1950)
    style = rng.random()
    value = dates.year_value(year)
    if style < 0.72:
        return Phrase("year", str(year), value, "in ", possessive=True)
    if style < 0.76:
        return Phrase("year", f"the year {year}", value, "in ")
    phase = rng.choice(_LISTS["phases"])
    return Phrase("year_phase", f"{phase}{year}", value, "at " if phase.startswith("the ") else "in ")


def _calendar_year(rng: Random, anchor: date, tense: Direction) -> Phrase:
    text, step = _calendar(rng, "year", tense)
    nominal = not text.startswith(("earlier", "later", "early", "late "))
    lead = "at " if text.startswith(("the end", "the start")) else ""
    own = text in ("last year", "next year", "this year")
    return Phrase("calendar_year", text, dates.year_value(anchor.year + step), lead, nominal, own)


# --------------------------------------------------------------------------- the mixture

_WEIGHTS: dict[Form, int] = {
    _today: 7,
    _yesterday: 8,
    _two_days: 1,
    _away: 9,
    _from_day: 1,
    _weekday: 7,
    _near_weekday: 2,
    _this_weekday: 2,
    _weekday_of_week: 1,
    _full_date: 9,
    _numeric_date: 3,
    _month_day: 9,
    _weekday_date: 3,
    _day_number: 2,
    _day_of_month: 1,
    _nth_weekday: 1,
    _edge_day: 1,
    _holiday: 5,
    _month: 10,
    _last_month_name: 4,
    _month_year: 7,
    _numeric_month: 1,
    _calendar_month: 6,
    _year: 12,
    _calendar_year: 9,
}
_FORMS = [form for form, weight in _WEIGHTS.items() for _ in range(weight)]


def dated(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """Any form that has something to say here."""
    while True:
        phrase = rng.choice(_FORMS)(rng, anchor, tense)
        if phrase is not None:
            return phrase


def dated_nominal(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """One that can follow `since`, `until`, `by`, `moved to`."""
    while not (phrase := dated(rng, anchor, tense)).nominal:
        pass
    return phrase


def dated_possessive(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """One that can take 's before a noun."""
    while not (phrase := dated(rng, anchor, tense)).possessive:
        pass
    return phrase


def dated_year(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """A bare year, as in `the 2012 election`."""
    year = _some_year(rng, anchor, tense)
    return Phrase("year_before_noun", str(year), dates.year_value(year))
