"""What a search may set, and what proposes it: the same from the same trials, within bounds, rounded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from p2m.project import load
from p2m.spec.model import Tuning
from p2m.students.causal import Causal
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.tuning.base import SPACE, RandomSearch, applied, left_out, resolved, usual
from p2m.tuning.optuna_tpe import OptunaTPE
from p2m.tuning.space import allows
from p2m.types import Dimension, Training, Trial

WHOLE: dict[str, Any] = {
    "learning_rate": "x0.25 .. x4 log",
    "batch_size": [8, 16, 32],
    "epochs": "1 .. 5",
    "schedule": ["linear", "cosine"],
    "warmup_ratio": "0 .. 0.2",
    "dropout": "0 .. 0.3",
    "rank": "2 .. 32 log",
}


def space_of(written: Mapping[str, Any]) -> dict[str, Dimension]:
    return Tuning.model_validate({"space": written}).space


def over(rows: int = 200) -> dict[str, Dimension]:
    student, training = MiniLM(), Training()
    return resolved(applied(space_of(WHOLE), student, training), usual(student, training, rows))


def test_what_is_written_becomes_dimensions() -> None:
    found = space_of(WHOLE | {"alpha": None})
    assert found["learning_rate"] == Dimension((), 0.25, 4.0, is_log=True, is_relative=True)
    assert found["batch_size"] == Dimension((8, 16, 32))
    assert found["epochs"] == Dimension((), 1.0, 5.0)
    assert found["rank"] == Dimension((), 2.0, 32.0, is_log=True, is_whole=True)
    assert "alpha" not in found
    assert Tuning().space == SPACE


@pytest.mark.parametrize(
    ("name", "written", "message"),
    [
        ("learning_rat", "1 .. 2", "no search can set 'learning_rat'; did you mean 'learning_rate'?"),
        ("learning_rate", "1e-5", "expected a list of choices, or `LOW .. HIGH`"),
        ("learning_rate", "1e-3 .. 1e-5 log", "the lower bound comes first"),
        ("learning_rate", "x0.5 .. 2", "one bound has an x and the other has none"),
        ("learning_rate", "1e-5 .. 2", "2 is out of range: from 1e-08 to 1"),
        ("learning_rate", "x0 .. x2", "from x0.001 to x1000"),
        ("batch_size", "x1 .. x2", "bounds with an x are for learning_rate and epochs"),
        ("batch_size", "8.5 .. 32", "expected whole numbers"),
        ("batch_size", [8, 8], "a choice stands twice"),
        ("batch_size", [8, "many"], "expected numbers, got 'many'"),
        ("schedule", ["linear", "step"], "'step' is not one of linear, cosine, constant"),
        ("schedule", "1 .. 2", "is not one of linear, cosine, constant"),
        ("dropout", "0 .. 1", "1 is out of range: from 0 to 0.9"),
        ("dropout", "0 .. 0.3 log", "a logarithmic scale begins above 0"),
    ],
)
def test_what_cannot_be_searched_is_refused_below_its_name(name: str, written: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        space_of({name: written})
    (problem,) = caught.value.errors()
    assert problem["loc"] == ("space", name)
    assert message in problem["msg"]


def test_a_wrong_space_is_told_with_its_line_and_so_is_the_old_place_of_trials(tmp_path: Path) -> None:
    from p2m.errors import RecipeError

    recipe = tmp_path / "r.yaml"
    text = "prompt: Answer yes or no.\ntraining:\n  trials: 3\ntuning:\n  space:\n    dropout: 3 .. 4\n"
    recipe.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load(recipe)
    said = str(caught.value)
    assert "r.yaml:6" in said
    assert "tuning.space.dropout: 3 is out of range: from 0 to 0.9" in said
    assert "r.yaml:3" in said
    assert "training.trials: unknown key" in said
    assert "write `tuning: {trials: 3}`" in said
    with pytest.raises(RecipeError, match=r"type: tuning\.trials=3"):
        load(_plain(tmp_path), ["training.trials=3"])


def _plain(folder: Path) -> Path:
    (folder / "p.yaml").write_text("prompt: Answer yes or no.\n")
    return folder / "p.yaml"


def test_what_does_not_apply_to_a_student_is_left_out_and_said() -> None:
    space = space_of(WHOLE)
    assert left_out(space, MiniLM(), Training()) == {"rank": "MiniLM has no such setting"}
    assert left_out(space, TinySeq2Seq(), Training()).keys() == {"rank"}
    assert left_out(space, Causal("nowhere"), Training()) == {}
    assert "rank: 0" in left_out(space, Causal("nowhere", rank=0), Training())["rank"]
    counted = left_out(space, MiniLM(), Training(batch_tokens=512))
    assert counted["batch_size"].startswith("training.batch_tokens")


def test_what_is_usual_is_what_a_training_without_a_search_does() -> None:
    base = usual(MiniLM(), Training(), 240)
    assert (base["learning_rate"], base["batch_size"], base["epochs"]) == (1e-4, 16, 4.0)
    assert (base["dropout"], base["schedule"]) == (0.1, "linear")
    assert usual(MiniLM(), Training(epochs=2.0, learning_rate=1e-5), 160)["learning_rate"] == 1e-5
    found = resolved({"learning_rate": SPACE["learning_rate"]}, base)["learning_rate"]
    assert (found.low, found.high, found.is_relative) == (3.33e-5, 3e-4, False)


@given(seed=st.integers(0, 2**32 - 1), number=st.integers(2, 1000))
def test_what_is_drawn_hangs_on_its_number_and_the_seed_and_lies_within_bounds(
    seed: int, number: int
) -> None:
    space = over()
    found = RandomSearch().propose(space, (), number=number, seed=seed)
    assert found == RandomSearch().propose(space, (), number=number, seed=seed)
    assert found == OptunaTPE().propose(space, (), number=number, seed=seed)  # there is nothing to go by
    assert found.keys() == space.keys()
    assert all(allows(space[name], value) for name, value in found.items())


def history(count: int, *, seed: int = 0) -> list[Trial]:
    """Trials that are the better the nearer their rate is to 3e-4, asked of the search itself."""
    space, made = over(), []
    for number in range(2, count + 2):
        values = OptunaTPE().propose(space, made if number > 5 else (), number=number, seed=seed)
        rate = values["learning_rate"]
        assert isinstance(rate, float)
        made.append(Trial(values, 1 - abs(rate - 3e-4) / 4e-4, was_pruned=rate < 5e-5))
    return made


def test_a_proposal_of_optuna_hangs_on_earlier_trials_and_the_seed_alone() -> None:
    once, again = history(12), history(12)
    assert once == again
    assert once[:8] == history(8)  # a further trial changes none before it
    assert history(12, seed=1) != once
    space = over()
    assert all(allows(space[name], value) for each in once for name, value in each.values.items())
    told = OptunaTPE().propose(space, once, number=14, seed=0)
    assert told != OptunaTPE().propose(space, (), number=14, seed=0)


def test_optuna_comes_nearer_to_what_is_good_than_chance_does() -> None:
    def misses(trials: list[Trial]) -> float:
        return sum(1 - each.score for each in trials) / len(trials)

    found = [each for seed in range(3) for each in history(16, seed=seed)[8:]]
    by_chance = [
        RandomSearch().propose(over(), (), number=number, seed=seed)["learning_rate"]
        for seed in range(3)
        for number in range(10, 18)
    ]
    assert misses(found) < sum(abs(float(rate) - 3e-4) / 4e-4 for rate in by_chance) / len(by_chance)


def test_a_recipe_outside_of_the_space_tells_nothing() -> None:
    space = {"batch_size": Dimension((8, 32))}
    outside = [Trial({"batch_size": 16}, 0.9)]
    assert OptunaTPE().propose(space, outside, number=6, seed=0) == RandomSearch().propose(
        space, (), number=6, seed=0
    )


def test_dimensions_are_written_as_recipes_have_them() -> None:
    found = {name: str(one) for name, one in space_of(WHOLE).items()}
    assert found["learning_rate"] == "x0.25 .. x4 log"
    assert found["batch_size"] == "[8, 16, 32]"
    again = {name: [*one.choices] or str(one) for name, one in space_of(WHOLE).items()}
    assert space_of(again) == space_of(WHOLE)
