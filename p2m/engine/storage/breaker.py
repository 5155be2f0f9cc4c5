"""Operations on something that may fail or hang: each has a deadline; after some faults there are no more.

An operation runs in a thread of its own, which is left behind where it hangs; threads are daemons, so that
none keeps the process from ending. Faults are counted, said once, and never raised further than `Fault`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from p2m.engine.storage.shared_address import redacted

T = TypeVar("T")
IN_A_ROW = 3  # faults that end the matter
LOST_TIMEOUTS = 6  # as do so many timeouts' worth of time lost in faults, in a row or not
SLOWEST = 256 * 1024  # bytes a second; what is slower counts as hanging
_AT_ONCE = 4  # operations that run at the same time
_SHOWN = 160  # characters of a fault that are shown


class Fault(Exception):
    """An operation failed, or is no longer tried. It was counted, and said where it was the first."""


class Stopped(Exception):
    """Nobody waits for this operation any more."""


@dataclass(frozen=True, slots=True)
class Job:
    """An operation: it gets `alive`, for between its pieces, which raises `Stopped` once it is given up."""

    what: str  # "reading ac/12/12ab", for the line that tells of its fault
    run: Callable[[Callable[[], None]], None]
    size: int = 0  # bytes that it moves: they lengthen its deadline


class Notices:
    """Lines for whoever watches, each once, handed over in the thread that asks for it."""

    def __init__(self) -> None:
        self.listener: Callable[[str], None] | None = None
        self._waiting: deque[str] = deque()
        self._said: set[str] = set()

    def add(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._waiting.append(line)

    def deliver(self) -> None:
        while self.listener is not None and self._waiting:
            self.listener(self._waiting.popleft())


class Breaker:
    """Runs jobs until there were too many faults."""

    def __init__(self, subject: str, instead: str, timeout: float, notices: Notices) -> None:
        self._subject, self._instead, self._timeout, self._notices = subject, instead, timeout, notices
        self.is_off = False
        self._told = False
        self._row = 0
        self._lost = 0.0

    def ask(self, what: str, run: Callable[[Callable[[], None]], T], size: int = 0) -> T:
        """What one operation answers. Raises: Fault."""
        found: list[T] = []
        self.all([Job(what, lambda alive: found.append(run(alive)), size)])
        return found[0]

    def all(self, jobs: Sequence[Job]) -> None:
        """Run jobs, some at a time; the first fault gives the others up.

        Raises:
            Fault: a job failed, or took too long.
        """
        waiting, running = deque(jobs), dict[int, _Running]()
        answers: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()
        try:
            while waiting or running:
                while waiting and len(running) < _AT_ONCE:
                    self._refuse_if_off()
                    job = waiting.popleft()
                    running[id(job)] = _start(job, self._timeout, answers)
                self._take(running, answers)
        finally:
            for left in running.values():
                left.stopped.set()

    def fault(self, what: str, reason: str, seconds: float = 0.0) -> Fault:
        """Count a fault, and say it where it is the first or the last."""
        self._row += 1
        self._lost += seconds
        shown = " ".join(redacted(reason).split())[:_SHOWN]
        if not self._told:
            self._told = True
            self._notices.add(f"{self._subject}: {what} failed ({shown}); {self._instead}")
        if not self.is_off and (self._row >= IN_A_ROW or self._lost > LOST_TIMEOUTS * self._timeout):
            self.off(f"{self._row} faults in a row" if self._row >= IN_A_ROW else f"{self._lost:.0f} s lost")
        return Fault(shown)

    def off(self, reason: str) -> None:
        """No more jobs in this process."""
        self.is_off = True
        self._notices.add(f"{self._subject} is left out for the rest of this build: {reason}")

    def _refuse_if_off(self) -> None:
        if self.is_off:
            raise Fault("left out")

    def _take(
        self, running: dict[int, _Running], answers: SimpleQueue[tuple[int, BaseException | None]]
    ) -> None:
        """Wait for one answer, or for the first deadline. Raises: Fault."""
        first = min(running.values(), key=lambda one: one.deadline)
        try:
            name, error = answers.get(timeout=max(0.0, first.deadline - time.monotonic()))
        except Empty:
            seconds = time.monotonic() - first.began
            raise self.fault(first.job.what, f"no end after {seconds:.1f} s", seconds) from None
        done = running.pop(name)
        if isinstance(error, Fault):
            raise error  # counted already
        if error is not None:
            seconds = time.monotonic() - done.began
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise self.fault(done.job.what, reason, seconds) from error
        self._row = 0


@dataclass(frozen=True, slots=True)
class _Running:
    job: Job
    began: float  # monotonic, as the deadline
    deadline: float
    stopped: threading.Event


def _start(job: Job, timeout: float, answers: SimpleQueue[tuple[int, BaseException | None]]) -> _Running:
    stopped = threading.Event()

    def alive() -> None:
        if stopped.is_set():
            raise Stopped

    def work() -> None:
        try:
            job.run(alive)
        except BaseException as error:
            answers.put((id(job), error))
        else:
            answers.put((id(job), None))

    now = time.monotonic()
    threading.Thread(target=work, name=job.what, daemon=True).start()
    return _Running(job, now, now + timeout + job.size / SLOWEST, stopped)
