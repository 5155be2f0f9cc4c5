"""Heads of encoders: one file a sort of task. Which one a task gets is decided here."""

from __future__ import annotations

from p2m.students.heads.base import Head, Projection, Reach, Solution, SolvedHead
from p2m.students.heads.labels import LabelHead
from p2m.students.heads.spans import SpanHead
from p2m.types import Task

__all__ = ["HEADS", "Head", "Projection", "Reach", "Solution", "SolvedHead", "head_of"]

HEADS: tuple[type[Head], ...] = (LabelHead, SpanHead)


def head_of(task: Task) -> type[Head] | None:
    """The head that learns such tasks; None where no encoder does."""
    return next((head for head in HEADS if head.fits(task)), None)
