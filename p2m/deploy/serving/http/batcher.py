"""Rows of many requests, answered together: a bounded queue before the threads in which a model answers.

A row that comes alone is asked at once. Where the last batch had several rows, others are likely on their
way, and a batch waits for as many, but never longer than `wait`. Of a request with many rows a batch takes a
part at a time, and the rest goes behind those that came since, so that nobody waits for all of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..rows import Answer
from .bundles import Predict

Row = Mapping[str, str]
_LONGEST_RETRY = 60  # seconds
_SMOOTHING = 0.2  # of the time that a row takes, by the last batch


class QueueFull(Exception):
    """No room for so many rows."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass
class _Asked:
    """A request's rows and their answers as far as there are some."""

    rows: Sequence[Row]
    done: asyncio.Future[list[Answer]]
    given: int = 0  # rows that are or were with a model
    answers: dict[int, Answer] = field(default_factory=dict)


class Batcher:
    """One model's queue. All of it runs in the event loop, but for the model itself."""

    def __init__(
        self, predict: Sequence[Predict], *, size: int, wait: float, most: int,
        watch: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:  # fmt: skip
        """`size` rows at most go together, `wait` seconds at most for others, and `most` rows may wait.

        `watch` is told of each batch's rows and seconds.
        """
        self._free = list(predict)
        self._pool = ThreadPoolExecutor(len(predict), thread_name_prefix="model")
        self._size, self._wait, self._most, self._watch = size, wait, most, watch
        self._queue: deque[_Asked] = deque()
        self._expected = 1  # rows of the last batch
        self._timer: asyncio.TimerHandle | None = None
        self._per_row = 0.0  # seconds
        self.waiting = 0  # rows

    async def ask(self, rows: Sequence[Row]) -> list[Answer]:
        """The answers, in order. Cancelled, it takes the rows that wait out of the queue.

        Raises:
            QueueFull: as many rows wait as may.
        """
        if self.waiting + len(rows) > self._most:
            seconds = math.ceil(self.waiting * self._per_row)
            raise QueueFull(min(_LONGEST_RETRY, max(1, seconds)))
        asked = _Asked(rows, asyncio.get_running_loop().create_future())
        self._queue.append(asked)
        self.waiting += len(rows)
        self._go()
        try:
            return await asked.done
        except asyncio.CancelledError:
            self._forget(asked)
            raise

    def close(self) -> None:
        """Nothing more is asked; a batch that runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _forget(self, asked: _Asked) -> None:
        if asked in self._queue:
            self._queue.remove(asked)
            self.waiting -= len(asked.rows) - asked.given

    def _go(self, due: bool = False) -> None:
        """Start batches as long as there are rows and a model is free."""
        if self._timer is not None and (due or self.waiting >= self._expected):
            self._timer.cancel()
            self._timer = None
        while self._free and self._queue and self._timer is None:
            if self.waiting < min(self._expected, self._size) and self._wait and not due:
                self._timer = asyncio.get_running_loop().call_later(self._wait, self._go, True)
                return
            self._start()
            due = False

    def _start(self) -> None:
        taken: list[tuple[_Asked, int]] = []
        again: list[_Asked] = []
        while self._queue and len(taken) < self._size:
            asked = self._queue.popleft()
            end = min(len(asked.rows), asked.given + self._size - len(taken))
            taken += [(asked, place) for place in range(asked.given, end)]
            asked.given = end
            if end < len(asked.rows):
                again.append(asked)
        self._queue.extend(again)
        self.waiting -= len(taken)
        self._expected = len(taken)
        predict, loop, began = self._free.pop(), asyncio.get_running_loop(), time.perf_counter()
        work = loop.run_in_executor(self._pool, predict, [asked.rows[place] for asked, place in taken])
        work.add_done_callback(lambda done: self._finish(done, taken, predict, began))

    def _finish(
        self, done: asyncio.Future[list[Answer]], taken: Sequence[tuple[_Asked, int]], predict: Predict,
        began: float,
    ) -> None:  # fmt: skip
        self._free.append(predict)
        fault = done.exception() if not done.cancelled() else RuntimeError("the server stops")
        seconds = time.perf_counter() - began
        self._per_row += (seconds / len(taken) - self._per_row) * (_SMOOTHING if self._per_row else 1)
        self._watch(len(taken), seconds)
        for number, (asked, place) in enumerate(taken):
            if asked.done.done():
                continue
            if fault is not None:
                self._forget(asked)
                asked.done.set_exception(fault)
                continue
            asked.answers[place] = done.result()[number]
            if len(asked.answers) == len(asked.rows):
                asked.done.set_result([asked.answers[at] for at in range(len(asked.rows))])
        self._go()
