"""p2m keep: names that gc respects."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.cli import common, stores
from p2m.errors import UserError, command, nearest

GROUP = "store"
SUMMARY = "keep a run's results under a name, whatever gc does"
EXAMPLES = """p2m keep recipes/qa.yaml --as demo          # its last finished run without overrides
  p2m keep recipes/qa.yaml seed=2 --as two    # its last finished run with just these overrides
  p2m keep 20260301-101500-123456-a1b2c3      # a run; `p2m log` lists them
  p2m keep --list
  p2m keep --drop demo"""

_NEAR = 3  # runs that are named where none is the one that was meant


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", metavar="RECIPE|RUN", help="a recipe's YAML file, or a run's id")
    parser.add_argument("words", nargs="*", metavar="OVERRIDE", help="the overrides of the run, in any order")
    common.trust_argument(parser, "as for p2m build")
    parser.add_argument("--as", dest="name", metavar="NAME", help="the name (default: the plan's)")
    parser.add_argument("--list", action="store_true", help="list the names")
    parser.add_argument("--drop", metavar="NAME", help="forget a name; its results stay until the next gc")
    stores.store_argument(parser)
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    wanted = [bool(arguments.what), arguments.list, arguments.drop is not None]
    if sum(wanted) != 1:
        raise UserError(
            "what is to be done? p2m keep RECIPE --as NAME, p2m keep --list, or p2m keep --drop NAME"
        )
    if arguments.list:
        return _list(arguments)
    return _drop(arguments) if arguments.drop is not None else _keep(arguments)


def _list(arguments: argparse.Namespace) -> int:
    from p2m.cli.store_views import keeps_text
    from p2m.engine.storage.kept import keeps

    found = keeps(stores.open_existing(arguments.store).root)
    return common.answer(arguments, found, lambda: keeps_text(found))


def _drop(arguments: argparse.Namespace) -> int:
    from p2m.engine.storage.kept import drop, is_name, keeps

    root = stores.open_existing(arguments.store).root
    if not is_name(arguments.drop) or not drop(root, arguments.drop):
        names = [keep.name for keep in keeps(root)]
        hint = nearest(arguments.drop, names) if names else "no names are kept at all"
        raise UserError(f"no name {arguments.drop!r} is kept; {hint}")
    told = f"{arguments.drop} is no longer kept; the next p2m gc --delete may free what it named"
    return common.answer(arguments, {"dropped": arguments.drop}, lambda: told)


def _keep(arguments: argparse.Namespace) -> int:
    from p2m.engine.care.roots import pins_of
    from p2m.engine.storage.kept import is_name, keep

    store, record = _run(arguments)
    name = arguments.name or record.plan
    if not is_name(name):
        raise UserError(
            f"{name!r} is no name: letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    made = keep(store.root, name, record.id, record.plan, pins_of(record))
    lost = [step.step for step in record.steps.values() if step.key and store.lookup(step.key) is None]
    steps = sum(step.status != "source" for step in record.steps.values())
    text = f"{name} keeps run {record.id} of {record.plan} ({steps} steps)"
    if lost:
        text += f"\n  no longer in the store: {', '.join(lost)}; build the recipe again and keep that run"
    told = {"name": made.name, "run": made.run, "plan": made.plan, "missing": lost}
    return common.answer(arguments, told, lambda: text)


def _run(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """The store and the run that were meant."""
    from p2m.engine.care.roots import variant
    from p2m.engine.journal import find_run, runs

    path = Path(arguments.what)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        if arguments.words:
            raise UserError(
                f"{arguments.what} is a run, which has its overrides; these choose runs of a recipe"
            )
        store = stores.open_existing(arguments.store)
        return store, find_run(store, arguments.what)
    arguments.recipe = path
    project = common.project(arguments)
    store = stores.open_existing(arguments.store or project.store)
    wanted = variant(project.composed.overrides)
    done = [
        record
        for record in runs(store, project.plan.name)
        if record.status == "done" and Path(record.invocation.recipe or path).name == path.name
    ]
    for record in done:
        if variant(record.invocation.overrides) == wanted:
            return store, record
    raise UserError(_none(path, wanted, store.root, done))


def _none(path: Path, wanted: tuple[str, ...], root: Path, done: Sequence[Any]) -> str:
    """That there is no such run, with those whose overrides are the nearest, the latest of each."""
    from p2m.engine.care.roots import variant

    latest: dict[tuple[str, ...], Any] = {}
    for record in done:
        latest.setdefault(variant(record.invocation.overrides), record)
    near = sorted(latest, key=lambda words: len({*words} ^ {*wanted}))[:_NEAR]
    lines = [f"{path} has no finished run {_shown(wanted)} in {root}" + (", but these:" if near else "")]
    lines += [f"      {latest[words].id}  {_shown(words)}" for words in near]
    lines.append(f"    next: {command('build', path, *wanted)}")
    if near:
        lines.append("    or p2m keep RUN; all runs: p2m log")
    return "\n".join(lines)


def _shown(words: tuple[str, ...]) -> str:
    return f"with {' '.join(words)}" if words else "without overrides"
