"""Numbers as people write them: `4,5`, `1.234,50 €`, `12 kg`, `85 %`, `★★★★☆`, `4/5`, `4 out of 5 stars`.

One text alone may mean two numbers (`1,234`), and `900 g` beside `1 kg` are no numbers of one kind; so a
column is looked at as a whole, and a text that is written otherwise than the others is refused.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p2m.types import Scale

_STARS = re.compile(r"(?P<full>[★⭐✭✮]\ufe0f?)+(?P<half>½)?[☆✩✰]*")
_GLYPHS = re.compile(r"[★⭐✭✮]")
_ALL = re.compile(r"[★⭐✭✮☆✩✰]")
_DIGITS = r"[-+−]?(?:\d[\d.,'’ \u00a0\u202f]*\d|\d|[.,]\d+)(?:[eE][-+]?\d{1,3})?"
_OF = r"(?:/|out\s+of|of|von|sur|de|su|di|из|van|na|z)"
_SHARE = re.compile(rf"(?P<number>{_DIGITS})\s*{_OF}\s*(?P<of>\d+(?:[.,]0+)?)\s*(?P<unit>[^\W\d]*)\.?", re.I)
_PLAIN = re.compile(
    rf"(?P<before>[^\d\s.,+−-]{{0,4}})\s*(?P<number>{_DIGITS})\s*(?P<after>[^\d\s][^\d]{{0,19}})?"
)
_STAR_WORDS = re.compile(
    r"stars?|sterne?n?|sterren?|étoiles?|estrel\w+|stell[ae]|gwiazd\w*|зв[её]зд\w*|星|つ星|점"
)
_GROUPS = re.compile(r"[^\d.,]")
_MANY = 0.1  # share of the numbers of a column, from which a unit is no slip of the pen
_MOST_STEPS = 20  # from the lowest to the highest number of a scale that rows show


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the numbers of one column are written."""

    decimal: str = "."
    unit: str = ""  # folded; "" where there is none
    of: float = 0.0  # the 5 of `4/5` and of five stars; 0 where there is none


@dataclass(frozen=True, slots=True)
class _Written:
    """One text taken apart."""

    digits: str  # or stars as a number
    unit: str
    of: float


def read_written(text: str, style: NumberStyle | None = None) -> float:
    """The number of a text that is written in a style; of none, as a text alone tells.

    Raises:
        ValueError: it is no number, or is written in another way than the style says.
    """
    style = style or style_of([text])
    found = _apart(text)
    if found is None:
        raise ValueError(f"{text.strip()[:60]!r} is no number")
    if (found.unit, found.of) != (style.unit, style.of):
        other = _said(style.unit, style.of)
        raise ValueError(
            f"{text.strip()[:60]!r} has {_said(found.unit, found.of)}, and other rows have {other}"
        )
    value = _value(found.digits, style.decimal)
    if value is None:
        mark = {".": "a decimal point", ",": "a decimal comma"}[style.decimal]
        raise ValueError(f"{text.strip()[:60]!r} is no number with {mark}, as other rows have")
    return value


def style_of(texts: Iterable[str]) -> NumberStyle:
    """How most of some texts write their numbers.

    Raises:
        ValueError: each may be read with a decimal point or with a decimal comma, and as another number.
    """
    found = [each for each in map(_apart, texts) if each is not None]
    if not found:
        return NumberStyle()
    (unit, of), _ = Counter((each.unit, each.of) for each in found).most_common(1)[0]
    digits = [each.digits for each in found if (each.unit, each.of) == (unit, of)]
    points, commas = ([_value(each, mark) for each in digits] for mark in ".,")
    with_point, with_comma = (sum(value is not None for value in values) for values in (points, commas))
    if with_point == with_comma:
        torn = [
            each
            for each, one, other in zip(digits, points, commas, strict=True)
            if one != other and "," in each
        ]
        if torn:
            raise ValueError(
                f"{torn[0]!r} may be {_value(torn[0], '.'):g} or {_value(torn[0], ','):g}; write numbers with"
                " a decimal point, and without marks between thousands"
            )
    return NumberStyle("," if with_comma > with_point else ".", unit, of)


def several_units(texts: Sequence[str]) -> tuple[str, ...]:
    """The units that more than a tenth of some numbers have each, of numbers without one too ("")."""
    counts = Counter(each.unit for each in map(_apart, texts) if each is not None)
    return tuple(unit for unit, count in counts.most_common() if count > _MANY * len(texts))


def is_number(text: str) -> bool:
    """Whether a text is one number, in some style."""
    found = _apart(text)
    return found is not None and any(_value(found.digits, mark) is not None for mark in ".,")


def scale_of(values: Sequence[float], of: float = 0.0) -> Scale | None:
    """The scale that few whole or half numbers stand on; None where they may be any numbers."""
    if not values:
        return None
    low, high = min(values), max(values)
    step = next((one for one in (1.0, 0.5) if all(value % one == 0 for value in values)), 0.0)
    if of:
        return Scale(min(low, 1.0 if low >= 1 else 0.0), max(of, high), step)
    is_few = step > 0 and (high - low) / step <= _MOST_STEPS and low >= 0 and high > low
    return Scale(low, high, step) if is_few and len(set(values)) >= (high - low) / step * 0.6 else None


def fault(value: float, scale: Scale | None) -> str:
    """What is wrong with a number on a scale; "" where nothing is."""
    if not math.isfinite(value):
        return f"{value} is no finite number"
    if scale is None or scale.low <= value <= scale.high:
        return ""
    return f"{value:g} lies outside the scale from {scale.low:g} to {scale.high:g}"


def _apart(text: str) -> _Written | None:
    text = " ".join(text.replace("\u2212", "-").split())
    if stars := _STARS.fullmatch(text):
        count = len(_GLYPHS.findall(text)) + 0.5 * bool(stars["half"])
        drawn = len(_ALL.findall(text))
        return _Written(
            f"{count:g}", "star", float(drawn) if drawn > len(_GLYPHS.findall(text)) or drawn >= 5 else 5.0
        )
    if share := _SHARE.fullmatch(text):
        return _Written(share["number"], _unit(share["unit"] or ""), float(share["of"].replace(",", ".")))
    plain = _PLAIN.fullmatch(text)
    if plain is None or (any(mark.isalpha() for mark in plain["before"]) and len(plain["before"]) != 3):
        return None
    if len((plain["after"] or "").split()) > 2:
        return None
    return _Written(plain["number"], _unit(f"{plain['before']}{plain['after'] or ''}"), 0.0)


def _unit(text: str) -> str:
    """A unit, one and many alike."""
    folded = text.strip(" .").casefold()
    if _STAR_WORDS.fullmatch(folded):
        return "star"
    return folded.removesuffix("s") if len(folded) > 3 else folded


def _value(digits: str, decimal: str) -> float | None:
    """The number with that decimal mark; None where it is none."""
    head, power, exponent = digits.replace("E", "e").partition("e")
    grouping = "." if decimal == "," else ","
    whole, mark, rest = head.partition(decimal)
    if decimal in rest or grouping in rest or (mark and not rest.strip().isdigit()):
        return None
    sign, whole = ("-" if whole[:1] == "-" else ""), whole.lstrip("+-")
    parts = re.split(rf"[{re.escape(grouping)}'’ \u00a0\u202f]", whole) if whole else ["0"]
    if len(parts) > 1:
        is_grouped = len({*_GROUPS.findall(whole), *re.findall(re.escape(grouping), whole)}) == 1
        if (
            not is_grouped
            or not 1 <= len(parts[0]) <= 3
            or parts[0][0] == "0"
            or any(len(part) != 3 for part in parts[1:])
        ):
            return None
    if not all(part.isdigit() for part in parts):
        return None
    return float(f"{sign}{''.join(parts)}{'.' + rest.strip() if mark else ''}{power}{exponent}")


def _said(unit: str, of: float) -> str:
    told = [f"the unit {unit!r}"] * bool(unit) + [f"{of:g} as its highest"] * bool(of)
    return " and ".join(told) or "no unit"
