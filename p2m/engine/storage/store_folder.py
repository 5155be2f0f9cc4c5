"""Which folder may be a store: making one, knowing one, and refusing what would only look like one."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from p2m.engine.files import disk
from p2m.engine.storage.entries import FORMAT
from p2m.errors import StoreError

NFS_VARIABLE = "P2M_ALLOW_NFS"
_MARK = "FORMAT"
_NUMBER = re.compile("[0-9]{1,9}")
_FOLDERS = (
    *("cas", "ac", "ledger", "tmp", "locks", "quarantine", "runs", "steps"),
    *("leases", "keep", "roots"),
)
_STRANGERS = frozenset(("noop", ".gitignore", "lost+found"))  # may lie in a folder before it is a store


def open_store(root: Path, *, make: bool = True) -> bool:
    """Whether the store at `root` may be written; where nothing is, one is made if `make` says so.

    Raises:
        StoreError: a folder that is something else, a newer format, a file system that cannot be relied on,
            or nothing yet where nothing may be written.
    """
    _refuse_network(root)
    mark = root / _MARK
    if mark.is_file():
        _check_format(root, mark.read_text(encoding="utf-8", errors="replace"))
    elif make or _foreign(root):
        _found(root)
    else:
        return False
    try:
        for name in _FOLDERS:
            (root / name).mkdir(exist_ok=True)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise
        return False
    return os.access(root / "tmp", os.W_OK | os.X_OK)


def network_mount(place: str, mounts: str) -> str:
    """The kind of network file system, by the text of /proc/mounts, on which a place lies; "" for none."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of two mounts in one place the later lies on top
            best, kind = point, fields[2]
    return kind if kind.startswith("nfs") else ""


def _refuse_network(root: Path) -> None:
    if os.environ.get(NFS_VARIABLE):
        return
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = network_mount(os.path.realpath(root), mounts)
    if kind:
        raise StoreError(
            f"{root} lies on a network file system ({kind}), where locks and new names may reach other"
            " machines late, so that two builds could work on one step and gc delete what is in use\n"
            "    set P2M_STORE to a folder on a local disk, and let machines share by store.shared.url; or"
            f" set {NFS_VARIABLE}=1 where no other machine uses this store"
        )


def _check_format(root: Path, text: str) -> None:
    words = text.split()
    if len(words) != 2 or words[0] != "p2m-store" or not _NUMBER.fullmatch(words[1]):
        raise StoreError(
            f"{root / _MARK} is not the format file of a p2m store (it reads {text[:40]!r})\n"
            "    give another folder, as store.path=... or in P2M_STORE"
        )
    if int(words[1]) > FORMAT:
        raise StoreError(
            f"{root} is a store of format {words[1]}, and this p2m reads format {FORMAT}\n"
            "    upgrade p2m, or give another folder, as store.path=... or in P2M_STORE"
        )


def _foreign(root: Path) -> list[str]:
    """What lies there that is no part of a store."""
    names = {path.name for path in root.iterdir()} - _STRANGERS - set(_FOLDERS) if root.exists() else set()
    if (root / _MARK).is_file():  # another process has made it a store since this one looked
        names -= {_MARK}
    return sorted(name for name in names if not name.startswith(_MARK + "."))


def _found(root: Path) -> None:
    """Make the root a store, if it is empty or holds nothing but beginnings of one."""
    root.mkdir(parents=True, exist_ok=True)
    foreign = _foreign(root)
    if foreign:
        raise StoreError(
            f"{root} is not a p2m store and not empty (it holds {', '.join(foreign[:3])})\n"
            "    give an empty or new folder, as store.path=... or in P2M_STORE"
        )
    temporary = disk.unique(root, _MARK)
    disk.write_durably(temporary, f"p2m-store {FORMAT}\n".encode())
    disk.create(temporary, root / _MARK)
    (root / ".gitignore").write_text("*\n", encoding="utf-8")
    disk.sync_folders([root])
