"""Answers are found where they stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2m.students.spans import locate


def found(context: str, *answers: str, question: str = "") -> str | None:
    span = locate(context, answers, question)
    return None if span is None else f"{span.start}:{context[span.start : span.end]}"


def test_the_only_occurrence_is_taken() -> None:
    assert found("It was built by Ada Marsh.", "Ada Marsh") == "16:Ada Marsh"


def test_a_whole_word_goes_before_a_part_of_one() -> None:
    assert found("Adamant people knew Ada well.", "Ada") == "20:Ada"


def test_exact_case_goes_before_any_case() -> None:
    assert found("may came in May.", "May") == "12:May"
    assert found("It came in MAY.", "May") == "11:MAY"


def test_among_several_the_sentence_nearest_to_the_question_wins() -> None:
    context = "In 1811 the mill burnt. The school was opened in 1811. The inn closed in 1811."
    assert found(context, "1811", question="When was the school opened?") == "49:1811"
    assert found(context, "1811", question="xyz") == "3:1811"


def test_a_further_answer_serves_where_the_first_does_not_occur() -> None:
    assert found("Ada drew it.", "Ada Marsh", "Ada") == "0:Ada"
    assert found("Ben drew it.", "Ada Marsh", "Ada") is None
    assert found("Ben drew it.", "", " ") is None


@given(st.text(min_size=1, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_what_is_found_is_the_answer(answer: str, before: str, after: str) -> None:
    context = before + answer + after
    span = locate(context, [answer], "")
    if not answer.strip():
        assert span is None
    else:
        assert span is not None
        assert 0 <= span.start < span.end <= len(context)
        assert context[span.start : span.end] == answer.strip()
