"""p2m help: the manual, offline."""

from __future__ import annotations

import argparse

GROUP = "recipe"
SUMMARY = "read the manual: a page, a heading of it, a key of a recipe"
EXAMPLES = """p2m help                        # the verbs
  p2m help constraints.max_size   # a key of a recipe
  p2m help data#before-a-build    # a heading of a page
  p2m help tutorials/table        # a page"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", help="a page, PAGE#HEADING, or a key such as training.epochs")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli import common, manual, verbs
    from p2m.cli.arguments import parser_of

    topic = arguments.topic.lower()
    if topic in verbs.names() and topic not in manual.pages():
        parser_of(topic).print_help()
        return 0
    print(common.runnable(manual.told(topic)))
    return 0
