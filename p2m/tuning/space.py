"""The space of a search: which settings it may set, to what, and what a trial's values make of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from p2m.training.schedule import planned
from p2m.types import Dimension, Training, TunedStudent

# Of a student those that matter while it learns and are gone when it is served.
OF_STUDENT = ("dropout", "attention_dropout", "rank", "alpha")
OF_TRAINING = (
    *("learning_rate", "batch_size", "epochs", "schedule", "warmup_ratio"),
    *("weight_decay", "label_smoothing", "layer_decay"),
)
NAMES = (*OF_TRAINING, *OF_STUDENT)
SPACE = {  # where a recipe says none
    "learning_rate": Dimension(low=0.333, high=3.0, is_log=True, is_relative=True),
    "batch_size": Dimension(choices=(8, 16, 32)),
}
Value = int | float | str


def left_out(space: Mapping[str, Dimension], student: TunedStudent, training: Training) -> dict[str, str]:
    """Of the settings those that do not apply to this student and training, and why."""
    found = {}
    for name in space:
        if name == "batch_size" and training.batch_tokens:
            found[name] = "training.batch_tokens counts tokens in place of rows"
        elif name in OF_STUDENT and not hasattr(student, name):
            found[name] = f"{type(student).__name__} has no such setting"
        elif name in ("rank", "alpha") and not getattr(student, "rank", 0):
            found[name] = "all weights are tuned, without adapters (rank: 0)"
    return found


def applied(
    space: Mapping[str, Dimension], student: TunedStudent, training: Training
) -> dict[str, Dimension]:
    """What applies to this student and training."""
    without = left_out(space, student, training)
    return {name: one for name, one in space.items() if name not in without}


def usual(student: TunedStudent, training: Training, rows: int) -> dict[str, Value]:
    """What every setting is without a search, of a training on so many rows."""
    schedule = planned(student, training, rows)
    made = getattr(student, "features", None)
    return {
        **{name: getattr(training, name) for name in OF_TRAINING},
        "learning_rate": schedule.learning_rate,
        "batch_size": schedule.batch_size,
        "epochs": schedule.rows / max(1, made(rows) if made else rows),
        **{name: getattr(student, name) for name in OF_STUDENT if hasattr(student, name)},
    }


def resolved(space: Mapping[str, Dimension], base: Mapping[str, Value]) -> dict[str, Dimension]:
    """The space with nothing relative any more; bounds are rounded as values are."""
    found = {}
    for name, one in space.items():
        times = float(base[name]) if one.is_relative else 1.0
        high = one.high * times
        if name == "learning_rate":
            high = min(1.0, high)
        low, high = (one.low, high) if one.is_whole else (_digits(one.low * times), _digits(high))
        found[name] = replace(one, low=min(low, high), high=high, is_relative=False)
    return found


def drawn(space: Mapping[str, Dimension], *, number: int, seed: int) -> dict[str, Value]:
    """Values at random, by the trial's number and the seed alone; none hangs on what else is searched for."""
    return {name: _drawn(one, random.Random(f"trial:{seed}:{number}:{name}")) for name, one in space.items()}


def seed_of(number: int, seed: int) -> int:
    """A seed of a trial's own, 0 to 2**32 - 1."""
    return random.Random(f"trial:{seed}:{number}").getrandbits(32)


def _drawn(one: Dimension, lot: random.Random) -> Value:
    if one.choices:
        return lot.choice(one.choices)
    share = lot.random()
    if one.is_log:
        return rounded(one, one.low * (one.high / one.low) ** share)
    return rounded(one, one.low + (one.high - one.low) * share)


def rounded(one: Dimension, value: Any) -> Value:
    """The value as a recipe would have it: three digits say enough."""
    if one.choices:
        return cast(Value, value)
    return round(value) if one.is_whole else _digits(value)


def allows(one: Dimension, value: Value) -> bool:
    """Whether the value lies in a dimension that is not relative."""
    if one.choices:
        return value in one.choices
    return not isinstance(value, str) and one.low <= value <= one.high


def _digits(value: float) -> float:
    return float(f"{value:.3g}")
