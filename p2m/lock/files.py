"""Lock files on disk: `recipes/qa.lock` beside `recipes/qa.yaml`, replaced whole, where they change."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path

from p2m.engine.files import disk
from p2m.errors import LockDrift, LockError, command
from p2m.lock.model import Lock
from p2m.lock.text import fault, is_lock, lock_text, parse_lock
from p2m.marked_yaml import show


def lock_path(recipe: Path) -> Path:
    """Where the lock of a recipe lies."""
    return recipe.with_suffix(".lock")


def seal(path: Path) -> str:
    """The digest that a lock ends with, which no other lock has; "" where there is no whole one."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    if not is_lock(content) or fault(content, path):
        return ""
    return content.decode().rstrip().rpartition(" ")[2]


def unlocked_build(recipe: Path, option: str = "") -> str:
    """What to type to write a lock by a build, where `option` or the environment says to hold to it."""
    holding = ("P2M_LOCKED", "P2M_FROZEN")
    lifted = [name for name in holding if os.environ.get(name, "").strip().lower() in ("1", "true", "yes")]
    typed = command("build", show(recipe))
    if lifted:
        return f"unset {' '.join(lifted)}; {typed}"
    return f"{typed}, without {option}" if option else typed


def read_lock(path: Path) -> Lock:
    """The lock in a file.

    Raises:
        LockDrift: there is none.
        LockError: it is none, is damaged, of a newer format, or cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        build = unlocked_build(path.with_suffix(".yaml"))
        raise LockDrift(
            f"there is no lock {show(path)}\n    build the recipe, which writes it: {build}"
        ) from None
    except OSError as error:
        raise LockError(f"{show(path)}: cannot be read ({error.strerror})") from error
    return parse_lock(content, path)


def read_lock_of(recipe: Path) -> Lock:
    """The lock of a recipe.

    Raises:
        LockDrift, LockError: as `read_lock`, or it is another recipe's.
    """
    path = lock_path(recipe)
    lock = read_lock(path)
    if lock.recipe != recipe.name:
        raise LockError(
            f"{show(path)}: is the lock of {lock.recipe}, not of {recipe.name}\n"
            f"    if it was copied or the recipe renamed, delete it and build: rm {shlex.quote(show(path))}"
        )
    return lock


def standing(recipe: Path) -> tuple[Lock | None, str]:
    """The lock that a new one would replace, None where there is none or it is damaged; and what is wrong.

    Raises:
        LockError: what stands there must not be overwritten: another recipe's lock, one of a newer format, or
            a file that is no lock at all.
    """
    path = lock_path(recipe)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        raise LockError(f"{show(path)}: cannot be read ({error.strerror})") from error
    try:
        return read_lock_of(recipe), ""
    except LockError:
        wrong = fault(content, path)
        if wrong and (is_lock(content) or "merge conflict" in wrong) and not _is_newer(content, path):
            return None, wrong
        raise


def write_lock(path: Path, lock: Lock) -> bool:
    """Put a lock in place, in one rename; False, and the file untouched, where it says the same already.

    Raises:
        OSError: it cannot be written; what stood there still does.
    """
    content = lock_text(lock).encode()
    with suppress(FileNotFoundError):
        if path.read_bytes().replace(b"\r\n", b"\n") == content:  # as git may have checked it out
            return False
    disk.replace(path, content)
    return True


def _is_newer(content: bytes, path: Path) -> bool:
    try:
        parse_lock(content, path)
    except LockError as error:
        return "upgrade p2m" in str(error)
    return False
