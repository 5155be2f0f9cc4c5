"""Decisions of people: their lines, what several passes come to, and what curation makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.curation.decisions import DISPUTED, REJECTED, Entry, agreement, compacted, read_entries, standing
from p2m.errors import DataError
from p2m.stages.curate import curate
from p2m.stages.decisions import decisions
from p2m.types import FEEDBACK, Curation, Decisions, Example, Examples, Field, Files, Task, TaskType

TASK = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), ("no", "yes"))
TEXTS = st.sampled_from(["Is it on?", "Is  it on? ", "Is it off?", "caf\u00e9", "cafe\u0301"])
ENTRIES = st.builds(
    Entry,
    at=st.integers(0, 59).map(lambda second: f"2026-01-31T09:05:{second:02}Z"),
    input=TEXTS.map(lambda text: {"text": text}),
    output=st.sampled_from([None, "no", "yes"]),
    turn=st.integers(1, 3),
    undone=st.booleans(),
)


def said(text: str, output: str | None, *, turn: int = 1, at: int = 0, **more: object) -> Entry:
    return Entry(f"2026-01-31T09:{at:02}:00Z", {"text": text}, output, turn=turn, **more)  # type: ignore[arg-type]


def write(path: Path, *entries: Entry) -> Path:
    path.write_text("".join(f"{entry.line()}\n" for entry in entries), "utf-8")
    return path


def read(path: Path, *entries: Entry) -> Decisions:
    return decisions(TASK, Files(write(path / "desk.decisions.jsonl", *entries)))


def curated(found: Decisions, **parts: list[Example]) -> Examples:
    given_ = [Examples(tuple(parts.get(name, ()))) for name in ("generated", "retrieved", "train")]
    return curate(TASK, *given_, None, None, found, curation=Curation(), seed=0)


@given(st.lists(ENTRIES, max_size=12))
def test_a_sorted_file_says_what_its_lines_said(entries: list[Entry]) -> None:
    tidy = compacted(entries)
    stand = {key: {turn: each.said for turn, each in some.items()} for key, some in standing(entries).items()}
    again = {key: {turn: each.said for turn, each in some.items()} for key, some in standing(tidy).items()}
    assert again == stand
    assert compacted(tidy) == tidy == sorted(tidy, key=lambda entry: entry.order)
    assert len({(entry.key, entry.turn) for entry in tidy}) == len(tidy)


@given(st.lists(ENTRIES, max_size=8))
def test_lines_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    path = write(tmp_path_factory.mktemp("lines") / "a.jsonl", *entries)
    assert [entry.line() for entry in read_entries(path)] == [entry.line() for entry in entries]


def test_the_latest_line_of_a_pass_counts_wherever_a_merge_put_it(tmp_path: Path) -> None:
    found = read(tmp_path, said("a b", "yes", at=5), said("a  b ", "no", at=3))
    assert [each.row and each.row.output for each in found.found] == ["yes"]
    found = read(tmp_path, said("a b", "yes", at=3), said("a b", None, at=5, undone=True))
    assert found.found == ()


def test_passes_are_decided_by_majority_and_their_agreement_is_told(tmp_path: Path) -> None:
    torn = [
        said("a", "yes"),
        said("a", "no", turn=2),
        said("b", "no"),
        said("b", "no", turn=2),
        said("c", "yes"),
    ]
    found = read(tmp_path, *torn)
    assert [(each.input["text"], each.why) for each in found.found] == [("a", DISPUTED), ("b", ""), ("c", "")]
    assert found.figures["passes_rows"] == 2
    assert found.figures["passes_agree"] == 0.5
    assert found.figures["passes_alpha"] == pytest.approx(0.0)  # observed 1/2, by chance 3 x 2 of 4 x 3
    settled = read(tmp_path, *torn, said("a", "no", turn=3)).found[0]
    assert settled.row is not None
    assert settled.row.output == "no"


def test_agreement_of_one_answer_alone_has_no_alpha() -> None:
    same = standing([said("a", "yes"), said("a", "yes", turn=2)])
    assert agreement(same) == {"passes_rows": 1.0, "passes_agree": 1.0}
    assert agreement(standing([said("a", "yes")])) == {}


def test_curation_puts_what_people_decided_in_the_place_of_every_such_row(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        said("Is it on?", "yes", was="no"),
        said("Is this spam?", None),
        said("Is it of?", "no", edited={"text": "Is it off?"}),
        said("Nobody else wrote this.", "no"),
        Entry("2026-01-31T09:00:00Z", dataset="old", use=False),
    )
    rows = curated(
        found,
        generated=[
            Example({"text": "Is  it on? "}, "no", source="generated:x"),
            Example({"text": "Is this spam?"}, "yes"),
        ],
        retrieved=[Example({"text": "From a refused set."}, "yes", source="old:train")],
        train=[
            Example({"text": "Is it on?"}, "no"),
            Example({"text": "Is it of?"}, "yes"),
            Example({"text": "Left alone."}, "yes"),
        ],
    )
    kept = {row.input["text"]: (row.output, row.source) for row in rows.rows}
    assert kept == {
        "Is it on?": ("yes", "user:people"),
        "Is it off?": ("no", "user:people"),
        "Nobody else wrote this.": ("no", "user:people"),
        "Left alone.": ("yes", "user"),
    }
    dropped = {count.what: count.rows for count in rows.counts if count.what.startswith("dropped")}
    assert dropped == {
        f"dropped: {REJECTED}": 1, "dropped: people decided about its input": 1,
        "dropped: people refused its dataset": 1,
    }  # fmt: skip
    deeds = {count.what: count.rows for count in rows.counts if count.what.startswith("in review")}
    assert deeds == {"in review: edited": 2, "in review: labelled": 1, "in review: rejected": 1}


def test_what_was_said_in_service_is_told_apart_and_a_review_goes_before_it(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        said("a", "yes", was="no", origin="server"), said("b", "no", was="no", origin="demo"),
        said("c", "yes", origin="server"), said("c", "yes", turn=2),
    )  # fmt: skip
    assert [each.row.source for each in found.found if each.row] == [FEEDBACK, FEEDBACK, "user:people"]
    assert [(count.what, count.rows) for count in found.counts] == [
        ("in review: labelled", 1), ("in service: confirmed", 1), ("in service: corrected", 1),
    ]  # fmt: skip
    rows = curated(found, train=[Example({"text": "a"}, "no")]).rows
    assert (rows[0].input["text"], rows[0].output, rows[0].source) == ("a", "yes", FEEDBACK)


def test_what_else_is_right_stays_right_where_an_answer_was_accepted(tmp_path: Path) -> None:
    task = Task(TaskType.TEXT_TO_TEXT, "", (Field("text"),), Field("out"))
    path = write(
        tmp_path / "a.jsonl", said("Hi", "Hello", was="Hello"), said("Bye", "Good night", was="So long")
    )
    rows = [
        Example({"text": "Hi"}, "Hello", ("Good day",)),
        Example({"text": "Bye"}, "So long", ("Farewell",)),
    ]
    found = decisions(task, Files(path))
    kept = curate(task, None, None, Examples(tuple(rows)), None, None, found, curation=Curation(), seed=0)
    assert {row.answers for row in kept.rows} == {("Hello", "Good day"), ("Good night",)}


GOOD = {"at": "2026-01-31T09:05:00.000Z", "input": {"text": "a"}, "output": "no", "pass": 1, "was": ""}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("<<<<<<< HEAD", "a merge left its marks"),
        ('{"at": "2026', "is no JSON"),
        ("[]", "is no decision"),
        (json.dumps(GOOD | {"ouput": "no"}), "unknown key 'ouput'; did you mean 'output'?"),
        (json.dumps(GOOD | {"at": "yesterday"}), "`at` is a time"),
        (json.dumps(GOOD | {"pass": True}), "`pass` is a number"),
        (json.dumps(GOOD | {"pass": 0}), "`pass` is a number"),
        (json.dumps(GOOD | {"input": {"text": 3}}), "`input` holds the texts"),
        (json.dumps(GOOD | {"input": {}}), "`input` holds the texts"),
        (json.dumps(GOOD | {"output": 3}), "`output` is a text"),
        (json.dumps({key: GOOD[key] for key in GOOD if key != "output"}), "lacks its `output`"),
        (json.dumps(GOOD | {"edited": {"other": "x"}}), "`edited` holds the texts of the same fields"),
        (json.dumps({"at": GOOD["at"], "dataset": "x", "use": "no"}), "`use` is true or false"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_decision_is_an_error_with_its_place(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "desk.decisions.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n", "utf-8")
    with pytest.raises(DataError, match=r"desk\.decisions\.jsonl:2: ") as caught:
        read_entries(path)
    assert message in str(caught.value)


def test_an_answer_or_a_field_that_the_task_has_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'yess' is none of the labels; did you mean 'yes'"):
        read(tmp_path, said("a", "yess"))
    with pytest.raises(DataError, match="has the fields body, and the task has text"):
        read(tmp_path, Entry(GOOD["at"], {"body": "a"}, "yes"))
