"""Several plans as one: which of their steps are the same, which are cached, and what the rest will take.

Where a step's key is known, it says which steps of other plans are the same one. Where an input is still to
be made, a symbolic key stands for it: the digest of the key's preimage with the symbolic key of what makes
the input in the input's place. Plans that share an unbuilt beginning share it in the count too, and no
execution of them all runs more than `unique - cached` steps; where outputs coincide, it runs fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from p2m.engine.hashing import digest_tree_of_plain
from p2m.engine.journal import StepRecord, last_steps
from p2m.engine.keys import Identity, identify_all
from p2m.engine.plan import Plan, Step
from p2m.engine.sources import SourceState, read_source
from p2m.engine.store import Action, Store
from p2m.engine.walk import Walk

_SYMBOL = "p2m.symbol.v1"

Status = Literal["cached", "run", "unknown"]


@dataclass(frozen=True, slots=True)
class Member:
    """One step of one of the plans."""

    step: str
    status: Status
    key: str  # the step's key, or a symbolic one
    is_symbolic: bool  # an input is still to be made
    seconds: float | None  # by the last run of a step of that name; None where there was none
    first: int  # the plan that holds the same step first; its own number where none before it does

    @property
    def needs_work(self) -> bool:
        return self.status != "cached"


@dataclass(frozen=True, slots=True)
class PlanUnion:
    """What the plans would do together. Sources are no steps."""

    plans: tuple[tuple[Member, ...], ...]
    identities: tuple[str, ...]  # a plan: the digest of all it depends on, whatever is built, on any machine

    @property
    def steps(self) -> int:
        return sum(len(members) for members in self.plans)

    @property
    def unique(self) -> int:
        return len({member.key for members in self.plans for member in members})

    @property
    def cached(self) -> int:
        """Of the unique ones."""
        return len({member.key for members in self.plans for member in members if not member.needs_work})

    @property
    def seconds(self) -> float | None:
        """What the unique work took when it last ran, as far as that is known; None where nothing is."""
        known = [each for index in range(len(self.plans)) if (each := self.own_seconds(index)) is not None]
        return sum(known) if known else None

    def own(self, index: int) -> tuple[Member, ...]:
        """The steps of a plan that no plan before it holds, each once."""
        found = {member.key: member for member in reversed(self.plans[index]) if member.first == index}
        return tuple(reversed(found.values()))

    def own_seconds(self, index: int) -> float | None:
        """As `seconds`, of the work that no plan before this one does; 0.0 where there is no such work."""
        work = [member.seconds for member in self.own(index) if member.needs_work]
        known = [seconds for seconds in work if seconds is not None]
        return sum(known) if known or not work else None


def unite(plans: Sequence[Plan], store: Store) -> PlanUnion:
    """The union of the plans, in their order; nothing runs.

    Raises:
        UserError: a source is missing.
        StageError: code was edited after this process had loaded it.
    """
    union = _Union(store)
    found = [union.plan(plan, number) for number, plan in enumerate(plans)]
    return PlanUnion(tuple(members for members, _ in found), tuple(identity for _, identity in found))


class _Union:
    """What several plans have in common: sources read once, histories, and who held a key first."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sources: dict[tuple[str, Path | None], SourceState] = {}
        self.histories: dict[str, Mapping[str, StepRecord]] = {}
        self.first: dict[str, int] = {}

    def plan(self, plan: Plan, number: int) -> tuple[tuple[Member, ...], str]:
        if plan.name not in self.histories:
            self.histories[plan.name] = last_steps(self.store, plan.name)
        identities = identify_all(plan.steps, self.store)
        sources = {step.name: self._source(step) for step in plan.steps if step.is_source}
        walk = Walk(identities, sources, self.store.glance)
        symbols: dict[str, str] = {}  # of what is not cached
        roots = dict(sources)  # every step as if nothing were built
        members = []
        for step in plan.steps:
            if not step.is_source:
                identity = identities[step.name]
                anywhere = replace(identity, preimage={**identity.preimage, "machine": {}})
                roots[step.name] = _symbol(step, anywhere, {}, roots)
                members.append(self._member(step, walk, symbols, plan.name, number))
        whole = digest_tree_of_plain({"steps": sorted(roots.values())}, tag=_SYMBOL)
        return tuple(members), whole

    def _source(self, step: Step) -> str:
        place = (step.name, step.path)
        if place not in self.sources:
            self.sources[place] = read_source(step, self.store.stats)
        return self.sources[place].digest

    def _member(
        self, step: Step, walk: Walk[Action], symbols: dict[str, str], plan: str, number: int
    ) -> Member:
        identity = walk.identities[step.name]
        last = self.histories[plan].get(step.name)
        status: Status = "run"
        state = walk.at(step)
        action, is_symbolic = state.made, state.key is None
        if state.key is None:
            key = _symbol(step, identity, walk.digests, symbols)
            status = "unknown" if self._is_as_before(identity, last) else "run"
        else:
            key = state.key.value
        if step.kind == "volatile":  # never shared: it runs whenever it is met
            key = digest_tree_of_plain({"key": key, "plan": number, "step": step.name}, tag=_SYMBOL)
        if action is None:
            symbols[step.name] = key
        else:
            status = "cached"
        seconds = action.seconds if action is not None else self._seconds(last)
        first = self.first.setdefault(key, number)
        return Member(step.name, status, key, is_symbolic, seconds, first)

    def _is_as_before(self, identity: Identity, last: StepRecord | None) -> bool:
        """Whether all but its inputs is as in the last run, so that it runs only if an input changes."""
        action = self.store.entry(last.key) if last is not None and last.key else None
        if action is None:
            return False
        return {name: part for name, part in action.preimage.items() if name != "inputs"} == identity.preimage

    def _seconds(self, last: StepRecord | None) -> float | None:
        if last is None:
            return None
        action = self.store.entry(last.key) if last.key else None
        return action.seconds if action is not None else last.seconds


def _symbol(step: Step, identity: Identity, known: Mapping[str, str], symbols: Mapping[str, str]) -> str:
    """The digest of the preimage with symbols for what is not made yet."""
    inputs: dict[str, object] = {}
    for edge in step.inputs:
        if edge.step is None:
            inputs[edge.parameter] = None
        elif edge.step in symbols:
            inputs[edge.parameter] = {"symbol": symbols[edge.step]}
        else:
            inputs[edge.parameter] = known[edge.step]
    return digest_tree_of_plain({**identity.preimage, "inputs": inputs}, tag=_SYMBOL)
