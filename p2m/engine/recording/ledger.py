"""The ledger: every answer that was paid for, by its request, written once and before it is used.

    ledger = opened(store.root / "ledger")
    answer = ledger.answer({"model": ..., "messages": ...}, call, labels={"provider": ...})

Whoever asks again gets the recorded answer; who asks at the same time, in another thread, task or process,
waits and shares. A call that raises records nothing, and the next one who waits makes its own. What is
recorded is keyed by the request alone, so neither a step's key nor the place of an endpoint makes it paid for
again.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from p2m.engine.files import disk
from p2m.engine.hashing import is_digest
from p2m.engine.recording.record_files import RecordFiles
from p2m.engine.recording.records import Asked, Record, frame_of
from p2m.engine.recording.segments import Appended, Appender
from p2m.engine.recording.single_flight import Flight, flights, pauses
from p2m.errors import StageError, StoreError

Labels = Mapping[str, Any] | Callable[[bytes], Mapping[str, Any]]  # plain; a function is given the answer


class Ledger:
    """The ledger in `folder`, open in this process; one object serves all of its threads and tasks."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.record_files = RecordFiles(self.folder)
        with disk.explained(self.folder, "opening the ledger"):
            self._flights = flights(self.folder / "flights")
        self._appender = Appender(
            self.record_files.segments, self.record_files.resting, self.record_files.landed
        )

    @property
    def failed(self) -> bool:
        """Whether recording failed, after which this object pays for nothing more."""
        return self._appender.failure is not None

    def close(self) -> None:
        self._appender.close()
        self.record_files.close()

    # ------------------------------------------------------------------ the Recorder (p2m.types)

    def known(self, request: object, *, sample: int = 0) -> bytes | None:
        record = self.record_files.find_anywhere(Asked.of(request, sample).digest)
        return record.answer if record is not None else None

    def answer(
        self, request: object, call: Callable[[], bytes], *, sample: int = 0, labels: Labels | None = None
    ) -> bytes:
        return self._answer(Asked.of(request, sample), call, labels)

    def add(self, record: Record) -> tuple[Record, bool]:
        """Record an answer given elsewhere; returns the record that stands, and whether it is new."""
        called = []

        def call() -> bytes:
            called.append(True)
            return record.answer

        self._answer(record.asked, call, record)
        standing = self.record_files.find(record.digest)
        if standing is None:
            raise StoreError(f"{self.folder} lost what was just recorded; check the disk")
        return standing, bool(called)

    def _answer(self, asked: Asked, call: Callable[[], bytes], labels: Labels | Record | None) -> bytes:
        record = self.record_files.find(asked.digest)
        if record is not None:
            return record.answer
        while True:
            flight, leads = self._flights.join(asked.digest)
            if leads:
                return self._lead(flight, asked, call, labels)
            answer = flight.arrival.result()
            if answer is not None:
                return answer

    async def answer_async(
        self,
        request: object,
        call: Callable[[], Awaitable[bytes]],
        *,
        sample: int = 0,
        labels: Labels | None = None,
    ) -> bytes:
        asked = Asked.of(request, sample)
        record = self.record_files.find(asked.digest)
        if record is not None:
            return record.answer
        while True:
            flight, leads = self._flights.join(asked.digest)
            if leads:
                return await self._lead_async(flight, asked, call, labels)
            arrival: asyncio.Future[bytes | None] = asyncio.wrap_future(flight.arrival)
            answer = await arrival
            if answer is not None:
                return answer

    # ------------------------------------------------------------------ leading a flight

    def _lead(
        self, flight: Flight, asked: Asked, call: Callable[[], bytes], labels: Labels | Record | None
    ) -> bytes:
        handed_over = False
        try:
            for pause in pauses():
                if flight.try_lock():
                    break
                time.sleep(pause)
            answer = self._recorded_meanwhile(asked)
            if answer is not None:
                flight.land(answer)
                return answer
            began = time.monotonic()
            answer = call()
            pending = self._record(asked, answer, began, labels)
            handed_over = True
            pending.add_done_callback(_lander(flight, answer))
            pending.result()
            flight.land(answer)
            return answer
        finally:
            if not handed_over:
                flight.land(None)

    async def _lead_async(
        self, flight: Flight, asked: Asked, call: Callable[[], Awaitable[bytes]], labels: Labels | None
    ) -> bytes:
        handed_over = False
        try:
            for pause in pauses():
                if flight.try_lock():
                    break
                await asyncio.sleep(pause)
            if self.record_files.has_news():  # reading it may take a while
                answer = await asyncio.to_thread(self._recorded_meanwhile, asked)
            else:
                answer = self._recorded_meanwhile(asked)
            if answer is not None:
                flight.land(answer)
                return answer
            began = time.monotonic()
            answer = await call()
            pending = self._record(asked, answer, began, labels)
            handed_over = True
            pending.add_done_callback(_lander(flight, answer))
            await asyncio.wrap_future(pending)
            flight.land(answer)
            return answer
        finally:
            if not handed_over:
                flight.land(None)

    def _recorded_meanwhile(self, asked: Asked) -> bytes | None:
        """The answer that another process has recorded; None where it is this one's turn to call."""
        record = self.record_files.find_anywhere(asked.digest)
        if record is None and self._appender.failure is not None:
            raise self._appender.failure  # what is paid for now could not be kept
        return record.answer if record is not None else None

    def _record(
        self, asked: Asked, answer: object, began: float, labels: Labels | Record | None
    ) -> Future[Appended]:
        if type(answer) is not bytes:
            raise StageError(f"a call to be recorded returned {type(answer).__name__}; it must return bytes")
        record = _record_of(asked, answer, time.monotonic() - began, labels)
        try:
            return self._appender.put(asked.digest, frame_of(record))
        except (TypeError, ValueError) as error:
            raise StageError(f"an answer cannot be recorded: {error}") from error


def _record_of(asked: Asked, answer: bytes, seconds: float, labels: Labels | Record | None) -> Record:
    if isinstance(labels, Record):  # made elsewhere: it keeps its own time too
        return labels
    given = labels(answer) if callable(labels) else labels
    return Record(asked, answer, time.time(), seconds, dict(given or {}))


def _lander(flight: Flight, answer: bytes) -> Callable[[Future[Appended]], None]:
    """Ends the flight when the record is durable, also where the one who led it has gone in the meantime."""

    def land(pending: Future[Appended]) -> None:
        flight.land(answer if pending.exception() is None else None)

    return land


# --------------------------------------------------------------------------- one ledger a process

_opened: dict[tuple[int, str], Ledger] = {}
_guard = threading.Lock()


def opened(folder: Path) -> Ledger:
    """The ledger in `folder`, opened when first asked for and closed when the process ends."""
    return _opened_at(os.path.realpath(folder))


def _opened_at(place: str) -> Ledger:
    key = (os.getpid(), place)
    with _guard:
        ledger = _opened.get(key)
        if ledger is not None and ledger.failed:
            ledger.close()
            ledger = None
        if ledger is None:
            ledger = _opened[key] = Ledger(Path(place))
        return ledger


@atexit.register
def close_all() -> None:
    """Close what `opened` gave out in this process."""
    with _guard:
        for key in [key for key in _opened if key[0] == os.getpid()]:
            _opened.pop(key).close()


def _after_fork() -> None:
    global _guard
    _guard = threading.Lock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_after_fork)


# --------------------------------------------------------------------------- what a step is handed


class StepRecorder:
    """The ledger as one step sees it: opened when first asked, and every record that the step used is noted.

    The notes (`uses/<key>`, a digest a line) say what to export with a recipe. Losing one costs no answer.
    """

    def __init__(self, folder: Path, key: str, labels: Mapping[str, Any]) -> None:
        self._folder, self._key, self._own = folder, key, dict(labels)
        self._place = os.path.realpath(folder)
        self._noted: set[str] = set()
        self._lock = threading.Lock()

    def known(self, request: object, *, sample: int = 0) -> bytes | None:
        asked = Asked.of(request, sample)
        answer = _opened_at(self._place).known(asked)
        if answer is not None:
            self._note(asked)
        return answer

    async def answer_async(
        self,
        request: object,
        call: Callable[[], Awaitable[bytes]],
        *,
        sample: int = 0,
        labels: Labels | None = None,
    ) -> bytes:
        if self._noted:
            ledger = _opened_at(self._place)
        else:
            ledger = await asyncio.to_thread(_opened_at, self._place)
        asked = Asked.of(request, sample)
        answer = await ledger.answer_async(asked, call, labels=self._labels(labels))
        self._note(asked)
        return answer

    def _labels(self, given: Labels | None) -> Labels:
        if callable(given):
            return lambda answer: {**self._own, **given(answer)}
        return {**self._own, **(given or {})}

    def _note(self, asked: Asked) -> None:
        with self._lock:
            if asked.digest in self._noted:
                return
            self._noted.add(asked.digest)
            with disk.explained(self._folder, "noting a used record"):
                if len(self._noted) == 1:
                    (self._folder / "uses").mkdir(exist_ok=True)
                with open(self._folder / "uses" / self._key, "ab", buffering=0) as stream:
                    stream.write(f"{asked.digest}\n".encode())


def used(folder: Path, key: str) -> tuple[str, ...]:
    """The digests that the step of that key used, as far as they were noted; a source ("") uses none."""
    if not key:
        return ()
    try:
        lines = (folder / "uses" / key).read_text(encoding="ascii", errors="replace").split("\n")
    except FileNotFoundError:
        return ()
    return tuple(sorted(set(filter(is_digest, lines))))
