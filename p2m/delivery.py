"""Where bundles land: `outputs/<name>`, replaced whole, and never by one that meets less of its contract.

outputs/qa/                        the last build of the recipe as committed
outputs/qa/rejected/               the last build that fell short, where a better one stands already
outputs/qa/last/                   the bundle that the one in outputs/qa was held against, where a recipe asks
outputs/qa/variants/<digest>/      builds with overrides
outputs/qa/sweeps/<id>/<variant>/  jobs of a sweep
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from p2m.deploy.serving.command import CHECKSUMS
from p2m.engine.files import disk
from p2m.errors import UserError

LAST = "last"
KEPT = ("rejected", "variants", "sweeps", LAST)  # folders that a new bundle leaves where they are
MANIFEST = "manifest.json"
ORIGIN = "built.json"  # what a bundle was built from; no part of what was packaged, so it is in no checksum
_FRESH, _OLD = ".new", ".old"  # endings of what stands beside a target for a moment


def standing(target: Path) -> Path | None:
    """`target`, where a bundle stands there that met its contract."""
    return target if _ships(target) else None


def deliver(bundle: Path, target: Path, *, ship: bool, held: Path | None = None) -> Path:
    """Copy a bundle folder to `target` in one rename, and return where it landed.

    Where the bundle that stands there is the one that it was `held` against, that goes to `target/last`, so
    that the same build finds it again.

    Raises:
        UserError: the place cannot be written, or holds something that is not a bundle.
    """
    try:
        with _alone_in(target.parent):
            _recover(target)  # which may bring the bundle back that is looked at now
            if not ship and _ships(target):
                return _place(bundle, target / "rejected", keep=False)
            return _place(bundle, target, keep=held == target)
    except OSError as error:
        raise UserError(_unwritable(target, error)) from error


def note_origin(folder: Path, told: Mapping[str, object]) -> None:
    """Write beside a bundle what it was built from, with the bundle that this is said of.

    Raises:
        UserError: it cannot be written.
    """
    sums = hashlib.sha256((folder / CHECKSUMS).read_bytes()).hexdigest()
    text = json.dumps({"bundle": sums[:12], **told}, indent=2, ensure_ascii=False) + "\n"
    try:
        disk.replace(folder / ORIGIN, text.encode("utf-8", "replace"))
    except OSError as error:
        raise UserError(_unwritable(folder, error)) from error


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time puts a bundle into that folder; the kernel frees it of one that dies."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: as before there were any
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _place(bundle: Path, target: Path, *, keep: bool) -> Path:
    _recover(target)
    _refuse_foreign(target)
    fresh = target.with_name(f".{target.name}{_FRESH}")
    old = target.with_name(f".{target.name}{_OLD}")
    try:
        fresh.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)  # half a copy, of a process that was killed
        shutil.copytree(bundle, fresh)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        _move_kept(old, target)
        if keep and old.exists():
            shutil.rmtree(target / LAST, ignore_errors=True)
            old.rename(target / LAST)
    except OSError as error:
        _recover(target)
        raise UserError(_unwritable(target, error)) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    return target


def _move_kept(old: Path, target: Path) -> None:
    for name in KEPT:
        if (old / name).exists() and not (target / name).exists():
            (old / name).rename(target / name)


def _recover(target: Path) -> None:
    """Finish what a process that was killed in the middle of a delivery has left beside `target`.

    Raises:
        OSError: what is kept beside a bundle cannot be moved to the one that stands now; it stays.
    """
    old = target.with_name(f".{target.name}{_OLD}")
    if not old.exists():
        return
    if target.exists():
        _move_kept(old, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.rename(target)


def check_writable(target: Path) -> None:
    """Find out before anything is spent whether a bundle could be put at `target`.

    Raises:
        UserError: it could not.
    """
    _refuse_foreign(target)
    probe = target.parent / f".p2m-probe-{os.getpid()}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"p2m")
    except OSError as error:
        raise UserError(_unwritable(target, error)) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _ships(target: Path) -> bool:
    """Whether a bundle that met its contract stands at `target`."""
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        return bool(manifest["verdict"]["ship"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _refuse_foreign(target: Path) -> None:
    """A folder that p2m did not write is never replaced."""
    if not target.exists():
        return
    names = {entry.name for entry in target.iterdir()} if target.is_dir() else {"a file"}
    if names and MANIFEST not in names and not names <= set(KEPT):
        raise UserError(
            f"{target}: holds something that is not a bundle ({', '.join(sorted(names)[:3])}), so nothing was"
            " written there\n    move it away, or give the recipe another name: name=..."
        )


def _unwritable(target: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{target}: the disk is full; the finished steps are kept in the store"
            "\n    free some space and run the same command again"
        )
    return (
        f"{target}: cannot be written ({error.strerror or error}); nothing was lost"
        "\n    make the folder writable, or choose another with --outputs DIR"
    )
