# ruff: noqa: E501
"""Questions made of the user's own texts."""

from __future__ import annotations

import pytest

from p2m.errors import DataError
from p2m.teachers.domains.qa import domain as qa
from p2m.teachers.domains.qa.cloze import Book

TEXT = """# The lighthouse

The old lighthouse at Port Maren was built in 1841 by the engineer Thomas Weld, because three ships had been lost
on the rocks in a single winter. Its lamp burned whale oil until 12 March 1902, when a gas burner was fitted. The
keeper climbed 214 steps every evening in order to trim the wick. Around 40% of visitors today come from Norway.

The harbour town grew quickly after the railway arrived. Fish merchants moved their offices to Quay Street and paid
£30,000 for a new market hall.
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.md").write_text(TEXT, encoding="utf-8")
    (tmp_path / "ignored.csv").write_text("Thomas Weld was here in 1999.", encoding="utf-8")
    return tmp_path


def test_answers_of_every_kind_are_found(folder):
    found = {(rule, p.text[start:end]) for p in Book.read(folder).passages for rule, start, end in p.clues}
    assert {
        ("year", "1841"),
        ("date", "12 March 1902"),
        ("number", "214"),
        ("percent", "40%"),
        ("money", "£30,000"),
        ("name", "Thomas Weld"),
        ("purpose", "to trim the wick"),
        ("reason", "three ships had been lost on the rocks in a single winter"),
        ("thing", "a new market hall"),
    } <= found


def test_every_answer_stands_once_in_its_passage(folder):
    book = Book.read(folder)
    for index in range(300):
        item = book.item(1, index)
        assert item.context.count(item.answer) == 1
        assert item.question.endswith("?")


def test_the_question_word_fits_the_answer(folder):
    book = Book.read(folder)
    asked = [book.item(2, index) for index in range(400)]
    years = {
        item.question
        for item in asked
        if item.answer == "1841" and item.question.startswith(("When", "In", "What year"))
    }
    people = [item.question for item in asked if item.answer == "Thomas Weld"]
    assert years
    assert any(question.lower().count("who") or "person" in question for question in people)


def test_rows_of_the_texts_and_of_the_grammar_are_mixed_by_share(folder):
    rows = list(qa.generate(400, 3, texts=folder, text_share=0.3))
    share = sum(row.source.startswith("embedded:qa.texts.") for row in rows) / len(rows)
    assert 0.2 < share < 0.4


def test_rows_of_one_passage_share_their_group(folder):
    rows = list(qa.generate(200, 3, texts=folder, text_share=1.0))
    by_context = {}
    for row in rows:
        by_context.setdefault(row.input["context"], set()).add(row.group)
    assert all(len(groups) == 1 for groups in by_context.values())
    assert len(by_context) == 2


def test_without_a_share_the_texts_are_not_even_read(tmp_path):
    assert len(list(qa.generate(3, 1, texts=tmp_path / "missing", text_share=0.0))) == 3


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.pdf", b"text", "no text"),
        ("a.txt", b"too short", "no passage"),
        ("a.txt", "schön".encode("latin-1") * 30, "not UTF-8"),
    ],
)
def test_texts_that_give_no_question_are_refused_with_what_is_wrong(tmp_path, name, data, complaint):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=complaint):
        Book.read(tmp_path)
