"""p2m predict: ask a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from p2m.errors import UserError

GROUP = "result"
SUMMARY = "ask a built model"
EXAMPLES = """p2m predict outputs/qa '{"question": "Who left?", "context": "Ada left at noon."}'
  p2m predict outputs/qa < questions.jsonl > answers.jsonl"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="a bundle's folder")
    parser.add_argument("input", nargs="?", help="one input as JSON or text; none reads JSON Lines")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.runtimes import predict

    if not (arguments.bundle / "manifest.json").is_file():
        raise UserError(
            f"{arguments.bundle}: no bundle here\n    next: p2m build RECIPE, which makes one in outputs/"
        )
    rest = [] if arguments.input is None else ["--", arguments.input]
    return predict.main(["--model", str(arguments.bundle / "model"), *rest])
