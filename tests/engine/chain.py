"""A chain of slow steps and a build of it, for processes of their own: nothing here imports pytest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toys import read_number, slow, total

from p2m.engine.executor import Inline, Local, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import P2MError

NAMES = [f"s{index}" for index in range(6)]


class Lines:
    """An observer that prints."""

    def step_started(self, step: str) -> None:
        print("started", step, flush=True)

    def progress(self, step: str, done: int, total: int, note: str) -> None: ...

    def said(self, step: str, line: str) -> None: ...

    def waiting(self, step: str, holder: str) -> None:
        print("waiting", step, holder, flush=True)

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        print("finished", step, status, flush=True)

    def step_failed(self, step: str, error: BaseException) -> None: ...


def chain(folder: Path, seconds: float) -> Plan:
    plan = Plan("chain")
    last = plan.add("number", read_number, plan.source("file", folder / "n.txt"))
    for name in NAMES:
        last = plan.add(name, slow, last, name=name, seconds=seconds)
    return plan


def run(folder: Path, seconds: float, executor: str) -> int:
    """Build the chain and say what came of it; returns the exit code."""
    means: Any = Inline() if executor == "inline" else Local()
    try:
        result = execute(chain(folder, seconds), Store(folder / "store"), Device(), Lines(), executor=means)
    except P2MError as error:
        print(type(error).__name__, error)
        return error.exit_code
    print(result.value("s5").value, dict(result.counts))
    return 0


def together(folder: Path, variant: int) -> Plan:
    """A chain of its own for every variant but for its beginning."""
    plan = Plan(f"variant{variant}")
    last = plan.add("number", read_number, plan.source("file", folder / "n.txt"))
    last = plan.add("sum", total, last, None, plus=variant)
    for name in NAMES:
        last = plan.add(name, slow, last, name=f"{name}v{variant}", seconds=0.01)
    return plan
