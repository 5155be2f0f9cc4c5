"""Every YAML file that ships composes, builds what its group promises, and speaks in the same voice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from p2m.compose import Composed, compose
from p2m.marked_yaml import read_marked
from p2m.project import load
from p2m.resources import conf_folder
from p2m.spec.components import FAMILIES, build_component
from p2m.spec.model import Retrieval, Tuning

CONF = conf_folder()
ROOT = Path(__file__).parent.parent
FILES = sorted(CONF.rglob("*.yaml"))
OPTIONS = [(file.parent.name, file.stem) for file in FILES if file.parent != CONF]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
LISTS = ("metric", "verifier")  # groups of which several are chosen
FLOOR = 107  # files in conf/; raise it with every one that is added
RECIPE = "prompt: Answer a question from a passage.\n"


def composed(folder: Path, *overrides: str) -> Composed:
    path = folder / "any.yaml"
    path.write_text(RECIPE)
    return compose(path, overrides)


def described(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping with a target, at any depth."""
    if isinstance(value, Mapping):
        if "target" in value:
            yield value
        for item in value.values():
            yield from described(item)


def test_the_walk_finds_all_that_ships() -> None:
    assert len(FILES) >= FLOOR, [str(file.relative_to(CONF)) for file in FILES]
    groups = {group for group, _ in OPTIONS}
    assert groups >= {*FAMILIES, "generation", "training", "device", "executor", "store"}


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=lambda text: text)
def test_every_option_composes(tmp_path: Path, group: str, option: str) -> None:
    chosen = composed(tmp_path, f"{group}=[{option}]" if group in LISTS else f"{group}={option}")
    assert chosen.choices[group] == ([option] if group in LISTS else option)
    assert CONF / group / f"{option}.yaml" in chosen.files


def components(group: str, option: str) -> list[Mapping[str, Any]]:
    sections = {"retriever": Retrieval, "tuning": Tuning}
    own = tuple(sections[group].model_fields) if group in sections else ()
    found = described(read_marked(CONF / group / f"{option}.yaml").value)
    return [{key: item for key, item in one.items() if key not in own} for one in found]


def test_our_own_files_are_read_by_libyaml_as_a_recipe_is_read() -> None:
    for file in FILES:
        assert read_marked(file, is_ours=True) == read_marked(file)


@pytest.mark.parametrize(
    ("group", "option"), [one for one in OPTIONS if one[0] in FAMILIES], ids=lambda text: text
)
def test_every_component_is_what_its_group_promises(group: str, option: str) -> None:
    found = components(group, option)
    if option == "none":
        assert all(one["target"] is None for one in found)
    for value in found:
        component = build_component(value, FAMILIES[group])
        assert component is None or isinstance(component, FAMILIES[group].protocol)
        if component is not None:
            assert component.__dataclass_params__.frozen


def test_each_family_has_something_to_choose() -> None:
    for group in FAMILIES:
        built = [value for one, option in OPTIONS if one == group for value in components(group, option)]
        assert any(value["target"] for value in built), group


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_every_file_opens_with_its_purpose_and_a_command(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    header = [line for line in lines[:5] if line.startswith("# ") and not line.startswith("# @package")]
    assert len(lines) <= 45
    assert len(header) >= 2
    commands = [line for line in header if re.match(r"#\s+(p2m|make) \w+ ", line)]
    assert commands
    if file.parent != CONF and file.parent.name not in (*LISTS, "store"):
        assert f"{file.parent.name}={file.stem}" in commands[0], "the command chooses this very option"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda file: file.name)
def test_every_recipe_composes_and_points_editors_at_the_schema(recipe: Path) -> None:
    chosen = compose(recipe)
    assert chosen.spec.student.candidates
    lines = recipe.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# yaml-language-server: $schema=")
    assert any(re.match(r"#\s+(p2m|make) \w+ ", line) for line in lines[:5])
    assert recipe in chosen.files


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_every_recipe_can_be_built(recipe: Path) -> None:
    assert load(recipe).plan.steps


def test_there_are_recipes() -> None:
    assert RECIPES


def test_base_says_what_the_spec_defaults_to(tmp_path: Path) -> None:
    """A default is written twice, in conf/ for the reader and in the code for the API: they must agree."""
    from p2m.spec import ModelSpec

    spec = composed(tmp_path).spec
    for name in (
        "generation",
        "curation",
        "split",
        "training",
        "tuning",
        "evaluation",
        "device",
        "executor",
        "store",
    ):
        assert getattr(spec, name) == ModelSpec.model_fields[name].default, name
