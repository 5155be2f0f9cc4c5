"""The plans of a sweep's variants as one, as text and as data. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.cli.text import duration, table
from p2m.engine.explaining.graphs import MARKS
from p2m.engine.explaining.union import Member, PlanUnion

_STATUS = {"cached": "cached", "run": "run", "unknown": "if an input changes"}


def union_text(names: Sequence[str], union: PlanUnion) -> str:
    """A block a variant: the steps that no variant before it has; then the sum."""
    lines = []
    for number, name in enumerate(names):
        own = union.own(number)
        shared = len(union.plans[number]) - len(own)
        lines.append(f"{name}: {len(own)} steps" + (f" of its own, {shared} as above" if shared else ""))
        lines += [table([_cells(member) for member in own], indent=2)] if own else []
    return "\n".join([*lines, union_summary(union)])


def union_summary(union: PlanUnion) -> str:
    """`4 variants, 28 steps, 16 unique, 9 cached. About 6 min by the last builds.`"""
    count = f"{len(union.plans)} variants, {union.steps} steps, {union.unique} unique, {union.cached} cached"
    seconds = union.seconds
    return f"{count}. About {duration(seconds)} by the last builds." if seconds else f"{count}."


def union_data(names: Sequence[str], union: PlanUnion) -> dict[str, Any]:
    """Every step of every variant, with the variant that has the same one first."""
    return {
        "variants": [
            {
                "variant": name,
                "steps": [
                    {
                        "step": member.step, "status": member.status,
                        "key": None if member.is_symbolic else member.key, "same": member.key,
                        "first": names[member.first], "seconds": member.seconds,
                    }
                    for member in members
                ],
            }
            for name, members in zip(names, union.plans, strict=True)
        ],
        "steps": union.steps, "unique": union.unique, "cached": union.cached, "seconds": union.seconds,
    }  # fmt: skip


def _cells(member: Member) -> tuple[str, str, str]:
    seconds = f"~ {duration(member.seconds)}" if member.seconds is not None and member.needs_work else ""
    return f"{MARKS[member.status]} {member.step}", _STATUS[member.status], seconds
