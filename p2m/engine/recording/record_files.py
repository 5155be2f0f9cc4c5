"""Where every record of a ledger stands, and the way to read one: segments are the truth, all else follows.

    segments/<id>.records   appended to by one process each, never changed
    index                   made from them whenever it is missing, stale or damaged
    gate                    held shared by whoever has the ledger open, alone by whoever rewrites segments

What another process wrote is forced to the disk before it is believed, and every record is checked when it is
read, so nothing is served that a power cut could take back, and nothing that is not what was recorded.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from p2m.engine.files import disk
from p2m.engine.recording import index as record_index
from p2m.engine.recording.index import DamagedIndexError, Index, Place
from p2m.engine.recording.records import Frame, Record, parse_body, parse_frame, scan
from p2m.engine.recording.segments import SUFFIX, Appended
from p2m.errors import StoreError

FORMAT = 1
_RECENT = 100_000  # records outside the index that are held in memory at most
_OPEN_FILES = 48


class RecordFiles:
    """The records of the ledger in `folder`, which is made where it is absent.

    Raises:
        StoreError: a ledger of a newer format, or one that cannot be read or made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments = folder / "segments"
        self._lock = threading.RLock()
        self._recent: dict[bytes, Place] = {}  # not in the index yet
        self._covered: dict[str, int] = {}  # segment -> bytes looked through
        self._torn: dict[str, int] = {}  # segment -> its size when its end was found torn
        self._own: tuple[str, int] = ("", 0)  # the segment that this process writes, as far as it is durable
        self._handles: dict[str, int] = {}
        with disk.explained(folder, "opening the ledger"):
            self.segments.mkdir(parents=True, exist_ok=True)
            _check_format(folder)
            self._gate = hold_gate(folder, fcntl.LOCK_SH)
            self._base = self._open_index()
            self.catch_up()
            self._save_if_worth(_worth_keeping(self._base))

    def close(self) -> None:
        with self._lock:
            self._save_if_worth(_worth_keeping(self._base))
            self._close_handles()
            if self._base is not None:
                self._base.close()
                self._base = None
            if self._gate >= 0:
                os.close(self._gate)
                self._gate = -1

    # ------------------------------------------------------------------ reading

    def find(self, digest: str) -> Record | None:
        """The record of that digest among those known so far, checked; None where it is absent or damaged."""
        for _ in range(2):
            try:
                return self._find(digest)
            except DamagedIndexError:
                with disk.explained(self.folder, "reading the ledger"), self._lock:
                    self._forget()
                    self.catch_up()
        raise StoreError(f"{self.folder / 'index'} keeps being damaged; check the disk")

    def find_anywhere(self, digest: str) -> Record | None:
        """The same, among what other processes wrote in the meantime too."""
        with self._lock:  # between the two looks no other thread may take the news away
            found = self.find(digest)
            if found is None:
                with disk.explained(self.folder, "reading the ledger"):
                    has_news = self.catch_up()
                found = self.find(digest) if has_news else None
        return found

    def has_news(self) -> bool:
        """Whether other processes have written since the last look, which `find_anywhere` would read."""
        with disk.explained(self.folder, "reading the ledger"), self._lock:
            return self._is_news(self._sizes())

    def landed(self, appended: Sequence[Appended]) -> None:
        """What this process has just made durable."""
        with self._lock:
            for one in appended:
                self._recent[bytes.fromhex(one.digest)] = Place(one.segment, one.offset, one.length)
            self._own = (appended[-1].segment, appended[-1].offset + appended[-1].length)
            self._covered[self._own[0]] = self._own[1]
            self._save_if_worth(_RECENT)

    def resting(self) -> Mapping[str, int]:
        """The segments that end in a sound record, with their sizes."""
        with self._lock:
            self.catch_up()
            return {name: size for name, size in self._covered.items() if name not in self._torn}

    def catch_up(self) -> bool:
        """Look through what was appended since the last look; whether there was anything.

        Raises:
            OSError: a segment cannot be read.
        """
        with self._lock:
            sizes = self._sizes()
            is_news = self._is_news(sizes)
            if any(sizes.get(name, -1) < size for name, size in self._covered.items()):
                self._forget()  # a segment went, or shrank: whoever did that, the index no longer holds
            for name, size in sizes.items():
                if size > self._covered.get(name, 0) and self._torn.get(name) != size:
                    self._read_on(name, size)
                else:
                    self._covered.setdefault(name, 0)
            return is_news

    def digests(self) -> list[str]:
        """Every digest that has a record, sorted."""
        with disk.explained(self.folder, "reading the ledger"), self._lock:
            self.catch_up()
            try:
                known = {entry[:32] for entry in self._base.all()} if self._base is not None else set()
            except DamagedIndexError:
                self._forget()
                self.catch_up()
                return self.digests()
            return sorted(key.hex() for key in known | self._recent.keys())

    # ------------------------------------------------------------------ inside

    def _sizes(self) -> dict[str, int]:
        with os.scandir(self.segments) as listing:
            found = {entry.name: entry.stat().st_size for entry in listing if entry.name.endswith(SUFFIX)}
        if self._own[0] in found:
            found[self._own[0]] = min(self._own[1], found[self._own[0]])
        return dict(sorted(found.items()))

    def _is_news(self, sizes: Mapping[str, int]) -> bool:
        covered, torn = self._covered, self._torn
        return any(sizes.get(name, -1) < size for name, size in covered.items()) or any(
            size > covered.get(name, 0) and torn.get(name) != size for name, size in sizes.items()
        )

    def _read_on(self, name: str, size: int) -> None:
        self._torn.pop(name, None)
        with open(self.segments / name, "rb") as stream:
            os.fsync(stream.fileno())
            for part in scan(stream, self._covered.get(name, 0), size):
                if isinstance(part, Frame):
                    self._note(part.digest, Place(name, part.offset, part.length))
                elif part.torn:
                    self._torn[name] = size
                    self._covered.setdefault(name, 0)
                    return
                self._covered[name] = part.offset + part.length
                if isinstance(part, Frame) and len(self._recent) >= _RECENT:
                    self._save_if_worth(_RECENT)

    def _note(self, digest: str, place: Place) -> None:
        key = bytes.fromhex(digest)
        before = self._recent.get(key)
        self._recent[key] = place if before is None else self._better(digest, before, place)

    def _better(self, digest: str, old: Place, new: Place) -> Place:
        """The first one wins, unless it was damaged."""
        return old if self._read(digest, old) is not None else new

    def _find(self, digest: str) -> Record | None:
        key = bytes.fromhex(digest)
        with self._lock:
            places = (self._base.find(digest) if self._base is not None else None, self._recent.get(key))
            for place in places:
                record = self._read(digest, place) if place is not None else None
                if record is not None:
                    return record
        return None

    def _read(self, digest: str, place: Place) -> Record | None:
        with disk.explained(self.folder, "reading a recorded answer"):
            try:
                content = os.pread(self._handle(place.segment), place.length, place.offset)
            except FileNotFoundError:
                return None
        frame = parse_frame(content, digest)
        if frame is None:
            return None
        try:
            return parse_body(frame[1], digest)
        except ValueError:
            return None

    def _handle(self, segment: str) -> int:
        if segment not in self._handles:
            if len(self._handles) >= _OPEN_FILES:
                self._close_handles()
            self._handles[segment] = os.open(self.segments / segment, os.O_RDONLY | os.O_CLOEXEC)
        return self._handles[segment]

    def _close_handles(self) -> None:
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    # ------------------------------------------------------------------ the index

    def _open_index(self) -> Index | None:
        try:
            index = Index.open(self.folder / "index")
        except DamagedIndexError:
            return None
        if index is not None:
            self._covered = dict(index.covered)
        return index

    def _forget(self) -> None:
        """Begin again from the segments."""
        self._close_handles()
        if self._base is not None:
            self._base.close()
            self._base = None
        self._recent, self._covered, self._torn = {}, {}, {}

    def _save_if_worth(self, least: int) -> None:
        """Put what is recent into the index; it can be made at any time, so a full disk is no error."""
        if len(self._recent) < max(1, least):
            return
        try:
            record_index.write(self.folder / "index", self._base, self._recent, self._covered, self._better)
            base = Index.open(self.folder / "index")
        except OSError:
            return
        except DamagedIndexError:
            self._forget()
            self.catch_up()
            return
        if base is not None:
            if self._base is not None:
                self._base.close()
            self._base, self._recent = base, {}


def hold_gate(folder: Path, how: int) -> int:
    """Open the gate file and hold it; raises BlockingIOError where `how` says not to wait."""
    gate = os.open(folder / "gate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(gate, how)
    except BaseException:
        os.close(gate)
        raise
    return gate


def _worth_keeping(base: Index | None) -> int:
    """How many records outside the index are worth a new one: to look through them again is quick."""
    return max(256, base.entries // 500) if base is not None else 256


def _check_format(folder: Path) -> None:
    mark = folder / "FORMAT"
    try:
        words = mark.read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        temporary = disk.unique(folder, "FORMAT")
        disk.write_durably(temporary, f"p2m-ledger {FORMAT}\n".encode())
        disk.create(temporary, mark)
        disk.sync_folders([folder])
        return
    if len(words) != 2 or words[0] != "p2m-ledger" or not re.fullmatch("[0-9]{1,9}", words[1]):
        raise StoreError(f"{mark} is not the format file of a ledger; restore it or remove it")
    if int(words[1]) > FORMAT:
        raise StoreError(
            f"{folder} is a ledger of format {words[1]}, and this p2m reads format {FORMAT}; upgrade p2m"
        )
