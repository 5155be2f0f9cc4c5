"""p2m init: the first recipe."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from p2m.errors import UserError, command

GROUP = "recipe"
SUMMARY = "write a commented recipe from a prompt"
EXAMPLES = """p2m init "Classify a review as positive or negative." --output recipes/reviews.yaml"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", help="the task in words; - reads standard input")
    parser.add_argument("--name", help="the recipe's name (default: made from the prompt)")
    parser.add_argument("--output", type=Path, help="where to write it (default: recipes/<name>.yaml)")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.recipe_template import recipe_name

    prompt = sys.stdin.read() if arguments.prompt == "-" else arguments.prompt
    if not prompt.strip():
        raise UserError('the prompt is empty\n    try: p2m init "Answer a question from a passage."')
    name = arguments.name or recipe_name(prompt)
    path = arguments.output or Path("recipes") / f"{name}.yaml"
    if path.exists():
        raise UserError(f"{path}: exists already\n    choose another place with --output FILE")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(prompt, name, path), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    print(f"{path}\n    next: {command('plan', path)}")
    return 0


def _rendered(prompt: str, name: str, path: Path) -> str:
    """The recipe's text, with the embedded teacher only where it can write the rows."""
    from p2m.parsing import parse_prompt
    from p2m.recipe_template import render_recipe
    from p2m.spec.components import FAMILIES, build_component

    task = parse_prompt(prompt)
    embedded = build_component({"target": "p2m.teachers.embedded.Embedded"}, FAMILIES["teacher"])
    teacher = "none" if embedded.refusal(task) else "embedded"
    row = json.dumps({field.name: "..." for field in (*task.inputs, task.output)})
    return render_recipe(prompt, name=name, file=str(path), teacher=teacher, row=row)
