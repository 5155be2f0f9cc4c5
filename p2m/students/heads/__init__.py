"""Heads of encoders: one file a sort of task. Which one a task gets is decided here."""

from __future__ import annotations

from p2m.students.heads.base import Head, Projection, Reach, SolvedHead
from p2m.students.heads.label_sets import LabelSetHead
from p2m.students.heads.labels import LabelHead
from p2m.students.heads.numbers import NumberHead
from p2m.students.heads.records import RecordHead, written_fields
from p2m.students.heads.spans import SpanHead
from p2m.students.heads.tags import TagHead
from p2m.types import Task

__all__ = [
    "HEADS", "Head", "Projection", "Reach", "RecordHead", "SolvedHead", "head_of", "unlearnt",
]  # fmt: skip

HEADS: tuple[type[Head], ...] = (LabelHead, LabelSetHead, NumberHead, SpanHead, TagHead, RecordHead)


def head_of(task: Task) -> type[Head] | None:
    """The head that learns such tasks; None where no encoder does."""
    return next((head for head in HEADS if head.fits(task)), None)


def unlearnt(task: Task) -> str | None:
    """Why no head learns such tasks; None where one does."""
    if head_of(task) is not None:
        return None
    writers = "a student that writes text can (tiny_seq2seq, t5_small, ...)"
    if written := written_fields(task):
        return (
            f"it marks spans and labels, and cannot write the text of {', '.join(map(repr, written))}:"
            f" {writers}; where that stands in the input word by word, its kind in task.record is span"
        )
    if task.layout is not None and task.layout.has_values:
        return f"it marks spans, and cannot write their values: {writers}"
    return f"it marks spans and labels and cannot write text ({task.type}): {writers}"
