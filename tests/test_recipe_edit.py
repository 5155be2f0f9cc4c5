"""Values put into recipes: what else stands there stays to the letter, or nothing is edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.errors import RecipeError
from p2m.marked_yaml import parse_marked
from p2m.recipe_edit import edited

RATE = {"training.learning_rate": 2.5e-05}
PATH = Path("r.yaml")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("prompt: hi\n", "prompt: hi\ntraining: {learning_rate: 2.5e-05}\n"),
        ("prompt: hi", "prompt: hi\ntraining: {learning_rate: 2.5e-05}\n"),
        ("prompt: |\n  hi\n\n", "prompt: |\n  hi\ntraining: {learning_rate: 2.5e-05}\n\n"),
        (
            "training: {epochs: 1}  # few\nseed: 3\n",
            "training: {epochs: 1, learning_rate: 2.5e-05}  # few\nseed: 3\n",
        ),
        ("training: {}\n", "training: {learning_rate: 2.5e-05}\n"),
        ("training:  # later\nseed: 3\n", "training: {learning_rate: 2.5e-05}  # later\nseed: 3\n"),
        (
            "training:\n    # as it was\n    learning_rate: 1e-3   # too fast\n\nseed: 3\n",
            "training:\n    # as it was\n    learning_rate: 2.5e-05   # too fast\n\nseed: 3\n",
        ),
        (
            "training:\n  epochs: 1 # few\n\n# the rest\nseed: 3\n",
            "training:\n  epochs: 1 # few\n  learning_rate: 2.5e-05\n\n# the rest\nseed: 3\n",
        ),
        (
            "training:\r\n  epochs: 1\r\nseed: 3\r\n",
            "training:\r\n  epochs: 1\r\n  learning_rate: 2.5e-05\r\nseed: 3\r\n",
        ),
        ("training: {learning_rate: null}\n", "training: {learning_rate: 2.5e-05}\n"),
    ],
)
def test_a_value_is_put_where_it_belongs_and_nothing_else_moves(before: str, after: str) -> None:
    assert edited(before, PATH, RATE) == after
    assert edited(after, PATH, RATE) == after


def test_several_values_at_any_depth_are_put_in_and_read_again() -> None:
    text = "student:\n  candidates:\n    minilm:\n      window: 99 # tokens\n# end\n"
    text += "tuning: {trials: 9, # many\n  prune: true}\n"
    values = {"student.candidates.minilm.dropout": 0.2, "training.schedule": "cosine", "tuning.trials": 1}
    found = edited(text, PATH, values)
    assert parse_marked(found, PATH).value == {
        "student": {"candidates": {"minilm": {"window": 99, "dropout": 0.2}}},
        "tuning": {"trials": 1, "prune": True},
        "training": {"schedule": "cosine"},
    }
    assert "window: 99 # tokens\n      dropout: 0.2\n# end" in found
    assert "{trials: 1, # many\n" in found


@pytest.mark.parametrize(
    "text",
    [
        "usual: &one {epochs: 1}\ntraining: *one\n",  # the other place would change too
        "usual: &one {epochs: 1}\ntraining:\n  <<: *one\n  learning_rate: &rate 1e-3\nother: *rate\n",
        "training: 3\n",
        "training: [1, 2]\n",
    ],
)
def test_what_cannot_be_edited_is_said_with_what_to_write(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        edited(text, PATH, RATE)
    assert "r.yaml: cannot be edited by p2m as it is written" in str(caught.value)
    assert "training.learning_rate: 2.5e-05" in str(caught.value)
