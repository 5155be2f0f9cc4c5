"""How many requests are in flight: as many as the server lets through, found with few refusals."""

from __future__ import annotations

import json
import time

import pytest
from asking_runs import Bench, a_run, echoed, teacher_at
from counting_server import Server

from p2m.teachers.asking import pace
from p2m.teachers.asking.asker import Asker
from p2m.teachers.asking.pace import Pace, Ticket
from p2m.teachers.chat import Headroom
from p2m.types import Caps

ROWS = [f"row {number}" for number in range(300)]


def asked(server: Server, run: Bench, rows: list[str], **settings: object) -> tuple[Asker, float]:
    asker = Asker(teacher_at(server.url, **settings), run, Caps())
    began = time.monotonic()
    assert asker.each(rows, echoed) == [f"echo: {row}" for row in rows]
    return asker, time.monotonic() - began


@pytest.mark.parametrize("retry_after", [None, "0.3"])
def test_a_server_that_allows_few_at_a_time_refuses_few(
    server: Server, run: Bench, retry_after: str | None
) -> None:
    server.seconds, server.allowed, server.retry_after = 0.05, 16, retry_after
    asker, _ = asked(server, run, ROWS)
    assert server.codes[429] < 40
    assert server.codes[429] == asker.rejected
    assert server.count == 300
    assert 4 <= server.most <= 16  # a busy machine may have had fewer on the way


def test_the_ceiling_is_remembered_for_the_next_build(server: Server, run: Bench) -> None:
    server.seconds, server.allowed = 0.02, 8
    asked(server, run, ROWS)
    (ceiling,) = json.loads(pace.memory_file().read_text()).values()
    assert 4 <= ceiling <= 12  # a busy machine has some of them not on the way yet, or not any more
    server.codes.clear()
    asked(server, a_run(run.folder.parents[2] / "other"), ROWS[:100])
    assert server.codes[429] <= 8  # a busy machine remembers a few too many; without memory 24
    pace.memory_file().write_text("no JSON")
    assert Asker(teacher_at(server.url), run, Caps())._pace.limit == pace.FIRST


def test_retry_after_stops_all_sending(server: Server, run: Bench) -> None:
    server.retry_after, server.faults = "0.6", ["429"]
    began = time.monotonic()
    asked(server, run, ROWS[:200])
    assert time.monotonic() - began > 0.6
    assert server.codes[429] == 1


def test_what_headers_leave_is_not_exceeded(server: Server, run: Bench) -> None:
    server.a_minute, server.bucket, server.tells_headroom, server.retry_after = 200.0, 40, True, "0.05"
    _, seconds = asked(server, run, ROWS[:200])
    assert server.codes[429] <= 40  # without the headers about a hundred
    assert seconds > 0.7  # 40 at once, and 160 at 200 a second


# --------------------------------------------------------------------------- the rule alone


class Driven:
    """A pace whose requests are sent and answered by hand, in rounds."""

    def __init__(self, most: int = 64, ceiling: int | None = None) -> None:
        self.now = 0.0
        self.pace = Pace(most, ceiling, clock=lambda: self.now)

    def send(self) -> list[Ticket]:
        """As many as may go."""
        tickets = []
        while self.pace._delay(1) == 0.0:
            tickets.append(self.pace._start(1))
        return tickets

    def round(self, allowed: int) -> int:
        """One round at a server that lets so many through at a time; how many it refused."""
        tickets = self.send()
        for ticket in tickets[allowed:]:
            self.pace.slowed(ticket, None, Headroom())
        for ticket in tickets[:allowed]:
            self.pace.answered(ticket, Headroom())
        return len(tickets[allowed:])


def test_it_begins_with_some_and_doubles_up_to_what_is_allowed() -> None:
    driven = Driven()
    assert [len(driven.send())] == [pace.FIRST]
    driven = Driven()
    assert driven.round(64) == 0
    assert driven.pace.limit == 64


def test_the_first_refusal_of_a_burst_cuts_to_three_quarters() -> None:
    driven = Driven(64, 64)
    tickets = driven.send()
    driven.pace.slowed(tickets[0], None, Headroom())
    assert driven.pace.limit == 48
    assert driven.pace.ceiling == 63
    driven.pace.slowed(tickets[1], None, Headroom())
    assert driven.pace.limit == 48  # of the same burst


@pytest.mark.parametrize("allowed", [1, 3, 16, 40])
def test_it_settles_at_what_a_server_lets_through(allowed: int) -> None:
    driven = Driven()
    refused = [driven.round(allowed) for _ in range(300)]
    assert sum(refused[10:]) <= 12  # rare tries whether more goes by now
    assert max(1, int(0.75 * allowed)) <= int(driven.pace.limit) <= allowed + 1


def test_it_finds_out_when_more_is_allowed() -> None:
    driven = Driven()
    for _ in range(20):
        driven.round(8)
    assert driven.pace.ceiling == 8
    rounds = 0
    while driven.pace.limit < 64:
        assert driven.round(64) == 0
        rounds += 1
        assert rounds < 200
    assert rounds > 20


def test_tokens_a_minute_are_waited_for() -> None:
    driven = Driven()
    first, second = driven.pace._start(100), driven.pace._start(100)
    driven.pace.answered(first, Headroom(tokens=1000, seconds=0.0))
    driven.pace.answered(second, Headroom(tokens=300, seconds=7.0))  # 700 in seven seconds
    assert driven.pace._delay(300) == 0.0
    driven.pace._start(300)
    assert driven.pace._delay(200) == pytest.approx(2.0)
    driven.now += 2.0
    assert driven.pace._delay(200) == 0.0
