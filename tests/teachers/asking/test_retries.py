"""Faults that pass are waited out; others end the step at once, with what to do."""

from __future__ import annotations

import socket

import pytest
from asking_runs import Bench, ask, echoed, teacher_at
from counting_server import Server

from p2m.teachers.asking import retries
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import TeacherError
from p2m.types import Caps

ROWS = [f"row {number}" for number in range(40)]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.02)


def test_faults_that_pass_are_tried_again(server: Server, run: Bench) -> None:
    server.faults = ["500", "cut", "503", "500", "cut", "529", "408", "409", "502"]
    asker = Asker(teacher_at(server.url), run, Caps())
    assert asker.each(ROWS, echoed) == [f"echo: {row}" for row in ROWS]
    assert server.count == 40
    assert asker.spent.requests == 40


@pytest.mark.parametrize("fault", ["400", "401", "403", "404", "402"])
def test_what_waiting_does_not_mend_ends_at_once(server: Server, run: Bench, fault: str) -> None:
    server.forever = fault
    with pytest.raises(TeacherError, match=fault):
        Asker(teacher_at(server.url, concurrency=4), run, Caps()).each(ROWS, echoed)
    assert server.codes[int(fault)] <= 4


def test_attempts_are_bounded(server: Server, run: Bench) -> None:
    server.forever = "500"
    with pytest.raises(TeacherError, match=r"3 attempts.*500(.|\n)*not paid for again.*teacher.attempts=6"):
        Asker(teacher_at(server.url, concurrency=2, attempts=3), run, Caps()).each(ROWS, echoed)
    assert server.codes[500] <= 3 * 10  # two in flight, and those who wait for their turn


def test_a_server_that_refuses_for_ever_is_given_up(server: Server, run: Bench) -> None:
    server.forever = "429"
    with pytest.raises(TeacherError, match="2 attempts"):
        Asker(teacher_at(server.url, concurrency=2, attempts=2), run, Caps()).each(ROWS, echoed)


def test_being_too_many_costs_no_attempts_while_others_are_answered(server: Server, run: Bench) -> None:
    server.a_minute, server.bucket, server.retry_after = 100.0, 4, "0.02"
    found = Asker(teacher_at(server.url, attempts=2), run, Caps()).each(ROWS, echoed)
    assert found == [f"echo: {row}" for row in ROWS]
    assert server.codes[429] > 0


def test_a_server_that_asks_for_hours_ends_the_step(server: Server, run: Bench) -> None:
    server.forever, server.retry_after = "429", "7200"
    with pytest.raises(TeacherError, match=r"come back in 2\.0 hours"):
        Asker(teacher_at(server.url), run, Caps()).each(ROWS, echoed)


def test_a_server_that_is_not_there_is_said_soon(run: Bench) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    with pytest.raises(TeacherError) as caught:
        Asker(teacher_at(url), run, Caps()).each(ROWS, echoed)
    assert url in str(caught.value)
    assert "is the server running" in str(caught.value)
    assert "start the server" in str(caught.value)


def test_a_server_that_goes_away_later_is_waited_for(server: Server, run: Bench) -> None:
    """The bound of few attempts is for a server that was never there."""
    asker = Asker(teacher_at(server.url, attempts=4, concurrency=1), run, Caps())

    async def leaving(text: str, put: Put) -> str:
        reply = await put(ask(text))
        if text == "row 2":
            server.close()
        return reply.text

    with pytest.raises(TeacherError, match="4 attempts"):
        asker.each(ROWS, leaving)
    assert 3 <= asker.spent.requests < 40  # it takes a moment to go
