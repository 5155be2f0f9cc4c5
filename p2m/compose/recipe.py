"""The recipe as a file, before Hydra sees it: is it there, what shape has it, does it say what it may not.

Every refusal names the file, the line and the nearest right name. Of Hydra's own settings a recipe may choose
a launcher and a sweeper; anything else could make a stranger's recipe run code or change the environment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.compose.launchers import lacking as lacking_launcher
from p2m.compose.optuna_sweeper import lacking as lacking_sweeper
from p2m.errors import Problem, RecipeError, nearest
from p2m.marked_yaml import Marked, join, read_marked, show
from p2m.spec.problems import SECTIONS

_DEVICES = ("auto", "cpu", "cuda")  # options of `device`, which was called `runtime`
HYDRA_MAY = ("launcher", "sweeper")  # what a recipe may say under `hydra:` or choose as `override hydra/...`
LACKING = {"hydra/launcher": lacking_launcher, "hydra/sweeper": lacking_sweeper}


@dataclass(frozen=True, slots=True)
class Groups:
    """The config groups in reach, the first folder winning: the recipe's own, then the library's."""

    folders: tuple[Path, ...]

    def names(self) -> list[str]:
        """Of the library's groups, the ones that a recipe chooses in."""
        library = self.folders[-1]
        return sorted(
            entry.name for entry in library.iterdir() if entry.is_dir() and any(entry.glob("*.yaml"))
        )

    def options(self, group: str) -> list[str]:
        """The choices of a group, over all folders."""
        found = {file.stem for folder in self.folders for file in (folder / group).glob("*.yaml")}
        return sorted(found)

    def exists(self, config: str) -> bool:
        """Whether `base` or `training/fast` is a file in one of the folders."""
        return any((folder / f"{config.removesuffix('.yaml')}.yaml").is_file() for folder in self.folders)


def find_recipe(path: Path) -> Path:
    """The recipe's absolute path.

    Raises:
        RecipeError: there is no such file; near names are given.
    """
    try:
        if path.is_file():
            return path.resolve()
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise RecipeError([Problem(f"cannot be read: {error}", where=repr(str(path)))]) from error
    if is_folder:
        found = sorted(entry.name for entry in path.glob("*.yaml"))
        hint = f"name one of its files: {', '.join(found)}" if found else "write a recipe with: p2m init"
        raise RecipeError([Problem("is a folder, not a recipe", where=show(path), hint=hint)])
    hint = near_files(path, (".yaml", ".yml")) or 'write one with: p2m init "what the model should do"'
    raise RecipeError([Problem("there is no such recipe", where=show(path), hint=hint)])


def near_files(path: Path, endings: tuple[str, ...] = ()) -> str:
    """`did you mean ...?` among the files beside a missing one, or of its name in a near folder; "" where
    its folder is empty."""
    if path.parent != Path() and not path.parent.is_dir():
        return _near_folders(path)
    try:
        beside = [entry for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return ""
    return nearest(
        path.name, [entry.name for entry in beside if not endings or entry.suffix in endings][:2000]
    )


def _near_folders(path: Path) -> str:
    """The file of that name in a folder near the one that is missing, or that the folder is."""
    missing = path.parent
    above = next(folder for folder in missing.parents if folder.is_dir())
    with suppress(OSError):
        near = sorted(entry for entry in above.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        for folder in (*near, above, above.parent):
            if (folder / path.name).is_file():
                return f"did you mean {show(folder / path.name)}?"
    return f"the folder {show(missing)} does not exist"


def read_recipe(path: Path) -> Marked:
    """The recipe, known to be a mapping that may be composed; `defaults` are checked by `check_defaults`.

    Raises:
        RecipeError: it is empty, or no mapping, or says what it may not.
    """
    marked = read_marked(path)
    if marked.value is None:
        hint = "a recipe is at least `prompt: ...`; write one with: p2m init"
        raise RecipeError([Problem("is empty", where=show(path, 1), hint=hint)])
    if not isinstance(marked.value, dict):
        hint = "a recipe is lines of `key: value`, at least `prompt: ...`"
        kind = "a list" if isinstance(marked.value, list) else "one value"
        raise RecipeError([Problem(f"is {kind}, not a mapping", where=show(path, 1), hint=hint)])
    problems = [*forbidden(marked), *_lists(marked)]
    if problems:
        raise RecipeError(problems)
    return marked


def read_group(path: Path, *, is_ours: bool = False) -> Marked:
    """A file of a config group, a mapping that may be empty.

    Raises:
        RecipeError: it is something else.
    """
    marked = read_marked(path, is_ours=is_ours)
    if marked.value is None:
        return Marked(marked.path, marked.text, {})
    if not isinstance(marked.value, dict):
        raise RecipeError([Problem("is not a mapping", where=show(path, 1), hint="write `key: value` lines")])
    return marked


def forbidden(marked: Marked) -> Iterator[Problem]:
    """What no file of a user may say, since Hydra would act on it."""
    for at in _keys_named(marked.value, "_target_", ""):
        yield _problem(marked, at, "`_target_` is refused: p2m builds components itself", "write `target:`")
    if not isinstance(marked.value, Mapping):
        return
    for key in _mapping(marked.value.get("hydra")):
        if key not in HYDRA_MAY:
            hint = f"only {' and '.join(HYDRA_MAY)} may stand there; the rest goes on the command line"
            yield _problem(marked, f"hydra.{key}", "may not be set in a recipe", hint)


def _lists(marked: Marked) -> Iterator[Problem]:
    """A list where a section belongs, which Hydra would not merge."""
    for key, value in marked.value.items():
        if isinstance(value, list) and key in SECTIONS:
            hint = "write its keys below it, indented and without dashes"
            if key == "data" and all(isinstance(item, str) for item in value):
                hint = f"write `data: {{train: {value[0] if len(value) == 1 else 'FILE'}}}`"
            yield _problem(marked, key, "expected a mapping, got a list", hint)


def check_defaults(marked: Marked, groups: Groups) -> list[Problem]:
    """Everything wrong with the `defaults:` list of the recipe, and what belongs there."""
    entries = marked.value.get("defaults")
    misplaced = [*_misplaced(marked, groups)]
    if entries is None or misplaced:
        return misplaced
    if not isinstance(entries, list):
        return [
            _problem(
                marked, "defaults", "expected a list", "e.g. `- base` and `- override teacher: embedded`"
            )
        ]
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        at = join("defaults", index)
        if isinstance(entry, str):
            if (
                entry != "_self_"
                and "$" not in entry
                and not groups.exists(entry.partition("@")[0].lstrip("/"))
            ):
                hint = nearest(entry, ["base", "_self_"])
                problems.append(_problem(marked, at, f"there is no config {entry!r}", hint))
        elif isinstance(entry, dict) and len(entry) == 1:
            problems += _check_choice(marked, at, *next(iter(entry.items())), entries, groups)
        else:
            hint = "e.g. `- override student: minilm`"
            problems.append(_problem(marked, at, f"expected `group: option`, got {entry!r}", hint))
    return problems


def _misplaced(marked: Marked, groups: Groups) -> Iterator[Problem]:
    """`student: minilm` beside `defaults:`, which chooses nothing there."""
    for key in sorted(set(marked.value).intersection(groups.names())):
        choice = marked.value[key]
        if isinstance(choice, str) and choice in groups.options(key):
            line = f"- override {key}: {choice}"
            written = f"`{line}`" if "defaults" in marked.value else f"`- base`, `{line}` and `- _self_`"
            hint = f"a {key} is chosen under `defaults:`; write {written} there"
            yield _problem(marked, key, f"expected a mapping, got {choice!r}", hint)


def _check_choice(
    marked: Marked, at: str, key: str, choice: Any, entries: list[Any], groups: Groups
) -> Iterator[Problem]:
    words = key.split()
    group = words[-1].partition("@")[0].lstrip("/") if words else ""
    if group.startswith("hydra/"):
        if group.removeprefix("hydra/") not in HYDRA_MAY:
            yield _problem(
                marked, at, f"{group} may not be chosen in a recipe", "choose it on the command line"
            )
        elif (missing := LACKING[group](str(choice))) is not None:
            yield _problem(marked, at, *missing)
        return
    options = groups.options(group)
    if not options:
        yield _problem(marked, at, f"there is no group {group!r}", nearest(group, groups.names()))
        return
    if "base" in entries and group in groups.names() and not {"override", "optional"} & set(words[:-1]):
        yield _problem(
            marked, at, f"`base` already chooses a {group}", f"write `- override {group}: {choice}`"
        )
    yield from check_options(
        choice, options, group, lambda message, hint: _problem(marked, at, message, hint)
    )


def check_options(choice: Any, options: list[str], group: str, report: Any) -> Iterator[Problem]:
    """A Problem, made by `report(message, hint)`, for each chosen option of a group that does not exist."""
    for option in choice if isinstance(choice, list) else [choice]:
        if option is None:
            none = f"choose none: {group}: none" if "none" in options else nearest("null", options)
            yield report(f"{group} needs a choice", none)
        elif not isinstance(option, str):
            yield report(f"{option!r} is no option of {group}", f"one of: {', '.join(options)}")
        elif option != "???" and "$" not in option and option.removesuffix(".yaml") not in options:
            hint = nearest(option, options)
            known = "" if hint.startswith("one of") else f" (one of: {', '.join(options)})"
            if group == "runtime" and option in _DEVICES:
                hint = f"what was `runtime` is `device` now; type: device={option}"
                known = f" (in a recipe: `- override device: {option}`)"
            yield report(f"there is no {group} {option!r}", hint + known)


def _keys_named(value: Any, name: str, at: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == name:
                yield join(at, key)
            yield from _keys_named(item, name, join(at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys_named(item, name, join(at, index))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _problem(marked: Marked, at: str, message: str, hint: str) -> Problem:
    return Problem(message, at, show(marked.path, marked.lines.get(at)), hint)
