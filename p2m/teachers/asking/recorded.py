"""An answer of a chat model as the ledger keeps it, and the labels by which the ledger adds up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from p2m.teachers.asking.prices import NANO
from p2m.teachers.chat import ChatTeacher, Outcome, Reply, Usage


@dataclass(frozen=True, slots=True)
class Paid:
    """A reply and what it cost."""

    reply: Reply
    cost: int | None  # billionths of a dollar; None where the price was not known

    @property
    def tokens(self) -> int:
        return self.reply.usage.input + self.reply.usage.output


def write(paid: Paid) -> bytes:
    content = _fields(paid.reply) | {"usage": _fields(paid.reply.usage), "cost": paid.cost}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def read(content: bytes) -> Paid:
    kept: dict[str, Any] = json.loads(content)
    cost = kept.pop("cost", None)
    usage, outcome = Usage(**kept.pop("usage")), Outcome(kept.pop("outcome"))
    return Paid(Reply(outcome, usage=usage, **kept), cost)


def _fields(value: Reply | Usage) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def labels(teacher: ChatTeacher, paid: Paid) -> dict[str, Any]:
    """By which `p2m ledger` finds records and adds them up."""
    usage = paid.reply.usage
    found = {
        "provider": teacher.provider, "model": teacher.model, "input_tokens": usage.input,
        "output_tokens": usage.output,
    }  # fmt: skip
    return found if paid.cost is None else found | {"cost": paid.cost / NANO}
