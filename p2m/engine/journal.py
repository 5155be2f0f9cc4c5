"""One record per run: what was built, under which keys, how long it took, how it ended.

runs/<id>/run.jsonl    one event a line, flushed as it happens, so a killed run tells how far it came
runs/<id>/log.txt      what the stages said
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.engine.files import disk
from p2m.engine.store import Store
from p2m.errors import UserError, nearest

_EVENTS = "run.jsonl"
_LOG = "log.txt"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was typed to start a run, as far as the engine's caller tells; for people, never for keys."""

    recipe: str = ""
    overrides: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What a run did with a step; of a source, `output` is its digest and `listing` the blob listing it."""

    step: str
    status: str  # reused, ran, cut-off, source, failed, interrupted; running: it has begun, no more is known
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
    invocation: Invocation = Invocation()
    pid: int = 0  # of the process that ran it
    born: str = ""  # when that process started, on the clock of its system; "" where that is not known

    @property
    def seconds(self) -> float | None:
        """How long it took; None where it has no end."""
        return None if self.ended is None else self.ended - self.started


class Journal:
    """Writes the record of one run."""

    def __init__(
        self,
        store: Store,
        plan: str,
        invocation: Invocation | None = None,
        *,
        order: Sequence[str] = (),  # of the plan's steps, in which the record gives them back
    ) -> None:
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        self.id = f"{stamp}-{int(now % 1 * 1e6):06d}-{os.urandom(3).hex()}"
        self._folder = store.runs / self.id
        self._root = store.root
        with disk.explained(self._root, "writing the journal"):
            self._folder.mkdir(parents=True)
        typed = invocation or Invocation()
        told = {
            "recipe": typed.recipe,
            "overrides": list(typed.overrides),
            "argv": list(typed.argv),
            "order": list(order),
        }
        pid = os.getpid()
        event = {"event": "started", "plan": plan, "time": now, "pid": pid, "born": _born(pid)}
        self._write(event | {name: value for name, value in told.items() if value})

    def began(self, step: str, key: str) -> None:
        """A step is about to run; its scratch folder, named by the key, may hold something from now on."""
        self._write({"event": "began", "step": step, "key": key})

    def step(self, record: StepRecord) -> None:
        filled = {name: getattr(record, name) for name in StepRecord.__slots__ if getattr(record, name)}
        self._write({"event": "step", **filled, "origins": dict(record.origins)})

    def said(self, step: str, line: str) -> None:
        self._append(_LOG, f"{step}: {line}\n")

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


def last_steps(store: Store, plan: str) -> dict[str, StepRecord]:
    """For each step the record of the last run that finished it, however that run ended."""
    return finished_steps(runs(store, plan))


def finished_steps(records: Iterable[RunRecord]) -> dict[str, StepRecord]:
    """Of runs, latest first, each step as the first of them finished it, up to one that went to its end."""
    found: dict[str, StepRecord] = {}
    for record in records:
        for name, step in record.steps.items():
            if step.is_done:
                found.setdefault(name, step)
        if record.status == "done":
            break
    return found


def find_run(store: Store, name: str, plan: str | None = None) -> RunRecord:
    """The run that `name` means: its id, a part of that which no other has, `last`, or `last~2`.

    Raises:
        UserError: there is none, or there are several.
    """
    what = f"runs of {plan}" if plan else "runs"
    back = _back(name)
    if back is not None:
        for number, earlier in enumerate(runs(store, plan)):
            if number == back:
                return earlier
        raise UserError(f"{store.root} holds no {what} as far back as {name}\n    next: p2m log")
    found = [run for run in _ids(store) if name in run]
    if name in found:
        found = [name]
    if len(found) > 1:
        raise UserError(f"{name} is part of {len(found)} runs: {', '.join(found[:3])}\n    next: p2m log")
    record = _parse(found[0], store.runs / found[0] / _EVENTS, None) if found else None
    if record is None:
        hint = nearest(name, _ids(store)[:50])
        hint = hint if hint.startswith("did you") else "`p2m log` lists them"
        raise UserError(f"{store.root} holds no run {name!r}; {hint}")
    if plan and record.plan != plan:
        raise UserError(f"{record.id} is a run of {record.plan}, not of {plan}\n    next: p2m log")
    return record


def state(store: Store, record: RunRecord) -> str:
    """The run's status, and of one without an end whether it is "running" or was "killed"."""
    if record.ended is not None:
        return record.status
    if not record.pid:
        return "killed"
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return "killed"
    except PermissionError:
        pass  # somebody else's process, so it is there
    return "running" if _born(record.pid) == record.born else "killed"


def said(store: Store, run: str) -> tuple[str, ...]:
    """What the stages said during a run, a line each."""
    try:
        text = (store.runs / run / _LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines())


def _back(name: str) -> int | None:
    """How many runs before the last one `last~N` means; None where the name is no such word."""
    head, _, number = name.partition("~")
    if head != "last" or (number and not number.isdecimal()) or name.endswith("~"):
        return None
    return int(number or 0)


def _born(pid: int) -> str:
    """When a process started, in ticks since this system's own start; "" where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{text.rpartition(')')[2].split()[19]} {boot}"
    except (OSError, IndexError):
        return ""


def _ids(store: Store) -> list[str]:
    """The ids of all runs, latest first."""
    try:
        return sorted(os.listdir(store.runs), reverse=True)
    except OSError:
        return []


def runs(store: Store, plan: str | None = None, without: Collection[str] = ()) -> Iterator[RunRecord]:
    """Runs but those with the ids `without`, latest first; with `plan`, those of the plan of that name."""
    for name in _ids(store):
        record = None if name in without else _parse(name, store.runs / name / _EVENTS, plan)
        if record is not None:
            yield record


def _parse(name: str, path: Path, plan: str | None) -> RunRecord | None:
    """The record in that file; None where it is another plan's, or unreadable."""
    begun: dict[str, Any] = {}
    status, ended = "unfinished", None
    steps: dict[str, StepRecord] = {}
    try:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                event = json.loads(line)
                kind = event.pop("event")
                if kind == "started":
                    if plan is not None and event["plan"] != plan:
                        return None
                    begun = event if isinstance(event["time"], (int, float)) else {}
                elif kind == "step":
                    record = StepRecord(**event)
                    steps[record.step] = record
                elif kind == "began":
                    steps[event["step"]] = StepRecord(event["step"], "running", event["key"])
                elif kind == "ended":
                    status, ended = event["status"], event["time"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # The last line of a killed run may be cut; what stands before it still holds.
        pass
    if not begun:
        return None
    typed = Invocation(
        str(begun.get("recipe", "")), tuple(begun.get("overrides", ())), tuple(begun.get("argv", ()))
    )
    place = {step: number for number, step in enumerate(begun.get("order", ()))}
    steps = dict(sorted(steps.items(), key=lambda item: place.get(item[0], len(place))))
    pid, born = int(begun.get("pid", 0)), str(begun.get("born", ""))
    return RunRecord(name, begun["plan"], begun["time"], ended, status, steps, typed, pid, born)
