"""p2m why: the exact reason, chained to the leaf."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from p2m.cli import common
from p2m.errors import UserError

GROUP = "build"
SUMMARY = "say exactly why a step would run, or why not"
EXAMPLES = """p2m why recipes/qa.yaml                # every cause, and the steps that it reaches
  p2m why recipes/qa.yaml train seed=1   # one step, down to the setting, row or module
  p2m why --not recipes/qa.yaml parse    # what its reuse rests on"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, step=True)
    common.json_argument(parser)
    common.unfold_argument(parser)
    parser.add_argument("--not", dest="reuse", action="store_true", help="say why the step is NOT run")
    parser.add_argument("--against", metavar="RUN", help="compare with that run (see p2m log), not the last")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    common.take_step(arguments)
    if arguments.reuse and arguments.step is None:
        raise UserError("which step? p2m why --not RECIPE STEP; `p2m graph RECIPE` names them")
    if arguments.reuse and arguments.against:
        raise UserError("--not looks at what is in the store, so --against has no meaning with it")
    project = common.project(arguments)
    if arguments.reuse:
        return _reuse(project, arguments)
    return _one(project, arguments) if arguments.step else _all(project, arguments)


def _all(project: Any, arguments: argparse.Namespace) -> int:
    from p2m.cli.groups import folded_causes, groups_of
    from p2m.cli.plan_views import causes_text
    from p2m.engine.explaining.explain import causes
    from p2m.questions import survey

    found = survey(project, arguments.against)
    every, groups = causes(found), groups_of(project.plan, arguments)
    shown = folded_causes(every, groups)
    return common.answer(arguments, every, lambda: causes_text(found.previews, shown, _rows(project, found)))


def _one(project: Any, arguments: argparse.Namespace) -> int:
    from p2m.cli.groups import folded_reason, groups_of
    from p2m.cli.plan_views import why_text
    from p2m.engine.explaining.explain import why
    from p2m.questions import check_step, survey

    check_step(project, arguments.step)
    found = survey(project, arguments.against)
    reason, groups = why(found, arguments.step), groups_of(project.plan, arguments)
    return common.answer(
        arguments, reason, lambda: why_text(folded_reason(reason, groups), _rows(project, found))
    )


def _reuse(project: Any, arguments: argparse.Namespace) -> int:
    from p2m.cli.groups import folded_causes, folded_names, groups_of
    from p2m.cli.reuse_views import reuse_text
    from p2m.engine.explaining.explain import touched, why_not
    from p2m.questions import check_step, reach, survey

    check_step(project, arguments.step)
    found = survey(project)
    reuse = why_not(found, arguments.step)
    if reuse is None:
        words = common.retyped("why", arguments, arguments.step)
        raise UserError(f"{arguments.step} is not reused: it would run\n    next: {words}")
    edited, overrides = touched(found, reuse), reach(project, arguments.trust)
    if not arguments.json:
        groups = groups_of(project.plan, arguments)
        groups.pop(arguments.step, None)
        reuse = replace(reuse, elsewhere=folded_causes(reuse.elsewhere, groups))
        overrides = {text: steps and folded_names(steps, groups) for text, steps in overrides.items()}
    told = {"reuse": reuse, "edited": edited, "overrides": overrides}
    return common.answer(arguments, told, lambda: reuse_text(reuse, edited, overrides))


def _rows(project: Any, found: Any) -> dict[str, tuple[str, ...]]:
    """What is known of the rows of sources that changed."""
    from p2m.comparison import changed_rows

    return changed_rows(project.plan, project.task, found)
