"""One build: steps are looked up as soon as their inputs are known, and run as soon as there is room.

A key is made of the digests of what the earlier steps really gave, so a step that gives the same bytes again
stops the wave, and results of two generations cannot mix. Whatever is made stays known under its key, so an
artifact that turns out to be lost is made anew while nothing else runs twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from p2m.engine.handles import Network
from p2m.engine.journal import Invocation, Journal, StepRecord, last_steps
from p2m.engine.keys import Key, identify_all
from p2m.engine.observer import Observer
from p2m.engine.plan import Plan, Step
from p2m.engine.running.agenda import Agenda, Ready
from p2m.engine.running.inline import Ended, Executor, Means, guarded
from p2m.engine.slots import Grant, Resources
from p2m.engine.sources import digests_of, read_sources
from p2m.engine.stage import VOLATILE
from p2m.engine.store import Action, Store
from p2m.engine.walk import Walk
from p2m.errors import StageError, StoreError, UserError

if TYPE_CHECKING:  # what it takes to carry a step out is loaded with the first that must run
    from p2m.engine.handles import Device
    from p2m.engine.running.task import Call, Done
    from p2m.engine.running.work import Input, LostInputError

DEATHS = 3  # times that one step may be lost with what carried it out
REPAIRS = 3  # times that one step is made anew in one build before the disk itself is suspected


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step."""

    step: str
    status: str  # reused; ran; cut-off: ran, but made what it made last time, so what follows is reused
    seconds: float  # 0 where it was reused
    key: str
    output: str  # digest of the artifact
    shared: bool = False  # it was reused, and came from the shared store


@dataclass(frozen=True, slots=True)
class Stopped:
    """A step that an interrupt met while it ran."""

    step: str
    seconds: float
    kept: bool  # whether it left something in its scratch folder, a checkpoint perhaps


class Interrupted(KeyboardInterrupt):
    """The build was interrupted; what it had finished is kept."""

    def __init__(self, finished: tuple[str, ...] = (), running: tuple[Stopped, ...] = ()) -> None:
        super().__init__()
        self.finished, self.running = finished, running


@dataclass(frozen=True, slots=True)
class _Running:
    """A started step, and which outcomes it took in."""

    step: Step
    key: Key
    taken: Mapping[str, Outcome]
    since: float
    is_remote: bool


class Build:
    """One execution: what is known so far."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        device: Device | None,
        observer: Observer,
        means: Means,
        *,
        network: Network | None,
        invocation: Invocation | None = None,
    ) -> None:
        self.invocation = invocation
        self.plan, self.store, self.device, self.observer = plan, store, device, observer
        self.means, self.network = means, network
        # Code is read once, before anything runs, so that an edit during a long build cannot mix with it.
        self.identities = identify_all(plan.steps, store)
        self.sources = read_sources(plan.steps, store.stats)
        self.previous = last_steps(store, plan.name)
        self.made: dict[str, Outcome] = {}  # whatever was finished, current or not
        self.walk: Walk[Outcome | Action] = Walk(
            self.identities, digests_of(self.sources), store.lookup, self.made
        )
        self.digests = self.walk.digests  # of steps whose inputs are all current
        self.listings: dict[str, str] = {}  # of sources: the digests of their listings
        self.agenda, self.ready = Agenda(plan), Ready(plan, self._seconds)
        self.running: dict[str, _Running] = {}
        self.repairs: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()
        self.handed: set[str] = set()  # digests that the shared store has got from here
        self.failure: BaseException | None = None

    def run(self) -> tuple[Outcome, ...]:
        """Build every step, and return what became of each; sources are no steps."""
        self.journal = Journal(
            self.store, self.plan.name, self.invocation, order=[step.name for step in self.plan.steps]
        )
        status = "failed"
        try:
            with self.store.leased(self.journal.id), guarded(self.network):
                self._record_sources()
                self._build()
            status = "done"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            self._end(status)
        return tuple(self.made[step.name] for step in self.plan.steps if not step.is_source)

    # ------------------------------------------------------------------ the loop

    def _build(self) -> None:
        places = {step.name: step.path for step in self.plan.steps if step.path is not None}
        code = frozenset(
            name.partition(".")[0].partition("/")[0]
            for identity in self.identities.values()
            for part in identity.code
            for name in part.modules
        )
        executor = self.means.open(self.store, self.journal.id, places, network=self.network, code=code)
        try:
            while True:
                self._look_up()
                self._start(executor)
                if not self.running and (self.failure is not None or not self.ready):
                    break
                for ended in executor.events(None, _Telling(self.journal, self.observer)):
                    executor.slots.give_back(ended.step)
                    self._ended(ended)
        except KeyboardInterrupt:
            executor.stop()
            raise self._interrupted() from None
        finally:
            executor.stop()
        if self.failure is not None:
            raise self.failure

    def _look_up(self) -> None:
        """Look up every step whose inputs are known; what is not there becomes ready to run."""
        if self.failure is not None:
            return
        while (step := self.agenda.next()) is not None:
            name = step.name
            if name in self.digests or name in self.ready or name in self.running:
                continue
            state = self.walk.at(step)
            if state.key is None:
                continue
            if state.made is None:
                self.ready.add(step, state.key)
                continue
            if isinstance(state.made, Action):
                self._reuse(step, state.made)
            self.agenda.add(follower.name for follower in self.plan.consumers(name))

    def _reuse(self, step: Step, action: Action) -> None:
        if not action.shared:
            self.store.offer(action.key, made=False)
        if step.is_recorded:  # what it cost counts in every build that it is part of
            from p2m.engine.running import tallies

            tallies.count_again(self.store, self.journal.id, action.key)
        self._finish(step, Outcome(step.name, "reused", 0.0, action.key, action.output, action.shared))

    def _start(self, executor: Executor) -> None:
        """Start whatever there is room for, the longest chain of work first."""
        if self.failure is not None:
            return

        def take(name: str, wanted: Resources) -> Grant | None:
            return executor.slots.take(name, wanted, self.plan.step(name).needs)

        for name, key, grant in self.ready.start(take):
            step = self.plan.step(name)
            assert step.stage is not None
            taken = {need: self.made[need] for need in step.needs if need in self.made}
            self.running[name] = _Running(step, key, taken, time.monotonic(), bool(grant.node))
            self.journal.began(name, key.value)
            if grant.node:
                self._hand_over(step)
            executor.start(self._call(step, key, grant), step.stage)

    def _call(self, step: Step, key: Key, grant: Grant) -> Call:
        from p2m.engine.handles import Device
        from p2m.engine.running.network import access_of
        from p2m.engine.running.task import Call

        assert step.stage is not None
        identity = self.identities[step.name]
        device = self.device or Device()
        if not device.threads and not grant.whole:
            device = replace(device, threads=grant.cpus)
        return Call(
            step=step.name,
            key=key.value,
            preimage=key.preimage,
            kind=step.kind,
            stage=(step.stage.function.__module__, step.stage.name),
            settings=dict(step.settings),
            inputs=tuple(None if edge.step is None else self._input(edge.step) for edge in step.inputs),
            code=tuple((part.module, part.modules) for part in identity.code),
            device=device,
            grant=grant,
            build=self.journal.id,
            is_remote=bool(grant.node),
            access=access_of(self.network, step),
        )

    def _input(self, name: str) -> Input:
        from p2m.engine.running.work import Input

        step = self.plan.step(name)
        if step.path is None:
            return Input(name, step.output, self.digests[name])
        file = "" if self.sources[name].is_folder else step.path.name
        return Input(name, step.output, self.listings[name], file)

    def _hand_over(self, step: Step) -> None:
        """Have what a step takes in the shared store before a worker elsewhere is told of it."""
        from p2m.engine.running.work import keep_source

        for need in step.needs:
            path = self.plan.step(need).path
            digest = self.digests[need] if path is None else self.listings[need]
            if digest in self.handed:
                continue
            if path is not None and keep_source(path, self.store) != digest:
                raise UserError(
                    f"{path} was edited after the build had begun, so {step.name} was not run\n"
                    "    run the same command again"
                )
            self.store.send(digest)
            self.handed.add(digest)

    def _take_back(self, run: _Running, done: Done) -> None:
        """Have here what a worker elsewhere made."""
        if not self.store.bring(done.output):
            raise StoreError(f"the shared store does not give what {run.step.name} made elsewhere")
        self.handed.add(done.output)
        if run.step.kind != VOLATILE:
            self.store.publish(run.key.value, run.key.preimage, done.output, done.seconds)

    # ------------------------------------------------------------------ what comes back

    def _ended(self, ended: Ended) -> None:
        from p2m.engine.running.work import LostInputError

        run = self.running.pop(ended.step)
        self.agenda.add([ended.step])
        if ended.lost and ended.error is not None:
            self._died(run, ended.error)
        elif isinstance(ended.error, LostInputError):
            try:
                self._lost(run, ended.error)
            except StoreError as error:
                self._failed(run, error)
        elif ended.error is not None:
            self._failed(run, ended.error)
        elif ended.done is not None:
            self._done(run, ended.done)

    def _done(self, run: _Running, done: Done) -> None:
        if run.is_remote:
            try:
                self._take_back(run, done)
            except StoreError as error:
                self._failed(run, error)
                return
        self.store.offer(run.key.value, made=done.ran)
        status = self._ran(run.step, done.output) if done.ran else "reused"
        self._finish(run.step, Outcome(run.step.name, status, done.seconds, run.key.value, done.output))

    def _died(self, run: _Running, error: BaseException) -> None:
        """Let a step run again whose worker or machine is gone, unless that happens to it again and again."""
        name = run.step.name
        self.deaths[name] += 1
        if self.deaths[name] >= DEATHS:
            lost = StageError(
                f"{error}\n    {name} was lost {DEATHS} times like this, so it is not run again"
            )
            self._failed(run, lost)
        else:
            self.observer.said(name, f"{str(error).splitlines()[0]}; it runs again")

    def _lost(self, run: _Running, error: LostInputError) -> None:
        """Have an artifact made anew that could not be read back, and everything after it looked at again."""
        name = error.step
        if self.made.get(name) is not run.taken[name]:
            return  # another step noticed it first
        self.repairs[name] += 1
        if self.repairs[name] > REPAIRS:
            raise StoreError(f"{self.store.root} keeps losing what {name} makes; check the disk") from error
        self.handed.discard(self.made[name].output)
        self.store.forget(self.made.pop(name).key, str(error))
        for follower in descendants(self.plan, name):
            self.digests.pop(follower, None)
            self.ready.discard(follower)
            self.agenda.add([follower])

    def _finish(self, step: Step, outcome: Outcome) -> Outcome:
        self.made[step.name] = outcome
        seconds = round(outcome.seconds, 3)
        self.journal.step(
            StepRecord(step.name, outcome.status, outcome.key, outcome.output, seconds, step.origins)
        )
        self.observer.step_finished(step.name, outcome.status, outcome.seconds)
        return outcome

    def _failed(self, run: _Running, error: BaseException) -> None:
        """Remember the first failure; steps that run on are let finish, and nothing new starts."""
        interrupted = isinstance(error, KeyboardInterrupt)
        error.add_note(f"in step {run.step.name}")
        with suppress(StoreError):  # the first error says more
            status = "interrupted" if interrupted else "failed"
            self.journal.step(StepRecord(run.step.name, status, run.key.value, origins=run.step.origins))
        self.observer.step_failed(run.step.name, error)
        if self.failure is None:
            self.failure = error
        if interrupted:
            raise error

    def _interrupted(self) -> Interrupted:
        now, stopped = time.monotonic(), []
        for name, run in self.running.items():
            with suppress(StoreError):
                self.journal.step(StepRecord(name, "interrupted", run.key.value, origins=run.step.origins))
            self.observer.step_failed(name, KeyboardInterrupt())
            scratch = self.store.root / "steps" / run.key.value
            kept = scratch.is_dir() and any(scratch.iterdir())
            stopped.append(Stopped(name, now - run.since, kept))
        finished = tuple(name for name, outcome in self.made.items() if outcome.status != "reused")
        return Interrupted(finished, tuple(stopped))

    def _ran(self, step: Step, output: str) -> str:
        """Whether it just ran, or ran and stopped the wave."""
        before = self.previous.get(step.name)
        same = before is not None and before.output == output
        return "cut-off" if same and self.plan.consumers(step.name) else "ran"

    def _record_sources(self) -> None:
        for name, state in self.sources.items():
            listing = self.listings[name] = self.store.put_bytes(state.listing)
            origins = self.plan.step(name).origins
            self.journal.step(StepRecord(name, "source", "", state.digest, 0.0, origins, listing))

    def _end(self, status: str) -> None:
        try:
            self.journal.ended(status)
        except StoreError:
            if status == "done":  # otherwise the first error says more
                raise

    def _seconds(self, name: str) -> float:
        """What the step took when it last ran, 0 where it never did."""
        last = self.previous.get(name)
        if last is None or not last.key:
            return 0.0
        action = self.store.entry(last.key)
        return action.seconds if action is not None else last.seconds


def descendants(plan: Plan, name: str) -> set[str]:
    """The step itself and all that hangs on it."""
    found = {name}
    for step in plan.steps:
        if found & set(step.needs):
            found.add(step.name)
    return found


@dataclass(frozen=True, slots=True)
class _Telling:
    """What running steps say goes to the journal and to whoever watches."""

    journal: Journal
    observer: Observer

    def started(self, step: str) -> None:
        self.observer.step_started(step)

    def waiting(self, step: str, holder: str) -> None:
        self.observer.waiting(step, holder)

    def progress(self, step: str, done: int, total: int, note: str) -> None:
        self.observer.progress(step, done, total, note)

    def said(self, step: str, line: str) -> None:
        self.journal.said(step, line)
        self.observer.said(step, line)

    def printed(self, step: str, line: str) -> None:
        self.journal.said(step, line)
