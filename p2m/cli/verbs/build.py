"""p2m build: a recipe into a bundle."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from p2m import noop
from p2m.cli import common

GROUP = "build"
SUMMARY = "build a recipe into a bundle"
EXAMPLES = """p2m build recipes/qa.yaml
  p2m build recipes/qa.yaml training=fast seed=3
  p2m build recipes/qa.yaml -m student=minilm,tiny_seq2seq seed=0,1"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    common.json_argument(parser)
    parser.add_argument("-m", "--multirun", action="store_true", help="sweep over overrides such as seed=0,1")
    parser.add_argument("--outputs", type=Path, help="where bundles land (default: outputs/ of the project)")


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.build import build
    from p2m.cli.progress import Progress
    from p2m.cli.views import build_text, relative, verdict_text

    if arguments.multirun:
        from p2m.cli.sweeps import sweep

        return sweep(arguments)
    project = common.project(arguments)
    print(f"{project.plan.name}: {relative(project.recipe)}", file=sys.stderr)
    with Progress() as progress:
        built = build(project, progress, argv=argv)
    code = 0 if built.verdict.ship else common.CONTRACT_MISSED
    if arguments.json:
        print(
            common.as_json(
                {"verdict": built.verdict, "folder": str(built.folder), "steps": built.result.outcomes}
            )
        )
        return code
    print(build_text(built))
    steps = sum(built.result.counts.values())
    text = f"{steps} steps: nothing to do.\n{verdict_text(built)}"
    noop.remember(argv, noop.Answer(text, code), (*project.read, built.folder))
    return code
