"""p2m deploy: what a place needs to run a bundle."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from p2m.cli import common
from p2m.errors import UserError

GROUP = "result"
SUMMARY = "make a bundle ready to run elsewhere: containers, Kubernetes, systemd, Lambda, a web page"
EXAMPLES = """p2m deploy outputs/tickets --to docker    # -> tickets-docker/
  p2m deploy outputs/tickets --to kubernetes --image registry.example.org/tickets:3
  p2m deploy outputs/tickets --to web --output site/tickets    # answers in the browser alone"""
# Names of images: a registry with a port, paths, a tag, a digest.
_IMAGE = re.compile(
    r"[A-Za-z0-9][\w.-]*(?::\d+)?(?:/[a-z0-9][\w.-]*)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    from p2m.deployment import targets

    parser.add_argument("bundle", type=Path, help="a bundle's folder")
    known = "; ".join(f"{name}: {targets.target(name).ABOUT}" for name in targets.names())
    parser.add_argument("--to", required=True, metavar="PLACE", help=known.replace("%", "%%"))
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="the folder to write (default: NAME-PLACE, here)"
    )
    parser.add_argument("--image", default="", metavar="NAME", help="of the container (default: NAME:DIGEST)")
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli.verbs.predict import need_bundle
    from p2m.deployment.bundles import opened
    from p2m.deployment.deploying import deploy
    from p2m.deployment.options import Options

    if arguments.image and not _IMAGE.fullmatch(arguments.image):
        raise UserError(
            f"--image {arguments.image!r}: no image is named so; such as registry.example.org/tickets:3"
        )
    need_bundle(arguments.bundle, "deploy")
    bundle = opened(arguments.bundle)
    output = arguments.output or Path(f"{bundle.name}-{arguments.to}")

    def say(line: str) -> None:
        print(f"    {line}", file=sys.stderr if arguments.json else sys.stdout, flush=True)

    if not bundle.ships:
        print(f"note: its verdict is {bundle.decision}", file=sys.stderr)
    made = deploy(arguments.bundle, arguments.to, Options(output, arguments.image, say))
    told = {"folder": str(made.folder), "files": made.files, "bytes": made.size, "next": made.next,
            "bundle": f"{bundle.name}@{bundle.digest}"}  # fmt: skip
    return common.answer(arguments, told, lambda: _text(made.folder, made.files, made.size, made.next))


def _text(folder: Path, files: int, size: int, then: tuple[str, ...]) -> str:
    from p2m.sizes import show_size

    lines = [f"{common.relative(folder)}: {files} files, {show_size(size)}"]
    return "\n".join([*lines, *(f"next: {line}" for line in then)])
