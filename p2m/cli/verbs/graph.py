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
    parser.add_argument("--run", metavar="RUN", help="colour by what that run did (last, last~1, or an id)")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.questions import graph

    print(graph(common.project(arguments), arguments.format, run=arguments.run))
    return 0
