"""The few file operations under the store: durable, create-only, and with errors that say what to do.

A file is written under a temporary name, synced, and linked to its final name, which fails if that exists; so
a name is either absent or complete, whatever kills the process.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from p2m.errors import StoreError

READ_ONLY = 0o444
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


@contextmanager
def explained(root: Path, doing: str) -> Iterator[None]:
    """Turn an OSError from below into a StoreError that names the store, the fault and the next command."""
    try:
        yield
    except OSError as error:
        raise explain(error, root, doing) from error


def explain(error: OSError, root: Path, doing: str) -> StoreError:
    place = error.filename if isinstance(error.filename, (str, Path)) else root
    if error.errno in _FULL:
        return StoreError(
            f"no room while {doing} in {root}: {error.strerror}\n"
            "    what was stored before is intact; free some space, or set P2M_STORE to a larger disk,"
            " and run the same command again"
        )
    if error.errno in _FORBIDDEN:
        return StoreError(
            f"cannot write {place} while {doing}: {error.strerror}\n"
            f"    make {root} a folder that you may write, or set P2M_STORE to one; to plan, explain, show"
            " and verify it is enough to read it"
        )
    return StoreError(f"{doing} in {root} failed at {place}: {error.strerror}")


def disk_full(error: BaseException | None) -> OSError | None:
    """The fault of a full disk behind an error; libraries that are not Python wrap it, so words count too."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error
        for code in _FULL:
            if f"os error {code})" in str(error) or os.strerror(code) in str(error):
                return OSError(code, os.strerror(code))
        error = error.__cause__ or error.__context__
    return None


def sync_file(path: Path) -> None:
    """Force a file's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folders(folders: Iterable[Path]) -> None:
    """Force the names in these folders to the disk."""
    for folder in sorted(set(folders)):
        try:
            handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except FileNotFoundError:
            continue  # a collector found it empty: nothing in it is counted on
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def create(temporary: Path, target: Path) -> bool:
    """Give the synced file `temporary` its final name; False where that name is taken. `temporary` goes."""
    try:
        while True:
            target.parent.mkdir(exist_ok=True)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            except FileNotFoundError:
                if not temporary.exists():
                    raise
                continue  # a collector took the empty folder away
            return True
    finally:
        temporary.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write and sync a new file; on failure nothing of it remains."""
    try:
        with open(path, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(path, mode)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def replacing(
    target: Path, *, temporary: Path | None = None, durable: bool = True, buffering: int = -1
) -> Iterator[BinaryIO]:
    """A new file to write, which takes the place of `target` in one step when the block ends.

    Where the block raises, what stood there still does, and nothing is left of the new file. It is written as
    `temporary`, in the same file system, or beside the target; a `durable` one is on the disk before it takes
    its place.
    """
    temporary = temporary or unique(target.parent, f".{target.name}")
    try:
        with open(temporary, "xb", buffering=buffering) as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def replace(target: Path, content: bytes, *, temporary: Path | None = None, durable: bool = True) -> None:
    """As `replacing`, for what is all at hand. Its folder must be there."""
    with replacing(target, temporary=temporary, durable=durable) as stream:
        stream.write(content)


def write_all(handle: int, content: bytes) -> None:
    """Write until everything is written. Raises: OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]


def unique(folder: Path, label: str) -> Path:
    """A name in `folder` that nobody else will choose."""
    return folder / f"{label}.{os.getpid()}.{os.urandom(6).hex()}"


def remove_tree(folder: Path) -> None:
    """Delete a folder as far as that goes: what cannot be deleted now is in nobody's way."""
    import shutil  # brings compression along

    def insist(_function: object, path: str, _error: object) -> None:
        with suppress(OSError):  # a folder that its maker left read-only
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            os.chmod(path, stat.S_IRWXU)
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)

    if os.path.isdir(folder):
        shutil.rmtree(folder, onerror=insist)


def listed(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing where there is none."""
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_if_there(path: Path) -> bytes | None:
    """A file's content; None where it is not, or no longer, there.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}\n    check its rights and the disk"
        ) from error
