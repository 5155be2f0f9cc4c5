"""Answers out of fold: a student learns from all folds but one and is asked about that one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from p2m.types import OutOfFold, Split


def none(name: str, note: str) -> OutOfFold:
    """No answers, and why."""
    return OutOfFold(name, (), (), (), (), note)


def held_out(parts: Split, fold: int) -> tuple[list[int], list[int]]:
    """Numbers of the training rows outside a fold, and of those inside."""
    outside = [row for row, number in enumerate(parts.folds) if number != fold]
    return outside, [row for row, number in enumerate(parts.folds) if number == fold]


def gathered(
    name: str, found: Mapping[int, tuple[str, float]], folds: Sequence[int], learnt: int = 0
) -> OutOfFold:
    """Answers with their confidences, by row, in the order of the rows; `learnt` from a sample of so many."""
    numbers = tuple(sorted(found))
    answers = tuple(found[row][0] for row in numbers)
    confidences = tuple(found[row][1] for row in numbers)
    return OutOfFold(name, numbers, answers, confidences, tuple(folds), learnt=learnt)


def joined_folds(parts: Iterable[OutOfFold]) -> OutOfFold | None:
    """The answers of one student to several folds, of all other rows; None where there are none."""
    given = [part for part in parts if part.rows and not part.learnt]
    if not given:
        return None
    everything = {
        row: (text, sure)
        for part in given
        for row, text, sure in zip(part.rows, part.answers, part.confidences, strict=True)
    }
    folds = sorted({fold for part in given for fold in part.folds})
    return gathered(given[0].student, everything, folds)
