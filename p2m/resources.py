"""Where the library's config groups lie: inside an installed wheel, or at the top of a checkout."""

from __future__ import annotations

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
