"""p2m gc: free what nothing keeps."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import Any

from p2m.cli import common, stores
from p2m.errors import UserError

GROUP = "store"
SUMMARY = "say what the store could free, and free it"
EXAMPLES = """p2m gc                       # what would go, and what keeps the rest; deletes nothing
  p2m gc --delete
  p2m gc --runs 1 --older-than 7d --delete
  p2m gc --shared s3://bucket/p2m --older-than 60d   # of a bucket that machines share, and what that costs"""
_HERE = "\0"  # --shared without a url


def arguments(parser: argparse.ArgumentParser) -> None:
    stores.store_argument(parser)
    common.json_argument(parser)
    parser.add_argument("--delete", action="store_true", help="delete; builds may go on meanwhile")
    runs, age = "keep the last N runs of each plan and set of overrides (default 3)", "spare what is younger"
    parser.add_argument("--runs", type=stores.count, metavar="N", help=runs)
    parser.add_argument(
        "--older-than",
        type=stores.seconds,
        metavar="AGE",
        help=f"{age}: 12h, 7d (default with --shared: 30d)",
    )
    what = "the object store that machines share (default: $P2M_SHARED_STORE) instead of this machine's"
    parser.add_argument("--shared", nargs="?", const=_HERE, metavar="URL", help=what)


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.engine.care.roots import RUNS

    arguments.runs = RUNS if arguments.runs is None else arguments.runs
    again = shlex.join(["p2m", *argv, "--delete"])
    return _shared(arguments, again) if arguments.shared else _local(arguments, again)


def _local(arguments: argparse.Namespace, again: str) -> int:
    from p2m.cli.progress import Progress
    from p2m.cli.store_views import gc_text
    from p2m.engine.care.gc import collect

    store = stores.open_existing(arguments.store)
    with Progress() as progress:
        report = collect(
            store,
            delete=arguments.delete,
            runs=arguments.runs,
            older_than=arguments.older_than or 0.0,
            progress=progress.counted,
            waiting=lambda who: progress.line(f"waiting for another gc, {who}"),
        )
    names = ("deleted", "freed", "kept", "total_freed", "total_kept")
    told = {"store": str(store.root), **{name: getattr(report, name) for name in names}}
    return common.answer(arguments, told, lambda: f"store {store.root}\n{gc_text(report, again)}")


def _shared(arguments: argparse.Namespace, again: str) -> int:
    from p2m.cli.progress import Progress
    from p2m.cli.store_views import shared_gc_text
    from p2m.engine.care.gc_shared import OLD, collect_shared

    place = _place(arguments)
    try:
        store = stores.open_existing(arguments.store)
    except UserError:  # a machine without builds of its own keeps nothing
        if arguments.store is not None:
            raise
        store = None
    older = OLD if arguments.older_than is None else arguments.older_than
    with Progress() as progress:
        report = collect_shared(
            place,
            store,
            delete=arguments.delete,
            runs=arguments.runs,
            older_than=older,
            progress=progress.counted,
        )
    names = ("deleted", "freed", "kept", "total_freed", "total_kept", "cost", "ahead")
    told = {"store": place.url, **{name: getattr(report, name) for name in names}}
    return common.answer(arguments, told, lambda: f"store {place.url}\n{shared_gc_text(report, again)}")


def _place(arguments: argparse.Namespace) -> Any:
    """The object store that was typed or that the environment names. Raises: UserError."""
    from p2m.engine.storage.objects import OBJECT_STORES
    from p2m.engine.storage.shared_address import URL_VARIABLE, chosen_address, lacking

    typed = {} if arguments.shared == _HERE else {URL_VARIABLE: arguments.shared}
    try:
        place = chosen_address(None, os.environ | typed)
    except ValueError as error:
        raise UserError(str(error).replace(f"{URL_VARIABLE}: ", "--shared: " if typed else "")) from None
    if place is None:
        raise UserError(f"--shared: no store is named\n    next: give its url, or set {URL_VARIABLE}")
    if place.protocol not in OBJECT_STORES:
        raise UserError(
            f"--shared: {place.url} is no object store such as s3://bucket/p2m\n"
            "    next: p2m gc --store DIR, on the machine where that folder lies"
        )
    if problem := lacking(place):
        raise UserError(f"--shared: {problem}")
    return place
