"""Packages of the npm registry: pinned, and taken only where they are what was pinned.

npm's own client fetches them, with its configuration, cache and proxies; nothing of a package is run.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from p2m.errors import P2MError, UserError

PATIENCE = 300  # seconds that one package may take


@dataclass(frozen=True, slots=True)
class Package:
    """A version, the sha512 of its tarball as the registry writes it, and the files that are wanted."""

    name: str
    version: str
    integrity: str
    files: Mapping[str, str]  # path in the package -> path in the folder


def fetch(package: Package, folder: Path) -> None:
    """Lay the wanted files of `package` into `folder`; its tarball is kept for the next time.

    Raises:
        UserError: there is no npm here.
        P2MError: it could not be fetched, or is not what was pinned.
    """
    kept = _cache() / f"{package.name.rpartition('/')[2]}-{package.version}.tgz"
    if kept.is_file() and _integrity(kept) == package.integrity:
        return _unpack(package, kept, folder)
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"npm is not installed, and brings {package.name} {package.version}\n"
            "    next: install Node.js with npm (apt install npm, brew install node, nodejs.org)"
        )
    with tempfile.TemporaryDirectory() as scratch:
        tarball = _packed(npm, package, Path(scratch))
        _check(package, tarball)
        _unpack(package, tarball, folder)
        _keep(tarball, kept)
    return None


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p2m" / "npm"


def _keep(tarball: Path, kept: Path) -> None:
    """For the next time; where nothing can be written, that fetches again."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(tarball, fresh)
        fresh.replace(kept)


def _packed(npm: str, package: Package, scratch: Path) -> Path:
    """The tarball, by `npm pack`."""
    spec = f"{package.name}@{package.version}"
    words = [npm, "pack", spec, "--silent", "--prefer-offline", "--pack-destination", str(scratch)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=scratch,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise P2MError(
            f"{spec}: not fetched within {PATIENCE} seconds\n    next: npm ping, then again"
        ) from None
    found = sorted(scratch.glob("*.tgz"))
    if done.returncode or len(found) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        again = (
            f"npm pack {spec}, which shows what is wrong; behind a mirror: npm config set registry ADDRESS"
        )
        raise P2MError(
            f"{spec}: npm could not fetch it ({said[0].removeprefix('npm error ')})\n    next: {again}"
        )
    return found[0]


def _integrity(tarball: Path) -> str:
    """As registries write it: sha512 in base64."""
    with tarball.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    return f"sha512-{base64.b64encode(digest).decode()}"


def _check(package: Package, tarball: Path) -> None:
    found = _integrity(tarball)
    if found != package.integrity:
        raise P2MError(
            f"{package.name}@{package.version}: not what p2m pinned: {found[:19]}... where"
            f" {package.integrity[:19]}... belongs; nothing of it was used\n"
            "    next: npm config get registry, and ask whoever keeps it"
        )


def _unpack(package: Package, tarball: Path, folder: Path) -> None:
    """The wanted files alone, as plain files, whatever else the archive holds."""
    with tarfile.open(tarball, "r:gz") as archive:
        for source, target in package.files.items():
            stream = archive.extractfile(f"package/{source}")
            if stream is None:
                raise P2MError(f"{package.name}@{package.version}: has no {source}")
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            with stream, (folder / target).open("wb") as made:
                shutil.copyfileobj(stream, made)
