"""Rows to answers: which of the models is asked, what is counted, and what is written down."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..feedback import WRONG, Entry, Log, now
from ..rows import Answer
from .batcher import Batcher, QueueFull
from .bundles import Served
from .errors import GONE, Refused
from .metrics import Metrics
from .options import Options

Row = dict[str, str]
Hung = Callable[[], Awaitable[None]]  # returns when the client hung up
_PATIENCE = 0.25  # seconds before a client that waits is looked after
_REMEMBERED = 2_000  # requests, and
_CHARACTERS = 16 * 2**20  # of their rows, that may still be judged by their id
_UNWRITTEN = 10_000  # entries of a record that may wait for the disk
_SHARES = 10_000  # of a canary, in which inputs are told apart


@dataclass(frozen=True)
class Given:
    """What a request came to."""

    id: str
    served: Served
    rows: Sequence[Row]
    answers: Sequence[Answer]


class Service:
    """The models with their queues; of the first one, a canary's and a shadow's part."""

    def __init__(self, models: Mapping[str, Served], options: Options) -> None:
        self.models = dict(models)
        self.first = next(iter(models.values()))
        self.options = options
        self.metrics = Metrics(models.values())
        self.is_ready = True
        self._queues = {name: self._queue(served) for name, served in models.items()}
        self._record = Recorder(Log(options.record)) if options.record else None
        place = options.feedback or options.record
        self.feedback = Log(place) if place else None
        self._given: OrderedDict[str, Given] = OrderedDict()
        self._characters = 0
        self._shadows: set[asyncio.Task[None]] = set()

    def _queue(self, served: Served) -> Batcher:
        options = self.options
        queue = Batcher(
            served.predict, size=options.batch_size, wait=options.batch_wait, most=options.queue,
            watch=self.metrics.watch_batches(served.name),
        )  # fmt: skip
        self.metrics.watch_queue(served.name, lambda: queue.waiting)
        return queue

    async def close(self) -> None:
        """Write down what was seen; nothing more is asked."""
        if self._record is not None:
            await self._record.flushed()
        for queue in self._queues.values():
            queue.close()

    async def answer(self, served: Served, rows: Sequence[Row], request: str, hung: Hung) -> Given:
        """Answers of the model, or of the canary in its place.

        Raises:
            Refused: there is no room, no time, or nobody who waits.
        """
        given = await self.answer_unseen(served, rows, request, hung)
        self.metrics.note(given.served, given.answers)
        self._shadow(given)
        if self._record is not None:
            self._record.note([entry(given, place) for place in range(len(rows))])
        return given

    async def answer_unseen(self, served: Served, rows: Sequence[Row], request: str, hung: Hung) -> Given:
        """As `answer`, of rows that are no traffic: neither counted nor recorded, and no shadow is asked."""
        chosen = self._chosen(served, rows)
        given = Given(request, chosen, rows, await self._asked(chosen, rows, hung))
        self._remember(given)
        return given

    async def judge(self, given: Given, place: int, judged: str, answer: Any, note: str) -> None:
        """Write down what somebody says of an answer."""
        assert self.feedback is not None
        self.metrics.judged.labels(given.served.name, judged).inc()
        right = answer if judged == WRONG else None
        await self._write(self.feedback, [entry(given, place, judged=judged, answer=right, note=note)])

    def given(self, request: str) -> Given | None:
        """What a request of late came to."""
        return self._given.get(request)

    async def _asked(self, served: Served, rows: Sequence[Row], hung: Hung) -> list[Answer]:
        task = asyncio.ensure_future(self._queues[served.name].ask(rows))
        try:
            done, _ = await asyncio.wait({task}, timeout=min(_PATIENCE, self.options.timeout))
            if not done:
                await self._waited(task, hung)
            return task.result()
        except QueueFull as full:
            raise Refused(
                429, f"{self.options.queue:,} rows wait at most; {full}", retry_after=full.retry_after
            ) from None
        finally:
            task.cancel()

    async def _waited(self, task: asyncio.Task[list[Answer]], hung: Hung) -> None:
        """Wait on, as long as the client does and the options let it."""
        gone = asyncio.ensure_future(hung())
        left = self.options.timeout - _PATIENCE
        try:
            done, _ = await asyncio.wait(
                {task, gone}, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
        if task not in done:
            if gone in done:
                raise Refused(GONE, "the client hung up")
            raise Refused(504, f"no answer within {self.options.timeout:g} s", retry_after=1)

    def _chosen(self, served: Served, rows: Sequence[Row]) -> Served:
        """The canary has its share of what the first model is asked; the same input has the same model."""
        canary = self.options.canary
        if canary is None or served is not self.first:
            return served
        said = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).digest()
        part = int.from_bytes(said[:8], "big") % _SHARES
        return self.models[canary[0]] if part < canary[1] * _SHARES else served

    def _shadow(self, given: Given) -> None:
        """Ask the shadow too, and let nobody wait for it."""
        shadow = self.options.shadow
        if shadow is None or given.served is not self.first:
            return
        task = asyncio.ensure_future(self._compared(given, self.models[shadow]))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _compared(self, given: Given, shadow: Served) -> None:
        count = self.metrics.shadowed
        try:
            found = await self._queues[shadow.name].ask(given.rows)
        except QueueFull:
            count.labels(given.served.name, shadow.name, "dropped").inc(len(given.rows))
            return
        except Exception:
            count.labels(given.served.name, shadow.name, "failed").inc(len(given.rows))
            return
        for one, other in zip(given.answers, found, strict=True):
            outcome = "agreed" if one.output == other.output else "disagreed"
            count.labels(given.served.name, shadow.name, outcome).inc()

    def _remember(self, given: Given) -> None:
        """So that it can be judged by its id; only where there is a log to write that into."""
        if self.feedback is None:
            return
        self._given[given.id] = given
        self._characters += _size(given)
        while len(self._given) > _REMEMBERED or self._characters > _CHARACTERS:
            _, old = self._given.popitem(last=False)
            self._characters -= _size(old)

    @staticmethod
    async def _write(log: Log, entries: Sequence[Entry]) -> None:
        try:
            await asyncio.to_thread(log.append, *entries)
        except OSError as error:
            raise Refused(503, f"{log.path}: cannot be written ({error.strerror or error})") from None


class Recorder:
    """What was seen in service goes to its log behind the answers, many entries with one sync."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._entries: list[Entry] = []
        self._writing: asyncio.Task[None] | None = None

    def note(self, entries: Sequence[Entry]) -> None:
        """Have them written; where the disk is slower than the service, some are left out, which is said."""
        if len(self._entries) > _UNWRITTEN:
            print(f"{self._log.path}: written too slowly; {len(entries)} rows left out", file=sys.stderr)
            return
        self._entries += entries
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def flushed(self) -> None:
        """Until all is written."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._entries:
            entries, self._entries = self._entries, []
            try:
                await asyncio.to_thread(self._log.append, *entries)
            except OSError as error:
                reason = error.strerror or error
                print(f"{self._log.path}: {len(entries)} rows not written ({reason})", file=sys.stderr)


def _size(given: Given) -> int:
    return sum(len(text) for row in given.rows for text in row.values())


def entry(
    given: Given, place: int, *, judged: str | None = None, answer: Any = None, note: str = ""
) -> Entry:
    """A row of a request as the log has it."""
    said = given.answers[place]
    return Entry(
        now(), given.id, given.served.version, "server", given.rows[place], said.value, round(said.score, 4),
        said.abstain, judged, answer, note,
    )  # fmt: skip
