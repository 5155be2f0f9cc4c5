"""A reply as the plain data that its schema asked for, or what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from p2m.teachers.asking.asker import Put
from p2m.teachers.chat import Ask, ChatTeacher, Outcome


@dataclass(frozen=True, slots=True)
class Said:
    """What a teacher said: an object of the schema, else a fault ("reason: detail")."""

    value: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


async def said(put: Put, ask: Ask, *, teacher: ChatTeacher, sample: int = 0) -> Said:
    """Ask, and read what comes back."""
    reply = await put(ask, sample=sample)
    if reply.outcome is not Outcome.ANSWERED:
        return Said(fault=reply.outcome.value + (f": {reply.detail}" if reply.detail else ""))
    try:
        value = json.loads(reply.text)
    except ValueError:
        return Said(fault=f"not JSON: {reply.text[:80]!r}")
    if not isinstance(value, dict):
        return Said(fault=f"against the schema: {reply.text[:80]!r}")
    return Said(value)
