"""Collections, names and verifications as text. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.cli.text import table, when
from p2m.engine.care.gc import Amount, Collected
from p2m.engine.care.gc_shared import SharedCollected
from p2m.engine.care.rebuild import Rebuilt
from p2m.engine.care.verify import Fault, Verification
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


def gc_text(report: Collected | SharedCollected, command: str) -> str:
    """What stays and why, what goes, and the command that does it."""
    lines = ["keeps"]
    nothing = "  nothing: no run, no name and no lock file asks for anything"
    kept = [(kept.label, _amount(kept.amount)) for kept in report.kept]
    lines.append(table(kept, indent=2) if kept else nothing)
    lines.append(f"  in all {_amount(report.total_kept)}")
    if not report.freed:
        return "\n".join([*lines, "nothing to free."])
    lines.append("freed" if report.deleted else "would free")
    freed = [(show_size(one.size), f"{one.count:,}", _WHAT[kind]) for kind, one in report.freed.items()]
    lines.append(table(freed, indent=2, right={0: 8, 1: 7}))
    total = show_size(report.total_freed.size)
    lines.append(
        f"{total} freed." if report.deleted else f"{total} in all. Nothing was deleted; to delete: {command}"
    )
    return "\n".join(lines)


def shared_gc_text(report: SharedCollected, command: str) -> str:
    """What of an object store stays and why, what goes, the requests, and the command that does it."""
    took = f"took {report.cost}"
    if report.ahead:
        took += f"\ndeleting would take {report.ahead}"
    return f"{gc_text(report, command)}\n{took}"


def keeps_text(keeps: Sequence[Keep]) -> str:
    """A line a name."""
    if not keeps:
        return "no names are kept\n    next: p2m keep RECIPE --as NAME"
    damaged = "damaged; what can be read of it is still kept"
    return table(
        [
            (
                keep.name,
                damaged if keep.damaged else f"{keep.plan}  run {keep.run}  kept since {when(keep.made)}",
            )
            for keep in keeps
        ]
    )


def verification_text(found: Verification, *, repaired: bool, command: str) -> str:
    """What was read, each fault with what it touches, and what to do next."""
    lines = [
        f"read {found.blobs:,} files ({show_size(found.bytes)}), {found.entries:,} entries,"
        f" {found.runs:,} run records, {found.ledger:,} recorded calls"
    ]
    rows = [(fault.kind, _fault(fault)) for fault in found.faults] + [("note", note) for note in found.notes]
    lines += [table(rows, indent=2)] if rows else []
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


def _fault(fault: Fault) -> str:
    """Where it is, what is wrong, what it touches and what was done, a line each."""
    more = f" and {len(fault.steps) - 6} more" * (len(fault.steps) > 6)
    touched = f"touches {', '.join(fault.steps[:6])}{more}" if fault.steps else ""
    return "\n".join(line for line in (str(fault.path), fault.reason, touched, fault.repair) if line)


def _amount(amount: Amount) -> str:
    there = f"{show_size(amount.size)} in {amount.count:,} files"
    return there if amount.count else "nothing that is still there"
