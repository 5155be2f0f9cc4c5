"""A reply as the object that its schema asked for, or what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from p2m.teachers.asking.asker import Put
from p2m.teachers.asking.structured import Fault, structured
from p2m.teachers.chat import Ask, ChatTeacher


@dataclass(frozen=True, slots=True)
class Said:
    """What a teacher said: an object of the schema, else a fault ("reason: detail")."""

    value: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


async def said(put: Put, ask: Ask, *, teacher: ChatTeacher, sample: int = 0) -> Said:
    """Ask, and read what comes back; once more where it was no such object."""
    found = await structured(put, ask, takes_schema=teacher.takes_schema, sample=sample)
    return Said(fault=str(found)) if isinstance(found, Fault) else Said(found.value)
