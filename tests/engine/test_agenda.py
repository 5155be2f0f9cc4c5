"""Plans of many steps, deep and wide: what is started next costs no more than in small ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
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
from p2m.engine.slots import Capacity, Room, Slots
from p2m.engine.store import Store


@dataclass
class Instant:
    """Means whose every step gives the same at once, so that only the scheduler's own time is left."""

    output: str
    begun: list[str] = field(default_factory=list)
    slots: Room = field(default_factory=lambda: Slots(Capacity(4, 0, 0)))

    def open(
        self, store: Store, run: str, sources: Sources, *, network: Any, code: frozenset[str]
    ) -> Executor:  # fmt: skip
        return self

    def start(self, call: Call, stage: Any) -> None:
        self.begun.append(call.step)

    def events(self, timeout: float | None, teller: Teller) -> Sequence[Ended]:
        done = getattr(self, "told", 0)
        self.told = len(self.begun)
        return [Ended(name, Done(self.output, True, 0.0)) for name in self.begun[done:]]

    def stop(self) -> None: ...


def wide(plan: Plan, first: Ref, steps: int) -> None:
    for number in range(steps):
        plan.add(f"s{number}", total, first, plus=number)


def deep(plan: Plan, first: Ref, steps: int) -> None:
    """Two chains, so that there is something to choose from the beginning on."""
    ends = [first] * 2
    for number in range(steps // 2):
        ends = [plan.add(f"{side}{number}", total, ends[side], plus=number) for side in range(2)]


def lines_run(call: Callable[[], object]) -> int:
    """Lines of Python that a call runs; each turn of a loop within one line counts."""
    count, before = 0, sys.gettrace()

    def traced(_frame: FrameType, event: str, _value: object) -> Any:
        nonlocal count
        count += event == "line"
        return traced

    sys.settrace(traced)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", [wide, deep], ids=lambda shape: shape.__name__)
def test_the_scheduler_does_no_more_for_a_step_of_a_long_plan_than_of_a_short_one(
    tmp_path: Path, shape: Any
) -> None:
    def cost(steps: int) -> tuple[int, int]:
        store, plan = Store(tmp_path / f"store{steps}"), Plan("large")
        shape(plan, plan.source("first", Path(__file__), type=Number), steps)
        means = Instant(keep("number", Number(1), store))
        running = lines_run(lambda: execute(plan, store, Device(), Silent(), executor=means))
        assert len(set(means.begun)) == len(plan.steps) - 1
        return running, lines_run(lambda: stored(plan, store, plan.steps[-1].name))

    cost(4)  # what is imported once is no step's
    short, long = cost(200), cost(800)
    assert long[0] < 4.4 * short[0]
    assert long[1] < 4.4 * short[1] + 1000
