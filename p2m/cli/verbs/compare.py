"""p2m compare: two bundles on the same labelled rows."""

from __future__ import annotations

import argparse
from pathlib import Path

from p2m.cli import common
from p2m.cli.verbs.eval import data_arguments

GROUP = "result"
SUMMARY = "say whether one built model is better than another"
EXAMPLES = """p2m compare outputs/tickets outputs/tickets/variants/1f0c november.csv
  p2m compare old/tickets outputs/tickets november.csv --no-worse   # exit code 4 where it is worse"""

_CHANCE = 0.05  # one-sided p at which the second is taken to be worse


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", type=Path, help="a bundle's folder")
    parser.add_argument("second", type=Path, help="another one's, which reads and answers the same")
    data_arguments(parser)
    worse = "end with exit code 4 where the second is worse by more than chance"
    parser.add_argument("--no-worse", action="store_true", help=worse)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.bundle_scores import compare, labelled, opened
    from p2m.cli.score_views import Answering, compared_text
    from p2m.cli.verbs.predict import need_bundle

    for folder in (arguments.first, arguments.second):
        need_bundle(folder, "compare")
    threads = max(1, arguments.threads)
    first, second = (
        opened(each, threads=threads, trust=arguments.trust) for each in (arguments.first, arguments.second)
    )
    given = labelled(first.task, arguments.data)
    rows = given.rows
    found = compare(first, second, rows, progress=Answering())
    told = {
        "rows": len(rows), "difference": found.beside.difference, "better": found.beside.better,
        "worse": found.beside.worse, "outcomes": dict(found.outcomes), "first": found.first.scores,
        "second": found.second.scores, "unseen": given.unseen,
    }  # fmt: skip
    code = common.answer(arguments, told, lambda: compared_text(first, second, arguments.data, found, given))
    return common.CONTRACT_MISSED if arguments.no_worse and found.beside.worse < _CHANCE else code
