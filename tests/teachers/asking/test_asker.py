"""Asking many things through a real SDK, a real ledger and a real server: each is paid for once."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest
from asking_runs import PRICED, Bench, a_run, ask, echoed, teacher_at
from beside import Beside
from counting_server import Server

from p2m.engine.recording import care, ledger
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import Outcome, TeacherError
from p2m.types import Caps

ROWS = [f"row {number}" for number in range(60)]

PROGRAM = """
import sys
from pathlib import Path
from asking_runs import a_run, echoed, teacher_at
from p2m.teachers.asking.asker import Asker
from p2m.types import Caps
asker = Asker(teacher_at(sys.argv[2], concurrency=8), a_run(Path(sys.argv[1])), Caps())
try:
    asker.each([f"row {number}" for number in range(int(sys.argv[3]))], echoed)
except KeyboardInterrupt:
    print("interrupted")
"""


def asked(server: Server, run: Bench, rows: list[str], caps: Caps = Caps(), **settings: object) -> Asker:  # noqa: B008
    asker = Asker(teacher_at(server.url, **settings), run, caps)
    assert asker.each(rows, echoed) == [f"echo: {row}" for row in rows]
    return asker


def test_each_row_is_asked_once_and_comes_back_in_its_place(server: Server, run: Bench) -> None:
    asker = asked(server, run, ROWS, price=PRICED)
    assert set(server.asked.values()) == {1}
    assert server.count == 60
    spent = asker.spent
    assert (spent.requests, spent.input_tokens, spent.output_tokens) == (60, 6000, 600)
    assert spent.cost == pytest.approx(60 * 0.002)
    assert spent.outcomes == {"answered": 60}
    assert spent.stopped == ""
    assert run.seen[-1][:2] == (60, 60)


def test_the_same_again_asks_nothing_and_one_row_more_asks_one(server: Server, run: Bench) -> None:
    first = asked(server, run, ROWS, price=PRICED)
    again = asked(server, run, ROWS, price=PRICED)
    assert server.count == 60
    assert (first.replayed, again.replayed) == (0, 60)
    assert again.spent == first.spent  # so that a replayed step makes the same artifact
    assert asked(server, run, [*ROWS, "one more"]).replayed == 60
    assert server.count == 61


def test_another_system_prompt_asks_all_anew(server: Server, run: Bench) -> None:
    asked(server, run, ROWS)

    async def otherwise(text: str, put: Put) -> str:
        return (await put(ask(text, system="Answer well."))).text

    Asker(teacher_at(server.url), run, Caps()).each(ROWS, otherwise)
    assert server.count == 120


def test_one_question_asked_twice_is_paid_and_counted_once(server: Server, run: Bench) -> None:
    server.seconds = 0.02
    asker = Asker(teacher_at(server.url), run, Caps())
    assert asker.each(["same"] * 40, echoed) == ["echo: same"] * 40
    assert server.count == 1
    assert (asker.spent.requests, asker.replayed) == (1, 0)


def test_samples_of_one_question_are_different_requests(server: Server, run: Bench) -> None:
    async def three(text: str, put: Put) -> list[str]:
        return [reply.text for reply in await asyncio.gather(*(put(ask(text), sample=n) for n in range(3)))]

    asker = Asker(teacher_at(server.url), run, Caps(max_requests=1000))
    assert asker.each(ROWS[:10], three) == [[f"echo: {row}"] * 3 for row in ROWS[:10]]
    assert server.count == asker.spent.requests == 30


def test_the_ledger_adds_up_what_was_paid(server: Server, run: Bench) -> None:
    asked(server, run, ROWS, price=PRICED)
    ledger.close_all()
    totals = care.add_up(run.folder.parents[1] / "ledger")
    assert totals.records == 60
    assert totals.cost == pytest.approx(0.12)
    known = totals.labels["provider"]["compatible"]
    assert (known.records, known.tokens) == (60, 60 * 110)


def test_what_was_answered_before_a_fault_is_kept(server: Server, run: Bench) -> None:
    server.seconds = 0.2
    server.faults = ["401"]
    with pytest.raises(TeacherError, match="401"):
        Asker(teacher_at(server.url), run, Caps()).each(ROWS, echoed)
    assert 0 < server.count < 60  # others were in flight, and nothing was begun after it
    before = server.count
    asked(server, run, ROWS)
    assert server.count - before == 60 - before


def test_an_error_of_the_work_itself_is_raised_as_it_is(server: Server, run: Bench) -> None:
    async def broken(text: str, put: Put) -> str:
        await put(ask(text))
        raise ZeroDivisionError(text)

    with pytest.raises(ZeroDivisionError, match="row"):
        Asker(teacher_at(server.url), run, Caps()).each(ROWS, broken)


def test_a_refusal_is_an_outcome_that_is_counted(server: Server, run: Bench) -> None:
    asker = Asker(teacher_at(server.url), run, Caps())

    async def outcome(text: str, put: Put) -> Outcome:
        return (await put(ask(text))).outcome

    server.faults = ["413"]
    assert Outcome.TOO_LONG in asker.each(ROWS[:4], outcome)
    assert asker.spent.outcomes == {"answered": 3, "context overflow": 1}


def test_ctrl_c_keeps_every_answer(server: Server, tmp_path: Path) -> None:
    server.seconds = 0.05
    process = start(server, tmp_path, 400)
    wait_for(server, 40, process)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate()
    assert out.strip() == "interrupted", errors
    assert server.count < 400
    server.seconds = 0.0
    assert start(server, tmp_path, 400).wait(120) == 0
    assert server.count == len(server.asked) == 400


def test_a_kill_pays_again_only_for_what_was_in_flight(server: Server, tmp_path: Path) -> None:
    server.seconds = 0.03
    for stop in (40, 120):
        process = start(server, tmp_path, 200)
        wait_for(server, stop, process)
        process.kill()
        process.communicate()
        server.wait_until_idle()
    known = recorded_rows(tmp_path)
    before = dict(server.asked)
    server.seconds = 0.0
    assert start(server, tmp_path, 200).wait(120) == 0
    assert len(server.asked) == 200
    assert not [row for row in known if server.asked[row] != before[row]]  # what was recorded is not asked
    assert server.count - 200 <= 2 * 16  # in flight, or on the way to the disk


def test_two_processes_at_once_pay_once(server: Server, tmp_path: Path) -> None:
    server.seconds = 0.02
    both = [start(server, tmp_path, rows) for rows in (40, 60)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert set(server.asked.values()) == {1}
    assert server.count == 60


def recorded_rows(place: Path) -> set[str]:
    records = care.each(place / "ledger")
    return {record.asked.request["turns"][-1]["text"] for record in records}


def start(server: Server, place: Path, rows: int) -> Beside:
    return Beside(PROGRAM, str(place), server.url, str(rows))


def wait_for(server: Server, count: int, process: Beside) -> None:
    until = time.monotonic() + 120
    while server.count < count:
        assert time.monotonic() < until, process.poll()
        time.sleep(0.005)


def test_a_step_handles_sigterm_as_its_process_does(server: Server, run: Bench) -> None:
    server.seconds = 0.1

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt("handled")

    async def interrupting(text: str, put: Put) -> str:
        reply = await put(ask(text))
        if next(once, False):  # another one, after the test has put things back, would end the process
            signal.raise_signal(signal.SIGTERM)
        return reply.text

    once = iter([True])
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(KeyboardInterrupt, match="handled"):
            Asker(teacher_at(server.url, concurrency=8), run, Caps()).each(ROWS, interrupting)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    count = server.count
    assert count < 60
    asked(server, a_run(run.folder.parents[1]), ROWS)
    assert server.count == 60


def test_a_notebook_whose_loop_runs_may_ask_too(server: Server, run: Bench) -> None:
    async def cell() -> list[str | None]:
        return Asker(teacher_at(server.url), run, Caps()).each(ROWS, echoed)

    assert asyncio.run(cell()) == [f"echo: {row}" for row in ROWS]
