"""A shared store in an object store (S3, GCS, Azure): whole objects, create-only puts, requests counted.

A put that may only create (`If-None-Match: *`, `ifGenerationMatch=0`) makes the first of many writers win.
Some stores that speak S3 take such a put and overwrite all the same, so it is tried out before the first
write, on an object of its own. Beside the layout of every store lie `leases/`: what builds used of it.

A writer takes an object for granted that is younger than `TRUSTED` and puts an older one again; a collector
(`care.gc_shared`) deletes none younger than `GRACE`. So no writer rests on what goes while it writes, without
a lock in the store, as long as its clock is right to some hours.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import floor, log10
from pathlib import Path
from typing import Any

from p2m.engine.files.memo import Memo
from p2m.engine.storage.shared_address import SharedAddress

OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss")
TRUSTED = 12 * 3600.0  # seconds
GRACE = 24 * 3600.0  # seconds
_DIRECT = 1 << 20  # bytes; what is not larger is put without asking whether it is there
_PIECE = 8 << 20  # bytes read by one request
_PART = 16 << 20  # bytes of a part of a large object
_CONFLICT = 0.5  # seconds waited on average while another writer of the same object ends
_MODIFIED = ("LastModified", "last_modified", "mtime", "updated")  # as the file systems call it


class OversizeError(Exception):
    """A name holds more than it may."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is there."""

    name: str
    size: int  # bytes
    modified: float  # unix time, of the store's clock


class ObjectStore:
    """A `Shared` over objects. `memory` is a folder for what was learned of stores, of this machine."""

    def __init__(self, place: SharedAddress, memory: Path | None = None) -> None:
        self.place = place
        self.requests: Counter[str] = Counter()  # by class, retries not counted
        self._memory = Memo(memory / "create_only_puts") if memory is not None else None
        self._creates: bool | None = None
        self._opening = threading.Lock()
        self._system: Any = None
        self._base = ""

    # ------------------------------------------------------------------ as every shared store

    def read(self, name: str, write: Callable[[bytes], object], limit: int) -> bool:
        if limit == 0:  # no range of an empty object can be asked for
            return self.look(name) is not None
        start = 0
        while True:
            end = min(limit + 1, start + _PIECE)  # one byte more shows what is too long
            try:
                piece = self._range(name, start, end)
            except FileNotFoundError:
                return False
            start += len(piece)
            if start > limit:
                raise OversizeError(f"more than {limit} bytes")
            write(piece)
            if start < end:
                return True

    def size(self, name: str) -> int | None:
        found = self.look(name)
        return None if found is None else found.size

    def write(self, name: str, content: bytes | Path, *, replace: bool = False) -> bool:
        if replace:
            self._put(name, content)
            return True
        if self.creates:
            return self._create_in_time(name, content)
        if self.look(name) is not None:
            return False
        self._put(name, content)
        return True

    def ensure(self, name: str, content: Callable[[], Path], size: int, *, anew: bool) -> bool:
        if not anew and size <= _DIRECT and self.creates:
            with suppress(BlockingIOError):  # whoever puts it now puts the same
                if self._create(name, content()):
                    return False
        found = None if anew else self.look(name)
        if found is not None and found.size == size and time.time() - found.modified < TRUSTED:
            return False
        self._put(name, content())
        return found is not None

    def prepare(self) -> str:
        known = self._remembered()
        if known is not None:
            self._creates = known
            return ""
        self._creates = self._try_creates()
        if self._memory is not None:
            self._memory.keep({self._mark(): b"\1" if self._creates else b"\0"})
        return "" if self._creates else f"shared store {self.place.url}: {LAST_WINS}"

    # ------------------------------------------------------------------ objects

    @property
    def spent(self) -> str:
        """The requests so far, by class, and what they cost; "" where there were none."""
        with self._opening:
            return cost_text(self.place, self.requests)

    @property
    def creates(self) -> bool:
        """Whether a put that may only create is one there; the store is asked once, and may raise."""
        if self._creates is None:
            self.prepare()
        return bool(self._creates)

    def look(self, name: str) -> Stored | None:
        """An object's size and age; None where there is none."""
        system, path = self._at(name)
        self._count("HEAD")
        try:
            if hasattr(system, "call_s3"):  # its info() lists a folder of what is missing
                bucket, key, _ = system.split_path(path)
                found = system.call_s3("head_object", Bucket=bucket, Key=key)
                return Stored(name, int(found["ContentLength"]), _modified(found))
            if self.place.protocol in ("gs", "gcs"):
                self._count("LIST")  # which its info() does beside
            found = system.info(path)
        except FileNotFoundError:
            return None
        return Stored(name, int(found["size"]), _modified(found)) if found["type"] == "file" else None

    def listing(self, folder: str) -> Iterator[Stored]:
        """All objects below a folder."""
        system, path = self._at(folder)
        found = system.find(path, detail=True)
        self._count("LIST", 1 + len(found) // 1000)
        for place, one in found.items():
            yield Stored(str(place)[len(self._base) + 1 :], int(one["size"]), _modified(one))

    def delete(self, name: str) -> None:
        system, path = self._at(name)
        self._count("DELETE")
        with suppress(FileNotFoundError):
            system.rm_file(path)

    # ------------------------------------------------------------------ inside

    def _range(self, name: str, start: int, end: int) -> bytes:
        system, path = self._at(name)
        self._count("GET")
        try:
            return bytes(system.cat_file(path, start=start, end=end))
        except FileNotFoundError:
            raise
        except Exception as error:
            if _status(error) == 416:  # nothing from `start` on
                return b""
            raise

    def _create_in_time(self, name: str, content: bytes | Path) -> bool:
        until = time.monotonic() + self.place.timeout / 2
        while True:
            try:
                return self._create(name, content)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
            time.sleep(random.uniform(0, 2 * _CONFLICT))

    def _create(self, name: str, content: bytes | Path) -> bool:
        """Put where there is nothing; False where there is something.

        Raises:
            BlockingIOError: another writer is at it.
        """
        try:
            self._put(name, content, mode="create")
        except Exception as error:
            if isinstance(error, FileExistsError) or _status(error) == 412:
                return False
            if _status(error) == 409:
                raise BlockingIOError("another writer is putting it") from error
            raise
        return True

    def _put(self, name: str, content: bytes | Path, **options: str) -> None:
        """One request, or the parts of a large object: after it, the object is there whole or not at all."""
        system, path = self._at(name)
        size = len(content) if isinstance(content, bytes) else os.stat(content).st_size
        self._count("PUT", 1 if size < 2 * _PART else 2 + -(-size // _PART))
        if isinstance(content, bytes):
            system.pipe_file(path, content, **options)
            return
        parts = {"chunksize": _PART, "max_concurrency": 4} if hasattr(system, "call_s3") else {}
        system.put_file(str(content), path, **parts, **options)

    def _try_creates(self) -> bool:
        """Put an object twice: where the second put, which may only create, is refused, that is heeded."""
        name = f"tmp/probe-{uuid.uuid4().hex}"
        try:
            # The first may overwrite: one whose answer is lost is tried again, and would be refused then.
            self._put(name, b"probe")
            return not self._create(name, b"probe")
        except TypeError:  # a file system that knows no such mode
            return False
        finally:
            with suppress(Exception):
                self.delete(name)

    def _remembered(self) -> bool | None:
        found = self._memory.known().get(self._mark()) if self._memory is not None else None
        return None if found is None else found == b"\1"

    def _mark(self) -> bytes:
        """The store and the month: what was learned of it is asked again in the next one."""
        return hashlib.sha256(f"{self.place.url} {_endpoint()} {time.strftime('%Y-%m')}".encode()).digest()

    def _count(self, kind: str, number: int = 1) -> None:
        with self._opening:
            self.requests[kind] += number

    def _at(self, name: str) -> tuple[Any, str]:
        """The file system and the path in it; both are found with the first call."""
        with self._opening:
            if self._system is None:
                self._system, self._base = _opened(self.place.url, self.place.timeout, _endpoint())
        return self._system, f"{self._base}/{name}"


def cost_text(place: SharedAddress, requests: Mapping[str, int]) -> str:
    """Requests by class and their price in USD; "" for none. Puts and lists are writes, deletes are free."""
    found = {kind: requests.get(kind, 0) for kind in ("GET", "HEAD", "PUT", "LIST", "DELETE")}
    if not any(found.values()):
        return ""
    write, read = place.usd_per_thousand
    usd = (write * (found["PUT"] + found["LIST"]) + read * (found["GET"] + found["HEAD"])) / 1000
    named = ", ".join(f"{number:,} {kind}" for kind, number in found.items() if number)
    price = f"about {_plain(usd)} USD at {write:g} and {read:g} a thousand"
    return f"{sum(found.values()):,} requests ({named}), {price}"


def _plain(usd: float) -> str:
    """Two digits, without an exponent."""
    return f"{usd:.{max(0, 1 - floor(log10(usd)))}f}" if usd > 0 else "0"


LAST_WINS = (
    "it ignores create-only puts; of two results of one key that are sent at once the last one stays"
    " (files lie under their digests, so nothing is mixed up)"
)


@lru_cache(maxsize=16)
def _opened(url: str, timeout: float, _endpoint: str) -> tuple[Any, str]:
    """A file system of this store alone, and the path in it. What the user configured goes first."""
    import fsspec

    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    protocol = url.partition("://")[0]
    if protocol in ("s3", "s3a"):
        written = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
        patience = dict.fromkeys(("connect_timeout", "read_timeout"), max(1.0, timeout))
        # Throttling, 5xx and cut connections are tried again, after a random time that doubles.
        retries = {"retries": {"mode": "standard", "max_attempts": 5}}
        options["config_kwargs"] = patience | retries | written
    system, base = fsspec.core.url_to_fs(url, **options)
    if protocol in ("s3", "s3a"):
        system.retries = 2  # around those of its client
    if loop := getattr(system, "loop", None):
        # A cut connection leaves tasks behind, whose errors the caller has met already.
        loop.set_exception_handler(lambda loop, context: None)
    return system, str(base).rstrip("/")


def _endpoint() -> str:
    """What tells servers apart that have buckets of one name."""
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "FSSPEC_S3_ENDPOINT_URL", "STORAGE_EMULATOR_HOST")
    return " ".join(os.environ.get(name, "") for name in names)


def _modified(found: Any) -> float:
    value = next((found[name] for name in _MODIFIED if found.get(name)), None)
    if value is None:
        raise OSError("the store does not say how old an object is")
    return (value if isinstance(value, datetime) else datetime.fromisoformat(str(value))).timestamp()


def _status(error: BaseException) -> int:
    """The status of the answer that an error tells of; 0 where it tells of none."""
    answer = getattr(error.__cause__, "response", None)  # of botocore
    if isinstance(answer, dict):
        return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = getattr(error, "code", None) or getattr(error, "status_code", None)
    return int(code) if isinstance(code, int) else 0
