"""What can be typed: one parser a verb, each with an example."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from p2m import __version__
from p2m.errors import nearest

VERBS = {
    "init": "write a commented recipe from a prompt",
    "check": "validate a recipe without building it",
    "plan": "say what a build would run, and why",
    "build": "build a recipe into a bundle",
    "why": "say exactly why a step would run, or why not",
    "graph": "draw the steps and their edges",
    "show": "print what a step made",
    "predict": "ask a built model",
    "doctor": "say what this machine has and lacks",
}

EXAMPLES = {
    "init": 'p2m init "Classify a review as positive or negative." --output recipes/reviews.yaml',
    "check": "p2m check recipes/qa.yaml student=tiny_seq2seq\n  p2m check --schema > recipe.schema.json",
    "plan": "p2m plan recipes/qa.yaml generation.num_examples=8000",
    "build": "p2m build recipes/qa.yaml\n  p2m build recipes/qa.yaml training=fast seed=3\n"
    "  p2m build recipes/qa.yaml -m student=minilm,tiny_seq2seq seed=0,1",
    "why": "p2m why recipes/qa.yaml train",
    "graph": "p2m graph recipes/qa.yaml --format mermaid",
    "show": "p2m show recipes/qa.yaml            # every step in a line\n"
    "  p2m show recipes/qa.yaml curate --rows 5",
    "predict": """p2m predict outputs/qa '{"question": "Who left?", "context": "Ada left at noon."}'
  p2m predict outputs/qa < questions.jsonl > answers.jsonl""",
    "doctor": "p2m doctor",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"p2m: {message}\n    try: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The verb and its arguments. Exits with 0 after help and with 2 after a mistake."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        sys.exit(0)
    if arguments[0] in ("-V", "--version"):
        print(f"p2m {__version__}")
        sys.exit(0)
    verb = arguments[0]
    if verb not in VERBS:
        print(f"p2m: no verb {verb!r}: {nearest(verb, VERBS)}\n    try: p2m --help", file=sys.stderr)
        sys.exit(2)
    parser = _parser(verb)
    parsed = parser.parse_intermixed_args(list(arguments[1:]))
    parsed.verb = verb
    _check(parser, parsed)
    return parsed


def overview() -> str:
    """What `p2m --help` prints."""
    lines = ["p2m compiles a recipe (a prompt, constraints, metric preferences) into a small model.", ""]
    lines += [f"  p2m {verb:<8} {summary}" for verb, summary in VERBS.items()]
    lines += ["", "  p2m VERB --help shows options and examples.", ""]
    lines += ["Exit codes: 0 done or nothing to do, 1 error, 2 wrong input, 4 the model misses its contract,"]
    lines += ["10 `plan --exit-code` has work to do, 130 interrupted."]
    return "\n".join(lines)


def _parser(verb: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"p2m {verb}",
        description=VERBS[verb][0].upper() + VERBS[verb][1:] + ".",
        epilog="examples:\n  " + EXAMPLES[verb],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if verb in ("check", "plan", "build", "why", "graph", "show"):
        _recipe_arguments(parser, verb)
    if verb in ("check", "plan", "build", "show", "why", "doctor"):
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    _verb_arguments(parser, verb)
    return parser


def _recipe_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    parser.add_argument(
        "recipe", type=Path, nargs="?" if verb == "check" else None, help="a recipe's YAML file"
    )
    step = " STEP first, where the verb takes one" if verb in ("why", "show") else ""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="OVERRIDE",
        help=f"Hydra overrides such as training.epochs=2;{step or ' any number'}",
    )
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="let components come from this package",
    )


def _verb_arguments(parser: argparse.ArgumentParser, verb: str) -> None:
    if verb == "init":
        parser.add_argument("prompt", help="the task in words; - reads standard input")
        parser.add_argument("--name", help="the recipe's name (default: made from the prompt)")
        parser.add_argument("--output", type=Path, help="where to write it (default: recipes/<name>.yaml)")
    elif verb == "check":
        parser.add_argument("--schema", action="store_true", help="print the JSON Schema of recipes and stop")
    elif verb == "plan":
        parser.add_argument("--exit-code", action="store_true", help="exit with 10 where something would run")
    elif verb == "build":
        parser.add_argument(
            "-m", "--multirun", action="store_true", help="sweep over overrides such as seed=0,1"
        )
        parser.add_argument(
            "--outputs", type=Path, help="where bundles land (default: outputs/ of the project)"
        )
    elif verb == "graph":
        parser.add_argument("--format", choices=("text", "mermaid"), default="text")
    elif verb == "show":
        parser.add_argument("--rows", type=int, default=3, help="how many rows of each table (default 3)")
    elif verb == "predict":
        parser.add_argument("bundle", type=Path, help="a bundle's folder")
        parser.add_argument("input", nargs="?", help="one input as JSON or text; none reads JSON Lines")


def _check(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    """What argparse cannot say: a recipe or --schema; STEP before the overrides."""
    if parsed.verb == "check" and not parsed.recipe and not parsed.schema:
        parser.error("a recipe is needed, or --schema")
    if parsed.verb in ("why", "show"):
        parsed.step = parsed.words.pop(0) if parsed.words and "=" not in parsed.words[0] else None
    if parsed.verb == "why" and parsed.step is None:
        parser.error("which step? p2m why RECIPE STEP; `p2m graph RECIPE` names them")
