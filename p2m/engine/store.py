"""The store: what was made, by content, and which key made it.

    FORMAT   cas/ab/<sha256>   ac/ab/<key>   steps/<key>/   runs/<id>/   ledger/   tmp/   locks/   quarantine/
    leases/<run>   keep/<name>   roots/<id>      what gc leaves alone, beside the last runs

An action entry says that a key gave an output; it is written once, last, and holds the full preimage of its
key, so that `why` is exact for ever. Nothing is trusted on the way out: an entry that does not match its own
digests goes to `quarantine` and counts as missing, as a blob does that does not match its name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.engine.files import disk, memo
from p2m.engine.files.file_locks import Holder, locked
from p2m.engine.files.stats import Stats
from p2m.engine.hashing import TreeEntry
from p2m.engine.storage.blobs import Blobs, DamagedError
from p2m.engine.storage.entries import KEY_TAG, Action, entry_bytes, parse_entry
from p2m.engine.storage.leases import Lease, leased
from p2m.engine.storage.store_folder import open_store
from p2m.errors import StoreError

if TYPE_CHECKING:
    from p2m.engine.storage.shared_address import SharedAddress
    from p2m.engine.storage.sharing import Sharing

__all__ = ["KEY_TAG", "Action", "DamagedError", "Store", "StorePlace"]


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Where a store is: plain data, from which another process opens the same one (`Store.at`)."""

    root: Path
    shared: SharedAddress | None = None


class Store:
    """A store at `root`, made where it is absent, unless `make` is False: then it is empty and cannot be
    written. One that may only be read can be read.

    Raises:
        StoreError: see `store_folder.open_store`.
    """

    def __init__(self, root: Path, shared: SharedAddress | None = None, *, make: bool = True) -> None:
        self.root = Path(os.path.abspath(root))
        self.place = StorePlace(self.root, shared)
        with disk.explained(self.root, "opening the store"):
            self.writable = open_store(self.root, make=make)  # otherwise it can be read alone
        self._leases: tuple[Lease, ...] = ()
        self._changing = threading.Lock()
        self.stats = Stats(self.root / "tmp")
        self.blobs = Blobs(self.root, self.pin, self.stats, writable=self.writable)
        self._sharing: Sharing | None = None
        if shared:
            from p2m.engine.storage.sharing import (
                Sharing,  # threads and queues, which most builds do without
            )

            self._sharing = Sharing(shared, self.blobs, pin=self.pin)

    @classmethod
    def at(cls, place: StorePlace) -> Store:
        """The store at that place, opened again, for instance in a worker process."""
        return cls(place.root, place.shared)

    # ------------------------------------------------------------------ leases

    @contextmanager
    def leased(self, run_id: str) -> Iterator[Lease]:
        """While this is open, whatever is looked up, fetched or stored here stays, collectors or not.

        Workers of the same build join it by the same id; it ends with the last of them.
        """
        with leased(self.root, run_id) as lease:
            with self._changing:
                self._leases = (*self._leases, lease)
            try:
                yield lease
            finally:
                with self._changing:
                    self._leases = tuple(other for other in self._leases if other is not lease)

    join_lease = leased

    def pin(self, words: Iterable[str], *, again: bool = False) -> None:
        """Protect keys and digests for as long as the open lease lives; without one nothing is protected."""
        wanted = list(words) if self._leases else []
        for lease in self._leases:
            lease.pin(wanted, again=again)

    # ------------------------------------------------------------------ entries

    def lookup(self, key: str) -> Action | None:
        """The entry of a key whose output is there; contents are verified when they are read.

        What is not here and can be had from the shared store, in full and verified, is here then.
        """
        action = self.lookup_here(key)
        if action is not None or self._sharing is None:
            return action
        standing = self.entry(key)
        action = self._sharing.fetch(key, standing)
        return None if action is None else self._keep(action, standing)

    def lookup_here(self, key: str) -> Action | None:
        """As `lookup`, without the shared store."""
        self.pin([key], again=True)  # it may have got its entry since it was last looked up
        action = self.entry(key)
        return action if action is not None and self.blobs.is_complete(action.output) else None

    def glance(self, key: str) -> Action | None:
        """As `lookup`, but nothing is fetched or written: `shared` where only the shared store has it."""
        action = self.lookup_here(key)
        return action if action is not None or self._sharing is None else self._sharing.glance(key)

    def entry(self, key: str) -> Action | None:
        """The entry of a key alone, whatever became of its output."""
        path = self.entry_path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk.explain(error, self.root, "reading an entry") from error
        try:
            return parse_entry(content, key)
        except (ValueError, KeyError, TypeError) as error:
            self.blobs.quarantine(path, f"entry does not verify: {error}")
            return None

    def publish(
        self, key: str, preimage: Mapping[str, Any], output: str, seconds: float, *, offer: bool = True
    ) -> Action:
        """Write the entry of a key, last of all, and return the one that stands.

        It is sent to the shared store, in the background, unless `offer` is False.

        Where the key has another result already, that one stays and the new one is kept as an alternative.
        """
        action = self._publish(Action(key, output, preimage, seconds))
        if self._sharing is not None and offer:
            self._sharing.uploads.offer(action)
        return action

    def _publish(self, action: Action) -> Action:
        key, output, content = action.key, action.output, entry_bytes(action)
        self.pin([key], again=True)
        with disk.explained(self.root, "publishing an entry"):
            while not self.blobs.create(self.entry_path(key), content):
                standing = self.entry(key)
                if standing is None:
                    continue  # it was damaged and is now set aside
                if standing.output != output:
                    self.blobs.create(self.entry_path(key, alternative=output), content)
                return standing
        return action

    def _keep(self, action: Action, standing: Action | None) -> Action | None:
        """Publish what came from the shared store; None where that cannot be done here."""
        try:
            if standing is not None and standing.output != action.output:
                self.forget(action.key, "its output is missing or damaged")
            self._publish(action)
            found = self.lookup_here(action.key)
        except StoreError:  # whoever makes the step instead will meet the same fault and say it
            return None
        return None if found is None else replace(found, shared=True)

    def alternatives(self, key: str) -> tuple[str, ...]:
        """Other results that the same key gave: a step that is not deterministic."""
        names = (path.name for path in self.entry_path(key).parent.glob(f"{key}~*"))
        return tuple(sorted(name.split("~", 1)[1] for name in names))

    def forget(self, key: str, reason: str) -> None:
        """Set an entry aside whose output turned out damaged, so that the step runs again."""
        self.blobs.quarantine(self.entry_path(key), reason)

    # ------------------------------------------------------------------ contents (see `blobs`)

    def put_bytes(self, content: bytes) -> str:
        return self.blobs.put_bytes(content)

    def put_folder(self, folder: Path) -> str:
        return self.blobs.put_folder(folder)

    def read(self, digest: str) -> bytes:
        return self.blobs.read(digest)

    def tree(self, digest: str) -> tuple[TreeEntry, ...]:
        return self.blobs.tree(digest)

    def materialize(self, digest: str) -> Path:
        try:
            return self.blobs.materialize(digest)
        except DamagedError:
            if not self.bring(digest):
                raise
            return self.blobs.materialize(digest)

    def temporary(self, label: str) -> AbstractContextManager[Path]:
        return self.blobs.temporary(label)

    # ------------------------------------------------------------------ the shared store (see `sharing`)

    @property
    def sent(self) -> int:
        """Results that the shared store has got from here."""
        return self._sharing.uploads.sent if self._sharing is not None else 0

    @property
    def spent(self) -> str:
        """The requests that an object store got so far, and what they cost; "" for none."""
        return self._sharing.spent if self._sharing is not None else ""

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be sent to the shared store, after this build too."""
        return self._sharing is not None and self._sharing.uploads.is_pending

    def offer(self, key: str, *, made: bool = True) -> None:
        """Send what a key gave to the shared store, in the background; a no-op where none may be written.

        Of what was not just `made` it is asked first whether it is there.
        """
        action = self.entry(key) if self._sharing is not None else None
        if action is not None and self._sharing is not None:
            self._sharing.uploads.offer(action, made=made)

    def bring(self, digest: str) -> bool:
        """Whether a folder is here in full, now that what was lacking was asked of the shared store."""
        if self.blobs.is_complete(digest):
            return True
        return self._sharing is not None and self._sharing.bring(digest)

    def send(self, digest: str) -> None:
        """Have a folder in the shared store when this returns.

        Raises:
            StoreError: there is none to be written, or it did not take it.
        """
        if self._sharing is None:
            raise StoreError("steps that run elsewhere need a shared store; set store.shared in the recipe")
        self._sharing.send(digest)

    def heed(self, listener: Callable[[str], None]) -> None:
        """Hand the lines that tell of the shared store's faults to `listener`, each once."""
        if self._sharing is not None:
            self._sharing.notices.listener = listener

    def flush(self, say: Callable[[str], None], *, wait: bool = True) -> None:
        """At a build's end: wait, with a deadline, until all on offer is sent; faults are only said."""
        if self._sharing is not None:
            self._sharing.flush(self.entry, say, wait=wait)

    def register_root(self, path: Path) -> None:
        """Keep what the lock file at `path` names, for as long as it is there, as it reads when gc runs."""
        from p2m.engine.storage import kept

        kept.register(self.root, path)

    # ------------------------------------------------------------------ places

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def memos(self) -> Path:
        """Where steps remember what they would compute again."""
        return self.root / "tmp" / memo.FOLDER

    def scratch(self, key: str) -> Path:
        """The folder in which the step of that key works; it survives a kill."""
        with disk.explained(self.root, "making a scratch folder"):
            folder = self.root / "steps" / key
            folder.mkdir(exist_ok=True)
        return folder

    def clear_scratch(self, key: str) -> None:
        with disk.explained(self.root, "clearing a scratch folder"):
            disk.remove_tree(self.root / "steps" / key)

    def hold_key(
        self, key: str, what: str, waiting: Callable[[Holder], None]
    ) -> AbstractContextManager[bool]:
        """Hold the key for one build at a time; see `file_locks.locked`."""
        return locked(self.root / "locks" / key, what, waiting)

    def entry_path(self, key: str, alternative: str = "") -> Path:
        """Where the entry of a key, or of another result of it, lies if it is there."""
        return self.root.joinpath("ac", key[:2], f"{key}~{alternative}" if alternative else key)
