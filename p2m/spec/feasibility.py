"""Wishes that cannot come true, found from the spec and the parsed task alone, before anything is spent."""

from __future__ import annotations

from p2m.spec.model import ModelSpec
from p2m.types import Task


def feasibility(spec: ModelSpec, task: Task) -> list[tuple[str, str, str]]:
    """What cannot be met: (config path, message, what to do about it)."""
    return []
