"""What Ray runs first on a machine: it makes this program's code importable there, then serves the build.

This module is sent by value, since nothing of p2m need be there yet; it imports the standard library alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def board(path: Sequence[str], name: str, code: Sequence[Any], arguments: tuple[Any, ...]) -> None:
    """Serve a build.

    Args:
        path: where modules are found, on the building machine; elsewhere nothing, and code comes along.
        name: digest of the code.
        code: Ray's reference to it, a zip file, which is fetched where it is not there from an earlier build.
    """
    if path:
        sys.path[:] = path
    else:
        sys.path[:] = [str(_unpacked(name, code)), *(place for place in sys.path if not _is_rays(place))]
    from p2m.engine.running.node import serve

    serve(*arguments)


def _unpacked(name: str, code: Sequence[Any]) -> Path:
    import io
    import tempfile
    import zipfile

    import ray

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2m" / "code"
    folder = cache / name
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            place = Path(temporary) / name
            zipfile.ZipFile(io.BytesIO(ray.get(code[0]))).extractall(place)
            try:
                place.rename(folder)
            except OSError:  # somebody was quicker
                if not folder.is_dir():
                    raise
    return folder


def _is_rays(place: str) -> bool:
    """Whether a place holds what Ray brings for itself, which is not to be taken for what is installed."""
    return f"{os.sep}ray{os.sep}" in place
