"""Rows that say again what another says, and rows that contradict it.

Earlier rows win, so the caller orders them by trust: the user's own first.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from p2m.curation.rules import ORIGINS, inputs, origin
from p2m.curation.similar import Index, Shingled, fold
from p2m.types import Example, Task, TaskType

DUPLICATE = "duplicate: the same input and output"
NEAR = "near duplicate: every field alike, the same output"
OVERRULED = "contradiction: the same input with another output"
UNDECIDED = "contradiction: the same input, and no output has a majority"


def repeated(task: Task, rows: Sequence[Example]) -> list[str]:
    """Why each row repeats or contradicts another row of the very same input; "" for those that stay.

    Where outputs differ, the most trusted origin decides, by majority. Without a majority none stays,
    except in open text, where several outputs may be right and the first is as good as any.
    """
    together: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(rows):
        together.setdefault(same_input(task, row), []).append(number)
    reasons = [""] * len(rows)
    for numbers in together.values():
        if len(numbers) > 1:
            _decide(task, rows, numbers, reasons)
    return reasons


def same_input(task: Task, row: Example) -> tuple[str, ...]:
    """What rows of the very same input have in common: their texts, however blanks and accents are coded."""
    return tuple(" ".join(unicodedata.normalize("NFC", text).split()) for text in inputs(task, row))


def near_duplicates(
    task: Task, rows: Sequence[Example], shingled: Shingled, gone: Sequence[str], *, threshold: float
) -> list[str]:
    """`gone`, completed by why each other row is all but an earlier one with the same output.

    A near input with another output is kept: a date or a name that differs is what a model must learn to
    see. `shingled` begins with the inputs of the rows, in their order.
    """
    index = Index(shingled, threshold=threshold)
    answers = [_answer(task, row.output) for row in rows]
    reasons = list(gone)
    for number in range(len(rows)):
        if gone[number]:
            continue
        same = (other for other in index.candidates(number) if answers[other] == answers[number])
        if any(index.verify(number, other) for other in same):
            reasons[number] = NEAR
        else:
            index.add(number)
    return reasons


def _decide(task: Task, rows: Sequence[Example], numbers: Sequence[int], reasons: list[str]) -> None:
    """Write the reasons for rows of one input; at most one of them stays."""
    best = _winner(task, rows, numbers)
    kept = False
    for number in numbers:
        if best is None:
            reasons[number] = UNDECIDED
        elif not _agree(task, rows[number], rows[best]):
            reasons[number] = OVERRULED
        elif kept:
            reasons[number] = DUPLICATE
        kept = kept or not reasons[number]


def _winner(task: Task, rows: Sequence[Example], numbers: Sequence[int]) -> int | None:
    """The first row with the answer that most rows of the most trusted origin give; None where none leads."""
    trusted = min(ORIGINS.index(origin(rows[number])) for number in numbers)
    voters = [number for number in numbers if ORIGINS.index(origin(rows[number])) == trusted]
    votes = Counter(
        next(other for other in voters if _agree(task, rows[other], rows[number])) for number in voters
    )
    (first, most), *others = votes.most_common(2)
    if others and others[0][1] == most and task.type is not TaskType.TEXT_TO_TEXT:
        return None
    return first


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
