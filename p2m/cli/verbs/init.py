"""p2m init: the first recipe."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from p2m.cli import common
from p2m.errors import UserError, command

if TYPE_CHECKING:
    from p2m.table_task import TableTask
    from p2m.types import Task

GROUP = "recipe"
SUMMARY = "write a commented recipe from a prompt, and from a table if you have one"
EXAMPLES = """p2m init                                     # on a terminal: asks for all that it needs
  p2m init "Say which team answers a customer's message." --data messages.csv
  p2m init "Say which team answers a customer's message." --data messages.csv --test judged.csv \\
      --input-columns subject,body --output-column team
  p2m init "Answer a question from a passage." --output recipes/answers.yaml
  p2m init --from prompt.txt --teacher anthropic
  p2m init --from prompt.txt --teacher compatible \\
      teacher.base_url=http://127.0.0.1:11434/v1 teacher.model=qwen3

With --teacher the prompt is sent to that model, once for the same words: the answer is kept in the project's
ledger. What it makes of the prompt is written down beside what the rules read, for you to look over.

recipe.schema.json is written beside the recipe, by which an editor completes keys and marks mistakes, on any
machine where both are. One that is there, or in ../docs, is left alone and used."""


def arguments(parser: argparse.ArgumentParser) -> None:
    words = "the task in words, one sentence will do; - reads standard input"
    parser.add_argument("prompt", nargs="?", help=words)
    parser.add_argument(
        "words", nargs="*", metavar="OVERRIDE", help="settings of the teacher: teacher.model=NAME"
    )
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="a file that holds the prompt"
    )
    helps = "lets a chat model read the prompt too: anthropic, openai, compatible, ...; one request"
    parser.add_argument("--teacher", metavar="NAME", help=helps)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="your rows, from which the task is read; or a .txt of texts without answers",
    )
    parser.add_argument("--test", type=Path, metavar="FILE", help="rows to judge by, never learnt from")
    parser.add_argument("--input-columns", default="", metavar="NAMES", help="columns that go in: a,b,c")
    parser.add_argument(
        "--output-column",
        default="",
        metavar="NAME",
        help="the column that comes out; several, with commas, as one record",
    )
    parser.add_argument("--name", help="the recipe's name (default: made from the prompt)")
    parser.add_argument("--output", type=Path, help="where to write it (default: recipes/<name>.yaml)")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.recipe_template import recipe_name

    if arguments.prompt is None and arguments.source is None and sys.stdin.isatty() and sys.stdout.isatty():
        from p2m.cli.init_questions import ask

        try:
            ask(arguments)
        except KeyboardInterrupt:
            print("\nended; nothing was written", file=sys.stderr)
            return common.INTERRUPTED
    prompt = _prompt(arguments)
    name = arguments.name or recipe_name(prompt)
    if Path(name).name != name or name == ".." or "\\" in name:
        raise UserError(
            f"--name {name}: a name is no path\n    give a word, and the recipe's place with --output FILE"
        )
    path = arguments.output or Path("recipes") / f"{name}.yaml"
    if path.exists():
        raise UserError(f"{path}: exists already\n    choose another place with --output FILE")
    table = None if (texts := _are_texts(arguments.data)) else _table(arguments, prompt)
    if texts and (arguments.input_columns or arguments.output_column):
        raise UserError(
            f"{arguments.data}: texts have no columns\n    leave out their names, or give a table"
        )
    if arguments.teacher and not (texts and arguments.teacher == "people"):
        return _refined(prompt, name, path, arguments, table)
    _write(path, text := _rendered(prompt, name, path, arguments, table))
    if table is not None:
        print(_told(table))
        if _labels_are_folders(arguments.data):
            inputs = f"data: {{inputs: {_beside(arguments.data, path)}}}"
            print(f"    ! labels are the names of the folders; where these are none, write {inputs}")
        checked, built = (common.runnable(command(verb, path)) for verb in ("check", "build"))
        print(f"    next: {checked}\n    then: {built}")
        return 0
    if texts:
        asked, built = (common.runnable(command(*verb, path)) for verb in (("review", "data"), ("build",)))
        print(f"{_read_as(_task(prompt, None))}\n    next: {asked}\n    then: {built}")
        return 0
    if "override teacher: none" in text:
        print(
            "    next: name your rows in it, after `train:`, or a chat model as the teacher; then"
            f" {common.runnable(command('check', path))}"
        )
        return 0
    print(f"    next: {common.runnable(command('build', path))}")
    return 0


def _prompt(arguments: argparse.Namespace) -> str:
    """The prompt as typed, from standard input, or from a file; `words` then holds overrides alone.

    Raises:
        UserError: there is none, or two, or the file cannot be read; or there are overrides for no teacher.
    """
    if arguments.source is not None and arguments.prompt is not None:
        arguments.words.insert(0, arguments.prompt)
    for word in arguments.words:
        if not re.match(r"[+~]*(teacher\.[\w.]+|constraints\.max_cost)=", word):
            kinds = "settings of the teacher may follow, teacher.model=NAME, and constraints.max_cost=5USD"
            first = arguments.prompt or ""
            is_name = " " in word and " " not in first and arguments.source is None
            hint = f"{first!r} stands where the prompt does; name the recipe with --name {first}"
            told = hint if is_name else "put the prompt in quotes"
            raise UserError(f"{word!r} cannot be said here: {kinds}\n    {told}")
    if arguments.words and not arguments.teacher:
        raise UserError(
            f"{arguments.words[0]}: there is no teacher to set\n    choose one with --teacher NAME"
        )
    if arguments.source is not None:
        prompt = _read(arguments.source)
    else:
        prompt = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt or ""
        from p2m.cli.init_questions import is_file_name

        if is_file_name(prompt):
            raise UserError(
                f"{prompt}: this is the name of a file, and no prompt\n"
                "    a file that holds the prompt: p2m init --from FILE; rows: --data FILE"
            )
    if not prompt.strip():
        place = f"{arguments.source}: " if arguments.source is not None else ""
        typed = '"Answer a question from a passage."'
        if arguments.data is not None:
            typed = f'"Say which team answers a message." --data {shlex.quote(str(arguments.data))}'
        raise UserError(f"{place}the prompt is empty\n    try: p2m init {typed}")
    return prompt


def _read(place: Path) -> str:
    """A prompt's file.

    Raises:
        UserError: it cannot be read, or is not UTF-8; with the line.
    """
    try:
        data = place.read_bytes()
    except OSError as error:
        from p2m.compose.recipe import near_files

        hint = near_files(place) if not place.exists() else ""
        said = f"--from {place}: cannot be read: {error.strerror}"
        raise UserError(said + (f"\n    {hint}" if hint else "")) from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
        raise UserError(
            f"{place}:{line}: not UTF-8 (byte 0x{byte:02x})\n    save the file as UTF-8 and run this again"
        ) from error


def _write(path: Path, text: str) -> None:
    """Write the recipe, and the schema beside it where there is none; say what was written."""
    from p2m.cli.manual import docs_folder
    from p2m.recipe_template import SCHEMA

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        schema = path.parent / SCHEMA
        is_new = _schema(path) == SCHEMA and not schema.exists()
        if is_new:
            schema.write_bytes((docs_folder() / SCHEMA).read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    print(path)
    if is_new:
        print(f"{schema}, for editors")


def _refined(
    prompt: str, name: str, path: Path, arguments: argparse.Namespace, table: TableTask | None
) -> int:
    """Have a teacher read the prompt too, and write what both make of it."""
    from p2m.cli.refinement import asked
    from p2m.recipe_template import render_refined

    found = asked(prompt, arguments.teacher, arguments.words, path, table)
    test = arguments.test or (arguments.data if table is not None and table.has_test else None)
    text = render_refined(
        prompt, found.agreed, name=name, file=path.as_posix(), teacher=found.teacher,
        choice=arguments.teacher, settings=found.settings, cost=found.cost, is_priced=found.is_priced,
        schema=_schema(path), test=_beside(test, path), **_rows(arguments.data, path),
    )  # fmt: skip
    _write(path, text)
    if table is not None:
        print(_told(table))
    print(f"{_read_as(found.agreed.task)}; read by {found.teacher}")
    for line in found.agreed.differences:
        print(f"    ! {line}")
    for line in found.agreed.unclear:
        print(f"    ? {line}")
    print(f"    next: look it over, then {common.runnable(command('check', path))}")
    print(f"    then: {common.runnable(command('plan', path))}, which says what a build would cost")
    return 0


def _table(arguments: argparse.Namespace, prompt: str) -> TableTask | None:
    """What the table says of the task; None where there is none."""
    columns = tuple(name.strip() for name in arguments.input_columns.split(",") if name.strip())
    if arguments.data is None:
        if arguments.test or columns or arguments.output_column:
            raise UserError("--test and names of columns belong to a table\n    give it with --data FILE")
        return None
    from p2m.table_task import read_task

    for option, place in (("--data", arguments.data), ("--test", arguments.test)):
        if place is not None and not place.exists():
            from p2m.compose.recipe import near_files

            hint = near_files(place)
            raise UserError(f"{option} {place}: there is no such file" + (f"\n    {hint}" if hint else ""))
    return read_task(
        arguments.data, prompt, inputs=columns, output=arguments.output_column, test=arguments.test
    )


def _rendered(
    prompt: str, name: str, path: Path, arguments: argparse.Namespace, table: TableTask | None
) -> str:
    """The recipe's text, with the embedded teacher only where it can write the rows."""
    from p2m.recipe_template import render_recipe
    from p2m.spec.components import FAMILIES, build_component

    task = _task(prompt, table)
    embedded = build_component({"target": "p2m.teachers.embedded.Embedded"}, FAMILIES["teacher"])
    rows = _rows(arguments.data, path)
    teacher = "people" if "inputs" in rows else "none" if embedded.refusal(task) else "embedded"
    row = json.dumps({field.name: "..." for field in (*task.inputs, task.output)})
    test = arguments.test or (arguments.data if table is not None and table.has_test else None)
    return render_recipe(
        prompt, name=name, schema=_schema(path), file=path.as_posix(), teacher=teacher, row=row, task=table,
        test=_beside(test, path), **rows,
    )  # fmt: skip


def _task(prompt: str, table: TableTask | None) -> Task:
    """The task as a build of the recipe will read it.

    Raises:
        RecipeError: a demonstration in the prompt has other fields or labels than the table.
    """
    from p2m.parsing import parse_prompt

    if table is None:
        return parse_prompt(prompt)
    return parse_prompt(
        prompt, type=table.type, inputs=table.inputs, output=table.output, labels=tuple(table.labels),
        none=table.none, layout=table.layout, scale=table.scale, record=table.record,
    )  # fmt: skip


def _read_as(task: Task) -> str:
    labels = f": {len(task.labels)} labels" if task.labels else ""
    names = ", ".join(each.name for each in task.inputs)
    return f"    {names} -> {task.output.name}, {task.type.value}{labels}"


def _are_texts(place: Path | None) -> bool:
    """Whether it holds texts, which have no answers, and no table, nor texts in folders by label."""
    if place is None or not place.exists() or _labels_are_folders(place):
        return False
    from p2m.catalogs.base import has_marks

    inside = [each for each in place.rglob("*") if each.is_file()] if place.is_dir() else [place]
    if has_marks(place):
        return False
    return bool(inside) and all(each.suffix in (".txt", ".md") for each in inside)


def _labels_are_folders(place: Path) -> bool:
    from p2m.catalogs.base import text_folders

    return place.is_dir() and bool(text_folders(place))


def _rows(data: Path | None, recipe: Path) -> dict[str, str]:
    """What a recipe's `data` calls them, and their place."""
    return {"inputs" if _are_texts(data) else "train": _beside(data, recipe)}


def _beside(file: Path | None, recipe: Path) -> str:
    """A file's place as the recipe writes it: relative to its own folder."""
    return Path(os.path.relpath(file, recipe.parent)).as_posix() if file is not None else ""


def _schema(recipe: Path) -> str:
    """Where an editor finds the schema: in the project's docs, else beside the recipe."""
    from p2m.recipe_template import SCHEMA

    shared = f"../docs/{SCHEMA}"
    return shared if (recipe.absolute().parent.parent / "docs" / SCHEMA).is_file() else SCHEMA


def _told(table: TableTask) -> str:
    """What was read from the table, and which values were not taken for labels."""
    from p2m.answers.labels import told_alike

    labels = f": {len(table.labels)} labels" if table.labels else ""
    lines = [
        f"    {', '.join(table.inputs)} -> {table.output}, {table.type.value}{labels}, {table.rows:,} rows"
    ]
    for value, label in table.odd.items():
        mend = "mend it there, or add it to task.labels"
        lines.append(f"    {table.where[value]}: is {value!r} {label!r} misspelt? {mend}")
    for label in dict.fromkeys(table.spelt.values()):
        others = " and ".join(repr(value) for value, other in table.spelt.items() if other == label)
        lines.append(
            f"    ! {label!r} is also written {others}, which counts as it; if it is another, add it to"
            " task.labels"
        )
    lines += [f"    ! {doubt}" for doubt in table.doubts]
    lines += [f"    ! {said}" for said in told_alike(table.labels)]
    if table.group is not None:
        rest = shlex.quote(",".join(name for name in table.inputs if name != table.group.column))
        apart = f", and leave it out: --input-columns {rest}" * (table.group.column in table.inputs)
        lines.append(f"    ! {table.group}: where new rows are of others, write {table.group.line}{apart}")
    return "\n".join(lines)
