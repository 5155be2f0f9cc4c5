"""p2m plan: what a build would do, before anything is spent."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from p2m.cli import common
from p2m.errors import UserError, command

if TYPE_CHECKING:
    from p2m.project import Project

GROUP = "build"
SUMMARY = "say what a build would run, and why"
EXAMPLES = """p2m plan recipes/qa.yaml generation.num_examples=8000
  p2m plan recipes/qa.yaml -m student=minilm,tiny_seq2seq
  p2m plan recipes/qa.yaml --out plan.json    # then: p2m build --plan plan.json
  p2m plan recipes/qa.yaml --probe            # some seconds, once a machine: how long training takes
  p2m plan recipes/qa.yaml --exit-code        # 10 where something would run"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    common.json_argument(parser)
    common.unfold_argument(parser)
    parser.add_argument("-m", "--multirun", action="store_true", help="plan the union of a sweep's variants")
    parser.add_argument("--exit-code", action="store_true", help="exit with 10 where something would run")
    parser.add_argument("--probe", action="store_true", help="measure a few training steps, for the times")
    parser.add_argument("--out", type=Path, metavar="FILE", help="save it for p2m build --plan FILE")
    parser.add_argument("--outputs", type=Path, help="where a build of the saved plan puts its bundle")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    if arguments.multirun:
        from p2m.cli.sweeps import plan_sweep

        if arguments.out:
            raise UserError("--out saves the plan of one recipe, not of a sweep: leave out -m")
        return plan_sweep(arguments)
    from p2m.cli.groups import groups_of
    from p2m.cli.plan_views import downloads_text, plan_summary, plan_text, ranking_text, training_text
    from p2m.cli.teacher_views import expected, forecast_text, with_asks
    from p2m.download_forecast import downloads
    from p2m.questions import survey

    project = common.project(arguments)
    found = survey(project)
    asks = expected(project, found)
    fetches = downloads(project.task, found)
    if arguments.json:
        steps = with_asks(found.previews, asks)
        told = [
            one | {"fetches": [each for each in fetches or () if each.step == one["step"]]} for one in steps
        ]
        print(
            common.as_json(
                [{name: item for name, item in one.items() if item or name != "fetches"} for one in told]
            )
        )
    else:
        print(plan_text(found.previews, groups_of(project.plan, arguments)))
        print(plan_summary(found.previews))
        print(common.runnable(downloads_text(fetches, _catalogues(project))), end="")
        print(ranking_text(project, found), end="")
        print(training_text(project, found, probe=arguments.probe), end="")
        print(common.runnable(forecast_text(asks, project.plan)), end="")
    if arguments.out:
        from p2m.saved_plan import Words, write_plan

        outputs = str(arguments.outputs or "")
        words = Words(str(arguments.recipe), tuple(arguments.words), tuple(arguments.trust), outputs)
        write_plan(arguments.out, words, found, project.composed.config)
        again = common.runnable(command("build", "--plan", arguments.out))
        print(f"-> {arguments.out}\n    next: {again}", file=sys.stderr)
    busy = any(step.status in ("run", "unknown") for step in found.previews)
    return common.WORK_TO_DO if arguments.exit_code and busy else 0


def _catalogues(project: Project) -> list[str]:
    """The catalogue files that it searches, beside the one that p2m searches itself."""
    from p2m.catalogs.files import CURATED

    sources = map(Path, project.composed.spec.retriever.sources)
    return [common.relative(path) for path in sources if path.suffix == ".parquet" and path != CURATED]
