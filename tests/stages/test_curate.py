"""The curate stage: what goes, what stays, and that each loss is told with its reason."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Here
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.engine import rows as engine_rows
from p2m.errors import DataError
from p2m.stages.curate import curate
from p2m.types import Curation, Example, Examples, Field, Task, TaskType

QA = Task(
    type=TaskType.QUESTION_ANSWERING,
    instruction="Answer from the passage.",
    inputs=(Field("question"), Field("context")),
    output=Field("answer"),
)
INTENT = Task(
    type=TaskType.CLASSIFICATION,
    instruction="Name the intent.",
    inputs=(Field("text"),),
    output=Field("label"),
    labels=("play", "stop", "book"),
)
FREE = Task(type=TaskType.TEXT_TO_TEXT, instruction="", inputs=(Field("text"),), output=Field("output"))
WORDS = [
    f"{a}{b}"
    for a in ("bel", "cor", "dun", "fen", "gar", "hol", "kes", "lin")
    for b in ("a", "is", "or", "um")
]


def text(seed: int, words: int = 12) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def labelled(text_: str, label: str, source: str = "") -> Example:
    return Example({"text": text_}, label, source=source)


def asked(question: str, context: str, answer: str, also: tuple[str, ...] = ()) -> Example:
    return Example({"question": question, "context": context}, answer, also=also)


def run(task: Task, **given_: object) -> Examples:
    rules = given_.pop("curation", Curation())
    parts = {
        name: Examples(tuple(given_.pop(name))) if name in given_ else None  # type: ignore[arg-type]
        for name in ("generated", "retrieved", "train", "validation", "test")
    }
    assert not given_
    return curate(task, *parts.values(), curation=rules, seed=0)


def lost(found: Examples) -> dict[str, int]:
    return {c.what.removeprefix("dropped: "): c.rows for c in found.counts if c.what.startswith("dropped: ")}


def outputs(found: Examples) -> list[str]:
    return [row.output for row in found.rows]


def test_malformed_rows_go_each_for_its_own_reason() -> None:
    good = asked("Who?", "Ada Marsh drew it.", "Ada Marsh")
    found = run(
        QA,
        train=[
            good,
            asked("Who?", " ", "Ada"),
            Example({"question": "Who?"}, "Ada"),
            asked("Who drew?", "Ada Marsh drew it all.", "Jo Vane"),
            asked("What?", "Ada Marsh drew it well.", "  "),
            asked("Where?", "Ada Marsh drew \ufffd it.", "Ada"),
            asked("Why?", "long " * 10_001, "long"),
            asked("How?", "By hand, they say.", "manually", also=("By hand",)),
        ],
    )
    assert lost(found) == {
        "blank context": 1,
        "no field 'context'": 1,
        "answer does not occur in the context": 1,
        "blank output": 1,
        "unreadable characters": 1,
        "context longer than 50000 characters": 1,
    }
    assert outputs(found) == ["Ada Marsh", "By hand"]
    assert found.rows[1].also == ("manually",)
    assert all(count.example for count in found.counts if count.what.startswith("dropped"))


def test_labels_that_the_task_does_not_know_go() -> None:
    found = run(
        INTENT, train=[labelled(text(1), "play"), labelled(text(2), "Play"), labelled(text(3), "other")]
    )
    assert lost(found) == {"output is none of the labels": 2}


def test_the_users_row_wins_over_its_duplicates() -> None:
    mine = labelled(text(1), "play", source="user")
    copies = [labelled(f"  {text(1)} ", "play", source="embedded:a"), labelled(text(1), "play")]
    found = run(INTENT, generated=copies, train=[mine])
    assert found.rows == (mine,)
    assert lost(found) == {"duplicate: the same input and output": 2}


def test_contradictions_are_decided_by_trust_then_majority_else_all_go() -> None:
    trusted = run(INTENT, generated=[labelled("a b", "stop")] * 3, train=[labelled("a b", "play")])
    assert outputs(trusted) == ["play"]
    majority = run(INTENT, generated=[labelled("a b", label) for label in ("stop", "play", "play")])
    assert outputs(majority) == ["play"]
    tie = [labelled("a b", "stop"), labelled("a b", "play"), labelled("c d", "book")]
    undecided = run(INTENT, generated=tie)
    assert outputs(undecided) == ["book"]
    assert lost(undecided) == {"contradiction: the same input, and no output has a majority": 2}
    assert outputs(run(FREE, generated=tie)) == ["stop", "book"]


def test_of_several_numbers_for_one_input_the_middle_one_stays() -> None:
    task = Task(TaskType.REGRESSION, "Estimate.", (Field("text"),), Field("price"))
    three = [labelled("a b", price) for price in ("90", "12", "30")]
    two = [labelled("c d", price) for price in ("7", "5")]
    found = run(task, generated=[*three, *two, labelled("e f", "1")])
    assert outputs(found) == ["30", "7", "1"]
    assert lost(found) == {"contradiction: the same input with another output": 3}


def test_a_span_within_another_is_no_contradiction() -> None:
    rows = [asked("Who?", "Ada Marsh drew it.", answer) for answer in ("Marsh", "Ada Marsh")]
    assert lost(run(QA, generated=rows)) == {"duplicate: the same input and output": 1}


def test_near_duplicates_go_only_where_they_say_the_same() -> None:
    base = text(1, 40)
    rows = [labelled(base, "play"), labelled(base.capitalize() + ".", "play"), labelled(base + "!", "stop")]
    found = run(INTENT, generated=rows)
    assert outputs(found) == ["play", "stop"]
    assert lost(found) == {"near duplicate: every field alike, the same output": 1}
    assert len(run(INTENT, generated=rows, curation=Curation(near_duplicate=1.0)).rows) == 3


def test_questions_of_one_passage_all_stay() -> None:
    passage = f"{text(5, 60)}. Ada Marsh drew it in 1811 at Orrin."
    rows = [
        asked("Who drew it?", passage, "Ada Marsh"),
        asked("When was it drawn?", passage, "1811"),
        asked("Where was it drawn?", passage, "Orrin"),
    ]
    assert len(run(QA, generated=rows).rows) == 3


def test_every_rule_of_contamination_fires_and_says_so() -> None:
    passage = text(9, 60)
    test = [asked("Who drew the plans?", f"{passage}. Ada Marsh drew them.", "Ada Marsh")]
    validation = [asked("Which year was it finished?", f"{text(10, 50)} 1811", "1811")]
    shown = asked("Where does the river rise?", f"{text(11, 50)} Orrin", "Orrin")
    rows = [
        asked("who drew the plans?", f"{passage}.  Ada Marsh drew them.", "Ada Marsh"),
        asked("Who drew the plans?", f"{passage}. Ada Marsh drew them all!", "Ada Marsh"),
        asked("Who drew the plans?", f"{text(12, 50)}. Ada Marsh.", "Ada Marsh"),
        asked("What is said first?", f"{text(13)} {' '.join(passage.split()[20:33])} {text(14)}", text(13)),
        asked("Which year was it finished?", f"{text(15, 50)} 1811", "1811"),
        asked("Where does the river rise?", f"{text(11, 50)} Orrin", "Orrin"),
        asked("What is said second?", f"{text(16)} {' '.join(passage.split()[20:32])} {text(17)}", text(16)),
    ]
    task = Task(**{**{n: getattr(QA, n) for n in QA.__slots__}, "demonstrations": (shown,)})  # type: ignore[arg-type]
    found = run(task, generated=rows, validation=validation, test=test)
    assert lost(found) == {
        "contamination: the input of a test row": 1,
        "contamination: nearly the input of a test row": 1,
        "contamination: question and answer of a test row": 1,
        "contamination: 13 words in a row of a test row": 1,
        "contamination: question and answer of a validation row": 1,
        "contamination: the input of a demonstration": 1,
    }
    assert [row.input["question"] for row in found.rows] == [
        "What is said second?"
    ]  # twelve words are not enough
    assert len(run(task, generated=rows, test=test, curation=Curation(decontaminate=False)).rows) >= 6


def test_a_phrase_that_every_row_repeats_is_no_contamination() -> None:
    phrase = "Please name the intent of the following sentence that a customer has written to us today:"
    rows = [labelled(f"{phrase} {text(n)}", "play") for n in range(60)]
    found = run(INTENT, generated=rows, test=[labelled(f"{phrase} {text(99)}", "play")])
    assert len(found.rows) == 60


def test_text_without_blanks_is_compared_by_longer_runs() -> None:
    common = "".join(chr(0x4E00 + n * 7) for n in range(40))
    own = "".join(chr(0x6E00 + n * 5) for n in range(60))
    rows = [labelled(f"{own[:30]}{common[:30]}{own[30:]}", "play"), labelled(f"{own}{common[:20]}", "play")]
    found = run(
        INTENT, generated=rows, test=[labelled(common, "stop")], curation=Curation(near_duplicate=1.0)
    )
    assert lost(found) == {"contamination: 30 characters in a row of a test row": 1}


def test_balance_caps_an_answer_without_touching_the_users_rows() -> None:
    mine = [labelled(text(n), "play") for n in range(5)]
    more = [labelled(text(100 + n), "play") for n in range(60)] + [
        labelled(text(200 + n), "stop") for n in range(20)
    ]
    found = run(INTENT, generated=more, train=mine, curation=Curation(max_share_of_answer=0.6))
    assert outputs(found).count("play") == 30
    assert [row.input for row in found.rows[:5]] == [row.input for row in mine]
    assert found.figures["label_share.play"] == pytest.approx(0.6)
    assert found.figures["label_share.book"] == 0.0
    found_more = run(
        INTENT,
        generated=more[:60],
        retrieved=more[60:] + [labelled(text(300 + n), "play") for n in range(15)],
        curation=Curation(max_share_of_answer=0.5),
    )
    played = [row.source for row in found_more.rows if row.output == "play"]
    assert (played.count("retrieved"), played.count("generated")) == (15, 5)  # generated rows go first
    with pytest.raises(DataError, match=r"max_share_of_answer=0\.50 or more"):
        run(INTENT, generated=more, curation=Curation(max_share_of_answer=0.4))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=6),
    share=st.floats(0.5, 1.0),
)
def test_no_answer_exceeds_the_cap_and_a_row_more_would(sizes: list[int], share: float) -> None:
    rows = [
        Example({"text": text(n * 100 + m)}, f"answer {n}")
        for n, size in enumerate(sizes)
        for m in range(size)
    ]
    found = run(FREE, generated=rows, curation=Curation(max_share_of_answer=share, near_duplicate=1.0))
    kept = [outputs(found).count(f"answer {n}") for n in range(len(sizes))]
    assert max(kept) <= share * sum(kept) + 1e-9 or max(kept) == 1
    cap = max(kept) + 1
    wider = [min(size, cap) for size in sizes]
    assert kept == sizes or cap > share * sum(wider)


def test_rows_say_where_they_came_from_and_figures_add_up() -> None:
    generated = Examples((labelled(text(1), "play", source="embedded:x"),), figures={"relations": 71.0})
    found = curate(
        INTENT,
        generated,
        Examples((labelled(text(2), "stop", source="snips:train"),)),
        Examples((labelled(text(3), "book"), labelled(text(4), "", source="user"))),
        None,
        None,
        curation=Curation(),
        seed=0,
    )
    assert [row.source for row in found.rows] == ["user", "retrieved:snips:train", "generated:embedded:x"]
    assert found.figures["generated.relations"] == 71.0
    assert found.figures["rows_in"] == 4
    assert found.figures["rows"] == 3
    assert found.figures["answer_entropy_bits"] == pytest.approx(1.584962500721156)
    counted = {count.what: count.rows for count in found.counts}
    arrived = sum(n for what, n in counted.items() if what.startswith("in: "))
    gone = sum(n for what, n in counted.items() if what.startswith("dropped: "))
    kept = sum(n for what, n in counted.items() if what.startswith("kept: "))
    assert (arrived, gone, kept) == (4, 1, 3)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("play", ""),
        ("stop", "'Stop' and 'stop' are labels of their own"),
        ("N/A", "'N/A': learnt as a label"),
    ],
)
def test_labels_that_may_be_one_are_told(here: Here, label: str, said: str) -> None:
    rows = Examples(tuple(labelled(text(n), ("Stop", label)[n % 2]) for n in range(4)))
    open_task = replace(INTENT, labels=())
    curate(open_task, None, None, rows, None, None, curation=Curation(), seed=0, run=here)  # type: ignore[arg-type]
    assert [line.partition(";")[0] for line in here.lines] == [said] * bool(said)


def test_curating_again_changes_nothing() -> None:
    rows = [labelled(text(n % 40, 10 + n % 3), ("play", "stop")[n % 2]) for n in range(120)]
    once = run(INTENT, train=rows)
    twice = run(INTENT, train=once.rows)
    assert twice.rows == once.rows
    assert lost(twice) == {}


def test_nothing_to_learn_from_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match="teacher=embedded"):
        run(INTENT)
    with pytest.raises(DataError, match="2 dropped: blank text, e"):
        run(INTENT, train=[labelled(" ", "play"), labelled("", "stop")])
    with pytest.raises(DataError, match="near_duplicate=0 must be above 0"):
        run(INTENT, train=[labelled("a", "play")], curation=Curation(near_duplicate=0.0))


def test_labels_that_differ_in_case_alone_are_two_labels() -> None:
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=("US", "us"))
    near = "a long enough text about the one or the other, number "
    rows = [
        labelled(text(1), "US"),
        labelled(text(1), "us"),
        labelled(f"{near}1", "US"),
        labelled(f"{near}2", "us"),
    ]
    found = run(task, train=rows)
    assert [row.output for row in found.rows] == ["US", "us"]
    assert [row.input["text"][-1] for row in found.rows] == ["1", "2"]


def test_rows_on_disk_are_curated_as_those_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = random.Random(3)
    rows = [
        labelled(text(number // 3, 30) + lot.choice(["", "!", " bela"]), lot.choice(INTENT.labels))
        for number in range(60)
    ]
    guarded = [labelled(text(2, 30), "play")]
    here = run(INTENT, train=rows, test=guarded, curation=Curation(max_share_of_answer=0.4))
    with (tmp_path / "rows").open("wb") as stream:
        engine_rows.write(stream, Example, tuple(rows), "rows")
    for name, limit in (("bytes", 0), ("rows", 3)):
        monkeypatch.setattr(engine_rows.Limits, name, limit)
    stored = Examples(engine_rows.opened(tmp_path / "rows", Example))
    found = curate(
        INTENT, None, None, stored, None, Examples(tuple(guarded)),
        curation=Curation(max_share_of_answer=0.4), seed=0,
    )  # fmt: skip
    assert isinstance(found.rows, engine_rows.Rows)
    assert found == here
    assert len(lost(found)) >= 3
