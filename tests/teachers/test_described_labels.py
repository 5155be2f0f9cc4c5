"""What a recipe says of its labels: every question to a teacher repeats it, and none asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.errors import RecipeError
from p2m.project import load, understand
from p2m.teachers.craft.answers import Answering
from p2m.teachers.craft.attributes import labels_asks
from p2m.types import Field, Task, TaskType

TASK = Task(
    TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("desk"), ("billing", "delivery"),
    descriptions={"billing": "all that is paid"},
)  # fmt: skip
RECIPE = """\
prompt: "Sort a mail: billing or delivery."
task: {descriptions: {billing: all that is paid, %s: parcels}}
"""


def test_the_recipes_words_go_before_the_teachers_own() -> None:
    meanings = {"billing": "money", "delivery": "parcels"}
    system = Answering(TASK, TASK.labels, meanings).ask({"text": "hello"}).system
    assert '{"label": "billing", "meaning": "all that is paid"}' in system
    assert '{"label": "delivery", "meaning": "parcels"}' in system


def test_a_teacher_explains_only_what_the_recipe_does_not() -> None:
    (ask,) = labels_asks(TASK, TASK.labels)
    assert '"explain": ["delivery"]' in ask.turns[0].text
    assert ask.schema is not None
    assert ask.schema["properties"]["labels"]["items"]["properties"]["label"]["enum"] == ["delivery"]


def test_a_description_of_no_label_is_refused_with_the_nearest(tmp_path: Path) -> None:
    place = tmp_path / "mail.yaml"
    place.write_text(RECIPE % "delivery", encoding="utf-8")
    assert understand(place).task.descriptions == {"billing": "all that is paid", "delivery": "parcels"}
    place.write_text(RECIPE % "delivrey", encoding="utf-8")
    with pytest.raises(
        RecipeError, match=r"mail.yaml:2: task.descriptions.delivrey: 'delivrey' is no label"
    ) as error:
        load(place)
    assert "did you mean 'delivery'?" in str(error.value)
