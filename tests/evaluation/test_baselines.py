"""Baselines answer sensibly, repeatably, and without a look at the gold answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2m.evaluation.baselines import majority, nearest, overlap, trivial
from p2m.types import Example, Field, Task, TaskType

QA = Task(
    type=TaskType.QUESTION_ANSWERING,
    instruction="",
    inputs=(Field("question"), Field("context")),
    output=Field("answer"),
)
TEXT = Task(type=TaskType.CLASSIFICATION, instruction="", inputs=(Field("text"),), output=Field("label"))
PASSAGE = (
    "The mill at Orrin stands by the river. It was built in 1811 from plans by Ada Marsh. "
    "Later owners sold wool to Leeds."
)


def labelled(text: str, label: str) -> Example:
    return Example({"text": text}, label)


TRAIN = [
    labelled("play some jazz music", "play"),
    labelled("stop the music now", "stop"),
    labelled("book a table for two", "book"),
    labelled("book a room", "book"),
]


def test_majority_is_the_commonest_answer_and_ties_go_to_the_first_in_order() -> None:
    assert majority(TRAIN, 3) == ["book"] * 3
    assert majority(TRAIN[:3], 1) == ["book"]
    assert majority([], 1) == [""]


def test_nearest_says_what_the_nearest_training_row_says() -> None:
    rows = [labelled("please stop that music", "?"), labelled("a jazz record", "?"), labelled("qqq", "?")]
    assert nearest(TEXT, TRAIN, rows) == ["stop", "play", "book"]  # the commonest where nothing is shared
    assert nearest(TEXT, [], rows) == ["", "", ""]


def test_nearest_agrees_with_rank_bm25_on_the_nearest_row() -> None:
    import random

    from rank_bm25 import BM25Plus

    lot = random.Random(4)
    words = [f"w{n}" for n in range(60)]
    train = [labelled(" ".join(lot.choices(words, k=lot.randint(4, 12))), str(n)) for n in range(80)]
    rows = [labelled(" ".join(lot.choices(words, k=5)), "?") for _ in range(60)]
    theirs = BM25Plus([row.input["text"].split() for row in train], delta=0)
    task = Task(TaskType.QUESTION_ANSWERING, "", (Field("text"),), Field("answer"))  # words alone
    found = nearest(task, train, rows)
    for row, answer in zip(rows, found, strict=True):
        scores = theirs.get_scores(sorted(set(row.input["text"].split())))
        assert scores[int(answer)] > 0.93 * scores.max()  # its idf is smoothed a little differently


def test_the_overlap_span_is_a_name_or_a_number_from_the_right_sentence() -> None:
    def ask(question: str) -> str:
        return overlap(QA, {"question": question, "context": PASSAGE})

    assert ask("When was it built?") == "1811"
    assert ask("Where did owners sell wool later?") == "Leeds"
    assert ask("What stands by the river at Orrin?") in PASSAGE
    assert overlap(QA, {"question": "When?", "context": " "}) == ""


def test_gold_answers_are_not_looked_at() -> None:
    train = [Example({"question": "Who?", "context": PASSAGE}, "Ada Marsh")]
    test = [Example({"question": "When was it built?", "context": PASSAGE}, "1811")]
    found = trivial(QA, train, test)
    assert set(found) == {"majority", "nearest", "overlap"}
    assert trivial(QA, train, [replace(row, output="x", also=("y",)) for row in test]) == found
    assert set(trivial(TEXT, TRAIN, TRAIN)) == {"majority", "nearest"}


def test_where_text_is_written_the_longest_input_is_an_answer_too() -> None:
    task = Task(TaskType.TEXT_TO_TEXT, "", (Field("style"), Field("text")), Field("result"))
    rows = [
        Example({"style": "formal", "text": "a longer text"}, "?"),
        Example({"style": "", "text": ""}, "?"),
    ]
    found = trivial(task, [Example({"style": "x", "text": "y"}, "z")], rows)
    assert set(found) == {"majority", "nearest", "copy"}
    assert found["copy"] == ["a longer text", ""]


@pytest.mark.parametrize("kind", [TaskType.TEXT_TO_TEXT, TaskType.CLASSIFICATION])
def test_rows_are_near_by_pieces_of_words_too(kind: TaskType) -> None:
    """Else variants of a code or a name on both sides of a border would pass for something learnt."""
    task = Task(kind, "", (Field("text"),), Field("result"))
    train = [Example({"text": "photography"}, "one"), Example({"text": "gardening"}, "two")]
    rows = [Example({"text": "gardens"}, "?"), Example({"text": "photographs"}, "?")]
    assert nearest(task, train, rows) == ["two", "one"]
