"""Recipe, config groups and overrides to one validated `ModelSpec`. All of Hydra that p2m uses lives here.

Hydra chooses the files and merges them; pydantic (`p2m.spec`) says what they mean. What we add is a config
source that reads YAML strictly and knows lines (`p2m.marked_yaml`), so that every setting can say where it
stands, and that the recipe is the primary config whatever its name and place. Group files beside the recipe
win over the library's. Unknown keys are let through to pydantic on purpose: it knows the right names.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
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
from p2m.marked_yaml import Marked, show
from p2m.origins import Origins
from p2m.recipe_file import (
    HYDRA_MAY,
    Groups,
    check_defaults,
    check_options,
    find_recipe,
    forbidden,
    read_group,
    read_recipe,
)
from p2m.recipe_values import decode_text, encode_text, resolve_paths, volatile
from p2m.resources import conf_folder
from p2m.spec import ModelSpec, misplaced_booleans, problems_of

PRIMARY = "_recipe_"  # what Hydra calls the recipe, so that its file name may be anything
T = TypeVar("T")


@dataclass(frozen=True)
class Composed:
    """A recipe, understood, and where every part of it was written."""

    spec: ModelSpec
    origins: Mapping[str, str]  # config path -> "recipes/qa.yaml:14", "conf/base.yaml:5" or "override seed=1"
    files: tuple[Path, ...]  # every YAML file read
    looked: tuple[Path, ...]  # every file and folder whose presence was asked for, there or not
    choices: Mapping[str, Any]  # group -> option, or list of options
    overrides: tuple[str, ...]
    config: Mapping[str, Any]  # the recipe as plain data, as written: with units, with relative paths


@dataclass(frozen=True)
class Job(Generic[T]):
    """One variant of a sweep: what it changed, the folder that is its own, and what became of it."""

    overrides: tuple[str, ...]
    folder: Path
    value: T | None = None
    error: Exception | None = None

    def __float__(self) -> float:
        """The value as a number, for sweepers that optimise one."""
        if self.error is not None:
            raise self.error
        return float(self.value)  # type: ignore[arg-type]


def compose(recipe: Path, overrides: Sequence[str] = (), *, trust: Sequence[str] = ()) -> Composed:
    """The validated recipe. Nothing is written, and of components only their modules are imported.

    Raises:
        RecipeError: with every problem that was found, each with its place.
    """
    recipe = find_recipe(recipe)
    groups = Groups((recipe.parent, conf_folder()))
    with _composing() as reading:
        marked = read_recipe(recipe)
        parsed = _checked(marked, overrides, groups, sweep=False)
        words = [_forced(override, groups) for override in parsed]
        with _translated(marked, reading, parsed):
            loader = ConfigLoaderImpl(config_search_path=_search_path(recipe))
            defaults = loader.compute_defaults_list(PRIMARY, words, RunMode.RUN)
            _refuse(list(_meddling(reading, defaults.defaults)))
            config = loader.load_configuration(PRIMARY, words, RunMode.RUN, from_shell=False)
        origins = _origins(reading, defaults.defaults, parsed, groups, recipe)
    plain = _plain(config, origins)
    spec = _validated(plain, origins, tuple(trust))
    return Composed(
        spec=spec,
        origins=origins.places,
        files=tuple(marked.path for marked in reading.files.values()),
        looked=tuple(reading.looked),
        choices=_choices(defaults.defaults),
        overrides=tuple(overrides),
        config=plain,
    )


def multirun(
    recipe: Path,
    overrides: Sequence[str],
    job: Callable[[Sequence[str]], T],
    *,
    folder: Path | None = None,
    trust: Sequence[str] = (),
) -> list[Job[T]]:
    """Run `job` over the variants that the overrides span, by Hydra's own sweeper and launcher.

    `job` gets a variant's overrides, ready for `compose`; a launcher may call it in another process. A job
    that raises is kept as such and loses no other. `folder` (default: outputs/<name>/sweeps/<time>) gets a
    folder for each variant, named by its number.

    Raises:
        RecipeError: the recipe, or a variant's choice, is wrong; then no job has run.
    """
    recipe = find_recipe(recipe)
    groups = Groups((recipe.parent, conf_folder()))
    with _composing() as reading:
        marked = read_recipe(recipe)
        parsed = _checked(marked, overrides, groups, sweep=True)
        fixed = [
            str(one.input_line) for one in parsed if not (one.is_sweep_override() or one.is_hydra_override())
        ]
        name = compose(recipe, fixed, trust=trust).spec.name
        target = folder or Path("outputs") / name / "sweeps" / time.strftime("%Y-%m-%d_%H-%M-%S")
        words = [*_sweep_settings(target), *(_forced(override, groups) for override in parsed)]
        done: list[Job[T]] = []
        try:
            with _translated(marked, reading, parsed):
                hydra = Hydra.create_main_hydra2(name, _search_path(recipe))
                returned = hydra.multirun(PRIMARY, _Task(job, done), words, with_log_configuration=False)
        finally:
            GlobalHydra.instance().clear()
    if not returned:  # a sweeper that keeps its jobs' results to itself
        return done
    return [one.return_value for batch in returned for one in batch]


# --------------------------------------------------------------------------- Hydra's view of our files


@dataclass
class _Reading:
    """What the config sources read while Hydra composes."""

    files: dict[str, Marked] = field(default_factory=dict)  # Hydra's name of the config -> file
    looked: dict[Path, None] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # names of the configs that are the user's


_READING: ContextVar[_Reading] = ContextVar("p2m_reading")


def _reading() -> _Reading:
    """The current reading; a throwaway one in a launcher's worker, where nobody asks what was read."""
    return _READING.get(_Reading())


class MarkedSource(ConfigSource):  # type: ignore[misc]
    """A folder of YAML files that `p2m.marked_yaml` reads; as "main", a recipe and the folder it lies in."""

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
            marked = read_recipe(file) if file == self.recipe else read_group(file)
            if self.recipe:
                _refuse(list(forbidden(marked)))
                reading.own.add(config_path)
            reading.files[config_path] = marked
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


def _with_self(defaults: Any) -> list[Any]:
    """A recipe's defaults: `base` where it names none, and always itself, after what it builds on."""
    entries = list(defaults) if defaults else ["base"]
    return entries if "_self_" in entries else [*entries, "_self_"]


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


@contextmanager
def _translated(marked: Marked, reading: _Reading, overrides: Sequence[Override]) -> Iterator[None]:
    """Hydra's and OmegaConf's errors as a RecipeError; our own checks, before, leave them the rare cases."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError, TypeError) as error:
        cause = error if str(error).strip() else error.__cause__ or error
        lines = [line.strip() for line in str(cause).splitlines() if line.strip() and "://" not in line]
        message = (lines[0] if lines else type(cause).__name__).replace(f"'{PRIMARY}'", "the recipe")
        blamed = [one for one in overrides if one.key_or_group and f"'{one.key_or_group}'" in message]
        named = re.match(r"In '([^']+)'", message)
        file = reading.files.get(named[1], marked) if named else marked
        place = show(file.path, file.lines.get("defaults"))
        if blamed:
            place = f"override {blamed[0].input_line}"
        raise RecipeError([Problem(message, where=place, hint=" ".join(lines[1:4]))]) from error


# --------------------------------------------------------------------------- overrides


def _checked(marked: Marked, overrides: Sequence[str], groups: Groups, *, sweep: bool) -> list[Override]:
    """The overrides, parsed; RecipeError with all that is wrong with them and with the recipe's defaults."""
    parser = OverridesParser.create()
    parsed: list[Override] = []
    problems = check_defaults(marked, groups)
    for text in overrides:
        try:
            parsed += (found := parser.parse_overrides([text]))
            for override in found:
                problems += _check_choice(override, groups, sweep=sweep)
        except (HydraException, OmegaConfBaseException) as error:
            hint = "write key=value; put text with blanks or special characters in two pairs of quotes"
            problems.append(
                Problem(_first_line(error), where=f"override {text}", hint=f"{hint}: 'key=\"a, b\"'")
            )
    _refuse(problems)
    return parsed


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = next((line for line in lines if not line.startswith(("See ", "Error parsing"))), "")
    return f"not an override: {reason}" if reason else "not an override"


def _check_choice(override: Override, groups: Groups, *, sweep: bool) -> Iterator[Problem]:
    """Problems with an override that chooses a group's options."""
    group, many = override.key_or_group, override.is_sweep_override()
    options = groups.options(group) if "." not in group else []

    def report(message: str, hint: str) -> Problem:
        return Problem(message, where=f"override {override.input_line}", hint=hint)

    if many and not sweep:
        yield report("several values need a sweep", "add -m to the command line, or write a list: key=[a,b]")
    elif not options or override.is_delete():
        return
    elif many and override.is_discrete_sweep():
        for chosen in override.sweep_string_iterator():
            names = chosen.strip("[]").split(",") if chosen.startswith("[") else [chosen]
            yield from check_options([name.strip() for name in names], options, group, report)
    elif not many and not isinstance(override.value(), dict):
        yield from check_options(override.value(), options, group, report)


def _forced(override: Override, groups: Groups) -> str:
    """The override as Hydra is given it: unknown keys are added, for pydantic to refuse them."""
    text, key = str(override.input_line), override.key_or_group
    if text[:1] in "+~" or override.is_hydra_override():
        return text
    is_group = "." not in key and bool(groups.options(key))
    chooses = override.is_sweep_override() or not isinstance(override.value(), dict)
    return text if is_group and chooses else f"++{text}"


def _sweep_settings(target: Path) -> list[str]:
    """What Hydra would otherwise decide: where jobs land, and that p2m alone prints."""
    quoted = str(target.absolute()).replace("'", "\\'")
    return [
        "hydra.mode=MULTIRUN",
        f"hydra.sweep.dir='{quoted}'",
        "hydra.output_subdir=null",
        "hydra/hydra_logging=none",
        "hydra/job_logging=none",
    ]


@dataclass(frozen=True)
class _Task(Generic[T]):
    """A sweep's job as Hydra calls it; module-level, so that launchers can pickle it."""

    job: Callable[[Sequence[str]], T]
    done: list[Job[T]]

    def __call__(self, _config: DictConfig) -> Job[T]:
        hydra = HydraConfig.get()
        overrides = tuple(str(text).removeprefix("++") for text in hydra.overrides.task)
        folder = Path(hydra.runtime.output_dir)
        try:
            result = Job(overrides, folder, value=self.job(overrides))
        except Exception as error:
            result = Job(overrides, folder, error=error)
        self.done.append(result)
        return result


# --------------------------------------------------------------------------- what Hydra made of it


def _meddling(reading: _Reading, defaults: Any) -> Iterator[Problem]:
    """A Problem for each of the user's files that would reach Hydra's own settings by another way."""
    allowed = tuple(f"hydra{sep}{name}" for name in HYDRA_MAY for sep in "./")
    for item in defaults:
        name, package = str(item.config_path), str(item.package or "")
        reaches = [place for place in (name, package) if re.match(r"hydra\b", place)]
        if name in reading.own and any(not place.startswith(allowed) for place in reaches):
            yield Problem("may not change Hydra's own settings", where=show(reading.files[name].path, 1))


def _origins(
    reading: _Reading, defaults: Any, overrides: Sequence[Override], groups: Groups, recipe: Path
) -> Origins:
    """Where everything was written, merged in the order in which Hydra merges."""
    origins = Origins(recipe, groups.folders[-1])
    for item in defaults:
        marked = reading.files.get(str(item.config_path))
        if marked is not None:
            package = item.package or ConfigSource._get_header_dict(marked.text[:512])["package"] or ""
            origins.merge_file(marked, "" if package == "_global_" else str(package))
    for override in overrides:
        key, text = override.key_or_group, str(override.input_line)
        if override.is_delete():
            origins.remove(key)
        elif "." in key or not groups.options(key) or isinstance(override.value(), dict):
            origins.merge_override(key, override.value(), text.removeprefix("++"))
    return origins


def _choices(defaults: Any) -> dict[str, Any]:
    """Group to the option chosen in it; a list where there are several."""
    found: dict[str, list[str]] = {}
    for item in defaults:
        group, _, option = str(item.config_path).rpartition("/")
        if group and not group.startswith("hydra"):
            found.setdefault(group, []).append(option)
    return {group: options[0] if len(options) == 1 else options for group, options in found.items()}


def _plain(config: DictConfig, origins: Origins) -> dict[str, Any]:
    """The composed config as plain data, resolved; what cannot stand in a keyed config is refused."""
    whole: Any = OmegaConf.to_container(config, resolve=False)
    raw = {str(key): value for key, value in whole.items() if key != "hydra"}
    _refuse(list(volatile(raw, origins.place)))
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
    resolved, problems = resolve_paths(plain, origins.recipe.parent, origins.place)
    problems += misplaced_booleans(plain, origins.place, trust=trust)
    try:
        spec = ModelSpec.model_validate(resolved, context={"trust": trust})
    except ValidationError as error:
        raise RecipeError([*problems, *problems_of(error, plain, origins.place, trust=trust)]) from error
    _refuse(problems)
    return spec


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise RecipeError(problems)
