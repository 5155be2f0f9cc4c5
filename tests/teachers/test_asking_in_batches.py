"""Asking through a batch API: at its price, one batch for all, and collected after an interrupt."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from wire import Answer, Seen, Wire, serving

from p2m.engine.handles import Device
from p2m.engine.recording import ledger
from p2m.engine.recording.ledger import StepRecorder
from p2m.engine.running.tallies import Tally
from p2m.engine.store import Store
from p2m.teachers.asking import batches
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import Ask, Turn
from p2m.teachers.openai import OpenAI
from p2m.types import Caps

ROWS = [f"question {number}" for number in range(150)]


@dataclass
class Handed:
    """The Protocol `Run`."""

    folder: Path
    recorder: StepRecorder
    sums: Tally
    device: Device = field(default_factory=Device)
    said: list[str] = field(default_factory=list)

    def tally(self, name: str, amount: int) -> int:
        return self.sums.add(name, amount)

    def progress(self, done: int, total: int, note: str = "") -> None: ...

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setenv("WIRE_KEY", "sk-wire-asking-Qq31")
    monkeypatch.setattr(batches, "QUIET", 0.1)
    monkeypatch.setattr(batches, "FIRST_LOOK", 0.05)
    with serving() as made:
        made.key = "sk-wire-asking-Qq31"
        made.reply = echo
        yield made


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Handed]:
    store = Store(tmp_path / "store")
    recorder = StepRecorder(store.root / "ledger", "k" * 64, {})
    yield Handed(store.scratch("k" * 64), recorder, Tally(store, "b1"))
    ledger.close_all()


def echo(seen: Seen) -> Answer:
    return Answer(seen.body["messages"][-1]["content"].upper())


async def shouted(text: str, put: Put) -> str:
    return (await put(Ask("", (Turn("user", text),), max_tokens=20))).text


def asker_at(wire: Wire, run: Handed, caps: Caps = Caps(), **settings: Any) -> Asker:  # noqa: B008
    teacher = OpenAI(model="gpt-4o-mini", base_url=wire.v1, key_env="WIRE_KEY", **settings)
    return Asker(teacher, run, caps)


def test_all_go_out_together_at_half_the_price(wire: Wire, run: Handed) -> None:
    asker = asker_at(wire, run, Caps(max_cost=1.0), batch=True)
    assert asker.each(ROWS, shouted) == [row.upper() for row in ROWS]
    assert len(wire.batches) == 1
    assert {*wire.batched.values()} == {1}
    whole = asker_at(wire, run)
    assert whole.each([f"other {row}" for row in ROWS[:1]], shouted) == ["OTHER QUESTION 0"]
    assert asker.spent.cost is not None
    assert whole.spent.cost is not None
    a_token = [each.spent.cost / (each.spent.input_tokens or 1) for each in (asker, whole)]  # type: ignore[operator]
    assert asker.spent.requests == 150
    assert a_token[0] < a_token[1]
    again = asker_at(wire, run, batch=True)
    assert again.each(ROWS, shouted) == [row.upper() for row in ROWS]
    assert again.replayed == 150
    assert again.spent.cost == asker.spent.cost
    assert len(wire.batches) == 1


def test_a_cap_holds_for_batches_too(wire: Wire, run: Handed) -> None:
    asker = asker_at(wire, run, Caps(max_requests=30), batch=True)
    found = asker.each(ROWS, shouted)
    assert sum(row is not None for row in found) == 30
    assert sum(wire.batched.values()) == 30
    assert asker.spent.stopped == "constraints.max_requests=30"


def test_an_interrupt_does_not_wait_for_a_batch_and_the_next_build_collects_it(
    wire: Wire, run: Handed
) -> None:
    wire.polls_until_over = 10**9

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def progress(done: int, total: int, note: str = "") -> None:
        if "batches" in note:
            signal.raise_signal(signal.SIGTERM)

    run.progress = progress  # type: ignore[method-assign]
    before = signal.signal(signal.SIGTERM, handler)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            asker_at(wire, run, batch=True).each(ROWS[:20], shouted)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - began < 10
    wire.polls_until_over = 0
    del run.progress
    assert asker_at(wire, run, batch=True).each(ROWS[:20], shouted) == [row.upper() for row in ROWS[:20]]
    assert len(wire.batches) == 1
