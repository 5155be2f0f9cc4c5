"""Progress of a build on standard error: a live line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

QUIET_SECONDS = 15.0  # between two lines of one step where standard error is not a terminal


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


class Progress:
    """The executor's observer: prints a line a step, and what the running step says."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._step = ""
        self._started = 0.0
        self._printed = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._clear()

    def step_started(self, step: str) -> None:
        self._step, self._started, self._printed = step, time.monotonic(), time.monotonic()
        if self._live:
            self._write(f"  > {step}")

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self._printed < (0.1 if self._live else QUIET_SECONDS):
            return
        self._printed = now
        elapsed = now - self._started
        line = f"  > {step:<10} {done:,} of {total:,}  {note}  after {duration(elapsed)}"
        if done and " left" not in note:  # a step that knows its own pace says so itself
            line += f", about {duration(elapsed / done * (total - done))} left"
        if self._live:
            self._write(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def said(self, step: str, line: str) -> None:
        self._clear()
        print(f"    {step}: {line}", file=sys.stderr, flush=True)

    def waiting(self, step: str, holder: str) -> None:
        self._clear()
        print(f"    {step}: waiting for {holder}, which is building it", file=sys.stderr, flush=True)

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self._clear()
        mark = {"reused": "=", "ran": "+", "cut-off": "~"}.get(status, " ")
        words = {
            "reused": "cached",
            "ran": f"ran         {duration(seconds)}",
            "cut-off": "ran, output unchanged",
        }
        print(f"  {mark} {step:<10} {words.get(status, status)}", file=sys.stderr, flush=True)

    def step_failed(self, step: str, error: BaseException) -> None:
        self._clear()
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        print(f"  ! {step:<10} {what}", file=sys.stderr, flush=True)

    def _write(self, line: str) -> None:
        sys.stderr.write("\r\x1b[2K" + line)
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._live:
            self._write("")
