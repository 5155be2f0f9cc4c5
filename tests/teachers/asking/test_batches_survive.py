"""Asking in batches, from the asker to both providers' batch APIs and back into a real ledger."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from asking_runs import Bench, a_run, ask, echoed
from beside import Beside
from wire import SECRET, Answer, Seen, Status, Wire

from p2m.engine.recording import ledger
from p2m.teachers.anthropic import Anthropic
from p2m.teachers.asking import batches
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.asking.prices import cost_of
from p2m.teachers.chat import TeacherError, Usage
from p2m.teachers.openai import OpenAI
from p2m.types import Caps

every_kind = pytest.mark.parametrize("kind", ["anthropic", "openai"])
ROWS = [f"row {number}" for number in range(30)]
QUICK = {"QUIET": 0.1, "FIRST_LOOK": 0.02, "GRACE": 0.5}  # seconds


@pytest.fixture(autouse=True)
def _quick(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in QUICK.items():
        monkeypatch.setattr(batches, name, seconds)
    wire.key = SECRET
    wire.reply = lambda seen: Answer(said(seen))


def said(seen: Seen) -> str:
    text: str = seen.body["messages"][-1]["content"]
    return text.upper()


def teacher_of(kind: str, url: str) -> Anthropic | OpenAI:
    settings: dict[str, Any] = {"key_env": "WIRE_KEY", "batch": True}
    return (
        Anthropic(base_url=url, **settings)
        if kind == "anthropic"
        else OpenAI(base_url=f"{url}/v1", **settings)
    )


@every_kind
def test_a_batch_is_paid_at_its_price_and_once(wire: Wire, run: Bench, kind: str) -> None:
    teacher = teacher_of(kind, wire.url)
    asker = Asker(teacher, run, Caps())
    assert asker.each(ROWS, echoed) == [row.upper() for row in ROWS]
    assert len(wire.batches) == 1
    full = cost_of(teacher, Usage(input=11, output=7))
    assert full
    assert asker.spent.cost == pytest.approx(len(ROWS) * full / 2 / 1e9, rel=0.1)
    again = Asker(teacher, run, Caps())
    assert again.each([*ROWS, "one more"], echoed)[-1] == "ONE MORE"
    assert again.replayed == len(ROWS)
    assert sorted(len(batch.items) for batch in wire.batches.values()) == [1, len(ROWS)]


def test_a_second_question_about_a_row_goes_into_the_next_batch(wire: Wire, run: Bench) -> None:
    async def twice(row: str, put: Put) -> str:
        first = await put(ask(row))
        return (await put(ask(f"{first.text} again"))).text

    found = Asker(teacher_of("openai", wire.url), run, Caps()).each(ROWS, twice)
    assert found == [f"{row.upper()} AGAIN" for row in ROWS]
    assert [len(batch.items) for batch in wire.batches.values()] == [30, 30]


def test_no_more_is_submitted_than_a_cap_allows(wire: Wire, run: Bench) -> None:
    asker = Asker(teacher_of("openai", wire.url), run, Caps(max_requests=12))
    found = asker.each(ROWS, echoed)
    assert sum(each is not None for each in found) == 12
    assert sum(wire.batched.values()) == 12
    assert asker.spent.stopped == "constraints.max_requests=12"


def test_a_fault_ends_it_and_what_was_submitted_is_collected_later(wire: Wire, run: Bench) -> None:
    wire.polls_until_over = 1000
    teacher = teacher_of("openai", wire.url)

    async def impatient(row: str, put: Put) -> str:
        if row == ROWS[-1]:
            while not wire.batches:
                await batches.asyncio.sleep(0.01)
            wire.polls_until_over = 1
            raise TeacherError("enough")
        return (await put(ask(row))).text

    with pytest.raises(TeacherError, match="enough"):
        Asker(teacher, run, Caps()).each(ROWS, impatient)
    assert Asker(teacher, run, Caps()).each(ROWS, echoed) == [row.upper() for row in ROWS]
    assert {*wire.batched.values()} == {1}


def test_an_interrupt_waits_for_no_batch_and_the_next_build_collects_it(
    wire: Wire, run: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.polls_until_over = 10**9
    teacher = teacher_of("openai", wire.url)

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def progress(done: int, total: int, note: str = "") -> None:
        if "batches" in note and next(once, False):  # a second one, put back, would end the process
            signal.raise_signal(signal.SIGTERM)

    once = iter([True])
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(run, "progress", progress)
            with pytest.raises(KeyboardInterrupt):
                Asker(teacher, run, Caps()).each(ROWS, echoed)  # and comes back, for nobody ends the batch
    finally:
        signal.signal(signal.SIGTERM, before)
    wire.polls_until_over = 0
    assert Asker(teacher, run, Caps()).each(ROWS, echoed) == [row.upper() for row in ROWS]
    assert len(wire.batches) == 1


# --------------------------------------------------------------------------- a process that is killed

PROGRAM = """
import sys
from pathlib import Path
from asking_runs import a_run, echoed
from p2m.teachers.asking import batches
from p2m.teachers.asking.asker import Asker
from p2m.types import Caps
from test_batches_survive import QUICK, ROWS, teacher_of
for name, seconds in QUICK.items():
    setattr(batches, name, seconds)
kind, url, place = sys.argv[1:]
print(Asker(teacher_of(kind, url), a_run(Path(place)), Caps()).each(ROWS, echoed)[-1])
"""


def start(kind: str, wire: Wire, place: Path) -> Beside:
    return Beside(PROGRAM, kind, wire.url, str(place))


@pytest.mark.parametrize("kind", ["anthropic", pytest.param("openai", marks=pytest.mark.slow)])
def test_sigkill_at_every_step_of_a_batch_submits_nothing_twice(
    wire: Wire, tmp_path: Path, kind: str
) -> None:
    """When it is made and its name not told yet, and while it is waited for."""
    pids: list[int] = []
    wire.before_batch_id = lambda: os.kill(pids[-1], signal.SIGKILL)
    wire.polls_until_over = 1000

    def killed(process: Beside) -> None:
        pids.append(process.pid)
        assert process.wait() == -signal.SIGKILL

    killed(start(kind, wire, tmp_path))
    wire.before_batch_id = lambda: None
    if kind == "openai":
        process = start(kind, wire, tmp_path)
        while wire.batches["batch_1"].polls < 3:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.kill()
        process.communicate()
    wire.polls_until_over = wire.batches["batch_1"].polls + 3
    out, errors = start(kind, wire, tmp_path).communicate()
    assert out.strip() == ROWS[-1].upper(), errors
    assert {*wire.batched.values()} == {1}
    assert len(wire.batches) == 1


# --------------------------------------------------------------------------- what is left behind


@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "batches"])
@every_kind
def test_no_byte_that_a_step_leaves_holds_the_key(
    wire: Wire, tmp_path: Path, kind: str, batch: bool, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A step that fails by a server that repeats the key, one that passes: store, ledger, output, logs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level("DEBUG")
    settings: dict[str, Any] = {"key_env": "WIRE_KEY", "batch": batch, "attempts": 1}
    teacher = (
        Anthropic(base_url=wire.url, **settings)
        if kind == "anthropic"
        else OpenAI(base_url=wire.v1, **settings)
    )
    run = a_run(tmp_path / "store")
    told = []
    wire.key = "another"  # it says which key it was given
    for fault in (None, Status(400, f"'{SECRET}' is no good"), Status(500, f"{SECRET[:12]}***")):
        wire.key = "another" if fault is None else None
        (wire.refuses_batches if batch else wire.script).extend([fault] * 40 if fault else [])
        with pytest.raises(TeacherError) as caught:
            Asker(teacher, run, Caps()).each(ROWS, echoed)
        told.append(str(caught.value))
        wire.script.clear()
        wire.refuses_batches.clear()
    assert Asker(teacher, run, Caps()).each(ROWS, echoed)[0] == "ROW 0"
    ledger.close_all()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert any(b"ROW 7" in path.read_bytes() for path in files), "the answers are among them"
    left = [path.read_bytes().decode("utf-8", "replace") for path in files]
    captured = capfd.readouterr()
    shown = [captured.out, captured.err, caplog.text, repr(run.seen), *run.lines, *map(str, files), *told]
    assert not [text for text in [*left, *shown] if SECRET[3:] in text or SECRET[:12] in text]
