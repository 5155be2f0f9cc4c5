"""A lease lives exactly as long as a process holds it, and what it pins is known to a collector."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from test_store import KEY, PREIMAGE, put

from p2m.engine import hashing
from p2m.engine.files.file_locks import is_held, locked, remove_unheld
from p2m.engine.storage.leases import Pins, gate
from p2m.engine.store import Store

HOLDER = """
import sys, time
from p2m.engine.store import Store
with Store(sys.argv[1]).join_lease("r1") as lease:
    lease.pin(["1" * 64])
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def holder(store: Store) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_what_a_build_touches_is_pinned_and_the_lease_goes_with_it(store: Store) -> None:
    pins = Pins(store.root)
    with store.leased("r1"):
        output = put(store, {"a": b"1", "b": b"2"})
        seen = set(pins.news())
        assert {output, hashing.digest_bytes(b"1"), hashing.digest_bytes(b"2")} <= seen
        assert store.lookup(KEY) is None
        assert pins.news() == [KEY]
        store.publish(KEY, PREIMAGE, output, 1)
        assert pins.news() == [KEY]  # again: only now does it have an entry to protect
        other = Store(store.root)  # without a lease nothing is pinned
        other.lookup(KEY)
        other.put_bytes(b"x")
        assert pins.news() == []
        put(store, {"last": b"word"})
    assert hashing.digest_bytes(b"word") in pins.news()  # a lease that ended can be read to its end
    assert not (store.root / "leases" / "r1").exists()
    pins.close()


def test_a_killed_build_holds_nothing_and_a_worker_keeps_the_lease_alive(store: Store) -> None:
    path = store.root / "leases" / "r1"
    with store.leased("r1"):
        worker = holder(store)
    assert is_held(path)  # the builder is gone, its worker is not
    assert not remove_unheld(path)
    pins = Pins(store.root)
    assert pins.news() == ["1" * 64]
    worker.kill()
    worker.communicate()
    assert not is_held(path)
    late = Pins(store.root)
    assert late.news() == []
    assert remove_unheld(path)
    assert not path.exists()


def test_a_pin_waits_for_the_collector_and_the_collector_for_no_more_than_a_pin(store: Store) -> None:
    events: list[str] = []
    with store.leased("r1"):
        with gate(store.root, exclusive=True):
            thread = threading.Thread(target=lambda: (store.put_bytes(b"a"), events.append("put")))
            thread.start()
            time.sleep(0.1)
            events.append("collected")
        thread.join()
        assert events == ["collected", "put"]
        with gate(store.root, exclusive=True):  # the lease itself does not keep a collector out
            pass


def test_the_rest_of_a_word_that_a_kill_cut_off_spoils_no_other(store: Store) -> None:
    path = store.root / "leases" / "r1"
    with store.leased("r1") as lease:
        with open(path, "ab") as stream:
            stream.write(b"2" * 30)
        lease.pin(["3" * 64])
        pins = Pins(store.root)
        assert pins.news() == ["3" * 64]
        pins.close()


def test_a_pin_is_a_word_at_the_end_of_the_lease(store: Store) -> None:
    with store.leased("r1") as lease:
        file = store.root / "leases" / "r1"
        before = file.stat()
        for number in range(1000):
            lease.pin([f"{number:064x}"])
        after = file.stat()
    assert after.st_ino == before.st_ino  # appended to, never written anew
    assert after.st_size - before.st_size <= 1000 * 70


def test_a_lock_whose_file_was_deleted_under_a_waiter_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "k"
    path.parent.mkdir()
    inside: list[int] = []
    most: list[int] = []
    stop = time.monotonic() + 30
    enough = threading.Event()

    def work() -> None:
        while not enough.is_set():
            with locked(path, "test", lambda who: None):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    removed = 0
    while time.monotonic() < stop and (removed <= 10 or len(most) < 100):
        removed += remove_unheld(path)
    enough.set()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert removed > 10


def test_a_lock_file_that_is_held_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "k"
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert not remove_unheld(path)
    os.close(handle)
    assert remove_unheld(path)
    assert not remove_unheld(path)
