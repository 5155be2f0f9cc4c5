"""p2m push: send a bundle to the Hub or to any other address."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from p2m.cli import common
from p2m.errors import UserError

if TYPE_CHECKING:
    from p2m.deployment.pushing import Offer

GROUP = "result"
SUMMARY = "send a bundle to the Hub, to an object store or to another folder"
EXAMPLES = """p2m push outputs/tickets hf://ada/tickets            # shows what goes where, and asks
  p2m push outputs/tickets hf://ada/tickets --overwrite --yes     # one more commit
  p2m push outputs/tickets s3://models/tickets/3 --yes
  p2m push outputs/tickets file:///srv/models/tickets"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="a bundle's folder")
    parser.add_argument(
        "address", help="hf://owner/name, s3://bucket/path, file:///folder, ...: what fsspec knows"
    )
    parser.add_argument("--yes", action="store_true", help="send without asking")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent, and stop")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument(
        "--public", action="store_true", help="of a new repository of the Hub: for all to read"
    )
    parser.add_argument(
        "--rejected", action="store_true", help="send a bundle that does not meet its contract, too"
    )
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli.verbs.predict import need_bundle
    from p2m.deployment.bundles import opened
    from p2m.deployment.pushing import offered, place_of

    need_bundle(arguments.bundle, "push")
    bundle = opened(arguments.bundle)
    place = place_of(arguments.address, public=arguments.public)
    offer = offered(bundle, place, rejected=arguments.rejected, overwrite=arguments.overwrite)
    print(_told(offer), file=sys.stderr if arguments.json else sys.stdout, flush=True)
    if arguments.dry_run:
        return 0
    if not arguments.yes and not _agreed(offer):
        print("nothing was sent", file=sys.stderr)
        return 1

    def say(name: str) -> None:
        if sys.stderr.isatty():
            print(f"    {name}", file=sys.stderr)

    where = place.send(bundle, offer.stale, say)
    told = {"bundle": f"{bundle.name}@{bundle.digest}", "where": where, "files": len(bundle.files),
            "bytes": bundle.size, "removed": offer.stale}  # fmt: skip
    return common.answer(arguments, told, lambda: f"sent and compared: {where}")


def _told(offer: Offer) -> str:
    """What goes where, and what should be known before."""
    from p2m.deployment.hub_place import HubPlace
    from p2m.sizes import show_size

    bundle, place = offer.bundle, offer.place
    seen = f" ({place.visibility()})" if isinstance(place, HubPlace) else ""
    lines = [f"{bundle.name}@{bundle.digest}, {bundle.decision} -> {place.shown}{seen}"]
    lines += [f"  {show_size(size):>9}  {name}" for name, size in bundle.sizes()]
    lines.append(f"  {show_size(bundle.size):>9}  in {len(bundle.files)} files")
    lines += [f"  taken away there: {name}" for name in offer.stale]
    if offer.foreign:
        lines.append(f"  {len(offer.foreign)} files stay there, no bundle's, such as {offer.foreign[0]}")
    lines.append("  README.md, manifest.json and report.html show rows of your data: examples and mistakes")
    return "\n".join(lines)


def _agreed(offer: Offer) -> bool:
    """Whether whoever sits at the terminal says so.

    Raises:
        UserError: nobody does.
    """
    if not sys.stdin.isatty():
        raise UserError("nobody can be asked here\n    next: the same with --yes, or with --dry-run")
    try:
        return input(f"send it to {offer.place.shown}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
