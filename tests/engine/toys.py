"""Stages over numbers for the engine's tests; each run leaves a line in $P2M_TOY_LOG, which no key sees."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.types import Files


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


# --------------------------------------------------------------------------- stages that take room and time


def _span(name: str, pid: int, seconds: float) -> None:
    log(f"begin {name} {pid} {time.monotonic()}")
    time.sleep(seconds)
    log(f"end {name} {pid} {time.monotonic()}")


@stage(version="1", kind="pure")
def single(*rest: Number, name: str, seconds: float = 0.0) -> Number:
    _span(name, os.getpid(), seconds)
    return Number(sum(number.value for number in rest) + 1)


@stage(version="1", kind="pure")
def meeting(*rest: Number, name: str, others: int) -> Number:
    """Ends when as many as `others` have begun, itself among them."""
    log(f"met {name}")
    until = time.monotonic() + 100
    while Path(os.environ["P2M_TOY_LOG"]).read_text().count("met ") < others:
        assert time.monotonic() < until, "it is alone"
        time.sleep(0.01)
    return Number(1)


@stage(version="1", kind="pure", cpus=2)
def double(*rest: Number, name: str, seconds: float = 0.0) -> Number:
    _span(name, os.getpid(), seconds)
    return Number(sum(number.value for number in rest) + 2)


@stage(version="1", kind="pure", cpus="all")
def whole(*rest: Number, name: str, seconds: float = 0.0) -> Number:
    _span(name, os.getpid(), seconds)
    return Number(sum(number.value for number in rest) + 3)


@stage(version="1", kind="measured")
def measured(*rest: Number, name: str, seconds: float = 0.0) -> Number:
    _span(name, os.getpid(), seconds)
    return Number(sum(number.value for number in rest) + 4)


@stage(version="1", kind="pure")
def native(*rest: Number, how: str, seconds: float, run: Run) -> Number:
    """Sits in native code: asleep, locked up so that no other Python code runs, or multiplying."""
    (run.folder / "half").write_text("half")
    run.say("in it")
    log(f"native {os.getpid()}")
    if how == "sleep":
        time.sleep(seconds)
    elif how == "lock":
        mutex = ctypes.create_string_buffer(128)
        for _ in range(2 if seconds else 1):  # the second never returns, whatever signal comes
            ctypes.PyDLL(None).pthread_mutex_lock(mutex)
    else:
        import numpy

        until = time.monotonic() + seconds
        matrix = numpy.ones((1500, 1500))
        while time.monotonic() < until:
            matrix = matrix @ matrix / 1500
    log("native done")
    return Number(len(rest))


@stage(version="1", kind="pure")
def die(*rest: Number, how: str) -> Number:
    """Ends its own process."""
    print("last words", flush=True)
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGSEGV if how == "fault" else signal.SIGKILL)
    return Number(0)


@stage(version="1", kind="pure")
def threads(*rest: Number, run: Run) -> Number:
    return Number(run.device.threads)


@stage(version="1", kind="pure")
def print_and_fail(*rest: Number, words: str) -> Number:
    print("printed", flush=True)
    os.write(2, b"written past Python\n")
    raise ZeroDivisionError(words)


@dataclass(frozen=True)
class Caller:
    """What is asked, on this machine or elsewhere."""

    asks_elsewhere: bool

    @property
    def calls_out(self) -> bool:
        return True


@stage(version="1", kind="pure")
def dial(*rest: Number, host: str, port: int, caller: Caller | None = None) -> Number:
    import socket

    with socket.create_connection((host, port), timeout=1):
        return Number(1)
