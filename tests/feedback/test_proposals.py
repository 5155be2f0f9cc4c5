"""What people said in service becomes decisions and rows to ask about, the same log twice nothing more."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from test_reading_logs import DESK, entry, log

from p2m.curation.base import decide
from p2m.curation.decisions import Entry, read_entries
from p2m.deploy.serving.feedback import RIGHT, WRONG
from p2m.deploy.serving.feedback import Entry as Line
from p2m.errors import UserError
from p2m.feedback.judged import DISAGREED, NO_ANSWER, judged
from p2m.feedback.log import read_logs
from p2m.feedback.proposal import Proposal, apply, proposed, read_asked
from p2m.review.overlay import Overlay
from p2m.types import FEEDBACK


def propose(folder: Path, *lines: Line, corrected_only: bool = False, unsure: int = 0) -> Proposal:
    path = folder / "desk.feedback.jsonl"
    if lines:
        log(path, *lines)
    read = read_logs(DESK, [path])
    return proposed(
        judged(read.lines), read.lines, folder / "desk.decisions.jsonl", folder / "asked.jsonl",
        corrected_only=corrected_only, unsure=unsure,
    )  # fmt: skip


def test_confirmed_and_corrected_rows_are_decided_and_the_rest_is_asked_about(tmp_path: Path) -> None:
    lines = (
        entry(1, "a", judged=RIGHT), entry(2, "b", judged=WRONG, answer="delivery"),
        entry(3, "c", judged=WRONG), entry(4, "d", score=0.4), entry(5, "e", score=0.9),
        entry(6, "f", score=0.8, abstain=True), entry(7, "b"),
    )  # fmt: skip
    made = propose(tmp_path, *lines, unsure=2)
    assert [(e.input["text"], e.output, e.was, e.at[:10], e.origin) for e in made.entries] == [
        ("a", "billing", "billing", "2026-01-01", "server"),
        ("b", "delivery", "billing", "2026-01-02", "server"),
    ]
    assert [(ask.input["text"], ask.why) for ask in made.ask] == [
        ("c", NO_ANSWER), ("f", "among the least sure: 0.80"), ("d", "among the least sure: 0.40"),
    ]  # fmt: skip
    apply(made)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert kept["asked.jsonl"] == b'{"text": "c"}\n{"text": "f"}\n{"text": "d"}\n'
    again = propose(tmp_path, unsure=2)
    assert (again.is_empty, again.known) == (True, 2)
    apply(again)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
    found = decide(DESK, read_entries(made.decisions), "d").found
    assert [(each.row.output, each.row.source) for each in found if each.row] == [
        ("billing", FEEDBACK), ("delivery", FEEDBACK),
    ]  # fmt: skip


def test_confirmed_rows_can_be_left_aside(tmp_path: Path) -> None:
    lines = (entry(1, "a", judged=RIGHT), entry(2, "b", judged=WRONG, answer="delivery"))
    made = propose(tmp_path, *lines, corrected_only=True)
    assert ([e.input["text"] for e in made.entries], made.left) == (["b"], 1)


def test_a_request_counts_as_it_was_judged_last_and_inputs_by_majority(tmp_path: Path) -> None:
    first = entry(1, "a", judged=RIGHT)
    later = dataclasses.replace(first, at="2026-01-02T00:00:00Z", judged=WRONG, answer="delivery")
    made = propose(tmp_path, first, later)
    assert [(e.output, e.at[:10]) for e in made.entries] == [("delivery", "2026-01-02")]
    others = [entry(n, " a ", judged=RIGHT) for n in (3, 4)]
    made = propose(tmp_path, *others)
    assert [e.output for e in made.entries] == ["billing"]
    (said,) = judged(read_logs(DESK, [tmp_path / "desk.feedback.jsonl"]).lines)
    assert [answer for answer, _ in said.said] == ["delivery", "billing"]
    tied = propose(tmp_path, entry(5, "a", judged=WRONG, answer="delivery"))
    assert (tied.entries, [ask.why for ask in tied.ask]) == ((), [DISAGREED])


def test_a_review_stands_and_of_what_was_said_in_service_the_later_counts(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "desk.decisions.jsonl")
    overlay.append(Entry("2026-01-01T00:00:00Z", {"text": "a"}, "billing"))
    apply(propose(tmp_path, entry(2, "b", judged=RIGHT)))
    made = propose(tmp_path, entry(3, "a", judged=WRONG, answer="delivery"))
    assert ([each.input for each in made.overruled], made.entries) == ([{"text": "a"}], ())
    (tmp_path / "desk.feedback.jsonl").unlink()
    later = propose(tmp_path, entry(4, "b", judged=WRONG, answer="delivery"))
    assert [e.output for e in later.entries] == ["delivery"]
    apply(later)
    (tmp_path / "desk.feedback.jsonl").unlink()
    assert propose(tmp_path, entry(2, "b", judged=RIGHT)).is_empty
    assert [e.output for e in overlay.entries()] == ["billing", "delivery"]


def test_rows_that_were_answered_leave_the_file_of_asked_rows_and_without_rows_there_is_none(
    tmp_path: Path,
) -> None:
    made = propose(tmp_path, entry(1, "a", judged=WRONG), entry(2, "b", judged=WRONG))
    apply(made)
    Overlay(made.decisions).append(Entry("2026-02-01T00:00:00Z", {"text": "a"}, "billing"))
    apply(propose(tmp_path))
    assert json.loads(made.asked.read_text()) == {"text": "b"}
    Overlay(made.decisions).append(Entry("2026-02-01T00:00:00Z", {"text": "b"}, None))
    apply(propose(tmp_path))
    assert not made.asked.exists()
    odd = entry(3, "one\u2028two\u2029three\x85four", judged=WRONG)  # what str.splitlines holds for line ends
    apply(propose(tmp_path, odd))
    assert read_asked(made.asked) == [dict(odd.input)]
    made.asked.write_text("[1]\n")
    with pytest.raises(UserError, match=r"asked\.jsonl: its lines are the fields of inputs"):
        propose(tmp_path)
