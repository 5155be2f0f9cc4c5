"""p2m show: what the steps made."""

from __future__ import annotations

import argparse

from p2m.cli import common
from p2m.errors import UserError, nearest

GROUP = "result"
SUMMARY = "print what a step made"
EXAMPLES = """p2m show recipes/qa.yaml            # every step in a line
  p2m show recipes/qa.yaml curate --rows 5"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, step=True)
    common.json_argument(parser)
    parser.add_argument("--rows", type=int, default=3, help="how many rows of each table (default 3)")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    common.take_step(arguments)
    from p2m.build import made
    from p2m.cli.views import artifact_text

    project = common.project(arguments)
    names = [step.name for step in project.plan.steps if not step.is_source]
    if arguments.step is not None and arguments.step not in names:
        raise UserError(f"no step {arguments.step!r} in this plan: {nearest(arguments.step, names)}")
    wanted = [arguments.step] if arguments.step else names
    values = {name: made(project, name) for name in wanted}
    if arguments.json:
        print(common.as_json(values))
        return 0
    for name, value in values.items():
        if len(wanted) > 1:
            print(f"{name}: {'not built yet' if value is None else type(value).__name__}")
        elif value is None:
            raise UserError(f"{name} has not been built yet\n    next: p2m build {arguments.recipe}")
        else:
            print(artifact_text(value, rows=arguments.rows))
    return 0
