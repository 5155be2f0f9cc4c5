"""Plans of ten thousand steps, deep and wide: what is started next costs no more than in small ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from toys import Number, total

from p2m.engine.executor import execute, stored
from p2m.engine.handles import Device
from p2m.engine.observer import Silent, Teller
from p2m.engine.plan import Plan, Ref
from p2m.engine.running.inline import Ended, Executor
from p2m.engine.running.task import Call, Done, Sources
from p2m.engine.running.work import keep
from p2m.engine.slots import Capacity
from p2m.engine.store import Store

STEPS = 10_000


@dataclass
class Instant:
    """Means whose every step gives the same at once, so that only the scheduler's own time is left."""

    output: str
    begun: list[str] = field(default_factory=list)
    capacity: Capacity = field(default_factory=lambda: Capacity(4, 0, 0))
    is_remote: bool = False

    def open(self, store: Store, run: str, sources: Sources, *, network: bool) -> Executor:
        return self

    def start(self, call: Call, stage: Any) -> None:
        self.begun.append(call.step)

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        done = getattr(self, "told", 0)
        self.told = len(self.begun)
        return [Ended(name, Done(self.output, True, 0.0)) for name in self.begun[done:]]

    def stop(self) -> None: ...


def wide(plan: Plan, first: Ref) -> None:
    for number in range(STEPS):
        plan.add(f"s{number}", total, first, plus=number)


def deep(plan: Plan, first: Ref) -> None:
    """Two chains, so that there is something to choose from the beginning on."""
    ends = [first] * 2
    for number in range(STEPS // 2):
        ends = [plan.add(f"{side}{number}", total, ends[side], plus=number) for side in range(2)]


@pytest.mark.parametrize("shape", [wide, deep], ids=lambda shape: shape.__name__)
def test_the_scheduler_pays_little_for_each_of_ten_thousand_steps(tmp_path: Path, shape: Any) -> None:
    store, plan = Store(tmp_path / "store"), Plan("large")
    shape(plan, plan.source("first", Path(__file__), type=Number))
    means = Instant(keep("number", Number(1), store))
    began = time.process_time()
    execute(plan, store, Device(), Silent(), executor=means)
    taken = time.process_time() - began
    assert len(set(means.begun)) == len(plan.steps) - 1
    assert taken / STEPS < 0.003  # seconds; a plan of 1,500 took 0.006 a step when each end went through all
    began = time.process_time()
    assert stored(plan, store, plan.steps[-1].name) is None  # these means publish nothing
    assert time.process_time() - began < 0.003 * STEPS
