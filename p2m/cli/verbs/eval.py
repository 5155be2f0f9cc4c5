"""p2m eval: a bundle on labelled rows."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from p2m.cli import common
from p2m.errors import UserError, nearest
from p2m.types import Metric, Requirement

GROUP = "result"
SUMMARY = "score a built model on labelled rows"
EXAMPLES = """p2m eval outputs/tickets november.csv
  p2m eval outputs/tickets november.csv --wrong wrong.jsonl    # its errors, the surest first
  p2m eval outputs/tickets november.csv --require 'accuracy >= 0.85'    # exit code 4 below
  p2m eval outputs/tickets november.csv --robust    # and with typing errors, in capitals, ..."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="a bundle's folder")
    data_arguments(parser)
    parser.add_argument(
        "--wrong", type=Path, metavar="FILE", help="write the wrong answers to FILE as JSON Lines"
    )
    robust = "score the rows also with typing errors, in another case and with surplus blanks"
    parser.add_argument("--robust", action="store_true", help=robust)
    requirement = "end with exit code 4 unless it is met, such as 'accuracy >= 0.85'; may be repeated"
    parser.add_argument("--require", action="append", default=[], metavar="METRIC", help=requirement)


def data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="a table with the inputs and their right answers")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="processor threads (default: 2)")
    common.trust_argument(parser, "let metrics come from this package")
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.bundle_scores import labelled, opened, rewritten, score
    from p2m.cli.score_views import Answering, scored_text, write_wrong
    from p2m.cli.verbs.predict import need_bundle

    need_bundle(arguments.bundle, "eval")
    bundle = opened(arguments.bundle, threads=max(1, arguments.threads), trust=arguments.trust)
    wanted = [_requirement(text, {each.name: each for each in bundle.metrics}) for text in arguments.require]
    given = labelled(bundle.task, arguments.data)
    rows = given.rows
    found = score(bundle, rows, progress=Answering())
    others = rewritten(bundle, rows, found, progress=Answering()) if arguments.robust else None
    if arguments.wrong is not None:
        write_wrong(found, arguments.wrong)
    values = {each.metric: each.value for each in found.scores}
    missed = [text for text, each in zip(arguments.require, wanted, strict=True)
              if not each.is_met(values[each.metric])]  # fmt: skip
    told = {
        "scores": found.scores, "sureness": found.sureness, "slices": found.slices, "rows": len(rows),
        "missed": missed, "left_out": bundle.left, "rewritten": others, "unseen": given.unseen,
    }  # fmt: skip
    code = common.answer(
        arguments, told, lambda: scored_text(bundle, arguments.data, found, missed, others, given)
    )
    return common.CONTRACT_MISSED if missed else code


def _requirement(text: str, known: Mapping[str, Metric]) -> Requirement:
    from p2m.spec.units import parse_requirement, unreachable

    metric, _, limit = text.partition(" ")
    if metric not in known:
        hint = nearest(metric, list(known))
        raise UserError(f"--require {text!r}: no metric {metric!r} of this bundle: {hint}")
    try:
        found = parse_requirement(metric, limit)
    except ValueError as error:
        raise UserError(f"--require {text!r}: {error}") from None
    if never := unreachable(found, known[metric]):
        raise UserError(f"--require {text!r}: {'; '.join(never)}")
    return found
