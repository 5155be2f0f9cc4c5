"""The page's API over real HTTP: who gets in, what can be decided, and what lies in the file then."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from p2m.curation.decisions import read_entries
from p2m.review.desk import Asked, Desk, Item
from p2m.review.overlay import Overlay
from p2m.review.ranking import Doubt
from p2m.review.server import Server, served
from p2m.types import Example, Field, Task, TaskType

TASK = Task(
    TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("desk"), ("billing", "delivery"),
    descriptions={"billing": "charges"},
)  # fmt: skip
FREE = Task(TaskType.TEXT_TO_TEXT, "Rewrite it.", (Field("text"),), Field("out"))
ITEMS = (
    Item({"text": "Where is my box?"}, "billing", {"billing": 0.6, "delivery": 0.4}, "generated:x"),
    Item({"text": "I was charged twice."}, "billing"),
    Item({"text": "No answer yet."}),
)


def desk(
    folder: Path, *, turn: int = 1, size: int = 20, task: Task = TASK, items: Sequence[Item] = ITEMS
) -> Desk:
    doubts = {ITEMS[0].key: (0.4, "votes: 60% for it")}
    return Desk(task, items, Overlay(folder / "desk.decisions.jsonl"), Doubt(doubts), turn, size)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(desk(tmp_path)) as found:
        yield found


def ask(
    server: Server,
    place: str,
    body: Any = None,
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    sent = {"Content-Type": "application/json"} | (headers or {})
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    place = f"/{server.token if token is None else token}/{place}"
    connection.request("GET" if body is None else "POST", place, data, sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(text) if is_json else text


def rows(server: Server) -> list[dict[str, Any]]:
    status, found = ask(server, "rows")
    assert status == 200
    return list(found)


def lines(folder: Path) -> dict[str, Any]:
    return {entry.input["text"]: entry for entry in read_entries(folder / "desk.decisions.jsonl")}


def test_the_page_and_what_it_loads_come_with_the_token_alone(server: Server) -> None:
    for place in ("", "review.js", "review.css", "state", "rows"):
        assert ask(server, place)[0] == 200
        for token in ("", "x", server.token[:-1], server.token + "x"):
            assert ask(server, place, token=token)[0] in (403, 404)
    assert "<title>p2m review</title>" in ask(server, "")[1]
    for place in ("../server.py", "..%2fserver.py", "page/review.js", "index.html/x", "nothing"):
        assert ask(server, place)[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"}, {"Host": "127.0.0.1"}, {"Host": "localhost:1"}, {"Origin": "https://evil.example"},
        {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
def test_no_other_origin_or_host_gets_in_whatever_it_knows(
    server: Server, headers: dict[str, str], tmp_path: Path
) -> None:
    assert ask(server, "rows", headers=headers)[0] == 403
    told = {"id": ITEMS[0].id, "action": "reject"}
    assert ask(server, "decide", told, headers=headers)[0] == 403
    assert not (tmp_path / "desk.decisions.jsonl").exists()


def test_a_request_that_is_none_is_refused_and_the_next_one_served(server: Server) -> None:
    assert ask(server, "decide", b"[1]")[0] == 400
    assert ask(server, "decide", b"{")[0] == 400
    assert ask(server, "decide", b"{}", headers={"Content-Type": "text/plain"})[0] == 415
    assert ask(server, "decide", b"{}", headers={"Content-Length": "2000000"})[0] == 413
    assert ask(server, "decide", b"{}", headers={"Content-Length": "-2"})[0] == 411
    assert ask(server, "state", {})[0] == 404
    assert ask(server, "decide", {"id": "0"})[1] == {"error": "there is no such row; load the page again"}
    assert len(rows(server)) == 3


def test_rows_come_the_most_doubtful_first_and_every_action_is_on_the_disk_at_once(
    server: Server, tmp_path: Path
) -> None:
    first, *others = rows(server)
    assert (first["input"], first["why"]) == (ITEMS[0].input, "votes: 60% for it")
    assert ask(server, "decide", {"id": first["id"], "action": "label", "output": "delivery"})[0] == 200
    assert lines(tmp_path)["Where is my box?"].output == "delivery"
    assert lines(tmp_path)["Where is my box?"].was == "billing"
    assert [row["id"] for row in rows(server)] == [row["id"] for row in others]
    ids = {row["input"]["text"]: row["id"] for row in others}
    assert ask(server, "decide", {"id": ids["I was charged twice."], "action": "accept"})[0] == 200
    assert ask(server, "decide", {"id": ids["No answer yet."], "action": "reject"})[0] == 200
    found = lines(tmp_path)
    assert found["I was charged twice."].output == "billing"
    assert found["No answer yet."].output is None
    state = ask(server, "state")[1]
    assert (state["decided"], state["rows"], rows(server)) == (3, 3, [])
    assert state["labels"] == [{"name": "billing", "means": "charges"}, {"name": "delivery", "means": ""}]


def test_what_cannot_be_an_answer_is_refused_with_the_reason_and_changes_nothing(
    server: Server, tmp_path: Path
) -> None:
    ids = {row["input"]["text"]: row["id"] for row in rows(server)}
    wrong = [
        ({"action": "label", "output": "deliveri"}, "did you mean 'delivery'?"),
        ({"action": "label"}, "give 'desk' an answer"),
        ({"action": "label", "output": " "}, "give 'desk' an answer"),
        ({"action": "burn"}, "'burn' is no action"),
        ({"action": "accept"}, "no answer that could be accepted"),
        ({"action": "edit", "output": "billing", "input": {"text": " "}}, "blank text"),
        ({"action": "edit", "output": "billing", "input": {"other": "x"}}, "all of the input's fields: text"),
        ({"action": "edit", "output": "billing", "input": {"text": 3}}, "fields are texts"),
    ]
    for told, why in wrong:
        status, answer = ask(server, "decide", {"id": ids["No answer yet."], **told})
        assert status == 422
        assert why in answer["error"]
    assert not (tmp_path / "desk.decisions.jsonl").exists()


def test_undo_asks_the_row_again_first_and_takes_the_decision_out_of_the_file(tmp_path: Path) -> None:
    with served(desk(tmp_path)) as server:
        assert ask(server, "undo", {})[0] == 422
        first, second, _ = rows(server)
        for row in (first, second):
            ask(server, "decide", {"id": row["id"], "action": "reject"})
        for row in (second, first):
            assert ask(server, "undo", {}) == (200, {"id": row["id"]})
            assert rows(server)[0]["id"] == row["id"]
        assert ask(server, "state")[1]["can_undo"] is False
        ask(server, "decide", {"id": first["id"], "action": "accept"})
    assert {text: entry.output for text, entry in lines(tmp_path).items()} == {"Where is my box?": "billing"}


def test_an_edit_changes_the_input_and_the_row_is_known_by_what_it_was(tmp_path: Path) -> None:
    with served(desk(tmp_path, task=FREE)) as server:
        told = {
            "id": ITEMS[2].id,
            "action": "edit",
            "output": "An answer.",
            "input": {"text": "No answer yet!"},
        }
        assert ask(server, "decide", told)[0] == 200
        assert ITEMS[2].id not in {row["id"] for row in rows(server)}
    (entry,) = lines(tmp_path).values()
    assert (entry.input, entry.edited) == ({"text": "No answer yet."}, {"text": "No answer yet!"})


def test_a_new_session_goes_on_where_the_last_one_ended_and_rounds_follow_each_other(tmp_path: Path) -> None:
    with served(desk(tmp_path, size=2)) as server:
        first = rows(server)
        assert len(first) == 2
        ask(server, "decide", {"id": first[0]["id"], "action": "reject"})
    with served(desk(tmp_path, size=2)) as server:
        assert len(rows(server)) == 2
        assert ask(server, "state")[1]["decided"] == 1
        for row in rows(server):
            ask(server, "decide", {"id": row["id"], "action": "reject"})
        assert rows(server) == []


def test_a_second_pass_shows_no_answer_of_the_first_and_says_how_far_they_agree(tmp_path: Path) -> None:
    said = {"Where is my box?": "delivery", "I was charged twice.": "billing"}
    for turn in (1, 2):
        with served(desk(tmp_path, turn=turn)) as server:
            shown = {row["input"]["text"]: row for row in rows(server)}
            assert shown.keys() == ({item.input["text"] for item in ITEMS} if turn == 1 else said.keys())
            for text, output in said.items():
                assert shown[text]["was"] == "billing"  # the row's own, which was shown the first time too
                output = "billing" if turn == 2 else output
                ask(server, "decide", {"id": shown[text]["id"], "action": "label", "output": output})
            state = ask(server, "state")[1]
    assert state["agreement"]["passes_rows"] == 2
    assert state["agreement"]["passes_agree"] == 0.5
    with served(desk(tmp_path, turn=3)) as server:
        assert [row["why"] for row in rows(server)] == ["passes disagree", "again"]


def test_a_broken_ranker_loses_no_decision(tmp_path: Path) -> None:
    class Broken:
        def next(self, left: Sequence[Item], decided: Sequence[Example], number: int) -> list[Asked]:
            if decided:
                raise RuntimeError("no")
            return [Asked(left[0], "")]

        def quality(self, decided: Sequence[Example]) -> dict[str, Any]:
            return {}

    overlay = Overlay(tmp_path / "desk.decisions.jsonl")
    with served(Desk(TASK, ITEMS, overlay, Broken())) as server, pytest.raises(http.client.HTTPException):
        ask(server, "decide", {"id": rows(server)[0]["id"], "action": "accept"})
    assert len(lines(tmp_path)) == 1
