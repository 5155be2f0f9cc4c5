"""How many requests are in flight, and when the next may go: as many as the provider lets through.

The limit grows by one with each answer up to the ceiling, the number that is known to go through, and beyond
it in rare, careful steps. On the first "too many requests" of a burst it is cut to three quarters, and what
the provider left in flight becomes the ceiling. Retry-After stops all sending; requests and tokens that the
provider's headers leave are not exceeded. The ceiling is remembered between builds, as a guess.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from p2m.engine.files import disk
from p2m.resources import cache_folder
from p2m.teachers.chat import ChatTeacher, Headroom, named

FIRST = 32  # in flight at the beginning, where nothing is remembered
CUT = 0.75
PATIENCE = 16  # times the limit answered at the ceiling, before one more is tried
_MOST_PATIENCE = 256
_REMEMBERED = 500  # ceilings that are kept, the latest ones
_A_BIT = 1e-3  # seconds that a timer may come early


@dataclass(slots=True)
class Ticket:
    """A request that is in flight."""

    number: int
    tokens: int  # as estimated
    tokens_until: int  # estimated, of all requests up to and with this one


@dataclass(slots=True)
class _Allowance:
    """What is left of requests or tokens, by the provider's headers; it fills up again by the second."""

    left: float | None = None  # None: nothing was ever said
    rate: float = 0.0  # a second
    most: float = 0.0  # the most that was ever left
    since: float = 0.0

    def heard(self, left: int, seconds: float | None, now: float) -> None:
        self.most = max(self.most, left)
        self.rate = (self.most - left) / seconds if seconds else 0.0
        self.left, self.since = float(left), now

    def wait(self, wanted: float, now: float) -> float:
        """Seconds until that much is left; 0 where it is, infinite where the next answer must tell."""
        if self.left is None:
            return 0.0
        lacking = min(wanted, self.most) - (self.left + self.rate * (now - self.since))
        if lacking <= 0:
            return 0.0
        return lacking / self.rate if self.rate > 0 else float("inf")

    def take(self, amount: float) -> None:
        if self.left is not None:
            self.left -= amount


@dataclass(slots=True)
class Pace:
    """The pace of one teacher. `most`: requests in flight at most, whatever the provider lets through."""

    most: int
    ceiling: int | None = None  # as remembered
    clock: Callable[[], float] = time.monotonic
    limit: float = 0.0
    in_flight: int = 0
    rejected: int = 0  # requests that were too many
    stopped: type[BaseException] | None = None  # raised to whoever asks for a turn
    _sent: int = 0
    _tokens: int = 0  # of all that was sent, as estimated
    _cut_at: int = -1  # the last request that had been sent when the limit was cut
    _was_full: bool = False  # whether that cut came at full use of the limit
    _calm: float = 0.0  # answers at the ceiling since it was last moved
    _patience: float = PATIENCE
    _step: int = 1
    _paused_until: float = 0.0
    _requests: _Allowance = field(default_factory=_Allowance)
    _allowed_tokens: _Allowance = field(default_factory=_Allowance)
    _waiting: deque[tuple[asyncio.Future[Ticket], int]] = field(default_factory=deque)
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.limit = float(min(self.most, self.ceiling or FIRST))

    @property
    def learnt(self) -> int | None:
        """The ceiling, where the provider has shown one."""
        return self.ceiling if self.ceiling is not None and self.ceiling < self.most else None

    async def begin(self, tokens: int) -> Ticket:
        """Wait for the turn of a request of so many tokens; in the order of asking."""
        if self.stopped is not None:
            raise self.stopped
        if not self._waiting and self._delay(tokens) == 0.0:
            return self._start(tokens)
        turn: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, tokens))
        self._go_on()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.failed(turn.result())
            raise

    def answered(self, ticket: Ticket, headroom: Headroom) -> None:
        """An answer came."""
        self.in_flight -= 1
        self._hear(ticket, headroom)
        if ticket.number > self._cut_at:
            self._grow()
        self._go_on()

    def slowed(self, ticket: Ticket, retry_after: float | None, headroom: Headroom) -> None:
        """The provider asked for a slower pace."""
        self.in_flight -= 1
        self.rejected += 1
        self._hear(ticket, headroom)
        if ticket.number > self._cut_at:
            self._was_full = self.in_flight + 1 >= int(self.limit)
            self._cut_at, self._calm = self._sent - 1, 0.0
            self._patience, self._step = min(2 * self._patience, _MOST_PATIENCE), 1
            before = int(self.limit)
            self.limit = max(1.0, self.limit * CUT)
            if not self._was_full:
                self.ceiling = max(1, min(self.ceiling or before, before))
        if self._was_full:
            through = max(1, self.in_flight)
            self.ceiling = min(self.ceiling or through, through)
            self.limit = min(self.limit, float(self.ceiling))
        if retry_after:
            self._paused_until = max(self._paused_until, self.clock() + retry_after)
        self._go_on()

    def failed(self, ticket: Ticket) -> None:
        """The request ended in a way that says nothing of the pace."""
        self.in_flight -= 1
        self._go_on()

    def stop(self, why: type[BaseException]) -> None:
        """Give no more turns: whoever waits gets that exception."""
        self.stopped = why
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(why())

    # ------------------------------------------------------------------ inside

    def _grow(self) -> None:
        ceiling = min(self.most, self.ceiling or self.most)
        if self.limit < ceiling:
            self.limit = min(self.limit + 1, float(ceiling))
            return
        self._calm += 1
        if ceiling < self.most and self._calm >= self._patience * self.limit:
            # Nothing was refused for long: one more, and faster from now on while that goes well.
            self.ceiling = min(self.most, ceiling + self._step)
            self.limit, self._calm = float(self.ceiling), 0.0
            self._step, self._patience = 2 * self._step, max(2.0, self._patience / 2)

    def _hear(self, ticket: Ticket, headroom: Headroom) -> None:
        """What the provider counted when it read this request; what was sent since is not in it yet."""
        now = self.clock()
        if headroom.requests is not None:
            self._requests.heard(headroom.requests, headroom.seconds, now)
            self._requests.take(self._sent - 1 - ticket.number)
        if headroom.tokens is not None:
            self._allowed_tokens.heard(headroom.tokens, headroom.seconds, now)
            self._allowed_tokens.take(self._tokens - ticket.tokens_until)

    def _delay(self, tokens: int) -> float:
        """Seconds until a request of so many tokens may go; infinite until another one ends."""
        if self.in_flight >= max(1, int(self.limit)):
            return float("inf")
        now = self.clock()
        paused = self._paused_until - now
        left = max(self._requests.wait(1, now), self._allowed_tokens.wait(tokens, now))
        if left == float("inf") and not self.in_flight:
            left = 0.0  # nobody else would tell
        return max(0.0, paused, left)

    def _start(self, tokens: int) -> Ticket:
        self.in_flight += 1
        self._requests.take(1)
        self._allowed_tokens.take(tokens)
        self._tokens += tokens
        self._sent += 1
        return Ticket(self._sent - 1, tokens, self._tokens)

    def _go_on(self) -> None:
        """Give turns to whoever waits, as far as they may go now, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            turn, tokens = self._waiting[0]
            if turn.done():  # it was cancelled
                self._waiting.popleft()
                continue
            delay = self._delay(tokens)
            if delay == 0.0:
                self._waiting.popleft()
                turn.set_result(self._start(tokens))
                continue
            if delay != float("inf"):
                self._timer = asyncio.get_running_loop().call_later(delay + _A_BIT, self._go_on)
            return


# --------------------------------------------------------------------------- between builds


def pace_of(teacher: ChatTeacher) -> Pace:
    """A new pace, from the ceiling of an earlier build where there was one."""
    return Pace(teacher.concurrency, _remembered().get(_name(teacher)))


def remember(teacher: ChatTeacher, pace: Pace) -> None:
    """Keep the ceiling for the next build; never an error."""
    if pace.learnt is None:
        return
    try:
        path, ceilings = memory_file(), _remembered()
        ceilings.pop(_name(teacher), None)
        ceilings[_name(teacher)] = pace.learnt
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dict(list(ceilings.items())[-_REMEMBERED:]), indent=1)
        disk.replace(path, text.encode(), durable=False)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: no home folder
        return


def memory_file() -> Path:
    """Where ceilings are kept: the user's cache folder."""
    return cache_folder("pace.json")


def _name(teacher: ChatTeacher) -> str:
    place = str(getattr(teacher, "base_url", "") or "")
    mark = f" {hashlib.sha256(place.encode()).hexdigest()[:8]}" if place else ""
    return f"{named(teacher)}{mark}"


def _remembered() -> dict[str, int]:
    try:
        found = json.loads(memory_file().read_text(encoding="utf-8"))
        return {name: most for name, most in found.items() if isinstance(most, int) and most > 0}
    except (OSError, ValueError, AttributeError, RuntimeError):
        return {}
