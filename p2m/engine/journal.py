"""One record per run: what was built, under which keys, how long it took, how it ended.

runs/<id>/run.jsonl    one event a line, flushed as it happens, so a killed run tells how far it came
runs/<id>/log.txt      what the stages said
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.engine import disk
from p2m.engine.store import Store

_EVENTS = "run.jsonl"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What a run did with a step; of a source, `output` is its digest and `listing` the blob listing it."""

    step: str
    status: str  # reused, ran, cut-off, source, failed, interrupted
    key: str = ""
    output: str = ""
    seconds: float = 0.0
    origins: Mapping[str, str] = field(default_factory=dict)
    listing: str = ""

    @property
    def is_done(self) -> bool:
        return bool(self.output)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as far as it came; where it was killed or still runs, `ended` is None, `status` "unfinished"."""

    id: str
    plan: str
    started: float  # seconds since the epoch
    ended: float | None
    status: str  # done, failed, interrupted, unfinished
    steps: Mapping[str, StepRecord]


class Journal:
    """Writes the record of one run."""

    def __init__(self, store: Store, plan: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        self.id = f"{stamp}-{int(now % 1 * 1e6):06d}-{uuid.uuid4().hex[:6]}"
        self._folder = store.runs / self.id
        self._root = store.root
        with disk.explained(self._root, "writing the journal"):
            self._folder.mkdir(parents=True)
        self._write({"event": "started", "plan": plan, "time": now, "pid": os.getpid()})

    def step(self, record: StepRecord) -> None:
        filled = {name: getattr(record, name) for name in StepRecord.__slots__ if getattr(record, name)}
        self._write({"event": "step", **filled, "origins": dict(record.origins)})

    def said(self, step: str, line: str) -> None:
        self._append("log.txt", f"{step}: {line}\n")

    def ended(self, status: str) -> None:
        self._write({"event": "ended", "status": status, "time": time.time()})

    def _write(self, event: Mapping[str, Any]) -> None:
        self._append(_EVENTS, json.dumps(event) + "\n")

    def _append(self, name: str, text: str) -> None:
        path = self._folder / name
        with (
            disk.explained(self._root, "writing the journal"),
            open(path, "a", encoding="utf-8", errors="replace") as stream,
        ):
            stream.write(text)


def last_run(store: Store, plan: str) -> RunRecord | None:
    """The latest run of the plan of that name."""
    return next(_runs(store, plan), None)


def last_steps(store: Store, plan: str) -> dict[str, StepRecord]:
    """For each step the record of the last run that finished it, however that run ended."""
    found: dict[str, StepRecord] = {}
    for record in _runs(store, plan):
        for name, step in record.steps.items():
            if step.is_done:
                found.setdefault(name, step)
        if record.status == "done":
            break
    return found


def _runs(store: Store, plan: str) -> Iterator[RunRecord]:
    """Runs of that plan, latest first."""
    try:
        names = sorted(os.listdir(store.runs), reverse=True)
    except OSError:
        return
    for name in names:
        record = _parse(name, store.runs / name / _EVENTS, plan)
        if record is not None:
            yield record


def _parse(name: str, path: Path, plan: str) -> RunRecord | None:
    """The record in that file; None where it is another plan's, or unreadable."""
    started, status, ended = 0.0, "unfinished", None
    steps: dict[str, StepRecord] = {}
    try:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                event = json.loads(line)
                kind = event.pop("event")
                if kind == "started":
                    if event["plan"] != plan:
                        return None
                    started = event["time"]
                elif kind == "step":
                    record = StepRecord(**event)
                    steps[record.step] = record
                elif kind == "ended":
                    status, ended = event["status"], event["time"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # The last line of a killed run may be cut; what stands before it still holds.
        if not started:
            return None
    return RunRecord(name, plan, started, ended, status, steps)
