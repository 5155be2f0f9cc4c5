"""The folder that `p2m deploy` writes: whole or not at all, and only where nothing else stands."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2m.deployment.bundles import Opened
from p2m.errors import UserError
from p2m.version import __version__

MARK = "deployment.json"  # what tells a folder that p2m wrote from any other: what it is, and its files
KIND = {"kind": "p2m deployment", "version": 1}


@contextmanager
def laid_out(target: Path, bundle: Opened, kind: str) -> Iterator[Path]:
    """An empty folder that becomes `target` in one rename once it is full.

    Raises:
        UserError: what stands there was not written by `p2m deploy` or was changed since, or the place cannot
            be written.
    """
    _refuse(target, bundle, kind)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})\n    next: --output FOLDER"
        ) from None
    try:
        yield fresh
        told = {**KIND, "bundle": f"{bundle.name}@{bundle.digest}", "to": kind, "p2m": __version__}
        told["files"] = {name: _digest(fresh / name) for name in _names(fresh)}
        (fresh / MARK).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        _refuse(target, bundle, kind)  # again, since filling it may have taken minutes
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error})\n    next: --output FOLDER"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse(target: Path, bundle: Opened, kind: str) -> None:
    """Raises UserError where `target` may not be written or replaced."""
    place, here, source = target.resolve(), Path.cwd().resolve(), bundle.folder.resolve()
    such = f"next: --output FOLDER, a new one such as {bundle.name}-{kind}"
    if place == here or place in here.parents:
        raise UserError(f"--output {target}: is the folder that you are in, or holds it\n    {such}")
    if place == source or source in place.parents:
        raise UserError(f"{target}: lies in the bundle\n    next: --output FOLDER, elsewhere")
    if not target.exists() and not target.is_symlink():
        return
    files = _written(target)
    if files is None:
        raise UserError(f"{target}: is there already, and not by p2m deploy\n    {such}")
    for name in _names(target):
        if name != MARK and (name not in files or _digest(target / name) != files[name]):
            what = "was changed since" if name in files else "is not by p2m deploy"
            raise UserError(
                f"{target / name}: {what}, and would be lost with the folder\n"
                "    next: move it away, or choose another --output"
            )


def _written(target: Path) -> dict[str, str] | None:
    """Path -> digest of what `p2m deploy` wrote there; {} for an empty folder, None for any other thing."""
    if target.is_symlink() or not target.is_dir():
        return None
    if not any(target.iterdir()):
        return {}
    try:
        told = json.loads((target / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or {name: told.get(name) for name in KIND} != KIND:
        return None
    files = told.get("files")
    return files if isinstance(files, dict) else None


def _names(folder: Path) -> list[str]:
    """Relative paths of all that is no folder, links to folders included."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _digest(path: Path) -> str:
    """sha256 of a plain file; "" of anything else."""
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
