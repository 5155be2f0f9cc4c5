"""The ledger of a build as steps on other machines ask it: over a connection, each request once."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from p2m.engine.handles import Device
from p2m.engine.recording.ledger import Ledger, used
from p2m.engine.running import tallies, wire
from p2m.engine.running.books import FarBooks, FarRecorder
from p2m.engine.running.hub import Hub
from p2m.engine.running.task import Call
from p2m.engine.slots import Grant
from p2m.engine.store import Store
from p2m.errors import StageError, StoreError

BUILD, KEY = "20260301-101500-123456-a1b2c3", "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def hub(store: Store) -> Iterator[Hub]:
    hub = Hub(store, "127.0.0.1")
    yield hub
    hub.close()


def books(hub: Hub, step: str = "ask", key: str = KEY) -> FarBooks:
    grant = Grant(1, 0, (), True, False)
    call = Call(step, key, {}, "seeded", ("m", "s"), {}, (), (), Device(), grant, BUILD)
    return FarBooks(hub.address, call, Store.__new__(Store))


def drop(far: FarBooks) -> None:
    """End the connection as the kernel does when the process is killed."""
    assert far._line is not None
    far._line._channel.shutdown(socket.SHUT_RDWR)


def answer(recorder: FarRecorder, request: Any, call: Any, **labels: Any) -> bytes:
    return asyncio.run(recorder.answer_async(request, lambda: asyncio.to_thread(call), **labels))


def never() -> bytes:
    raise AssertionError("paid for again")


def test_what_one_machine_paid_for_another_is_told(hub: Hub, store: Store) -> None:
    one, two = books(hub), books(hub, "other", "cd" * 32)
    assert one.recorder().known({"n": 1}) is None
    said = answer(one.recorder(), {"n": 1}, lambda: b"one", labels=lambda given: {"size": len(given)})
    assert said == b"one"
    assert answer(two.recorder(), {"n": 1}, never) == b"one"
    assert two.recorder().known({"n": 1}) == b"one"
    record = Ledger(store.root / "ledger").record_files.find_anywhere(used(store.root / "ledger", KEY)[0])
    assert record is not None
    assert record.labels == {"step": "ask", "size": 3}
    assert used(store.root / "ledger", "cd" * 32) == (record.digest,)


def test_of_all_who_ask_at_once_one_calls(hub: Hub) -> None:
    calls: list[int] = []
    machines = [books(hub, f"s{number}") for number in range(4)]

    def call() -> bytes:
        calls.append(1)
        time.sleep(0.2)
        return b"answer"

    def ask(number: int) -> bytes:
        return answer(machines[number % 4].recorder(), {"n": 2}, call)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {b"answer"}
    assert calls == [1]


@pytest.mark.parametrize("how", ["killed", "failed"])
def test_the_turn_of_one_who_is_gone_goes_to_the_next(hub: Hub, how: str) -> None:
    one, two = books(hub), books(hub)
    began = threading.Event()

    def call() -> bytes:
        began.set()
        if how == "failed":
            raise ZeroDivisionError("the teacher")
        time.sleep(0.3)
        return b"too late"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(answer, one.recorder(), {"n": 3}, call)
        began.wait(10)
        second = pool.submit(answer, two.recorder(), {"n": 3}, lambda: b"second")
        if how == "killed":
            drop(one)
        assert second.result(10) == b"second"
        with pytest.raises(StoreError if how == "killed" else ZeroDivisionError):
            first.result(10)


def test_sums_are_the_builds_and_what_a_killed_step_added_is_taken_back(hub: Hub, store: Store) -> None:
    one, two = books(hub), books(hub, key="cd" * 32)
    assert one.add("requests", 3) == 3
    assert two.add("requests", 4) == 7
    drop(one)
    until = time.monotonic() + 10
    while two.add("requests", 0) != 4 and time.monotonic() < until:
        time.sleep(0.01)
    two.close(done=True)
    assert tallies.total(store, BUILD, "requests") == 4
    assert tallies.kept(store, "cd" * 32) == {"requests": 4}
    assert tallies.kept(store, KEY) == {}


def test_an_answer_that_cannot_be_recorded_is_an_error_of_the_step(hub: Hub) -> None:
    far = books(hub).recorder()
    with pytest.raises(StageError, match="must return bytes"):
        answer(far, {"n": 4}, lambda: "text")
    assert answer(far, {"n": 4}, lambda: b"bytes") == b"bytes"


def test_whoever_does_not_say_the_token_is_not_heard(hub: Hub) -> None:
    address = hub.address
    stranger = wire.Address(address.host, address.port, bytes(wire.TOKEN))
    with wire.connect(stranger) as channel:
        channel.sendall(wire.frame(("node", "stranger")))
        assert wire.receive(channel) is None
    assert hub.news.empty()


def test_a_step_whose_build_is_gone_says_so(hub: Hub) -> None:
    far = books(hub)
    far.add("requests", 1)
    hub.close()
    with pytest.raises(StoreError, match="build that keeps the ledger is gone"):
        answer(far.recorder(), {"n": 5}, lambda: b"lost")
    with pytest.raises(StoreError, match="cannot be reached"):
        books(hub).add("requests", 1)
