"""Questions through a provider's batch API: gathered, submitted together, their replies had hours later.

What is submitted is paid for, so a journal in the step's folder says of every batch what it holds before it
goes out, and its name after. A build that was killed finds its batches again and submits nothing twice: those
with a name by it, one that was killed in between by asking the provider. A batch is looked at again only
where a question of it has no answer in the ledger.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from p2m.engine.handles import Run
from p2m.teachers.chat import (
    Ask,
    Batching,
    BatchState,
    ChatTeacher,
    Line,
    Reply,
    TeacherError,
    Transient,
)
from p2m.teachers.faults import UnknownThing

QUIET = 0.5  # seconds without a further question, after which what was gathered goes out
FIRST_LOOK, LONGEST_LOOK = 0.5, 60.0  # seconds between two looks at a batch
LONGEST_WAIT = 60.0  # seconds after a fault that may pass
GRACE = 60.0  # seconds in which a batch may appear that was being submitted when the build was killed
_JOURNAL = "batches.jsonl"
_LATER = "what was submitted goes on at the provider, and is collected by the same command"

T = TypeVar("T")


@dataclass(slots=True)
class _Entry:
    """A batch as the journal knows it."""

    mark: str
    began: float  # seconds since the epoch, before it was submitted
    keys: frozenset[str]
    batch: str = ""  # its name at the provider; "": not known to have arrived


class Journal:
    """What was submitted, in a file that is appended to, a durable line a fact."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: dict[str, _Entry] = {}
        self._mark_of: dict[str, str] = {}  # key -> the batch that answers it
        for line in self._lines():
            self._take(line)

    def entry_of(self, key: str) -> _Entry | None:
        """The batch that a question is in."""
        mark = self._mark_of.get(key)
        return None if mark is None else self.entries[mark]

    def held_by(self, entry: _Entry) -> list[str]:
        """The questions of a batch that no later one answers."""
        return sorted(key for key in entry.keys if self._mark_of.get(key) == entry.mark)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(entry.batch for entry in self.entries.values() if entry.batch)

    def intend(self, keys: Iterable[str]) -> _Entry:
        mark = uuid.uuid4().hex
        self._write({"mark": mark, "time": time.time(), "keys": sorted(keys)})
        return self.entries[mark]

    def submitted(self, mark: str, batch: str) -> None:
        self._write({"mark": mark, "batch": batch})

    def forget(self, keys: Iterable[str]) -> None:
        """Those questions are in no batch: they may be submitted again."""
        gone = sorted(key for key in keys if key in self._mark_of)
        if gone:
            self._write({"again": gone})

    def _take(self, line: dict[str, object]) -> None:
        mark = str(line.get("mark"))
        keys = line.get("keys", line.get("again"))
        names = [str(key) for key in keys] if isinstance(keys, list) else []
        if "again" in line:
            for key in names:
                self._mark_of.pop(key, None)
        elif "batch" in line:
            if mark in self.entries:
                self.entries[mark].batch = str(line["batch"])
        else:
            began = line.get("time")
            self.entries[mark] = _Entry(mark, began if isinstance(began, float) else 0.0, frozenset(names))
            self._mark_of.update(dict.fromkeys(names, mark))

    def _write(self, line: dict[str, object]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "ab", buffering=0) as stream:
            stream.write(b"\n" + json.dumps(line).encode() + b"\n")  # a line that a kill cut ends here
            os.fsync(stream.fileno())
        self._take(line)

    def _lines(self) -> list[dict[str, object]]:
        try:
            texts = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for text in texts:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                found.append(line)
        return found


@asynccontextmanager
async def batching(teacher: ChatTeacher, line: Line, run: Run) -> AsyncIterator[Batcher | None]:
    """The batches of a step, as long as the block lasts; None where the teacher is asked one by one."""
    if not getattr(teacher, "batch", False):
        yield None
        return
    if not isinstance(line, Batching):
        raise TeacherError(f"{teacher.provider} has no batch API here: teacher.batch=false")
    batcher = Batcher(teacher, line, run)
    try:
        yield batcher
    finally:
        await batcher.close()


@dataclass(slots=True)
class _Wanted:
    """A question that somebody waits for."""

    ask: Ask
    future: asyncio.Future[Reply]
    attempts: int = 0


class Batcher:
    """The batches of one step, as long as it asks. Within one event loop."""

    def __init__(self, teacher: ChatTeacher, line: Batching, run: Run) -> None:
        self.teacher, self.line, self.run = teacher, line, run
        self._journal = Journal(run.folder / _JOURNAL)
        self._wanted: dict[str, _Wanted] = {}
        self._waiting: dict[str, bytes] = {}  # to be submitted
        self._early: dict[str, Reply] = {}  # of an older build's batch, not asked for yet
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, BatchState] = {}
        self._stirred = 0.0  # when the last question came

    async def send(self, key: str, ask: Ask) -> Reply:
        """The reply to a question that the ledger does not have; `key` is its digest there, 64 hex digits.

        Raises:
            TeacherError: it will not be had.
        """
        if key in self._early:
            return self._early.pop(key)
        wanted = self._wanted.get(key)
        if wanted is None:
            wanted = self._wanted[key] = _Wanted(ask, asyncio.get_running_loop().create_future())
            entry = self._journal.entry_of(key)
            if entry is None:
                self._gather(key, ask)
            else:
                self._start(entry.mark, self._collect(entry))
        return await asyncio.shield(wanted.future)

    def stop(self) -> None:
        """Submit nothing more; who waits for what was not submitted waits no longer."""
        for key in self._waiting:
            self._wanted.pop(key).future.cancel()
        self._waiting.clear()

    async def close(self) -> None:
        """End without waiting: what was submitted stays submitted."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for wanted in self._wanted.values():
            if wanted.future.done() and not wanted.future.cancelled():
                wanted.future.exception()  # seen, so that nothing complains of it

    # ------------------------------------------------------------------ out

    def _gather(self, key: str, ask: Ask) -> None:
        self._waiting[key] = self.line.item(key, ask)
        self._stirred = time.monotonic()
        self._start("submit", self._submit_all())

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside, unless it is being done; what it raises reaches everyone who waits."""
        task = self._tasks.get(name)
        if task is not None and not task.done():
            work.close()
            return

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                self._fail(self._wanted, error)

        self._tasks[name] = asyncio.create_task(guarded())

    async def _submit_all(self) -> None:
        while self._waiting:
            quiet = time.monotonic() - self._stirred
            if quiet < QUIET and len(self._waiting) < self.line.most:
                await asyncio.sleep(QUIET - quiet)
                continue
            await self._submit(self._chunk())

    def _chunk(self) -> dict[str, bytes]:
        """As many of those that wait as one batch takes."""
        taken: dict[str, bytes] = {}
        size = 0
        for key, item in self._waiting.items():
            size += len(item) + 1
            if taken and (len(taken) == self.line.most or size > self.line.largest):
                break
            taken[key] = item
        for key in taken:
            del self._waiting[key]
        return taken

    async def _submit(self, items: dict[str, bytes]) -> None:
        entry = self._journal.intend(items)
        sent = list(items.values())
        attempts = 0
        while not entry.batch:
            try:
                found = await self._found(entry) if attempts else None
                batch = found or await self.line.submit(entry.mark, sent)
            except Transient as fault:
                attempts += 1
                await self._pause(fault, attempts)
            except TeacherError:
                self._journal.forget(items)  # nothing was made of it
                raise
            else:
                self._journal.submitted(entry.mark, batch)
        self.run.say(
            f"{len(items)} requests submitted to {self.teacher.provider} as {entry.batch}, answered within a"
            " day; the build may be stopped, and goes on with them when it is run again"
        )
        self._start(entry.mark, self._collect(entry))

    # ------------------------------------------------------------------ back

    async def _collect(self, entry: _Entry) -> None:
        """Wait for a batch, and hand its replies to those who wait for them."""
        try:
            if not entry.batch and not await self._adopt(entry):
                return self._again(self._journal.held_by(entry))
            state = await self._over(entry)
            replies = await self._tried(lambda: self.line.replies(entry.batch))
        except UnknownThing:
            self.run.say(
                f"{entry.batch}, submitted earlier, is not at {self.teacher.provider} (another account, or"
                " too long ago); what it held is submitted anew"
            )
            return self._again(self._journal.held_by(entry))
        found = dict(replies)
        lost = state.fault or Transient("its batch has no reply to it")
        bad: dict[str, Transient | TeacherError] = {}
        for key in self._journal.held_by(entry):
            reply = found.get(key, lost)
            if isinstance(reply, Reply):
                self._arrive(key, replace(reply, is_batch=True))
            else:
                bad[key] = reply
        await self._mend(entry, bad)
        return None

    async def _mend(self, entry: _Entry, bad: dict[str, Transient | TeacherError]) -> None:
        """End what cannot be had, and submit the rest again."""
        self._journal.forget(bad)
        passing = {key: fault for key, fault in bad.items() if isinstance(fault, Transient)}
        for key, fault in bad.items():
            if key not in passing:
                self._fail([key], fault)
        if passing:
            told = next(iter(passing.values()))
            self.run.say(f"{len(passing)} requests of {entry.batch} are submitted again: {told}")
            if told.is_rate:
                await asyncio.sleep(LONGEST_WAIT)
            self._again(passing, told)

    def _arrive(self, key: str, reply: Reply) -> None:
        wanted = self._wanted.pop(key, None)
        if wanted is None:
            self._early[key] = reply
        elif not wanted.future.done():
            wanted.future.set_result(reply)

    def _again(self, keys: Iterable[str], fault: Transient | None = None) -> None:
        """Submit those that somebody waits for; the others when they are asked for. A fault is an attempt."""
        names = list(keys)
        self._journal.forget(names)
        for key in names:
            wanted = self._wanted.get(key)
            if wanted is None or wanted.future.done():
                continue
            wanted.attempts += fault is not None
            if wanted.attempts >= self.teacher.attempts:
                tried = f"{wanted.attempts} batches of {self.teacher.provider} did not answer a request"
                self._fail([key], TeacherError(f"{tried}; the last: {fault}"))
            else:
                self._gather(key, wanted.ask)

    def _fail(self, keys: Iterable[str], error: Exception) -> None:
        for key in list(keys):
            wanted = self._wanted.pop(key, None)
            if wanted is not None and not wanted.future.done():
                wanted.future.set_exception(error)

    async def _over(self, entry: _Entry) -> BatchState:
        """Its state when it is over."""
        pause = FIRST_LOOK
        while True:
            state = await self._tried(lambda: self.line.state(entry.batch))
            self._states[entry.mark] = state
            if state.is_over:
                return state
            done = sum(each.done for each in self._states.values())
            of = sum(each.of for each in self._states.values())
            self.run.progress(done, of, f"batches of {self.teacher.provider}")
            await asyncio.sleep(pause)
            pause = min(LONGEST_LOOK, 1.3 * pause)

    # ------------------------------------------------------------------ after a kill, and after faults

    async def _adopt(self, entry: _Entry) -> bool:
        """Find the batch that was being submitted when the build was killed; False: it never arrived."""
        while True:
            batch = await self._tried(lambda: self._found(entry))
            if batch is not None:
                self._journal.submitted(entry.mark, batch)
                return True
            if time.time() - entry.began > GRACE:
                return False
            await asyncio.sleep(GRACE / 10)

    async def _found(self, entry: _Entry) -> str | None:
        return await self.line.find(entry.mark, entry.keys, entry.began, self._journal.names)

    async def _tried(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` comes to, however often it must be tried."""
        attempts = 0
        while True:
            try:
                return await work()
            except Transient as fault:
                attempts += 1
                await self._pause(fault, attempts)

    async def _pause(self, fault: Transient, attempts: int) -> None:
        if attempts >= self.teacher.attempts:
            raise TeacherError(f"{self.teacher.provider} does not answer: {fault}\n    {_LATER}")
        await asyncio.sleep(fault.retry_after or min(LONGEST_WAIT, 0.5 * 2**attempts))
