"""What the verbs share: the recipe's arguments, the project behind them, JSON, exit codes."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from p2m.cli import verbs
from p2m.cli.text import safe
from p2m.errors import UserError, command

CONTRACT_MISSED = 4
WORK_TO_DO = 10
INTERRUPTED = 130


def recipe_arguments(parser: argparse.ArgumentParser, *, optional: bool = False, step: bool = False) -> None:
    """RECIPE, then overrides and --trust; with `step` a step's name may stand before these (`take_step`)."""
    parser.add_argument("recipe", type=Path, nargs="?" if optional else None, help="a recipe's YAML file")
    if step:
        parser.add_argument("step", nargs="?", metavar="STEP", help="a step; p2m graph RECIPE lists them")
    words = "Hydra overrides such as training.epochs=2; any number"
    parser.add_argument("words", nargs="*", metavar="OVERRIDE", help=words)
    trust_argument(parser)


def retyped(
    verb: str, arguments: argparse.Namespace, *first: object, words: Sequence[str] | None = None
) -> str:
    """A verb ("review data") for the recipe that was named, with the overrides, or these words, and the
    packages that are trusted.
    """
    said = arguments.words if words is None else words
    trusted = [f"--trust={name}" for name in arguments.trust]
    return command(*verb.split(), arguments.recipe, *first, *said, *trusted)


def trust_argument(
    parser: argparse._ActionsContainer, what: str = "let components come from this package"
) -> None:
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help=what)


def json_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def unfold_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--unfold", action="store_true", help="show every step, those of groups too")


def ignore_argument(parser: argparse.ArgumentParser) -> None:
    passing = "let these differences pass, e.g. code"
    parser.add_argument("--ignore", action="append", default=[], metavar="GROUP", help=passing)


def is_agreed(question: str) -> bool:
    """Whether whoever sits at the terminal says yes; no where nobody does."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def take_step(arguments: argparse.Namespace) -> None:
    """The step is the first word that is no override, wherever it stands among these."""
    words = [*([arguments.step] if arguments.step else []), *arguments.words]
    arguments.step = next((word for word in words if "=" not in word and not word.startswith("~")), None)
    if arguments.step is not None:
        words.remove(arguments.step)
    arguments.words = words


def planned(arguments: argparse.Namespace) -> Any:
    """The project of a saved plan, which brings its own words."""
    from p2m.questions import load_plan

    if arguments.recipe or arguments.words or arguments.outputs or arguments.multirun:
        raise UserError(
            "--plan brings its recipe, overrides and outputs along: give nothing else\n"
            f"    next: {command('build', '--plan', arguments.plan)}"
        )
    return load_plan(arguments.plan, trust=arguments.trust)


def project(arguments: argparse.Namespace) -> Any:
    """The recipe as typed, read, checked and compiled."""
    from p2m.project import load

    if arguments.recipe is None:
        raise UserError("which recipe? see p2m --help")

    outputs = getattr(arguments, "outputs", None)
    return load(arguments.recipe, arguments.words, trust=arguments.trust, outputs=outputs)


def runnable(text: str) -> str:
    """`text` with every `p2m VERB` in it as this program was called, so that what is pasted runs: in a clone
    no shell finds `p2m`, and `.venv/bin/p2m` was typed, or was by make."""
    typed = Path(sys.argv[0])
    found = shutil.which("p2m")
    if typed.name != "p2m" or (found and os.path.realpath(found) == os.path.realpath(typed)):
        return text
    program = shlex.quote(os.path.relpath(typed) if typed.is_relative_to(Path.cwd()) else str(typed))
    return re.sub(rf"(?<![\w./-])p2m(?= (?:{'|'.join(verbs.names())})\b)", lambda _: program, text)


def from_here(text: str) -> str:
    """`text` with the files in it as seen from the working directory: `rows.csv:3`, not
    `/home/ada/shop/recipes/../rows.csv:3`, which is how a recipe's own words join its folder; but no address,
    such as `file:///home/ada/shop/rows.csv`."""
    while (shorter := re.sub(r"(?<=/)[^/\n]+/\.\./", "", text)) != text:
        text = shorter
    return re.sub(rf"(?<![\w./-]){re.escape(str(Path.cwd()))}/", "", text)


def answer(arguments: argparse.Namespace, value: Any, text: Callable[[], str]) -> int:
    """Print the value as JSON where that was asked for, else as text; the exit code of what went well."""
    print(as_json(value) if arguments.json else safe(text()))
    return 0


def as_json(value: Any) -> str:
    """Values as indented JSON: dataclasses by their fields, anything else that JSON lacks as text."""

    def plain(item: Any) -> Any:
        from p2m.engine.rows import Rows

        if isinstance(item, Rows):
            return list(item)
        is_value = dataclasses.is_dataclass(item) and not isinstance(item, type)
        return dataclasses.asdict(item) if is_value else str(item)

    text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
    return text.encode("utf-8", "backslashreplace").decode()  # names of files need not be text


def relative(path: Path) -> str:
    """The path from the working directory where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
