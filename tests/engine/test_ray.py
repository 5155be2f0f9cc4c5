"""Steps on a cluster of Ray: a driver that takes none but its own, and another machine with its own store."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from craft_runs import tickets
from far import after, ask, nap, perish, somewhere, somewhere_else, timed
from known_rows import KnownRows
from toys import (
    Caller,
    Number,
    Scale,
    count_rows,
    push,
    read_folder,
    read_number,
    tabulate,
    total,
)

import p2m
from p2m.compiler import teaching
from p2m.engine.executor import Inline, Interrupted, Result, execute
from p2m.engine.handles import Device, Network
from p2m.engine.observer import Silent
from p2m.engine.plan import Plan
from p2m.engine.recording.ledger import used
from p2m.engine.running import tallies
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store
from p2m.errors import StageError, UserError
from p2m.project import load

ray = pytest.importorskip("ray")
SMALL = {"object_store_memory": 80 << 20, "include_log_monitor": False, "no_monitor": True}


@dataclass
class Lent:
    """A cluster of two machines, of which the other one has two processors, a store and a cache."""

    cluster: Any
    folder: Path
    node: Any = None  # the other machine

    @property
    def means(self) -> Any:
        from p2m.engine.running.cluster import Ray

        return Ray(self.cluster.address, asking="anywhere")

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def add(self) -> None:
        variables = {"P2M_STORE": str(self.store), "XDG_CACHE_HOME": str(self.folder / "cache")}
        other = self.folder / "other" / "p2m"  # is installed there, and none of it may be looked at
        other.mkdir(parents=True, exist_ok=True)
        (other / "__init__.py").write_text("raise ImportError('another p2m')\n")
        variables["PYTHONPATH"] = str(other.parent)
        self.node = self.cluster.add_node(num_cpus=2, env_vars=variables, **SMALL)


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lent]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_prestart_worker_first_driver", "0")
        head = {"num_cpus": 0, "include_dashboard": False, **SMALL}
        try:
            cluster = Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
        except Exception:  # Ray gives itself half a minute, which a busy machine may take
            cluster = Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False)
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


def asking(plan: Plan, name: str, folder: Path, *, seconds: float = 0.0) -> None:
    """A step that asks three requests; those of other names ask the same, under another key."""
    other = plan.add(f"{name}-in", total, plan.add(f"{name}-n", somewhere_else, plus=ord(name[0])), None)
    plan.add(name, ask, other, numbers=(1, 2, 3), teacher=Caller(asks_elsewhere=True),
             log=str(folder / "asked"), seconds=seconds)  # fmt: skip


def test_a_cluster_for_a_try_leaves_no_token_and_another_is_joined_with_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from p2m.engine.running.cluster import _find_token

    def found(address: str | None) -> tuple[bool, str | None]:
        for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
            monkeypatch.setenv(name, "")  # so that what is set is undone
            monkeypatch.delenv(name)
        _find_token(address)
        return "RAY_AUTH_TOKEN" in os.environ, os.environ.get("RAY_AUTH_MODE")

    monkeypatch.setenv("HOME", str(tmp_path))
    assert found(None) == (False, None)
    assert found("local") == (True, "token")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    assert found("10.0.0.1:6379") == found("local") == (False, "token")


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
    here = execute(plan, Store(tmp_path / "other"), Device(), executor=Inline())
    plan.add("somewhere", somewhere, number)
    plan.add("timed", timed, number)
    plan.add("dies", perish, log=str(tmp_path / "died"), times=1)
    for name in ("one", "two"):
        asking(plan, name, tmp_path, seconds=0.05)
    watch = Watch()
    result = execute(plan, store, Device(), watch, executor=lent.means)
    found = {each.step: (each.status, each.key, each.output) for each in result.outcomes}
    assert [found[each.step] for each in here.outcomes] == [
        (each.status, each.key, each.output) for each in here.outcomes
    ]
    assert (result.value("table").folder / "a.txt").read_text() == "a 10\n" * 3
    place = result.value("somewhere")
    assert place.store == str(lent.store)
    assert place.package in map(str, (lent.folder / "cache" / "p2m" / "code").glob("*/p2m/__init__.py"))
    assert "printed" in (store.runs / result.run / "log.txt").read_text()
    assert result.value("timed").package == p2m.__file__  # measured where its key says
    assert result.value("dies") == Number(1)  # on its second run
    assert len([line for line in watch.lines if "signal 9 (SIGKILL)" in line and "runs again" in line]) == 1
    assert_paid_once(result, store, lent, tmp_path)
    assert "one 3/3 requests" in watch.lines


def assert_paid_once(result: Result, store: Store, lent: Lent, folder: Path) -> None:
    """Of two steps elsewhere that asked the same: one request each, recorded in the build's ledger."""
    assert sorted((folder / "asked").read_text().split("\n")) == sorted(
        ["", *(f"{word} {number}" for word in ("ask", "answer") for number in (1, 2, 3))]
    )
    for name in ("one", "two"):
        key = result.outcome(name).key
        assert result.value(name).store == str(lent.store)
        assert len(used(store.root / "ledger", key)) == 3
        assert tallies.kept(store, key) == {"requests": 3}
    assert tallies.total(store, result.run, "requests") == 6
    assert not (lent.store / "ledger" / "segments").exists()


@pytest.mark.slow
def test_a_teacher_elsewhere_is_asked_where_its_key_is(tmp_path: Path, store: Store, lent: Lent) -> None:
    plan = Plan("asking")
    asking(plan, "one", tmp_path)
    result = execute(plan, store, Device(), executor=replace(lent.means, asking="here"))
    assert result.value("one").package == p2m.__file__
    assert len(used(store.root / "ledger", result.outcome("one").key)) == 3


@pytest.mark.slow
def test_a_step_that_is_always_lost_is_an_error(tmp_path: Path, store: Store, lent: Lent) -> None:
    plan = Plan("dead")
    plan.add("dies", perish, log=str(tmp_path / "ever"), times=9)
    with pytest.raises(StageError, match=r"(?s)SIGKILL.*lost 3 times"):
        execute(plan, store, Device(), executor=lent.means)


@pytest.mark.slow
def test_a_step_goes_on_elsewhere_when_its_machine_is_gone(tmp_path: Path, store: Store, lent: Lent) -> None:
    plan, watch = Plan("gone"), Watch()
    plan.add("slow", nap, name="slow", seconds=100.0, log=str(tmp_path / "log"))

    def pull() -> None:
        until = time.monotonic() + 100
        while not (tmp_path / "log").exists() and time.monotonic() < until:
            time.sleep(0.05)
        lent.cluster.remove_node(lent.node, allow_graceful=False)
        lent.add()

    puller = threading.Thread(target=pull)
    puller.start()
    result = execute(plan, store, Device(), watch, executor=lent.means)
    puller.join()
    assert result.value("slow") == Number(1)
    assert (tmp_path / "log").read_text() == "run\nrun\n"
    assert [line for line in watch.lines if "was lost with node" in line]


@pytest.mark.slow
def test_ctrl_c_ends_what_runs_elsewhere_and_keeps_what_is_done(
    tmp_path: Path, store: Store, lent: Lent
) -> None:
    plan = Plan("stopped")
    first = plan.add("first", nap, name="first", seconds=0.0, log=str(tmp_path / "first"))
    plan.add("slow", nap, first, name="slow", seconds=60.0, log=str(tmp_path / "log"))

    def interrupt() -> None:
        until = time.monotonic() + 100
        while not (tmp_path / "log").exists() and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interrupted) as stopped:
        execute(plan, store, Device(), executor=lent.means)
    assert stopped.value.finished == ("first",)
    assert [each.step for each in stopped.value.running] == ["slow"]
    plan = Plan("stopped")
    plan.add("first", nap, name="first", seconds=0.0, log=str(tmp_path / "first"))
    assert execute(plan, store, Device(), executor=Inline()).counts == {"reused": 1}


@pytest.mark.slow
def test_what_a_stage_raises_elsewhere_is_raised_here(tmp_path: Path, store: Store, lent: Lent) -> None:
    plan = Plan("bang")
    teacher = Caller(asks_elsewhere=False)  # the ledger is reached whatever the network's policy
    asked = plan.add("ask", ask, numbers=(1,), teacher=teacher, log=str(tmp_path / "asked"), seconds=0.0)
    plan.add("bang", after, asked, words="far away")
    with pytest.raises(ZeroDivisionError, match="far away"):
        execute(plan, store, Device(), executor=lent.means, network=Network.NONE)


@pytest.mark.parametrize("mode", ["read", None])
def test_more_than_this_machine_needs_a_store_that_all_can_write(
    tmp_path: Path, lent: Lent, mode: Any
) -> None:
    shared = SharedAddress(f"file://{tmp_path}/shared", mode) if mode else None
    plan = Plan("alone")
    plan.add("alone", somewhere)
    with pytest.raises(UserError, match=r"store\.shared\.mode=write"):
        execute(plan, Store(tmp_path / "store", shared), Device(), executor=lent.means)


@pytest.mark.slow
def test_machines_share_what_a_teacher_beside_each_of_them_answers(
    tmp_path: Path, store: Store, lent: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LOCAL_SHARD", 5)
    second = replace(lent, folder=tmp_path / "second")
    second.add()
    (tmp_path / "own.txt").write_text("".join(f"{values['text']}\n" for values, _ in tickets()[:20]))
    names = [f"answer-1-{turn}" for turn in (1, 2, 3, 4)]
    with KnownRows(tickets(), together=2, seconds=0.1) as server:
        (tmp_path / "desk.yaml").write_text(
            "defaults: [base, override teacher: compatible, override retriever: none, _self_]\n"
            "prompt: Say which team answers a message. The labels are billing, delivery, returns, account,"
            " technical and presales.\n"
            f"teacher: {{model: known-rows, base_url: '{server.url}', concurrency: 1, attempts: 2}}\n"
            "data: {inputs: own.txt}\ngeneration: {num_examples: 20, min_acceptance: 0}\n"
        )
        plan = load(tmp_path / "desk.yaml").plan.up_to(*names)
        try:
            result = execute(plan, store, Device(threads=1), executor=lent.means)
        finally:
            lent.cluster.remove_node(second.node)
        assert server.most == 2, "each machine asks on its own, and one shard at a time"
        assert server.asked["answer"] == 20
    made = [result.outcome(name).output for name in names]
    there = [
        {each for each in made if (one.store / "cas" / each[:2] / each).exists()} for one in (lent, second)
    ]
    assert there[0] | there[1] == set(made)
    assert all(there)
    assert not there[0] & there[1]
