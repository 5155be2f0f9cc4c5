"""p2m graph: the plan as a picture."""

from __future__ import annotations

import argparse

from p2m.cli import common

GROUP = "build"
SUMMARY = "draw the steps and their edges"
EXAMPLES = """p2m graph recipes/qa.yaml --format mermaid
  p2m graph recipes/qa.yaml --run last --format dot | dot -Tsvg > qa.svg"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    parser.add_argument("--format", choices=("text", "mermaid", "dot", "json"), default="text")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="--format json")
    common.unfold_argument(parser)
    parser.add_argument("--run", metavar="RUN", help="colour by what that run did (last, last~1, or an id)")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli.groups import folded_graph, groups_of
    from p2m.engine.explaining.graphs import draw, of_plan, of_run
    from p2m.engine.journal import find_run
    from p2m.project import open_store
    from p2m.questions import survey

    project = common.project(arguments)
    plan, store = project.plan, open_store(project)
    if arguments.run:
        graph = of_run(find_run(store, arguments.run, plan.name), plan, store)
    else:
        graph = of_plan(plan, survey(project).previews)
    groups = {} if arguments.format == "json" else groups_of(plan, arguments)
    print(draw(folded_graph(graph, groups), arguments.format))
    return 0
