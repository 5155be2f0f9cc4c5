"""The folder that `p2m deploy` writes: whole or not at all, and only where nothing else stands."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2m.deployment.bundles import Opened
from p2m.errors import UserError
from p2m.version import __version__

MARK = "deployment.json"  # what tells a folder that p2m wrote from any other


@contextmanager
def laid_out(target: Path, bundle: Opened, kind: str) -> Iterator[Path]:
    """An empty folder that becomes `target` in one rename once it is full.

    Raises:
        UserError: what stands there was not written by `p2m deploy`, or the place cannot be written.
    """
    if (target.exists() or target.is_symlink()) and not _is_ours(target):
        raise UserError(
            f"{target}: is there already, and not by p2m deploy\n    next: --output FOLDER, a new one"
        )
    if target.resolve() == bundle.folder.resolve() or bundle.folder.resolve() in target.resolve().parents:
        raise UserError(f"{target}: lies in the bundle\n    next: --output FOLDER, elsewhere")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})\n    next: --output FOLDER"
        ) from None
    try:
        yield fresh
        told = {"bundle": f"{bundle.name}@{bundle.digest}", "to": kind, "p2m": __version__}
        (fresh / MARK).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})\n    next: --output FOLDER"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _is_ours(target: Path) -> bool:
    """Whether `p2m deploy` wrote the folder, or nothing is in it."""
    return target.is_dir() and ((target / MARK).is_file() or not any(target.iterdir()))
