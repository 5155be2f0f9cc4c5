"""p2m gc: free what nothing keeps."""

from __future__ import annotations

import argparse
import shlex

from p2m.cli import common, stores

GROUP = "store"
SUMMARY = "say what the store could free, and free it"
EXAMPLES = """p2m gc                       # what would go, and what keeps the rest; deletes nothing
  p2m gc --delete
  p2m gc --runs 1 --older-than 7d --delete"""


def arguments(parser: argparse.ArgumentParser) -> None:
    stores.store_argument(parser)
    common.json_argument(parser)
    parser.add_argument("--delete", action="store_true", help="delete; builds may go on meanwhile")
    runs, age = "keep the last N runs of each plan and set of overrides (default 3)", "spare what is younger"
    parser.add_argument("--runs", type=stores.count, metavar="N", help=runs)
    parser.add_argument(
        "--older-than", type=stores.seconds, default=0.0, metavar="AGE", help=f"{age}: 12h, 7d"
    )


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.cli.progress import Progress
    from p2m.cli.store_views import gc_text
    from p2m.engine.care.gc import collect
    from p2m.engine.care.roots import RUNS

    store = stores.open_existing(arguments.store)
    with Progress() as progress:
        report = collect(
            store,
            delete=arguments.delete,
            runs=RUNS if arguments.runs is None else arguments.runs,
            older_than=arguments.older_than,
            progress=progress.counted,
            waiting=lambda who: progress.line(f"waiting for another gc, {who}"),
        )
    names = ("deleted", "freed", "kept", "total_freed", "total_kept")
    told = {"store": str(store.root), **{name: getattr(report, name) for name in names}}
    text = gc_text(report, shlex.join(["p2m", *argv, "--delete"]))
    return common.answer(arguments, told, lambda: f"store {store.root}\n{text}")
