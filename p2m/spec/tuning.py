"""The `tuning:` section of a recipe: what a search may set, and who proposes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from p2m.errors import nearest
from p2m.spec.components import located_error
from p2m.tuning.base import NAMES
from p2m.types import Dimension

_TIMES = ("learning_rate", "epochs")  # that may be said as times what is set without a search
_WHOLE = ("batch_size", "rank")
_OWN_RANGES = {"dropout": (0, 0.9), "attention_dropout": (0, 0.9), "rank": (1, 1024), "alpha": (0.01, 4096)}
_NUMBER = r"(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
_RANGE = re.compile(rf"(x?){_NUMBER} *\.\. *(x?){_NUMBER}( +log)?")
_FORM = "a list of choices, or `LOW .. HIGH`, `LOW .. HIGH log`, `x0.5 .. x2 log` (times what is usual)"


def searchable(value: Any, ranges: Mapping[str, tuple[float, float]], schedules: Sequence[str]) -> Any:
    """The space as dimensions; `ranges` are those of a training's settings, `schedules` its choices.

    Raises:
        ValidationError: with everything that is wrong, each below its name.
    """
    if not isinstance(value, Mapping):
        return value
    found, wrong = {}, []
    for name, written in value.items():
        try:
            if name not in NAMES:
                raise ValueError(f"no search can set {name!r}; {nearest(str(name), NAMES)}")
            one = written if isinstance(written, Dimension) else _dimension(str(name), written)
            _check(str(name), one, {**ranges, **_OWN_RANGES}.get(str(name)), schedules)
            found[str(name)] = one
        except ValueError as error:
            wrong.append(((str(name),), str(error), written))
    if wrong:
        raise located_error(wrong)
    return found


def _dimension(name: str, written: Any) -> Dimension:
    if isinstance(written, list):
        return Dimension(choices=tuple(_choice(name, each) for each in written))
    match = _RANGE.fullmatch(str(written).strip())
    if match is None:
        raise ValueError(f"expected {_FORM}, got {written!r}")
    times, low, times_too, high, log = match.groups()
    if times != times_too:
        raise ValueError(f"one bound has an x and the other has none: {written!r}")
    if times and name not in _TIMES:
        raise ValueError(f"bounds with an x are for {' and '.join(_TIMES)}: write {name}'s as they are")
    return Dimension((), float(low), float(high), bool(log), bool(times), name in _WHOLE)


def _choice(name: str, value: Any) -> Any:
    """A choice as the setting has it: 1 is 1.0 where that is no whole number."""
    if name == "schedule":
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected numbers, got {value!r}")
    if name in _WHOLE and value != int(value):
        raise ValueError(f"expected whole numbers, got {value:g}")
    return int(value) if name in _WHOLE else float(value)


def _check(name: str, one: Dimension, limits: tuple[float, float] | None, schedules: Sequence[str]) -> None:
    if name == "schedule":
        for each in one.choices or ("a range",):
            if each not in schedules:
                raise ValueError(f"{each!r} is not one of {', '.join(schedules)}: write a list of these")
        return
    if not one.choices and one.low >= one.high:
        raise ValueError(f"goes from {one.low:g} to {one.high:g}: the lower bound comes first")
    if one.is_log and one.low <= 0:
        raise ValueError("a logarithmic scale begins above 0")
    if one.is_relative:
        if not 0.001 <= one.low < one.high <= 1000:
            raise ValueError("is out of range: from x0.001 to x1000")
        return
    if not one.choices and one.is_whole and (one.low != int(one.low) or one.high != int(one.high)):
        raise ValueError("expected whole numbers")
    for each in one.choices or (one.low, one.high):
        if limits and not limits[0] <= float(each) <= limits[1]:
            raise ValueError(f"{each:g} is out of range: from {limits[0]:g} to {limits[1]:g}")
    if len(set(one.choices)) < len(one.choices):
        raise ValueError("a choice stands twice")
