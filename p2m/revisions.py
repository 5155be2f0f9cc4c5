"""A project as it was at a revision of git, in a temporary folder, and what of it is not as committed; the
work tree is never touched.
"""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from p2m.errors import UserError


@dataclass(frozen=True)
class Checkout:
    """A recipe inside a copy of its repository."""

    root: Path
    recipe: Path


@dataclass(frozen=True, slots=True)
class Revision:
    """The commit that is checked out."""

    commit: str
    changed: tuple[
        str, ...
    ]  # of the files that were asked about, those that are otherwise there or not at all


def revision_of(files: Iterable[Path], folder: Path) -> Revision | None:
    """Where the repository around `folder` stands; None where there is none, or git cannot tell.

    Files outside of it are left out.
    """
    try:
        top, commit = _git(folder, "rev-parse", "--show-toplevel", "HEAD").decode().splitlines()
        root = Path(top).resolve()
        own = sorted({str(file.resolve()) for file in files if file.resolve().is_relative_to(root)})
        words = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching")
        told = _git(root, "status", *words, "--", *own).decode("utf-8", "replace") if own else ""
    except (UserError, OSError, ValueError, subprocess.TimeoutExpired):
        return None
    changed = (line[3:] for line in told.split("\0") if line)
    return Revision(commit, tuple(each for each in changed if not each.endswith("__pycache__/")))


def is_committed(file: Path) -> bool:
    """Whether git keeps that file, in whatever state; not one that merely lies below a repository."""
    try:
        _git(file.parent, "ls-files", "--error-unmatch", "--", file.name)
    except (UserError, OSError, subprocess.TimeoutExpired):
        return False
    return True


@contextmanager
def recipe_at(revision: str, recipe: str) -> Iterator[Checkout]:
    """`recipe` inside a copy of its repository at `revision`, which is gone when the block ends.

    Raises:
        UserError: git, the repository, the revision or the recipe in it is absent.
    """
    folder = Path(recipe).parent
    top = Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())
    commit = _commit(folder, revision)
    # Without --full-tree, archives hold what lies below the working directory alone.
    content = _git(top, "archive", "--format=tar", commit)
    inside = Path(recipe).resolve().relative_to(top.resolve())
    with tempfile.TemporaryDirectory(prefix="p2m-") as place:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(place, filter="data")
        if not (Path(place) / inside).is_file():
            log = shlex.join(["git", "log", "--oneline", "--", recipe])
            raise UserError(f"{revision} has no {inside.as_posix()}\n    next: {log}")
        yield Checkout(Path(place), Path(place) / inside)


def text_at(revision: str, path: str) -> bytes:
    """One file as it was at `revision`.

    Raises:
        UserError: git, the repository, the revision or the file in it is absent.
    """
    folder, name = Path(path).parent, Path(path).name
    commit = _commit(folder, revision)
    try:
        return _git(folder, "show", f"{commit}:./{name}")
    except UserError:
        log = shlex.join(["git", "log", "--oneline", "--", path])
        raise UserError(f"{revision} has no {path}\n    next: {log}") from None


def _commit(folder: Path, revision: str) -> str:
    try:
        return _git(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except UserError:
        raise UserError(
            f"there is no revision {revision!r} in the repository of {folder}\n    next: git log --oneline"
        ) from None


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, timeout=120)
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}") from error
        raise UserError("git is not installed, so revisions cannot be read") from error
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UserError(f"git {arguments[0]} in {folder}: {reason or 'failed'}")
    return done.stdout
