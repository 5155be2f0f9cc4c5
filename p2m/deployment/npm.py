"""Packages of the npm registry: pinned, and taken only where they are what was pinned.

npm's own client fetches them, with its configuration, cache and proxies; nothing of a package is run.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from p2m.errors import P2MError, UserError
from p2m.resources import cache_folder

PATIENCE = 300  # seconds that one package may take


@dataclass(frozen=True, slots=True)
class Package:
    """A version, the sha512 of its tarball as the registry writes it, and the files that are wanted."""

    name: str
    version: str
    integrity: str
    files: Mapping[str, tuple[str, str]]  # path in the package -> path in the folder, and sha256


def fetch(package: Package, folder: Path) -> None:
    """Lay the wanted files of `package` into `folder`; they are kept in the user's cache for the next time.

    Raises:
        UserError: there is no npm here.
        P2MError: it could not be fetched, or is not what was pinned.
    """
    kept = cache_folder("npm") / f"{package.name.rpartition('/')[2]}-{package.version}"
    if not _is_whole(package, kept):
        _refresh(package, kept)
    for target, _ in package.files.values():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept / target, folder / target)


def _is_whole(package: Package, kept: Path) -> bool:
    """Whether every wanted file is there, and is what was pinned."""
    try:
        return all(_sha256(kept / target) == digest for target, digest in package.files.values())
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refresh(package: Package, kept: Path) -> None:
    """Fetch the package, and put its wanted files into `kept`, each in one rename."""
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"npm is not installed, and brings {package.name} {package.version}\n"
            "    next: install Node.js with npm (apt install npm, brew install node, nodejs.org)"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as place:
        scratch = Path(place)
        tarball = _packed(npm, package, scratch)
        _check(package, tarball)
        _unpack(package, tarball, scratch)
        for target, _ in package.files.values():
            (kept / target).parent.mkdir(parents=True, exist_ok=True)
            (scratch / target).replace(kept / target)
    if not _is_whole(package, kept):
        raise P2MError(
            f"{package.name}@{package.version}: {kept} cannot be used\n    next: remove that folder"
        )


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
    wanted = {f"package/{source}": target for source, (target, _) in package.files.items()}
    with tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name in wanted else None
            if stream is None:
                continue
            target = folder / wanted[member.name]
            target.parent.mkdir(parents=True, exist_ok=True)
            with stream, target.open("wb") as made:
                shutil.copyfileobj(stream, made)
