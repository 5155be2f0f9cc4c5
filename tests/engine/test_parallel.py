"""Worker processes give what one process gives: each step once, within its slots, measured steps alone."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_executor import Watch, small
from toys import (
    Caller,
    Number,
    dial,
    die,
    double,
    measured,
    meeting,
    print_and_fail,
    read_number,
    single,
    threads,
    whole,
)

from p2m.engine.executor import Inline, Local, Result, execute
from p2m.engine.handles import Device, Network
from p2m.engine.journal import last_steps, runs
from p2m.engine.plan import Plan, Ref
from p2m.engine.stage import stage
from p2m.engine.store import Store
from p2m.errors import StageError, UserError

WIDTH = 3  # processors that the tests hand out, whatever the machine has
COSTS = {"single": 1, "double": 2, "whole": WIDTH, "measured": WIDTH}
STAGES: dict[str, Any] = {"single": single, "double": double, "whole": whole, "measured": measured}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "n.txt").write_text("10")
    return Store(tmp_path / "store")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    path = tmp_path / "log"
    monkeypatch.setenv("P2M_TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


def build(plan: Plan, store: Store, watch: Watch | None = None, **options: Any) -> Result:
    options.setdefault("executor", Local(workers=WIDTH))
    return execute(plan, store, Device(), watch, **options)


# --------------------------------------------------------------------------- laws


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, tuple[int, ...]]]:
    """Nodes as kind and the earlier nodes that they take; the first few take none."""
    nodes: list[tuple[str, tuple[int, ...]]] = []
    for index in range(draw(st.integers(3, 9))):
        earlier = st.integers(0, index - 1) if index else st.nothing()
        needs = draw(st.sets(earlier, max_size=2)) if index else set()
        nodes.append((draw(st.sampled_from(sorted(STAGES))), tuple(sorted(needs))))
    return nodes


def plan_of(nodes: list[tuple[str, tuple[int, ...]]], seconds: float) -> Plan:
    plan, refs = Plan("random"), list[Ref]()
    for index, (kind, needs) in enumerate(nodes):
        name = f"n{index}"
        refs.append(plan.add(name, STAGES[kind], *[refs[n] for n in needs], name=name, seconds=seconds))
    return plan


def spans(lines: list[str]) -> dict[str, tuple[float, float]]:
    """When each step began and ended; fails where one ran twice."""
    begun, ended = {}, {}
    for line in lines:
        word, name, _, when = line.split()
        times = begun if word == "begin" else ended
        assert name not in times, f"{name} ran twice"
        times[name] = float(when)
    return {name: (begun[name], ended[name]) for name in begun}


def check(nodes: list[tuple[str, tuple[int, ...]]]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as place:
        path = Path(place) / "log"
        patch.setenv("P2M_TOY_LOG", os.devnull)
        plan = plan_of(nodes, 0.01)
        serial = build(plan, Store(Path(place) / "serial"), executor=Inline())
        patch.setenv("P2M_TOY_LOG", str(path))
        watch = Watch()
        parallel = build(plan, Store(Path(place) / "parallel"), watch)
        assert [(each.step, each.key, each.output) for each in parallel.outcomes] == [
            (each.step, each.key, each.output) for each in serial.outcomes
        ]
        assert parallel.counts == {"ran": len(nodes)}
        assert sorted(watch.ran) == sorted(f"n{index}" for index in range(len(nodes)))
        found = spans(path.read_text().splitlines())
        kinds = {f"n{index}": kind for index, (kind, _) in enumerate(nodes)}
        for moment, _ in found.values():
            busy = [name for name, (begin, end) in found.items() if begin <= moment < end]
            assert sum(COSTS[kinds[name]] for name in busy) <= WIDTH, busy
        for index, (_, needs) in enumerate(nodes):
            for need in needs:
                assert found[f"n{need}"][1] <= found[f"n{index}"][0]
        assert build(plan, Store(Path(place) / "parallel")).counts == {"reused": len(nodes)}


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_workers_give_what_one_process_gives_within_their_slots(
    nodes: list[tuple[str, tuple[int, ...]]],
) -> None:
    check(nodes)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(
    max_examples=int(os.environ.get("P2M_CASES", "300")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(graphs())
def test_workers_give_what_one_process_gives_in_hundreds_of_plans(
    nodes: list[tuple[str, tuple[int, ...]]],
) -> None:
    check(nodes)


def test_independent_steps_run_at_the_same_time(store: Store, log: Callable[[], list[str]]) -> None:
    plan = Plan("wide")
    for name in ("a", "b", "c"):
        plan.add(name, meeting, name=name, others=3)
    build(plan, store)
    assert sorted(log()) == ["met a", "met b", "met c"]


def test_a_build_that_has_nothing_to_run_starts_no_process(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(small(tmp_path), store)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started a process"))
    assert build(small(tmp_path), store).counts == {"reused": 4}


def test_a_chain_stays_with_the_worker_that_began_it(store: Store, log: Callable[[], list[str]]) -> None:
    plan = Plan("two chains")
    for chain in "ab":
        last = plan.add(f"{chain}0", single, name=f"{chain}0", seconds=0.5)
        for number in (1, 2, 3):
            last = plan.add(f"{chain}{number}", single, last, name=f"{chain}{number}", seconds=0.05)
    build(plan, store)
    workers: dict[str, set[str]] = {"a": set(), "b": set()}
    for line in log():
        _, name, pid, _ = line.split()
        workers[name[0]].add(pid)
    assert [len(pids) for pids in workers.values()] == [1, 1]
    assert workers["a"] != workers["b"]


def test_what_took_long_before_starts_first(store: Store, log: Callable[[], list[str]]) -> None:
    def plan(salt: str) -> Plan:
        made = Plan("history")
        for name, seconds in (("short", 0.0), ("long", 0.4), ("middle", 0.2)):
            made.add(name, whole, name=name + salt, seconds=seconds)
        return made

    build(plan(""), store)
    took = {name: record.seconds for name, record in last_steps(store, "history").items()}
    assert took["long"] > 0.4
    assert took["middle"] > 0.2
    build(plan("x"), store)
    begun = [line.split()[1] for line in log() if line.startswith("begin")]
    assert begun[:3] == ["short", "long", "middle"]
    # What took how long is as recorded: on a busy machine the short step may have taken longest.
    assert begun[3:] == [f"{name}x" for name in sorted(took, key=lambda name: -took[name])]


def test_a_step_has_the_threads_that_it_was_granted(store: Store) -> None:
    plan = Plan("threads")
    plan.add("threads", threads)
    assert build(plan, store).value("threads") == Number(1)  # of three, so that two others fit beside it
    alone = Plan("alone")
    alone.add("threads", threads)
    other = Store(store.root.parent / "other")
    assert build(alone, other, executor=Local(workers=1)).value("threads") == Number(0)  # the whole machine
    said = execute(alone, Store(store.root.parent / "third"), Device(threads=7), executor=Local(workers=2))
    assert said.value("threads") == Number(7)


@stage(version="1", kind="pure", cpus=64, memory="900 TB", gpus=9)
def greedy(*rest: Number, name: str) -> Number:
    return Number(len(name))


def test_a_stage_that_asks_for_more_than_there_is_still_runs(store: Store) -> None:
    plan = Plan("greedy")
    plan.add("greedy", greedy, name="four")
    assert build(plan, store).value("greedy") == Number(4)


# --------------------------------------------------------------------------- failures


def test_a_worker_that_dies_is_a_clear_error_and_loses_nothing_else(store: Store) -> None:
    for how, words in (("kill", "signal 9 (SIGKILL)"), ("fault", "signal 11"), ("exit", "exit code 3")):
        plan = Plan(f"deadly {how}")
        slow = plan.add("slow", single, name=f"slow {how}", seconds=0.6)
        plan.add("after", single, slow, name=f"after {how}")
        plan.add("die", die, how=how)
        with pytest.raises(StageError) as caught:
            build(plan, store)
        assert "step die" in str(caught.value)
        assert words in str(caught.value)
        assert "| last words" in str(caught.value)
        assert "the same command goes on" in str(caught.value)
        assert ("memory" in str(caught.value)) == (how == "kill")
        record = next(runs(store, f"deadly {how}"), None)
        assert record is not None
        assert record.steps["slow"].status == "ran"  # what ran on was let finish, and is kept
        assert record.steps["die"].status == "failed"
        assert "after" not in record.steps


def test_an_error_comes_back_as_what_it_was_with_its_place_in_the_worker(store: Store) -> None:
    plan = Plan("failing")
    plan.add("fail", print_and_fail, words="oh")
    with pytest.raises(ZeroDivisionError, match="oh") as caught:
        build(plan, store)
    assert "in print_and_fail" in str(caught.value.__cause__)
    assert caught.value.__notes__ == ["in step fail"]
    (text,) = [path.read_text() for path in store.runs.glob("*/log.txt")]
    assert text == "fail: printed\nfail: written past Python\n"


def test_what_a_step_says_reaches_the_observer_in_order(tmp_path: Path, store: Store) -> None:
    from test_executor import _talking

    watch = Watch()
    build(_talking(tmp_path), store, watch)
    assert watch.seen[:3] == [
        ("started", "talk"),
        ("said", "talk", "hello"),
        ("progress", "talk", "1/2", "rows"),
    ]


def test_a_stage_that_no_name_leads_to_runs_in_this_process(store: Store) -> None:
    def hidden(*rest: Number) -> Number:
        return Number(os.getpid())

    plan = Plan("hidden")
    plan.add("hidden", stage(version="1", kind="pure")(hidden))
    assert build(plan, store).value("hidden") == Number(os.getpid())


def test_a_damaged_input_is_made_anew_by_workers_too(tmp_path: Path, store: Store) -> None:
    from test_store import damage

    result = build(small(tmp_path), store)
    for entry in store.tree(result.outcome("table").output):
        if entry.digest:
            damage(store.root / "cas" / entry.digest[:2] / entry.digest, "flipped")
    import shutil

    shutil.rmtree(store.root / "tmp" / "out")
    again = build(small(tmp_path, factor=5), Store(store.root))
    assert again.value("rows") == Number(20)
    assert [outcome.status for outcome in again.outcomes] == ["reused", "reused", "cut-off", "ran"]


# --------------------------------------------------------------------------- the network


@pytest.fixture
def server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("executor", [Inline(), Local(workers=1)], ids=["inline", "local"])
def test_a_build_without_network_reaches_nobody(store: Store, server: int, executor: Any) -> None:
    plan = Plan("dialling")
    plan.add("dial", dial, host="127.0.0.1", port=server)
    with pytest.raises(UserError, match=re.escape(f"step dial wants to reach 127.0.0.1:{server}")):
        build(plan, store, executor=executor, network=Network.NONE)
    named = Plan("named")
    named.add("dial", dial, host="example.invalid", port=80)
    with pytest.raises(UserError, match=r"step dial wants to reach example\.invalid"):
        build(named, store, executor=executor, network=Network.NONE)
    assert build(plan, store, executor=executor).value("dial") == Number(1)  # and is free again afterwards


@pytest.mark.parametrize("executor", [Inline(), Local(workers=1)], ids=["inline", "local"])
def test_a_policy_lets_each_step_reach_whom_it_may(store: Store, server: int, executor: Any) -> None:
    kinds = {"alone": None, "here": Caller(asks_elsewhere=False), "elsewhere": Caller(asks_elsewhere=True)}
    free = {Network.NONE: set(), Network.TEACHER: {"elsewhere"}, Network.HUB: {"alone", "here"}, None: set()}
    for policy in list(free)[1:3] if isinstance(executor, Local) else free:  # there, a process each
        for kind, caller in kinds.items():
            plan = Plan(f"{policy}-{kind}")
            plan.add("dial", dial, host="127.0.0.1", port=server, caller=caller)
            told = _told(plan, store, executor, policy)
            assert (told == "") == (kind in free[policy]), plan.name
            setting = "--frozen" if policy is None else f"constraints.network={policy}"
            assert not told or f"({setting})" in told


def _told(plan: Plan, store: Store, executor: Any, policy: Network | None) -> str:
    """Why the network was refused; "" where it was not."""
    from p2m.engine.running.network import NetworkForbidden

    for entry in (store.root / "ac").rglob("*"):
        if entry.is_file():
            entry.unlink()
    try:
        build(plan, store, executor=executor, network=policy)
    except NetworkForbidden as error:
        return str(error)
    return ""


def test_what_to_type_names_the_setting(store: Store, server: int) -> None:
    plan = Plan("asking")
    plan.add("dial", dial, host="127.0.0.1", port=server, caller=Caller(asks_elsewhere=True))
    assert "constraints.network=teacher" in _told(plan, store, Inline(), Network.NONE)
    alone = Plan("alone")
    alone.add("dial", dial, host="127.0.0.1", port=server)
    assert "constraints.network=hub" in _told(alone, store, Inline(), Network.TEACHER)


def test_a_process_that_forbade_the_network_still_talks_over_local_sockets(tmp_path: Path) -> None:
    code = """
import socket, sys
from p2m.engine.running.network import forbid_network
from p2m.errors import UserError
forbid_network()
one, two = socket.socketpair()
one.sendall(b"x"); assert two.recv(1) == b"x"
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect(sys.argv[1])
for call in (lambda: socket.create_connection(("192.0.2.1", 80), 0.1),
             lambda: socket.getaddrinfo("example.com", 80),
             lambda: socket.gethostbyname("example.com"),
             lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9))):
    try:
        call()
    except UserError as error:
        assert "this command wants to reach" in str(error)
    else:
        sys.exit(f"{call} got through")
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "s")], check=True)


# --------------------------------------------------------------------------- cost


def test_no_step_pays_more_than_fifty_milliseconds_of_engine(tmp_path: Path, store: Store) -> None:
    """Processor time of command and worker together; bench/step_cost.py takes the wall clock."""

    def cost(steps: int) -> float:
        plan = Plan("chain")
        last = plan.add("number", read_number, plan.source("file", tmp_path / "n.txt"))
        for number in range(steps):
            last = plan.add(f"n{number}", single, last, name=f"{steps} {number}")
        began = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        build(plan, store, executor=Local(workers=1))
        ended = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            for before, after in zip(began, ended, strict=True)
        )

    cost(1)
    assert (cost(31) - cost(1)) / 30 < 0.05
