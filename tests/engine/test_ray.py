"""Steps on a cluster of Ray: a driver that takes none but its own, and another machine with its own store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from far import ask, perish, somewhere, timed
from toys import (
    Caller,
    Number,
    Scale,
    count_rows,
    print_and_fail,
    push,
    read_folder,
    read_number,
    tabulate,
    total,
)

import p2m
from p2m.engine.executor import Inline, execute
from p2m.engine.handles import Device, Network
from p2m.engine.observer import Silent
from p2m.engine.plan import Plan
from p2m.engine.recording.ledger import used
from p2m.engine.running import tallies
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store
from p2m.errors import StageError, UserError

ray = pytest.importorskip("ray")
SMALL = {"object_store_memory": 80 << 20, "include_log_monitor": False, "no_monitor": True}


@dataclass
class Lent:
    """A cluster of two machines, of which the other one has two processors, a store and a cache."""

    cluster: Any
    folder: Path

    @property
    def means(self) -> Any:
        from p2m.engine.running.cluster import Ray

        return Ray(self.cluster.address, asking="anywhere")

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def add(self) -> Any:
        variables = {"P2M_STORE": str(self.store), "XDG_CACHE_HOME": str(self.folder / "cache")}
        return self.cluster.add_node(num_cpus=2, env_vars=variables, **SMALL)


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lent]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_enable_worker_prestart", "0")
        patch.setenv("RAY_prestart_worker_first_driver", "0")
        head = {"num_cpus": 0, "include_dashboard": False, **SMALL}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        lent = Lent(cluster, tmp_path_factory.mktemp("elsewhere"))
        try:
            lent.add()
            ray.init(cluster.address, log_to_driver=False, configure_logging=False)
            yield lent
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", SharedAddress(f"file://{tmp_path}/shared", "write"))


@dataclass
class Watch(Silent):
    lines: list[str] = field(default_factory=list)

    def said(self, step: str, line: str) -> None:
        self.lines.append(f"{step}: {line}")

    def progress(self, step: str, done: int, total: int, note: str) -> None:
        self.lines.append(f"{step} {done}/{total} {note}")


def test_a_machine_with_nothing_but_ray_makes_what_this_process_makes(
    tmp_path: Path, store: Store, lent: Lent
) -> None:
    (tmp_path / "n.txt").write_text("10")
    (tmp_path / "files" / "below" / "empty").mkdir(parents=True)
    (tmp_path / "files" / "a.txt").write_text("a")
    plan = Plan("far")
    number = plan.add("n", read_number, plan.source("file", tmp_path / "n.txt"))
    count = plan.add("count", read_folder, plan.source("folder", tmp_path / "files"))
    table = plan.add("table", tabulate, number, count)
    plan.add("rows", count_rows, table, scale=Scale(3))
    plan.add("push", push, plan.add("sum", total, number, count, plus=1))
    result = execute(plan, store, Device(), executor=lent.means)
    here = execute(plan, Store(tmp_path / "other"), Device(), executor=Inline())
    assert [(each.step, each.status, each.key, each.output) for each in result.outcomes] == [
        (each.step, each.status, each.key, each.output) for each in here.outcomes
    ]
    assert (result.value("table").folder / "a.txt").read_text() == "a 10\n" * 3
    places = Plan("places")
    places.add("somewhere", somewhere, number_of(places))
    places.add("timed", timed, number_of(places, "other"))
    found = execute(places, store, Device(), executor=lent.means)
    code = lent.folder / "cache" / "p2m" / "code"
    assert found.value("somewhere").store == str(lent.store)
    assert found.value("somewhere").package in map(str, code.glob("*/p2m/__init__.py"))
    assert found.value("timed").package == p2m.__file__  # measured where its key says
    assert "printed" in (store.runs / found.run / "log.txt").read_text()


def number_of(plan: Plan, name: str = "number") -> Any:
    return plan.add(name, total, plan.add(f"{name}0", read_number, plan.source(f"{name}-file", _one())), None)


def _one() -> Path:
    path = Path(os.environ["PYTEST_ONE"])
    path.write_text("1")
    return path


@pytest.fixture(autouse=True)
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ONE", str(tmp_path / "one.txt"))


def test_what_is_asked_elsewhere_is_paid_for_once_and_recorded_here(
    tmp_path: Path, store: Store, lent: Lent
) -> None:
    plan, log = Plan("asking"), tmp_path / "log"
    for name in ("one", "two"):
        plan.add(name, ask, *rest_of(plan, name), numbers=(1, 2, 3), teacher=Caller(asks_elsewhere=True),
                 log=str(log), seconds=0.05)  # fmt: skip
    watch = Watch()
    result = execute(plan, store, Device(), watch, executor=lent.means)
    assert sorted(log.read_text().split("\n")) == sorted(
        ["", *(f"{word} {number}" for word in ("ask", "answer") for number in (1, 2, 3))]
    )
    assert result.value("one").store == str(lent.store)
    for name in ("one", "two"):
        key = result.outcome(name).key
        assert len(used(store.root / "ledger", key)) == 3
        assert tallies.kept(store, key) == {"requests": 3}
    assert tallies.total(store, result.run, "requests") == 6
    assert not (lent.store / "ledger" / "segments").exists()
    assert "one 3/3 requests" in watch.lines
    from dataclasses import replace

    again = Store(tmp_path / "again", store.place.shared)
    alone = Plan("alone")
    alone.add("three", ask, *rest_of(alone, "three"), numbers=(9,), teacher=Caller(asks_elsewhere=True),
              log=str(log), seconds=0.0)  # fmt: skip
    found = execute(alone, again, Device(), executor=replace(lent.means, asking="here"))
    assert found.value("three").package == p2m.__file__  # where the key of the teacher is


def rest_of(plan: Plan, name: str) -> tuple[Any, ...]:
    """An input of its own, so that two steps do not share a key."""
    return (plan.add(f"{name}-in", total, number_of(plan, f"{name}-n"), None, plus=ord(name[0])),)


def test_a_step_whose_worker_is_killed_runs_again_and_not_for_ever(
    tmp_path: Path, store: Store, lent: Lent
) -> None:
    plan, watch = Plan("dying"), Watch()
    plan.add("dies", perish, log=str(tmp_path / "twice"), times=2)
    result = execute(plan, store, Device(), watch, executor=lent.means)
    assert result.value("dies") == Number(1)
    assert len([line for line in watch.lines if "signal 9 (SIGKILL)" in line and "runs again" in line]) == 2
    plan = Plan("dead")
    plan.add("dies", perish, log=str(tmp_path / "ever"), times=9)
    with pytest.raises(StageError, match=r"(?s)SIGKILL.*lost 3 times"):
        execute(plan, store, Device(), executor=lent.means)


def test_what_a_stage_raises_elsewhere_is_raised_here(store: Store, lent: Lent) -> None:
    plan = Plan("bang")
    plan.add("bang", print_and_fail, words="far away")
    with pytest.raises(ZeroDivisionError, match="far away"):
        execute(plan, store, Device(), executor=lent.means, network=Network.NONE)


@pytest.mark.parametrize("mode", ["read", None])
def test_more_than_this_machine_needs_a_store_that_all_can_write(
    tmp_path: Path, lent: Lent, mode: Any
) -> None:
    shared = SharedAddress(f"file://{tmp_path}/shared", mode) if mode else None
    plan = Plan("alone")
    number_of(plan)
    with pytest.raises(UserError, match=r"store\.shared\.mode=write"):
        execute(plan, Store(tmp_path / "store", shared), Device(), executor=lent.means)
