"""A teacher is examined through the real SDK against a server: as training rows are asked for, once a row."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from asking_runs import Bench
from wire import Answer, Seen, Wire

from p2m.stages.examine import examine
from p2m.stages.examine_judged import examine_judged
from p2m.teachers.compatible import Compatible
from p2m.types import Caps, Examined, Example, Examples, Split, Task
from tests.conftest import LABELS, TEXT

ROWS = Examples(tuple(Example({"text": f"is {n} even?"}, "no" if n % 2 else "yes") for n in range(12)))
SEED = 0


@pytest.fixture(autouse=True)
def _knowing(wire: Wire) -> None:
    wire.reply = knowing


def asked_of(seen: Seen) -> str:
    """The row that a request is about, as the prompt has it."""
    content = seen.body["messages"][1]["content"]
    return json.loads(content.partition("<data>")[2].partition("</data>")[0])["input"]["text"]


def knowing(seen: Seen) -> Answer:
    """Whether a number is even, of 5 wrongly; of 6 nothing, of 7 something that is no label."""
    number = int(asked_of(seen).split()[1])
    if number == 6:
        return Answer("", extra={"choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": None, "refusal": "I would rather not"},
        }]})  # fmt: skip
    said = "perhaps" if number == 7 else "yes" if number % 2 == 0 or number == 5 else "no"
    return Answer(json.dumps({"answer": said}))


def examined(wire: Wire, run: Bench, task: Task = LABELS, **given: Any) -> Examined:
    settings: dict[str, Any] = {"number": 200, "caps": Caps(), "seed": SEED, "run": run} | given
    rows, shown = settings.pop("rows", ROWS), settings.pop("shown", None)
    return examine(task, rows, shown, teacher=teacher(wire), **settings)


def teacher(wire: Wire) -> Compatible:
    price = {"input": 1.0, "output": 2.0}  # USD a million tokens; a reply has 11 and 7
    return Compatible(model="small-1", base_url=wire.v1, concurrency=4, timeout=10.0, price=price)


def questions(wire: Wire) -> list[str]:
    """Rows that were asked about, but for asking once more where a reply was no good."""
    return [asked_of(seen) for seen in wire.seen if len(seen.body["messages"]) == 2]


def by_text(found: Examined) -> dict[str, tuple[str, str]]:
    texts = [values["text"] for values in found.inputs]
    return dict(zip(texts, zip(found.answers, found.faults, strict=True), strict=True))


def test_every_row_is_put_to_it_once_and_what_has_no_answer_says_why(wire: Wire, run: Bench) -> None:
    found = examined(wire, run)
    said = by_text(found)
    assert len(questions(wire)) == len(said) == 12
    assert len(wire.seen) == 13  # what is no label is asked for once more
    assert said["is 2 even?"] == ("yes", "")
    assert said["is 5 even?"] == ("yes", "")
    assert said["is 6 even?"] == ("", "refused: I would rather not")
    assert said["is 7 even?"][0] == ""
    assert "perhaps" in said["is 7 even?"][1]
    assert found.teacher == "compatible small-1"
    assert found.note == ""


def test_what_a_row_costs_and_how_long_it_takes_is_measured(wire: Wire, run: Bench) -> None:
    found = examined(wire, run)
    assert found.spent is not None
    assert (found.spent.requests, found.spent.outcomes) == (13, {"answered": 12, "refused": 1})
    assert found.cost == pytest.approx(13 * 25e-6 / 12)
    assert len(found.seconds) == 13
    assert 0 < found.latency < 5


def test_a_limit_ends_it_early_and_is_named(wire: Wire, run: Bench) -> None:
    found = examined(wire, run, caps=Caps(max_requests=5))
    assert 0 < len(found.inputs) <= 5
    assert len(wire.seen) == 5
    assert found.spent is not None
    assert found.spent.stopped == "constraints.max_requests=5"
    nothing = examined(wire, run, caps=Caps(max_requests=0), task=replace(LABELS, instruction="Other."))
    assert (nothing.inputs, nothing.note) == ((), "constraints.max_requests=0")


def test_a_second_time_nothing_is_asked_and_the_same_comes_back(wire: Wire, run: Bench) -> None:
    first = examined(wire, run)
    wire.seen.clear()
    assert examined(wire, run) == first
    assert wire.seen == []


def test_a_larger_number_only_adds_to_the_rows_of_a_smaller_one(wire: Wire, run: Bench) -> None:
    few = examined(wire, run, number=5)
    assert len(few.inputs) == 5
    wire.seen.clear()
    more = examined(wire, run, number=8)
    assert sorted(questions(wire)) == sorted(set(by_text(more)) - set(by_text(few)))


def test_the_prompt_shows_other_rows_and_never_one_that_is_asked_about(wire: Wire, run: Bench) -> None:
    others = tuple(Example({"text": f"what of {n}?"}, "yes") for n in range(3))
    task = replace(LABELS, demonstrations=(ROWS.rows[3], others[0]))
    shown = Examples((*ROWS.rows, *others[1:]))
    examined(wire, run, task, shown=shown)
    prompts = {seen.body["messages"][0]["content"] for seen in wire.seen}
    assert len(prompts) == 1  # it depends on no row
    (prompt,) = prompts
    for row in others:
        assert row.input["text"] in prompt
    assert "even?" not in prompt


def test_labels_that_only_rows_tell_are_known_to_the_teacher(wire: Wire, run: Bench) -> None:
    examined(wire, run, replace(LABELS, labels=()))
    schema = wire.seen[0].body["response_format"]["json_schema"]["schema"]
    assert {"no", "yes"} <= set(schema["properties"]["answer"]["enum"])


# --------------------------------------------------------------------------- the rows that judge

PARTS = Split(ROWS.rows[:2], (), ROWS.rows[2:], "gold")


def beside(wire: Wire, run: Bench, parts: Split, before: Examined | None, number: int = 200) -> Examined:
    return examine_judged(
        LABELS, parts, before, None, teacher=teacher(wire), number=number, caps=Caps(), seed=SEED, run=run
    )


def test_of_judged_rows_only_those_are_asked_that_were_not_examined(wire: Wire, run: Bench) -> None:
    before = examined(wire, run, rows=Examples(ROWS.rows[:6]))
    wire.seen.clear()
    found = beside(wire, run, PARTS, before)
    assert sorted(questions(wire)) == sorted(row.input["text"] for row in ROWS.rows[6:])
    assert len(by_text(found)) == len(found.inputs) == 12
    assert found.spent is not None
    assert found.spent.requests == 7  # its own, of which one was asked for once more
    assert found.cost == pytest.approx(13 * 25e-6 / 12)  # a row, over both
    enough = beside(wire, run, PARTS, before, number=4)  # rows 2 to 5 judge, and were asked about
    assert enough == replace(before, spent=enough.spent)
    assert enough.spent is not None
    assert enough.spent.requests == 0


def test_rows_that_the_teacher_labelled_are_not_put_to_it(wire: Wire, run: Bench) -> None:
    found = beside(wire, run, replace(PARTS, evidence="synthetic"), None)
    assert wire.seen == []
    assert (found.inputs, found.teacher) == ((), "compatible small-1")
    assert "data.test" in found.note


def test_written_answers_are_taken_as_they_are(wire: Wire, run: Bench) -> None:
    wire.reply = lambda seen: Answer(json.dumps({"answer": f"  so: {asked_of(seen)} "}))
    found = examined(wire, run, TEXT)
    assert by_text(found)["is 1 even?"] == ("so: is 1 even?", "")
