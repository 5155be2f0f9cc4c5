"""Who watches a build: the seams between a running step, the executor, and whatever prints."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Who watches a build; every method is called in the process that builds, and must be quick."""

    def step_started(self, step: str) -> None: ...

    def progress(self, step: str, done: int, total: int, note: str) -> None: ...

    def said(self, step: str, line: str) -> None: ...

    def waiting(self, step: str, holder: str) -> None:
        """Another process, which `holder` describes, is building the same step; this one will share it."""

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        """`status` as in `Outcome`; called for reused steps too."""

    def step_failed(self, step: str, error: BaseException) -> None: ...


class Silent:
    """An observer that says nothing."""

    def step_started(self, step: str) -> None: ...

    def progress(self, step: str, done: int, total: int, note: str) -> None: ...

    def said(self, step: str, line: str) -> None: ...

    def waiting(self, step: str, holder: str) -> None: ...

    def step_finished(self, step: str, status: str, seconds: float) -> None: ...

    def step_failed(self, step: str, error: BaseException) -> None: ...


class Teller(Protocol):
    """Whom a running step tells of itself, from whatever process it runs in."""

    def started(self, step: str) -> None: ...

    def waiting(self, step: str, holder: str) -> None: ...

    def progress(self, step: str, done: int, total: int, note: str) -> None: ...

    def said(self, step: str, line: str) -> None: ...

    def printed(self, step: str, line: str) -> None:
        """A line that it wrote to standard output or error, of itself or by a library."""
