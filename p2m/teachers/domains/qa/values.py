# ruff: noqa: E501  (choices of words read better on one line)
"""Typed values that fill the slots of a frame: each sampler draws one, with the forms it can be spoken of in.

A sampler's name is the type a frame file gives a slot; every class of the lexicon is a sampler too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random

from p2m.teachers.domains.qa import names
from p2m.teachers.domains.qa.lexicon import choices, classes

ONES = choices()["ones"]
TENS = choices()["tens"]
ORDINALS = choices()["ordinals"]


@dataclass(frozen=True, slots=True)
class Value:
    """What fills a slot: its surface, and named parts or other forms of it (`year` of a date, `short` of a name)."""

    text: str
    forms: dict[str, str] = field(default_factory=dict)

    def form(self, name: str) -> str:
        """The form called `name`, the surface itself where there is none."""
        return self.forms.get(name, self.text)


class Draw(Random):
    """A source of random draws that remembers the time a passage plays in, so that its years agree roughly."""

    era: int | None = None

    def choose_era(self) -> None:
        """Choose a time for the next passage."""
        draw = self.random()
        if draw < 0.12:
            self.era = self.randint(900, 1599)
        else:
            self.era = self.randint(1600, 1899) if draw < 0.4 else self.randint(1900, 2012)


Sampler = Callable[[Random], Value]
_SAMPLERS: dict[str, Sampler] = {}


def sampler(name: str) -> Callable[[Callable[[Random], str | Value]], Callable[[Random], str | Value]]:
    """Register a function under the type name that frame files use."""

    def register(function: Callable[[Random], str | Value]) -> Callable[[Random], str | Value]:
        def draw(rng: Random) -> Value:
            value = function(rng)
            return value if isinstance(value, Value) else Value(value)

        _SAMPLERS[name] = draw
        return function

    return register


@cache
def find(name: str) -> Sampler:
    """The sampler of a type.

    Raises:
        KeyError: neither a sampler nor a class of the lexicon has that name.
    """
    if name in _SAMPLERS:
        return _SAMPLERS[name]
    words = classes()[name]
    return lambda rng: Value(rng.choice(words))


def number_in_words(number: int) -> str:
    """A number below one hundred in words."""
    if number < 20:
        return ONES[number]
    tens, ones = divmod(number, 10)
    return TENS[tens] + (f"-{ONES[ones]}" if ones else "")


def ordinal(number: int) -> str:
    """1 -> "first", 21 -> "21st"."""
    if number <= len(ORDINALS):
        return ORDINALS[number - 1]
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def magnitude(rng: Random, low: int, high: int) -> int:
    """A number whose order of magnitude is even between those of the bounds, rounded as people round."""
    import math

    number = round(math.exp(rng.uniform(math.log(low), math.log(high))))
    digits = len(str(number))
    keep = rng.choice((1, 2, 2, 3, digits, digits))
    return max(low, round(number, -(digits - keep))) if keep < digits else number


def _year(rng: Random) -> int:
    draw = rng.random()
    era = getattr(rng, "era", None)
    if era is not None and draw < 0.9:
        return min(2019, int(era) + rng.randint(-35, 35))
    draw = rng.random()
    if draw < 0.1:
        return rng.randint(1000, 1599)
    return rng.randint(1600, 1899) if draw < 0.4 else rng.randint(1900, 2019)


for _name, _function in {
    "town": names.town, "city": names.city, "realm": names.realm, "people": names.people, "latin": names.latin,
    "brand": names.brand, "title": names.title, "surname": names.surname,
}.items():  # fmt: skip
    sampler(_name)(_function)


@sampler("year")
def year(rng: Random) -> str:
    number = _year(rng)
    if rng.random() < 0.03:
        return f"{rng.randint(2, 900)} {rng.choice(('BC', 'AD', 'BCE', 'CE'))}"
    return str(number)


@sampler("date")
def date(rng: Random) -> Value:
    """A date of one of several shapes; its forms hold `year`, and `month` where it has one."""
    number, day, month = _year(rng), rng.randint(1, 28), rng.choice(classes()["month"])
    draw = rng.random()
    if draw < 0.35:
        text = f"{day} {month} {number}"
    elif draw < 0.75:
        text = f"{month} {day}, {number}"
    else:
        text = f"{month} {number}"
    return Value(text, {"year": str(number), "month": month})


@sampler("day")
def day(rng: Random) -> str:
    month = rng.choice(classes()["month"])
    return f"{rng.randint(1, 28)} {month}" if rng.random() < 0.5 else f"{month} {rng.randint(1, 28)}"


@sampler("decade")
def decade(rng: Random) -> str:
    return f"the {rng.choice(('', '', '', 'early ', 'late ', 'mid-'))}{_year(rng) // 10 * 10}s"


@sampler("century")
def century(rng: Random) -> str:
    number = rng.randint(2, 20)
    spoken = (
        ordinal(number)
        if rng.random() < 0.3
        else f"{number}{ordinal(number + 20)[-2:] if number > 12 else ''}"
    )
    if number <= 12:
        spoken = (
            ordinal(number)
            if rng.random() < 0.4
            else f"{number}{'nd' if number == 2 else 'rd' if number == 3 else 'th'}"
        )
    era = rng.choice(("", "", "", "early ", "late ", "mid-"))
    return f"the {era}{spoken} century" + (rng.choice((" BC", " AD")) if rng.random() < 0.08 else "")


@sampler("years")
def years(rng: Random) -> Value:
    """A stretch of years, as it follows "from"; its forms hold `first` and `last`."""
    first = _year(rng)
    last = first + rng.randint(1, 40)
    link = rng.choice((" to ", " to ", " until ", "–", "-"))
    return Value(f"{first}{link}{last}", {"first": str(first), "last": str(last)})


@sampler("span")
def span(rng: Random) -> str:
    unit, top = rng.choice(
        (
            ("years", 60),
            ("months", 18),
            ("weeks", 12),
            ("days", 40),
            ("hours", 48),
            ("minutes", 90),
            ("decades", 8),
            ("centuries", 9),
        )
    )
    number = rng.randint(2, top)
    head = rng.choice(("", "", "", "", "about ", "nearly ", "more than ", "over ", "almost "))
    return f"{head}{number_in_words(number) if number < 13 or rng.random() < 0.3 else number} {unit}"


@sampler("few")
def few(rng: Random) -> str:
    number = rng.choice((2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 24, 30, 40))
    return number_in_words(number) if number < 13 or rng.random() < 0.3 else str(number)


@sampler("count")
def count(rng: Random) -> str:
    """Dozens to millions, as encyclopaedias write them."""
    draw = rng.random()
    if draw < 0.25:
        text = str(rng.randint(13, 999))
    elif draw < 0.88:
        text = f"{magnitude(rng, 1000, 999_000):,}"
    else:
        text = f"{rng.choice((rng.randint(2, 900), round(rng.uniform(1, 90), 1)))} {rng.choice(('million', 'million', 'billion'))}"
    return rng.choice(choices()["about a count"]) + text


@sampler("percent")
def percent(rng: Random) -> str:
    return _percent(rng)


def _percent(rng: Random) -> str:
    number = rng.choice((f"{rng.randint(2, 98)}", f"{rng.uniform(0.5, 99):.1f}"))
    head = rng.choice(("", "", "", "", "about ", "over ", "more than ", "nearly ", "almost "))
    return f"{head}{number}{rng.choice(('%', '%', ' percent', ' per cent'))}"


@sampler("share")
def share(rng: Random) -> str:
    return rng.choice((*choices()["shares"], _percent(rng), _percent(rng)))


@sampler("money")
def money(rng: Random) -> str:
    sign = rng.choice(("$", "$", "$", "£", "€", "US$"))
    draw = rng.random()
    if draw < 0.5:
        return f"{sign}{rng.choice((rng.randint(2, 900), round(rng.uniform(1, 90), 1)))} {rng.choice(('million', 'million', 'billion'))}"
    if draw < 0.85:
        return f"{sign}{magnitude(rng, 100, 990_000):,}"
    return f"{magnitude(rng, 100, 90_000):,} {rng.choice(('francs', 'marks', 'pounds', 'florins', 'rupees', 'gold coins', 'dollars', 'lire'))}"


def _measure(rng: Random, low: int, high: int, *units: str) -> str:
    number = magnitude(rng, low, high)
    text = f"{number:,}" if number >= 1000 or rng.random() < 0.7 else f"{number + rng.random():.1f}"
    head = rng.choice(("", "", "", "", "about ", "nearly ", "over ", "up to ", "some "))
    return f"{head}{text} {rng.choice(units)}"


@sampler("distance")
def distance(rng: Random) -> str:
    return _measure(rng, 2, 3000, "km", "kilometres", "miles", "kilometers", "mi")


@sampler("height")
def height(rng: Random) -> str:
    return _measure(rng, 4, 4000, "metres", "m", "feet", "ft", "meters")


@sampler("size")
def size(rng: Random) -> str:
    return _measure(rng, 2, 300, "cm", "centimetres", "inches", "mm", "metres", "feet")


@sampler("area")
def area(rng: Random) -> str:
    return _measure(
        rng, 3, 400_000, "square kilometres", "square miles", "hectares", "acres", "km2", "square feet"
    )


@sampler("weight")
def weight(rng: Random) -> str:
    return _measure(rng, 2, 90_000, "kg", "kilograms", "tonnes", "pounds", "grams", "tons")


@sampler("temperature")
def temperature(rng: Random) -> str:
    return f"{rng.choice(('', '', '', '−'))}{rng.randint(1, 1800)} {rng.choice(('°C', '°F', 'degrees Celsius', 'degrees'))}"


@sampler("weather")
def weather(rng: Random) -> str:
    return f"{rng.choice(('', '', '−'))}{rng.randint(1, 44)} {rng.choice(('°C', '°F', 'degrees Celsius', 'degrees'))}"


@sampler("speed")
def speed(rng: Random) -> str:
    return _measure(rng, 5, 2500, "km/h", "mph", "miles per hour", "knots", "kilometres per hour")


@sampler("power")
def power(rng: Random) -> str:
    return _measure(
        rng, 2, 5000, "megawatts", "MW", "kilowatts", "horsepower", "watts", "volts", "MB", "GB", "megahertz"
    )


@sampler("ord")
def ord_(rng: Random) -> str:
    return ordinal(rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 23, 31, 44)))


@sampler("score")
def score(rng: Random) -> str:
    high = rng.randint(1, 40)
    return f"{high}{rng.choice(('–', '-', ' to '))}{rng.randint(0, high)}"
