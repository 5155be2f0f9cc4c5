# ruff: noqa: E501
"""Columns of datasets as they are, mapped to the fields of tasks."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.answers.labels import fit_labels, label_reader
from p2m.catalogs.base import SURE, Converter, RawRow, map_columns, observe
from p2m.catalogs.columns import Column, texts_of
from p2m.errors import DataError
from p2m.types import Field, Task, TaskType

QA, CLASSES, TEXT = TaskType.QUESTION_ANSWERING, TaskType.CLASSIFICATION, TaskType.TEXT_TO_TEXT


def task(kind, inputs, output, **more):
    return Task(kind, more.pop("instruction", ""), tuple(map(Field, inputs)), Field(output), **more)


def columns(rows, **label_names):
    return observe([RawRow(row, f"row {n}") for n, row in enumerate(rows)], label_names)


CASES = [
    (QA, ("question", "context"), "answer",
     {"id": "7", "title": "T", "passage": "It rained in May.", "query": "When?", "answers": {"text": ["May"], "answer_start": [13]}},
     ("query", "passage", "answers.text")),
    (CLASSES, ("text",), "label", {"tweet_id": 4, "tweet": "so {n}", "class": 1, "count": 3}, ("tweet", "class")),
    (CLASSES, ("text",), "label", {"comment_text": "x {n}", "created_at": "2020", "toxic": True}, ("comment_text", "toxic")),
    (CLASSES, ("premise", "hypothesis"), "label", {"idx": 1, "sentence1": "p {n}", "sentence2": "h {n}", "gold_label": "no"},
     ("sentence1", "sentence2", "gold_label")),
    (TEXT, ("input",), "output", {"email_body": "hello {n}", "subject_line": "hi {n}"}, ("email_body", "subject_line")),
    (TEXT, ("text",), "summary", {"url": "u{n}", "document": "long {n}", "highlights": "short {n}"}, ("document", "highlights")),
    (TEXT, ("input",), "output", {"title": "t {n}", "buggy": "a {n}", "fixed": "b {n}"}, ("buggy", "fixed")),
    (TEXT, ("text",), "summary", {"title": "t {n}", "abstract": "long {n}", "date": "d {n}"}, ("abstract", "title")),
    (TEXT, ("text",), "summary", {"text": "x {n}", "title": "t {n}", "target": "short {n}"}, ("text", "target")),
    (CLASSES, ("text",), "label", {"source": "s {n}", "tweet": "x {n}", "sentiment": 1}, ("tweet", "sentiment")),
    (CLASSES, ("text",), "label", {"url_of_article": "u {n}", "news_title": "x {n}", "category": 1}, ("news_title", "category")),
    (TEXT, ("input",), "output", {"translation": {"en": "yes {n}", "de": "ja {n}"}}, ("translation.en", "translation.de")),
    (TEXT, ("input",), "output", {"de": "ja {n}", "row_id": "{n}", "en": "yes {n}"}, ("en", "de")),
    (TEXT, ("input",), "output", {"Text German": "ja {n}", "Text English": "yes {n}"}, ("Text English", "Text German")),
    (TEXT, ("input",), "output", {"simple_line": "s {n}", "simple_line_id": "{n}", "normal_line": "l {n}", "normal_line_id": "{n}"},
     ("normal_line", "simple_line")),
    (CLASSES, ("text",), "label", {"who": "w {n}", "raw_posts": "x {n}", "kind": 1, "stars": 1}, ("raw_posts", "stars")),
    (QA, ("question", "context"), "answer",
     {"document_title": "T", "document_plaintext": "It rained in May.", "question_text": "When?", "answer": "May"},
     ("question_text", "document_plaintext", "answer")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inputs", "output", "row", "expected"), CASES)
def test_columns_of_real_schemas_find_their_fields(kind, inputs, output, row, expected):
    def filled(value, n):
        if isinstance(value, dict):
            return {key: filled(item, n) for key, item in value.items()}
        if isinstance(value, bool):
            return n % 2 == 0
        if isinstance(value, int):
            return n % 2 + 1
        return value.replace("{n}", str(n)) if isinstance(value, str) else value

    rows = [filled(row, n) for n in range(30)]
    if "gold_label" in row:
        rows = [one | {"gold_label": ("yes", "no")[n % 2]} for n, one in enumerate(rows)]
    fit = map_columns(task(kind, inputs, output), columns(rows))
    assert tuple((fit.mapping or {}).values()) == expected
    assert not fit.refusal
    assert fit.confidence >= SURE


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "there", "best"),
    [
        (CLASSES, ("text",), "label", "premise hypothesis label:l", ("premise", "label")),
        (CLASSES, ("text",), "label", "line_a line_b verdict:l", ("line_a", "verdict")),
        (CLASSES, ("text",), "label", "question passage label:l", ("question", "label")),
        (CLASSES, ("text",), "label", "post topic:l mood_group:l emotion:l", ("post", "topic")),
        (CLASSES, ("text",), "label", "sentence speaker:l", ("sentence", "speaker")),
        (
            TEXT,
            ("input",),
            "output",
            "article summary teaser lead kicker byline_text",
            ("article", "summary"),
        ),
        (TEXT, ("input",), "output", "note score:number", ("note", "score")),
    ],
)
def test_no_fit_is_sure_where_a_field_may_be_more_columns_or_others(kind, inputs, output, there, best):
    sorts = {"": "text", "l": "label", "number": "number"}
    seen = [Column(name, sorts[sort]) for name, _, sort in (one.partition(":") for one in there.split())]
    fit = map_columns(task(kind, inputs, output), seen)
    assert fit.confidence < SURE
    assert tuple((fit.mapping or {}).values()) == best


def test_answers_that_stand_in_no_context_refuse_an_extractive_task():
    rows = [
        {"question": "q?", "context": f"c {n}", "answer": f"c {n}" if n < 8 else "free"} for n in range(10)
    ]
    fit = map_columns(task(QA, ("question", "context"), "answer"), columns(rows))
    assert "8 of 10 sampled answers" in fit.refusal
    assert not map_columns(task(QA, ("question", "context"), "answer"), columns(rows[:8])).refusal


def test_values_that_hardly_return_are_no_labels():
    rows = [{"text": f"t {n}", "title": f"unique {n}"} for n in range(200)]
    assert map_columns(task(CLASSES, ("text",), "label"), columns(rows)).mapping is None


def test_bare_class_numbers_are_refused_unless_the_card_names_them():
    rows = [{"text": f"t {n}", "label": n % 3} for n in range(60)]
    asked = task(CLASSES, ("text",), "label")
    assert "bare numbers" in map_columns(asked, columns(rows)).refusal
    named = map_columns(asked, columns(rows, label={"0": "no", "1": "maybe", "2": "yes"}))
    assert not named.refusal
    assert any("maybe" in reason for reason in named.reasons)


def test_the_column_that_holds_the_tasks_labels_outranks_the_one_with_the_better_name():
    rows = [{"text": f"t {n}", "label": f"{n % 4}", "feeling": ("Sad", "Glad")[n % 2]} for n in range(60)]
    fit = map_columns(task(CLASSES, ("text",), "label", labels=("sad", "glad")), columns(rows))
    assert (fit.mapping or {})["label"] == "feeling"


@pytest.mark.parametrize(
    ("labels", "values", "spelling"),
    [
        (("BookTable", "play song"), ("book_table", "PlaySong", "other"), {"book_table": "BookTable", "PlaySong": "play song"}),
        (("positive", "negative"), ("pos", "neg"), {"pos": "positive", "neg": "negative"}),
        (("yes", "no"), ("true", "false"), {"true": "yes", "false": "no"}),
        (("1", "2"), ("1", "2", "3"), {"1": "1", "2": "2"}),
    ],
)  # fmt: skip
def test_labels_meet_however_they_are_spelt(labels, values, spelling):
    found = fit_labels(labels, values)
    named = label_reader(labels)
    assert found.fits
    assert {value: named(value) for value in values if named(value)} == spelling


def test_numbers_are_not_taken_for_words():
    assert not fit_labels(("negative", "positive"), ("0", "1")).fits


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=6),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
                ),
                max_leaves=6,
            ),
            max_size=4,
        ),
        max_size=6,
    ),
    st.sampled_from(
        [(QA, ("question", "context"), "answer"), (CLASSES, ("text",), "label"), (TEXT, ("input",), "output")]
    ),
)
def test_no_rows_break_the_rules(rows, asked):
    fit = map_columns(task(*asked), columns(rows))
    if fit.mapping is not None:
        assert list(fit.mapping) == [*asked[1], asked[2]]
        assert len(set(fit.mapping.values())) == len(fit.mapping)


def test_numbers_and_dates_are_answers_where_their_column_is_called_so():
    rows = [{"question": f"{n} + 1?", "answer": n + 1} for n in range(30)]
    fit = map_columns(task(TEXT, ("question",), "answer"), columns(rows))
    assert fit.mapping == {"question": "question", "answer": "answer"}
    dated = [{"note": f"note {n}", "day": date(2024, 1, n + 1)} for n in range(30)]
    assert (map_columns(task(TEXT, ("note",), "day"), columns(dated)).mapping or {})["day"] == "day"


def test_columns_that_are_called_like_a_field_alike_leave_it_unsure():
    rows = [{"claim": f"c {n}", "review": f"r {n}", "label": "ab"[n % 2]} for n in range(30)]
    assert map_columns(task(CLASSES, ("text",), "label"), columns(rows)).confidence < SURE
    alone = [{"review": row["review"], "label": row["label"]} for row in rows]
    assert map_columns(task(CLASSES, ("text",), "label"), columns(alone)).confidence >= SURE


def test_of_answers_the_one_that_is_called_wrong_is_not_taken():
    rows = [{"question": f"q {n}?", "correct_answers": ["a"], "wrong_answers": ["b"]} for n in range(9)]
    fit = map_columns(task(TEXT, ("question",), "answers"), columns(rows))
    assert (fit.mapping or {})["answers"] == "correct_answers"


def test_a_column_that_cannot_be_the_field_is_named_with_the_reason():
    asked = task(TEXT, ("question",), "answer")
    for answer, reason in ((b"\x01", "'answer' holds binary data"), (None, "'answer' is empty in every row")):
        fit = map_columns(asked, columns([{"question": "q?", "answer": answer}]))
        assert fit.mapping is None
        assert reason in fit.refusal


def test_no_other_column_takes_the_place_of_an_empty_one_of_the_fields_name():
    rows = [{"text": None, "note": f"note {n}", "label": "ab"[n % 2]} for n in range(30)]
    fit = map_columns(task(CLASSES, ("text",), "label"), columns(rows))
    assert fit.mapping is None
    assert "'text' is empty in every row" in fit.refusal


def test_texts_have_every_digit():
    values = [1234567.0, 0.12345678, 3.141592653589793, Decimal("1.50"), 10**20, float("nan"), None, [2.5, 3]]
    assert [texts_of(value) for value in values] == [
        ["1234567.0"], ["0.12345678"], ["3.141592653589793"], ["1.50"], ["1" + "0" * 20], [], [], ["2.5", "3"],
    ]  # fmt: skip


# --------------------------------------------------------------------------- what the user says


TICKETS = [
    {"subject": f"s {n}", "body": f"b {n}", "meta": {"queue": "ab"[n % 2]}, "note": "x"} for n in range(30)
]


def test_what_is_given_wins_and_the_rest_is_found_beside_it():
    asked = task(CLASSES, ("text",), "label")
    assert (map_columns(asked, columns(TICKETS)).mapping or {})["text"] == "body"
    given = {"text": "{subject}: {body}"}
    fit = map_columns(asked, columns(TICKETS), given)
    assert fit.mapping == given | {"label": "meta.queue"}
    assert map_columns(asked, columns(TICKETS), given | {"label": "meta.queue"}).confidence >= SURE


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text": "{subjet} {body}"}, "no column 'subjet'; did you mean 'subject'?"),
        ({"txt": "body"}, "txt: the task has no such field; did you mean 'text'?"),
        ({"text": "{subject.__class__}"}, "no column 'subject.__class__'"),
    ],
)
def test_a_field_or_column_that_there_is_not_is_named(given, said):
    with pytest.raises(DataError, match=re.escape(said)):
        map_columns(task(CLASSES, ("text",), "label"), columns(TICKETS), given)


@given(
    st.lists(
        st.tuples(st.text(max_size=5), st.text(max_size=5), st.sampled_from(["a", "b", ""])), max_size=20
    )
)
def test_mapping_neither_loses_nor_invents_rows(cells):
    rows = [{"one": one, "two": two, "label": label} for one, two, label in cells]
    made = Converter(task(CLASSES, ("text",), "label"), {"text": "{one}|{two}", "label": "label"}, "x")
    for row in rows:
        found = made.convert(RawRow(row, "x:1"))
        whole = (row["one"].strip() or row["two"].strip()) and row["label"]
        assert isinstance(found, str) != bool(whole)
        if whole:
            assert found.input["text"] == f"{row['one'].strip()}|{row['two'].strip()}".strip()
            assert found.output == row["label"]
