"""Sums that the steps and processes of one build share, and what each step had added when it ended.

runs/<id>/tally       one fixed-size record a name, changed under `flock`
ledger/sums/<key>     what the step of that key added; a build that reuses the step counts it again

A sum is a guard, not evidence: it is lost with its build, so nothing is synced.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from p2m.engine.files import disk
from p2m.engine.handles import NOW
from p2m.engine.store import Store

_RECORD = struct.Struct("<48sq")  # name, total
_MOST = 64  # names of one build


class Tally:
    """The sums of a build, as one step adds to them."""

    def __init__(self, store: Store, build: str) -> None:
        self._root, self._path = store.root, store.runs / build / "tally"
        self._own: Counter[str] = Counter()
        self._handle = -1
        self._lock = threading.Lock()  # `flock` is one for all threads of a handle

    @property
    def own(self) -> Mapping[str, int]:
        """What this step has added."""
        return self._own

    def add(self, name: str, amount: int) -> int:
        """Add, and return the new total over all steps and processes of the build."""
        with self._lock, disk.explained(self._root, "adding up what the build spends"):
            handle = self._opened()
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                total = _add(handle, name.encode(), amount)
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)
            self._own[name] += amount
            return total

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1

    def _opened(self) -> int:
        if self._handle < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._handle


def _add(handle: int, name: bytes, amount: int) -> int:
    content = os.pread(handle, _MOST * _RECORD.size, 0)
    end = len(content) - len(content) % _RECORD.size
    for offset in range(0, end, _RECORD.size):
        found, total = _RECORD.unpack_from(content, offset)
        if found.rstrip(b"\0") == name:
            break
    else:
        offset, total = end, 0
        if len(name) > 48 or end >= _MOST * _RECORD.size:
            raise ValueError(f"{name.decode()} is one sum too many, or too long a name for one")
    if amount:
        os.pwrite(handle, _RECORD.pack(name, total + amount), offset)
    return int(total + amount)


def keep(store: Store, key: str, sums: Mapping[str, int]) -> None:
    """Remember what the step of that key added, for builds that reuse it."""
    added = {name: amount for name, amount in sums.items() if amount and not name.startswith(NOW)}
    path = _kept(store, key)
    if not added:
        path.unlink(missing_ok=True)
        return
    with disk.explained(store.root, "keeping what a step spent"):
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(path, json.dumps(added).encode(), durable=False)


def kept(store: Store, key: str) -> dict[str, int]:
    """What the step of that key had added; {} where nothing is known."""
    content = disk.read_if_there(_kept(store, key))
    try:
        found = json.loads(content or b"{}")
        return {str(name): int(amount) for name, amount in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def total(store: Store, build: str, name: str) -> int:
    """A sum of a build as it stands."""
    tally = Tally(store, build)
    try:
        return tally.add(name, 0)
    finally:
        tally.close()


def count_again(store: Store, build: str, key: str) -> None:
    """Add what a reused step had added to the sums of a build."""
    found = kept(store, key)
    if found:
        tally = Tally(store, build)
        for name, amount in found.items():
            tally.add(name, amount)
        tally.close()


def _kept(store: Store, key: str) -> Path:
    return store.root / "ledger" / "sums" / key
