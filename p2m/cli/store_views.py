"""Collections, names and verifications as text. Pure: values in, lines out."""

from __future__ import annotations

import time
from collections.abc import Sequence

from p2m.engine.care.gc import Amount, Collected
from p2m.engine.care.rebuild import Rebuilt
from p2m.engine.care.verify import Verification
from p2m.engine.storage.kept import Keep
from p2m.sizes import show_size

_WHAT = {
    "entries": "entries of keys that nothing keeps",
    "blobs": "files and folders of their outputs",
    "copies": "copies made for reading",
    "scratch": "scratch folders of steps given up",
    "leavings": "leavings of killed processes",
    "quarantine": "damaged things set aside long ago",
    "runs": "old run records",
    "locks": "lock files that nobody holds",
    "leases": "leases of builds that are no more",
    "roots": "notes of lock files that have gone",
}


def gc_text(report: Collected, command: str) -> str:
    """What stays and why, what goes, and the command that does it."""
    lines = ["keeps"]
    width = max((len(kept.label) for kept in report.kept), default=0)
    lines += [f"  {kept.label:<{width}}  {_amount(kept.amount)}" for kept in report.kept]
    if not report.kept:
        lines.append("  nothing: no run, no name and no lock file asks for anything")
    lines.append(f"  in all {_amount(report.total_kept)}")
    if not report.freed:
        return "\n".join([*lines, "nothing to free."])
    lines.append("freed" if report.deleted else "would free")
    for kind, amount in report.freed.items():
        lines.append(f"  {show_size(amount.size):>8}  {amount.count:>7,}  {_WHAT[kind]}")
    total = show_size(report.total_freed.size)
    lines.append(
        f"{total} freed." if report.deleted else f"{total} in all. Nothing was deleted; to delete: {command}"
    )
    return "\n".join(lines)


def keeps_text(keeps: Sequence[Keep]) -> str:
    """A line a name."""
    if not keeps:
        return "no names are kept\n    next: p2m keep RECIPE --as NAME"
    width = max(len(keep.name) for keep in keeps)
    lines = []
    for keep in keeps:
        if keep.damaged:
            lines.append(f"{keep.name:<{width}}  damaged; what can be read of it is still kept")
        else:
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(keep.made))
            lines.append(f"{keep.name:<{width}}  {keep.plan}  run {keep.run}  kept since {made}")
    return "\n".join(lines)


def verification_text(found: Verification, *, repaired: bool, command: str) -> str:
    """What was read, each fault with what it touches, and what to do next."""
    lines = [
        f"read {found.blobs:,} files ({show_size(found.bytes)}), {found.entries:,} entries,"
        f" {found.runs:,} run records, {found.ledger:,} recorded calls"
    ]
    for fault in found.faults:
        lines.append(f"  {fault.kind:<9} {fault.path}")
        lines.append(f"            {fault.reason}")
        if fault.steps:
            shown = ", ".join(fault.steps[:6]) + (
                f" and {len(fault.steps) - 6} more" * (len(fault.steps) > 6)
            )
            lines.append(f"            touches {shown}")
        if fault.repair:
            lines.append(f"            {fault.repair}")
    lines += [f"  note      {note}" for note in found.notes]
    count = len(found.faults)
    left = sum(not fault.repair for fault in found.faults)
    things = f"{count:,} thing{'s' * (count != 1)}"
    if not count:
        lines.append("sound.")
    elif not repaired:
        lines.append(f"wrong: {things}. Builds never use what is damaged; to set it aside: {command}")
    elif left:
        lines.append(f"wrong: {things}, {left:,} not repaired. Try again when no build runs.")
    else:
        lines.append(f"wrong: {things}, all dealt with. The next p2m build makes anew what it needs.")
    return "\n".join(lines)


def rebuilt_text(result: Rebuilt) -> str:
    """A line for the step, and where the two results part."""
    mark = "=" if result.passes else "!"
    lines = [f"  {mark} {result.step:<16} {result.kind:<9} {result.verdict}"]
    lines += [f"      {line}" for line in result.lines]
    return "\n".join(lines)


def _amount(amount: Amount) -> str:
    there = f"{show_size(amount.size)} in {amount.count:,} files"
    return there if amount.count else "nothing that is still there"
