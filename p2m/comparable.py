"""What can be compared: a recipe as it is, a run, or a lock, as steps with what their keys are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from p2m.engine.explaining.survey import Survey
from p2m.engine.hashing import TreeEntry, parse_tree
from p2m.engine.journal import RunRecord
from p2m.engine.store import DamagedError, Store
from p2m.lock import Lock


@dataclass(frozen=True)
class SideStep:
    """A step of one side. Its preimage lacks the inputs that are not made yet, and is None where unknown."""

    key: str  # "" where an input is not made yet
    output: str  # "" where it is not made
    preimage: Mapping[str, Any] | None
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SideSource:
    """A file or folder of the user's; `entries` is None where its listing is not kept."""

    digest: str
    entries: tuple[TreeEntry, ...] | None
    place: str = ""


@dataclass(frozen=True)
class Side:
    """One of two things that are compared."""

    label: str
    steps: Mapping[str, SideStep]  # in the order of the plan
    sources: Mapping[str, SideSource]
    figures: Mapping[str, float] = field(default_factory=dict)  # those that it holds itself
    is_partial: bool = False  # of a run that did not reach its end: what it lacks, it may have


def of_survey(label: str, found: Survey) -> Side:
    """A recipe as it is now."""
    steps = {}
    for step in found.plan.steps:
        if step.is_source:
            continue
        told = found.found[step.name]
        known = {
            edge.parameter: found.digests[edge.step] if edge.step else None
            for edge in step.inputs
            if edge.step is None or edge.step in found.digests
        }
        preimage = {**found.identities[step.name].preimage, "inputs": known}
        steps[step.name] = SideStep(told.key, told.output, preimage, step.origins)
    sources = {
        name: SideSource(state.digest, state.entries, found.plan.step(name).origins.get("path", ""))
        for name, state in found.sources.items()
    }
    return Side(label, steps, sources)


def of_run(record: RunRecord, store: Store) -> Side:
    """What a run did, as far as it came."""
    steps, sources = {}, {}
    for name, done in record.steps.items():
        if done.status == "source":
            sources[name] = SideSource(
                done.output, _listing(store, done.listing), done.origins.get("path", "")
            )
        elif done.key:
            steps[name] = SideStep(done.key, done.output, _preimage(store, done.key), done.origins)
    return Side(f"run {record.id}", steps, sources, is_partial=record.status != "done")


def of_lock(label: str, lock: Lock, store: Store) -> Side:
    """What a lock pins; what its keys were made of is known where the store holds their entries."""
    steps = {
        name: SideStep(pin.key, pin.output, _preimage(store, pin.key)) for name, pin in lock.steps.items()
    }
    sources = {
        name: SideSource(pin.digest, tuple(TreeEntry(n, f.sha256, f.size) for n, f in pin.files.items()))
        for name, pin in lock.inputs.items()
    }
    figures = {name: pin.value for name, pin in lock.metrics.items()}
    if lock.model is not None:
        figures |= {"parameters": lock.model.parameters, "size_bytes": lock.model.size}
    return Side(label, steps, sources, figures)


def placed(side: Side, old: str, new: str) -> Side:
    """The side with `new` instead of `old` in the places of its settings."""
    steps = {
        name: replace(step, origins={path: text.replace(old, new) for path, text in step.origins.items()})
        for name, step in side.steps.items()
    }
    return replace(side, steps=steps)


def _preimage(store: Store, key: str) -> Mapping[str, Any] | None:
    action = store.entry(key) if key else None
    return action.preimage if action is not None else None


def _listing(store: Store, digest: str) -> tuple[TreeEntry, ...] | None:
    try:
        return parse_tree(store.read(digest)) if digest else None
    except (DamagedError, ValueError):
        return None
