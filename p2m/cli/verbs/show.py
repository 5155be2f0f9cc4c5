"""p2m show: what the steps made."""

from __future__ import annotations

import argparse
from typing import Any

from p2m.cli import common
from p2m.cli.text import safe
from p2m.errors import UserError

GROUP = "result"
SUMMARY = "print what a step made"
EXAMPLES = """p2m show recipes/qa.yaml                    # every step in a line
  p2m show recipes/qa.yaml curate --rows 5
  p2m show recipes/qa.yaml curate --run last~1   # what that run made, or reused
  p2m show recipes/mail.yaml vet --rejected > doubtful.jsonl  # to be answered by people, as data.train"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, step=True)
    common.json_argument(parser)
    parser.add_argument("--rows", type=int, default=3, help="how many rows of each table (default 3)")
    parser.add_argument(
        "--rejected",
        action="store_true",
        help="the rows that were rejected, as JSON Lines with their answer left to be filled in",
    )
    parser.add_argument("--run", metavar="RUN", help="of that run (last, last~1, or an id), not of now")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    common.take_step(arguments)
    from p2m.questions import check_step, made, outputs

    project = common.project(arguments)
    if arguments.step is None and arguments.rejected:
        again = common.retyped("show", arguments, "vet", "--rejected")
        raise UserError(f"--rejected is of one step, that answers rows or vets them\n    next: {again}")
    if arguments.step is None:
        return _overview(project, arguments)
    check_step(project, arguments.step)
    value = made(project, arguments.step, outputs(project, arguments.run))
    if arguments.json and not arguments.rejected:
        print(common.as_json({arguments.step: value}))
    elif value is None:
        when = f"run {arguments.run} did not make it" if arguments.run else "has not been built yet"
        again = common.retyped("build", arguments)
        raise UserError(f"{arguments.step}: {when}\n    next: {again}")
    elif arguments.rejected:
        from p2m.cli.data_views import rejected_lines
        from p2m.types import Examples

        if not isinstance(value, Examples):
            raise UserError(f"{arguments.step} rejects no answers: name a step that answers rows, or vet")
        print("".join(f"{line}\n" for line in rejected_lines(project.task, value)), end="")
    else:
        from p2m.cli.catalog_search import candidates_text
        from p2m.cli.views import artifact_text
        from p2m.recipe_template import proposed
        from p2m.types import Attributes, Candidates

        is_search = isinstance(value, Candidates)
        print(safe((candidates_text if is_search else artifact_text)(value, rows=arguments.rows)))
        if isinstance(value, (Attributes, Candidates)) and (lines := proposed(value)):
            print(f"to be edited in the recipe:\n{lines}", end="")
    return 0


def _overview(project: Any, arguments: argparse.Namespace) -> int:
    """Every step with the type, size and digest of what it made."""
    from p2m.cli.plan_views import outputs_text
    from p2m.engine.explaining.survey import size_of
    from p2m.project import open_store
    from p2m.questions import made, outputs

    store, found = open_store(project), outputs(project, arguments.run)
    steps = [step for step in project.plan.steps if not step.is_source]
    if arguments.json:
        print(common.as_json({step.name: made(project, step.name, found) for step in steps}))
        return 0
    rows = [(step.name, step.output.__name__, found.get(step.name, "")) for step in steps]
    print(outputs_text([(name, kind, size_of(store, digest), digest) for name, kind, digest in rows]))
    return 0
