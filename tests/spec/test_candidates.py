"""Which students a recipe may choose from, and what is said of the others."""

from __future__ import annotations

import pytest

from p2m.spec import allowed, contenders, refused
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.types import Constraints, Contender, Field, Student, Task, TaskType

TEXT = Task(TaskType.TEXT_TO_TEXT, "Rewrite it.", (Field("text"),), Field("result"))
QA = Task(TaskType.QUESTION_ANSWERING, "", (Field("question"), Field("context")), Field("answer"))
LABELS = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), ("no", "yes"))
TUNED: dict[str, Student] = {"minilm": MiniLM(), "tiny_seq2seq": TinySeq2Seq()}
NONE = Constraints()


def test_where_no_student_is_allowed_each_reason_is_said() -> None:
    students = {"minilm": MiniLM(license="cc-by-nc-4.0"), "tiny_seq2seq": TinySeq2Seq()}
    limits = Constraints(max_parameters=1000, licenses=("Apache-2.0",))
    assert allowed(students, TEXT, limits) == {}
    found = refused(students, TEXT, limits)
    assert found["tiny_seq2seq"].startswith("has 5.")
    assert "cannot write text" in found["minilm"]
    assert "is licensed cc-by-nc-4.0 (accepted: Apache-2.0)" in found["minilm"]
    assert "at most 1k allowed" in found["minilm"]


@pytest.mark.parametrize("task", [TEXT, QA, LABELS])
@pytest.mark.parametrize(
    "limits",
    [
        NONE,
        Constraints(max_parameters=10_000_000),
        Constraints(max_size=10_000_000),
        Constraints(licenses=("mit",)),
        Constraints(languages=("de",)),
        Constraints(max_size=1, licenses=("apache-2.0",)),
    ],
)
def test_every_student_is_either_allowed_or_refused_with_a_reason(task: Task, limits: Constraints) -> None:
    students: dict[str, Student] = {**TUNED, "linear_tfidf": LinearTfidf()}
    able, others = allowed(students, task, limits), refused(students, task, limits)
    assert sorted([*able, *others]) == sorted(students)
    assert all(others.values())
    assert {each.name for each in contenders(able)} == set(able)


def test_a_limit_is_met_by_what_is_just_as_large() -> None:
    student = TinySeq2Seq()
    for limit, size in (("max_parameters", student.parameters), ("max_size", student.size_bytes)):
        one: dict[str, Student] = {"it": student}
        assert allowed(one, TEXT, Constraints(**{limit: size})) == one
        assert list(refused(one, TEXT, Constraints(**{limit: size - 1}))) == ["it"]


def test_what_the_task_and_a_limit_refuse_is_refused_for_both() -> None:
    found = refused(TUNED, TEXT, Constraints(max_parameters=1000))["minilm"]
    assert found.startswith("does not fit the task: ")
    assert found.endswith("; has 22.6M parameters (at most 1k allowed)")


def test_contenders_come_largest_first_whatever_the_order_of_the_recipe() -> None:
    large, small = TUNED["minilm"], TUNED["tiny_seq2seq"]
    expected = (
        Contender("minilm", large.parameters, large.size_bytes, large.license, is_tuned=True),
        Contender("tiny_seq2seq", small.parameters, small.size_bytes, small.license, is_tuned=True),
    )
    assert contenders(TUNED) == contenders(dict(reversed(TUNED.items()))) == expected
    twins: dict[str, Student] = {"b": TinySeq2Seq(), "a": TinySeq2Seq()}
    assert [each.name for each in contenders(twins)] == ["a", "b"]
    assert contenders({}) == ()
