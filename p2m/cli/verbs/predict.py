"""p2m predict: ask a bundle, by the file that it ships."""

from __future__ import annotations

import argparse
from pathlib import Path

from p2m.delivery import KEPT, MANIFEST
from p2m.errors import UserError, command

GROUP = "result"
SUMMARY = "ask a built model"
EXAMPLES = """p2m predict outputs/qa '{"question": "Who left?", "context": "Ada left at noon."}'
  p2m predict outputs/reviews reviews.csv answered.csv      # or .parquet, .jsonl, ...
  p2m predict outputs/qa < questions.jsonl > answers.jsonl"""

_SHOWN = 5  # bundles that are named


def arguments(parser: argparse.ArgumentParser) -> None:
    from p2m.deploy.serving.command import add_arguments, scores_told

    parser.add_argument("bundle", type=Path, help="a bundle's folder")
    add_arguments(parser)
    parser.epilog = f"{parser.epilog}\n\n{scores_told()}"


def need_bundle(folder: Path, verb: str) -> None:
    """
    Raises:
        UserError: a folder is no bundle; with what to type, as some may lie inside.
    """
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder}: no bundle here\n    next: {_next_step(folder, verb)}")


def _next_step(folder: Path, verb: str) -> str:
    below = [path.parent for name in KEPT for path in sorted((folder / name).glob(f"**/{MANIFEST}"))]
    if not below:
        return "p2m build RECIPE, which makes one in outputs/"
    below.sort(key=lambda path: (path / MANIFEST).stat().st_mtime, reverse=True)
    further = [f"\n          or {command(verb, path)}" for path in below[1:_SHOWN]]
    more = f"\n          ({len(below) - _SHOWN} more in there)" if len(below) > _SHOWN else ""
    return f"{command(verb, below[0])}, the last that was built{''.join(further)}{more}"


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.deploy.serving.command import answer

    need_bundle(arguments.bundle, "predict")
    return answer(arguments, arguments.bundle / "model", name="p2m predict")
