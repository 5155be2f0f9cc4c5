"""`p2m init` writes a recipe that composes, whatever the prompt."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from p2m.compose import compose
from p2m.errors import UserError
from p2m.marked_yaml import parse_marked
from p2m.recipe_template import recipe_name, render_recipe
from p2m.spec.model import _NAME
from p2m.table_task import TableTask
from p2m.types import TaskType

PROMPTS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=200).filter(str.strip)


def as_read(prompt: str) -> str:
    return prompt.replace("\r\n", "\n")


@given(PROMPTS)
@example("???")
@example("a: b # c\n- d\n")
@example("${oc.env:HOME} ${ \\${x} {name}")
@example("  leading\n\ttab\n")
@example("# not a comment")
@example("--- \n...\n")
@example("Répondez à la question. 質問に答えてください。 ответь 🙂\n")
@example("line\u2028break\x85and\x00nul\ufeff")
@example("\n\nlate start\n\n")
@example("%YAML 1.2\n---\n")
@example("x\n  y\n z")
@example("'\"\\\"'")
@settings(max_examples=300, deadline=None)
def test_any_prompt_is_read_back_as_it_was(prompt: str) -> None:
    text = render_recipe(prompt, name=recipe_name(prompt))
    value = parse_marked(text, Path("x.yaml")).value
    assert value["prompt"] == as_read(prompt)
    assert _NAME.fullmatch(value["name"])
    assert len(text.splitlines()) < 40


@given(PROMPTS)
@settings(max_examples=4, deadline=None)
def test_any_prompt_gives_a_recipe_that_composes(prompt: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.yaml"
        path.write_text(render_recipe(prompt, name=recipe_name(prompt)), encoding="utf-8", newline="")
        assert compose(path).spec.prompt == as_read(prompt)


LABEL = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60).map(str.strip)


@given(LABEL.filter(bool))
@example("a label of more than 28 characters")
@example("${x} and \\\\${y}\\")
@example("a # b")
@example("two\nlines")
@settings(max_examples=4, deadline=None)
def test_any_label_is_composed_as_it_is(label: str) -> None:
    table = TableTask(TaskType.CLASSIFICATION, ("text",), "desk", 9, labels={label: 5, "no other": 4})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.yaml"
        text = render_recipe("Sort.", name="x", task=table, teacher="none")
        path.write_text(text, encoding="utf-8", newline="")
        assert compose(path).spec.task.labels == (label, "no other")


def test_a_plain_prompt_makes_a_recipe_to_read() -> None:
    text = render_recipe("Answer a question.\nBe brief.\n", name="Answer a question")
    assert "prompt: |\n  Answer a question.\n  Be brief.\n" in text
    assert "name: answer-a-question\n" in text
    assert text.startswith("# yaml-language-server: $schema=")
    assert 'require: {}                     # e.g. {exact_match: ">= 0.60"}' in text


def test_a_name_that_yaml_would_take_for_something_else_is_quoted() -> None:
    for name in ("null", "true", "12", "1e5"):
        assert parse_marked(render_recipe("Answer.", name=name), Path("x")).value["name"] == name


@given(st.text(max_size=80))
def test_any_text_gives_a_name_for_a_folder(text: str) -> None:
    assert _NAME.fullmatch(recipe_name(text))
    assert len(recipe_name(text).encode()) < 200


def test_a_name_ends_with_a_whole_word() -> None:
    prompt = "Categorise correspondence concerning international subscriptions"
    assert recipe_name(prompt) == "categorise-correspondence-concerning"
    assert recipe_name("a" * 100) == "a" * 40


@pytest.mark.parametrize("prompt", ["", "  \n", "\ud800"])
def test_what_is_no_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(UserError, match="prompt"):
        render_recipe(prompt, name="x")
