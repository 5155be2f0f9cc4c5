"""systemd: a unit that runs the bundle on a machine of one's own, shut in."""

from __future__ import annotations

import shlex
from pathlib import Path

from p2m.deployment.bundles import Opened, with_server
from p2m.deployment.filling import filled
from p2m.deployment.options import Options, python

ABOUT = "a unit for a machine of your own: a user of its own, nothing to write to"


def lay_out(bundle: Opened, folder: Path, options: Options) -> list[str]:
    with_server(bundle).copy(folder / "bundle")
    text = filled(
        "service.unit",
        name=bundle.name,
        digest=bundle.digest,
        python=python(),
        named="".join(f"{each} " for each in bundle.served_as),
        memory=bundle.memory,
        memory_limit=2 * bundle.memory,
    )
    unit = f"p2m-{bundle.name}.service"  # so that it collides with no other of the machine
    (folder / unit).write_text(text, encoding="utf-8")
    return [f"the commands at the top of {shlex.quote(str(options.output / unit))}, as root"]
