"""How sure an answer is: its score as a share of right answers, and whether it is too unsure to be given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from .rows import Answer, InputError, logit
from .settings import Settings

_EDGE = 1e-6  # a score nearer to 0 or 1 counts as that near
_TINY = 1e-15


def calibrated(score: float, settings: Settings) -> float:
    """How often answers of that score are right, by rows that were held out; the score where none told.

    0 stays 0: of such a row nothing is known, or its answer was cut.
    """
    if settings.calibration is None or score <= 0:
        return score
    slope, offset = settings.calibration
    return 1 / (1 + math.exp(-(slope * logit(min(1 - _EDGE, max(_EDGE, score))) + offset)))


def uncalibrated(score: float, settings: Settings) -> float:
    """The score that the model itself gave, of a calibrated one."""
    if settings.calibration is None or score <= 0:
        return score
    slope, offset = settings.calibration
    return 1 / (1 + math.exp((offset - logit(min(1 - _TINY, max(_TINY, score)))) / slope))


def least_score(settings: Settings, precision: float | None) -> float:
    """The score below which answers are abstained from: for a wanted precision, or as the model is set.

    Raises:
        InputError: no score is known at which so many answers are right.
    """
    if precision is None:
        return settings.abstain
    found = {wanted: least for wanted, least in settings.precisions if least is not None}
    if precision not in found:
        there = ", ".join(f"{wanted:g}" for wanted in found)
        known = f"there are {there}" if there else "too few rows were held out to tell any"
        raise InputError(f"precision {precision:g}: no score is known that gives it; {known}")
    return found[precision]


def sure(answers: Sequence[Answer], settings: Settings, least: float) -> list[Answer]:
    """The answers with calibrated scores, those below `least` marked."""
    scores = [calibrated(each.score, settings) for each in answers]
    return [
        replace(each, score=score, abstain=each.abstain or score < least)
        for each, score in zip(answers, scores, strict=True)
    ]
