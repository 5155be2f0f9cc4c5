"""p2m log: the runs."""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from p2m.cli import common

GROUP = "result"
SUMMARY = "list runs, or what one run did"
EXAMPLES = """p2m log                       # all runs of this store, newest first
  p2m log recipes/qa.yaml -n 5
  p2m log last                  # one run: last, last~2, an id or a part of one
  p2m log last --follow         # go on until it ends"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", metavar="RECIPE|RUN", help="runs of this recipe, or this run")
    parser.add_argument("-n", "--limit", type=int, default=20, help="how many runs (default 20)")
    parser.add_argument("--follow", action="store_true", help="print what a running build goes on to do")
    parser.add_argument("--plan", metavar="NAME", help="of runs, those of the recipe of this name")
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.engine.journal import find_run

    what = arguments.what
    is_recipe = what is not None and (what.endswith((".yaml", ".yml")) or Path(what).is_file())
    store, plan = _store(what if is_recipe else None)
    plan = arguments.plan or plan
    if what is None or is_recipe:
        return _list(store, plan, arguments)
    record = find_run(store, what, plan)
    if arguments.follow:
        return _follow(store, record)
    return _one(store, record, arguments)


def _store(recipe: str | None) -> tuple[Any, str | None]:
    """The store, and the plan's name where a recipe says it."""
    from p2m import noop
    from p2m.engine.store import Store

    if recipe is None:
        return Store(noop.default_store(), make=False), None
    from p2m.project import load

    project = load(Path(recipe))
    return Store(project.store, make=False), project.plan.name


def _list(store: Any, plan: str | None, arguments: argparse.Namespace) -> int:
    from p2m.cli.log_views import log_text
    from p2m.comparison import verdict_of
    from p2m.engine.journal import runs, state

    found = [
        (record, state(store, record), verdict_of(store, record))
        for record in islice(runs(store, plan), max(0, arguments.limit))
    ]
    return common.answer(arguments, [_data(*each) for each in found], lambda: log_text(found))


def _one(store: Any, record: Any, arguments: argparse.Namespace) -> int:
    from p2m.cli.log_views import run_text
    from p2m.comparison import verdict_of
    from p2m.engine.journal import said, state

    told = (record, state(store, record), verdict_of(store, record))
    spoken = said(store, record.id)
    return common.answer(arguments, {**_data(*told), "said": spoken}, lambda: run_text(*told, spoken))


def _data(record: Any, state: str, verdict: str) -> dict[str, Any]:
    return {
        "id": record.id, "plan": record.plan, "status": state, "started": record.started,
        "seconds": record.seconds, "verdict": verdict, "recipe": record.invocation.recipe,
        "overrides": record.invocation.overrides, "argv": record.invocation.argv,
        "steps": list(record.steps.values()),
    }  # fmt: skip


def _follow(store: Any, record: Any) -> int:
    """Print a run's steps as they end, and what they say, until the run has ended."""
    import time

    from p2m.cli.log_views import step_line
    from p2m.engine.journal import find_run, said, state

    told: dict[str, str] = {}  # step -> the status that was printed
    lines = 0
    while True:
        record = find_run(store, record.id)
        now = state(store, record)
        spoken = said(store, record.id)
        for line in spoken[lines:]:
            print(f"      {line}")
        lines = len(spoken)
        for name, step in record.steps.items():
            if told.get(name) != step.status and step.status != "source":
                print(step_line(step, state=now))
            told[name] = step.status
        sys.stdout.flush()
        if now != "running":
            print(f"{record.id}  {now}")
            return 0
        time.sleep(0.3)
