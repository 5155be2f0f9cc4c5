"""What a build uses of an object store, written there, so that a collector leaves it: a lease that lapses.

    leases/<id>    keys and digests, a line each; it counts until `LEASE` after it was last written

A build writes its lease a minute after its first use, again while it uses more, and at its end. It never
takes it away: what was used lately is what will be asked for next. Builds that may only read write none.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress

from p2m.engine.storage.breaker import Breaker, Fault
from p2m.engine.storage.objects import OBJECT_STORES
from p2m.engine.storage.shared import Shared

FOLDER = "leases"
LEASE = 7 * 86400.0  # seconds
_SOON = 60.0  # seconds from the first use until the lease is written
_AGAIN = 600.0  # seconds after which a running build's lease is written again, if there is more to say


class Uses:
    """The lease of one process in the store at `shared`."""

    def __init__(self, shared: Shared, writing: Breaker) -> None:
        self._shared, self._writing = shared, writing
        self._is_kept = shared.place.mode == "write" and shared.place.protocol in OBJECT_STORES
        self._name = f"{FOLDER}/{uuid.uuid4().hex}"
        self._lock = threading.Lock()
        self._words: set[str] = set()
        self._written = 0  # words, when it was last written
        self.is_open = False  # whether there is a store that can be written, as far as is known
        self._due = float("inf")  # monotonic

    def note(self, words: Iterable[str]) -> None:
        """Add keys and digests, and return at once; the lease is written in a thread when it is time."""
        if not self._is_kept:
            return
        with self._lock:
            is_first = not self._words
            self._words.update(words)
            is_due = is_first or time.monotonic() >= self._due
            if is_due:
                self._due = time.monotonic() + _AGAIN
        if is_due:
            timer = threading.Timer(_SOON if is_first else 0.0, self.write)
            timer.daemon = True
            timer.start()

    @property
    def is_news(self) -> bool:
        return len(self._words) != self._written

    def write(self) -> None:
        """Write the lease where there is more to say; where that fails, it is left out."""
        with self._lock:
            words = sorted(self._words)
        if not self.is_open or not self.is_news or self._writing.is_off:
            return
        content = "".join(f"{word}\n" for word in words).encode("ascii")

        def put(_alive: object) -> None:
            self._shared.write(self._name, content, replace=True)
            self._written = len(words)

        with suppress(Fault):
            self._writing.ask("writing a lease", put)
