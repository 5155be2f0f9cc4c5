"""The caps of a build, held before a request is sent: over all steps and processes, to the last cent.

Of each cap two sums are shared by the build (`Run.tally`): what was spent, and what is held for requests in
flight, each at its worst. A request goes only if both with its own worst stay within the cap; where only what
is held stands in the way it waits, for an answer costs less than its worst. What the ledger answers counts as
if it were paid, so a build that resumes spends no more than a cold one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from p2m.engine.handles import Recorder
from p2m.engine.recording.records import Asked
from p2m.teachers.asking.prices import NANO, cost_of, how_to_price
from p2m.teachers.asking.recorded import Paid
from p2m.teachers.chat import SENT, Ask, ChatTeacher, Reply, TeacherError, Usage
from p2m.types import Caps

REQUESTS, TOKENS, MONEY = "teacher.requests", "teacher.tokens", "teacher.nanousd"
_HELD = ".held"
_OVERHEAD = 64  # tokens that a request has beside its text
_LOOK = 0.005  # seconds between two looks at what is held


class CapReached(Exception):
    """No more may be asked."""

    def __init__(self, limit: str, spent: int) -> None:
        super().__init__(limit)
        self.limit = limit  # as it is set: "constraints.max_cost=1"
        self.spent = spent  # of the sum that the limit is for


class Tally(Protocol):
    def __call__(self, name: str, amount: int) -> int: ...


@dataclass(frozen=True, slots=True)
class _Cap:
    name: str  # of the sum
    most: int
    said: str


class Budget:
    """What one step may still ask."""

    def __init__(
        self, teacher: ChatTeacher, caps: Caps, tally: Tally, portion: Mapping[str, float] | None = None
    ) -> None:
        """`portion`: sum -> share of what its cap leaves now that this step may have; missing: all of it."""
        self._teacher, self._tally = teacher, tally
        self._caps = tuple(self._portioned(caps, portion or {}))
        self._batch = bool(getattr(teacher, "batch", False))
        if caps.max_cost is not None and cost_of(teacher, Usage()) is None:
            raise TeacherError(
                f"constraints.max_cost={caps.max_cost:g} cannot be held: {how_to_price(teacher)};"
                " or hold another limit: constraints.max_requests=1000 or constraints.max_tokens=1000000"
            )

    @property
    def has_caps(self) -> bool:
        return bool(self._caps)

    async def hold(self, ask: Ask, pause: Callable[[float], Awaitable[None]]) -> Counter[str]:
        """Hold the worst that a request may come to; what is returned must be let go. One caller at a time.

        Raises:
            CapReached: it may not be sent.
        """
        if not self._caps:
            return Counter()
        worst = self._worst(ask)
        while (held := self._try(worst)) is None:
            await pause(_LOOK)
        return held

    def let_go(self, held: Counter[str]) -> None:
        """The request is over; what it came to was counted before."""
        for name, amount in held.items():
            self._tally(name + _HELD, -amount)

    def count(self, ask: Ask, paid: Paid, *, sent: bool) -> None:
        """Add an answer, paid for now or earlier, to what the build has spent."""
        usage, cost = paid.reply.usage, paid.cost
        if usage == Usage():  # a server that does not say what it counted
            usage = Usage(input=estimated(ask), output=_length(paid.reply.text) // 4)
        if cost is None:
            cost = cost_of(self._teacher, usage)
        if sent:
            self._tally(SENT, 1)
        self._tally(REQUESTS, 1)
        self._tally(TOKENS, usage.input + usage.output)
        if cost:
            self._tally(MONEY, cost)

    # ------------------------------------------------------------------ stopping where it stopped

    def stop_again(self, asked: Asked, recorder: Recorder) -> None:
        """Stop where an earlier build stopped, so that it is replayed to the same rows and asks nothing.

        Another request may still have room where the one that was refused had none, so the refusal itself is
        recorded: of the first thing left undone. With less spent by now it does not count.

        Raises:
            CapReached: before this request.
        """
        for cap in self._caps:
            answer = recorder.known(_stop(asked, cap.said))
            if answer is not None:
                spent = self._tally(cap.name, 0)
                if spent >= json.loads(answer)["spent"]:
                    raise CapReached(cap.said, spent)

    async def note_stop(self, asked: Asked, reached: CapReached, recorder: Recorder) -> None:
        async def call() -> bytes:
            return json.dumps({"spent": reached.spent}).encode()

        names = {"provider": self._teacher.provider, "model": self._teacher.model, "stopped": reached.limit}
        await recorder.answer_async(_stop(asked, reached.limit), call, labels=names)

    # ------------------------------------------------------------------ inside

    def _portioned(self, caps: Caps, portion: Mapping[str, float]) -> Iterator[_Cap]:
        for cap in _caps(caps):
            spent = self._tally(cap.name, 0)
            yield replace(cap, most=spent + int((cap.most - spent) * portion.get(cap.name, 1.0)))

    def _try(self, worst: Counter[str]) -> Counter[str] | None:
        """Hold it; None where only what others hold is in the way."""
        held: Counter[str] = Counter()
        for cap in self._caps:
            amount = worst[cap.name]
            held[cap.name] = amount
            together = self._tally(cap.name + _HELD, amount)
            spent = self._tally(cap.name, 0)
            if spent + together > cap.most:
                self.let_go(held)
                if spent + amount > cap.most:
                    raise CapReached(cap.said, spent)
                return None
        return held

    def _worst(self, ask: Ask) -> Counter[str]:
        given = _length(*_texts(ask)) // 2 + _OVERHEAD * (2 + len(ask.turns))
        made = ask.max_tokens + int(getattr(self._teacher, "thinking_tokens", 0))
        usage = Usage(input=given, output=made)
        worst = Counter({REQUESTS: 1, TOKENS: given + made})
        cost = cost_of(self._teacher, usage, batch=self._batch)
        if cost is not None:
            worst[MONEY] = cost
        return worst


def _stop(asked: Asked, limit: str) -> dict[str, str]:
    """What the ledger knows a refusal by."""
    return {"not asked": asked.digest, "limit": limit}


def estimated(ask: Ask) -> int:
    """Tokens of a request as they may be expected: four bytes each."""
    return _length(*_texts(ask)) // 4 + 1


def cost_of_reply(teacher: ChatTeacher, reply: Reply) -> int | None:
    """Billionths of a dollar; None where the price is not known, or the server did not count."""
    if reply.usage == Usage() and reply.text:
        return None
    return cost_of(teacher, reply.usage, batch=reply.is_batch)


def _caps(caps: Caps) -> list[_Cap]:
    found = []
    if caps.max_cost is not None:
        found.append(_Cap(MONEY, int(caps.max_cost * NANO), f"constraints.max_cost={caps.max_cost:g}"))
    if caps.max_requests is not None:
        found.append(_Cap(REQUESTS, caps.max_requests, f"constraints.max_requests={caps.max_requests}"))
    if caps.max_tokens is not None:
        found.append(_Cap(TOKENS, caps.max_tokens, f"constraints.max_tokens={caps.max_tokens}"))
    return found


def _texts(ask: Ask) -> list[str]:
    schema = str(ask.schema) if ask.schema is not None else ""
    return [ask.system, schema, *(turn.text for turn in ask.turns)]


def _length(*texts: str) -> int:
    """Bytes."""
    return sum(len(text) if text.isascii() else len(text.encode("utf-8", "replace")) for text in texts)
