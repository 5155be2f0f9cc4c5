"""A store's dealings with a shared one: what it lacks is fetched, what it makes offered; faults are misses.

Whatever comes from there is verified before it becomes visible here: an entry by its seal and by the key that
its preimage gives, a folder's listing by its digest, its form and its names, a file by its digest and its
size. That proves integrity; origin is proved by signatures of entries, where the place names whom it trusts.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from p2m.engine import hashing
from p2m.engine.files import memo
from p2m.engine.hashing import TreeEntry
from p2m.engine.storage.blobs import Blobs, DamagedError
from p2m.engine.storage.breaker import Breaker, Fault, Job, Notices
from p2m.engine.storage.entries import FORMAT, Action
from p2m.engine.storage.foreign import checked_entry, checked_tree
from p2m.engine.storage.objects import LAST_WINS, ObjectStore, OversizeError
from p2m.engine.storage.shared import (
    MAX_ENTRY,
    Shared,
    blob_name,
    entry_name,
    format_problem,
    open_shared,
    read_bytes,
)
from p2m.engine.storage.shared_address import SharedAddress, redacted
from p2m.engine.storage.signing import is_signed
from p2m.engine.storage.uploads import Uploads
from p2m.errors import StoreError

T = TypeVar("T")
MAX_TREE = 64 << 20  # bytes of a folder's listing


class PoisonedError(Exception):
    """Something is there, and is not what its name says."""


_LASTING = (PoisonedError, OversizeError)  # faults of what is there, which are there the next time too


@dataclass(frozen=True, slots=True)
class Health:
    """What a shared store said when it was asked for its format."""

    is_well: bool
    text: str
    advice: str = ""


def probe(place: SharedAddress) -> Health:
    """Ask the shared store at that place for its format, and where it may be written how it takes puts.

    Each is asked once and for no longer than its timeout.
    """
    breaker = Breaker("", "", place.timeout, Notices())
    shared, doing, said = open_shared(place), "answer", ""
    try:
        mark = breaker.ask("reading FORMAT", lambda alive: read_bytes(shared, "FORMAT", 100, alive))
        problem = "" if mark is None and place.mode == "write" else format_problem(mark)
        if isinstance(shared, ObjectStore) and place.mode == "write" and not problem:
            doing = "writing"
            breaker.ask("writing", lambda _alive: shared.prepare())
            said = "; honours create-only puts" if shared.creates else f"; {LAST_WINS}"
    except Fault as fault:
        advice = "builds go on without it; check the url and credentials"
        return Health(False, f"no {doing} ({fault})", advice)
    if problem:
        return Health(False, problem, "builds go on without it")
    empty = "empty; the first build that sends something makes it a store"
    return Health(True, (empty if mark is None else f"format {FORMAT}") + said)


class Sharing:
    """What one store, by its `blobs`, gets from and gives to the shared store at `place`."""

    def __init__(
        self,
        place: SharedAddress,
        blobs: Blobs,
        *,
        pin: Callable[[Iterable[str]], object] = lambda words: None,
    ) -> None:  # fmt: skip
        self.place, self._blobs, self._pin = place, blobs, pin
        self._shared: Shared = open_shared(place, blobs.root / "tmp" / memo.FOLDER)
        self.notices = Notices()
        subject = f"shared store {redacted(place.url)}"
        self._reading = Breaker(subject, "what it does not give is made here", place.timeout, self.notices)
        self._poisoned: set[str] = set()  # names whose content is to be replaced where that is allowed
        self._known: dict[str, Action | None] = {}  # what was answered for a key
        self._ready: bool | None = None  # whether it is a store that can be read; None: not asked yet
        self.uploads = Uploads(self._shared, blobs, self._poisoned, self.notices)

    def glance(self, key: str) -> Action | None:
        """The verified entry of a key, asked for once; no contents are fetched and nothing is written."""
        try:
            if key not in self._known and self._is_ready():
                self._known[key] = self._entry(key)
        except Fault:
            pass
        finally:
            self.notices.deliver()
        return self._known.get(key)

    def fetch(self, key: str, standing: Action | None) -> Action | None:
        """An action of that key whose output is now here, in full; None where that cannot be had.

        `standing` is the entry that is here already, without its output in full: that one is completed where
        the shared store can, and gives way to the shared store's own entry otherwise.
        """
        return self._tried(lambda: self._fetch(key, standing))

    def bring(self, output: str) -> bool:
        """Whether a folder is here in full, now that its missing parts were asked for."""
        return bool(self._tried(lambda: self._is_ready() and self._bring(output)))

    def send(self, output: str) -> None:
        """Send a folder at once. Raises: StoreError."""
        try:
            self.uploads.send(output)
            self._ready = self._ready or None  # it is a store now
        except Fault as fault:
            raise StoreError(
                f"shared store {redacted(self.place.url)} did not take {output[:12]}: {fault}"
            ) from fault
        finally:
            self.notices.deliver()

    @property
    def spent(self) -> str:
        """The requests of an object store so far, by class, and what they cost; "" for other stores."""
        return self._shared.spent if isinstance(self._shared, ObjectStore) else ""

    def _tried(self, work: Callable[[], T]) -> T | None:
        """What `work` gives; None after a fault of the shared store or of this machine's own disk."""
        if self._reading.is_off:
            return None
        try:
            return work()
        except Fault:
            return None
        except (StoreError, OSError) as error:  # this machine's own disk; whoever makes the step will meet it
            self.notices.add(f"shared store: what came could not be kept ({redacted(str(error))})")
            return None
        finally:
            self.notices.deliver()

    def flush(self, entry: Callable[[str], Action | None], say: Callable[[str], None], *, wait: bool) -> None:
        """Send what is left of this build and of earlier ones, and wait for it where `wait`."""
        try:
            if wait and not self._reading.is_off:
                self.uploads.resume(entry)
            if wait:
                self.uploads.flush(say)
        except StoreError as error:
            say(str(error))
        finally:
            self.notices.deliver()

    # ------------------------------------------------------------------ inside

    def _fetch(self, key: str, standing: Action | None) -> Action | None:
        if standing is not None and self._is_ready() and self._bring(standing.output):
            return standing
        action = self.glance(key)
        return action if action is not None and self._bring_for(action) else None

    def _is_ready(self) -> bool:
        """Whether there is a store of a format that is understood. Raises: Fault."""
        if self._ready is None:
            mark = self._read("FORMAT", 100)
            problem = format_problem(mark)
            if mark is None and self.place.mode == "write":
                self._ready = False  # it is founded with the first offer, and has nothing until then
            else:
                self._ready = not problem
                if problem:
                    self._reading.off(problem)
                else:
                    self.uploads.meet()
        return self._ready

    def _entry(self, key: str) -> Action | None:
        content = self._read(entry_name(key), MAX_ENTRY)
        if content is None:
            return None
        if self.place.trust and not is_signed(content, self.place.trust):
            self._poisoned.add(entry_name(key))
            self.notices.add(
                f"shared store {redacted(self.place.url)}: entries that nobody signed who is trusted are left"
                " out; what they would give is made here"
            )
            return None
        try:
            return checked_entry(content, key)
        except Exception as error:  # whatever garbage does to a parser
            self._known[key] = None
            raise self._poison(entry_name(key), error) from PoisonedError()

    def _bring_for(self, action: Action) -> bool:
        """Fetch what an entry promises. Raises: Fault, where it may do better another time."""
        try:
            if self._bring(action.output):
                return True
        except Fault as fault:
            if not isinstance(fault.__cause__, _LASTING):
                raise
        self._known[action.key] = None
        self._poisoned.add(entry_name(action.key))
        return False

    def _bring(self, output: str) -> bool:
        """Fetch what is missing of a folder; False where the shared store has not got it. Raises: Fault."""
        self._pin([output])
        entries = self._tree(output)
        if entries is None:
            return False
        self._pin([entry.digest for entry in entries if entry.digest])  # first, so that what is here stays
        missing = {
            entry.digest: entry
            for entry in entries
            if entry.digest and not self._blobs.holds(entry.digest, entry.size)
        }
        self._refuse_what_does_not_fit(missing.values())
        with self._blobs.temporary("fetch") as folder:
            jobs = [self._blob_job(entry, folder) for entry in missing.values()]
            absent: list[str] = []
            self._reading.all([job(absent) for job in jobs])
            if absent:
                return False
            for entry in missing.values():
                self._blobs.adopt(folder / entry.digest, entry)
        return self._blobs.is_complete(output)

    def _tree(self, output: str) -> tuple[TreeEntry, ...] | None:
        try:
            content: bytes | None = self._blobs.read(output)
        except DamagedError:
            content = self._read(blob_name(output), MAX_TREE)
        if content is None:
            return None
        try:  # also what is here: it may have come as a file, whose bytes are anybody's
            entries = checked_tree(content, output)
        except Exception as error:
            raise self._poison(blob_name(output), error) from PoisonedError()
        self._blobs.put_bytes(content)
        return entries

    def _blob_job(self, entry: TreeEntry, folder: Path) -> Callable[[list[str]], Job]:
        name = blob_name(entry.digest)

        def run(alive: Callable[[], None], absent: list[str]) -> None:
            hasher = hashing.new_hash()
            with open(folder / entry.digest, "xb") as stream:

                def take(piece: bytes) -> None:
                    alive()
                    hasher.update(piece)
                    stream.write(piece)

                there = self._shared.read(name, take, entry.size)
                size = stream.tell()
            if not there:
                absent.append(name)
            elif hasher.hexdigest() != entry.digest:
                self._poisoned.add(name)
                raise PoisonedError("its content does not match its name")
            elif size != entry.size:
                raise PoisonedError(f"it has {size} bytes, and a folder lists {entry.size}")

        def job(absent: list[str]) -> Job:
            return Job(f"reading {name[:15]}", lambda alive: run(alive, absent), entry.size)

        return job

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            return self._reading.ask(
                f"reading {name[:15]}", lambda alive: read_bytes(self._shared, name, limit, alive)
            )
        except Fault as fault:
            if isinstance(fault.__cause__, _LASTING):
                self._poisoned.add(name)
            raise

    def _poison(self, name: str, error: Exception) -> Fault:
        self._poisoned.add(name)
        return self._reading.fault(
            f"reading {name[:15]}", f"it does not verify: {type(error).__name__}: {error}"
        )

    def _refuse_what_does_not_fit(self, entries: Iterable[TreeEntry]) -> None:
        wanted, free = sum(entry.size for entry in entries), shutil.disk_usage(self._blobs.root).free
        if wanted > free:
            raise self._reading.fault("reading a folder", f"it says {wanted} bytes, and {free} are free here")
