"""Stages over numbers for the engine's tests; each run leaves a line in $P2M_TOY_LOG, which no key sees."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.stage import stage
from p2m.types import Files, Run


@dataclass(frozen=True)
class Number:
    value: int


@dataclass(frozen=True)
class Row:
    text: str


@dataclass(frozen=True)
class Table:
    """An artifact with all three kinds of fields."""

    rows: tuple[Row, ...]
    folder: Path
    note: str


@dataclass(frozen=True)
class Scale:
    """A component: it acts."""

    factor: int = 2

    def apply(self, value: int) -> int:
        return value * self.factor


def log(line: str) -> None:
    path = os.environ.get("P2M_TOY_LOG")
    if path:
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")


@stage(version="1", kind="pure")
def read_number(files: Files) -> Number:
    log("read_number")
    return Number(int(files.path.read_text()))


@stage(version="1", kind="pure")
def total(first: Number, second: Number | None, *, plus: int = 0) -> Number:
    log(f"total {first.value} {second.value if second else None} {plus}")
    return Number(first.value + (second.value if second else 0) + plus)


@stage(version="1", kind="pure")
def mix(first: Number, second: Number | None, *, plus: int = 0) -> Number:
    """Loses nothing: other inputs, another output."""
    text = f"{first.value} {second.value if second else None} {plus}"
    log(f"mix {text}")
    return Number(int(hashlib.sha256(text.encode()).hexdigest()[:15], 16))


@stage(version="1", kind="pure")
def halve(first: Number, second: Number | None, *, plus: int = 0) -> Number:
    """Loses information, so that a change upstream may end here."""
    log(f"halve {first.value} {second.value if second else None} {plus}")
    return Number((first.value + plus) // 2)


@stage(version="1", kind="pure")
def tabulate(first: Number, second: Number | None, *, plus: int = 0, run: Run) -> Table:
    log(f"tabulate {first.value} {second.value if second else None} {plus}")
    folder = run.folder / "files"
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text(f"a {first.value + plus}\n" * 3)
    (folder / "empty").mkdir(exist_ok=True)
    return Table((Row(f"é\u2028{first.value}"), Row("zwei")), folder, "n")


@stage(version="1", kind="pure")
def count_rows(table: Table, *, scale: Scale) -> Number:
    log("count_rows")
    return Number(scale.apply(len(table.rows) + len(list(table.folder.iterdir()))))


@stage(version="1", kind="volatile")
def push(first: Number) -> Number:
    log("push")
    return first


@stage(version="1", kind="measured")
def clock(first: Number) -> Number:
    log("clock")
    return first


@stage(version="1", kind="pure")
def slow(first: Number, *, name: str, seconds: float, run: Run) -> Number:
    """Takes its time; picks up what an earlier, killed run of the same step left in its scratch folder."""
    resumed = (run.folder / "half").exists()
    log(f"slow {name} {'resumed' if resumed else 'started'}")
    (run.folder / "half").write_text("half")
    run.progress(1, 2, "halves")
    time.sleep(seconds)
    log(f"slow {name} done")
    return Number(first.value + 1)


@stage(version="1", kind="pure")
def read_folder(files: Files) -> Number:
    log("read_folder")
    return Number(len(list(files.path.iterdir())))


@stage(version="1", kind="pure")
def fill(files: Files, *, run: Run) -> Number:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run.folder / "big"))
