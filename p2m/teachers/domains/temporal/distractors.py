"""What looks temporal and has no date: vague times, durations, frequencies, names, amounts, titles.

`undated` gives adverbials that stand where an expression could; the sentence lists hold the rest. None of it
is ever listed in an output: a week, a season, a quarter or a decade has no value in the three formats, and
what hangs on another event (`two days later`, `the following year`) cannot be dated from the posting date.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

from p2m.teachers.domains.temporal.dates import MONTHS, WEEKDAYS, Direction
from p2m.teachers.domains.temporal.expressions import Phrase
from p2m.teachers.domains.temporal.numerals import cardinal_word
from p2m.word_lists import WordLists

_LISTS = WordLists(Path(__file__).with_name("distractors.txt"))
SENTENCES = _LISTS["sentences"]


def decade(rng: Random) -> str:
    """`1990s`, `'80s`, `nineties`: never a value."""
    ten = rng.randrange(2, 10) * 10
    century = 1800 if rng.random() < 0.2 else 1900
    return rng.choice((f"{century + ten}s", f"{century + ten}s", f"'{ten}s", rng.choice(_LISTS["decades"])))


def undated(rng: Random, anchor: date, tense: Direction) -> Phrase:
    """An adverbial without a date, for the place where an expression could stand."""
    del anchor  # nothing here depends on it: that is the point
    kind = rng.random()
    past = tense == "past"
    if kind < 0.55:
        return Phrase("vague", rng.choice(_LISTS["past" if past else "future"]), None, nominal=False)
    if kind < 0.8:
        number = rng.randint(2, 12)
        unit = rng.choice(("day", "week", "month", "year", "hour"))
        word = cardinal_word(number) if rng.random() < 0.6 else str(number)
        pattern = rng.choice(_LISTS["durations" if past else "durations ahead"])
        text = rng.choice(_LISTS["whole"]) if rng.random() < 0.15 else pattern.format(n=word, unit=unit)
        return Phrase("duration", text, None, nominal=False)
    if kind < 0.92:
        text = rng.choice(_LISTS["often"]).format(
            weekday=rng.choice(WEEKDAYS), month=rng.choice(MONTHS), count=rng.randint(2, 9)
        )
        return Phrase("frequency", text, None, nominal=False)
    if past:
        phase = rng.choice(("", "", "early ", "late ", "mid-"))
        return Phrase("decade", f"in the {phase}{decade(rng)}", None, nominal=False)
    return Phrase("clock", f"at {clock(rng)}", None, nominal=False)


def clock(rng: Random) -> str:
    """A time of day alone."""
    hour, minute = rng.randint(1, 12), rng.choice((0, 15, 30, 45))
    half = rng.choice(("am", "pm", " a.m.", " p.m.", " AM", " PM"))
    return rng.choice(
        (f"{hour}{half}", f"{hour}:{minute:02d}{half}", f"{hour + 11}:{minute:02d}", f"{hour} o'clock")
    )


def name(rng: Random) -> str:
    """A person called like a month, a weekday or a season; {first} and {last} are still open."""
    return rng.choice(_LISTS["name"])


def slots(rng: Random, slot: str, anchor: date) -> str | None:
    """What fills the slots that only the sentences of this module have; None for a slot that is not ours."""
    if slot == "number":
        near = anchor.year + rng.randint(-30, 20)
        return rng.choice(
            (str(near), str(near), f"{near:,}", str(rng.randint(1000, 2999)), f"{rng.randint(1000, 9999):,}")
        )
    if slot in _NUMBERS:
        return str(rng.randint(*_NUMBERS[slot]))
    if slot in _CHOICES:
        return rng.choice(_CHOICES[slot])
    return (
        {"name": name, "decade": decade, "clock": clock}[slot](rng)
        if slot in ("name", "decade", "clock")
        else None
    )


_NUMBERS = {"tiny": (2, 9), "tiny2": (0, 8), "small": (10, 60), "age": (16, 95)}
_CHOICES = {
    **{slot: _LISTS[slot] for slot in ("title", "product", "tens", "century")},
    "weekday": WEEKDAYS,
    "month": MONTHS,
}
