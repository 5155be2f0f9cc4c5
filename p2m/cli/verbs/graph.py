"""p2m graph: the plan as a picture."""

from __future__ import annotations

import argparse

from p2m.cli import common

GROUP = "build"
SUMMARY = "draw the steps and their edges"
EXAMPLES = "p2m graph recipes/qa.yaml --format mermaid"


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    parser.add_argument("--format", choices=("text", "mermaid"), default="text")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.build import graph

    print(graph(common.project(arguments), arguments.format))
    return 0
