"""p2m review: people decide about rows and datasets."""

from __future__ import annotations

import argparse
import threading
import webbrowser
from pathlib import Path

from p2m.cli import common
from p2m.errors import UserError, nearest

GROUP = "recipe"
SUMMARY = "let people decide: label, correct and reject rows on a page, take or refuse datasets"
EXAMPLES = """p2m review data recipes/inbox.yaml            # the page: rows that tell most come first
  p2m review data recipes/inbox.yaml --pass 2   # once more, without showing what was decided
  p2m review data recipes/inbox.yaml --open
  p2m review datasets recipes/desk.yaml         # found datasets with some of their rows, one by one"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", help="data or datasets")
    common.recipe_arguments(parser)
    again = "which reading of the rows this is (default 1): a later one tells how far people agree"
    parser.add_argument("--pass", dest="turn", type=int, default=1, metavar="N", help=again)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    if arguments.action not in _ACTIONS:
        raise UserError(f"p2m review {arguments.action}? {nearest(arguments.action, _ACTIONS)}")
    if not 1 <= arguments.turn <= 1000:
        raise UserError(f"--pass {arguments.turn}: passes are numbered from 1")
    return _ACTIONS[arguments.action](arguments)


def _data(arguments: argparse.Namespace) -> int:
    from p2m.review.opening import open_desk
    from p2m.review.server import served

    def say(line: str) -> None:
        print(f"    {line}", flush=True)

    opening = open_desk(arguments.recipe, arguments.words, say, trust=arguments.trust, turn=arguments.turn)
    desk, path = opening.desk, opening.desk.overlay.path
    try:
        with served(desk) as server:
            state = desk.state()
            print(f"{state['rows']:,} rows, {state['decided']:,} decided -> {_from_here(path)}")
            print(
                f"open  {server.address}\nCtrl-C ends it; every decision is on the disk at once", flush=True
            )
            if arguments.open:
                webbrowser.open(server.address)
            _wait()
    finally:
        opening.close()
    state = desk.state()
    again = common.retyped("build", arguments)
    print(f"\n{state['decided']:,} rows decided -> {_from_here(path)}\nnext: {again}")
    return 0


def _wait() -> None:
    """Until Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


def _from_here(path: Path) -> str:
    return common.relative(path)


def _datasets(arguments: argparse.Namespace) -> int:
    from p2m.review.datasets import asked_about, offered

    project = common.project(arguments)
    overlay, known = asked_about(project)
    for one in offered(project):
        if one.refusal:
            print(f"{one.name}: not used, {one.refusal}")
            continue
        print(f"\n{one.name}  {one.about}")
        print("".join(f"    {line}\n" for line in one.lines), end="")
        before = known.get(one.name)
        said = "" if before is None else " (used so far)" if before else " (refused so far)"
        answer = _asked(f"learn from {one.name}?{said} [y]es, [n]o, [s]kip, [q]uit: ")
        if answer == "q":
            break
        if answer in "yn":
            overlay.append(one.decision(use=answer == "y"))
    overlay.tidy()
    again = common.retyped("build", arguments)
    print(f"\ndecisions -> {_from_here(overlay.path)}\nnext: {again}")
    return 0


def _asked(question: str) -> str:
    """One of y, n, s and q; the end of what is typed is q."""
    while True:
        try:
            answer = input(question).strip().lower()[:1]
        except (EOFError, KeyboardInterrupt):
            return "q"
        if answer and answer in "ynsq":
            return answer


_ACTIONS = {"data": _data, "datasets": _datasets}
