"""Who generates, answers and judges: one teacher for all, or several by role."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.compose import compose
from p2m.errors import RecipeError
from p2m.spec import ModelSpec
from p2m.teachers.chat import ChatTeacher

PROMPT = "prompt: Say whether a review is positive or negative.\n"
CLAUDE = "{target: p2m.teachers.anthropic.Anthropic, model: claude}"
SERVER = '{target: p2m.teachers.compatible.Compatible, model: small, base_url: "http://127.0.0.1:9/v1"}'


def spec(folder: Path, text: str, *overrides: str) -> ModelSpec:
    path = folder / "reviews.yaml"
    path.write_text(PROMPT + text)
    return compose(path, overrides).spec


def models(found: ModelSpec) -> list[str]:
    """The model of each role; "" where no chat model takes it."""
    teachers = [found.teacher.chat(role) for role in ("generate", "answer", "judge")]
    return [one.model if isinstance(one, ChatTeacher) else "" for one in teachers]


def test_one_teacher_takes_every_role(tmp_path: Path) -> None:
    found = spec(tmp_path, "", "teacher=anthropic", "teacher.model=one")
    assert models(found) == ["one", "one", "one"]
    assert found.teacher.place("judge") == "teacher"
    assert spec(tmp_path, "", "teacher=none").teacher.of("generate") is None
    assert models(spec(tmp_path, "")) == ["", "", ""]  # the embedded one is no chat model


def test_a_role_without_a_teacher_falls_to_the_first_that_can(tmp_path: Path) -> None:
    both = f"teacher: {{generate: {CLAUDE}, answer: {SERVER}}}\n"
    found = spec(tmp_path, both)
    assert models(found) == ["claude", "small", "claude"]
    assert found.teacher.place("answer") == "teacher.answer"
    rules = f"teacher: {{generate: {{target: p2m.teachers.embedded.Embedded}}, answer: {SERVER}}}\n"
    assert models(spec(tmp_path, rules)) == ["", "small", "small"]
    assert models(spec(tmp_path, f"teacher: {{answer: {SERVER}}}\n")) == ["small", "small", "small"]


def test_a_chat_model_beside_the_roles_takes_the_rest(tmp_path: Path) -> None:
    beside = "defaults: [base, override teacher: openai, _self_]\n"
    found = spec(tmp_path, f"{beside}teacher: {{model: large, answer: {CLAUDE}}}\n")
    assert models(found) == ["large", "claude", "large"]
    typed = spec(tmp_path, beside, "+teacher@teacher.answer=anthropic", "teacher.answer.model=typed")
    assert models(typed)[1] == "typed"


def test_a_gate_stands_beside_one_teacher_and_beside_roles(tmp_path: Path) -> None:
    for text in (f"teacher: {{answer: {SERVER}, gate: '>= 80%'}}\n", "teacher: {gate: 0.8}\n"):
        gate = spec(tmp_path, text).teacher.gate
        assert gate is not None
        assert (gate.operator, gate.value) == (">=", 0.8)


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (f"teacher: {{anwser: {CLAUDE}}}\n", ("teacher=none",), "no role 'anwser'; did you mean 'answer'?"),
        (f"teacher: {{jugde: {CLAUDE}}}\n", ("teacher=openai",), "did you mean 'judge'?"),
        (f"teacher: {{answer: {CLAUDE}}}\n", ("++teacher.answer.modle=x",), "did you mean 'model'?"),
        ("teacher: {gate: high}\n", (), "is not a requirement"),
        ("generation: {samples: 0}\n", (), "greater than or equal to 1"),
        ("generation: {agreement: 2}\n", (), "less than or equal to 1"),
        ("constraints: {max_tokens: many}\n", (), "a number such as 5000, 500k or 2M"),
        ("data: {inputs: nowhere.txt}\n", (), "nowhere.txt"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, text: str, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        spec(tmp_path, text, *words)
    assert said in str(caught.value), str(caught.value)
