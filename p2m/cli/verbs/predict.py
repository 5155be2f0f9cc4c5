"""p2m predict: ask a bundle, by the file that it ships."""

from __future__ import annotations

import argparse
from pathlib import Path

from p2m.errors import UserError

GROUP = "result"
SUMMARY = "ask a built model"
EXAMPLES = """p2m predict outputs/qa '{"question": "Who left?", "context": "Ada left at noon."}'
  p2m predict outputs/reviews --input reviews.csv --output answered.csv
  p2m predict outputs/qa < questions.jsonl > answers.jsonl"""


def arguments(parser: argparse.ArgumentParser) -> None:
    from p2m.runtimes import predict

    parser.add_argument("bundle", type=Path, help="a bundle's folder")
    predict.add_arguments(parser)
    parser.epilog = f"{parser.epilog}\n\n{predict.scores_told()}"


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.runtimes import predict

    if not (arguments.bundle / "manifest.json").is_file():
        raise UserError(
            f"{arguments.bundle}: no bundle here\n    next: p2m build RECIPE, which makes one in outputs/"
        )
    again = ("p2m", "predict", str(arguments.bundle))
    return predict.answer(arguments, arguments.bundle / "model", again, name="p2m predict")
