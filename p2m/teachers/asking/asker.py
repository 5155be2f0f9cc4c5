"""The one way from a stage to a chat model.

asker = Asker(teacher, run, caps)
replies = asker.each(rows, answered)      # async def answered(row, put): reply = await put(Ask(...)); ...
asker.spent

What the ledger knows is served first and counts towards the caps as if it were paid, so that a build which
was killed and resumes, or is replayed, spends what a cold one would. Only then anything is sent.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from p2m.engine.handles import Run
from p2m.engine.recording.records import Asked
from p2m.teachers.asking import pace, recorded
from p2m.teachers.asking.acceptance import Acceptance
from p2m.teachers.asking.batches import Batcher, batching
from p2m.teachers.asking.budget import Budget, CapReached, cost_of_reply, estimated
from p2m.teachers.asking.pace import Pace
from p2m.teachers.asking.recorded import Paid
from p2m.teachers.asking.retries import Progress, Sender
from p2m.teachers.asking.spending import Spending, Telling
from p2m.teachers.chat import Ask, ChatTeacher, Reply
from p2m.types import Caps, Spent

T = TypeVar("T")
R = TypeVar("R")

DRAIN = 30.0  # seconds that requests in flight have to end after a fault: they are paid for
_DRAIN_INTERRUPTED = 0.25  # seconds, after Ctrl-C: whoever waits for this process kills it soon
_SPARE = 8  # items begun beyond the requests in flight, for answers take a moment to become durable
_BATCHED = 10_000  # requests that wait together where they are sent in batches


class Put(Protocol):
    """Asks one thing; the reply is recorded, and replayed ever after."""

    async def __call__(self, ask: Ask, *, sample: int = 0) -> Reply: ...


class _Ended(BaseException):
    """Asking ended before this item was done; not to be caught by what works on it."""


class Asker:
    """A teacher as one step asks it."""

    def __init__(
        self, teacher: ChatTeacher, run: Run, caps: Caps, portion: Mapping[str, float] | None = None
    ) -> None:
        """`portion`: of what the caps leave, what this step may have, as in `Budget`.

        Raises TeacherError where a cap cannot be held because the price is not known.
        """
        self.teacher, self.run, self.caps = teacher, run, caps
        self._budget = Budget(teacher, caps, run.tally, portion)
        self.in_batches = bool(getattr(teacher, "batch", False))
        self._pace = Pace(_BATCHED, _BATCHED) if self.in_batches else pace.pace_of(teacher)
        self._spending = Spending()
        self._progress = Progress()

    @property
    def spent(self) -> Spent:
        """What has been asked so far came to; a request that was asked for twice counts once."""
        return self._spending.spent

    @property
    def replayed(self) -> int:
        """Requests that the ledger answered."""
        return self._spending.replayed

    @property
    def rejected(self) -> int:
        """Requests that the provider refused because they were too many at a time."""
        return self._pace.rejected

    def each(
        self, items: Sequence[T], work: Callable[[T, Put], Awaitable[R]], *, what: str = "rows",
        acceptance: Acceptance | None = None,
    ) -> list[R | None]:  # fmt: skip
        """`work` for every item, many at once; None where a cap was reached before it was done.

        `work` may be begun twice for an item, and be left at any `put`: what it does belongs into what it
        returns, or behind its last `put`.

        Raises:
            TeacherError: a fault that no waiting mends. Requests in flight are waited for first.
        """
        session = _Session(self, items, work, what, acceptance)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        _run(session)
        if not self.in_batches:
            pace.remember(self.teacher, self._pace)
        if session.signal:
            handler = handlers[signal.Signals(session.signal)]
            if session.signal == signal.SIGTERM and callable(handler):
                handler(session.signal, None)
            raise KeyboardInterrupt
        if session.fault is not None:
            raise session.fault
        return session.found


def _run(session: _Session[Any, Any]) -> None:
    """In a thread of its own where this one has a loop that runs, as a notebook's has."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(session.run())
        return
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(asyncio.run, session.run())
        try:
            asking.result()
        except KeyboardInterrupt:
            session.loop.call_soon_threadsafe(session._interrupted, signal.SIGINT)
            asking.result()


# --------------------------------------------------------------------------- one call of `each`


class _Session(Generic[T, R]):
    """The items of one call, in one event loop."""

    def __init__(
        self, asker: Asker, items: Sequence[T], work: Callable[[T, Put], Awaitable[R]], what: str,
        acceptance: Acceptance | None,
    ) -> None:  # fmt: skip
        self.asker, self.items, self.work = asker, items, work
        self.found: list[R | None] = [None] * len(items)
        self.done = bytearray(len(items))
        self.telling = Telling(asker.run, asker._spending, asker._progress, len(items), what, acceptance)
        self.fault: BaseException | None = None
        self.signal = 0  # that interrupted it
        self.workers: set[asyncio.Task[None]] = set()
        self.batcher: Batcher | None = None
        self.reached: CapReached | None = None
        self.is_first = True  # whether nothing that the ledger does not know was to be asked yet
        self.refused: dict[tuple[int, int], Asked] = {}  # not asked; by item, and by the number of its `put`

    async def run(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ending, self.over, self.turn = asyncio.Event(), asyncio.Event(), asyncio.Lock()
        self.asker._pace.stopped = None
        with _handled(self._interrupted):
            await self._replay()
            teacher, run = self.asker.teacher, self.asker.run
            async with teacher.open() as line, batching(teacher, line, run) as self.batcher:
                self.sender = Sender(
                    self.asker.teacher, line, self.asker._pace, self._pause, self.asker._progress
                )
                await self._ask_all()
        self.telling.tell(last=True)

    # ------------------------------------------------------------------ what the ledger knows

    async def _replay(self) -> None:
        """Every item that needs no request; without a cap the order does not matter, so nothing is begun."""
        if not self.asker._budget.has_caps:
            return
        for number, item in enumerate(self.items):
            if self.ending.is_set():
                return
            if number % 64 == 63:
                await asyncio.sleep(0)  # for signals
            lacking = _Known(self)
            try:
                self.found[number] = await self.work(item, lacking.put)
            except BaseException as error:
                if not lacking.lacks or isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
                    raise
            else:
                self._finish(number)

    def _known(self, ask: Ask, sample: int) -> tuple[Asked, Paid | None]:
        asked = Asked.of(self.asker.teacher.identity(ask), sample)
        answer = self.asker.run.recorder.known(asked)
        if answer is None:
            return asked, None
        paid = recorded.read(answer)
        self.asker._spending.add(asked.digest, paid, self.asker._budget, ask, replayed=True)
        return asked, paid

    # ------------------------------------------------------------------ the workers

    async def _ask_all(self) -> None:
        self.todo = (number for number in range(len(self.items)) if not self.done[number])
        self._hire()
        if self.workers:
            await self.over.wait()
        await self._drain()

    def _hire(self) -> None:
        """As many workers as may have requests in flight, and some whose answers become durable."""
        wanted = int(self.asker._pace.limit) + _SPARE
        while len(self.workers) < wanted and not self.ending.is_set():
            number = next(self.todo, None)
            if number is None:
                return
            worker = asyncio.create_task(self._work(number))
            self.workers.add(worker)
            worker.add_done_callback(self._left)

    def _left(self, worker: asyncio.Task[None]) -> None:
        self.workers.discard(worker)
        if not self.workers:
            self.over.set()

    async def _work(self, number: int | None) -> None:
        while number is not None:
            try:
                self.found[number] = await self.work(self.items[number], _Putting(self, number).put)
            except _Ended:
                return
            except BaseException as error:
                if not isinstance(error, asyncio.CancelledError):
                    self._end(error)
                return
            self._finish(number)
            if self.ending.is_set() or len(self.workers) > int(self.asker._pace.limit) + _SPARE:
                return
            self._hire()
            number = next(self.todo, None)
            if self.telling.done % 32 == 0:
                await asyncio.sleep(0)  # for signals: what the ledger knows is had without waiting

    def _finish(self, number: int) -> None:
        self.done[number] = 1
        self.telling.done += 1
        self.telling.tell()

    # ------------------------------------------------------------------ one request

    async def _put(self, ask: Ask, sample: int, place: tuple[int, int]) -> Reply:
        asked, paid = self._known(ask, sample)
        if paid is not None:
            return paid.reply
        made: list[Paid] = []

        async def call() -> bytes:
            made.append(await self._pay(asked, replace(ask, sample=sample)))
            return recorded.write(made[0])

        try:
            if self.ending.is_set():
                raise _Ended
            answer = await self.asker.run.recorder.answer_async(
                asked, call, labels=lambda _: recorded.labels(self.asker.teacher, made[0])
            )
        except _Ended:
            self.refused[place] = asked
            raise
        if made:
            return made[0].reply
        paid = recorded.read(answer)
        self.asker._spending.add(asked.digest, paid, self.asker._budget, ask, replayed=True)
        return paid.reply

    async def _pay(self, asked: Asked, ask: Ask) -> Paid:
        """Send a request within the caps."""
        budget = self.asker._budget
        held: Counter[str] = Counter()
        try:
            if budget.has_caps:
                async with self.turn:
                    if self.is_first:
                        self.is_first = False
                        budget.stop_again(asked, self.asker.run.recorder)
                    held = await budget.hold(ask, self._pause)
            reply = await self._sent(asked, ask)
            paid = Paid(reply, cost_of_reply(self.asker.teacher, reply))
            self.asker._spending.add(asked.digest, paid, budget, ask, replayed=False)
            return paid
        except CapReached as reached:
            self.reached = reached
            self.asker._spending.stopped = reached.limit
            self._end(None)
            raise _Ended from None
        finally:
            budget.let_go(held)

    async def _sent(self, asked: Asked, ask: Ask) -> Reply:
        if self.batcher is not None:
            reply = await self.batcher.send(asked.digest, ask)
            self.asker._progress.answers += 1
            return reply
        return (await self.sender.send(ask, estimated(ask))).reply

    # ------------------------------------------------------------------ the end

    async def _pause(self, seconds: float) -> None:
        """Wait, unless asking ends."""
        if not self.ending.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), seconds)
        if self.ending.is_set():
            raise _Ended

    def _end(self, fault: BaseException | None) -> None:
        """Begin nothing more; what is in flight goes on."""
        if self.fault is None:
            self.fault = fault
        self.ending.set()
        self.over.set()
        self.asker._pace.stop(_Ended)
        if self.batcher is not None and (self.signal or self.fault is not None):
            self.batcher.stop()

    def _interrupted(self, number: int) -> None:
        self.signal = number
        self._end(None)

    async def _drain(self) -> None:
        """Let requests in flight come to their ends, for they are paid for; then end the rest."""
        patience = _DRAIN_INTERRUPTED if self.signal else None if self.fault is None else DRAIN
        if self.batcher is not None and patience is not None:
            patience = 0.0  # what was submitted is collected later
        if self.workers:
            await asyncio.wait(self.workers, timeout=patience)
        rest = list(self.workers)
        for worker in rest:
            worker.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if self.reached is not None and self.refused:
            first = self.refused[min(self.refused)]
            await self.asker._budget.note_stop(first, self.reached, self.asker.run.recorder)


@dataclass(slots=True)
class _Putting(Generic[T, R]):
    """The `put` of one item."""

    session: _Session[T, R]
    number: int
    asked: int = 0

    async def put(self, ask: Ask, *, sample: int = 0) -> Reply:
        place = (self.number, self.asked)
        self.asked += 1
        return await self.session._put(ask, sample, place)


@dataclass(slots=True)
class _Known(Generic[T, R]):
    """Puts what the ledger knows, and nothing else."""

    session: _Session[T, R]
    lacks: bool = False

    async def put(self, ask: Ask, *, sample: int = 0) -> Reply:
        _, paid = self.session._known(ask, sample)
        if paid is None:
            self.lacks = True
            raise _Ended
        return paid.reply


@contextmanager
def _handled(interrupted: Callable[[int], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the asking in order, where this thread is told of them and would have raised."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = [number for number, handler in before.items() if callable(handler)]
    for number in ours:
        loop.add_signal_handler(number, interrupted, number)
    try:
        yield
    finally:
        for number in ours:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
