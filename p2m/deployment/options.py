"""What `p2m deploy` was asked beside bundle and place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from p2m.deployment.bundles import Opened


def _quiet(_line: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """`output` is where the folder will stand, `say` takes lines on what goes on."""

    output: Path
    image: str = ""  # of containers; "": NAME:DIGEST
    say: Callable[[str], None] = _quiet

    def image_of(self, bundle: Opened) -> str:
        return self.image or f"{bundle.name}:{bundle.digest}"


def python() -> str:
    """Major and minor of the Python that runs: what the bundle's requirements were pinned with."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
