"""Stages that tell where they ran, ask, and die, for tests of machines elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from toys import Caller, Number

import p2m
from p2m.engine.handles import Run
from p2m.engine.stage import stage


@dataclass(frozen=True)
class Place:
    store: str
    package: str


def _place() -> Place:
    return Place(os.environ.get("P2M_STORE", ""), p2m.__file__)


@stage(version="1", kind="pure")
def somewhere(*rest: Number, name: str = "") -> Place:
    print(f"printed {name}", flush=True)
    return _place()


@stage(version="1", kind="measured")
def timed(*rest: Number) -> Place:
    return _place()


@stage(version="1", kind="pure")
def ask(
    *rest: Number, numbers: tuple[int, ...], teacher: Caller, log: str, seconds: float, run: Run
) -> Place:
    """Asks those requests, and logs each that it pays for, before and after."""
    for number in numbers:

        def call(number: int = number) -> bytes:
            _note(log, f"ask {number}")
            time.sleep(seconds)
            _note(log, f"answer {number}")
            return b"%d" % number

        asked = run.recorder.answer_async({"number": number}, partial(asyncio.to_thread, call))
        assert asyncio.run(asked) == b"%d" % number
        run.tally("requests", 1)
        run.progress(number, len(numbers), "requests")
    return _place()


@stage(version="1", kind="pure")
def somewhere_else(*, plus: int) -> Number:
    return Number(plus)


@stage(version="1", kind="pure")
def nap(*rest: Number, name: str, seconds: float, log: str) -> Number:
    """Takes its time, when it is run for the first time."""
    is_first = not Path(log).exists()
    _note(log, "run")
    time.sleep(seconds if is_first else 0)
    return Number(1)


@stage(version="1", kind="pure")
def perish(*, log: str, times: int) -> Number:
    """Is killed the first times."""
    _note(log, "run")
    if Path(log).read_text().count("run") <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return Number(1)


@stage(version="1", kind="pure")
def after(place: Place, *, words: str) -> Number:
    raise ZeroDivisionError(words)


def _note(log: str, line: str) -> None:
    with open(log, "a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")
