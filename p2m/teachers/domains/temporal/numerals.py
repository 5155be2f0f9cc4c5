"""Numbers, ordinals, months and weekdays as English writes them, both ways: read and written."""

from __future__ import annotations

import re

from p2m.teachers.domains.temporal.dates import MONTHS, WEEKDAYS

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *(
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth"),
    *("eighteenth", "nineteenth", "twentieth"),
)

CARDINAL_WORDS: dict[str, int] = {word: value for value, word in enumerate(_UNITS)} | {
    ten if unit == 0 else f"{ten}-{_UNITS[unit]}": 20 + 10 * index + unit
    for index, ten in enumerate(_TENS)
    for unit in range(10)
}
ORDINAL_WORDS: dict[str, int] = {word: value for value, word in enumerate(_ORDINALS, 1)} | {
    "thirtieth": 30,
    **{f"twenty-{_ORDINALS[unit - 1]}": 20 + unit for unit in range(1, 10)},
    "thirty-first": 31,
}
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


def number(text: str) -> int:
    """A cardinal in digits or words; `a` and `an` are one."""
    if text.isdigit():
        return int(text)
    return 1 if text in ("a", "an") else _SPOKEN[text]


def ordinal(text: str) -> int:
    """A day's number: 3, 3rd or third."""
    if text[0].isdigit():
        return int(re.sub(r"\D", "", text))
    return _SPOKEN_ORDINALS[text]


def month_number(text: str) -> int:
    """1 to 12, from a name or its abbreviation in lower case."""
    return next(
        index for index, name in enumerate(MONTHS, 1) if name.lower().startswith(text.rstrip(".")[:3])
    )


def weekday_number(text: str) -> int:
    """0 (Monday) to 6, from a name or its abbreviation in lower case."""
    return next(index for index, name in enumerate(WEEKDAYS) if name.lower().startswith(text.rstrip(".")[:3]))


def digits_for_years(text: str) -> str:
    """`nineteen ninety-six` and `two thousand ten` as 1996 and 2010, the rest as it is."""

    def digits(match: re.Match[str]) -> str:
        if match["century"]:
            return str(_SPOKEN[match["century"]] * 100 + _SPOKEN[match["rest"]])
        return str(2000 + (_SPOKEN[match["units"]] if match["units"] else 0))

    return _YEAR_WORDS.sub(digits, text)


def cardinal_word(value: int) -> str:
    """1 to 99 in words."""
    return next(word for word, known in CARDINAL_WORDS.items() if known == value)


def ordinal_word(value: int) -> str:
    """1 to 31 in words."""
    return next(word for word, known in ORDINAL_WORDS.items() if known == value)


def ordinal_digits(value: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, ..."""
    suffix = "th" if 10 <= value % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{suffix}"
