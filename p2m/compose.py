"""Recipe, config groups and overrides to one validated `ModelSpec`. All of Hydra that p2m uses lives here.

Hydra chooses the files and merges them; pydantic (`p2m.spec`) says what they mean. What we add is a config
source that reads YAML strictly and knows lines (`p2m.marked_yaml`), so that every setting can say where it was
written, and that the recipe is the primary config whatever its name and place. Group files beside the recipe
win over the library's. Unknown keys are let through to pydantic on purpose: it knows the right names.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from p2m.errors import Problem, RecipeError
from p2m.marked_yaml import Marked, join, read_marked, show
from p2m.recipe_file import Groups, check_defaults, check_options, find_recipe, forbidden, read_recipe
from p2m.recipe_values import decode_text, encode_text, misplaced_booleans, resolve_paths, volatile
from p2m.resources import conf_folder
from p2m.spec import ModelSpec, problems_of

PRIMARY = "_recipe_"  # what Hydra calls the recipe, so that its file name may be anything
NOTHING = Marked(Path(), "", {})


@dataclass(frozen=True)
class Composed:
    """A recipe, understood, and where every part of it was written."""

    spec: ModelSpec
    origins: Mapping[str, str]  # config path -> "recipes/qa.yaml:14", "conf/base.yaml:5" or "override seed=1"
    files: tuple[Path, ...]  # every YAML file read
    looked: tuple[Path, ...]  # every file and folder whose presence was asked for, there or not
    choices: Mapping[str, Any]  # group -> option, or list of options
    overrides: tuple[str, ...]
    config: Mapping[
        str, Any
    ]  # the composed recipe as plain data, as written (with units, with relative paths)


@dataclass
class _Reading:
    """What the config sources read while Hydra composes."""

    files: dict[str, Marked] = field(default_factory=dict)  # Hydra's name of the config -> file
    looked: dict[Path, None] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # names of the configs that are the user's


_READING: ContextVar[_Reading] = ContextVar("p2m_reading")


class MarkedSource(ConfigSource):
    """Hydra's view of a folder of YAML files that `p2m.marked_yaml` reads; as "main", of a recipe and its folder."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider=provider, path=path)
        place = Path(self.path)
        self.recipe = place if provider == "main" else None
        self.folder = place.parent if self.recipe else place

    @staticmethod
    def scheme() -> str:
        return "marked"

    def available(self) -> bool:
        return True

    def is_config(self, config_path: str) -> bool:
        file = self._file(config_path)
        return file is not None and file.is_file()

    def is_group(self, config_path: str) -> bool:
        folder = self.folder / config_path
        _reading().looked[folder] = None
        return folder.is_dir() and any(folder.glob("*.yaml"))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if results_filter == ObjectType.GROUP or not self.is_group(config_path):
            return []
        return sorted(file.stem for file in (self.folder / config_path).glob("*.yaml"))

    def load_config(self, config_path: str) -> ConfigResult:
        file = self._file(config_path)
        assert file is not None
        reading = _reading()
        if config_path not in reading.files:
            reading.files[config_path] = read_recipe(file) if file == self.recipe else _read_group(file)
            if self.recipe:
                reading.own.add(config_path)
                _refuse(list(forbidden(reading.files[config_path])))
        marked = reading.files[config_path]
        value = encode_text(marked.value)
        if file == self.recipe:
            value["defaults"] = _with_self(value.get("defaults"))
        header = ConfigSource._get_header_dict(marked.text[:512])
        return ConfigResult(self.provider, self.full_path(), OmegaConf.create(value), header)

    def _file(self, config_path: str) -> Path | None:
        if config_path == PRIMARY:
            return self.recipe
        file = self.folder / f"{config_path.removesuffix('.yaml')}.yaml"
        _reading().looked[file] = None
        return None if file == self.recipe else file


def compose(recipe: Path, overrides: Sequence[str] = (), *, trust: Sequence[str] = ()) -> Composed:
    """The validated recipe. Nothing is written, and of components only their modules are imported.

    Raises:
        RecipeError: with every problem that was found, each with its place.
    """
    recipe = find_recipe(recipe)
    groups = Groups((recipe.parent, conf_folder()))
    with _composing() as reading:
        marked = read_recipe(recipe)
        parsed, problems = _parse_overrides(overrides)
        problems += check_defaults(marked, groups)
        for override in parsed:
            problems += _check_choice(override, groups)
        _refuse(problems)
        loader = _loader(recipe)
        words = [_forced(override, groups) for override in parsed]
        with _translated(marked):
            defaults = loader.compute_defaults_list(PRIMARY, words, RunMode.RUN)
            origins = _origins(reading, defaults.defaults, defaults.config_overrides, groups)
            config = loader.load_configuration(PRIMARY, words, RunMode.RUN, from_shell=False)
        choices = {
            key: value for key, value in config.hydra.runtime.choices.items() if not key.startswith("hydra/")
        }
        plain = _plain(config, origins)
    spec, written = _validated(plain, origins, recipe, tuple(trust))
    return Composed(
        spec=spec,
        origins=origins,
        files=tuple(marked.path for marked in reading.files.values()),
        looked=tuple(reading.looked),
        choices=choices,
        overrides=tuple(overrides),
        config=written,
    )


def _validated(
    plain: dict[str, Any], origins: dict[str, str], recipe: Path, trust: tuple[str, ...]
) -> tuple[ModelSpec, dict[str, Any]]:
    """The spec, and the words that it was made from."""

    def place(path: str) -> str:
        """Where a config path was written, or something in it, or the nearest section around it."""
        while path and path not in origins:
            inner = [place for key, place in origins.items() if key.startswith((f"{path}.", f"{path}["))]
            if inner:
                return inner[0]
            path = re.sub(r"(\.|^)[^.\[]+$|\[\d+\]$", "", path)
        return origins.get(path) or show(recipe)

    if plain.get("name") is None:
        origins["name"] = show(recipe)
        plain["name"] = recipe.name.removesuffix(".yaml").removesuffix(".yml")
    resolved, problems = resolve_paths(plain, recipe.parent, place)
    spec = None
    try:
        spec = ModelSpec.model_validate(resolved, context={"trust": trust})
    except ValidationError as error:
        problems += problems_of(error, plain, place, trust=trust)
    if spec is not None:
        problems += misplaced_booleans(plain, spec, place)
    _refuse(problems)
    assert spec is not None
    return spec, plain


# --------------------------------------------------------------------------- overrides


def _parse_overrides(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    parser = OverridesParser.create()
    parsed: list[Override] = []
    problems: list[Problem] = []
    for text in overrides:
        try:
            parsed += parser.parse_overrides([text])
        except (HydraException, OmegaConfBaseException) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "cannot be parsed"
            hint = "write key=value; put values with blanks or special characters in quotes: key='\"a, b\"'"
            problems.append(Problem(f"not an override: {reason}", where=f"override {text}", hint=hint))
    return parsed, problems


def _check_choice(override: Override, groups: Groups) -> Iterator[Problem]:
    """Problems with an override that chooses a group's option."""
    group, value = override.key_or_group, override.value()
    options = groups.options(group) if "." not in group else []

    def report(message: str, hint: str) -> Problem:
        return Problem(message, where=f"override {override.input_line}", hint=hint)

    if override.is_sweep_override():
        yield report("several values need a sweep", "add -m to the command line, or write a list: key=[a,b]")
    elif options and not override.is_delete() and not isinstance(value, dict):
        yield from check_options(value, options, group, report)


def _forced(override: Override, groups: Groups) -> str:
    """The override as Hydra is given it: unknown keys are added, for pydantic to refuse them."""
    text = str(override.input_line)
    if override.is_delete() or override.is_add() or override.is_force_add() or override.is_hydra_override():
        return text
    if "." not in override.key_or_group and groups.options(override.key_or_group):
        return text if not isinstance(override.value(), dict) else f"++{text}"
    return f"++{text}"


# --------------------------------------------------------------------------- Hydra


@contextmanager
def _composing() -> Iterator[_Reading]:
    reading = _Reading()
    token = _READING.set(reading)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Hydra's advice to its own developers
            yield reading
    finally:
        _READING.reset(token)


def _reading() -> _Reading:
    """The current reading; a throwaway one in a launcher's worker, where nobody asks what was read."""
    return _READING.get(_Reading())


def _search_path(recipe: Path) -> ConfigSearchPathImpl:
    version.setbase("1.3")
    setup_globals()
    Plugins.instance().register(MarkedSource)
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"marked://{recipe}")
    path.append("p2m", f"marked://{conf_folder()}")
    path.append("schema", "structured://")
    return path


def _loader(recipe: Path) -> ConfigLoaderImpl:
    return ConfigLoaderImpl(config_search_path=_search_path(recipe))


@contextmanager
def _translated(marked: Marked) -> Iterator[None]:
    """Hydra's and OmegaConf's errors as a RecipeError; the checks before leave them the rare cases."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        cause = error if str(error).strip() else error.__cause__ or error
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        lines = [line.replace(f"'{PRIMARY}'", "the recipe") for line in lines if "://" not in line]
        message = lines[0] if lines else type(cause).__name__
        place = show(marked.path, marked.lines.get("defaults"))
        raise RecipeError([Problem(message, where=place, hint=" ".join(lines[1:4]))]) from error


def _read_group(file: Path) -> Marked:
    marked = read_marked(file)
    if marked.value is None:
        return Marked(marked.path, marked.text, {})
    if not isinstance(marked.value, dict):
        raise RecipeError(
            [Problem("is not a mapping", where=show(file, 1), hint="write lines of `key: value`")]
        )
    return marked


def _with_self(defaults: Any) -> list[Any]:
    """A recipe's defaults: `base` where it names none, and always itself, after what it builds on."""
    entries = list(defaults) if defaults else ["base"]
    return entries if "_self_" in entries else [*entries, "_self_"]


# --------------------------------------------------------------------------- where things were written


def _origins(
    reading: _Reading, defaults: Any, overrides: Sequence[Override], groups: Groups
) -> dict[str, str]:
    """Config path -> place, by merging the files' lines in the order in which Hydra merges their values."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for item in defaults:
        marked = reading.files.get(str(item.config_path), NOTHING)
        header = ConfigSource._get_header_dict(marked.text[:512])
        package = item.package if item.package is not None else header["package"]
        if item.config_path in reading.own and (package or "").startswith("hydra"):
            problems.append(Problem("may not change Hydra's own settings", where=show(marked.path, 1)))
        package = "" if package in (None, "_global_") else str(package)
        _merge(found, marked.value, package, lambda at, m=marked: _place(m, at, groups))
    _refuse(problems)
    for override in overrides:
        place = f"override {str(override.input_line).removeprefix('++')}"
        _merge(found, override.value(), override.key_or_group, lambda _at, place=place: place)
    return found


def _merge(found: dict[str, str], value: Any, package: str, place: Callable[[str], str]) -> None:
    """Note where each part of `value`, merged in at `package`, was written."""

    def walk(value: Any, at: str) -> None:
        path = f"{package}.{at}" if package and at else package or at
        if not isinstance(value, Mapping):
            for old in [key for key in found if key.startswith((f"{path}.", f"{path}["))]:
                del found[old]
        if path and path.partition(".")[0] not in ("defaults", "hydra") and not path.startswith("defaults["):
            found[path] = place(at)
        if isinstance(value, Mapping):
            for key, item in value.items():
                walk(item, join(at, str(key)))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, join(at, index))

    walk(value, "")
    parents = package.split(".")[:-1]
    for depth in range(1, len(parents) + 1):
        found.setdefault(".".join(parents[:depth]), place(""))


def _place(marked: Marked, at: str, groups: Groups) -> str:
    library = groups.folders[-1]
    line = marked.lines.get(at, 1)
    if marked.path.is_relative_to(library):
        return f"conf/{marked.path.relative_to(library).as_posix()}:{line}"
    return show(marked.path, line)


def _choices(defaults: Any) -> dict[str, Any]:
    """Group to the option chosen in it, in the order of the config; a list where there are several."""
    found: dict[str, Any] = {}
    for item in defaults:
        group, _, option = str(item.config_path).rpartition("/")
        if group and not group.startswith("hydra"):
            before = found.get(group)
            found[group] = (
                option if before is None else [*(before if isinstance(before, list) else [before]), option]
            )
    return found


def _plain(config: DictConfig, origins: Mapping[str, str]) -> dict[str, Any]:
    """The composed config as plain data, resolved; what cannot stand in a keyed config is refused."""
    with_hydra = OmegaConf.to_container(config, resolve=False)
    assert isinstance(with_hydra, dict)
    raw = {str(key): value for key, value in with_hydra.items() if key != "hydra"}
    _refuse(list(volatile(raw, origins)))
    try:
        resolved = OmegaConf.to_container(OmegaConf.create(raw), resolve=True)
    except OmegaConfBaseException as error:
        path = str(error.full_key or "")
        message = str(error.msg or error).splitlines()[0]
        raise RecipeError([Problem(message, path, origins.get(path, ""))]) from error
    assert isinstance(resolved, dict)
    return decode_text(resolved)


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise RecipeError(problems)
