"""What the verbs of the store share: which store is meant, and ages as people write them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from p2m.errors import UserError

_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def store_argument(parser: argparse.ArgumentParser) -> None:
    default = "$P2M_STORE or the project's"
    parser.add_argument("--store", type=Path, metavar="DIR", help=f"the store (default: {default})")


def open_existing(path: Path | None) -> Any:
    """The store at `path`, else the default one; looking after a store never makes one.

    Raises:
        UserError: there is no store.
    """
    from p2m import noop
    from p2m.engine.store import Store

    place = path or noop.default_store()
    if not (place / "FORMAT").exists() and not (place.is_dir() and any(place.iterdir())):
        raise UserError(
            f"{place}: no store here\n    next: give its folder as --store DIR; a first p2m build makes one"
        )
    return Store(place, make=False)


def seconds(text: str) -> float:
    """`7d`, `12h`, `30m` in seconds, for argparse."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age; write 30m, 12h, 7d or 2w")
    return float(found[1]) * _AGES[found[2]]


def count(text: str) -> int:
    """A number from 0, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return int(text)
