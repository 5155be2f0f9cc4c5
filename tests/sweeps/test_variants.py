"""Variants are named as folders, each by a name of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.errors import RecipeError, UserError
from p2m.sweeps import prepare
from p2m.sweeps.variants import variant_name

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from shouting import write_project

words = st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=3)


@given(one=words, other=words)
def test_names_are_folders_and_differ_where_overrides_do(one: list[str], other: list[str]) -> None:
    name = variant_name(one)
    assert name == Path(name).name
    assert name not in (".", "..", ".jobs", "")
    assert len(name) <= 130
    if ",".join(one) != ",".join(other):
        assert name != variant_name(other)


def test_a_plain_variant_is_named_by_its_overrides() -> None:
    assert variant_name(["student=minilm", "training.learning_rate=0.001"]) == (
        "student=minilm,training.learning_rate=0.001"
    )


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("P2M_STORE", raising=False)
    monkeypatch.chdir(write_project(tmp_path / "project"))
    return tmp_path / "project" / "shout.yaml"


def test_every_wrong_value_of_every_variant_is_told_at_once_with_its_override_and_variant(
    recipe: Path,
) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare(recipe, ["evaluation.bootstrap=100,-3", "training.epochs=1,x", "seed=-5"])
    assert len(caught.value.problems) == 3
    problems = {problem.where: problem for problem in caught.value.problems}
    assert set(problems) == {
        "override evaluation.bootstrap=-3",
        "override training.epochs=x",
        "override seed=-5",
    }
    hint = problems["override training.epochs=x"].hint
    assert "in the variant evaluation.bootstrap=100,training.epochs=x,seed=-5 and 1 more, of 4" in hint
    assert "variant" not in problems["override seed=-5"].hint  # all have it


def test_a_sweep_keeps_its_folder_whatever_launches_it_and_no_other_has_it(recipe: Path) -> None:
    def folder(*words: str) -> Path:
        return prepare(recipe, list(words)).folder

    own = folder("seed=0,1")
    assert own.parent == recipe.parent / "outputs" / "shout" / "sweeps"
    assert folder("seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2") == own
    assert folder("seed=0,2") != own
    assert folder("seed=0,1", "training.epochs=2") != own
    (recipe.parent / "other.yaml").write_text(recipe.read_text())
    assert prepare(recipe.parent / "other.yaml", ["seed=0,1"]).folder != own


def test_variants_share_one_store(recipe: Path) -> None:
    with pytest.raises(UserError, match="leave store"):
        prepare(recipe, ["store.path=a,b"])


def test_what_only_the_sweep_gives_is_not_missed_by_the_recipe_alone(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("epochs: 1", "epochs: '???'"))
    variants = prepare(recipe, ["training.epochs=1,2"]).variants
    assert variants is not None
    assert [each.name for each in variants] == ["training.epochs=1", "training.epochs=2"]
