"""Reads one English expression against an anchor date: the calendar semantics of `dates`, driven by text.

The embedded teacher, whose labels come before their words, does not need it; here the same semantics are held
against what real annotators wrote, and tests read back with it what was written.
Conventions where usage is divided: a week, a season, a quarter and a decade have no value; `two weeks ago`
is that day, `two months ago` that month, `two years ago` that year; `last Friday` and `next July` are the
nearest ones; 03/04/2013 is month first; `a year earlier` hangs on another event and is undated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from p2m.teachers.domains.temporal import dates
from p2m.teachers.domains.temporal.dates import Direction, Rule
from p2m.teachers.domains.temporal.holidays import HOLIDAYS
from p2m.teachers.domains.temporal.numerals import CARDINAL_WORDS, ORDINAL_WORDS
from p2m.word_lists import WordLists

_SPOKEN = {word.replace("-", " "): value for word, value in CARDINAL_WORDS.items()} | CARDINAL_WORDS
_SPOKEN_ORDINALS = {word.replace("-", " "): value for word, value in ORDINAL_WORDS.items()} | ORDINAL_WORDS


def _any_of(words: dict[str, int]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


NUMBER = rf"(?:\d{{1,4}}|an?|{_any_of(_SPOKEN)})"
ORDINAL = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?|{_any_of(_SPOKEN_ORDINALS)})"
MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    r"(?:jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)\b\.?|(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)(?=\d))"
)
WEEKDAY = (
    r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|"
    r"(?:mon|tues|tue|wed|thurs|thur|thu|fri|sat|sun)\b\.?)"
)
_TWO_DIGITS = {word: value for word, value in _SPOKEN.items() if value > 9}
_YEAR_WORDS = re.compile(
    rf"\b(?:(?P<century>nineteen|eighteen|seventeen|twenty) (?P<rest>{_any_of(_TWO_DIGITS)})|"
    rf"two thousand(?: and)?(?: (?P<units>{_any_of(_SPOKEN)}))?)\b"
)
_KEYS: dict[str, Rule] = {}
FIRST_YEAR, LAST_YEAR = 1000, 2999  # years that are written with four digits and read as years
YEAR = r"(?:1\d|2\d)\d\d"
_PART = r"(?:early |late |mid[- ]?)?(?:morning|afternoon|evening|night|lunchtime|lunch|midnight|noon|am|pm)"
_LAST = r"(?:last|previous|this past|past|this last)"
_NEXT = r"(?:next|this coming|this upcoming|upcoming|coming|following)"
_PHASE = (
    r"(?:early|earlier|late|later|mid|the middle of|middle of|halfway through|"
    r"(?:the )?(?:very )?(?:end|start|beginning|close|turn|top|tail end)(?: of)?)\b"
)
_ABOUT = (
    r"(?:about|around|nearly|almost|exactly|roughly|just over|over|more than|just|some|approximately|only) "
)
_LEAD = r"(?:on|in|at|by|around|about|circa|back in|back on|of|for|approximately) "
_AHEAD = 120  # days that an expression without year and tense may look ahead
_CLOCK = (
    r"(?:(?:at |@ ?|by |around |about |for )*"
    r"(?:\d{1,2}h(?:\d\d)?|\d{1,2}(?= (?:tonight|tomorrow|this evening|this morning))|"
    r"\d{1,2}(?:[:.]\d\d){1,2} ?(?:[ap]\.? ?m?\b\.?)?|\d{1,2} ?(?:[ap]\.? ?m\b\.?|[ap]\b\.?)|"
    r"\d{1,2} ?o'clock|(?:at |@ )\d{1,2}|noon|midnight|midday|"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) ?"
    r"(?:[ap]\.? ?m\b\.?|o'clock|(?=tonight|this evening)))"
    r"(?:ish)?(?: \(?(?:est|edt|cst|pst|pdt|gmt|utc|et|pt|bst|ist|sharp)\b\)?)?)"
)


@dataclass(frozen=True, slots=True)
class _View:
    """From where an expression is looked at."""

    anchor: date
    direction: Direction | None


def resolve(expression: str, anchor: date, direction: Direction | None = None) -> str | None:
    """The value of `expression` (YYYY, YYYY-MM or YYYY-MM-DD) seen from `anchor`; None where it has none.

    `direction` is the way the sentence looks, for expressions that leave their year or week open; where it is
    not known, a month or day without a year is the coming one if that is at most four months off, else the
    past one, and a weekday is the past one.
    """
    if not FIRST_YEAR < anchor.year < LAST_YEAR:
        return None  # near the calendar's ends, neighbours may not exist
    text = _normal(expression)
    view = _View(anchor, direction)
    found = _whole(text, view)
    if found is None:
        bare = re.sub(rf",? ?(?<![\w/]){_CLOCK}(?![\w/])(?:[, ]*(?:on )?)", " ", text).strip(" ,")
        if bare != text and bare:
            value = _whole(bare, view)
            found = value if value and len(value) == 10 else None
    return found


def _normal(text: str) -> str:
    """Lower case, plain quotes, single blanks, years in digits."""
    text = text.lower().replace("’", "'").replace("–", "-")
    text = re.sub(r"\s+", " ", text).strip(" ,;:!?")
    text = re.sub(r" ,", ",", text)
    return digits_for_years(text)


def _whole(text: str, view: _View) -> str | None:
    """The first rule that reads the whole text; prepositions in front are peeled where none does."""
    for pattern, rule in _RULES:
        match = pattern.fullmatch(text)
        if match and (value := rule(match, view)):
            return value
    peeled = re.match(_LEAD, text)
    return _whole(text[peeled.end() :], view) if peeled else None


def _day(text: str, view: _View) -> date | None:
    value = _whole(text, view)
    return date.fromisoformat(value) if value and len(value) == 10 else None


def _iso(day: date | None) -> str | None:
    return None if day is None else dates.day_value(day)


# --------------------------------------------------------------------------- deictic days and distances


def _deictic(days: int) -> Callable[[re.Match[str], _View], str | None]:
    return lambda _match, view: _iso(_shift_days(view.anchor, days))


def _moved(anchor: date, number: int, unit: str) -> str | None:
    """The value `number` units away (negative: back): days and weeks to the day, months and years as such."""
    if unit in ("day", "week", "fortnight"):
        return _iso(_shift_days(anchor, number * {"day": 1, "week": 7, "fortnight": 14}[unit]))
    if unit == "month":
        year, month = dates.shift_months(anchor.year, anchor.month, number)
        return dates.month_value(year, month) if FIRST_YEAR <= year <= LAST_YEAR else None
    year = anchor.year + number
    return dates.year_value(year) if FIRST_YEAR <= year <= LAST_YEAR else None


def _ago(match: re.Match[str], view: _View) -> str | None:
    return _moved(view.anchor, -number_of(match["n"]), match["unit"])


def _ahead(match: re.Match[str], view: _View) -> str | None:
    return _moved(view.anchor, number_of(match["n"]), match["unit"])


def _distance(match: re.Match[str], view: _View) -> str | None:
    """`three weeks from tomorrow`, `a year ago today`: exact to the day."""
    start = _day(match["start"], view)
    sign = -1 if match["way"] in ("before", "ago") else 1
    if start is None:
        return None
    number = sign * number_of(match["n"])
    if match["unit"] in ("day", "week", "fortnight"):
        return _moved(start, number, match["unit"])
    months = number * (12 if match["unit"] == "year" else 1)
    return _iso(dates.make_day(*dates.shift_months(start.year, start.month, months), start.day))


def _relative_period(which: str) -> Callable[[re.Match[str], _View], str | None]:
    step = {"last": -1, "next": 1, "this": 0, "before last": -2, "after next": 2}[which]
    return lambda match, view: _moved(view.anchor, step, {"yr": "year"}.get(match["unit"], match["unit"]))


def _phase(match: re.Match[str], view: _View) -> str | None:
    """`late last month`, `the end of 2011`: as coarse as what it is a phase of, whose name must be a span."""
    return _whole(match["of"], view)


def _year_end(match: re.Match[str], view: _View) -> str | None:
    """`year-end`, `end of month`, `EOY`; never the bare word."""
    if match.group().removeprefix("the ") in ("year", "month"):
        return None
    return _moved(view.anchor, 0, {"y": "year", "m": "month"}[match["unit"][0]])


# --------------------------------------------------------------------------- weekdays


def _weekday(match: re.Match[str], view: _View) -> str | None:
    number = weekday_of(match["wd"])
    if view.direction != "future" and view.anchor.weekday() == number:
        return _iso(view.anchor)  # news of the day names the day
    return _iso(dates.weekday_from(view.anchor, number, view.direction or "past"))


def _weekday_towards(direction: Direction) -> Callable[[re.Match[str], _View], str | None]:
    return lambda match, view: _iso(dates.weekday_from(view.anchor, weekday_of(match["wd"]), direction))


def _this_weekday(match: re.Match[str], view: _View) -> str | None:
    return _iso(dates.weekday_of_week(view.anchor, weekday_of(match["wd"]), 0))


def _weekday_of_week(match: re.Match[str], view: _View) -> str | None:
    weeks = {"l": -1, "p": -1, "n": 1, "f": 1, "c": 1}.get(match["which"][0], 0)
    weeks = 0 if match["which"] == "current" else weeks
    return _iso(dates.weekday_of_week(view.anchor, weekday_of(match["wd"]), weeks))


def _weekday_and_number(match: re.Match[str], view: _View) -> str | None:
    """`Tuesday the 19th`: the nearest month in which the two agree, the sentence's direction first."""
    weekday, number = weekday_of(match["wd"]), ordinal_of(match["day"])
    ahead = 1 if view.direction == "future" else -1
    for months in (0, *(step * ahead for step in (1, -1, 2, -2, 3, 4, 5, 6, 7, 8, 9, 10, 11))):
        year, month = dates.shift_months(view.anchor.year, view.anchor.month, months)
        found = dates.make_day(year, month, number)
        if found is not None and found.weekday() == weekday:
            return _iso(found)
    return None


# --------------------------------------------------------------------------- what comes every year


def _annual(text: str) -> int | Rule | None:
    """A month (1 to 12) or the rule of a day that comes every year; None where the text is neither."""
    text = re.sub(r"^the ", "", text.strip(" ,"))
    if re.fullmatch(MONTH, text):
        return month_of(text)
    for pattern in _MONTH_DAYS:
        if match := pattern.fullmatch(text):
            return _fixed(month_of(match["month"]), ordinal_of(match["day"]))
    if match := _NTH_WEEKDAY.fullmatch(text):
        nth = -1 if match["nth"] == "last" else ordinal_of(match["nth"])
        return _nth(month_of(match["month"]), weekday_of(match["wd"]), nth)
    if match := re.fullmatch(rf"(?P<edge>first|last) day of (?P<month>{MONTH})", text):
        return _edge(month_of(match["month"]), match["edge"])
    return holiday(text)


def _fixed(month: int, day: int) -> Rule:
    return lambda year: dates.make_day(year, month, day)


def _nth(month: int, weekday: int, nth: int) -> Rule:
    return lambda year: dates.nth_weekday(year, month, weekday, nth)


def _edge(month: int, edge: str) -> Rule:
    if edge == "first":
        return _fixed(month, 1)
    return lambda year: _shift_days(date(*dates.shift_months(year, month, 1), 1), -1)


_MONTH_DAYS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<month>{MONTH})[ -]?,? ?(?:the )?(?P<day>{ORDINAL})",
        rf"(?P<day>{ORDINAL})(?: day)?[ -]?(?:of )?(?P<month>{MONTH})",
    )
)
_NTH_WEEKDAY = re.compile(
    rf"(?P<nth>last|{ORDINAL}) (?P<wd>{WEEKDAY}),? (?:of|in) (?P<month>{MONTH})",
)


def _annual_in_year(match: re.Match[str], view: _View) -> str | None:
    text, year = match["core"], match["year"]
    return _in_year(_annual(text), _year(year, view))


def _in_year(core: int | Rule | None, year: int | None) -> str | None:
    if core is None or year is None:
        return None
    if isinstance(core, int):
        return dates.month_value(year, core)
    return _iso(core(year))


def _year(text: str, view: _View) -> int | None:
    """A year that is written out, shortened ('87) or relative (last year)."""
    text = text.strip(" ,")
    if re.fullmatch(YEAR, text):
        return int(text)
    if re.fullmatch(r"'?\d\d", text):
        return full_year(int(text.lstrip("'")), view.anchor)
    step = {"l": -1, "t": 0, "n": 1}.get(text.removeprefix("the ")[:1])
    return None if step is None else view.anchor.year + step


def full_year(two_digits: int, anchor: date) -> int:
    """The year meant by two digits: of the hundred years up to thirty ahead of the anchor."""
    latest = anchor.year + 30
    return latest - (latest - two_digits) % 100


def _annual_open(match: re.Match[str], view: _View) -> str | None:
    """`July`, `March 5`, `Christmas`: the nearest in the sentence's direction."""
    core = _annual(match.group()) or _annual(match["core"])
    if core is None:
        return None
    if isinstance(core, int):
        return dates.month_value(*_month_near(view, core))
    return _iso(_day_near(view, core))


def _month_near(view: _View, month: int) -> tuple[int, int]:
    if view.direction:
        return dates.month_from(view.anchor, month, view.direction)
    ahead = (month - view.anchor.month) % 12
    return dates.month_from(view.anchor, month, "future" if ahead <= _AHEAD // 30 else "past")


def _day_near(view: _View, rule: Rule) -> date | None:
    if view.direction:
        return dates.occurrence(view.anchor, rule, view.direction)
    past, future = (dates.occurrence(view.anchor, rule, way) for way in ("past", "future"))
    if past is None or future is None:
        return past or future
    return future if (future - view.anchor).days <= _AHEAD else past


def _annual_towards(direction: Direction) -> Callable[[re.Match[str], _View], str | None]:
    """`last July`, `next Easter`: the nearest one that is not of the anchor itself."""
    step = 1 if direction == "future" else -1

    def rule(match: re.Match[str], view: _View) -> str | None:
        core = _annual(match["core"])
        if core is None:
            return None
        if isinstance(core, int):
            start = dates.shift_months(view.anchor.year, view.anchor.month, step)
            return dates.month_value(*dates.month_from(date(*start, 1), core, direction))
        start_day = _shift_days(view.anchor, step)
        return None if start_day is None else _iso(dates.occurrence(start_day, core, direction))

    return rule


def _annual_this(match: re.Match[str], view: _View) -> str | None:
    return _in_year(_annual(match["core"]), view.anchor.year)


def _with_weekday(match: re.Match[str], view: _View) -> str | None:
    """`Friday, March 22`: the rest says the day; where it leaves the year open, the weekday must agree."""
    rest, weekday = match["core"], weekday_of(match["wd"])
    core = _annual(rest)
    if core is None or isinstance(core, int):
        day = _day(rest, view)
        return _iso(day) if re.search(r"\d", rest) or match["sep"] == "," else None
    near = [core(view.anchor.year + step) for step in (0, 1, -1)]
    agreeing = [day for day in near if day is not None and day.weekday() == weekday]
    if agreeing:
        return _iso(min(agreeing, key=lambda day: abs((day - view.anchor).days)))
    return _iso(_day_near(view, core))


# --------------------------------------------------------------------------- numbers


def _ymd(match: re.Match[str], view: _View) -> str | None:
    return _iso(dates.make_day(int(match["y"]), int(match["m"]), int(match["d"])))


def _numeric(match: re.Match[str], view: _View) -> str | None:
    """Month first, unless that is no date or the separator is a point."""
    a, b = int(match["a"]), int(match["b"])
    year = int(match["y"]) if len(match["y"]) == 4 else full_year(int(match["y"]), view.anchor)
    first, second = ((b, a), (a, b)) if match["sep"] == "." else ((a, b), (b, a))
    return _iso(dates.make_day(year, *first) or dates.make_day(year, *second))


def _numeric_open(match: re.Match[str], view: _View) -> str | None:
    if match.group() == "24/7":
        return None  # all the time, not the 24th of July
    a, b = int(match["a"]), int(match["b"])
    for month, day in ((a, b), (b, a)):
        if dates.make_day(2000, month, day):
            return _iso(_day_near(view, _fixed(month, day)))
    return None


def _month_digits(match: re.Match[str], view: _View) -> str | None:
    month = int(match["m"])
    return dates.month_value(int(match["y"]), month) if 1 <= month <= 12 else None


def _named_full(match: re.Match[str], view: _View) -> str | None:
    return _in_year(_fixed(month_of(match["month"]), ordinal_of(match["d"])), int(match["y"]))


def _of_month(match: re.Match[str], view: _View) -> str | None:
    """`the 5th of last month`."""
    step = {"l": -1, "p": -1, "n": 1}.get(match["which"][0], 0)
    year, month = dates.shift_months(view.anchor.year, view.anchor.month, step)
    return _iso(dates.make_day(year, month, ordinal_of(match["day"])))


def _open_day(match: re.Match[str], view: _View) -> str | None:
    number = ordinal_of(match["day"])
    if view.direction:
        return _iso(dates.day_of_month(view.anchor, number, view.direction))
    return _iso(dates.make_day(view.anchor.year, view.anchor.month, number))


def _part_of(match: re.Match[str], view: _View) -> str | None:
    return _iso(_day(match["day"], view))


def _weekdays_away(match: re.Match[str], view: _View) -> str | None:
    """`two Sundays from now`."""
    way: Direction = "future" if match["way"] == "from now" else "past"
    first = dates.weekday_from(view.anchor, weekday_of(match["wd"]), way)
    weeks = (number_of(match["n"]) - 1) * (1 if way == "future" else -1)
    return _iso(_shift_days(first, 7 * weeks))


def _nth_weekday_of_month(match: re.Match[str], view: _View) -> str | None:
    step = {"l": -1, "n": 1}.get(match["which"][0], 0)
    year, month = dates.shift_months(view.anchor.year, view.anchor.month, step)
    nth = -1 if match["nth"] == "last" else ordinal_of(match["nth"])
    return _iso(dates.nth_weekday(year, month, weekday_of(match["wd"]), nth))


def _edge_of_month(match: re.Match[str], view: _View) -> str | None:
    step = {"l": -1, "n": 1}.get(match["which"][0], 0)
    rule = _edge(dates.shift_months(view.anchor.year, view.anchor.month, step)[1], match["edge"])
    return _iso(rule(dates.shift_months(view.anchor.year, view.anchor.month, step)[0]))


def _edge_of_year(match: re.Match[str], view: _View) -> str | None:
    year = _year(match["year"], view)
    if year is None:
        return None
    return _iso(date(year, 1, 1) if match["edge"] == "first" else date(year, 12, 31))


# --------------------------------------------------------------------------- the rules, first match wins

_WHICH = "last|previous|past|next|following|coming|this|current"
_UNIT = r"(?P<unit>day|week|fortnight|month|year)s?"
_YEARISH = rf"(?:{YEAR}|'\d\d|(?:last|this|next|the current|the) (?:year|yr))"
_CORE = r"(?P<core>(?:the )?[a-z0-9][\w' .,-]*?)"

_TABLE: tuple[tuple[str, Callable[[re.Match[str], _View], str | None]], ...] = (
    (rf"(?:earlier |later |late |early )?(?:today|tonite|tonight)(?:'s)?(?: {_PART})?", _deictic(0)),
    (rf"this (?:very )?(?:{_PART}|day)|the (?:end of the day|eod)|eod|end of (?:the )?day", _deictic(0)),
    (r"last night", _deictic(-1)),
    (rf"(?:late |early |earlier |later )?yesterday(?:'s)?(?:,? (?:in the |at )?{_PART})?", _deictic(-1)),
    (rf"(?:late |early )?(?:tomorrow|tmrw|tomorrows)(?:'s)?(?:,? (?:in the |at )?{_PART})?", _deictic(1)),
    (rf"(?:the )?day before yesterday(?: {_PART})?", _deictic(-2)),
    (rf"(?:the )?day after tomorrow(?: {_PART})?", _deictic(2)),
    (rf"(?:{_ABOUT})?(?P<n>{NUMBER}) {_UNIT} (?:ago|back)", _ago),
    (rf"(?:{_ABOUT})?(?P<n>{NUMBER}) {_UNIT} (?:from now|hence)", _ahead),
    (rf"in (?:{_ABOUT})?(?P<n>{NUMBER}) (?:more )?{_UNIT}(?:'s? time)?", _ahead),
    (rf"(?P<n>{NUMBER}) {_UNIT} (?P<way>from|after|before|ago) (?P<start>.+)", _distance),
    (r"(?:the )?(?:last|previous|past) (?P<unit>month|year|yr)", _relative_period("last")),
    (r"(?:the )?(?:next|coming|upcoming|following) (?P<unit>month|year|yr)", _relative_period("next")),
    (
        r"(?:this|the|the current|current|this very) (?:calendar )?(?P<unit>month|year|yr)",
        _relative_period("this"),
    ),
    (r"(?:the )?(?P<unit>month|year) before last", _relative_period("before last")),
    (r"(?:the )?(?P<unit>month|year) after next", _relative_period("after next")),
    (r"(?:the )?(?:end of )?(?P<unit>year|month)(?:[- ]?end|'s end)?", _year_end),
    (r"(?:the )?(?:eo|bo)(?P<unit>y|m)", _year_end),
    (r"(?:the )?(?P<edge>first|last) day of (?P<which>last|this|next|the) month", _edge_of_month),
    (rf"(?:the )?(?P<edge>first|last) day of (?P<year>{_YEARISH})", _edge_of_year),
    (rf"(?:{_PHASE})[- ]?(?:in )?(?P<of>.+)", _phase),
    (rf"(?:{_LAST}) (?P<wd>{WEEKDAY})(?: {_PART})?", _weekday_towards("past")),
    (rf"(?:{_NEXT}) (?P<wd>{WEEKDAY})(?: {_PART})?", _weekday_towards("future")),
    (rf"this (?P<wd>{WEEKDAY})(?: {_PART})?", _this_weekday),
    (rf"(?P<wd>{WEEKDAY})(?:'s)?(?:,? (?:in the |at )?{_PART})?", _weekday),
    (
        rf"(?P<wd>{WEEKDAY}),? (?:of |in )?(?:the )?(?P<which>{_WHICH}) week",
        _weekday_of_week,
    ),
    (rf"(?P<which>last|next|this) week,? (?:on )?(?P<wd>{WEEKDAY})", _weekday_of_week),
    (rf"(?P<wd>{WEEKDAY}),? (?:the )?(?P<day>{ORDINAL})", _weekday_and_number),
    (rf"(?P<y>{YEAR})[-/.](?P<m>\d\d?)[-/.](?P<d>\d\d?)", _ymd),
    (r"(?P<a>\d\d?)(?P<sep>[-/.])(?P<b>\d\d?)(?P=sep)(?P<y>\d{4}|\d\d)", _numeric),
    (r"(?P<a>\d\d?)[/-](?P<b>\d\d?)", _numeric_open),
    (rf"(?P<y>{YEAR})[-/](?P<m>\d\d?)", _month_digits),
    (rf"(?P<m>\d\d?)[-/](?P<y>{YEAR})", _month_digits),
    (rf"(?P<y>{YEAR})(?P<sep> ?)(?P<m>\d\d)(?P=sep)(?P<d>\d\d)", _ymd),
    (rf"{_PART} of (?P<day>.+)", _part_of),
    (rf"(?P<n>{NUMBER}) (?P<wd>{WEEKDAY})s (?P<way>from now|ago|back)", _weekdays_away),
    (
        rf"(?:the )?(?P<nth>last|{ORDINAL}) (?P<wd>{WEEKDAY}) (?:of|in) (?:the )?(?P<which>{_WHICH}) month",
        _nth_weekday_of_month,
    ),
    (rf"(?P<core>{MONTH} {ORDINAL}|{ORDINAL} {MONTH})(?P<sep>,) ?(?P<wd>{WEEKDAY})", _with_weekday),
    (rf"(?P<y>{YEAR})[-/ ](?P<month>{MONTH})[-/ ](?P<d>\d\d?)", _named_full),
    (rf"(?P<month>{MONTH})[-/](?P<d>\d\d?)[-/](?P<y>{YEAR})", _named_full),
    (rf"(?P<d>\d\d?)[-/](?P<month>{MONTH})[-/](?P<y>{YEAR})", _named_full),
    (
        rf"(?:the )?(?P<day>{ORDINAL})(?: day)? (?:of )?(?:the )?(?P<which>{_WHICH}) month",
        _of_month,
    ),
    (r"the (?P<day>\d\d?(?:st|nd|rd|th))", _open_day),
    (
        rf"{_CORE},?(?: ?,| of| in| -)? ?(?:the year )?(?P<year>{_YEARISH})",
        _annual_in_year,
    ),
    (rf"{_CORE} of (?P<year>\d\d)", _annual_in_year),
    (rf"(?P<year>{YEAR}),? (?P<core>{MONTH})", _annual_in_year),
    (rf"(?:{_LAST}) {_CORE}", _annual_towards("past")),
    (rf"(?:{_NEXT}) {_CORE}", _annual_towards("future")),
    (rf"this {_CORE}", _annual_this),
    (
        rf"(?:this |next |last |this coming |this past )?(?P<wd>{WEEKDAY})(?P<sep>,?) ?(?P<core>.+)",
        _with_weekday,
    ),
    (rf"{_CORE}(?:'s)?(?: (?:in the )?{_PART})?", _annual_open),
    (rf"(?:the )?(?:year |calendar year )?(?P<y>{YEAR})(?: ?a\.?d\.?)?", lambda match, _view: match["y"]),
)
_RULES = tuple((re.compile(pattern), rule) for pattern, rule in _TABLE)


# --------------------------------------------------------------------------- words


def number_of(text: str) -> int:
    """A cardinal in digits or words; `a` and `an` are one."""
    if text.isdigit():
        return int(text)
    return 1 if text in ("a", "an") else _SPOKEN[text]


def ordinal_of(text: str) -> int:
    """A day's number: 3, 3rd or third."""
    if text[0].isdigit():
        return int(re.sub(r"\D", "", text))
    return _SPOKEN_ORDINALS[text]


def month_of(text: str) -> int:
    """1 to 12, from a name or its abbreviation in lower case."""
    return next(
        index for index, name in enumerate(dates.MONTHS, 1) if name.lower().startswith(text.rstrip(".")[:3])
    )


def weekday_of(text: str) -> int:
    """0 (Monday) to 6, from a name or its abbreviation in lower case."""
    return next(
        index for index, name in enumerate(dates.WEEKDAYS) if name.lower().startswith(text.rstrip(".")[:3])
    )


def digits_for_years(text: str) -> str:
    """`nineteen ninety-six` and `two thousand ten` as 1996 and 2010, the rest as it is."""

    def digits(match: re.Match[str]) -> str:
        if match["century"]:
            return str(_SPOKEN[match["century"]] * 100 + _SPOKEN[match["rest"]])
        return str(2000 + (_SPOKEN[match["units"]] if match["units"] else 0))

    return _YEAR_WORDS.sub(digits, text)


def _holiday_key(text: str) -> str:
    """A name without what spelling varies in: marks, `the`, saint, the possessive s."""
    text = re.sub(r"[.'’,]", "", text.lower()).removeprefix("the ")
    text = re.sub(r"\bsaint\b", "st", text)
    return re.sub(r"\b(\w{3,})s (day|eve|night)\b", r"\1 \2", text)


def holiday(text: str) -> Rule | None:
    """The rule of a holiday called `text`, in any usual spelling; None for any other text."""
    if not _KEYS:
        others = WordLists(Path(__file__).with_name("holiday_names.txt")).pairs("other names")
        _KEYS.update({_holiday_key(name): rule for name, rule in HOLIDAYS.items()})
        _KEYS.update({_holiday_key(alias): HOLIDAYS[name] for alias, name in others.items()})
    return _KEYS.get(_holiday_key(text))


def _shift_days(anchor: date, days: int) -> date | None:
    """`days` later (earlier where negative); None beyond the calendar."""
    try:
        return anchor + timedelta(days=days)
    except OverflowError:
        return None
