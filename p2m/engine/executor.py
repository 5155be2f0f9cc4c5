"""Execute a plan: look every step up by its key, run what is not there, one after the other, in this process.

A key is made of the digests of what the earlier steps really gave, so a step that gives the same bytes again
stops the wave, and results of two generations cannot mix. A result is kept only if nothing that its key
stands for (files of the user's, code) was edited while the step ran.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from p2m.engine.journal import Invocation, Journal, StepRecord, last_steps
from p2m.engine.keys import Identity, Key, edited_code, identify_all, make_key
from p2m.engine.observer import Observer, Silent
from p2m.engine.plan import Plan, Step
from p2m.engine.sources import is_unchanged, read_source
from p2m.engine.store import Action, DamagedError, Store
from p2m.engine.work import Input, LostInputError, RunHandle, load_artifact, perform
from p2m.errors import StageError, StoreError, UserError
from p2m.types import Runtime

__all__ = ["Observer", "Outcome", "Result", "Silent", "execute", "step_key", "stored"]

_REPAIRS = 3  # times that one step is made anew in one build before the disk itself is suspected


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step."""

    step: str
    status: str  # reused; ran; cut-off: ran, but made what it made last time, so what follows is reused
    seconds: float  # 0 where it was reused
    key: str
    output: str  # digest of the artifact


@dataclass(frozen=True)
class Result:
    """A finished build."""

    run: str  # the run's id
    plan: Plan = field(repr=False)
    store: Store = field(repr=False)
    runtime: Runtime = field(repr=False)
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def counts(self) -> Mapping[str, int]:
        """Steps by status; sources are no steps."""
        return Counter(outcome.status for outcome in self.outcomes)

    def outcome(self, name: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.step == self.plan.step(name).name)

    def value(self, name: str) -> Any:
        """The artifact of a step, its paths pointing into a verified copy; made anew if the store lost it."""
        step = self.plan.step(name)
        result = self
        for _ in range(_REPAIRS):
            try:
                return load_artifact(step, result.outcome(name).output, self.store)
            except DamagedError:
                result = execute(self.plan, self.store, self.runtime)
        raise StoreError(f"{self.store.root} keeps losing what {name} makes; check the disk")


def execute(
    plan: Plan,
    store: Store,
    runtime: Runtime,
    observer: Observer | None = None,
    *,
    invocation: Invocation | None = None,
) -> Result:
    """Build every step of the plan; `invocation` is what the journal will say of who asked for it.

    Raises:
        UserError: a source is missing, or was edited while a step read it.
        P2MError: whatever a stage raises; what was finished before is kept.
    """
    build = _Build(plan, store, runtime, observer or Silent(), invocation)
    return build.run()


def stored(plan: Plan, store: Store, name: str) -> Any | None:
    """The artifact of a step if the store holds it for the plan as it is now, else None; nothing runs."""
    digests: dict[str, str] = {}
    wanted = plan.step(name)
    needed = [step for step in plan.steps if step.name in _ancestors(plan, wanted)]
    identities = identify_all(needed, store)
    for step in needed:
        if step.is_source:
            digests[step.name] = read_source(step).digest
            continue
        action = store.lookup(step_key(step, identities[step.name], digests).value)
        if action is None:
            return None
        digests[step.name] = action.output
    if wanted.is_source:
        return wanted.output(wanted.path)
    return load_artifact(wanted, digests[name], store)


def step_key(step: Step, identity: Identity, digests: Mapping[str, str]) -> Key:
    """The key of a step whose needs have these digests."""
    return make_key(
        identity, {edge.parameter: digests[edge.step] if edge.step else None for edge in step.inputs}
    )


def _ancestors(plan: Plan, step: Step) -> set[str]:
    found = {step.name}
    for earlier in reversed(plan.steps):
        if earlier.name in found:
            found |= set(earlier.needs)
    return found


class _Build:
    """One execution: what is known so far."""

    def __init__(
        self, plan: Plan, store: Store, runtime: Runtime, observer: Observer, invocation: Invocation | None
    ) -> None:
        self.invocation = invocation
        self.plan, self.store, self.runtime, self.observer = plan, store, runtime, observer
        # Code is read once, before anything runs, so that an edit during a long build cannot mix with it.
        self.identities = identify_all(plan.steps, store)
        self.sources = {step.name: read_source(step) for step in plan.steps if step.is_source}
        self.previous = last_steps(store, plan.name)
        self.digests: dict[str, str] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.repairs: Counter[str] = Counter()

    def run(self) -> Result:
        began = time.monotonic()
        self.journal = Journal(self.store, self.plan.name, self.invocation)
        status = "failed"
        try:
            self._record_sources()
            while not self._pass():
                pass
            status = "done"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self._end(status)
        outcomes = tuple(self.outcomes[step.name] for step in self.plan.steps if not step.is_source)
        seconds = time.monotonic() - began
        return Result(self.journal.id, self.plan, self.store, self.runtime, outcomes, seconds)

    def _end(self, status: str) -> None:
        try:
            self.journal.ended(status)
        except StoreError:
            if status == "done":  # otherwise the first error says more
                raise

    def _record_sources(self) -> None:
        for name, state in self.sources.items():
            self.digests[name] = state.digest
            listing = self.store.put_bytes(state.listing)
            origins = self.plan.step(name).origins
            self.journal.step(StepRecord(name, "source", "", state.digest, 0.0, origins, listing))

    def _pass(self) -> bool:
        """Go through the plan once; False where a stored artifact was lost and its step must run again."""
        for step in self.plan.steps:
            if step.is_source:
                continue
            try:
                self._step(step)
            except LostInputError as error:
                self._lost(error)
                return False
        return True

    def _lost(self, error: LostInputError) -> None:
        self.repairs[error.step] += 1
        if self.repairs[error.step] > _REPAIRS:
            raise StoreError(
                f"{self.store.root} keeps losing what {error.step} makes; check the disk"
            ) from error
        key = self.outcomes.pop(error.step).key
        self.store.forget(key, str(error))

    def _step(self, step: Step) -> None:
        key = step_key(step, self.identities[step.name], self.digests)
        known = self.outcomes.get(step.name)
        if known is not None and known.key == key.value:
            return  # done in an earlier pass
        if step.kind != "volatile":
            action = self.store.lookup(key.value)
            if action is not None:
                self._finish(step, Outcome(step.name, "reused", 0.0, key.value, action.output))
                return
        try:
            with self.store.lock(
                key.value, step.name, lambda who: self.observer.waiting(step.name, str(who))
            ):
                outcome = self._make(step, key)
        except LostInputError:
            raise
        except BaseException as error:
            self._failed(step, key, error)
            raise
        self._finish(step, outcome)

    def _make(self, step: Step, key: Key) -> Outcome:
        """Run a step whose lock is held, unless another process has done so in the meantime."""
        if step.kind != "volatile":
            action = self.store.lookup(key.value)
            if action is not None:
                return Outcome(step.name, "reused", 0.0, key.value, action.output)
            if self.store.entry(key.value) is not None:
                self.store.forget(key.value, "its output is missing or damaged")
        self.observer.step_started(step.name)
        began = time.monotonic()
        output = perform(step, self._inputs(step), self._handle(step, key), self.store)
        self._check_unchanged(step)
        seconds = time.monotonic() - began
        action = Action(key.value, output, key.preimage, seconds)
        if step.kind != "volatile":
            action = self.store.publish(key.value, key.preimage, output, seconds)
        self.store.clear_scratch(key.value)
        return Outcome(step.name, self._ran(step, action.output), seconds, key.value, action.output)

    def _ran(self, step: Step, output: str) -> str:
        """Whether it just ran, or ran and stopped the wave."""
        before = self.previous.get(step.name)
        same = before is not None and before.output == output
        return "cut-off" if same and self.plan.consumers(step.name) else "ran"

    def _inputs(self, step: Step) -> list[Input | None]:
        return [
            None if edge.step is None else Input(self.plan.step(edge.step), self.digests[edge.step])
            for edge in step.inputs
        ]

    def _handle(self, step: Step, key: Key) -> RunHandle:
        def said(line: str) -> None:
            self.journal.said(step.name, line)
            self.observer.said(step.name, line)

        def progress(done: int, total: int, note: str) -> None:
            self.observer.progress(step.name, done, total, note)

        return RunHandle(self.store.scratch(key.value), self.runtime, progress, said)

    def _check_unchanged(self, step: Step) -> None:
        for name in step.needs:
            source = self.plan.step(name)
            if source.is_source and not is_unchanged(source, self.sources[name]):
                raise UserError(
                    f"{source.path} was edited while {step.name} was reading it, so the result was not kept\n"
                    "    run the same command again"
                )
        edited = edited_code(self.identities[step.name])
        if edited:
            raise StageError(
                f"{', '.join(edited)} was edited while {step.name} was running, so the result was not kept\n"
                "    run the same command again"
            )

    def _finish(self, step: Step, outcome: Outcome) -> None:
        self.outcomes[step.name] = outcome
        self.digests[step.name] = outcome.output
        self.journal.step(
            StepRecord(
                step.name,
                outcome.status,
                outcome.key,
                outcome.output,
                round(outcome.seconds, 3),
                step.origins,
            )
        )
        self.observer.step_finished(step.name, outcome.status, outcome.seconds)

    def _failed(self, step: Step, key: Key, error: BaseException) -> None:
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        error.add_note(f"in step {step.name}")
        with suppress(StoreError):  # the first error says more
            self.journal.step(StepRecord(step.name, status, key.value, origins=step.origins))
        self.observer.step_failed(step.name, error)
