"""collect and draw: the user's own inputs, of tables, texts and traces, and which of them come first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p2m.errors import DataError
from p2m.stages.collect import collect
from p2m.stages.draw import draw
from p2m.stages.merge import merge
from p2m.types import Example, Examples, Files, Inputs, Need, Needs, Rejected, Spent, Task, Unanswered
from tests.conftest import LABELS, QA, TEXT, Here


def written(folder: Path, name: str, *lines: Any) -> Files:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines), "utf-8")
    return Files(path)


def texts(found: Inputs) -> list[str]:
    return [row.input["text"] for row in found.rows]


def chat(*contents: Any, role: str = "user") -> dict[str, Any]:
    system = {"role": "system", "content": "Be kind."}
    said = [
        message
        for text in contents
        for message in ({"role": role, "content": text}, {"role": "assistant", "content": "ok"})
    ]
    return {"messages": [system, *said]}


def test_a_table_is_read_by_its_columns_and_each_input_once(tmp_path: Path) -> None:
    files = written(tmp_path, "in.csv", "id,text", "1,Where is it?", "2,where  is IT?", "3,Thanks")
    found = collect(LABELS, files)
    assert texts(found) == ["Where is it?", "Thanks"]
    assert [(row.source, row.group, row.aim) for row in found.rows] == [("user", "", "")] * 2
    assert found.rejected == (Rejected({"text": "where  is IT?"}, "", "repeats an earlier input"),)
    assert [count.rows for count in found.counts] == [3, 1]


def test_answers_beside_the_inputs_are_left_aside_and_that_is_said(tmp_path: Path, here: Here) -> None:
    files = written(tmp_path, "in.jsonl", {"text": "a b", "label": "yes"}, {"text": "c d", "label": "no"})
    found = collect(LABELS, files, run=here)  # type: ignore[call-arg, arg-type]
    assert texts(found) == ["a b", "c d"]
    assert "'label' is not read" in here.lines[0]
    assert "data.train" in here.lines[0]


def test_passages_keep_their_questions_together(tmp_path: Path) -> None:
    files = written(tmp_path, "in.jsonl", *({"question": f"q{n}", "context": "one text"} for n in range(2)))
    groups = {row.group for row in collect(QA, files).rows}
    assert len(groups) == 1
    assert groups != {""}


def test_lines_of_a_text_are_inputs_and_whole_texts_of_a_folder(tmp_path: Path) -> None:
    lines = written(tmp_path, "lines.txt", "one", "", "  two ", "one")
    written(tmp_path, "mails/a.txt", "Dear all,", "", "bye")
    written(tmp_path, "mails/more/b.md", "# Hello")
    assert texts(collect(TEXT, lines)) == ["one", "two"]
    assert texts(collect(TEXT, Files(tmp_path / "mails"))) == ["Dear all,\n\nbye", "# Hello"]
    assert texts(collect(TEXT, lines, Files(tmp_path / "mails" / "more" / "b.md"))) == [
        "one",
        "two",
        "# Hello",
    ]


@pytest.mark.parametrize(
    "line",
    [
        chat("first", "Where is it?"),
        chat([{"type": "text", "text": "Where is it?"}, {"type": "image_url", "image_url": {"url": "x"}}]),
        {"custom_id": "1", "method": "POST", "body": {"model": "m", **chat("Where is it?")}},
        {"request": {"body": chat("Where is it?")}, "response": {"choices": []}},
        {"model": "m", "input": "Where is it?"},
        {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]}],
        },
    ],
)
def test_of_a_trace_the_last_user_message_is_the_input(tmp_path: Path, line: dict[str, Any]) -> None:
    assert texts(collect(TEXT, written(tmp_path, "log.jsonl", line))) == ["Where is it?"]


def test_a_conversation_without_a_user_is_counted_and_nothing_else_is_lost(tmp_path: Path) -> None:
    files = written(tmp_path, "log.jsonl", chat("hello"), chat("x", role="tool"), chat("bye"))
    found = collect(TEXT, files)
    assert texts(found) == ["hello", "bye"]
    assert found.rejected == (Rejected({}, "", "no user message: log.jsonl:2"),)


def test_a_message_that_is_an_object_of_the_fields_is_read_as_these(tmp_path: Path) -> None:
    values = {"question": "Who?", "context": "Ada left."}
    assert collect(QA, written(tmp_path, "a.jsonl", chat(json.dumps(values)))).rows[0].input == values
    with pytest.raises(
        DataError, match=r"a\.jsonl:1: the message is one text, and the task has question, context"
    ):
        collect(QA, written(tmp_path, "a.jsonl", chat("Who?")))


@pytest.mark.parametrize(
    ("task", "name", "lines", "said"),
    [
        (LABELS, "in.csv", ["text,n", "a,1", ",2"], r"in\.csv:3: 'text' \(column 'text'\) is empty"),
        (LABELS, "in.csv", ["text,n"], "no rows"),
        (QA, "in.csv", ["question,n", "a,1"], "no column for 'context'"),
        (QA, "in.txt", ["a line"], "a text is one field, and the task has question, context"),
        (LABELS, "in.txt", [""], "it is empty"),
        (LABELS, "in.csv", ["alpha,beta", "a b,c d", "e f,g h"], "cannot be told among alpha, beta"),
        (LABELS, "in.jsonl", ['{"text": "a"', "x"], r"in\.jsonl:1"),
        (LABELS, "log.jsonl", [chat("x", role="tool")], "no input in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, task: Task, name: str, lines: list[Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        collect(task, written(tmp_path, name, *lines))


def pool(number: int) -> Inputs:
    return Inputs(tuple(Unanswered({"text": f"input {n}"}, "user") for n in range(number)))


def test_a_larger_draw_only_adds_and_no_input_comes_twice() -> None:
    few, more = (draw(TEXT, pool(50), None, number=number, seed=1) for number in (10, 30))
    assert more.rows[:10] == few.rows
    next_ones = draw(TEXT, pool(50), None, few, number=100, seed=1)
    assert {*texts(few), *texts(next_ones)} == set(texts(pool(50)))
    assert not set(texts(few)) & set(texts(next_ones))
    assert texts(few) != texts(draw(TEXT, pool(50), None, number=10, seed=2))


def test_what_is_most_telling_is_drawn_first() -> None:
    needs = Needs((Need(1.0, "unsure"),), ranked=(7, 3, 5))
    assert texts(draw(TEXT, pool(50), needs, number=4, seed=1))[:3] == ["input 7", "input 3", "input 5"]


def test_merged_rounds_add_up_what_they_cost_and_keep_what_was_rejected() -> None:
    rejected = Rejected({"text": "b"}, "", "empty")
    first = Examples((Example({"text": "a"}, "A"),), rejected=(rejected,), spent=Spent(2, cost=0.5))
    second = Examples((), spent=Spent(1, cost=0.25))
    counts = Examples((), figures={"asked": 30.0, "kept": 27.0})
    assert merge(counts, Examples((), figures={"asked": 10.0})).figures == {"asked": 40.0, "kept": 27.0}
    made = merge(first, second, Examples(()))
    assert made.rejected == (rejected,)
    assert made.spent == Spent(3, cost=0.75)
