"""Hydra's view of our files: a config source that reads YAML strictly and notes what was read and looked for.

The recipe is the primary config whatever its name and place; group files beside it win over the library's.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from p2m.compose.optuna_sweeper import register
from p2m.compose.recipe import HYDRA_MAY, forbidden, read_group, read_recipe
from p2m.compose.values import encode_text
from p2m.errors import Problem, RecipeError
from p2m.marked_yaml import Marked, show
from p2m.resources import conf_folder

_choices_of = defaults_list._create_interpolation_map
NO_DEFAULTS = OmegaConf.create([])
PRIMARY = "_recipe_"  # what Hydra calls the recipe, so that its file name may be anything


def _choices_that_are_asked_for(overrides: Any, entries: list[Any], self_added: bool) -> Any:
    """Of each group its choice, for an entry of defaults that interpolates one.

    Hydra makes this anew for every file, and asks for it hardly ever: a quarter of all time of a composition.
    """
    is_asked_for = any(not each.is_self() and each.is_interpolation() for each in entries)
    return _choices_of(overrides, entries, self_added) if is_asked_for else None


defaults_list._create_interpolation_map = _choices_that_are_asked_for  # type: ignore[assignment]


@dataclass
class Reading:
    """What the config sources read while Hydra composes."""

    files: dict[str, Marked] = field(default_factory=dict)  # Hydra's name of the config -> file
    looked: dict[Path, None] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # names of the configs that are the user's


READING: ContextVar[Reading] = ContextVar("p2m_reading")


def current_reading() -> Reading:
    """The current reading; a throwaway one in a launcher's worker, where nobody asks what was read."""
    return READING.get(Reading())


@dataclass
class MarkedResult(ConfigResult):  # type: ignore[misc]
    """A file of ours, of which Hydra is shown the defaults and the names of its keys, no more."""

    body: Mapping[str, Any] = field(default_factory=dict)


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
        current_reading().looked[folder] = None
        return folder.is_dir() and any(folder.glob("*.yaml"))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if results_filter == ObjectType.GROUP or not self.is_group(config_path):
            return []
        return sorted(file.stem for file in (self.folder / config_path).glob("*.yaml"))

    def load_config(self, config_path: str) -> ConfigResult:
        file = self._file(config_path)
        assert file is not None
        reading = current_reading()
        if config_path not in reading.files:
            is_ours = self.recipe is None
            marked = read_recipe(file) if file == self.recipe else read_group(file, is_ours=is_ours)
            if self.recipe:
                refuse(list(forbidden(marked)))
                reading.own.add(config_path)
            reading.files[config_path] = marked
        marked = reading.files[config_path]
        value = encode_text(marked.value)
        if file == self.recipe:
            value["defaults"] = _with_self(value.get("defaults"))
        header = {"package": package_header(marked) or None}
        if config_path.startswith("hydra/"):  # merged by Hydra with its own
            return ConfigResult(self.provider, self.full_path(), OmegaConf.create(value), header)
        names = {key: item if key == "defaults" else None for key, item in value.items()}
        shown = OmegaConf.create(names) if "defaults" in value else NO_DEFAULTS
        value.pop("defaults", None)
        return MarkedResult(self.provider, self.full_path(), shown, header, body=value)

    def _file(self, config_path: str) -> Path | None:
        if config_path == PRIMARY:
            return self.recipe
        file = self.folder / f"{config_path.removesuffix('.yaml')}.yaml"
        current_reading().looked[file] = None
        return None if file == self.recipe else file


class Loader(ConfigLoaderImpl):  # type: ignore[misc]
    """Hydra's loader, but that our files are merged as the plain data that they are.

    The rule is Hydra's: a mapping is merged into, anything else replaces what stood there. OmegaConf, which
    makes an object of every value of every file, takes ten times as long for it.
    """

    def __init__(self, recipe: Path, reading: Reading) -> None:
        super().__init__(config_search_path=search_path(recipe))
        self._reading = reading
        self.defaults: Sequence[Any] = ()  # the list of them, once nothing in it is refused

    def composed(self, words: Sequence[str]) -> tuple[DictConfig, Mapping[str, Any]]:
        """The config, and of each group its choice; with Hydra's own settings where they are spoken of."""
        with suppress(HydraException, OmegaConfBaseException):  # said below, where nothing is left out
            parsed, repo = self._parse_overrides_and_create_caching_repo(PRIMARY, list(words))
            found = defaults_list.create_defaults_list(
                repo, PRIMARY, parsed, prepend_hydra=False, skip_missing=False
            )
            config = self._compose_config_from_defaults_list(found.defaults, repo)
            texts = [self._reading.files[name].text for name in self._reading.own]
            if not any("hydra" in text for text in (*words, *texts)):
                OmegaConf.set_struct(config, True)
                self._apply_overrides_to_config(found.config_overrides, config)
                return config, found.overrides.known_choices
        config = self.load_configuration(PRIMARY, list(words), RunMode.RUN, from_shell=False)
        return config, config.hydra.runtime.choices

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        refuse(list(_meddling(self._reading, defaults)))
        self.defaults = defaults
        merged: dict[str, Any] = {}
        others = []
        for item in defaults:
            loaded = repo.load_config(item.config_path)
            if isinstance(loaded, MarkedResult):
                merge(_section(merged, str(item.package or "")), loaded.body)
            else:
                others.append(item)
        if not others:
            return OmegaConf.create(merged)
        config = super()._compose_config_from_defaults_list(others, repo)
        with flag_override(config, "no_deepcopy_set_nodes", True):
            config.merge_with(OmegaConf.create(merged))
        return config


def merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    """Merge plain data into a mapping as OmegaConf does; `source` is left as it is.

    A list over a mapping, which OmegaConf refuses, stands in its place, for pydantic to refuse.
    """
    for key, item in source.items():
        if isinstance(item, Mapping):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            merge(target[key], item)
        elif item != "???" or key not in target:
            target[key] = item


def _section(config: dict[str, Any], package: str) -> dict[str, Any]:
    """The mapping at a dotted path, made where there is none."""
    for name in package.split(".") if package else ():
        if not isinstance(config.get(name), dict):
            config[name] = {}
        config = config[name]
    return config


def _meddling(reading: Reading, defaults: Any) -> Iterator[Problem]:
    """A Problem for each of the user's files that would reach Hydra's own settings by another way."""
    allowed = tuple(f"hydra{sep}{name}" for name in HYDRA_MAY for sep in "./")
    for item in defaults:
        name, package = str(item.config_path), str(item.package or "")
        reaches = [place for place in (name, package) if re.match(r"hydra\b", place)]
        if name in reading.own and any(not place.startswith(allowed) for place in reaches):
            yield Problem("may not change Hydra's own settings", where=show(reading.files[name].path, 1))


def _with_self(defaults: Any) -> list[Any]:
    """A recipe's defaults: `base` where it names none, and always itself, after what it builds on."""
    entries = list(defaults) if defaults else ["base"]
    return entries if "_self_" in entries else [*entries, "_self_"]


def search_path(recipe: Path) -> ConfigSearchPathImpl:
    version.setbase("1.3")
    setup_globals()
    Plugins.instance().register(MarkedSource)
    register()
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"marked://{recipe}")
    path.append("p2m", f"marked://{conf_folder()}")
    path.append("schema", "structured://")
    return path


@contextmanager
def composing(recipe: Marked) -> Iterator[Reading]:
    reading = Reading({PRIMARY: recipe}, own={PRIMARY})
    token = READING.set(reading)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Hydra's advice to its own developers
            yield reading
    finally:
        READING.reset(token)


@contextmanager
def translated(marked: Marked, reading: Reading, overrides: Sequence[Override]) -> Iterator[None]:
    """Hydra's and OmegaConf's errors as a RecipeError; our own checks, before, leave them the rare cases."""
    try:
        yield
    except RecursionError:
        circle = [file for name, file in reading.files.items() if name in reading.own and name != PRIMARY]
        file = circle[-1] if circle else marked
        hint = (
            f"take the entry away that leads back to {file.path.name}, or give one of the files another name"
        )
        place = show(file.path, file.lines.get("defaults"))
        raise RecipeError(
            [Problem("defaults that lead back to themselves", where=place, hint=hint)]
        ) from None
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError, TypeError) as error:
        cause = error if str(error).strip() else error.__cause__ or error
        lines = [line.strip() for line in str(cause).splitlines()]
        lines = [line for line in lines if line and "://" not in line and line != "Config search path:"]
        message = (lines[0] if lines else type(cause).__name__).replace(f"'{PRIMARY}'", "the recipe")
        blamed = [one for one in overrides if one.key_or_group and f"'{one.key_or_group}'" in message]
        named = re.match(r"In '([^']+)'", message)
        file = reading.files.get(named[1], marked) if named else marked
        place, hint = show(file.path, file.lines.get("defaults")), " ".join(lines[1:4])
        unfit = [one for one in overrides if message == f"Error merging override ++{one.input_line}"]
        if unfit:
            key = unfit[0].key_or_group
            message = f"{key} is a section, and takes no such value"
            hint = f"p2m check --schema lists what it takes; of a section set a field: {key}.NAME=VALUE"
        if unfit or blamed:
            place = f"override {(unfit or blamed)[0].input_line}"
        raise RecipeError([Problem(message, where=place, hint=hint)]) from error


def package_header(marked: Marked) -> str:
    """What the `# @package` line of a file says; "" where it has none."""
    return ConfigSource._get_header_dict(marked.text[:512])["package"] or ""


def refuse(problems: Sequence[Problem]) -> None:
    """Raise what was found, if anything was."""
    if problems:
        raise RecipeError(problems)
