"""What may follow on a command line: verbs, options, recipes, bundles, and the choices of config groups.

A shell asks at every Tab, so nothing is imported here that does not start at once, and no recipe is read.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from p2m.cli import arguments, verbs
from p2m.resources import conf_folder

_DEEP = 4  # folders below outputs/ in which bundles are looked for
_MANIFEST = "manifest.json"
_OVERRIDE = re.compile(r"([+~]*)(?:override )?([\w/]+)=(.*)", re.DOTALL)
_RECIPES, _BUNDLES = ("recipe",), ("bundle", "bundles", "first", "second")
_FOLDERS, _FILES = ("outputs", "store"), ("text", "source", "old", "new")


def completions(words: Sequence[str]) -> list[str]:
    """What the last of the words after `p2m` may become, sorted; a folder ends in /, a group in =."""
    *before, current = words or [""]
    if not before:
        return _beginning([*verbs.names(), "--help", "--version"], current)
    if before[0] not in verbs.names():
        return []
    parser = arguments.parser_of(before[0])
    option = _waiting(parser, before)
    if option is not None:
        return sorted(set(_values(before[0], option, current)))
    if current.startswith("-"):
        return _beginning(_options(parser), current)
    return sorted(set(_at_its_place(before[0], parser, before[1:], current)))


def _beginning(names: Iterable[str], start: str) -> list[str]:
    return sorted(name for name in names if name.startswith(start))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if action.help != argparse.SUPPRESS:
            yield from action.option_strings


def _waiting(parser: argparse.ArgumentParser, before: Sequence[str]) -> argparse.Action | None:
    """The option that the last word gave and whose value comes next."""
    last = parser._option_string_actions.get(before[-1])
    return last if last is not None and last.nargs != 0 else None


def _at_its_place(
    verb: str, parser: argparse.ArgumentParser, before: Sequence[str], current: str
) -> Iterator[str]:
    """Words that name what stands at this place, whichever options stand before."""
    if found := _OVERRIDE.fullmatch(current):
        _, group, start = found.groups()
        last = start.rpartition(",")[2]  # of several, as a sweep has them
        yield from (f"{current.removesuffix(last)}{name}" for name in _choices(group, last))
        return
    given = _positional(parser, before)
    places = [action for action in parser._actions if not action.option_strings]
    for number, action in enumerate(places):
        takes_all = action.nargs in ("*", "+")
        if number == given or (number < given and takes_all):
            yield from _values(verb, action, current)
    if any(action.metavar == "OVERRIDE" for action in places) and given:
        yield from _beginning((f"{group}=" for group in _groups()), current)


def _positional(parser: argparse.ArgumentParser, before: Sequence[str]) -> int:
    """How many words stand there that are neither options nor their values."""
    count, skips = 0, False
    for word in before:
        action = parser._option_string_actions.get(word)
        if not skips and action is None and not word.startswith("-"):
            count += 1
        skips = action is not None and action.nargs != 0 and not skips
    return count


def _values(verb: str, action: argparse.Action, current: str) -> Iterator[str]:
    """What an option or a place may hold."""
    if action.choices is not None:
        yield from _beginning(map(str, action.choices), current)
    elif action.dest == "action":
        yield from _beginning(verbs.verb(verb)._ACTIONS, current)
    elif action.dest in _RECIPES or action.metavar == "RECIPE|RUN":
        yield from _paths(current, ".yaml", ".yml")
        yield from _recipes(current)
    elif action.dest in _BUNDLES:
        yield from (found := list(_bundles(current)))
        yield from {*_paths(current, folders_only=True)} - {f"{bundle}/" for bundle in found}
    elif action.dest == "teacher":
        yield from _choices("teacher", current)
    elif action.type is Path or action.dest in _FILES:
        yield from _paths(current, folders_only=action.dest in _FOLDERS)


def _groups() -> list[str]:
    return sorted(each.name for each in conf_folder().iterdir() if each.is_dir())


def _choices(group: str, start: str) -> list[str]:
    """The YAML files of a config group, by name."""
    folder = conf_folder() / group
    if not folder.resolve().is_relative_to(conf_folder().resolve()) or not folder.is_dir():
        return []
    return _beginning((each.stem for each in folder.glob("*.yaml")), start)


def _recipes(current: str) -> Iterator[str]:
    """Those in recipes/, without its name having to be typed."""
    if "/" not in current:
        yield from _beginning(
            (path.as_posix() for path in Path("recipes").glob("*.yaml")), f"recipes/{current}"
        )


def _bundles(current: str) -> Iterator[str]:
    """Bundles in outputs/, whichever of them begin so."""
    for folder, names, files in os.walk("outputs"):
        depth = folder.count(os.sep)
        names[:] = sorted(
            name for name in names if not name.startswith(".") and depth < _DEEP and name != "model"
        )
        place = Path(folder).as_posix()
        if _MANIFEST in files and (place.startswith(current) or Path(folder).name.startswith(current)):
            yield place


def _paths(current: str, *endings: str, folders_only: bool = False) -> Iterator[str]:
    """Folders, and files with one of the endings, that begin so; hidden ones where a dot is typed."""
    head, slash, start = current.rpartition("/")
    folder = Path(os.path.expanduser(f"{head}{slash}") or ".")
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        name = entry.name
        if not name.startswith(start) or (name.startswith(".") and not start):
            continue
        if entry.is_dir():
            yield f"{head}{slash}{name}/"
        elif not folders_only and (not endings or name.endswith(endings)):
            yield f"{head}{slash}{name}"
