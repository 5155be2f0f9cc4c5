"""p2m verify: read everything in the store, or run a step again and compare."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from p2m.cli import common, stores
from p2m.errors import UserError, nearest

GROUP = "store"
SUMMARY = "read the whole store, or run a step again and compare"
EXAMPLES = """p2m verify                                 # every byte; 5 where something is wrong
  p2m verify --repair                        # set aside what is damaged; 0 where that was all
  p2m verify recipes/qa.yaml --rebuild train # does it give the same again? nothing is published
  p2m verify recipes/qa.yaml --rebuild all"""
FAILED = 5


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser, optional=True)
    stores.store_argument(parser)
    common.json_argument(parser)
    parser.add_argument("--repair", action="store_true", help="set damaged things aside, or fetch them again")
    parser.add_argument("--rebuild", metavar="STEP", help="run this step of the recipe again, or `all`")


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    if arguments.rebuild is not None:
        return _rebuild(arguments)
    return _verify(arguments, shlex.join(["p2m", *argv, "--repair"]))


def _verify(arguments: argparse.Namespace, command: str) -> int:
    from p2m.cli.progress import Progress
    from p2m.cli.store_views import verification_text
    from p2m.engine.care.repair import repair
    from p2m.engine.care.verify import verify

    store = _store(arguments)
    with Progress() as progress:
        found = verify(store, progress=progress.counted)
        if arguments.repair and found.faults:
            found = repair(store, found)
    told = {"store": str(store.root), "sound": found.is_sound, "found": found}
    text = verification_text(found, repaired=arguments.repair, command=command)
    common.answer(arguments, told, lambda: f"store {store.root}\n{text}")
    return 0 if found.is_sound else FAILED


def _rebuild(arguments: argparse.Namespace) -> int:
    from p2m.cli.store_views import rebuilt_text
    from p2m.engine.care.rebuild import rebuild

    if arguments.recipe is None:
        raise UserError(f"a step of which recipe? p2m verify RECIPE --rebuild {arguments.rebuild}")
    project = common.project(arguments)
    store = _store_of(arguments, project)
    names = [step.name for step in project.plan.steps if not step.is_source]
    if arguments.rebuild not in (*names, "all"):
        raise UserError(f"no step {arguments.rebuild!r} in this plan: {nearest(arguments.rebuild, names)}")
    wanted = names if arguments.rebuild == "all" else [arguments.rebuild]
    found = []
    for name in wanted:
        result = rebuild(project.plan, store, project.composed.spec.device, name)
        found.append(result)
        if not arguments.json:
            print(rebuilt_text(result), flush=True)
    if arguments.json:
        print(common.as_json(found))
    return 0 if all(result.passes for result in found) else FAILED


def _store(arguments: argparse.Namespace) -> Any:
    if arguments.recipe is None:
        return stores.open_existing(arguments.store)
    return _store_of(arguments, common.project(arguments))


def _store_of(arguments: argparse.Namespace, project: Any) -> Any:
    """The recipe's store, with its shared one, unless another was typed."""
    from p2m.project import open_store

    if arguments.store is not None:
        return stores.open_existing(Path(arguments.store))
    stores.open_existing(project.store)
    return open_store(project)
