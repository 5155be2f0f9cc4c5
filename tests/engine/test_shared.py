"""A shared store gives what it has, verified; every fault of it is a miss, and no build ever fails for it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import pytest
from flaky import FAULTS, World, world
from hypothesis import given, settings
from hypothesis import strategies as st
from test_executor import Watch, build, small
from test_faults import assert_sound
from test_store import contents, put
from toys import Number, clock, push, read_number

from p2m.engine import hashing
from p2m.engine.explaining.explain import Survey
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.running.local import Local
from p2m.engine.storage.entries import KEY_TAG, Action, entry_bytes
from p2m.engine.storage.objects import OversizeError
from p2m.engine.storage.shared import FsspecShared
from p2m.engine.storage.shared_address import SharedAddress, checked_url, chosen_address, lacking, redacted
from p2m.engine.store import DamagedError, Store

HERE = Path(__file__).parent
FILES = {"value.json": b'{"a": 1}', "rows/part.jsonl": b"{}\n" * 50, "weights.bin": bytes(range(256)) * 9}
NUMBERS = count()
OUTSIDE = Path(tempfile.gettempdir(), f"p2m-outside-{os.getpid()}")  # what no store may ever make
CASES = int(os.environ.get("P2M_CASES", "500"))
CALLS = 34  # calls that sending an artifact takes, and some


def key_of(number: int, kind: str = "pure") -> tuple[str, dict[str, Any]]:
    preimage = {"stage": "toy", "kind": kind, "settings": {"number": number}, "inputs": {}}
    return hashing.digest_tree_of_plain(preimage, tag=KEY_TAG), preimage


def make(store: Store, number: int = 0, kind: str = "pure", **more: bytes) -> Action:
    """What a step does: its artifact stored, its entry published."""
    key, preimage = key_of(number, kind)
    return store.publish(key, preimage, put(store, FILES | {"number": b"%d" % number} | more), 0.5)


def settle(store: Store) -> list[str]:
    lines: list[str] = []
    store.flush(lines.append)
    return lines


def listened(store: Store) -> list[str]:
    lines: list[str] = []
    store.heed(lines.append)
    return lines


@pytest.fixture
def remote(tmp_path: Path) -> World:
    return world("net", tmp_path / "remote")


def at(mode: Any = "read", timeout: float = 5.0) -> SharedAddress:
    return SharedAddress("flaky://net/store", mode, timeout)


def filled(tmp_path: Path, numbers: int = 1) -> Store:
    """A first machine that has made and sent some artifacts."""
    first = Store(tmp_path / "first", at("write"))
    for number in range(numbers):
        make(first, number)
    settle(first)
    return first


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("ac", "cas", "quarantine", "offers")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }


# --------------------------------------------------------------------------- two machines


@pytest.mark.parametrize("kind", ["file", "memory", "flaky"])
@pytest.mark.parametrize("means", ["inline", "local"])
def test_a_second_machine_builds_nothing(tmp_path: Path, kind: str, means: str, remote: World) -> None:
    if (kind, means) == ("memory", "local"):
        pytest.skip("workers are told of no shared store; the inline run proves it for memory")
    (tmp_path / "n.txt").write_text("7")
    url = {"file": f"file://{tmp_path}/shared", "memory": f"memory://s{next(NUMBERS)}"}.get(kind, at().url)
    executor = Local(workers=2) if means == "local" else None
    from p2m.engine.executor import execute

    first = Store(tmp_path / "first", SharedAddress(url, "write"))
    made = execute(small(tmp_path), first, Device(), executor=executor)
    assert made.counts == {"ran": 4}
    settle(first)
    second = Store(tmp_path / "second", SharedAddress(url))
    watch = Watch()
    result = execute(small(tmp_path), second, Device(), watch, executor=executor)
    assert result.counts == {"reused": 4}
    assert watch.ran == []
    assert all(outcome.shared for outcome in result.outcomes)
    assert result.value("rows") == made.value("rows")
    assert result.value("table").rows == made.value("table").rows
    assert_sound(second)
    again = build(small(tmp_path), Store(tmp_path / "second"))  # and it owns what it fetched
    assert again.counts == {"reused": 4}
    assert not any(outcome.shared for outcome in again.outcomes)


def test_a_store_opens_again_from_plain_data(tmp_path: Path, remote: World) -> None:
    import pickle

    make(filled(tmp_path), 0)
    store = Store(tmp_path / "second", at())
    again = Store.at(pickle.loads(pickle.dumps(store.place)))
    found = again.lookup(key_of(0)[0])
    assert found is not None
    assert found.shared


def test_a_local_store_behind_a_folder_s_path_is_a_shared_one(tmp_path: Path) -> None:
    action = make(Store(tmp_path / "first"))
    second = Store(tmp_path / "second", SharedAddress(checked_url(str(tmp_path / "first"))))
    assert second.lookup(action.key) is not None
    assert contents(second.materialize(action.output))["weights.bin"] == FILES["weights.bin"]


def test_only_what_is_not_here_is_asked_for_and_only_once(tmp_path: Path, remote: World) -> None:
    action = make(filled(tmp_path, 2), 0)
    second = Store(tmp_path / "second", at())
    make(second, 1)  # most blobs are here now
    remote.calls.clear()
    assert second.lookup(key_of(1)[0]) is not None
    assert remote.calls == []
    assert second.lookup(action.key) is not None
    read = [path.split("/", 2)[2] for operation, path in remote.calls if operation == "open-rb"]
    number = hashing.digest_bytes(b"0")
    assert read == [
        "FORMAT",
        *(f"{kind}/{name[:2]}/{name}" for kind, name in (("ac", action.key), ("cas", action.output))),
        f"cas/{number[:2]}/{number}",
    ]
    remote.calls.clear()
    absent = key_of(99)[0]
    assert second.lookup(absent) is None
    assert second.lookup(absent) is None
    assert len(remote.calls) == 1


def test_a_plan_asks_for_entries_alone_and_writes_nothing(tmp_path: Path, remote: World) -> None:
    (tmp_path / "n.txt").write_text("7")
    first = Store(tmp_path / "first", at("write"))
    build(small(tmp_path), first)
    settle(first)
    second = Store(tmp_path / "second", at("write"))
    before = listing(second.root)
    remote.calls.clear()
    told = {step.step: step for step in Survey(small(tmp_path), second).previews}
    assert [told[name].status for name in ("number", "half", "table", "rows")] == ["cached"] * 4
    assert {told[name].reason for name in ("number", "rows")} == {"in the shared store"}
    assert listing(second.root) == before
    assert [path.split("/")[2] for _, path in remote.calls] == ["FORMAT", "ac", "ac", "ac", "ac"]
    assert remote.writes == []


def test_a_blob_that_was_lost_here_is_fetched_and_the_step_does_not_run(
    tmp_path: Path, remote: World
) -> None:
    (tmp_path / "n.txt").write_text("7")
    first = Store(tmp_path / "first", at("write"))
    result = build(small(tmp_path), first)
    settle(first)
    output = result.outcome("table").output
    for entry in first.tree(output):
        if entry.digest:
            first.blobs.path(entry.digest).unlink()
    watch = Watch()
    assert build(small(tmp_path), Store(first.root, at()), watch).counts == {"reused": 4}
    assert watch.ran == []
    assert_sound(first)


# --------------------------------------------------------------------------- what is sent


def test_read_mode_never_writes(tmp_path: Path, remote: World) -> None:
    filled(tmp_path)
    before = listing(remote.folder / "store")
    remote.fault = lambda number, operation, path: None if operation in ("open-rb", "info") else "error"
    remote.calls.clear()
    (tmp_path / "n.txt").write_text("7")
    second = Store(tmp_path / "second", at("read"))
    assert build(small(tmp_path), second).counts == {"ran": 4}
    assert settle(second) == []
    assert remote.writes == []
    assert remote.calls
    assert listing(remote.folder / "store") == before


def test_volatile_steps_are_never_sent_and_measured_ones_are(tmp_path: Path, remote: World) -> None:
    (tmp_path / "n.txt").write_text("7")
    plan = Plan("kinds")
    number = plan.add("number", read_number, plan.source("file", tmp_path / "n.txt"))
    plan.add("clock", clock, number)
    plan.add("push", push, number)
    first = Store(tmp_path / "first", at("write"))
    build(plan, first)
    make(first, 5, kind="volatile")
    settle(first)
    entries = [path.read_text() for path in (remote.folder / "store" / "ac").rglob("?" * 64)]
    kinds = {json.loads(text.split("\n", 1)[1])["preimage"]["kind"] for text in entries}
    assert kinds == {"pure", "measured"}


def test_blobs_are_sent_before_the_entry_and_what_is_there_is_not_sent_again(
    tmp_path: Path, remote: World
) -> None:
    filled(tmp_path)
    moved = [path for operation, path in remote.calls if operation == "mv"]
    assert len(moved) == 7  # FORMAT, four files, their listing, the entry
    assert len(list((remote.folder / "store" / "tmp").iterdir())) == 0
    order = [
        path.split("/")[2]
        for operation, path in remote.calls
        if operation == "makedirs" and path.count("/") > 1
    ]
    assert order[-1] == "ac"
    remote.calls.clear()
    other = Store(tmp_path / "other", at("write"))
    make(other, 1)
    settle(other)
    assert sum(operation == "mv" for operation, _ in remote.calls) == 3  # one file, the listing, the entry


def test_what_was_found_here_is_sent_too_and_asked_after_once_where_it_is_there(
    tmp_path: Path, remote: World
) -> None:
    (tmp_path / "n.txt").write_text("7")
    build(small(tmp_path), Store(tmp_path / "first"))
    warm = Store(tmp_path / "first", at("write"))
    assert build(small(tmp_path), warm).counts == {"reused": 4}
    assert any("sending" in line for line in settle(warm))
    assert (warm.sent, warm.is_pending) == (4, False)
    assert build(small(tmp_path), Store(tmp_path / "second", at())).counts == {"reused": 4}
    remote.calls.clear()
    again = Store(tmp_path / "first", at("write"))
    build(small(tmp_path), again)
    assert settle(again) == []
    assert (again.sent, again.is_pending) == (0, False)
    assert len(remote.calls) == 4
    remote.fault = lambda number, operation, path: "error"
    away = Store(tmp_path / "first", at("write", timeout=0.5))
    build(small(tmp_path), away)
    assert any("were not sent" in line for line in settle(away))
    assert away.is_pending


def test_the_first_result_stays_and_another_one_is_kept_beside_it(tmp_path: Path, remote: World) -> None:
    first = make(filled(tmp_path), 0)
    other = Store(tmp_path / "other", at("write"))
    second = make(other, 0, more=b"not deterministic")
    settle(other)
    store = Store(remote.folder / "store")
    assert second.output != first.output
    found = store.lookup(first.key)
    assert found is not None
    assert found.output == first.output
    assert store.alternatives(first.key) == (second.output,)


def test_a_build_s_end_waits_for_what_is_being_sent_but_not_for_ever(tmp_path: Path, remote: World) -> None:
    remote.pause = 60
    remote.fault = lambda number, operation, path: "hang" if operation == "pipe_file" else None
    store = Store(tmp_path / "first", at("write", timeout=0.2))
    lines = listened(store)
    action = make(store)
    assert store.is_pending
    said = settle(store)
    assert remote.under_way  # it was not waited for
    assert said[0].startswith("sending 1 results")
    assert said[-1] == "1 results were not sent; the next build sends them"
    assert any("no end after" in line for line in lines)
    assert [path.name for path in (store.root / "offers").iterdir()] == [action.key]
    remote.fault = lambda number, operation, path: None
    settle(Store(store.root, at("write")))
    assert list((store.root / "offers").iterdir()) == []
    assert Store(tmp_path / "second", at()).lookup(action.key) is not None


PROGRAM = """
import sys, time
from pathlib import Path
from flaky import world, WORLDS, World
from test_shared import at, make
from p2m.engine.store import Store
folder = Path(sys.argv[1])
def hang(number, operation, path):
    return "hang" if number > int(sys.argv[2]) else None
WORLDS["net"] = World(folder / "remote", hang, 60)
make(Store(folder / "first", at("write", 60)))
print("made", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("calls", [3, 9, 17])
def test_a_kill_in_the_middle_of_sending_leaves_nothing_wrong_and_the_next_build_goes_on(
    tmp_path: Path, remote: World, calls: int
) -> None:
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(calls)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    second = Store(tmp_path / "second", at())
    assert second.lookup(key_of(0)[0]) is None
    for blob in (remote.folder / "store" / "cas").rglob("?" * 64):
        assert hashing.digest_file(blob) == blob.name
    settle(Store(tmp_path / "first", at("write")))
    assert Store(tmp_path / "second", at()).lookup(key_of(0)[0]) is not None
    assert_sound(Store(remote.folder / "store"))


RACER = """
import sys
from pathlib import Path
from test_shared import make, settle
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store
folder, name = Path(sys.argv[1]), sys.argv[2]
store = Store(folder / name, SharedAddress(f"file://{folder}/shared", "write"))
for number in range(6):
    make(store, number, mine=name.encode() if number % 2 else b"same")
settle(store)
reader = Store(folder / f"reader-{name}", SharedAddress(f"file://{folder}/shared"))
from test_shared import key_of
for number in range(6):
    found = reader.lookup(key_of(number)[0])
    assert found is not None, number
    reader.materialize(found.output)
"""


def test_machines_that_send_and_fetch_the_same_at_once_agree(tmp_path: Path) -> None:
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    environment = {**os.environ, "PYTHONPATH": path}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), name],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in ("a", "b", "c")
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    shared = Store(tmp_path / "shared")
    assert_sound(shared)
    for number in range(6):
        key = key_of(number)[0]
        found = [Store(tmp_path / f"reader-{name}").lookup(key) for name in "abc"]
        assert len({action.output for action in found if action is not None}) == 1
        assert len(shared.alternatives(key)) == (2 if number % 2 else 0)


# --------------------------------------------------------------------------- faults


def founded(folder: Path) -> World:
    """A world whose store has its FORMAT: one that is damaged there is a person's to mend."""
    found = world("net", folder)
    (folder / "store").mkdir()
    (folder / "store" / "FORMAT").write_text("p2m-store 1\n")
    return found


def check_second_machine(folder: Path, truth: dict[str, bytes], place: SharedAddress) -> bool:
    """A machine that builds beside a shared store in trouble has the right bytes; says whether they came."""
    store = Store(folder, place)
    key = key_of(0)[0]
    found = store.lookup(key)
    action = found or make(store)
    settle(store)
    assert contents(store.materialize(action.output)) == truth
    assert_sound(store)
    return found is not None


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "hang"])
def test_a_fault_at_any_single_call_of_reading_is_a_miss(tmp_path: Path, remote: World, fault: str) -> None:
    filled(tmp_path)
    truth = FILES | {"number": b"0"}
    hits = []
    for number in count(1):
        remote.calls.clear()
        remote.fault = lambda k, operation, path, number=number: fault if k == number else None  # type: ignore[misc]
        hits.append(check_second_machine(tmp_path / f"second{number}", truth, at()))
        if len(remote.calls) < number:
            break
    assert len(hits) >= 7
    assert hits[-1]  # no fault was met
    if fault != "lost":
        assert not any(hits[1:-1])


QUICK = [fault for fault in FAULTS if fault != "hang"]


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_at_every_kth_call_never_makes_a_wrong_result(tmp_path: Path, fault: str) -> None:
    for k in (1, 2, 5, 13):
        every_kth(tmp_path, fault, k)


@pytest.mark.slow
@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_at_every_kth_call_for_every_k(tmp_path: Path, fault: str) -> None:
    for k in range(1, CALLS):
        every_kth(tmp_path, fault, k)


def every_kth(folder: Path, fault: str, k: int) -> None:
    """Two machines send and fetch while every kth call fails; a third one mends what they left."""
    truth = FILES | {"number": b"0"}
    remote = founded(folder / f"remote{k}")
    remote.fault = lambda number, operation, path: fault if number % k == 0 else None
    for machine in ("a", "b"):
        check_second_machine(folder / f"{machine}{k}", truth, at("write"))
    remote.fault = lambda number, operation, path: None
    check_second_machine(folder / f"c{k}", truth, at("write"))
    assert check_second_machine(folder / f"d{k}", truth, at())


SEQUENCES = st.lists(st.sampled_from((*FAULTS, None, None, None)), min_size=1, max_size=60)


@settings(max_examples=4)
@given(SEQUENCES, st.booleans())
def test_random_faults_never_make_a_wrong_result(faults: list[str | None], starts_full: bool) -> None:
    with_faults(faults, starts_full)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@settings(max_examples=CASES)
@given(SEQUENCES, st.booleans())
def test_many_random_faults_never_make_a_wrong_result(faults: list[str | None], starts_full: bool) -> None:
    with_faults(faults, starts_full)


def with_faults(faults: list[str | None], starts_full: bool) -> None:
    """Two machines send and fetch while calls fail in that order, again and again; others mend it."""
    truth = FILES | {"number": b"0"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        remote = founded(folder / "remote")
        if starts_full:
            filled(folder)
        remote.pause = 0.06
        remote.fault = lambda number, operation, path: faults[number % len(faults)]
        for machine in ("a", "b"):
            check_second_machine(folder / machine, truth, at("write", timeout=0.05))
        remote.wait()  # a call that was given up may yet come through
        remote.fault = lambda number, operation, path: None
        # A blob that was spoilt on its way is found out by who reads it, one a machine, and sent again.
        mending = (check_second_machine(folder / f"c{n}", truth, at("write")) for n in range(len(truth) + 5))
        assert any(mending)
        assert check_second_machine(folder / "d", truth, at())


def test_what_hangs_costs_its_timeout_and_after_some_faults_nothing_more(
    tmp_path: Path, remote: World
) -> None:
    filled(tmp_path, 6)
    remote.pause = 60
    remote.fault = lambda number, operation, path: "hang" if "/ac/" in path else None
    store = Store(tmp_path / "second", at(timeout=0.2))
    lines = listened(store)
    assert [store.lookup(key_of(number)[0]) for number in range(6)] == [None] * 6
    assert remote.under_way == 3  # none was waited for
    assert len(lines) == 2
    assert "no end after 0.2 s" in lines[0]
    assert lines[1].endswith("is left out for the rest of this build: 3 faults in a row")
    asked = len(remote.calls)
    assert store.lookup(key_of(7)[0]) is None
    assert store.glance(key_of(8)[0]) is None
    assert len(remote.calls) == asked


def test_a_store_that_fails_now_and_then_is_left_out_once_too_much_time_is_lost(
    tmp_path: Path, remote: World
) -> None:
    filled(tmp_path)
    remote.pause = 20
    remote.fault = lambda number, operation, path: "hang" if number % 2 == 0 else None
    store = Store(tmp_path / "second", at(timeout=0.05))
    remote.calls.clear()
    for number in range(100, 160):
        store.lookup(key_of(number)[0])
    assert 10 <= len(remote.calls) <= 16


def test_a_slow_stream_is_cut_off(tmp_path: Path, remote: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import flaky

    class Trickle:
        def __enter__(self) -> Trickle:
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, size: int) -> bytes:
            time.sleep(0.02)
            return b"x"

    action = make(filled(tmp_path), 0)
    normal = flaky.FlakyFileSystem._open

    def opened(self: Any, path: str, mode: str = "rb", **options: Any) -> Any:
        return Trickle() if action.output in path else normal(self, path, mode, **options)

    monkeypatch.setattr(flaky.FlakyFileSystem, "_open", opened)
    store = Store(tmp_path / "second", at(timeout=0.2))
    before = threading.active_count()
    assert store.lookup(action.key) is None
    until = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert threading.active_count() <= before  # and whoever read it has given up


def test_a_fault_is_said_once_in_a_build_and_the_build_is_right(tmp_path: Path, remote: World) -> None:
    (tmp_path / "n.txt").write_text("7")
    remote.fault = lambda number, operation, path: "error"
    store = Store(tmp_path / "second", at("write"))
    lines = listened(store)
    result = build(small(tmp_path), store)
    settle(store)
    assert result.value("rows") == Number(8)
    assert result.counts == {"ran": 4}
    reading = [line for line in lines if not line.startswith("sending")]
    assert len(reading) == 2, lines
    assert "the network is down" in reading[0]
    assert "left out" in reading[1]
    assert len(lines) <= 4


# --------------------------------------------------------------------------- poison


def entry_with(action: Action, **changes: Any) -> bytes:
    """An entry whose body is changed, and sealed again."""
    body = json.loads(entry_bytes(action).partition(b"\n")[2])
    text = json.dumps(body | changes, indent=1, sort_keys=True) + "\n"
    return f"{hashing.digest_bytes(text.encode())}\n{text}".encode()


def resealed(text: str) -> bytes:
    return f"{hashing.digest_bytes(text.encode())}\n{text}".encode()


DEEP = "[" * 100_000
ENTRIES = {
    "of another key": lambda a: entry_bytes(Action(*key_of(1)[:1], a.output, key_of(1)[1], 0.5)),
    "altered preimage": lambda a: entry_with(a, preimage={**a.preimage, "stage": "other"}),
    "altered key and preimage": lambda a: entry_with(a, key=key_of(1)[0], preimage=key_of(1)[1]),
    "broken seal": lambda a: entry_bytes(a).replace(b"0.5", b"0.6"),
    "cut": lambda a: entry_bytes(a)[:-30],
    "empty": lambda a: b"",
    "binary": lambda a: bytes(range(256)) * 40,
    "output outside": lambda a: entry_with(a, output="../../../../etc/passwd"),
    "output absolute": lambda a: entry_with(a, output="/etc/passwd" + "0" * 53),
    "output none": lambda a: entry_with(a, output=None),
    "output missing": lambda a: entry_with(a, output="0" * 64),
    "output no folder": lambda a: entry_with(a, output=hashing.digest_bytes(FILES["weights.bin"])),
    "seconds infinite": lambda a: entry_with(a, seconds=float("inf")),
    "seconds text": lambda a: entry_with(a, seconds="soon"),
    "seconds negative": lambda a: entry_with(a, seconds=-1),
    "newer format": lambda a: entry_with(a, format=2),
    "more keys": lambda a: entry_with(a, note="x"),
    "a list": lambda a: resealed("[1, 2]\n"),
    "deep": lambda a: resealed(DEEP),
    "deep preimage": lambda a: resealed(
        json.dumps({"key": a.key, "preimage": 1}).replace("1}", "[" * 900 + "]" * 900 + "}")
    ),
    "huge number": lambda a: resealed("9" * 10_000),
    "huge": lambda a: b"x" * (17 << 20),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_poisoned_entry_is_a_miss_and_whoever_may_write_mends_it(
    tmp_path: Path, remote: World, name: str
) -> None:
    action = make(filled(tmp_path), 0)
    place = remote.folder / "store" / "ac" / action.key[:2] / action.key
    place.chmod(0o644)
    place.write_bytes(ENTRIES[name](action))
    second = Store(tmp_path / "second", at())
    lines = listened(second)
    assert second.glance(action.key) is None or name.startswith("output")
    assert second.lookup(action.key) is None
    assert not list((second.root / "ac").rglob("?" * 64))
    assert len(lines) == (0 if name == "output missing" else 1), lines
    writer = Store(tmp_path / "writer", at("write"))
    assert writer.lookup(action.key) is None
    make(writer)
    settle(writer)
    assert_sound(writer)
    third = Store(tmp_path / "third", at())
    found = third.lookup(action.key)
    assert found is not None
    assert found.output == action.output


def tree(*lines: str) -> bytes:
    return ("\n".join(["p2m.tree.v1", *lines]) + "\n").encode("ascii")


BLOB = hashing.digest_bytes(b"evil")
TREES = {
    "dots": tree(f'{BLOB} 4 "../evil"'),
    "dots inside": tree(f'{BLOB} 4 "a/../../evil"'),
    "absolute": tree(f'{BLOB} 4 "{OUTSIDE}"'),
    "empty name": tree(f'{BLOB} 4 ""'),
    "double slash": tree(f'{BLOB} 4 "a//b"'),
    "a null byte": tree(f'{BLOB} 4 "a\\u0000b"'),
    "the same twice": tree(f'{BLOB} 4 "a"', f'{BLOB} 4 "a"'),
    "a file as folder": tree(f'{BLOB} 4 "a"', f'{BLOB} 4 "a/b"'),
    "not in order": tree(f'{BLOB} 4 "b"', f'{BLOB} 4 "a"'),
    "a digest that leads outside": tree('../../../etc/passwd 4 "a"'),
    "a short digest": tree('abc 4 "a"'),
    "a file without digest": tree('- 4 "a"'),
    "a folder with a digest": tree(f'{BLOB} 4 "a/"'),
    "a negative size": tree(f'{BLOB} -4 "a"'),
    "a gigantic size": tree(f'{BLOB} {10**15} "a"'),
    "an endless size": tree(f'{BLOB} {"9" * 5000} "a"'),
    "a size too small": tree(f'{BLOB} 3 "a"'),
    "a size too large": tree(f'{BLOB} 5 "a"'),
    "a name that is a list": tree(f"{BLOB} 4 [1]"),
    "a deep name": tree(f"{BLOB} 4 {DEEP}"),
    "no tree": b"\x00\xff" * 100,
    "nothing": b"",
}


@pytest.mark.parametrize("came", ["as a listing", "as a file"])
@pytest.mark.parametrize("name", TREES)
def test_a_poisoned_listing_is_a_miss_and_reaches_nothing_outside(
    tmp_path: Path, remote: World, name: str, came: str
) -> None:
    filled(tmp_path)
    key, preimage = key_of(7)
    digest = hashing.digest_bytes(TREES[name])
    for place, content in (
        (f"ac/{key[:2]}/{key}", entry_bytes(Action(key, digest, preimage, 0.5))),
        (f"cas/{digest[:2]}/{digest}", TREES[name]),
        (f"cas/{BLOB[:2]}/{BLOB}", b"evil"),
    ):
        target = remote.folder / "store" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    second = Store(tmp_path / "second", at())
    if came == "as a file":  # of another artifact, for instance, where any bytes may stand
        second.put_bytes(TREES[name])
    lines = listened(second)
    assert second.lookup(key) is None
    assert not list((second.root / "ac").rglob("?" * 64))
    assert len(lines) == 1
    assert not OUTSIDE.exists()
    assert not list(tmp_path.rglob("evil"))
    assert list((second.root / "tmp").iterdir()) == []
    make(second, 7)
    assert_sound(second)


def test_a_wrong_size_in_a_listing_from_elsewhere_sets_aside_nothing_that_is_sound(
    tmp_path: Path, remote: World
) -> None:
    filled(tmp_path)
    second = Store(tmp_path / "second", at())
    good = second.put_bytes(b"evil")
    listed = second.put_bytes(TREES["a size too large"])
    assert not second.blobs.is_complete(listed)
    assert second.read(good) == b"evil"


@pytest.mark.parametrize(
    "name",
    ["dots", "dots inside", "absolute", "empty name", "a null byte", "a name that is a list", "a deep name"],
)
def test_a_file_that_looks_like_a_listing_leads_nobody_outside(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "store")
    store.put_bytes(b"evil")
    with pytest.raises(DamagedError):
        store.materialize(store.put_bytes(TREES[name]))
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1] + b"!", lambda b: b[:-1], lambda b: b + b"!", lambda b: b""]
)
def test_a_poisoned_blob_is_a_miss_and_is_replaced_by_whoever_may_write(
    tmp_path: Path, remote: World, spoil: Any
) -> None:
    action = make(filled(tmp_path), 0)
    blob = hashing.digest_bytes(FILES["weights.bin"])
    place = remote.folder / "store" / "cas" / blob[:2] / blob
    place.write_bytes(spoil(FILES["weights.bin"]))
    second = Store(tmp_path / "second", at("write"))
    lines = listened(second)
    assert second.lookup(action.key) is None
    assert len(lines) == 1
    make(second)
    settle(second)
    assert hashing.digest_file(place) == blob
    assert Store(tmp_path / "third", at()).lookup(action.key) is not None


def test_no_more_is_read_than_a_name_may_hold(tmp_path: Path, remote: World) -> None:
    (remote.folder / "store").mkdir()
    (remote.folder / "store" / "endless").write_bytes(bytes(5 << 20))
    pieces: list[bytes] = []
    with pytest.raises(OversizeError):
        FsspecShared(at()).read("endless", pieces.append, 3 << 20)
    assert sum(map(len, pieces)) <= 3 << 20


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        (b"p2m-store 2\n", "it has format 2, and this p2m reads format 1"),
        (b"hello\n", "is not that of a p2m store"),
        (b"\xff" * 50, "is not that of a p2m store"),
        (None, "it holds no p2m store"),
    ],
)
def test_another_format_is_a_notice_and_misses(
    tmp_path: Path, remote: World, mark: bytes | None, says: str
) -> None:
    action = make(filled(tmp_path), 0)
    place = remote.folder / "store" / "FORMAT"
    place.unlink()
    if mark is not None:
        place.write_bytes(mark)
    second = Store(tmp_path / "second", at())
    lines = listened(second)
    assert second.lookup(action.key) is None
    assert len(lines) == 1
    assert says in lines[0]
    if mark is not None:
        before = listing(remote.folder / "store")
        writer = Store(tmp_path / "writer", at("write"))
        make(writer, 3)
        settle(writer)
        assert listing(remote.folder / "store") == before


# --------------------------------------------------------------------------- a web server


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The url of a folder, served by Python's own web server."""
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_store_behind_a_web_server_is_a_shared_one(tmp_path: Path, served: str) -> None:
    pytest.importorskip("aiohttp")
    action = make(Store(tmp_path / "web" / "store"))
    second = Store(tmp_path / "second", SharedAddress(f"{served}/store"))
    lines = listened(second)
    assert second.lookup(key_of(5)[0]) is None
    found = second.lookup(action.key)
    assert lines == []
    assert found is not None
    assert contents(second.materialize(found.output))["weights.bin"] == FILES["weights.bin"]
    assert_sound(second)


def test_a_server_that_is_away_is_a_miss(tmp_path: Path, served: str) -> None:
    pytest.importorskip("aiohttp")
    second = Store(tmp_path / "second", SharedAddress("http://127.0.0.1:9/store", timeout=3))
    lines = listened(second)
    assert second.lookup(key_of(5)[0]) is None
    assert len(lines) == 1
    assert "ClientConnectorError" in lines[0]


# --------------------------------------------------------------------------- places


@pytest.mark.parametrize(
    "url", ["s3://bucket/p2m", "gs://b/x", "ssh://me@host/p", "file:///mnt/p2m", "memory://x"]
)
def test_urls_of_all_kinds_are_taken(url: str) -> None:
    assert checked_url(url) == url
    assert checked_url(url + "/") == url


SECRETS = [
    "s3://key:SECRET@bucket/p2m",
    "ssh://me:SECRET@host/p2m",
    "ssh://me:SEC/SECRET@host/p2m",
    "https://host/p2m?sig=SECRET",
    "https://host/p2m#SECRET",
    "me:SECRET@host/p2m",
    "simplecache::s3://key:SECRET@bucket",
    "SECRET",
]


@pytest.mark.parametrize("url", SECRETS)
def test_a_url_with_a_secret_is_refused_in_words_that_do_not_repeat_it(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_url(url)
    assert "SECRET" not in str(caught.value)
    with pytest.raises(ValueError) as caught:
        chosen_address(None, {"P2M_SHARED_STORE": url})
    assert "SECRET" not in str(caught.value)


def test_errors_of_file_systems_are_said_without_what_may_be_a_secret() -> None:
    text = "GET https://me:SECRET@host/a?X-Amz-Signature=SECRET failed; did you mean x?"
    assert redacted(text) == "GET https://...@host/a?... failed; did you mean x?"


def test_the_environment_goes_before_the_recipe() -> None:
    written = SharedAddress("s3://recipe/p2m", "read", 3.0)
    assert chosen_address(written, {}) == written
    assert chosen_address(None, {}) is None
    assert chosen_address(written, {"P2M_SHARED_STORE_MODE": "write"}) == SharedAddress(
        "s3://recipe/p2m", "write", 3.0
    )
    assert chosen_address(None, {"P2M_SHARED_STORE": "s3://ci/p2m?mode=write"}) == SharedAddress(
        "s3://ci/p2m", "write"
    )
    assert chosen_address(written, {"P2M_SHARED_STORE": "s3://ci/p2m"}) == SharedAddress(
        "s3://ci/p2m", "read", 3.0
    )
    assert chosen_address(written, {"P2M_SHARED_STORE": "none"}) is None
    with pytest.raises(ValueError, match="P2M_SHARED_STORE_MODE: 'all' is no mode"):
        chosen_address(written, {"P2M_SHARED_STORE_MODE": "all"})


def test_what_a_protocol_lacks_is_said_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'p2m[s3]'" in lacking(SharedAddress("s3://bucket/p2m"))
    assert lacking(SharedAddress("file:///mnt/p2m")) == ""
    monkeypatch.undo()
    assert "can only be read" in lacking(SharedAddress("https://host/p2m", "write"))
    assert "Protocol not known: s4" in lacking(SharedAddress("s4://x"))
    assert lacking(SharedAddress("flaky://net/store")) == ""


def test_fsspec_is_imported_only_when_something_is_missing_here(tmp_path: Path) -> None:
    make(Store(tmp_path / "first"))
    program = f"""
import sys
from pathlib import Path
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store
store = Store(Path({str(tmp_path / "first")!r}), SharedAddress("memory://none"))
assert store.lookup({key_of(0)[0]!r}) is not None
assert "fsspec" not in sys.modules
assert store.lookup({key_of(1)[0]!r}) is None
assert "fsspec" in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    )


def test_the_flaky_file_system_is_a_real_one() -> None:
    assert fsspec.get_filesystem_class("flaky").__name__ == "FlakyFileSystem"
