"""Progress of a build on standard error or in a notebook: a live line a running step where these are redrawn,
a line now and then elsewhere. The command line's observer; it needs no argument of it.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from p2m.cli.text import duration, safe

QUIET_SECONDS = 15.0  # between two lines of one step where standard error is not a terminal
SEEN_SECONDS, SEEN_SHARE, ENOUGH_SECONDS = 3.0, 0.05, 30.0  # of a step, before its end is estimated
PACE_SECONDS = 60.0  # that the pace of a step is taken from
_WIDE = 70  # columns of a terminal that has room for bars


class Progress:
    """The executor's observer: prints a line a step, and what the running steps say.

    `tag` names the job where several share a terminal: whole lines only, each with it, reused steps untold.
    """

    def __init__(self, tag: str = "") -> None:
        self._tag = tag
        plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
        # By default rich heeds variables such as FORCE_COLOR, and would draw into a pipe.
        console = Console(file=sys.stderr, force_terminal=sys.stderr.isatty(), **plain)
        self._live = not tag and ((sys.stderr.isatty() and console.is_interactive) or console.is_jupyter)
        name = TextColumn("  > {task.description:<10}", style="none", markup=False)
        bar = [BarColumn(20)] if console.width >= _WIDE else []
        self._bars = Bars(
            name, *bar, _Told(), console=console, speed_estimate_period=PACE_SECONDS,
            refresh_per_second=4, transient=True, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._running: dict[str, Task] = {}

    def __enter__(self) -> Progress:
        if self._live:
            self._bars.start()
            self._bars.console.show_cursor()  # which nothing would bring back after a kill
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:  # elsewhere it would print an empty line
            with suppress(OSError):
                self._bars.stop()

    def step_started(self, step: str) -> None:
        self._task(step)

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        """`total` is 0 where nobody knows it."""
        task, now = self._task(step), self._bars.get_time()
        task.fields.setdefault("counted", now)
        self._bars.update(task.id, completed=done, total=total or None, note=note)
        if not self._live and now - task.fields["printed"] >= QUIET_SECONDS:
            task.fields["printed"] = now
            self.line(f"  > {step:<10} {_told(task)}")

    def counted(self, what: str, number: int) -> None:
        """One thing after the other, of which nobody knows how much there is."""
        for other in [name for name in self._running if name != what]:
            self._end(other)
        self.progress(what, number, 0)

    def said(self, step: str, line: str) -> None:
        self.line(f"    {step}: {line}")

    def waiting(self, step: str, holder: str) -> None:
        self.line(f"    {step}: waiting for {holder}, which is building it")

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self._end(step)
        mark = {"reused": "=", "ran": "+", "cut-off": "~"}.get(status, " ")
        words = {
            "reused": "cached",
            "ran": f"ran         {duration(seconds)}",
            "cut-off": "ran, output unchanged",
        }
        if not (self._tag and status == "reused"):
            self.line(f"  {mark} {step:<10} {words.get(status, status)}")

    def step_failed(self, step: str, error: BaseException) -> None:
        self._end(step)
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        self.line(f"  ! {step:<10} {what}")

    def line(self, line: str) -> None:
        """Print a line that stays, above the live part."""
        line = safe(line)
        with suppress(OSError):  # nobody reads it any more, or its disk is full: the build goes on
            if self._live:
                self._bars.console.print(line, soft_wrap=True)
            else:
                print(f"  {self._tag}{line[1:]}" if self._tag else line, file=sys.stderr, flush=True)

    def _task(self, step: str) -> Task:
        if step not in self._running:
            with suppress(OSError):  # a terminal that was closed
                self._bars.add_task(step, total=None, note="", printed=self._bars.get_time())
            self._running[step] = self._bars.tasks[-1]
        return self._running[step]

    def _end(self, step: str) -> None:
        if step in self._running:
            self._bars.remove_task(self._running.pop(step).id)


class _Told(ProgressColumn):
    """How far a step is, cut where the terminal ends."""

    def render(self, task: Task) -> Text:
        return Text(_told(task), no_wrap=True, overflow="ellipsis")


def _told(task: Task) -> str:
    """`3 of 10  steps  after 12 s, about 30 s left`."""
    text = f"after {duration(task.elapsed or 0.0)}"
    if "counted" not in task.fields:
        return text
    done, note = int(task.completed), task.fields["note"]
    far = f"{done:,} of {int(task.total):,}" if task.total else f"{done:,}"
    text = f"{far}  {note}  {text}" if note else f"{far}  {text}"
    left = _left(task)
    return f"{text}, about {duration(left)} left" if left and " left" not in note else text


def _left(task: Task) -> float | None:
    """Seconds until the step's end by its pace of late; None before enough was seen of it.

    What went before it first told how far it was is no measure, nor are its first and slowest moments.
    """
    seen = task.get_time() - task.fields["counted"]
    is_enough = seen >= (SEEN_SECONDS if task.percentage >= 100 * SEEN_SHARE else ENOUGH_SECONDS)
    return task.time_remaining if is_enough else None
