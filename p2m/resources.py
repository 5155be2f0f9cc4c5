"""Where the library's config groups lie, and what p2m keeps between builds."""

from __future__ import annotations

import os
from pathlib import Path


def conf_folder() -> Path:
    """The folder of conf/; `p2m/conf` in a wheel, else the checkout's own.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "base.yaml").is_file():
            return folder
    raise FileNotFoundError(f"{package}: this installation of p2m lacks its config groups; reinstall p2m")


def cache_folder(name: str) -> Path:
    """Where p2m keeps a thing of that name in the user's cache folder; it need not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2m" / name
