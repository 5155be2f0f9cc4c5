"""Two readings of a prompt as one: what is stated stays, what is guessed gives way, differences are said."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.compose import compose
from p2m.recipe_template import render_refined
from p2m.refining import Agreed, together
from p2m.teachers.asking.structured import Fault, parsed
from p2m.teachers.craft.refinement import LIMITS, Refined, read, refining
from p2m.types import Field, TaskType

LISTED = "Route a customer's e-mail to one of: billing, delivery, technical."
OPEN = "Classify the sentiment of a tweet."
SHOWN = "Answer a question from a passage.\n\nquestion: Who?\ncontext: Ada won.\nanswer: Ada"
SCHEMA = refining(LISTED, {}).schema or {}


def labelled(**labels: str) -> Refined:
    return Refined(TaskType.CLASSIFICATION, (Field("tweet"),), Field("mood"), labels, ("en",))


def test_a_list_that_the_prompt_holds_stays_and_is_described() -> None:
    found = together(LISTED, labelled(Billing="what is paid", delivery="parcels", technical=""))
    assert found.task.labels == ("billing", "delivery", "technical")
    assert found.descriptions == {"billing": "what is paid", "delivery": "parcels"}
    assert not any("labels" in line for line in found.differences)


def test_labels_of_the_teachers_own_are_taken_and_called_so() -> None:
    found = together(OPEN, labelled(positive="glad", negative="sad"))
    assert found.task.labels == ("positive", "negative")
    assert (
        "labels: positive, negative stand nowhere in the prompt: proposed by the teacher" in found.differences
    )


def test_a_reading_that_demonstrations_contradict_gives_way() -> None:
    odd = Refined(TaskType.EXTRACTION, (Field("letter"), Field("sender")), Field("name"), {}, ("de",))
    found = together(SHOWN, odd)
    assert [each.name for each in found.task.inputs] == ["question", "context"]
    assert any("the teacher read letter, sender" in line for line in found.differences)


def test_what_cannot_be_met_is_said_and_not_written() -> None:
    refined = Refined(
        TaskType.CLASSIFICATION, labels={"billing": ""}, limits={"max_size": "3 floppies"}, metric="chrf",
        at_least=0.9,
    )  # fmt: skip
    found = together(LISTED, refined)
    assert (found.limits, found.metric, found.require) == ({}, "", {})
    assert any("3 floppies" in line for line in found.differences)
    assert any("chrf does not suit" in line for line in found.differences)


LINE = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
QUANTITY = st.sampled_from(["", "30 MB", "40 ms", "1M", "\n- x"])
REPLY = st.fixed_dictionaries({
    "type": st.sampled_from([each.value for each in TaskType]),
    "inputs": st.lists(st.fixed_dictionaries({"name": LINE, "description": LINE}), max_size=3),
    "output": st.fixed_dictionaries({"name": LINE, "form": LINE}),
    "labels": st.lists(st.fixed_dictionaries({"label": LINE, "meaning": LINE}), max_size=4),
    "languages": st.lists(st.sampled_from(["en", "de", "EN", "", "tlh"]), max_size=3),
    "limits": st.fixed_dictionaries(dict.fromkeys(LIMITS, QUANTITY)),
    "stays_local": st.booleans(),
    "metric": st.sampled_from(["", "accuracy", "macro_f1", "chrf", "exact_match"]),
    "at_least": st.floats(-1, 2),
    "unclear": st.lists(LINE, max_size=2),
})  # fmt: skip


def recipe_of(prompt: str, found: Agreed) -> str:
    return render_refined(
        prompt, found, name="x", file="x.yaml", teacher="compatible m", choice="compatible",
        settings={"model": "m", "options": {"a b": ["${x}", None, 1.5, "ü: #"]}},
    )  # fmt: skip


PROMPT = st.sampled_from([LISTED, OPEN, SHOWN])


@given(PROMPT, REPLY)
@settings(max_examples=6, deadline=None)
def test_whatever_a_teacher_says_the_recipe_composes_and_keeps_the_prompt(prompt: str, reply: dict) -> None:
    composes(prompt, reply)


@pytest.mark.slow
@given(PROMPT, REPLY)
@settings(max_examples=200, deadline=None)
def test_the_same_of_many_more_replies(prompt: str, reply: dict) -> None:
    composes(prompt, reply)


def composes(prompt: str, reply: dict) -> None:
    assert not isinstance(parsed(json.dumps(reply), SCHEMA), Fault)
    text = recipe_of(prompt, together(prompt, read(reply)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        spec = compose(path).spec
    assert spec.prompt == prompt
    assert spec.constraints.max_cost == 5
    assert spec.teacher.of("answer").options == {"a b": ["${x}", None, 1.5, "ü: #"]}  # type: ignore[union-attr]
    assert set(spec.task.descriptions) <= set(spec.task.labels)


def test_a_prompt_that_must_not_leave_says_so() -> None:
    text = recipe_of(OPEN, together(OPEN, Refined(TaskType.CLASSIFICATION, stays_local=True)))
    assert "choose a teacher\n# that runs here" in text


def test_room_for_the_reply_grows_with_the_prompt_and_leaves_small_contexts_theirs() -> None:
    """A server refuses a request whose words and room for a reply go beyond its context."""
    assert refining("Sort mail.", {}).max_tokens < 4096
    assert refining("", {"labels": [f"label {n}" for n in range(200)]}).max_tokens > 5_000
    assert refining("x" * 10**6, {}).max_tokens == 16_000
