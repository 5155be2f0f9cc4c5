"""p2m plan: what a build would do, before anything is spent."""

from __future__ import annotations

import argparse
import dataclasses

from p2m.cli import common

GROUP = "build"
SUMMARY = "say what a build would run, and why"
EXAMPLES = """p2m plan recipes/qa.yaml generation.num_examples=8000
  p2m plan recipes/qa.yaml -m student=minilm,tiny_seq2seq"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    common.json_argument(parser)
    parser.add_argument("-m", "--multirun", action="store_true", help="plan the union of a sweep's variants")
    parser.add_argument("--exit-code", action="store_true", help="exit with 10 where something would run")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    if arguments.multirun:
        from p2m.cli.sweeps import plan_sweep

        return plan_sweep(arguments)
    from p2m.build import survey
    from p2m.cli.plan_views import plan_summary, plan_text

    previews = survey(common.project(arguments)).previews
    if arguments.json:
        print(common.as_json([dataclasses.asdict(step) for step in previews]))
    else:
        print(plan_text(previews))
        print(plan_summary(previews))
    busy = any(step.status in ("run", "unknown") for step in previews)
    return common.WORK_TO_DO if arguments.exit_code and busy else 0
