"""Sums that the steps of a build share: with each other, with other processes, and with steps it reuses."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from p2m.engine.care.rebuild import rebuild
from p2m.engine.executor import execute
from p2m.engine.handles import NOW, Device, Run
from p2m.engine.plan import Plan
from p2m.engine.running import tallies
from p2m.engine.running.tallies import Tally
from p2m.engine.stage import stage
from p2m.engine.store import Store

ADDING = """
import sys
from pathlib import Path
from p2m.engine.running.tallies import Tally
from p2m.engine.store import Store
tally = Tally(Store(Path(sys.argv[1])), "b1")
for _ in range(500):
    tally.add("requests", 1)
    tally.add("money", -3)
"""


@dataclass(frozen=True)
class Total:
    seen: int


@dataclass(frozen=True)
class Caller:
    """A component that calls out, so that its steps are recorded."""

    name: str = "a"

    @property
    def calls_out(self) -> bool:
        return True


@stage(version="1", kind="seeded")
def spend(before: Total | None, *, caller: Caller, amount: int, fails: bool, run: Run) -> Total:
    run.tally(f"{NOW}steps", 1)
    seen = run.tally("requests", amount)
    if fails:
        raise ValueError("after spending")
    return Total(seen)


def plan_of(*amounts: int, fails: bool = False) -> Plan:
    plan, ref = Plan("spending"), None
    for number, amount in enumerate(amounts):
        is_last = number == len(amounts) - 1
        ref = plan.add(f"spend-{number}", spend, ref, caller=Caller(), amount=amount, fails=fails and is_last)
    return plan


def seen(store: Store, *amounts: int) -> int:
    result = execute(plan_of(*amounts), store, Device())
    found: Total = result.value(f"spend-{len(amounts) - 1}")
    return found.seen


def test_threads_and_processes_add_to_one_sum(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    tally = Tally(store, "b1")
    command = [sys.executable, "-c", ADDING, str(store.root)]
    others = [subprocess.Popen(command) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tally.add("requests", 2), range(500)))
    assert [other.wait(60) for other in others] == [0, 0]
    assert tally.add("requests", 0) == 2000
    assert tally.add("money", 0) == -3000
    assert tally.own == {"requests": 1000, "money": 0}
    assert Tally(store, "b2").add("requests", 0) == 0


def test_a_name_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    tally = Tally(Store(tmp_path / "store"), "b1")
    with pytest.raises(ValueError, match="too long"):
        tally.add("x" * 49, 1)
    for number in range(1, 65):
        tally.add(f"name {number}", number)
    with pytest.raises(ValueError, match="too many"):
        tally.add("one more", 1)
    assert tally.add("name 63", 0) == 63


def test_what_a_reused_step_had_spent_counts_in_the_next_build(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert seen(store, 5, 7) == 12
    assert seen(store, 5, 100) == 105  # the first step was not run
    with pytest.raises(ValueError, match="after spending"):
        execute(plan_of(5, 100, 3, fails=True), store, Device())
    assert seen(store, 5, 100, 4) == 109  # what a step that failed had spent counts when it runs again


def test_a_sum_of_one_build_alone_does_not_count_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    first = execute(plan_of(5, 7), store, Device())
    second = execute(plan_of(5, 7, 1), store, Device())
    assert tallies.total(store, first.run, f"{NOW}steps") == 2
    assert tallies.total(store, second.run, f"{NOW}steps") == 1
    assert tallies.total(store, second.run, "requests") == 13


def test_the_sums_of_a_step_may_be_lost(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    seen(store, 5)
    for path in (store.root / "ledger" / "sums").iterdir():
        path.write_text("no JSON")
    assert seen(store, 5, 1) == 1
    assert tallies.kept(store, "never") == {}


def test_a_step_that_is_rebuilt_sees_what_those_before_it_had_spent(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert seen(store, 5, 7, 9) == 21
    assert [rebuild(plan_of(5, 7, 9), store, Device(), f"spend-{number}").passes for number in range(3)] == [
        True, True, True,
    ]  # fmt: skip
    assert seen(store, 5, 7, 9, 1) == 22  # and a rebuild adds to no build
