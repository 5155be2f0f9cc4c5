"""An address that fsspec knows: an object store, a server, a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.deploy.serving.command import CHECKSUMS
from p2m.deployment.bundles import Opened
from p2m.engine.storage.shared_address import SharedAddress, lacking, redacted
from p2m.errors import SECRET, P2MError, UserError

_CHUNK = 1 << 20  # bytes read at once


@dataclass(frozen=True, slots=True)
class FsspecPlace:
    """A folder of some file system."""

    url: str
    system: Any
    base: str

    @classmethod
    def of(cls, url: str) -> FsspecPlace:
        """Raises UserError where the protocol is not known, or what it needs is not installed."""
        import fsspec

        if problem := lacking(SharedAddress(url, mode="write")):
            raise UserError(f"{url}: {problem.replace('write store.shared.mode=read, or give', 'give')}")
        with _translated(url):
            system, base = fsspec.core.url_to_fs(url)
        return cls(url, system, base.rstrip("/"))

    @property
    def shown(self) -> str:
        return self.url

    def standing(self) -> tuple[str, ...]:
        with _translated(self.url):
            self.system.invalidate_cache()
            try:
                found = self.system.find(self.base)
            except FileNotFoundError:
                return ()
            names = (self.system._strip_protocol(each) for each in found)
            return tuple(sorted(str(each).removeprefix(self.base).lstrip("/") for each in names))

    def checksums(self) -> str:
        with _translated(self.url):
            return bytes(self.system.cat_file(self._at(CHECKSUMS))).decode("utf-8", "replace")

    def refuse(self, bundle: Opened) -> None:
        """On this machine: the bundle's own folder, one in it, and one that it lies in, by links too."""
        from fsspec.implementations.local import LocalFileSystem

        if not isinstance(self.system, LocalFileSystem):
            return
        source, base = bundle.folder.resolve(), Path(self.base).resolve()
        targets = [Path(self.base, name).resolve() for name in bundle.files]
        if base in (source, *source.parents) or any(source in each.parents for each in targets):
            raise UserError(
                f"{self.url}: is the bundle's own folder ({bundle.folder}), lies in it or holds it\n"
                "    next: another address"
            )

    def send(self, bundle: Opened, stale: tuple[str, ...], say: Callable[[str], None]) -> str:
        """The list of checksums goes first and comes last, so that half a bundle never passes for a whole."""
        with _translated(self.url):
            with suppress(FileNotFoundError):
                self.system.rm_file(self._at(CHECKSUMS))
            for name, _ in bundle.sizes():
                if name != CHECKSUMS:
                    self._put(bundle, name)
                    say(name)
            for name in stale:
                self.system.rm_file(self._at(name))
            self._put(bundle, CHECKSUMS)
            self.system.invalidate_cache()
            wrong = [name for name in bundle.files if self._digest(name) != _digest(bundle, name)]
        if wrong:
            raise P2MError(
                f"{self.url}: {', '.join(wrong)}: not what was sent\n    next: push again with --overwrite"
            )
        return self.url

    def _at(self, name: str) -> str:
        return f"{self.base}/{name}"

    def _put(self, bundle: Opened, name: str) -> None:
        target = self._at(name)
        self.system.makedirs(target.rpartition("/")[0], exist_ok=True)
        self.system.put_file(str(bundle.folder / name), target)

    def _digest(self, name: str) -> str:
        """Of what can be read there now."""
        found = hashlib.sha256()
        with self.system.open(self._at(name), "rb") as stream:
            while piece := stream.read(_CHUNK):
                found.update(piece)
        return found.hexdigest()


def _digest(bundle: Opened, name: str) -> str:
    with (bundle.folder / name).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """What file systems raise, which is of no common type, as one error without a secret."""
    try:
        yield
    except P2MError:
        raise
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        said = SECRET.sub("[key]", redacted(said))
        raise P2MError(
            f"{url}: {said}\n    next: look at the address, and at the credentials that fsspec reads for it"
        ) from None
