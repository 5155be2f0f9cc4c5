"""Sending a request until it is answered, for faults that pass; what does not pass ends at once.

Waits are random between nothing and a bound that doubles (full jitter), so that many who failed together do
not come back together; what the server asks for is waited. That a provider wants fewer requests at a time is
no fault of a request, so it costs none of its attempts as long as others are answered.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from p2m.teachers.asking.pace import Pace, Ticket
from p2m.teachers.chat import Ask, ChatTeacher, Line, Received, TeacherError, Transient

FIRST_WAIT = 0.5  # seconds, the bound of the first wait; it doubles
LONGEST_WAIT = 60.0  # seconds
PATIENCE = 900.0  # seconds that a request is tried for without any answer from the teacher
_ABSENT = 3  # attempts at a server that was never there
_KEPT = "what was answered is kept, and is not paid for again: run the same command again"


@dataclass(slots=True)
class Progress:
    """What the teacher has answered so far, which tells a busy server from a dead one."""

    answers: int = 0


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests over one line, at a pace."""

    teacher: ChatTeacher
    line: Line
    pace: Pace
    pause: Callable[[float], Awaitable[None]]  # that many seconds, unless asking ends before
    progress: Progress

    async def send(self, ask: Ask, tokens: int) -> Received:
        """The reply, however many attempts it takes.

        Raises:
            TeacherError: it will not be had, or not within the attempts and the time allowed.
        """
        attempts, answers, since = 0, self.progress.answers, time.monotonic()
        while True:
            ticket = await self.pace.begin(tokens)
            try:
                received = await self.line.send(ask)
            except Transient as fault:
                self._end_slowly(fault, ticket)
                if self.progress.answers > answers:
                    answers, since = self.progress.answers, time.monotonic()
                    attempts += not fault.is_rate
                else:
                    attempts += 1
                self._check(fault, attempts, time.monotonic() - since)
                await self.pause(_wait(fault, attempts))
            except TeacherError:
                raise  # and its turn goes to nobody: asking ends
            except BaseException:
                self.pace.failed(ticket)
                raise
            else:
                self.progress.answers += 1
                self.pace.answered(ticket, received.headroom)
                return received

    def _end_slowly(self, fault: Transient, ticket: Ticket) -> None:
        if fault.is_rate:
            self.pace.slowed(ticket, fault.retry_after, fault.headroom)
        else:
            self.pace.failed(ticket)

    def _check(self, fault: Transient, attempts: int, seconds: float) -> None:
        """Raises TeacherError where no further attempt is worth it."""
        who, most = f"{self.teacher.provider} ({self.teacher.model})", self.teacher.attempts
        if fault.is_absent and not self.progress.answers and attempts >= min(_ABSENT, most):
            raise TeacherError(f"{fault}\n    nothing was asked yet; start the server, or mend the address")
        if fault.retry_after is not None and fault.retry_after > PATIENCE:
            hours = fault.retry_after / 3600
            raise TeacherError(f"{who} asks to come back in {hours:.1f} hours: {fault}\n    {_KEPT} then")
        if attempts >= most or seconds > PATIENCE:
            tried = f"{attempts} attempts" if attempts > 1 else "one attempt"
            raise TeacherError(
                f"{who} did not answer a request in {tried}, {seconds:.0f} s; the last: {fault}\n    {_KEPT},"
                f" with more patience by teacher.attempts={2 * most}"
            )


def _wait(fault: Transient, attempts: int) -> float:
    """Seconds; after Retry-After a little more, so that not all come back at once."""
    if fault.retry_after is not None:
        return fault.retry_after * (1 + 0.1 * random.random())
    return random.uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** max(0, attempts - 1)))
