"""One recipe and its overrides to one validated `ModelSpec`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from p2m.compose.origins import Origins, place_in
from p2m.compose.overrides import checked, forced, is_text
from p2m.compose.recipe import Groups, find_recipe, read_recipe
from p2m.compose.source import Loader, Reading, composing, package_header, refuse, translated
from p2m.compose.values import (
    decisions_beside,
    decode_text,
    encode_text,
    listed_folders,
    resolve_paths,
    volatile,
)
from p2m.errors import Problem, RecipeError
from p2m.marked_yaml import show
from p2m.resources import conf_folder
from p2m.spec import ModelSpec, misplaced_booleans, problems_of


@dataclass(frozen=True)
class Composed:
    """A recipe, understood, and where every part of it was written."""

    spec: ModelSpec
    origins: Mapping[str, str]  # config path -> "recipes/qa.yaml:14", "conf/base.yaml:5" or "override seed=1"
    files: tuple[Path, ...]  # every YAML file read
    looked: tuple[Path, ...]  # every file and folder whose presence was asked for, there or not
    listed: tuple[Path, ...]  # every folder whose entries were held against a pattern
    choices: Mapping[str, Any]  # group -> option, or list of options
    overrides: tuple[str, ...]
    recipe: Path  # absolute
    config: Mapping[str, Any]  # the recipe as plain data, as written: with units, with relative paths

    def place(self, path: str) -> str:
        """Where a config path was written, else something in it, else the nearest section around it."""
        return place_in(self.origins, path) or show(self.recipe)


def compose(recipe: Path, overrides: Sequence[str] = (), *, trust: Sequence[str] = ()) -> Composed:
    """The validated recipe. Nothing is written, and of components only their modules are imported.

    Raises:
        RecipeError: with every problem that was found, each with its place.
    """
    recipe = find_recipe(recipe)
    groups = Groups((recipe.parent, conf_folder()))
    marked = read_recipe(recipe)
    with composing(marked) as reading:
        parsed = checked(marked, overrides, groups, sweep=False)
        said = [override for override in parsed if is_text(override)]
        words = [forced(override, groups) for override in parsed if override not in said]
        with translated(marked, reading, parsed):
            loader = Loader(recipe, reading)
            config, choices = loader.composed(words)
            for override in said:
                _say(config, override)
        origins = _origins(reading, loader.defaults, parsed, groups, recipe)
    plain = _plain(config, origins)
    try:
        spec = _validated(plain, origins, tuple(trust))
    except RecipeError as error:
        error.config = plain
        raise
    return Composed(
        spec=spec,
        origins=origins.places,
        files=tuple(marked.path for marked in reading.files.values()),
        looked=(*reading.looked, decisions_beside(recipe)),
        listed=tuple(listed_folders(plain, recipe.parent)),
        choices=_choices(choices, loader.defaults),
        overrides=tuple(overrides),
        recipe=recipe,
        config=plain,
    )


def _say(config: DictConfig, override: Override) -> None:
    """Set a text as it was written."""
    key = override.key_or_group
    (text,) = encode_text({key.partition(".")[0]: override.value()}).values()
    OmegaConf.update(config, key, text, merge=False, force_add=True)


def _origins(
    reading: Reading, defaults: Any, overrides: Sequence[Override], groups: Groups, recipe: Path
) -> Origins:
    """Where everything was written, merged in the order in which Hydra merges."""
    origins = Origins(recipe, groups.folders[-1])
    for item in defaults:
        marked = reading.files.get(str(item.config_path))
        if marked is not None:
            package = item.package or package_header(marked)
            origins.merge_file(marked, "" if package == "_global_" else str(package))
    for override in overrides:
        key, text = override.key_or_group, str(override.input_line)
        if override.is_delete():
            origins.remove(key)
        elif "." in key or not groups.options(key) or isinstance(override.value(), dict):
            origins.merge_override(key, override.value(), text.removeprefix("++"))
    return origins


def _choices(chosen: Mapping[str, Any], defaults: Sequence[Any]) -> dict[str, Any]:
    """Group to the option chosen in it; a list in groups that take several."""
    known = dict(chosen)
    several: dict[str, list[str]] = {}
    for item in defaults:
        group, _, option = str(item.config_path).rpartition("/")
        if group and group not in known:
            several.setdefault(group, []).append(option)
    return {group: choice for group, choice in (known | several).items() if not group.startswith("hydra")}


def _plain(config: DictConfig, origins: Origins) -> dict[str, Any]:
    """The composed config as plain data, resolved; what cannot stand in a keyed config is refused."""
    whole: Any = OmegaConf.to_container(config, resolve=False)
    raw = {str(key): value for key, value in whole.items() if key != "hydra"}
    refuse(list(volatile(raw, origins.place)))
    if "${" not in repr(raw):
        return decode_text(raw)
    try:
        resolved: Any = OmegaConf.to_container(OmegaConf.create(raw), resolve=True)
    except OmegaConfBaseException as error:
        path = str(error.full_key or "")
        message = str(error.msg or error).splitlines()[0]
        raise RecipeError([Problem(message, path, origins.place(path))]) from error
    return decode_text(resolved)


def _validated(plain: dict[str, Any], origins: Origins, trust: tuple[str, ...]) -> ModelSpec:
    """The spec that the composed words stand for; the name is the recipe's own where none is given."""
    if plain.get("name") is None:
        origins.places["name"] = show(origins.recipe)
        plain["name"] = origins.recipe.name.removesuffix(".yaml").removesuffix(".yml")
    resolved, problems = resolve_paths(plain, origins.recipe, origins.place)
    problems += misplaced_booleans(plain, origins.place, trust=trust)
    try:
        spec = ModelSpec.model_validate(resolved, context={"trust": trust})
    except ValidationError as error:
        raise RecipeError([*problems, *problems_of(error, plain, origins.place, trust=trust)]) from error
    refuse(problems)
    return spec
