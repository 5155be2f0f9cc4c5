"""Composed values between Hydra and pydantic.

The user's text is kept from interpolation, paths are made absolute, and what would make a key depend on when
or where a recipe is composed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from p2m.compose.recipe import near_files
from p2m.errors import Problem
from p2m.marked_yaml import join, show

TEXT_KEYS = ("prompt", "examples")  # the user's words: `${` and `???` mean themselves there
UNKEYED = ("runtime", "executor", "store")  # never enter a key, so they may depend on the machine
STABLE = ("oc.select", "oc.decode", "oc.create", "oc.deprecated", "oc.dict.keys", "oc.dict.values")
FILES = ("train", "validation", "test", "texts")
_MARK = "\x00t"


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
    """A Problem for each interpolation, in a part that enters keys, that looks outside the recipe."""
    for at, text in _strings({key: item for key, item in config.items() if key not in UNKEYED}, ""):
        if "${" not in text or text.startswith(_MARK):
            continue
        for name, is_resolver in _interpolations(text):
            if is_resolver and name not in STABLE:
                message = f"${{{name}:...}} is refused: the same recipe must mean the same everywhere"
                hint = "write the value itself, or give it as an override on the command line"
                yield Problem(message, at, place(at), hint)
            elif not is_resolver and name.partition(".")[0] in UNKEYED:
                message = f"refers to {name}, which may differ from machine to machine"
                yield Problem(message, at, place(at), "write the value itself")


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
    """Names in `${name}` (False) and `${name:...}` (True), nested ones too."""
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
            yield str(node.resolverName().getText()), True  # type: ignore[no-untyped-call]
        elif isinstance(node, OmegaConfGrammarParser.InterpolationNodeContext):
            yield node.getText().removeprefix("${").removesuffix("}").strip(), False
        pending.extend(getattr(node, "children", None) or ())


def resolve_paths(
    config: dict[str, Any], folder: Path, place: Callable[[str], str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The config with the user's paths made absolute, and a Problem for each one that leads nowhere."""
    problems: list[Problem] = []

    def absolute(value: Any, at: str) -> Any:
        if not isinstance(value, str):
            return value  # pydantic says what is wrong with it
        if not value.strip():
            problems.append(Problem("is empty", at, place(at), "name a file, or write null"))
            return value
        path = Path(folder, Path(value).expanduser())
        problem = _missing(path, value, at, place)
        if problem:
            problems.append(problem)
        return str(path)

    data = config.get("data")
    if isinstance(data, Mapping):
        config = config | {
            "data": {k: absolute(v, f"data.{k}") if k in FILES else v for k, v in data.items()}
        }
    retriever = config.get("retriever")
    if isinstance(retriever, Mapping) and isinstance(retriever.get("sources"), list):
        sources = [absolute(v, f"retriever.sources[{i}]") for i, v in enumerate(retriever["sources"])]
        config = config | {"retriever": {**retriever, "sources": sources}}
    return config, problems


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
        hint = f"paths are relative to the recipe; from here it would be {here}"
    return Problem(f"there is no {show(path)}", at, place(at), hint)
