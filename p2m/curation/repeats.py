"""Rows that say again what another says, and rows that contradict it.

Earlier rows win, so the caller orders them by trust: the user's own first.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from p2m.curation.rules import ORIGINS, inputs, origin
from p2m.curation.shingles import alike, fold, hashes
from p2m.curation.similar import Index
from p2m.deploy.serving.shapes import read_number
from p2m.engine.rows import picked
from p2m.types import Example, Task, TaskType

DUPLICATE = "duplicate: the same input and output"
NEAR = "near duplicate: every field alike, the same output"
OVERRULED = "contradiction: the same input with another output"
UNDECIDED = "contradiction: the same input, and no output has a majority"


def repeated(task: Task, rows: Sequence[Example]) -> list[str]:
    """Why each row repeats or contradicts another row of the very same input; "" for those that stay.

    Where outputs differ, the most trusted origin decides, by majority, of numbers the middle one. Without a
    majority none stays, except in open text, where several outputs may be right and the first is as good as
    any.
    """
    reasons = [""] * len(rows)
    keys = hashes("\0".join(same_input(task, row)) for row in rows)
    for numbers in alike(keys):
        together: dict[tuple[str, ...], list[int]] = {}
        for number, row in zip(numbers, picked(rows, numbers), strict=True):
            together.setdefault(same_input(task, row), []).append(number)
        for same in together.values():
            if len(same) > 1:
                _decide(task, picked(rows, same), same, reasons)
    return reasons


def same_input(task: Task, row: Example) -> tuple[str, ...]:
    """What rows of the very same input have in common: their texts, however blanks and accents are coded."""
    return tuple(" ".join(unicodedata.normalize("NFC", text).split()) for text in inputs(task, row))


def near_duplicates(task: Task, rows: Sequence[Example], index: Index, gone: Sequence[str]) -> list[str]:
    """`gone`, completed by why each other row is all but an earlier one with the same output.

    A near input with another output is kept: a date or a name that differs is what a model must learn to
    see. `index` begins with the inputs of the rows, in their order.
    """
    import numpy as np

    answers = np.zeros(len(index), dtype=np.uint64)
    answers[: len(rows)] = hashes(_answer(task, row.output) for row in rows)
    there = np.zeros(len(index), dtype=bool)
    there[: len(rows)] = np.fromiter((not reason for reason in gone), dtype=bool, count=len(rows))
    near = index.kept(alive=there, labels=answers)
    return [NEAR if place >= 0 else reason for place, reason in zip(near.tolist(), gone, strict=False)]


def _decide(task: Task, rows: Sequence[Example], numbers: Sequence[int], reasons: list[str]) -> None:
    """Write the reasons for rows of one input, which are the rows of these numbers; at most one stays."""
    best = _winner(task, rows)
    kept = False
    for row, number in zip(rows, numbers, strict=True):
        if best is None:
            reasons[number] = UNDECIDED
        elif not _agree(task, row, best):
            reasons[number] = OVERRULED
        elif kept:
            reasons[number] = DUPLICATE
        kept = kept or not reasons[number]


def _winner(task: Task, rows: Sequence[Example]) -> Example | None:
    """The first row with the answer that most rows of the most trusted origin give; None where none leads.
    Of numbers none has to: the row stays whose number is nearest to the middle of theirs.
    """
    trusted = min(ORIGINS.index(origin(row)) for row in rows)
    voters = [row for row in rows if ORIGINS.index(origin(row)) == trusted]
    if task.type is TaskType.REGRESSION:
        numbers = [read_number(row.output) for row in voters]
        return voters[min(range(len(numbers)), key=lambda place: abs(numbers[place] - median(numbers)))]
    (first, most), *others = Counter(_votes(task, voters)).most_common(2)
    if others and others[0][1] == most and task.type is not TaskType.TEXT_TO_TEXT:
        return None
    return voters[first]


def _votes(task: Task, voters: Sequence[Example]) -> Iterator[int]:
    """For each row the place of the first one that it agrees with."""
    first: dict[str, int] = {}
    known: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(voters):
        for answer in row.answers:
            first.setdefault(_answer(task, answer), place)
        if row.answers not in known:
            known[row.answers] = (
                next(other for other, each in enumerate(voters) if _agree(task, each, row))
                if task.is_span
                else min(first[_answer(task, answer)] for answer in row.answers)
            )
        yield known[row.answers]


def _agree(task: Task, left: Example, right: Example) -> bool:
    """Whether two rows of one input accept a common answer; of spans, one may contain the other."""
    ours = {_answer(task, answer) for answer in left.answers}
    theirs = {_answer(task, answer) for answer in right.answers}
    if ours & theirs:
        return True
    if not task.is_span:
        return False
    return any(f" {a} " in f" {b} " or f" {b} " in f" {a} " for a in ours for b in theirs)


def _answer(task: Task, text: str) -> str:
    """An answer as it is compared: of labels, `US` and `us` are two."""
    is_exact = task.type.is_labelled or task.type in (TaskType.REGRESSION, TaskType.RECORDS)
    return text if is_exact or task.layout is not None else fold(text)
