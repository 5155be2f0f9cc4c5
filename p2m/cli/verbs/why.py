"""p2m why: the exact reason, chained to the leaf."""

from __future__ import annotations

import argparse

from p2m.cli import common
from p2m.errors import UserError

GROUP = "build"
SUMMARY = "say exactly why a step would run, or why not"
EXAMPLES = "p2m why recipes/qa.yaml train"


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, step=True)
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    common.take_step(arguments)
    if arguments.step is None:
        raise UserError("which step? p2m why RECIPE STEP; `p2m graph RECIPE` names them")
    from p2m.build import why

    lines = why(common.project(arguments), arguments.step)
    print(common.as_json(lines) if arguments.json else "\n".join(lines))
    return 0
