"""A collector frees what nothing keeps, never what something does, and may be killed anywhere."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_executor import build, small
from test_faults import assert_sound, log_of
from test_store import contents
from toys import Number, read_number, total

from p2m.engine import formats
from p2m.engine.care.gc import Collected, collect
from p2m.engine.care.roots import find_roots, pins_of
from p2m.engine.executor import execute, stored
from p2m.engine.files import disk
from p2m.engine.handles import Device
from p2m.engine.journal import Invocation, Journal, runs
from p2m.engine.plan import Plan
from p2m.engine.storage import kept, leases
from p2m.engine.store import Store

HERE = Path(__file__).parent
DAY = 86400.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "n.txt").write_text("1")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder / "store")


def number(folder: Path, plus: int, name: str = "plan") -> Plan:
    plan = Plan(name)
    first = plan.add("number", read_number, plan.source("file", folder / "n.txt"))
    plan.add("sum", total, first, None, plus=plus)
    return plan


def keep_last(store: Store, name: str, plan: str) -> None:
    record = next(runs(store, plan), None)
    assert record is not None
    kept.keep(store.root, name, record.id, plan, pins_of(record))


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def labels(report: Collected) -> list[str]:
    return [kept.label for kept in report.kept]


# --------------------------------------------------------------------------- roots


def test_the_last_runs_of_each_plan_stay_and_older_ones_go(folder: Path, store: Store) -> None:
    for plus in range(5):
        build(number(folder, plus), store)
    build(number(folder, 9, "other"), store)
    report = collect(store, delete=True)
    assert labels(report) == ["last run of other", "last 3 runs of plan"]
    assert report.freed["entries"].count == 2
    assert [stored(number(folder, plus), store, "sum") for plus in range(5)] == [
        None, None, Number(3), Number(4), Number(5)
    ]  # fmt: skip
    assert stored(number(folder, 9, "other"), store, "sum") == Number(10)
    assert_sound(store)
    assert "blobs" not in collect(store, runs=3).freed
    collect(store, delete=True, runs=0)
    assert [path for path in (store.root / "cas").rglob("*") if path.is_file()] == []
    assert list((store.root / "ac").iterdir()) == []
    assert build(number(folder, 4), store).counts.get("reused") is None


def typed(plan: Plan, store: Store, *overrides: str) -> None:
    execute(plan, store, Device(), invocation=Invocation("r.yaml", overrides))


def test_variants_and_builds_that_reuse_everything_push_out_no_generation(folder: Path, store: Store) -> None:
    for plus in range(3):
        typed(number(folder, plus), store)
    for _ in range(4):
        typed(number(folder, 2), store)
    for words in (("seed=2", "a=1"), ("a=1", "seed=2"), ("seed=3",)):
        typed(number(folder, 10 + len(words)), store, *words)
    assert len(find_roots(store, records=2).old) == 10 - 2 - 3  # the first two generations' records stay
    report = collect(store, delete=True)
    assert labels(report) == ["last run of plan seed=3", "last run of plan a=1 seed=2", "last 3 runs of plan"]
    assert [stored(number(folder, plus), store, "sum") for plus in range(3)] == [
        Number(1), Number(2), Number(3)
    ]  # fmt: skip
    for seed in range(5):
        typed(number(folder, 20), store, f"seed={seed}")
    assert labels(collect(store)) == ["last 3 runs of plan", "last runs of 6 variants of plan"]
    collect(store, delete=True, runs=1)
    assert [stored(number(folder, plus), store, "sum") for plus in (1, 2, 11, 12, 20)] == [
        None, Number(3), None, Number(13), Number(21)
    ]  # fmt: skip


def test_a_dry_run_says_the_same_and_changes_nothing(folder: Path, store: Store) -> None:
    for plus in range(5):
        build(number(folder, plus), store)

    def everything() -> dict[str, tuple[int, float]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime) for p in store.root.rglob("*") if p.is_file()}

    before = everything()
    dry = collect(store, runs=1)
    assert everything() == before
    wet = collect(store, runs=1, delete=True)
    assert dry.freed == {**wet.freed, "locks": dry.freed["locks"]}
    assert (dry.kept, dry.total_kept) == (wet.kept, wet.total_kept)
    assert dry.total_freed.size > 1000


def test_runs_that_failed_do_not_push_out_the_last_good_ones(folder: Path, store: Store) -> None:
    build(number(folder, 1), store)
    for _ in range(5):
        (folder / "n.txt").write_text("no number")
        with pytest.raises(ValueError):
            build(number(folder, 2), store)
    (folder / "n.txt").write_text("1")
    collect(store, delete=True, runs=1)
    assert stored(number(folder, 1), store, "sum") == Number(2)


def test_a_name_keeps_a_run_until_it_is_dropped(folder: Path, store: Store) -> None:
    build(number(folder, 1), store)
    keep_last(store, "demo", "plan")
    build(number(folder, 2), store)
    report = collect(store, delete=True, runs=0)
    assert labels(report) == ["keep demo"]
    assert stored(number(folder, 1), store, "sum") == Number(2)
    assert stored(number(folder, 2), store, "sum") is None
    assert [keep.plan for keep in kept.keeps(store.root)] == ["plan"]
    assert kept.drop(store.root, "demo")
    assert not kept.drop(store.root, "demo")
    collect(store, delete=True, runs=0)
    assert stored(number(folder, 1), store, "sum") is None


def test_a_registered_lock_file_keeps_what_it_names_as_it_reads_now(folder: Path, store: Store) -> None:
    first = build(number(folder, 1), store).outcome("sum").key
    second = build(number(folder, 2), store).outcome("sum").key
    lock = folder / "r.lock"
    lock.write_text(f"steps:\n  sum: {{key: {first}}}\n")
    store.register_root(lock)
    store.register_root(lock)
    report = collect(store, delete=True, runs=0)
    assert len(report.kept) == 1
    assert report.kept[0].label.endswith("r.lock")
    assert store.lookup(first) is not None
    assert store.lookup(second) is None
    build(number(folder, 2), store)
    lock.write_text(f"steps:\n  sum: {{key: {second}}}\n")
    collect(store, delete=True, runs=0)
    assert store.lookup(first) is None
    assert store.lookup(second) is not None
    lock.unlink()
    collect(store, delete=True, runs=0)
    assert store.lookup(second) is None
    assert kept.registered(store.root) == ()


def test_what_a_living_build_has_pinned_stays_even_if_it_ends_meanwhile(folder: Path, store: Store) -> None:
    key = build(number(folder, 1), store).outcome("sum").key
    pins = leases.Pins(store.root)
    with store.leased("r"):
        assert Store(store.root).lookup(key) is not None
        assert store.lookup(key) is not None
        collect(Store(store.root), delete=True, runs=0)
        assert store.lookup(key) is not None
    assert key in pins.news() or pins.news() == []
    pins.close()
    collect(store, delete=True, runs=0)
    assert store.lookup(key) is None


def test_what_a_finished_build_hands_over_stays_while_it_is_read(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = number(folder, 1)
    result = execute(plan, store, Device())
    read = formats.load

    def collected_first(kind: type, place: Path) -> object:
        collect(Store(store.root), delete=True, runs=0)
        return read(kind, place)

    monkeypatch.setattr(formats, "load", collected_first)
    name = plan.steps[-1].name
    assert isinstance(result.value(name), plan.step(name).output)


def test_alternatives_of_a_live_key_stay(folder: Path, store: Store) -> None:
    outcome = build(number(folder, 1), store).outcome("sum")
    entry = store.entry(outcome.key)
    assert entry is not None
    with store.temporary("t") as made:
        (made / "other").write_text("x")
        other = store.put_folder(made)
    store.publish(outcome.key, entry.preimage, other, 1)
    collect(store, delete=True)
    assert store.alternatives(outcome.key) == (other,)
    assert contents(store.materialize(other)) == {"other": b"x"}


def test_what_is_younger_than_asked_stays_with_all_it_needs(folder: Path, store: Store) -> None:
    old = build(number(folder, 1), store).outcome("sum").key
    for path in (store.root / "cas").rglob("*"):
        if path.is_file():
            age(path, 8 * DAY)
    age(store.entry_path(old), 8 * DAY)
    new = build(number(folder, 2), store).outcome("sum").key
    collect(store, delete=True, runs=0, older_than=7 * DAY)
    assert store.lookup(old) is None
    assert store.lookup(new) is not None  # with the blobs that it shares with the old one
    assert_sound(store)


# --------------------------------------------------------------------------- other kinds


def test_copies_leavings_scratch_locks_records_and_old_quarantine_go(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = build(small(folder), store)
    result.value("table")
    copies = set(os.listdir(store.root / "tmp" / "out"))
    assert copies
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    young, old = (store.root / "tmp" / f"x.{dead.pid}.{c * 12}" for c in "ab")
    mine = store.root / "tmp" / f"x.{os.getpid()}.{'c' * 12}"
    scratch = store.scratch("e" * 64)
    (store.root / "quarantine" / "bad").write_text("x")
    (store.root / "ledger" / "records").write_text("paid for")
    for path in (young, old, mine):
        path.mkdir()
    assert collect(store, delete=True).freed.get("copies") is None
    assert {path.name for path in (young, old, mine)} <= set(os.listdir(store.root / "tmp"))
    assert scratch.exists()
    from p2m.engine.care import unused

    real = time.time
    monkeypatch.setattr(unused.time, "time", lambda: real() + 8 * DAY)  # type: ignore[attr-defined]
    with store.hold_key("f" * 64, "busy", lambda who: None):
        report = collect(store, delete=True, runs=0)
        assert [path.name for path in (store.root / "locks").iterdir() if path.name[0] != "."] == ["f" * 64]
    assert {"copies", "leavings", "scratch", "quarantine"} <= set(report.freed)
    assert not young.exists()
    assert not old.exists()
    assert mine.exists()  # this process lives
    assert not scratch.exists()
    assert os.listdir(store.root / "quarantine") == []
    assert os.listdir(store.root / "tmp" / "out") == []
    assert (store.root / "ledger" / "records").read_text() == "paid for"


def test_records_beyond_the_newest_go_and_a_running_one_stays(folder: Path, store: Store) -> None:
    for _ in range(4):
        build(number(folder, 1), store)
    oldest, *_ = sorted(os.listdir(store.runs))
    assert len(find_roots(store, records=2).old) == 2
    from p2m.engine.care import unused

    with store.leased(oldest):
        names = [item.path.name for item in unused.records(store, find_roots(store, records=2))]
    assert len(names) == 1
    assert oldest not in names


def test_damaged_things_stop_no_collection_and_a_damaged_name_still_keeps(folder: Path, store: Store) -> None:
    key = build(number(folder, 1), store).outcome("sum").key
    keep_last(store, "demo", "plan")
    path = store.root / "keep" / "demo"
    path.write_bytes(path.read_bytes().replace(b'"plan": "plan"', b'"plan": "plaM"'))
    report = collect(store, delete=True, runs=0)
    assert labels(report) == ["keep demo (damaged)"]
    assert store.lookup(key) is not None
    entry = store.entry_path(key)
    entry.chmod(0o644)
    entry.write_bytes(b"x")
    collect(store, delete=True, runs=0)
    assert entry.exists()  # for `verify` to say


# --------------------------------------------------------------------------- kills

KILLER = """
import os, signal, sys
from p2m.engine.care.gc import collect
from p2m.engine.store import Store
store, at = Store(sys.argv[1]), int(sys.argv[2])
count = 0
def wrap(function):
    def call(*arguments, **options):
        global count
        if any(sys.argv[1] in str(each) for each in arguments):
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
for name in ("unlink", "rename", "rmdir", "open", "listdir", "scandir", "remove", "mkdir"):
    setattr(os, name, wrap(getattr(os, name)))
collect(store, delete=True, runs=1)
"""


def a_store_with_garbage(folder: Path, place: str) -> Store:
    store = Store(folder / place)
    for plus in range(3):
        build(small(folder, plus=plus), store).value("table")
    return store


def kill_at(folder: Path, position: int) -> bool:
    """Kill a collection at that file call; False where it has no so many."""
    store = a_store_with_garbage(folder, f"store{position}")
    process = subprocess.run(
        [sys.executable, "-c", KILLER, str(store.root), str(position)], capture_output=True, text=True
    )
    assert process.returncode in (0, -signal.SIGKILL), process.stderr
    assert_sound(store)
    assert stored(small(folder, plus=2), store, "rows") == Number(8)
    collect(store, delete=True, runs=1)
    assert_sound(store)
    assert build(small(folder, plus=2), store).counts == {"reused": 4}
    left = collect(store, runs=1).freed
    assert set(left) <= {"leavings", "locks", "leases"}, left
    return process.returncode != 0


def test_a_collector_that_is_killed_leaves_a_sound_store(folder: Path) -> None:
    assert [kill_at(folder, position) for position in (60, 130, 170)].count(True) >= 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_collector_may_be_killed_at_every_file_call(folder: Path) -> None:
    position = 1
    while kill_at(folder, position):
        position += 1
    assert position > 100


# --------------------------------------------------------------------------- together with builds

BUILDER = """
import sys, time
from pathlib import Path
from chain import together
from p2m.engine.executor import execute
from p2m.engine.store import Store
from p2m.engine.handles import Device
folder, until, seed = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
number = 0
while time.time() < until or number == 0:
    variant = (seed + number) % 3
    store = Store(folder / "store")
    with store.leased(f"test-{seed}-{number}"):
        result = execute(together(folder, variant), store, Device())
        assert result.value("s5").value == variant + 6 + 1, result
    number += 1
print(number)
"""
COLLECTOR = """
import sys, time
from pathlib import Path
from p2m.engine.care.gc import collect
from p2m.engine.store import Store
store, until, count = Store(Path(sys.argv[1]) / "store"), float(sys.argv[2]), 0
while time.time() < until or count == 0:
    collect(store, delete=True, runs=int(sys.argv[3]))
    count += 1
print(count)
"""
VERIFIER = """
import sys, time
from pathlib import Path
from p2m.engine.store import Store
from p2m.engine.care.verify import verify
store, until, count = Store(Path(sys.argv[1]) / "store"), float(sys.argv[2]), 0
while time.time() < until or count == 0:
    found = verify(store)
    assert found.faults == (), found.faults
    count += 1
print(count)
"""


def run_together(folder: Path, seconds: float, builders: int, runs: int) -> list[str]:
    """Builders, a collector and a verifier at once; returns what the stages logged."""
    environment = {
        **os.environ, "P2M_TOY_LOG": str(folder / "log"),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
    }  # fmt: skip
    until = str(time.time() + seconds)

    def begin(program: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, str(folder), until, *arguments]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    processes = [begin(BUILDER, str(seed)) for seed in range(builders)]
    processes += [begin(COLLECTOR, str(runs)), begin(VERIFIER)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    assert all(int(output) >= 1 for output in outputs), outputs
    assert_sound(Store(folder / "store"))
    return log_of(folder)


def test_builds_and_a_collector_that_takes_all_it_may_get_along(folder: Path) -> None:
    run_together(folder, 1, 3, runs=0)


def test_what_the_last_runs_keep_is_made_once_whatever_a_collector_does(folder: Path) -> None:
    log = run_together(folder, 1, 2, runs=3)
    done = Counter(line for line in log if line.endswith("done"))
    assert set(done.values()) == {1}, done


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_32_builders_and_collectors_for_minutes(folder: Path) -> None:
    run_together(folder, float(os.environ.get("P2M_CASES", "120")), 32, runs=0)


# --------------------------------------------------------------------------- against an oracle


class Histories(RuleBasedStateMachine):
    """Random builds, edits, names and collections; the oracle says what must still be there."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "n.txt").write_text("0")
        self.store = Store(self.folder / "store")
        self.value = 0
        self.runs: dict[str, list[frozenset[tuple[int, int]]]] = {"a": [], "b": []}
        self.kept: dict[str, frozenset[tuple[int, int]]] = {}
        self.present: set[tuple[int, int]] = set()  # what was built and may not have been collected

    @rule(value=st.integers(0, 2))
    def edit(self, value: int) -> None:
        (self.folder / "n.txt").write_text(str(value))
        self.value = value

    @rule(plan=st.sampled_from("ab"), plus=st.integers(0, 3))
    def build(self, plan: str, plus: int) -> None:
        made = build(number(self.folder, plus, plan), self.store)
        assert made.value("sum") == Number(self.value + plus)
        wanted = (self.value, plus)
        assert (made.outcome("sum").status == "reused") == (wanted in self.present)
        self.present.add(wanted)
        self.runs[plan].append(frozenset([wanted]))

    @precondition(lambda self: self.runs["a"])
    @rule(name=st.sampled_from(["x", "y"]))
    def keep(self, name: str) -> None:
        keep_last(self.store, name, "a")
        must = self.runs["a"][-1]
        self.kept[name] = must

    @rule(name=st.sampled_from(["x", "y"]))
    def drop(self, name: str) -> None:
        assert kept.drop(self.store.root, name) == (self.kept.pop(name, None) is not None)

    @rule(runs=st.integers(0, 3))
    def collect(self, runs: int) -> None:
        collect(self.store, delete=True, runs=runs)
        self.present &= self.wanted(runs)
        there = {(value, plus) for value in range(3) for plus in range(4) if self._is_there(value, plus)}
        assert there == self.present  # nothing kept is gone, and nothing else is there

    def wanted(self, runs: int) -> set[tuple[int, int]]:
        """What names and the last runs keep; of runs with the same keys the newest alone counts."""
        last = [run for made in self.runs.values() for run in list(dict.fromkeys(reversed(made)))[:runs]]
        return {each for run in (*self.kept.values(), *last) for each in run}

    def _is_there(self, value: int, plus: int) -> bool:
        (self.folder / "n.txt").write_text(str(value))
        found: Any = stored(number(self.folder, plus, "a"), self.store, "sum")
        (self.folder / "n.txt").write_text(str(self.value))
        assert found in (None, Number(value + plus))
        return found is not None

    @invariant()
    def is_sound(self) -> None:
        assert_sound(self.store)

    def teardown(self) -> None:
        disk.remove_tree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=5, stateful_step_count=12, deadline=None)


@pytest.mark.slow
@pytest.mark.timeout(3600)
class TestManyHistories(Histories.TestCase):  # type: ignore[misc]
    settings = settings(
        max_examples=int(os.environ.get("P2M_CASES", "300")), stateful_step_count=40, deadline=None
    )


def test_random_collections_between_random_reads_serve_nothing_wrong(folder: Path, store: Store) -> None:
    random_ = random.Random(3)
    for _ in range(12):
        plus = random_.randrange(3)
        assert execute(number(folder, plus), store, Device()).value("sum") == Number(1 + plus)
        collect(store, delete=True, runs=random_.randrange(3))


def test_the_scratch_folder_of_a_step_that_ran_at_a_kill_is_kept_for_the_next_build(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from p2m.engine.care import unused

    journal = Journal(store, "plan")
    journal.began("train", "a" * 64)  # and no more is known of it
    for key in ("a" * 64, "b" * 64):
        (store.scratch(key) / "checkpoint").write_text("x")
    real = time.time
    monkeypatch.setattr(unused.time, "time", lambda: real() + 8 * DAY)  # type: ignore[attr-defined]
    collect(store, delete=True)
    assert [path.name for path in (store.root / "steps").iterdir()] == ["a" * 64]


def test_what_a_kill_left_of_a_step_that_is_stored_goes_at_once(folder: Path, store: Store) -> None:
    """A kill between the entry and the end of the step leaves its scratch folder, of no use to anyone."""
    key = execute(number(folder, 0), store, Device()).outcome("sum").key
    (store.scratch(key) / "checkpoint").write_text("x")
    with store.hold_key(key, "sum", lambda who: None):
        collect(store, delete=True)
        assert (store.root / "steps" / key).exists()
    collect(store, delete=True)
    assert not (store.root / "steps" / key).exists()
    assert execute(number(folder, 0), store, Device()).counts == {"reused": 2}
