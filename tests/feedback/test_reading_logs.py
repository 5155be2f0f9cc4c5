"""Logs are read line by line: what holds counts once, what does not is said with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p2m.deploy.serving.feedback import RIGHT, WRONG, Entry, Log
from p2m.errors import UserError
from p2m.feedback.log import read_logs
from p2m.types import Field, Layout, Scale, Task, TaskType

DESK = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("desk"), labels=("billing", "delivery"))


def entry(number: int = 1, text: str = "Where is it?", output: Any = "billing", **more: Any) -> Entry:
    at = f"2026-01-{number:02}T09:00:00.000000Z"
    values = {"at": at, "id": f"r{number}", "bundle": "desk@0123456789ab", "source": "server"}
    return Entry(**{**values, "input": {"text": text}, "output": output, "score": 0.5} | more)


def log(path: Path, *entries: Entry) -> Path:
    Log(path).append(*entries)
    return path


def test_lines_are_read_in_the_order_of_their_times_and_each_once(tmp_path: Path) -> None:
    one = log(tmp_path / "a.jsonl", entry(3, judged=RIGHT), entry(1, judged=WRONG, answer="delivery"))
    other = log(tmp_path / "b.jsonl", entry(3, judged=RIGHT), entry(2, abstain=True, source="demo"))
    read = read_logs(DESK, [one, other])
    assert [(x.id, x.judged, x.answer) for x in read.lines] == [
        ("r1", WRONG, "delivery"), ("r2", None, None), ("r3", RIGHT, "billing"),
    ]  # fmt: skip
    assert (read.lines[1].origin, read.lines[1].abstain, read.lines[0].place) == ("demo", True, f"{one}:2")
    assert [x.id for x in read_logs(DESK, [one, other], "2026-01-02").lines] == ["r2", "r3"]
    assert [x.id for x in read_logs(DESK, [one], "2026-01-03T10:00").lines] == []
    for since in ("yesterday", "2026-13-45", "2026-01-31T25:00"):
        with pytest.raises(UserError, match=f"--since {since}: a day such as"):
            read_logs(DESK, [one], since)
    with pytest.raises(UserError, match=r"none\.jsonl: the log cannot be read: No such file"):
        read_logs(DESK, [tmp_path / "none.jsonl"])


def test_times_are_compared_as_times(tmp_path: Path) -> None:
    ats = ["2026-01-01T09:00:00.5Z", "2026-01-01T09:00:00Z", "2026-01-01T09:00:01Z"]
    path = log(tmp_path / "a.jsonl", *(entry(at=at, id=at) for at in ats))
    half, whole, last = ats
    assert [x.id for x in read_logs(DESK, [path]).lines] == [whole, half, last]
    for since in ("2026-01-01T09:00:00Z", "2026-01-01T11:00:00+02:00", "2026-01-01T09:00"):
        assert [x.id for x in read_logs(DESK, [path], since).lines] == [whole, half, last]
    assert [x.id for x in read_logs(DESK, [path], "2026-01-01T09:00:00.2").lines] == [half, last]


DAMAGED = {
    b'{"at": "2026': "is no JSON, perhaps cut off",
    b"\xff": "is not UTF-8",
    b"[" * 100_000: "is no JSON",
    b"[]": "is no line of a feedback log",
    b'{"at": "now"}': "`at` is a time such as",
    b'{"at": "2026-13-45T09:00:00Z"}': "`at` is a time such as",
    b'{"at": "2026-01-01T09:00:00Z", "input": {"text": 1}}': "`input` holds the texts",
    b'{"at": "2026-01-01T09:00:00Z", "input": {"body": "x"}}': "has the fields body, and the task has text",
    b'{"at": "2026-01-01T09:00:00Z", "input": {"text": "x"}, "judged": ["right"]}': "`judged` is",
    b'{"at": "2026-01-01T09:00:00Z", "input": {"text": "x"}, "judged": null}': "lacks its `output`",
    b'{"at": "2026-01-01T09:00:00Z", "input": {"text": "x"}, "output": "a", "score": NaN}': "`score` is",
    b'{"at": "2026-01-01T09:00:00Z", "input": {"text": "\\ud800"}, "output": "a"}': "half of a character",
}


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_line_costs_that_line_alone(line: bytes, tmp_path: Path) -> None:
    path = log(tmp_path / "a.jsonl", entry(1, judged=RIGHT))
    with path.open("ab") as stream:
        stream.write(line + b"\n\n")
    log(path, entry(2, judged=RIGHT))
    read = read_logs(DESK, [path])
    assert [x.id for x in read.lines] == ["r1", "r2"]
    assert len(read.damaged) == 1
    assert read.damaged[0].startswith(f"{path}:2: ")
    assert DAMAGED[line] in read.damaged[0]


def test_a_correction_that_is_no_answer_of_the_task_leaves_a_row_to_ask_about(tmp_path: Path) -> None:
    lines = (entry(1, judged=WRONG, answer="bills"), entry(2, judged=WRONG, answer="billing"))
    gone = entry(3, output="sales", judged=RIGHT)
    read = read_logs(DESK, [log(tmp_path / "a.jsonl", *lines, gone)])
    assert [x.answer for x in read.lines] == [None, None, None]
    assert "a.jsonl:1: the answer 'bills': 'bills' is none of the labels" in read.damaged[0]
    assert "a.jsonl:2: it was judged wrong, and corrected to the same answer, 'billing'" in read.damaged[1]
    assert "a.jsonl:3: the answer 'sales'" in read.damaged[2]
    assert all(each.endswith("; somebody must answer it") for each in read.damaged)


TEXT = "Ann met Bo."
SHAPES = {
    "labels": (Task(TaskType.MULTI_LABEL, "", (Field("text"),), Field("tags"), labels=("a", "b")), ["b", "a"],
               '["a", "b"]'),
    "number": (Task(TaskType.REGRESSION, "", (Field("text"),), Field("stars"), scale=Scale(1, 5)), 4.0, "4"),
    "spans": (Task(TaskType.EXTRACTION, "", (Field("text"),), Field("names"), layout=Layout()),
              [{"text": "Bo", "start": 8, "end": 10}], '[{"text": "Bo", "start": 8, "end": 10}]'),
    "span": (Task(TaskType.EXTRACTION, "", (Field("text"),), Field("name"), none="N/A"), "none", "N/A"),
    "text": (Task(TaskType.TEXT_TO_TEXT, "", (Field("text"),), Field("said")), " as it is ", "as it is"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_json_values_of_the_task_and_become_its_canonical_text(
    shape: str, tmp_path: Path
) -> None:
    task, value, text = SHAPES[shape]
    path = log(tmp_path / "a.jsonl", entry(text=TEXT, output="was", judged=WRONG, answer=value))
    read = read_logs(task, [path])
    assert (read.damaged, [x.answer for x in read.lines]) == ((), [text])
    assert json.loads(path.read_text())["answer"] == value
