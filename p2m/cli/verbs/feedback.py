"""p2m feedback: make decisions of what people said of a model's answers in service."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.cli import common

if TYPE_CHECKING:
    from p2m.feedback.opening import Found

GROUP = "build"
SUMMARY = "make decisions for the next build of what people said of answers in service"
EXAMPLES = """p2m feedback recipes/tickets.yaml            # recipes/tickets.feedback.jsonl, then a question
  p2m feedback recipes/tickets.yaml /var/log/tickets.jsonl --since 2026-01-31
  p2m feedback recipes/tickets.yaml --yes            # write it without asking
  p2m feedback recipes/tickets.yaml --corrected-only # leave confirmed answers aside
  p2m feedback recipes/tickets.yaml --json           # for programs; writes nothing without --yes

The same log twice changes nothing the second time."""


def arguments(parser: argparse.ArgumentParser) -> None:
    common.recipe_arguments(parser)
    since = "count what was asked from then on: a day, or a time in UTC"
    parser.add_argument("--since", default="", metavar="TIME", help=since)
    only = "learn what was corrected, and not what was confirmed"
    parser.add_argument("--corrected-only", action="store_true", help=only)
    ask = "rows that the model was least sure of, to be answered by somebody (default 20)"
    parser.add_argument("--ask", type=int, default=20, metavar="N", help=ask)
    parser.add_argument("--no-drift", action="store_true", help="do not compare service with training data")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    common.json_argument(parser)


def run(arguments: argparse.Namespace, argv: list[str]) -> int:
    from p2m.cli.text import safe
    from p2m.errors import UserError
    from p2m.feedback.opening import look
    from p2m.feedback.proposal import apply

    if arguments.ask < 0:
        raise UserError(f"--ask {arguments.ask}: a number of rows, 0 or more")
    words = arguments.words
    logs = [Path(word) for word in words if _is_log(word)]
    overrides = [word for word in words if not _is_log(word)]
    found = look(
        arguments.recipe, logs, overrides, _say, trust=arguments.trust, since=arguments.since,
        corrected_only=arguments.corrected_only, unsure=arguments.ask, with_drift=not arguments.no_drift,
    )  # fmt: skip
    made = found.proposal
    if not arguments.json:
        print(common.runnable(safe(_text(found))))
    question = f"write this beside the recipe, into {made.decisions.name}?"
    is_wanted = not made.is_empty and (arguments.yes or (not arguments.json and common.is_agreed(question)))
    if is_wanted:
        apply(made)
    if arguments.json:
        print(common.as_json(_told(found) | {"written": is_wanted}))
    else:
        print(common.runnable(_next(arguments, argv, found, is_written=is_wanted)))
    return 0


def _is_log(word: str) -> bool:
    return Path(word).is_file() or ("=" not in word and not word.startswith("~"))


def _say(line: str) -> None:
    print(f"    {line}", file=sys.stderr, flush=True)


def _text(found: Found) -> str:
    from p2m.cli import feedback_views as views

    parts = (views.counts(found), views.faults(found), views.drift(found), views.changes(found.proposal))
    return "\n\n".join(part for part in parts if part)


def _told(found: Found) -> dict[str, Any]:
    """Everything, for programs."""
    from p2m.cli import feedback_views as views

    made = found.proposal
    return {
        "logs": [str(path) for path in found.logs],
        "lines": len(found.read.lines),
        "damaged": found.read.damaged,
        "judged": views.tally(found),
        "disagreed": [views.disagreement(each) for each in found.judged if each.said],
        "decisions": str(made.decisions),
        "new": [
            {"input": each.input, "output": each.output, "was": each.was, "at": each.at, "from": each.origin}
            for each in made.entries
        ],
        "known": made.known,
        "overruled": [views.overruled(each) for each in made.overruled],
        "asked": str(made.asked),
        "ask": made.ask,
        "drift": None if found.drift is None else views.drift_values(found.drift),
        "drift_note": found.drift_note,
    }


def _next(arguments: argparse.Namespace, argv: list[str], found: Found, *, is_written: bool) -> str:
    from p2m.errors import command

    made = found.proposal
    if made.is_empty:
        why = "all of this has been decided" if found.judged else "nobody judged an answer"
        return f"nothing to write: {why}"
    if not is_written:
        end = argv.index("--") if "--" in argv else len(argv)
        return f"not written; to write it: {command(*argv[:end], '--yes', *argv[end:])}"
    lines = []
    if made.entries:
        again = common.retyped("build", arguments, words=found.overrides)
        lines.append(f"written. The next build learns from it: {again}")
        if not found.is_held:
            place = common.relative(arguments.recipe)
            lines.append(f"    so that a worse model is refused: metrics.no_worse_than: last, in {place}")
    if made.ask:
        again = common.retyped("review data", arguments, words=found.overrides)
        lines.append(f"to answer the rows in {made.asked.name}: {again}")
        if found.has_chat_teacher:
            lines.append(
                f"    or have the teacher answer them: data.inputs: {made.asked.name}, in the recipe"
            )
    return "\n".join(lines) or f"written: {made.asked.name}"
