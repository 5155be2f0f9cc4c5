"""What `p2m init` asks on a terminal where nothing was said: the task, a table, a teacher, a name.

Nothing is written before the last answer, so whoever ends it leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path

from p2m.errors import command, nearest
from p2m.recipe_template import recipe_name
from p2m.resources import conf_folder

_CHAT = ("anthropic", "openai", "compatible")


def is_file_name(prompt: str) -> bool:
    """Whether a prompt is one word that ends as files do: mistyped, or in the place of `--from FILE`."""
    endings = "txt|text|md|csv|tsv|jsonl?|ya?ml|parquet|xlsx"
    return bool(re.fullmatch(rf"\S+\.({endings})(\.gz)?", prompt.strip(), re.IGNORECASE))


def ask(arguments: argparse.Namespace) -> None:
    """Fill in what was not typed; what was is not asked for.

    Raises:
        KeyboardInterrupt: by Ctrl-C or the end of what is typed.
    """
    print("Four questions; Enter takes what is in [brackets], Ctrl-C leaves nothing behind.\n")
    task = _asked("What should the model do? One sentence, or a file that holds the prompt", "", _task)
    if os.path.isfile(task):
        arguments.source = Path(task)
        words = arguments.source.read_text(encoding="utf-8", errors="replace")
    else:
        arguments.prompt = words = task
    if arguments.data is None:
        table = _asked("Your rows, a .csv, .jsonl, .xlsx or .parquet file", "none", _file)
        arguments.data = None if table == "none" else Path(table)
    if arguments.teacher is None:
        _teacher(arguments)
    if arguments.name is None and arguments.output is None:
        name = recipe_name(words)
        arguments.name = _asked("What is it called", name, _name)
    print(f"\nthe same without questions:\n    {_typed(arguments)}\n")


def _teacher(arguments: argparse.Namespace) -> None:
    """A chat model that reads the prompt too, and what it cannot be asked without."""
    known = f"{', '.join(_CHAT)}, ..., asked once now, by your key"
    name = _asked(f"A chat model that reads the task too ({known})", "none", _teacher_name)
    if name == "none":
        return
    arguments.teacher = name
    if name == "compatible":
        url = _asked("Its address, such as http://127.0.0.1:11434/v1", "", _needed)
        arguments.words += [f"teacher.base_url={url}", f"teacher.model={_asked('Its model', '', _needed)}"]


def _asked(question: str, otherwise: str, wrong: Callable[[str], str]) -> str:
    """The answer, which is asked for until nothing is wrong with it."""
    while True:
        try:
            answer = input(f"{question}{f' [{otherwise}]' if otherwise else ''}: ").strip() or otherwise
        except EOFError:
            raise KeyboardInterrupt from None
        said = "" if answer == otherwise and answer == "none" else wrong(answer)
        if not said:
            return answer
        print(f"    {said}")


def _needed(answer: str) -> str:
    return "" if answer else "it cannot be asked without"


def _task(answer: str) -> str:
    if is_file_name(answer) and not os.path.isfile(answer):
        return _file(answer)
    return "" if answer else 'such as: Say which team answers a message, "billing" or "delivery".'


def _file(answer: str) -> str:
    if Path(answer).is_file():
        return ""
    from p2m.compose.recipe import near_files

    hint = near_files(Path(answer))
    return f"{answer}: there is no such file" + (f"; {hint}" if hint else "")


def _teacher_name(answer: str) -> str:
    known = [each.stem for each in (conf_folder() / "teacher").glob("*.yaml")]
    return "" if answer in known else f"there is no teacher {answer!r}: {nearest(answer, known)}"


def _name(answer: str) -> str:
    if Path(answer).name != answer or answer == ".." or "\\" in answer:
        return "a name is no path"
    place = Path("recipes") / f"{answer}.yaml"
    return f"{place} exists already" if place.exists() else ""


def _typed(arguments: argparse.Namespace) -> str:
    words: list[object] = ["init"]
    words += ["--from", arguments.source] if arguments.source else [arguments.prompt]
    words += [*(("--teacher", arguments.teacher) if arguments.teacher else ()), *arguments.words]
    words += ["--data", arguments.data] if arguments.data else []
    words += ["--name", arguments.name] if arguments.name else []
    return command(*words)
