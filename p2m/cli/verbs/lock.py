"""p2m lock: pin what a build rests on and gave, and say exactly where that no longer holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.cli import common
from p2m.errors import LockDrift, UserError, command

if TYPE_CHECKING:
    from p2m.engine.store import Store
    from p2m.project import Project

GROUP = "build"
SUMMARY = "write a recipe's lock, or check that it still holds"
EXAMPLES = """p2m lock recipes/qa.yaml                    # from what the last builds left in the store
  p2m lock recipes/qa.yaml --check            # exit code 3 where it no longer holds; nothing runs
  p2m lock recipes/qa.yaml --check --ignore code
  p2m lock recipes/qa.yaml --upgrade data.test packages"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a recipe's YAML file")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="compare, and exit with 3 where anything differs")
    anew = "pin only these anew: an input, packages, a package, teacher, weights, recipe, code, p2m"
    ways.add_argument("--upgrade", nargs="*", metavar="NAME", help=anew)
    common.ignore_argument(parser)
    common.trust_argument(parser, "as in p2m build")
    common.json_argument(parser)
    common.unfold_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.lock import Policy
    from p2m.project import load

    Policy(ignore=tuple(arguments.ignore))  # says what is no group
    if arguments.ignore and not arguments.check:
        raise UserError("--ignore belongs to --check: a lock is written whole")
    project = load(arguments.recipe, trust=arguments.trust)
    if arguments.check:
        return _check(project, arguments)
    return _write(project, arguments) if arguments.upgrade is None else _upgrade(project, arguments)


def _check(project: Project, arguments: argparse.Namespace) -> int:
    from p2m.lock import counted, differences, drift_message, lock_of, lock_path, look, read_lock_of
    from p2m.marked_yaml import show
    from p2m.project import subject
    from p2m.questions import same_rows

    path, about = lock_path(project.recipe), subject(project)
    old = read_lock_of(project.recipe)
    store = _store(project)
    now = look(about, store, student=old.weights.student if old.weights else "")
    found = counted(differences(old, lock_of(now, store, known=old), about.place), arguments.ignore)
    if arguments.json:
        print(common.as_json({"lock": show(path), "up_to_date": not found, "differences": found}))
    elif found:
        alike = same_rows(project, old, found)
        print(common.runnable(drift_message(path, found, project.recipe, alike=alike)))
    else:
        print(f"{show(path)} is up to date{'' if old.metrics else ', without results until the next build'}")
    return LockDrift.exit_code if found else 0


def _write(project: Project, arguments: argparse.Namespace) -> int:
    from p2m.cli.groups import folded_names, groups_of
    from p2m.lock import differences, lock_of, lock_path, look, missing_steps, standing
    from p2m.marked_yaml import show
    from p2m.project import subject

    path, about = lock_path(project.recipe), subject(project)
    old, wrong = standing(project.recipe)
    store = _store(project)
    now = look(about, store)
    missing = missing_steps(now, store)
    if store is None or missing:
        names = folded_names(missing, groups_of(project.plan, arguments))
        raise LockDrift(
            f"{show(project.recipe)} as it is now has not been built: {', '.join(names)}\n"
            f"    build it, which writes the lock too: {command('build', show(project.recipe))}"
        )
    lock = lock_of(now, store)
    changes = differences(old, lock, about.place) if old is not None else ()
    state = _put(store, path, lock)
    if wrong:
        state = f"written anew: the one there {wrong}"
    return _told(arguments, path, state, changes, ())


def _upgrade(project: Project, arguments: argparse.Namespace) -> int:
    from p2m.lock import lock_of, lock_path, look, read_lock_of, upgrade
    from p2m.project import subject

    path, about = lock_path(project.recipe), subject(project)
    old = read_lock_of(project.recipe)
    store = _store(project)
    now = look(about, store, student=old.weights.student if old.weights else "")
    upgraded = upgrade(old, lock_of(now, store), arguments.upgrade, about.place)
    state = _put(store, path, upgraded.lock)
    return _told(arguments, path, state, upgraded.changes, upgraded.left)


def _told(arguments: argparse.Namespace, path: Path, state: str, changes: Any, left: Any) -> int:
    from p2m.lock import drift_text, read_lock
    from p2m.marked_yaml import show

    pending = not read_lock(path).metrics
    if arguments.json:
        told = {"lock": show(path), "state": state, "changes": changes, "left": left, "pending": pending}
        print(common.as_json(told))
        return 0
    print(f"{show(path)}: {state}")
    if changes:
        print(drift_text(changes))
    if left:
        print(f"not named, so left as it was pinned:\n{drift_text(left)}")
    if pending:
        build = common.runnable(command("build", show(arguments.recipe)))
        print(f"    the next build pins what these give: {build}")
    return 0


def _put(store: Store | None, path: Path, lock: Any) -> str:
    from p2m.lock import register, write_lock

    try:
        changed = write_lock(path, lock)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    if store is not None:
        register(store, path)
    return "written" if changed else "already up to date"


def _store(project: Project) -> Store | None:
    """The store, which looking at a lock does not found."""
    from p2m.project import open_store

    return open_store(project) if project.store.exists() else None
