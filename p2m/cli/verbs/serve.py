"""p2m serve: bundles over HTTP, by the files that they ship."""

from __future__ import annotations

import argparse
from pathlib import Path

GROUP = "result"
SUMMARY = "answer over HTTP: OpenAI's API, OpenAPI, metrics"
EXAMPLES = """p2m serve outputs/tickets
  p2m serve outputs/tickets --port 9000 --record seen.jsonl
  p2m serve new=outputs/tickets old=outputs/tickets/last --canary old=0.1
  P2M_SERVE_TOKENS=... p2m serve outputs/tickets --host 0.0.0.0

  curl --json '{"text": "Where is my card?"}' http://127.0.0.1:8000/predict
  OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none").chat.completions.create(...)"""


def arguments(parser: argparse.ArgumentParser) -> None:
    from p2m.deploy.serving.http.options import add_arguments

    parser.add_argument(
        "bundles", nargs="+", metavar="[NAME=]BUNDLE", help="bundles to serve, the first at /predict"
    )
    add_arguments(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli.verbs.predict import need_bundle
    from p2m.deploy.serving.http.command import serve

    for text in arguments.bundles:
        folder = Path(text if Path(text).exists() else text.partition("=")[2] or text)
        need_bundle(folder, "serve")
    return serve(arguments, arguments.bundles, name="p2m serve")
