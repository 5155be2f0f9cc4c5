"""Progress of a build on standard error: a live line a running step on a terminal, a line now and then
elsewhere.
"""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

QUIET_SECONDS = 15.0  # between two lines of one step where standard error is not a terminal
LIVE_SECONDS = 0.1  # between two pictures of a terminal
SEEN_SECONDS, SEEN_SHARE, ENOUGH_SECONDS = 3.0, 0.05, 30.0  # of a step, before its end is estimated
_MARKS = 64  # of how far a step was, that are kept
_MOST = 8  # running steps that a terminal shows


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `6 min 40 s`, `1 h 02 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


@dataclass
class _Running:
    """A running step, as far as it has told."""

    started: float
    printed: float
    line: str
    marks: list[tuple[float, int]] = field(default_factory=list)  # when it told how far it was, and how far

    def left(self, now: float, done: int, total: int) -> float | None:
        """Seconds until its end by the pace of the later half of what was seen of it; None before enough was.

        What went before it first told how far it was is no measure, nor are its first and slowest moments.
        """
        self.marks.append((now, done))
        if len(self.marks) > _MARKS:
            self.marks = [self.marks[0], *self.marks[2::2]]
        since, before = self.marks[0]
        seen, share = now - since, (done - before) / max(1, total)
        if seen < SEEN_SECONDS or (share < SEEN_SHARE and seen < ENOUGH_SECONDS):
            return None
        then, had = next((mark for mark in self.marks if mark[0] >= since + seen / 2), self.marks[-1])
        if had >= done:  # all of it came with the latest news
            then, had = since, before
        return (now - then) / (done - had) * (total - done) if done > had else None


class Progress:
    """The executor's observer: prints a line a step, and what the running steps say."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._running: dict[str, _Running] = {}
        self._drawn = 0  # lines of the live part that stand on the terminal
        self._last = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._running.clear()
        self._draw()

    def step_started(self, step: str) -> None:
        now = time.monotonic()
        self._running[step] = _Running(now, now, f"  > {step}")
        self._draw()

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        running = self._running.setdefault(step, _Running(now, now, ""))
        elapsed = now - running.started
        running.line = f"  > {step:<10} {done:,} of {total:,}  {note}  after {duration(elapsed)}"
        left = running.left(now, done, total)
        if left is not None and " left" not in note:  # a step that knows its own pace says so itself
            running.line += f", about {duration(left)} left"
        if self._live:
            if now - self._last >= LIVE_SECONDS:
                self._draw()
        elif now - running.printed >= QUIET_SECONDS:
            running.printed = now
            self._print(running.line)

    def said(self, step: str, line: str) -> None:
        self._print(f"    {step}: {line}")

    def waiting(self, step: str, holder: str) -> None:
        self._print(f"    {step}: waiting for {holder}, which is building it")

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self._running.pop(step, None)
        mark = {"reused": "=", "ran": "+", "cut-off": "~"}.get(status, " ")
        words = {
            "reused": "cached",
            "ran": f"ran         {duration(seconds)}",
            "cut-off": "ran, output unchanged",
        }
        self._print(f"  {mark} {step:<10} {words.get(status, status)}")

    def step_failed(self, step: str, error: BaseException) -> None:
        self._running.pop(step, None)
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        self._print(f"  ! {step:<10} {what}")

    def _print(self, line: str) -> None:
        """A line that stays, above the live part."""
        if not self._live:
            with suppress(OSError):  # nobody reads it any more, or its disk is full: the build goes on
                print(line, file=sys.stderr, flush=True)
            return
        self._draw(line + "\n")

    def _draw(self, above: str = "") -> None:
        """Write the live part anew, a line a running step, after what is to stay above it."""
        if not self._live:
            return
        self._last = time.monotonic()
        size = shutil.get_terminal_size()
        lines = [running.line[: size.columns - 1] for running in self._running.values()]
        room = max(1, min(_MOST, size.lines - 2))
        if len(lines) > room:
            lines = [*lines[: room - 1], f"  > and {len(lines) - room + 1} more"]
        up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
        with suppress(OSError):  # a terminal that was closed
            sys.stderr.write(f"{up}\r\x1b[J{above}" + "\n".join(lines))
            sys.stderr.flush()
        self._drawn = len(lines)
