"""Contents by digest: blobs, folders as tree objects, and verified copies for readers.

A blob's name is its digest, so whatever is read can be checked; what does not match goes to `quarantine/` and
counts as missing. What leaves is a copy, so no writer outside can reach the store.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from p2m.engine import hashing
from p2m.engine.files import disk
from p2m.engine.files.file_locks import locked
from p2m.engine.files.stats import Stats
from p2m.engine.hashing import TreeEntry
from p2m.errors import StoreError

Stamps = tuple[tuple[int, ...], ...]


class DamagedError(StoreError):
    """Something stored is missing or is not what its name says. It was set aside; making it anew mends it."""

    def __init__(self, digest: str, reason: str) -> None:
        self.digest = digest
        super().__init__(f"{digest[:12]} in the store {reason}; the same command again makes it anew")


class Blobs:
    """The content-addressed part of the store at `root`; `pin` is told digests before they are counted on."""

    def __init__(
        self,
        root: Path,
        pin: Callable[[Iterable[str]], object] = lambda words: None,
        stats: Stats | None = None,
        *,
        writable: bool = True,
    ) -> None:
        self.root, self._pin, self._stats = root, pin, stats or Stats.forgetful()
        self._writable = writable
        self._private: Path | None = None  # where copies go that the store itself cannot take
        self._verified: dict[str, Stamps] = {}  # digests of the copies that this process has compared

    def put_bytes(self, content: bytes) -> str:
        """Store a blob and return its digest."""
        digest = hashing.digest_bytes(content)
        self._pin([digest])
        with disk.explained(self.root, "storing a blob"):
            target = self.path(digest)
            if not target.exists() or self._set_aside_if_damaged(target):
                self.create(target, content)
        return digest

    def put_folder(self, folder: Path) -> str:
        """Move the files of a folder, made by `temporary`, into the store, and return its digest."""
        with disk.explained(self.root, "storing an artifact"):
            try:
                entries = hashing.tree_entries(folder)
            except ValueError as error:
                raise StoreError(f"an artifact cannot hold this: {error}") from None
            listing = hashing.tree_object(entries)
            # Before anything is looked at: what is found stored already must stay until it is part of this.
            self._pin([*(entry.digest for entry in entries if entry.digest), hashing.digest_bytes(listing)])
            touched: set[Path] = set()
            for entry in entries:
                if entry.digest:
                    touched |= self._adopt(folder / entry.name, entry)
            disk.sync_folders(touched)
            return self.put_bytes(listing)

    def read(self, digest: str) -> bytes:
        """A blob's content, verified.

        Raises:
            DamagedError: it is missing, or was not what its name says.
        """
        path = self.path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DamagedError(digest, "is missing") from None
        except OSError as error:
            raise disk.explain(error, self.root, "reading a blob") from error
        if hashing.digest_bytes(content) != digest:
            self.quarantine(path, "content does not match its digest")
            raise DamagedError(digest, "was damaged")
        return content

    def tree(self, digest: str) -> tuple[TreeEntry, ...]:
        """The entries of a stored folder, verified."""
        content = self.read(digest)
        try:
            return hashing.parse_tree(content)
        except ValueError:
            raise DamagedError(digest, "is no folder") from None

    def holds(self, digest: str, size: int) -> bool:
        """Whether a blob is there with that size; it is read only where it is not."""
        path = self.path(digest)
        try:
            found = os.stat(path).st_size
            if found != size:
                self._set_aside_if_damaged(
                    path
                )  # otherwise it is the size that somebody lists which is wrong
        except OSError:
            return False
        return found == size

    def adopt(self, path: Path, entry: TreeEntry) -> None:
        """Move a file of this file system, known to be what `entry` says, into the store."""
        self._pin([entry.digest])
        with disk.explained(self.root, "storing a blob"):
            disk.sync_folders(self._adopt(path, entry))

    def path(self, digest: str) -> Path:
        """Where the blob of that digest lies, if it is there."""
        return self.root.joinpath("cas", digest[:2], digest)

    def is_complete(self, digest: str) -> bool:
        """Whether a folder's tree is sound and its blobs are there with their sizes; they are not read."""
        try:
            entries = [entry for entry in self.tree(digest) if entry.digest]
        except DamagedError:
            return False
        return all(self.holds(entry.digest, entry.size) for entry in entries)

    def materialize(self, digest: str) -> Path:
        """A stored folder as a copy that may be read in place: writes into it cannot reach the store.

        Copies are kept under tmp/out; what was written to since it was compared is compared again.

        Raises:
            DamagedError: a part of it is missing or damaged.
        """
        target = self.root / "tmp" / "out" / digest
        self._pin([digest])
        with disk.explained(self.root, "copying an artifact"):
            if not self._writable:
                return self._private_copy(digest)
            if self._verified.get(digest) == _stamps(target) is not None:
                return target
            target.parent.mkdir(exist_ok=True)
            # Two builds may want the same copy; the one that is late must not swap it under the other.
            with locked(self.root / "locks" / f"out-{digest}", "copy", waiting=lambda holder: None):
                if not self._holds(target, digest):
                    self._copy_to(digest, target)
                self._verified[digest] = _stamps(target) or ()
        return target

    @contextmanager
    def temporary(self, label: str) -> Iterator[Path]:
        """A new folder in the store's file system, gone when the block ends."""
        with disk.explained(self.root, "making a temporary folder"):
            folder = disk.unique(self.root / "tmp", label)
            folder.mkdir()
        try:
            yield folder
        finally:
            disk.remove_tree(folder)

    def create(self, target: Path, content: bytes) -> bool:
        """Publish bytes under a name; False where it is taken."""
        temporary = disk.unique(self.root / "tmp", "new")
        disk.write_durably(temporary, content, mode=disk.READ_ONLY)
        created = disk.create(temporary, target)
        disk.sync_folders([target.parent, target.parent.parent])
        return created

    def quarantine(self, path: Path, reason: str) -> None:
        """Move something that cannot be trusted out of the way, with the reason beside it.

        In a store that may only be read it stays, and is as little trusted.
        """
        if not self._writable:
            return
        target = disk.unique(self.root / "quarantine", path.name)
        try:
            path.replace(target)
            target.with_name(target.name + ".why").write_text(reason + "\n", encoding="utf-8")
        except FileNotFoundError:
            pass  # another process was faster
        except OSError as error:
            raise disk.explain(error, self.root, f"setting aside {path.name} ({reason})") from error

    # ------------------------------------------------------------------ inside

    def _adopt(self, path: Path, entry: TreeEntry) -> set[Path]:
        """Move a file into `cas` and return the folders whose names changed."""
        target = self.path(entry.digest)
        if target.exists() and not self._set_aside_if_damaged(target):
            return set()
        os.chmod(path, disk.READ_ONLY)
        disk.sync_file(path)
        disk.create(path, target)
        return {target.parent, target.parent.parent}

    def _set_aside_if_damaged(self, blob: Path) -> bool:
        if hashing.digest_file(blob) == blob.name:
            return False
        self.quarantine(blob, "content does not match its digest")
        return True

    def _copy_to(self, digest: str, target: Path) -> None:
        with self.temporary("old") as old, self.temporary("copy") as copy:
            self._copy_all(digest, copy / "new")
            if target.exists():
                target.rename(old / "copy")
            (copy / "new").rename(target)

    def _copy_all(self, digest: str, folder: Path) -> None:
        entries = self.tree(digest)
        folder.mkdir()
        for entry in entries:
            self._copy_out(entry, folder / entry.name)

    def _private_copy(self, digest: str) -> Path:
        """A copy outside the store, gone when this process ends."""
        if self._private is None:
            import tempfile  # which brings random along, and stores that only may be read are rare

            self._private = Path(tempfile.mkdtemp(prefix="p2m-"))
            atexit.register(disk.remove_tree, self._private)
        target = self._private / digest
        if not target.exists() or _stamps(target) != self._verified.get(digest):
            disk.remove_tree(target)
            self._copy_all(digest, target)
            self._verified[digest] = _stamps(target) or ()
        return target

    def _holds(self, folder: Path, digest: str) -> bool:
        """Whether the files of a folder are those of that tree."""
        try:
            entries, _ = self._stats.entries(folder)
            return folder.is_dir() and hashing.digest_bytes(hashing.tree_object(entries)) == digest
        except (OSError, ValueError):
            return False

    def _copy_out(self, entry: TreeEntry, target: Path) -> None:
        if not entry.digest:
            target.mkdir(parents=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        blob = self.path(entry.digest)
        try:
            import shutil  # brings compression along

            shutil.copyfile(blob, target)
        except FileNotFoundError:
            raise DamagedError(entry.digest, f"({entry.name}) is missing") from None
        if hashing.digest_file(target) != entry.digest:
            if hashing.digest_file(blob) != entry.digest:
                self.quarantine(blob, "content does not match its digest")
            raise DamagedError(entry.digest, f"({entry.name}) was damaged")


def _stamps(folder: Path) -> Stamps | None:
    """What no write to any file below leaves as it was; None where there is no folder."""
    if not folder.is_dir():
        return None
    found = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in (*folders, *sorted(files)):
            stat = os.lstat(os.path.join(place, name))
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)
