"""What a build made or found, on its way to the shared store: in a thread, blobs first and the entry last.

offers/<key>    an empty file for each that is still to be sent, so that a build which was killed, or whose
                shared store was away, leaves the rest to the next

A build never waits for this but at its end, and then not for ever (`flush`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue

from p2m.engine import hashing
from p2m.engine.files import disk
from p2m.engine.hashing import TreeEntry
from p2m.engine.storage.blobs import Blobs, DamagedError
from p2m.engine.storage.breaker import Breaker, Fault, Job, Notices
from p2m.engine.storage.entries import FORMAT, Action, entry_bytes
from p2m.engine.storage.foreign import checked_entry
from p2m.engine.storage.objects import OversizeError
from p2m.engine.storage.quota import Quota
from p2m.engine.storage.shared import (
    MAX_ENTRY,
    Shared,
    blob_name,
    entry_name,
    format_problem,
    read_bytes,
)
from p2m.engine.storage.shared_address import redacted
from p2m.engine.storage.signing import Signer, is_signed, signer
from p2m.engine.storage.uses import Uses
from p2m.errors import StoreError

FOLDER = "offers"
_SILENCE = 1.0  # seconds that the end of a build waits without a word
_PACE = 1 << 20  # bytes a second that the end of a build waits for


class Uploads:
    """Sends actions and their blobs; names in `poisoned` are replaced, all others that are there stay."""

    def __init__(self, shared: Shared, blobs: Blobs, poisoned: set[str], notices: Notices) -> None:
        self._shared, self._blobs, self._poisoned, self._notices = shared, blobs, poisoned, notices
        subject = f"sending to the shared store {redacted(shared.place.url)}"
        instead = "results stay here, and the next build sends them"
        self._sending = Breaker(subject, instead, shared.place.timeout, notices)
        self._uses = Uses(shared, self._sending)
        self._queue: SimpleQueue[tuple[Action, int, bool]] = SimpleQueue()
        self._changed = threading.Condition()
        self._left = 0  # actions that are still to be sent, or asked after
        self._asked = 0  # of these, those that may be there already
        self._failed = 0  # that could not be
        self._bytes = 0  # of these, at most
        self._seen: set[str] = set()
        self._founded = False
        self._quota = Quota(shared)
        self._unsent = 0  # when it was last settled
        self.sent = 0  # actions that the shared store has got from here

    @property
    def is_pending(self) -> bool:
        """Whether something is left for the next build to send."""
        return self._shared.place.mode == "write" and bool(self._left or self._unsent or self._noted())

    def meet(self) -> None:
        """Take note that there is a store of a format that is understood."""
        self._uses.is_open = True

    def offer(self, action: Action, *, made: bool = True) -> None:
        """Note an action as to be sent, and return at once; one not just `made` may be there already."""
        if self._shared.place.mode != "write" or action.key in self._seen:
            return
        if action.preimage.get("kind") == "volatile":
            return
        if action.seconds < self._shared.place.least_seconds:
            return
        self._uses.note((action.key,))
        if action.shared:
            return
        if made:
            self._note(action.key)
        self._enqueue(action, made)

    def resume(self, entry: Callable[[str], Action | None]) -> None:
        """Offer what an earlier build could not send; `entry` gives the action of a key that is here."""
        if self._shared.place.mode != "write" or self._sending.is_off:
            return
        for key in self._noted():
            if key in self._seen:
                continue
            action = entry(key)
            if action is None:
                self._forget(key)  # collected since
            else:
                self._enqueue(action, True)

    def flush(self, say: Callable[[str], None]) -> None:
        """Wait until all is sent, it failed or took too long; an interrupt ends the waiting."""
        self._wait(say)
        self._uses.write()
        with self._changed:
            self._unsent, self._failed = self._left + self._failed, 0
        self._notices.deliver()  # why, before how many
        if self._unsent:
            say(f"{self._unsent} results were not sent; the next build sends them")

    def _wait(self, say: Callable[[str], None]) -> None:
        began, told, most = time.monotonic(), False, 0
        with suppress(KeyboardInterrupt), self._changed:
            while self._left and not self._sending.is_off:
                most = max(most, self._bytes)
                left = began + 2 * self._shared.place.timeout + most / _PACE - time.monotonic()
                if left <= 0:
                    break
                # What is there already is not worth a line, so the answers are waited for, if not long.
                if not told and (not self._asked or time.monotonic() - began > _SILENCE):
                    told = True
                    what = f"sending {self._left} results ({most / 1e6:,.1f} MB) to the shared store"
                    say(f"{what}; Ctrl-C leaves them for later")
                self._changed.wait(min(0.1, left))

    # ------------------------------------------------------------------ the thread

    def _enqueue(self, action: Action, made: bool) -> None:
        self._seen.add(action.key)
        size = self._size(action) if made else 0
        with self._changed:
            first = self._left == 0
            self._left += 1
            self._asked += not made
            self._bytes += size
        self._queue.put((action, size, made))
        if first:
            threading.Thread(target=self._work, name="shared store", daemon=True).start()

    def _work(self) -> None:
        """Send what is queued, and end when there is nothing left."""
        while True:
            action, size, made = self._queue.get()
            failed = True
            try:
                if not made and not self._sending.is_off and not self._is_there(action.key):
                    self._queue_again(action)
                    continue
                if made and not self._sending.is_off:
                    self._send(action)
                if not self._sending.is_off:
                    self._forget(action.key)
                    failed = False
            except Fault:
                pass  # counted and said
            except DamagedError:
                self._forget(action.key)  # there is nothing whole to be sent
            except Exception as error:  # a thread has nobody to raise to
                self._sending.fault("reading what is to be sent", f"{type(error).__name__}: {error}")
            if self._left == 1:
                self._note_usage()
            with self._changed:
                self._left -= 1
                self._asked -= not made
                self._failed += failed
                self._bytes -= size
                self._changed.notify_all()
                if not self._left:
                    return

    def _is_there(self, key: str) -> bool:
        """Whether the shared store has an entry of that key, which is written last. Raises: Fault."""
        name, trusts = entry_name(key), self._shared.place.trust

        def look(_alive: object) -> object:
            return self._standing(name, key) if trusts else self._shared.size(name)

        return self._sending.ask("asking for an entry", look) is not None and name not in self._poisoned

    def _queue_again(self, action: Action) -> None:
        """Have it sent after the questions that wait."""
        self._note(action.key)
        size = self._size(action)
        with self._changed:
            self._asked -= 1
            self._bytes += size
        self._queue.put((action, size, True))

    def _send(self, action: Action) -> None:
        """Raises: Fault; DamagedError: the store here has not got it whole."""
        # Where the entry did not hold what it promised, its blobs are not taken for granted either.
        renewed = self.send_folder(action.output, anew=entry_name(action.key) in self._poisoned)
        self._sending.ask("sending an entry", lambda alive: self._send_entry(action))
        # A collector may have deleted an old one after it was put again, and before the entry named it.
        self._sending.all([self._blob_job(entry, False, []) for entry in renewed])

    def send(self, output: str) -> None:
        """Send a folder that a step elsewhere is about to take. Raises: as `send_folder`."""
        self._uses.note((output,))
        self.send_folder(output)

    def send_folder(self, output: str, *, anew: bool = False) -> list[TreeEntry]:
        """Send a folder, the listing last; parts that are there are sent only where `anew`.

        Returns the parts that were there, too old to be taken for granted, and were put again.

        Raises:
            Fault: the shared store did not take it, or may only be read.
            DamagedError: the store here has not got it whole.
        """
        if self._shared.place.mode != "write":
            raise Fault("it may only be read; set store.shared.mode=write")
        self._found()
        tree = self._blobs.read(output)
        entries = {entry.digest: entry for entry in hashing.parse_tree(tree) if entry.digest}
        if self._quota.limit:
            self._sending.ask("counting what is there", self._quota.look, self._quota.patience)
        renewed: list[TreeEntry] = []
        self._sending.all([self._blob_job(entry, anew, renewed) for entry in entries.values()])
        self._sending.all([self._blob_job(TreeEntry("", output, len(tree)), anew, renewed)])
        return renewed

    def _blob_job(self, entry: TreeEntry, anew: bool, renewed: list[TreeEntry]) -> Job:
        name, path = blob_name(entry.digest), self._blobs.path(entry.digest)

        def run(alive: Callable[[], None]) -> None:
            def sound() -> Path:
                if hashing.digest_file(path) != entry.digest:
                    raise OSError("it is damaged here")
                alive()
                if self._quota.limit and self._shared.size(name) != entry.size:  # else it is counted there
                    self._hold_to_quota(entry.size)
                return path

            if self._shared.ensure(name, sound, entry.size, anew=anew or name in self._poisoned):
                renewed.append(entry)
            self._poisoned.discard(name)

        return Job(f"sending {name[:15]}", run, entry.size)

    def _send_entry(self, action: Action) -> None:
        """Whoever was first stays; another result is kept beside it, as here."""
        name, content = entry_name(action.key), entry_bytes(action)
        if self._signer is not None:
            content = self._signer.sign(content)
        elif self._shared.place.trust:
            raise OSError("entries must be signed, and P2M_SHARED_STORE_KEY holds no key here")
        if name not in self._poisoned and self._shared.write(name, content):
            self.sent += 1
            return
        standing = None if name in self._poisoned else self._standing(name, action.key)
        if standing is None:
            self._shared.write(name, content, replace=True)
            self._poisoned.discard(name)
            self.sent += 1
        elif standing.output != action.output:
            self._shared.write(f"{name}~{action.output}", content)

    @cached_property
    def _signer(self) -> Signer | None:
        return signer(os.environ)

    def _standing(self, name: str, key: str) -> Action | None:
        """The entry that is there; None where it is none. Raises: what the shared store raises."""
        try:
            content = read_bytes(self._shared, name, MAX_ENTRY, lambda: None)
        except OversizeError:
            return None
        trusts = self._shared.place.trust
        try:
            if content is None or (trusts and not is_signed(content, trusts)):
                return None
            return checked_entry(content, key)
        except Exception:  # whatever garbage does to a parser
            return None

    def _found(self) -> None:
        """Make it a store where it is none yet. Raises: Fault."""
        if self._founded:
            return

        def run(_alive: Callable[[], None]) -> None:
            if warning := self._shared.prepare():
                self._notices.add(warning)
            if self._uses.is_open:  # it was read already
                return
            mark = read_bytes(self._shared, "FORMAT", 100, lambda: None)
            if mark is None and not self._shared.write("FORMAT", f"p2m-store {FORMAT}\n".encode()):
                mark = read_bytes(self._shared, "FORMAT", 100, lambda: None)
            problem = "" if mark is None else format_problem(mark)
            if problem:
                self._sending.off(problem)
                raise Fault(problem)

        self._sending.ask("reading FORMAT", run)
        self._founded = self._uses.is_open = True

    def _hold_to_quota(self, size: int) -> None:
        """Raises: Fault, where so many bytes more are too many; then nothing is sent any more."""
        problem = self._quota.take(size)
        if problem:
            with suppress(Exception):  # a courtesy: it is counted anew some day
                self._quota.note()
            self._sending.off(problem)
            raise Fault(problem)

    def _note_usage(self) -> None:
        if self._quota.limit and not self._sending.is_off:
            with suppress(Fault):
                self._sending.ask("noting what was sent", lambda _alive: self._quota.note())

    # ------------------------------------------------------------------ notes of what is to be sent

    @property
    def _folder(self) -> Path:
        return self._blobs.root / FOLDER

    def _note(self, key: str) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
            (self._folder / key).touch()
        except OSError as error:  # it may still be sent now
            self._notices.add(f"offers to the shared store cannot be noted: {error.strerror}")

    def _forget(self, key: str) -> None:
        try:
            (self._folder / key).unlink(missing_ok=True)
        except OSError as error:
            self._notices.add(f"offers to the shared store cannot be noted: {error.strerror}")

    def _noted(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._folder) if len(name) == 64)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise disk.explain(error, self._blobs.root, "reading the offers") from error

    def _size(self, action: Action) -> int:
        try:
            return sum(entry.size for entry in self._blobs.tree(action.output))
        except (DamagedError, StoreError, OSError):
            return 0
