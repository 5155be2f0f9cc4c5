"""The embedded teacher's dispatch, for reading comprehension."""

from __future__ import annotations

from itertools import islice

import pytest

from p2m.teachers.chat import ChatTeacher
from p2m.teachers.embedded import Embedded
from p2m.types import Field, Task, TaskType, Teacher


def reading(*names: str, language: str = "en") -> Task:
    fields = tuple(Field(name) for name in names)
    return Task(
        TaskType.QUESTION_ANSWERING, "Answer from the passage.", fields, Field("answer"), language=language
    )


def test_it_writes_rows_and_is_asked_nothing():
    assert isinstance(Embedded(), Teacher)
    assert not isinstance(Embedded(), ChatTeacher)


def test_rows_come_in_the_names_and_order_of_the_task():
    (row,) = islice(Embedded().generate(reading("passage", "query"), 1, seed=4, texts=None), 1)
    assert list(row.input) == ["passage", "query"]
    assert row.output in row.input["passage"]
    assert row.input["query"].rstrip("?") not in row.input["passage"]


def test_as_many_rows_come_as_are_asked_for():
    assert len(list(Embedded().generate(reading("question", "context"), 7, seed=0, texts=None))) == 7


def test_sources_name_domain_and_relation():
    for row in Embedded().generate(reading("question", "context"), 50, seed=0, texts=None):
        kind, _, name = row.source.partition(":")
        assert kind == "embedded"
        assert len(name.split(".")) == 3


def test_what_it_does_not_know_is_refused_with_what_it_knows():
    classify = Task(TaskType.CLASSIFICATION, "Sort mail.", (Field("mail"),), Field("label"))
    assert "reading comprehension" in (Embedded().refusal(classify) or "")
    assert "English" in (Embedded().refusal(reading("question", "context", language="de")) or "")
    assert Embedded().refusal(reading("question", "context")) is None


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        Embedded(text_share=share)
