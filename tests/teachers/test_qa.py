# ruff: noqa: E501
"""The reading-comprehension half of the embedded teacher."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.teachers.domains.qa import asking, clauses, frames, passages
from p2m.teachers.domains.qa import domain as qa
from p2m.teachers.domains.qa.grammar import row
from p2m.teachers.domains.qa.values import Value
from p2m.types import Field, Task, TaskType

ROWS = 2000


@pytest.fixture(scope="module")
def rows():
    return list(qa.generate(ROWS, 11))


def test_every_answer_is_a_span_that_stands_once_in_its_passage(rows):
    assert all(row.input["context"].count(row.output) == 1 for row in rows)


def test_no_question_gives_its_answer_away(rows):
    given_away = [row for row in rows if len(row.output) > 4 and row.output in row.input["question"]]
    assert len(given_away) <= ROWS * 0.005, given_away[:3]


def test_the_first_rows_do_not_depend_on_how_many_are_asked_for(rows):
    assert list(qa.generate(50, 11)) == rows[:50]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 10**6))
def test_any_row_of_any_seed_is_made_and_is_the_same_when_made_again(seed, index):
    item = row(seed, index)
    assert item == row(seed, index)
    assert item.context.count(item.answer) == 1
    assert item.question.strip()


def test_two_seeds_write_different_rows(rows):
    others = {row.input["question"] for row in qa.generate(200, 12)}
    assert len(others & {row.input["question"] for row in rows[:200]}) < 5


def test_no_two_rows_share_a_passage(rows):
    assert len({row.input["context"] for row in rows}) == ROWS


def test_the_first_of_a_hundred_million_rows_do_not_wait_for_the_last():
    assert len(list(islice(qa.generate(10**8, 5), 100))) == 100


def test_the_grammar_is_wide(rows):
    known = frames.frames()
    assert len({(frame.domain, frame.name) for frame in known}) >= 150
    assert sum(len(frame.questions) >= 6 for frame in known) >= 0.8 * len(known)
    assert sum(len(frame.statements) >= 2 for frame in known) >= 0.95 * len(known)
    assert len(clauses.verbs()) >= 200


def test_the_report_counts_relations_forms_and_answer_entropy(rows):
    figures = qa.figures(rows)
    assert figures["relations"] >= 150
    assert figures["question_forms"] >= 1500
    assert figures["answer_entropy_bits"] > 9.5
    assert figures["distinct_answers"] > 0.75 * ROWS


def test_answer_entropy_is_that_of_the_answers():
    from p2m.types import Example

    made = [Example({"question": "q", "context": "c"}, answer) for answer in "aabb"]
    assert qa.figures(made)["answer_entropy_bits"] == 1.0


def test_questions_of_every_kind_are_asked(rows):
    words = Counter(row.input["question"].lower().split()[0] for row in rows)
    for word in ("what", "who", "when", "where", "which", "how", "why", "in", "by", "for"):
        assert words[word] >= 10, word


def test_every_relation_can_be_asked_about():
    seen = set()
    known = {f"{frame.domain}.{frame.name}" for frame in frames.frames()}
    for index in range(20000):
        seen.add(row(3, index).relation)
        if known <= seen:
            break
    assert not known - seen


# --------------------------------------------------------------------------- frames

FRAME = """
@ company
# founding
p:person c:city
. {t} was founded in {c} by {p}[ after <w:the flood of {c}>|].
? p | Who founded {t}? | By whom was {t} founded?
?1 c | Where was {t} founded?
"""


def test_a_frame_is_read_with_its_slots_statements_and_questions():
    (frame,) = frames.read(FRAME, "test.txt")
    assert (frame.name, frame.topics, frame.slots) == (
        "founding",
        ("company",),
        (("p", "person"), ("c", "city")),
    )
    assert [question.answer for question in frame.questions] == ["p", "p", "c"]
    assert frame.statements[0].names == {"t", "p", "c", "w"}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("c:city", "c:citty", "type 'citty'"),
        ("@ company", "@ compny", "topic 'compny'"),
        ("? p |", "? x |", "answer 'x'"),
        ("?1 c", "?7 c", "statement 7"),
        ("Who founded {t}", "Who founded {z}", "slot 'z' in a question"),
        ("in {c} by", "in {y} by", "slot 'y' in a statement"),
        ("<w:", "<p:", "another name for mark 'p'"),
        ("|].", ".", "test.txt:5"),
    ],
)
def test_a_frame_that_could_fail_later_is_refused_when_it_is_read(old, new, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        list(frames.read(FRAME.replace(old, new), "test.txt"))


def test_spans_hold_what_they_name():
    (frame,) = frames.read(FRAME, "test.txt")
    topic = Value("Orrin Press", {"short": "Orrin", "common": "the firm", "he": "it", "his": "its"})
    values = {"t": topic, "p": Value("Ada Marsh"), "c": Value("Ulm")}
    for seed in range(20):
        said = frames.render(frame.statements[0].nodes, values, "", Random(seed), swap=0.5)
        assert said.text[slice(*said.spans["p"])] == "Ada Marsh"
        assert said.text[slice(*said.spans["t"])] == "Orrin Press"
        if "w" in said.spans:
            assert said.text[slice(*said.spans["w"])] == "the flood of Ulm"


def test_the_article_agrees_with_what_follows():
    nodes = frames.parse("It was a {x}.")
    assert frames.render(nodes, {"x": Value("axe")}, "", Random(0)).text == "It was an axe."
    assert frames.render(nodes, {"x": Value("saw")}, "", Random(0)).text == "It was a saw."


def test_a_pronoun_stands_only_where_a_subject_does():
    topic = Value("Ada Marsh", {"short": "Marsh", "he": "she", "him": "her", "his": "her"})
    told = [
        frames.render(frames.parse(text), {"t": topic}, "he", Random(0)).text
        for text in ("{t} left.", "In May, {t} left.", "They saw {t}.", "{t's} house.")
    ]
    assert told == ["She left.", "In May, she left.", "They saw Marsh.", "Her house."]


def test_a_rival_never_satisfies_the_question():
    """Where another entity has the asked relation, what the question mentions belongs to the asked one alone."""
    seen = 0
    for seed in range(400):
        item = passages.passage(Random(seed), lambda _: "Nothing else happened.")
        if item is None:
            continue
        seen += 1
        assert item.context.count(item.answer) == 1
    assert seen > 250


# --------------------------------------------------------------------------- clauses


def test_a_clause_is_asked_about_in_all_its_parts():
    roles = Counter(
        asked.role
        for seed in range(300)
        for asked in asking.questions(Random(seed), clauses.clause(Random(seed), set()))
    )
    assert set(roles) >= {
        "subject",
        "object",
        "target",
        "time",
        "place",
        "cause",
        "purpose",
        "means",
        "kind",
        "number",
    }


def test_every_answer_to_a_clause_stands_in_its_sentence():
    for seed in range(500):
        said = clauses.clause(Random(seed), set())
        text = clauses.sentence(Random(seed), said).lower()
        for asked in asking.questions(Random(seed), said):
            assert asked.answer.lower() in text, (asked, text)


@pytest.mark.parametrize(
    ("base", "past", "ing", "third"),
    [("ban", "banned", "banning", "bans"), ("carry", "carried", "carrying", "carries"), ("free", "freed", "freeing", "frees"),
     ("write", "wrote", "writing", "writes"), ("destroy", "destroyed", "destroying", "destroys"), ("dig", "dug", "digging", "digs")],
)  # fmt: skip
def test_verbs_inflect(base, past, ing, third):
    verb = next(verb for verb in clauses.verbs() if verb.base == base)
    assert (verb.past, verb.ing, verb.third) == (past, ing, third)


def test_the_task_must_have_a_question_and_a_passage():
    def task(*names: str) -> Task:
        return Task(TaskType.QUESTION_ANSWERING, "", tuple(Field(name) for name in names), Field("answer"))

    domain = qa.Domain(0.5)
    assert domain.matches(task("question", "context"))
    assert not domain.matches(task("context"))
    assert not domain.matches(Task(TaskType.TEXT_TO_TEXT, "", (Field("a"), Field("b")), Field("c")))
