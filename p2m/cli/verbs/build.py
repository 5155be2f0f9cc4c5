"""p2m build: a recipe into a bundle."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from p2m import noop
from p2m.cli import common
from p2m.errors import P2MError, UserError

if TYPE_CHECKING:
    from p2m.lock import Mode, Policy

GROUP = "build"
SUMMARY = "build a recipe into a bundle"
EXAMPLES = """p2m build recipes/qa.yaml
  p2m build recipes/qa.yaml training=fast seed=3
  p2m build --plan plan.json             # what p2m plan --out plan.json said
  p2m build recipes/qa.yaml -m student=minilm,tiny_seq2seq seed=0,1
  p2m build recipes/qa.yaml -m seed=0,1,2,3 hydra/launcher=joblib hydra.launcher.n_jobs=2
  p2m build recipes/qa.yaml --locked     # or P2M_LOCKED=1, in CI"""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, optional=True)
    common.json_argument(parser)
    parser.add_argument("-m", "--multirun", action="store_true", help="sweep over overrides such as seed=0,1")
    lock = parser.add_mutually_exclusive_group()
    lock.add_argument("--locked", action="store_true", help="refuse whatever differs from the recipe's lock")
    lock.add_argument("--frozen", action="store_true", help="--locked, and without network")
    lock.add_argument("--no-lock", action="store_true", help="leave the recipe's lock alone")
    common.ignore_argument(parser)
    parser.add_argument("--plan", type=Path, metavar="FILE", help="build what `p2m plan --out` wrote")
    parser.add_argument("--outputs", type=Path, help="where bundles land (default: outputs/ of the project)")


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.build import build
    from p2m.cli.common import relative
    from p2m.cli.progress import Progress
    from p2m.cli.teacher_views import early_ends, expected, forecast_text, is_asked, spent_by, spent_lines
    from p2m.cli.views import build_text, verdict_text
    from p2m.lock import lock_path
    from p2m.questions import survey

    policy = _policy(arguments, os.environ)
    if arguments.multirun and not arguments.plan:
        from p2m.cli.sweeps import sweep

        return sweep(arguments, argv)
    began = noop.now()
    project = common.planned(arguments) if arguments.plan else common.project(arguments)
    seen = noop.look(project.read, began)
    print(f"{project.plan.name}: {relative(project.recipe)}", file=sys.stderr)
    if is_asked(project.plan):
        expects = common.runnable(forecast_text(expected(project, survey(project)), project.plan))
        print(expects, end="", file=sys.stderr, flush=True)
    try:
        with Progress() as progress:
            built = build(project, progress, argv=argv, policy=policy)
    except P2MError:
        print("".join(f"{line}\n" for line in early_ends(project)), end="", file=sys.stderr, flush=True)
        raise
    if built.note:
        print(f"    {common.runnable(built.note)}", file=sys.stderr)
    if built.tracked:
        print(f"    {built.tracked}", file=sys.stderr)
    code = 0 if built.verdict.ship else common.CONTRACT_MISSED
    spent = spent_by(built)
    if arguments.json:
        told = {"verdict": built.verdict, "folder": str(built.folder), "steps": built.result.outcomes}
        print(common.as_json(told | ({"spent": spent} if spent else {})))
        return code
    print(common.runnable("\n".join([build_text(built), *spent_lines(built, spent)])))
    if code:
        print(common.runnable("    see: p2m help verdict"), file=sys.stderr)
    steps = sum(built.result.counts.values())
    text = f"{steps} steps: nothing to do.\n{common.runnable(verdict_text(built))}"
    lock = () if policy.mode == "skip" or project.is_variant else (lock_path(project.recipe),)
    if arguments.plan:
        return code  # once built, a saved plan is stale, which the quick path would not see
    if built.is_pending or built.tracked:
        return code  # the next build has something to do: to send it, or to tell a tracker
    noop.remember(argv, noop.Answer(text, code), (built.folder, *lock), seen)
    return code


def _policy(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Policy:
    """What was typed, else what P2M_LOCKED=1 or P2M_FROZEN=1 say; `--no-lock` does not lift these."""
    from p2m.lock import Policy

    wanted = {
        mode: getattr(arguments, mode) or _is_set(f"P2M_{mode.upper()}", environment)
        for mode in ("locked", "frozen")
    }
    mode: Mode = "frozen" if wanted["frozen"] else "locked" if wanted["locked"] else "write"
    policy = Policy("skip" if mode == "write" and arguments.no_lock else mode, tuple(arguments.ignore))
    if arguments.multirun and policy.holds:
        raise UserError(
            f"--{mode} builds the recipe as committed, and a sweep builds variants: leave one out"
        )
    if arguments.ignore and not policy.holds:
        raise UserError("--ignore belongs to --locked and --frozen: a lock is written whole")
    return policy


def _is_set(name: str, environment: Mapping[str, str]) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in ("", "0", "false", "no", "1", "true", "yes"):
        raise UserError(f"{name}={text!r} is neither 1 nor 0")
    return text in ("1", "true", "yes")
