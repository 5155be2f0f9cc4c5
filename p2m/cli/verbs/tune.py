"""p2m tune: search for settings of the training, and write what won into the recipe."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from p2m.cli import common

if TYPE_CHECKING:
    from p2m.trials import Change, Search

GROUP = "build"
SUMMARY = "search for better settings of a recipe's training"
EXAMPLES = """p2m tune recipes/temporal.yaml                      # 12 trials at random, then a diff
  p2m tune recipes/temporal.yaml tuning=optuna --trials 30
  p2m tune recipes/temporal.yaml tuning=optuna --yes   # write what won without asking
  p2m tune recipes/tickets.yaml split.cross_validate_below=0 split.validation_share=0.2
  p2m tune desk.yaml 'tuning.space.learning_rate="1e-5 .. 1e-3 log"' tuning.space.dropout=[0,0.2]

The same command goes on where it was, and a larger --trials adds to the trials that there are."""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    many = "trainings, the recipe as it is among them (default: tuning.trials, else 12)"
    parser.add_argument("--trials", type=int, metavar="N", help=many)
    parser.add_argument("--yes", action="store_true", help="write what won into the recipe without asking")
    common.json_argument(parser)


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.cli.progress import Progress
    from p2m.trials import apply, change, opened, search

    words, trust = arguments.words, arguments.trust
    project = opened(arguments.recipe, words, trust=trust, trials=arguments.trials)
    many = project.composed.spec.tuning.trials
    print(f"{project.plan.name}: {many} trials of {common.relative(project.recipe)}", file=sys.stderr)
    with Progress() as progress:
        found = search(project, progress, argv=argv)
    if found.tracked:
        print(f"    {found.tracked}", file=sys.stderr)
    made = change(project, found)
    if not arguments.json:
        print(common.runnable(_text(found, made)))
    question = f"write this into {common.relative(made.recipe)}?"
    is_applied = bool(made.diff) and (arguments.yes or (not arguments.json and common.is_agreed(question)))
    if is_applied:
        apply(made, found, words, trust=trust)
    if arguments.json:
        told = {"student": found.student, "metric": found.metric, "trials": found.trials, "best": found.best}
        told |= {"settings": found.settings, "left_out": found.left_out, "diff": made.diff}
        print(common.as_json(told | {"applied": is_applied}))
    elif made.diff:
        print(common.runnable(_next(arguments, is_applied)))
    return 0


def _text(found: Search, made: Change) -> str:
    """Every trial, the one that won, and the diff."""
    from p2m.cli.text import table

    sign = -1 if found.lower_is_better else 1
    rows, top = [], float("-inf")
    for number, each in enumerate(found.trials, start=1):
        top = max(top, each.score)
        what = ", ".join(f"{name} {value}" for name, value in each.values.items()) or "the recipe as it is"
        notes = "pruned: " * each.was_pruned
        mark = "*" if number == found.best else ""
        rows.append((mark, str(number), f"{sign * each.score:.4f}", f"{sign * top:.4f}", notes + what))
    heads = ("", "trial", found.metric, "best so far", "set")
    lines = [table(rows, header=heads, right={1: 0, 2: 0, 3: 0})]
    lines += [f"left out: {name}: {reason}" for name, reason in found.left_out.items()]
    first = found.trials[0].score
    if not made.diff:
        lines.append("the recipe as it is did best: there is nothing to write")
        return "\n".join(lines)
    gain = abs(found.won.score - first)
    lines.append(
        f"trial {found.best} of {found.student} is ahead of the recipe as it is by {gain:.4f} on the"
        " validation rows, by which it was chosen: on other rows expect less"
    )
    return "\n".join([*lines, "", made.diff, ""])


def _next(arguments: argparse.Namespace, is_applied: bool) -> str:
    others = [word for word in arguments.words if not word.startswith("tuning")]
    build = common.retyped("build", arguments, words=others)
    if is_applied:
        return (
            f"written. The next build trains once with these settings, by the same seed: {build}\n"
            "    another --trials would now search around them"
        )
    again = common.retyped("tune", arguments)
    trials = f" --trials {arguments.trials}" if arguments.trials else ""
    return f"not written; to write it: {again}{trials} --yes"
