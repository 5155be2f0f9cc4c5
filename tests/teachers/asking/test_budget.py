"""The caps of a build: never passed, whatever is in flight, killed, resumed, replayed or asked by others."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from asking_runs import PRICED, Bench, a_run, ask, echoed, teacher_at
from beside import Beside
from counting_server import Server
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.engine.recording import ledger
from p2m.teachers.asking.acceptance import LEAST, Acceptance
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import TeacherError
from p2m.teachers.replay import Replay
from p2m.types import Caps

ROWS = [f"row {number}" for number in range(300)]

PROGRAM = """
import sys
from pathlib import Path
from asking_runs import PRICED, a_run, echoed, teacher_at
from p2m.teachers.asking.asker import Asker
from p2m.types import Caps
place, url, build, key, first, cap = sys.argv[1:]
run = a_run(Path(place), build=build, key=key)
asker = Asker(teacher_at(url, price=PRICED), run, Caps(max_cost=float(cap)))
rows = [f"row {number}" for number in range(int(first), int(first) + 300)]
print(sum(found is not None for found in asker.each(rows, echoed)), asker.spent.stopped)
"""


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        (Caps(max_requests=40), "constraints.max_requests=40"),
        (Caps(max_tokens=40 * 110), "constraints.max_tokens=4400"),
        (Caps(max_cost=0.08), "constraints.max_cost=0.08"),
    ],
)
def test_a_cap_ends_asking_without_an_error(server: Server, run: Bench, caps: Caps, said: str) -> None:
    server.seconds = 0.02
    asker = Asker(teacher_at(server.url, price=PRICED), run, caps)
    found = asker.each(ROWS, echoed)
    answered = [row for row in found if row is not None]
    assert server.count == len(answered) == asker.spent.requests
    assert 35 <= len(answered) <= 40
    assert asker.spent.stopped == said
    assert found[:20] == [f"echo: {row}" for row in ROWS[:20]]
    again = Asker(teacher_at(server.url, price=PRICED), a_run(run.folder.parents[1], build="b2"), caps)
    assert again.each(ROWS, echoed) == found
    assert again.replayed == again.spent.requests == len(answered)
    assert again.spent.stopped == said
    assert server.count == len(answered)


def test_a_capped_build_is_replayed_with_nobody_there(server: Server, run: Bench) -> None:
    """Also where a short question that was never put would have had room."""
    server.seconds = 0.02

    async def both(text: str, put: Put) -> str:
        long = await put(ask("long " * 400 + text))
        return long.text + (await put(ask(text))).text

    caps = Caps(max_tokens=4000)
    asker = Asker(teacher_at(server.url, concurrency=2), run, caps)
    found = asker.each(ROWS, both)
    assert 0 < sum(row is not None for row in found) < 60
    assert server.count == asker.spent.requests
    nobody = a_run(run.folder.parents[1], build="b2")
    replay = Asker(Replay(of=teacher_at(server.url)), nobody, caps)
    assert replay.each(ROWS, both) == found
    assert replay.spent.stopped == "constraints.max_tokens=4000"
    before = server.count
    more = a_run(run.folder.parents[1], build="b3")
    Asker(teacher_at(server.url), more, Caps(max_tokens=5000)).each(ROWS, both)
    assert server.count > before


@settings(max_examples=12)
@given(
    cost=st.none() | st.floats(0, 0.2), requests=st.none() | st.integers(0, 60),
    tokens=st.none() | st.integers(0, 6000), usage=st.tuples(st.integers(1, 25), st.integers(0, 10)),
    samples=st.integers(1, 3), concurrency=st.sampled_from([1, 8, 64]),
)  # fmt: skip
def test_no_cap_is_ever_passed(
    cost: float | None, requests: int | None, tokens: int | None, usage: tuple[int, int], samples: int,
    concurrency: int,
) -> None:  # fmt: skip
    server = Server(usage=usage)
    try:
        with tempfile.TemporaryDirectory() as place:
            run = a_run(Path(place) / "store")
            caps = Caps(cost, requests, tokens)
            asker = Asker(teacher_at(server.url, price=PRICED, concurrency=concurrency), run, caps)

            async def sampled(text: str, put: Put) -> str:
                return "".join([(await put(ask(text), sample=number)).text for number in range(samples)])

            found = asker.each(ROWS[:40], sampled)
            ledger.close_all()
    finally:
        server.close()
    spent = asker.spent
    assert spent.cost is not None
    assert server.count == spent.requests
    assert spent.cost <= (1e9 if cost is None else cost)
    assert spent.requests <= (1e9 if requests is None else requests)
    assert spent.input_tokens + spent.output_tokens <= (1e9 if tokens is None else tokens)
    assert (None in found) == bool(spent.stopped)


def test_a_cap_without_a_price_is_refused_before_anything_is_sent(server: Server, run: Bench) -> None:
    with pytest.raises(TeacherError, match=r"max_cost=1 cannot be held.*not known.*teacher.price=\{input"):
        Asker(teacher_at(server.url, price=None), run, Caps(max_cost=1.0))
    Asker(teacher_at(server.url, price=None), run, Caps(max_requests=5)).each(ROWS, echoed)
    assert server.count == 5


def test_a_server_that_counts_no_tokens_does_not_escape_the_caps(server: Server, run: Bench) -> None:
    server.usage = (0, 0)
    asker = Asker(teacher_at(server.url, price=PRICED), run, Caps(max_tokens=500))
    asker.each(ROWS, echoed)
    assert 0 < server.count < 100
    assert asker.spent.cost is None
    assert asker.spent.stopped == "constraints.max_tokens=500"


def test_steps_of_one_build_share_a_cap(server: Server, run: Bench) -> None:
    place = run.folder.parents[1]
    caps = Caps(max_requests=50)
    first = Asker(teacher_at(server.url), run, caps)
    assert None not in first.each(ROWS[:30], echoed)
    second = Asker(teacher_at(server.url), a_run(place, key="l" * 64), caps)
    found = second.each(ROWS[100:200], echoed)
    assert sum(row is not None for row in found) == 20
    assert server.count == 50


def test_processes_of_one_build_share_a_cap(server: Server, tmp_path: Path) -> None:
    server.seconds = 0.02
    both = [start(server, tmp_path, "b1", letter, 1000 * number) for number, letter in enumerate("pq")]
    outs = [process.communicate() for process in both]
    assert [process.wait() for process in both] == [0, 0], outs
    assert 190 <= server.count <= 200
    assert server.count == sum(int(out.split()[0]) for out, _ in outs)
    assert "constraints.max_cost=0.4" in "".join(out for out, _ in outs)


def test_a_build_that_is_killed_and_resumes_spends_no_more_than_its_cap(
    server: Server, tmp_path: Path
) -> None:
    server.seconds = 0.05
    for number in range(2):
        process = start(server, tmp_path, f"b{number}", "p", 0)
        until = time.monotonic() + 120
        while server.count < 60 * (number + 1) and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.005)
        process.kill()
        process.communicate()
        server.wait_until_idle()
    lost = server.count
    out, errors = start(server, tmp_path, "b9", "p", 0).communicate()
    assert "max_cost=0.4" in out, errors
    assert lost <= 200 + 2 * 72
    assert 190 <= int(out.split()[0]) <= 200
    count = server.count
    assert start(server, tmp_path, "b10", "p", 0).communicate()[0] == out
    assert server.count == count


def start(server: Server, place: Path, build: str, key: str, first: int) -> Beside:
    words = [str(place / "store"), server.url, build, key * 64, str(first), "0.4"]
    return Beside(PROGRAM, *words)


# --------------------------------------------------------------------------- what is kept of the answers


def test_a_run_that_keeps_too_little_is_ended_early(server: Server, run: Bench) -> None:
    acceptance = Acceptance(0.2)

    async def judged(text: str, put: Put) -> None:
        number = int((await put(ask(text))).text.split()[-1])
        if number % 10 == 0:
            acceptance.keep()
        else:
            acceptance.reject("no label of the task" if number % 10 < 8 else "empty")

    with pytest.raises(TeacherError) as caught:
        Asker(teacher_at(server.url, concurrency=8), run, Caps()).each(ROWS, judged, acceptance=acceptance)
    assert LEAST <= server.count <= LEAST + 40
    said = str(caught.value)
    assert "no label of the task (" in said
    assert "10%" in said
    assert "generation.min_acceptance=0" in said
    assert said.index("no label") < said.index("empty")


def test_what_is_kept_and_what_it_costs_is_told(server: Server, run: Bench) -> None:
    acceptance = Acceptance(0.2)

    async def kept(text: str, put: Put) -> None:
        await put(ask(text))
        acceptance.keep(3)
        acceptance.reject("empty")

    asker = Asker(teacher_at(server.url, price=PRICED), run, Caps())
    asker.each(ROWS[:200], kept, acceptance=acceptance, what="answers")
    done, total, note = run.seen[-1]
    assert (done, total) == (200, 200)
    assert note.startswith("answers, 0.40 of about 0.40 USD, 600 kept (75%)")
