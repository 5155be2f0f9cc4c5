"""Composed values between Hydra and pydantic.

The user's text is kept from interpolation, paths are made absolute, and what would make a key depend on when
or where a recipe is composed is refused.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from p2m.catalogs.files import CURATED, CURATED_WORD
from p2m.compose.recipe import near_files
from p2m.engine.handles import SHARDED
from p2m.errors import Problem
from p2m.marked_yaml import join, show

TEXT_KEYS = ("prompt", "examples")  # the user's words: `${` and `???` mean themselves there
UNKEYED = ("device", "executor", "store", "tracker")  # never enter a key, so they may depend on the machine
_OUTSIDE = (*UNKEYED, "hydra")  # what an interpolation must not reach from elsewhere
_BY_KEY = (
    "oc.select",
    "oc.dict.keys",
    "oc.dict.values",
)  # resolvers whose first argument is a key of the config
LAST, _HELD = "last", "no_worse_than"  # of `metrics`: the word that is no path
ROWS = ("inputs", "train", "validation", "test")  # of `data`: a file, a folder, a pattern, or several
_SINGLE = ("texts", "decisions")  # of `data`: a folder or a file, no pattern
_MARK = "\x00t"
_PARTS = re.compile(r"[^.\[\]]+")
_BLANKS = " \t'\""


def encode_text(value: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose text fields OmegaConf will take as they are; `decode_text` undoes it."""
    return {key: _map(item, _encode) if key in TEXT_KEYS else item for key, item in value.items()}


def decode_text(value: Mapping[str, Any]) -> dict[str, Any]:
    """The user's own words again."""
    return {key: _map(item, _decode) if key in TEXT_KEYS else item for key, item in value.items()}


def _encode(text: str) -> str:
    return _MARK + text.replace("\x00", "\x00z").replace("$", "\x00d")


def _decode(text: str) -> str:
    if not text.startswith(_MARK):
        return text
    return text.removeprefix(_MARK).replace("\x00d", "$").replace("\x00z", "\x00")


def _map(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map(item, change) for item in value]
    if isinstance(value, Mapping):
        return {key: _map(item, change) for key, item in value.items()}
    return value


def volatile(config: Mapping[str, Any], place: Callable[[str], str]) -> Iterator[Problem]:
    """A Problem for each text, in a part that enters keys, whose interpolations look outside the recipe.

    Resolvers that read something are refused, and so is every way to the parts that enter no key, however it
    is written: `${store.path}`, `${..store.path}`, `${[store].path}`, `${oc.select:store.path}`.
    """
    for at, text in _strings({key: item for key, item in config.items() if key not in UNKEYED}, ""):
        if "${" not in text or text.startswith(_MARK):
            continue
        found = [_refusal(name, is_call, at) for name, is_call in _interpolations(text)]
        for message, hint in [refusal for refusal in found if refusal][:1]:
            yield Problem(message, at, place(at), hint)


def _refusal(name: str, is_call: bool, at: str) -> tuple[str, str] | None:
    """Why an interpolation at the path `at` is refused, and what to write instead."""
    resolver, _, argument = name.partition(":") if is_call else ("", "", name)
    if is_call and resolver not in _BY_KEY:
        message = f"${{{resolver}:...}} is refused: the same recipe must mean the same everywhere"
        return message, "write the value itself, or give it as an override on the command line"
    if "$" in argument or "\\" in argument:
        return f"${{{name}}} names a key that is only known later", "write the key, or the value itself"
    if _root(argument, at) in ("", *_OUTSIDE):
        return f"refers to {argument}, which may differ from machine to machine", "write the value itself"
    return None


def _root(key: str, at: str) -> str:
    """The top-level part that a key means where it stands at the path `at`; "" for the whole config."""
    levels = len(key) - len(key.lstrip("."))
    parts = _PARTS.findall(key)
    if levels:
        parent = _PARTS.findall(at)[:-1]
        parts = [*parent[: max(0, len(parent) - (levels - 1))], *parts]
    return str(parts[0]) if parts else ""


def _strings(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, join(at, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, join(at, index))


def _interpolations(text: str) -> Iterator[tuple[str, bool]]:
    """`name` of each `${name}` (False), `resolver:first argument` of each call (True), nested ones too."""
    from omegaconf.errors import GrammarParseError
    from omegaconf.grammar.gen.OmegaConfGrammarParser import OmegaConfGrammarParser
    from omegaconf.grammar_parser import parse

    try:
        pending: list[Any] = [parse(text)]
    except GrammarParseError:
        return  # OmegaConf will refuse it, with the reason
    while pending:
        node = pending.pop()
        if isinstance(node, OmegaConfGrammarParser.InterpolationResolverContext):
            yield _call(node), True
        elif isinstance(node, OmegaConfGrammarParser.InterpolationNodeContext):
            yield node.getText().removeprefix("${").removesuffix("}").strip(), False
        pending.extend(getattr(node, "children", None) or ())


def _call(node: Any) -> str:
    """`resolver:first argument` of a call, quotes and blanks off."""
    name, given = node.resolverName().getText(), node.sequence()
    first = given.getText().split(",", 1)[0] if given is not None else ""
    return f"{name}:{first.strip(_BLANKS)}"


def resolve_paths(
    config: dict[str, Any], recipe: Path, place: Callable[[str], str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The config with the user's paths made absolute, and a Problem for each one that leads nowhere."""
    problems: list[Problem] = []
    folder, beside = recipe.parent, decisions_beside(recipe)

    def absolute(value: Any, at: str) -> Any:
        if not isinstance(value, str):
            return value  # pydantic says what is wrong with it
        if not value.strip():
            problems.append(Problem("is empty", at, place(at), "name a file, or write null"))
            return value
        if at.startswith(tuple(f"data.{role}" for role in ROWS)) and _is_pattern(value, folder):
            found = _fitting(value, folder)
            if not found:
                problems.append(_nothing_fits(value, at, place(at), folder))
            return found
        path = Path(folder, Path(value).expanduser())
        problem = _missing(path, value, at, place)
        if problem:
            problems.append(problem)
        return str(path)

    def several(value: Any, at: str) -> Any:
        if not isinstance(value, list):
            return absolute(value, at)
        if not value:
            problems.append(Problem("is empty", at, place(at), "name a file, or write null"))
        found = [absolute(each, join(at, number)) for number, each in enumerate(value)]
        flat = [path for each in found for path in (each if isinstance(each, list) else [each])]
        return list(dict.fromkeys(flat)) if all(isinstance(path, str) for path in flat) else flat

    data = config.get("data")
    if isinstance(data, Mapping):
        config = config | {
            "data": {
                key: value
                if key == "group"
                else (absolute if key in _SINGLE else several)(value, f"data.{key}")
                for key, value in data.items()
            }
        }
        if config["data"].get("decisions") is None and beside.is_file():
            config["data"]["decisions"] = str(beside)
    config = config | dict(_places(config, absolute))
    retriever = config.get("retriever")
    if isinstance(retriever, Mapping) and isinstance(retriever.get("sources"), list):
        sources = [
            str(CURATED) if value == CURATED_WORD else absolute(value, f"retriever.sources[{i}]")
            for i, value in enumerate(retriever["sources"])
        ]
        config = config | {"retriever": {**retriever, "sources": sources}}
    config = config | dict(_trusted(config, absolute))
    return config | dict(_of_components(config, folder)), problems


def _places(config: Mapping[str, Any], absolute: Callable[[Any, str], Any]) -> Iterator[tuple[str, Any]]:
    """Sections with a setting that is a word of ours, or the place of a file."""
    settings: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("metrics", _HELD, LAST.__eq__), ("distil", "from", _is_word),
        ("device", "accelerate", ("", *SHARDED).__contains__),
    )  # fmt: skip
    for section, key, is_word in settings:
        written = config.get(section)
        value = written.get(key) if isinstance(written, Mapping) else None
        if isinstance(written, Mapping) and isinstance(value, str) and not is_word(value):
            yield section, {**written, key: absolute(value, f"{section}.{key}")}


def _trusted(config: Mapping[str, Any], absolute: Callable[[Any, str], Any]) -> Iterator[tuple[str, Any]]:
    """The store's section, where it names files of public keys beside keys themselves."""
    store = config.get("store")
    shared = store.get("shared") if isinstance(store, Mapping) else None
    words = shared.get("trust") if isinstance(shared, Mapping) else None
    if isinstance(store, Mapping) and isinstance(shared, Mapping) and isinstance(words, list):
        named = [
            word
            if str(word).startswith(("ssh-", "ecdsa-", "sk-"))
            else absolute(word, f"store.shared.trust[{number}]")
            for number, word in enumerate(words)
        ]
        yield "store", {**store, "shared": {**shared, "trust": named}}


def decisions_beside(recipe: Path) -> Path:
    """Where people's decisions lie if a recipe names no other place."""
    return recipe.with_suffix(".decisions.jsonl")


def feedback_beside(recipe: Path) -> Path:
    """Where the log of a recipe's service is looked for, if none is named."""
    return recipe.with_suffix(".feedback.jsonl")


def asked_beside(recipe: Path) -> Path:
    """Where rows of the service lie that somebody must answer."""
    return recipe.with_suffix(".feedback-inputs.jsonl")


def _of_components(config: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Any]]:
    """Sections whose components name places, with these made absolute."""
    teacher, metric = config.get("teacher"), config.get("metric")
    if isinstance(teacher, Mapping):
        yield "teacher", _teachers(teacher, folder)
    if isinstance(metric, Mapping):
        yield "metric", {name: _placed(each, "tests", folder) for name, each in metric.items()}
    if "tracker" in config:
        yield "tracker", _placed(config["tracker"], "folder", folder)


def _teachers(value: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Teachers with the places of their models made absolute; whether one is there, the teacher itself says,
    for what is in the ledger needs none."""
    found = {
        key: _teachers(item, folder) if isinstance(item, Mapping) else item for key, item in value.items()
    }
    place = found.get("path")
    if isinstance(place, str) and place.strip() and "target" in found:
        found["path"] = str(Path(folder, Path(place).expanduser()))
    return found


def _placed(component: Any, key: str, folder: Path) -> Any:
    """A component with the place under `key` made absolute, where it has one."""
    place = component.get(key) if isinstance(component, Mapping) else None
    if not isinstance(place, str) or not place.strip():
        return component
    return {**component, key: str(Path(folder, Path(place).expanduser()))}


def _is_word(value: str) -> bool:
    """Whether it names a student rather than a place."""
    return re.fullmatch(r"\w+", value) is not None


def listed_folders(config: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """The folders whose entries decide what the patterns of a config fit, which stands in `folder`."""
    data = config.get("data")
    if not isinstance(data, Mapping):
        return
    for role in ROWS:
        written = data.get(role)
        for value in written if isinstance(written, list) else [written]:
            if isinstance(value, str) and _is_pattern(value, folder):
                fixed = takewhile(lambda part: not glob.has_magic(part), Path(value).expanduser().parts)
                base = folder.joinpath(*fixed)
                yield base
                yield from (inner for inner in base.rglob("*") if inner.is_dir())


def _is_pattern(value: str, folder: Path) -> bool:
    """Whether it is one, and not the name of a file with such signs."""
    return glob.has_magic(value) and not Path(folder, Path(value).expanduser()).exists()


def _fitting(pattern: str, folder: Path) -> list[str]:
    """The files that fit, by name."""
    found = glob.glob(str(Path(pattern).expanduser()), root_dir=folder, recursive=True)
    return sorted(str(path) for name in found if (path := folder / name).is_file())


def _nothing_fits(pattern: str, at: str, where: str, folder: Path) -> Problem:
    parent = (folder / Path(pattern).expanduser()).parent
    hint = ""
    if not glob.has_magic(str(parent.relative_to(folder) if parent.is_relative_to(folder) else parent)):
        names = sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []
        there = f"there are {', '.join(names[:5])}" if names else "it is empty"
        hint = f"in {show(parent)} {there}" if parent.is_dir() else f"there is no folder {show(parent)}"
    return Problem(f"no file fits {pattern}", at, where, hint)


def _missing(path: Path, written: str, at: str, place: Callable[[str], str]) -> Problem | None:
    try:
        if path.exists():
            if at == "data.texts" and not path.is_dir():
                return Problem(f"{written} is a file", at, place(at), "name a folder of .txt or .md files")
            return None
    except (OSError, ValueError) as error:
        return Problem(f"{written!r} is not a path: {error}", at, place(at))
    here = Path.cwd() / written
    hint = near_files(path)
    if here.exists() and here != path:
        folder = path.parents[len(Path(written).parts) - 1]
        hint = f"paths are relative to the recipe: write {os.path.relpath(here, folder)}"
    return Problem(f"there is no {show(path)}", at, place(at), hint)
