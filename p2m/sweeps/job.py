"""One job of a sweep: a variant, from its overrides to its line in the leaderboard, in whichever process.

Jobs share the store, so its single flight lets none of them do a step that another does. Jobs side by side
divide the machine's cores, and end when the process that launched them does.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from p2m.build import Built, build
from p2m.engine.executor import Observer
from p2m.engine.explaining.union import unite
from p2m.engine.slots import CORES, cores, processors
from p2m.errors import P2MError
from p2m.leaderboard import Entry, Pending
from p2m.project import Project, load, open_store
from p2m.sweeps.board import Board
from p2m.sweeps.variants import variant_name

_LOOK_SECONDS = 0.5  # between two looks at whether the launching process is still there


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended."""

    variant: str
    entry: Entry | None = None  # of a variant that was built
    reason: str = ""  # of a failure
    exit_code: int = 0  # that a build of the variant alone would have ended in
    bug: str = ""  # the traceback of an error that is not p2m's own
    was_finished: bool = False  # before the job began

    def __float__(self) -> float:
        """The primary metric, for sweepers that optimise a number."""
        if self.entry is None:
            raise RuntimeError(f"{self.variant}: {self.reason}")
        return self.entry.scores[0].value

    @property
    def merit(self) -> float:
        """The same, turned where less of the metric is better."""
        value = float(self)
        assert self.entry is not None
        return -value if self.entry.scores[0].lower_is_better else value


class Teller(Protocol):
    """Who tells the user how a sweep goes; sent to jobs in other processes."""

    def began(self, variant: str, *, alone: bool) -> AbstractContextManager[Observer]: ...

    def waiting(self, variant: str, holder: str) -> None: ...

    def ended(
        self, ended: Ended, built: Built | None, entries: list[Entry], pending: list[Pending],
        left: float | None,
    ) -> None: ...  # fmt: skip


@dataclass(frozen=True)
class Job:
    """Builds one variant; a value that launchers can send to another process."""

    recipe: Path
    trust: tuple[str, ...]
    board: Board
    teller: Teller
    at_once: int
    expected: Mapping[str, float | None]  # variant -> seconds of work that no variant before it does
    argv: tuple[str, ...]
    launcher: int  # the process that launches the jobs

    def __call__(self, overrides: Sequence[str]) -> Ended:
        variant = variant_name(overrides)
        identity = dict(self.board.expected or ()).get(variant, "")
        entry = self.board.finished(variant, identity)
        if entry is not None:
            return Ended(variant, entry, was_finished=True)
        if self.at_once > 1 and os.getpid() != self.launcher:
            _end_with(self.board)
        with self.board.building(variant, lambda holder: self.teller.waiting(variant, str(holder))):
            entry = self.board.finished(variant, identity)  # by another sweep that was waited for
            if entry is not None:
                return Ended(variant, entry, was_finished=True)
            self.board.clear(variant)
            self.board.update()
            ended, built = self._build(variant, identity, overrides)
        entries, pending = self.board.update()
        self.teller.ended(ended, built, entries, pending, self._left(entries, pending))
        return ended

    def _build(self, variant: str, identity: str, overrides: Sequence[str]) -> tuple[Ended, Built | None]:
        began = time.monotonic()
        try:
            with self.teller.began(variant, alone=self.at_once == 1) as observer:
                project = self._project(variant, overrides)
                identity = unite([project.plan], open_store(project)).identities[0]
                built = build(project, observer, argv=self.argv, group=self.board.folder.name)
                entry = _entry(variant, overrides, built, time.monotonic() - began)
        except Exception as error:
            known = isinstance(error, P2MError)
            reason = str(error) if known else f"{type(error).__name__}: {error}"
            self.board.end(variant, identity, reason)
            code = error.exit_code if isinstance(error, P2MError) else 1
            bug = "" if known else "".join(traceback.format_exception(error))
            return Ended(variant, reason=reason, exit_code=code, bug=bug), None
        self.board.end(variant, identity, entry)
        return Ended(variant, entry), built

    def _project(self, variant: str, overrides: Sequence[str]) -> Project:
        """The variant's project, with this job's share of the cores where it runs beside others."""
        project = load(self.recipe, overrides, trust=self.trust, target=self.board.folder / variant)
        device = project.composed.spec.device
        if self.at_once == 1:
            return project
        share = max(1, cores() // self.at_once)
        share = min(share, max(1, processors()))
        if os.getpid() != self.launcher:
            os.environ[CORES] = str(share)
        spec = project.composed.spec.model_copy(
            update={"device": replace(device, threads=device.threads or share)}
        )
        return replace(project, composed=replace(project.composed, spec=spec))

    def _left(self, entries: Sequence[Entry], pending: Sequence[Pending]) -> float | None:
        """Seconds until the last variant is built, by history, else by what the others took."""
        todo = [self.expected.get(each.variant) for each in pending if each.state != "failed"]
        took = [entry.seconds for entry in entries]
        if not todo or (None in todo and not took):
            return None
        guess = statistics.median(took) if took else 0.0
        return sum(guess if seconds is None else seconds for seconds in todo) / self.at_once


def _entry(variant: str, overrides: Sequence[str], built: Built, seconds: float) -> Entry:
    """What the leaderboard says of a variant."""
    evaluated = built.result.value("evaluate")
    exported = built.result.value("pick")
    measured = built.result.value("measure")
    return Entry(
        variant=variant, scores=evaluated.scores, size_bytes=exported.size_bytes,
        parameters=exported.parameters, latency_p95=measured.latency_p95, decision=built.verdict.decision,
        seconds=seconds, folder=str(built.folder), overrides=tuple(overrides),
        doubts=(*built.verdict.failures, *built.verdict.unproven, *built.verdict.warnings),
    )  # fmt: skip


_watched: set[str] = set()


def _end_with(board: Board) -> None:
    """End this process, a launcher's worker, soon after the launching process has ended, however it did."""
    if board.sweep in _watched:
        return
    _watched.add(board.sweep)

    def watch() -> None:
        while board.is_launching:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)  # what it was doing is lost, what it had finished is not

    threading.Thread(target=watch, name="p2m-launcher-watch", daemon=True).start()
