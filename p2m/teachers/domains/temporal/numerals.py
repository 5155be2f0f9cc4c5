"""Numbers and ordinals as English writes them."""

from __future__ import annotations

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
