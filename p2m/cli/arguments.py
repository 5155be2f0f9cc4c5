"""What can be typed: one parser a verb, each with an example."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from p2m.cli import verbs
from p2m.errors import nearest
from p2m.version import __version__


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"p2m: {message}\n    try: {self.prog} --help", file=sys.stderr)
        sys.exit(2)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The verb and its arguments. Exits with 0 after help and with 2 after a mistake."""
    if not arguments or arguments[0] in ("-h", "--help") or list(arguments) == ["help"]:
        print(overview())
        sys.exit(0)
    if arguments[0] in ("-V", "--version"):
        print(f"p2m {__version__}")
        sys.exit(0)
    name, known = arguments[0], verbs.names()
    if name not in known:
        print(f"p2m: no verb {name!r}: {nearest(name, known)}\n    try: p2m --help", file=sys.stderr)
        sys.exit(2)
    try:
        parsed = parser_of(name).parse_intermixed_args(list(arguments[1:]))
    except AttributeError as error:  # of argparse, which cannot undo what an interrupt left half done
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    parsed.verb = name
    return parsed


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one verb."""
    verb = verbs.verb(name)
    parser = _Parser(
        prog=f"p2m {name}",
        description=verb.SUMMARY[0].upper() + verb.SUMMARY[1:] + ".",
        epilog="examples:\n  " + verb.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.arguments(parser)
    return parser


def overview() -> str:
    """What `p2m --help` prints."""
    known = {name: verbs.verb(name) for name in verbs.names()}
    lines = ["p2m compiles a recipe (a prompt, constraints, metric preferences) into a small model."]
    for group, heading in verbs.GROUPS.items():
        lines += ["", f"{heading}:"]
        lines += [f"  p2m {name:<8} {verb.SUMMARY}" for name, verb in known.items() if group == verb.GROUP]
    lines += ["", "p2m VERB --help shows options and examples, p2m help TOPIC a page or a recipe's key.", ""]
    lines += ["Exit codes: 0 done or nothing to do, 1 error, 2 wrong input, 3 lock out of date, 4 the model"]
    lines += [
        "misses its contract, 5 verification failed, 10 `plan --exit-code` has work to do, 130 interrupted."
    ]
    return "\n".join(lines)
