"""How much may lie in a shared store: writers hold to it, by a size that is counted now and then.

    USAGE    {"bytes": 51200, "counted": 1790000000}

It is counted by listing what is there, once a day and when there is no such file; in between, each build adds
what it has sent. Builds that end together may each lose what the other added until the next count.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from p2m.engine.storage.breaker import SLOWEST
from p2m.engine.storage.shared import Shared, read_bytes
from p2m.sizes import show_size

NAME = "USAGE"
_COUNTED_FOR = 24 * 3600  # seconds after which it is counted again
_PATIENCE = 600  # seconds that counting may take


@dataclass(frozen=True, slots=True)
class Usage:
    """What lay there when it was last counted, and what was sent since, in bytes."""

    bytes: int
    counted: float  # seconds since the epoch


class Quota:
    """The quota of a shared store, as one build holds to it."""

    def __init__(self, shared: Shared) -> None:
        self._shared, self.limit = shared, shared.place.quota
        self._usage: Usage | None = None
        self._sent = self._noted = 0  # bytes by this build, and those of them that USAGE has
        self._problem = ""
        self._changing = threading.Lock()
        self.patience = _PATIENCE * SLOWEST  # as the bytes of a job that may take so long

    def look(self, _alive: Callable[[], None]) -> None:
        """Learn, with the first call, what is there. Raises: what the shared store raises."""
        if self._usage is None:
            usage = self._written()
            if usage is None or not 0 <= time.time() - usage.counted < _COUNTED_FOR:
                usage = Usage(_total(self._shared.place.url), time.time())
                self._write(usage)
            self._usage = usage

    def take(self, size: int) -> str:
        """Count `size` bytes as sent, if they may be; else why nothing more may be sent."""
        with self._changing:
            held = self._usage.bytes + self._sent if self._usage else 0
            if self.limit and held + size > self.limit and not self._problem:
                quota = f"{show_size(held)} of its quota of {show_size(self.limit)} are used"
                more = f"{show_size(size)} more are too many"
                self._problem = f"{quota}, and {more}; free some with p2m gc --shared, or raise the quota"
            self._sent += 0 if self._problem else size
            return self._problem

    def note(self) -> None:
        """Add what was sent since the last call. Raises: what the shared store raises."""
        more = self._sent - self._noted
        usage = self._written() if more else None
        if usage is not None:
            self._write(replace(usage, bytes=usage.bytes + more))
            self._noted += more

    def _written(self) -> Usage | None:
        content = read_bytes(self._shared, NAME, 1000, lambda: None)
        try:
            written = json.loads(content or b"")
            return Usage(int(written["bytes"]), float(written["counted"]))
        except (ValueError, KeyError, TypeError):
            return None

    def _write(self, usage: Usage) -> None:
        content = json.dumps({"bytes": usage.bytes, "counted": round(usage.counted)}) + "\n"
        self._shared.write(NAME, content.encode(), replace=True)


def _total(url: str) -> int:
    """Bytes of all that is there, by listing it. Raises: what the file system raises."""
    import fsspec

    system, path = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    try:
        return int(system.du(path))
    except FileNotFoundError:
        return 0
