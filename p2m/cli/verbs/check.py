"""p2m check: is the recipe well?"""

from __future__ import annotations

import argparse
import json

from p2m.cli import common
from p2m.errors import UserError

GROUP = "recipe"
SUMMARY = "validate a recipe without building it"
EXAMPLES = """p2m check recipes/qa.yaml student=tiny_seq2seq
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
    from p2m.cli.views import project_text

    project = common.project(arguments)
    if project.shared is not None:
        from p2m.engine.storage.places import unknown_protocol

        problem = unknown_protocol(project.shared)
        if problem:
            raise UserError(f"{project.shared.url}: {problem}\n    give another url for the shared store")
    if arguments.json:
        print(common.as_json({"spec": project.composed.config, "task": project.task}))
    else:
        print(project_text(project))
    return 0
