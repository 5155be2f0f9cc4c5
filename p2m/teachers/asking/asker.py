"""The one way from a stage to a chat model.

asker = Asker(teacher, run, caps)
replies = asker.each(rows, answered)      # async def answered(row, put): reply = await put(Ask(...)); ...
asker.spent
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Protocol, TypeVar

from p2m.engine.handles import Run
from p2m.teachers.chat import Ask, ChatTeacher, Line, Outcome, Reply, Usage
from p2m.types import Caps, Spent

T = TypeVar("T")
R = TypeVar("R")


class Put(Protocol):
    """Asks one thing; the reply is recorded, and replayed ever after."""

    async def __call__(self, ask: Ask, *, sample: int = 0) -> Reply: ...


class Asker:
    """A teacher as one step asks it."""

    def __init__(self, teacher: ChatTeacher, run: Run, caps: Caps) -> None:
        self.teacher, self.run, self.caps = teacher, run, caps
        self._spent = Spent()

    @property
    def spent(self) -> Spent:
        """What has been asked so far came to."""
        return self._spent

    def each(
        self, items: Sequence[T], work: Callable[[T, Put], Awaitable[R]], *, what: str = "rows"
    ) -> list[R | None]:
        """`work` for every item, many at once; None where a cap was reached before it was done.

        Raises:
            TeacherError: a fault that no waiting mends.
        """
        return asyncio.run(self._each(items, work, what))

    async def _each(
        self, items: Sequence[T], work: Callable[[T, Put], Awaitable[R]], what: str
    ) -> list[R | None]:
        found: list[R | None] = [None] * len(items)
        todo = iter(enumerate(items))
        async with self.teacher.open() as line:

            async def put(ask: Ask, *, sample: int = 0) -> Reply:
                return await self._put(line, ask, sample)

            async def worker() -> None:
                for number, item in todo:
                    found[number] = await work(item, put)

            await asyncio.gather(*(worker() for _ in range(self.teacher.concurrency)))
        return found

    async def _put(self, line: Line, ask: Ask, sample: int) -> Reply:
        async def call() -> bytes:
            received = await line.send(replace(ask, sample=sample))
            return json.dumps(asdict(received.reply)).encode()

        answer = await self.run.recorder.answer_async(
            self.teacher.identity(ask), call, sample=sample,
            labels={"provider": self.teacher.provider, "model": self.teacher.model},
        )  # fmt: skip
        kept = json.loads(answer)
        return Reply(**kept | {"usage": Usage(**kept["usage"]), "outcome": Outcome(kept["outcome"])})
