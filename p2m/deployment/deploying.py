"""A bundle made ready for a place: its files and what to type there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from p2m.deployment import targets
from p2m.deployment.bundles import Opened, opened
from p2m.deployment.laying import laid_out
from p2m.deployment.options import Options
from p2m.errors import UserError, nearest


@dataclass(frozen=True, slots=True)
class Laid:
    """What was written, and what to type next."""

    bundle: Opened
    folder: Path
    files: int
    size: int  # bytes
    next: tuple[str, ...]


def deploy(folder: Path, to: str, options: Options) -> Laid:
    """Write what `to` needs into `options.output`.

    Raises:
        UserError: no such target, no bundle, or not one that can run there.
    """
    if to not in targets.names():
        raise UserError(f"--to {to}: {nearest(to, targets.names())}")
    bundle, target = opened(folder), targets.target(to)
    if hasattr(target, "refuse"):
        target.refuse(bundle)
    with laid_out(options.output, bundle, to) as fresh:
        then = target.lay_out(bundle, fresh, options)
    found = [path for path in options.output.rglob("*") if path.is_file()]
    return Laid(bundle, options.output, len(found), sum(path.stat().st_size for path in found), tuple(then))
