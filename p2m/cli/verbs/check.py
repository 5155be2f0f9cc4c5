"""p2m check: is the recipe well, and are its data?"""

from __future__ import annotations

import argparse
import json

from p2m.cli import common
from p2m.errors import RecipeError, UserError

GROUP = "recipe"
SUMMARY = "validate a recipe and its data without building it"
EXAMPLES = """p2m check recipes/tickets.yaml
  p2m check recipes/qa.yaml student=tiny_seq2seq
  p2m check --schema > recipe.schema.json"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, optional=True)
    common.json_argument(parser)
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of recipes and stop")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    if arguments.schema:
        from p2m.spec import json_schema

        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return 0
    if not arguments.recipe:
        raise UserError("a recipe is needed, or --schema\n    try: p2m check --help")
    from p2m.cli.views import recipe_text
    from p2m.engine.storage.shared_address import unknown_protocol
    from p2m.inspection import inspect
    from p2m.project import compiled, understand

    try:
        read = understand(arguments.recipe, arguments.words, trust=arguments.trust)
    except RecipeError as error:
        _show_glimpse(arguments, error)
        raise
    found = inspect(read.composed.spec, read.task)
    wrong = [*map(str, read.problems), *found.problems]
    if not read.problems:
        project = compiled(read, arguments.recipe, arguments.words, arguments.trust)
        shared = project.shared
        problem = unknown_protocol(shared) if shared is not None else None
        if shared is not None and problem:
            raise UserError(f"{shared.url}: {problem}\n    give another url for the shared store")
    told = {"spec": read.composed.config, "task": read.task, "data": found, "problems": wrong}
    common.answer(arguments, told, lambda: recipe_text(read, found))
    if wrong:
        raise UserError("\n".join(wrong))
    return 0


def _show_glimpse(arguments: argparse.Namespace, refused: RecipeError) -> None:
    """What can be understood of a recipe that cannot be read whole."""
    from p2m.cli.views import task_lines
    from p2m.project import glimpse

    task = glimpse(refused)
    if arguments.json:
        print(common.as_json({"task": task, "problems": [*map(str, refused.problems)]}))
    elif task is not None:
        lines = task_lines(arguments.recipe, task, is_sound=False)
        print("\n".join([*lines, *(f"  because  {reason}" for reason in task.reasons)]))
