"""p2m review: people decide about rows and datasets."""

from __future__ import annotations

import argparse
import threading
import webbrowser
from pathlib import Path

from p2m.cli import common
from p2m.errors import UserError, command, nearest

GROUP = "recipe"
SUMMARY = "let people label rows, and correct and reject them, on a page of this machine"
EXAMPLES = """p2m review data recipes/inbox.yaml            # the page: rows that tell most come first
  p2m review data recipes/inbox.yaml --pass 2   # once more, without showing what was decided
  p2m review data recipes/inbox.yaml --open"""
_ACTIONS = ("data",)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", help=", ".join(_ACTIONS))
    common.recipe_arguments(parser)
    again = "which reading of the rows this is (default 1): a later one tells how far people agree"
    parser.add_argument("--pass", dest="turn", type=int, default=1, metavar="N", help=again)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    if arguments.action not in _ACTIONS:
        raise UserError(f"p2m review {arguments.action}? {nearest(arguments.action, _ACTIONS)}")
    if not 1 <= arguments.turn <= 1000:
        raise UserError(f"--pass {arguments.turn}: passes are numbered from 1")
    return _data(arguments)


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
    again = command("build", arguments.recipe, *arguments.words)
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
