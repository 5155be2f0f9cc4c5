"""Stages over numbers for random histories: a run leaves a line, and fails where $P2M_SUMS/fail says so."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.stage import stage
from p2m.errors import UserError
from p2m.types import Files


@dataclass(frozen=True)
class Sum:
    value: int


def told(line: str) -> None:
    """Leave the line; raise if it is the one that shall fail."""
    folder = Path(os.environ["P2M_SUMS"])
    with open(folder / "log", "a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    fail = folder / "fail"
    if fail.exists() and fail.read_text(encoding="utf-8") == line:
        raise UserError(f"{line} fails")


@stage(version="1", kind="pure")
def read(files: Files) -> Sum:
    value = int(files.path.read_text(encoding="utf-8"))
    told(f"read {value}")
    return Sum(value)


@stage(version="1", kind="pure")
def add(first: Sum, second: Sum | None, *, plus: int) -> Sum:
    told(f"add {first.value} {second.value if second else None} {plus}")
    return Sum(first.value + (second.value if second else 0) + plus)


@stage(version="1", kind="pure")
def halve(first: Sum, second: Sum | None, *, plus: int) -> Sum:
    """Loses information, so that a change may end here."""
    told(f"halve {first.value} {second.value if second else None} {plus}")
    return Sum((first.value + (second.value if second else 0) + plus) // 2)
