"""Batches through both providers' SDKs against a server by their wire formats: each request is submitted
once, whatever happens in between.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
from asking_runs import Bench, a_run
from wire import SECRET, Answer, Cut, Raw, Seen, Status, Wire

from p2m.teachers.anthropic import Anthropic
from p2m.teachers.asking import batches
from p2m.teachers.asking.batches import Batcher
from p2m.teachers.chat import Ask, Batching, Outcome, Reply, TeacherError, Turn
from p2m.teachers.openai import OpenAI

every_kind = pytest.mark.parametrize("kind", ["anthropic", "openai"])


@pytest.fixture(autouse=True)
def _quick(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "QUIET", 0.05)
    monkeypatch.setattr(batches, "FIRST_LOOK", 0.02)
    monkeypatch.setattr(batches, "GRACE", 0.2)
    wire.key = SECRET
    wire.reply = echo


def echo(seen: Seen) -> Answer:
    """Says the question back, so that a reply to another's question shows."""
    return Answer(seen.body["messages"][-1]["content"].upper())


def teacher_of(kind: str, wire: Wire, **settings: Any) -> Anthropic | OpenAI:
    settings = {"key_env": "WIRE_KEY", "batch": True} | settings
    return (
        Anthropic(base_url=wire.url, **settings)
        if kind == "anthropic"
        else OpenAI(base_url=wire.v1, **settings)
    )


def question(number: int) -> Ask:
    """With a sign that JSON Lines may hold, and that `str.splitlines` takes for a line's end."""
    return Ask("", (Turn("user", f"question\u2028{number}"),))


def key(number: int) -> str:
    return f"{number:064x}"


def ask_all(
    kind: str, wire: Wire, run: Bench, numbers: range, *, end: float = 20, **settings: Any
) -> list[Reply | BaseException]:
    """What became of each question; after `end` seconds the build is given up, as a kill would."""

    async def main() -> list[Reply | BaseException]:
        async with AsyncExitStack() as stack:
            teacher = teacher_of(kind, wire, **settings)
            line = await stack.enter_async_context(teacher.open())
            assert isinstance(line, Batching)
            batcher = Batcher(teacher, line, run)
            stack.push_async_callback(batcher.close)
            sends: list[Coroutine[Any, Any, Reply]] = [batcher.send(key(n), question(n)) for n in numbers]
            waiting = asyncio.gather(*sends, return_exceptions=True)
            return await asyncio.wait_for(waiting, end)

    return asyncio.run(main())


def right(replies: list[Reply | BaseException], numbers: range) -> bool:
    return [getattr(reply, "text", reply) for reply in replies] == [f"QUESTION\u2028{n}" for n in numbers]


@every_kind
def test_questions_go_out_together_and_each_reply_finds_its_question(
    wire: Wire, run: Bench, kind: str
) -> None:
    wire.polls_until_over = 3
    replies = ask_all(kind, wire, run, range(40))
    assert right(replies, range(40))
    assert all(isinstance(reply, Reply) and reply.is_batch for reply in replies)
    assert len(wire.batches) == 1
    assert {*wire.batched.values()} == {1}
    assert {*wire.batched} == {key(number) for number in range(40)}
    assert "40 requests submitted" in run.lines[0]
    assert run.seen[0][:2] == (0, 40)


@every_kind
def test_what_one_batch_cannot_hold_goes_in_several(
    wire: Wire, run: Bench, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = type(teacher_of(kind, wire).line())
    monkeypatch.setattr(line, "most", 15)
    assert right(ask_all(kind, wire, run, range(40)), range(40))
    assert sorted(len(batch.items) for batch in wire.batches.values()) == [10, 15, 15]
    monkeypatch.setattr(line, "most", 1000)
    monkeypatch.setattr(line, "largest", 1000)
    assert right(ask_all(kind, wire, run, range(40, 60)), range(40, 60))
    assert len(wire.batches) > 5
    assert {*wire.batched.values()} == {1}


@every_kind
def test_a_build_that_was_killed_collects_what_it_submitted(wire: Wire, run: Bench, kind: str) -> None:
    wire.polls_until_over = 1000
    with pytest.raises(TimeoutError):
        ask_all(kind, wire, run, range(20), end=1)
    wire.polls_until_over = 1
    again = range(25)  # five more
    assert right(ask_all(kind, wire, run, again), again)
    assert {*wire.batched.values()} == {1}
    assert sorted(len(batch.items) for batch in wire.batches.values()) == [5, 20]


@every_kind
def test_a_kill_between_submitting_and_its_answer_submits_nothing_twice(
    wire: Wire, run: Bench, kind: str
) -> None:
    """The journal has the intent, and not the name."""
    ask_all(kind, wire, run, range(10))
    journal = run.folder / "batches.jsonl"
    lines = [line for line in journal.read_text().splitlines() if '"batch"' not in line]
    journal.write_text("\n".join(lines) + '\n{"mark": "cut in the mi')
    wire.polls_until_over = 3  # when it is looked for, it is still at work
    assert right(ask_all(kind, wire, run, range(10)), range(10))
    assert {*wire.batched.values()} == {1}


@every_kind
def test_a_kill_before_submitting_submits_then(wire: Wire, run: Bench, kind: str) -> None:
    journal = batches.Journal(run.folder / "batches.jsonl")
    journal.intend([key(number) for number in range(10)])
    assert right(ask_all(kind, wire, run, range(10)), range(10))
    assert {*wire.batched.values()} == {1}


@every_kind
def test_another_batch_of_as_many_requests_is_not_taken_for_ours(wire: Wire, run: Bench, kind: str) -> None:
    other = a_run(run.folder.parents[1], key="o" * 64)
    ask_all(kind, wire, other, range(100, 110))
    batches.Journal(run.folder / "batches.jsonl").intend([key(number) for number in range(10)])
    assert right(ask_all(kind, wire, run, range(10)), range(10))
    assert {*wire.batched.values()} == {1}


@every_kind
def test_a_connection_cut_while_submitting_is_asked_after(wire: Wire, run: Bench, kind: str) -> None:
    """The batch is made, and its answer lost: it is found, not made again."""
    made = wire._openai_batch if kind == "openai" else wire._anthropic_batch
    lost: list[str] = []

    def cut(batch: Any) -> Any:
        if not lost:
            lost.append(batch.id)
            raise ConnectionResetError("cut")  # aiohttp answers 500
        return made(batch)

    if kind == "openai":
        wire._openai_batch = cut  # type: ignore[method-assign]
    else:
        wire._anthropic_batch = cut  # type: ignore[method-assign]
    assert right(ask_all(kind, wire, run, range(10)), range(10))
    assert lost
    assert {*wire.batched.values()} == {1}


@every_kind
@pytest.mark.parametrize("fate", ["errored", "expired"])
def test_requests_without_a_reply_are_submitted_again(wire: Wire, run: Bench, kind: str, fate: str) -> None:
    unlucky = {key(3), key(4)}

    def first_time(custom_id: str) -> str:
        return fate if custom_id in unlucky and wire.batched[custom_id] == 1 else "succeeded"

    wire.fate = first_time
    assert right(ask_all(kind, wire, run, range(10)), range(10))
    assert {name for name, times in wire.batched.items() if times == 2} == unlucky
    assert any("2 requests of batch_1 are submitted again" in line for line in run.lines)


@every_kind
def test_what_never_succeeds_ends_the_step(wire: Wire, run: Bench, kind: str) -> None:
    wire.fate = lambda custom_id: "errored" if custom_id == key(3) else "succeeded"
    replies = ask_all(kind, wire, run, range(5), attempts=2)
    assert isinstance(replies[3], TeacherError)
    assert "2 batches" in str(replies[3])
    assert "500" in str(replies[3])
    assert sum(isinstance(reply, Reply) for reply in replies) == 4


@every_kind
def test_a_request_that_the_api_refuses_says_so_and_may_be_tried_again(
    wire: Wire, run: Bench, kind: str
) -> None:
    wire.fate = lambda custom_id: "invalid" if custom_id == key(1) else "succeeded"
    replies = ask_all(kind, wire, run, range(3))
    assert isinstance(replies[1], TeacherError)
    assert "no such field" in str(replies[1])
    wire.fate = lambda custom_id: "succeeded"  # the reason is gone
    assert right(ask_all(kind, wire, run, range(3)), range(3))
    assert {name: times for name, times in wire.batched.items() if times > 1} == {key(1): 2}


@every_kind
def test_an_outcome_within_a_batch_is_one(wire: Wire, run: Bench, kind: str) -> None:
    wire.reply = lambda seen: Answer("half", finish="length")
    (reply,) = ask_all(kind, wire, run, range(1))
    assert isinstance(reply, Reply)
    assert (reply.outcome, reply.text, reply.usage.output) == (Outcome.TRUNCATED, "half", 7)


@every_kind
def test_a_batch_that_is_refused_ends_the_step_and_is_no_batch(wire: Wire, run: Bench, kind: str) -> None:
    wire.refuses_batches.append(Status(429, "credit balance is too low", error_code="insufficient_quota"))
    found = ask_all(kind, wire, run, range(3))
    assert all(isinstance(each, TeacherError) and "no credit" in str(each) for each in found)
    wire.refuses_batches.extend([Status(529, headers={"retry-after": "0.05"}), Cut()])
    assert right(ask_all(kind, wire, run, range(3)), range(3))
    assert {*wire.batched.values()} == {1}


@every_kind
def test_what_is_no_api_says_so(wire: Wire, run: Bench, kind: str) -> None:
    wire.refuses_batches.append(Raw("<html>login</html>"))
    (found,) = ask_all(kind, wire, run, range(1))
    assert "base_url right" in str(found)


@every_kind
def test_a_batch_of_another_account_is_given_up(wire: Wire, run: Bench, kind: str) -> None:
    ask_all(kind, wire, run, range(4))
    wire.batches.clear()
    wire.batched.clear()
    assert right(ask_all(kind, wire, run, range(4)), range(4))
    assert any("another account" in line for line in run.lines)


@every_kind
def test_the_journal_holds_no_key(wire: Wire, run: Bench, kind: str) -> None:
    ask_all(kind, wire, run, range(4))
    text = (run.folder / "batches.jsonl").read_text()
    assert SECRET not in text + "".join(run.lines)
    assert [*json.loads(text.split("\n\n")[0])] == ["mark", "time", "keys"]
