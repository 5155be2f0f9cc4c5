"""What a lock of this very moment would say: of the recipe, of the machine, and of what a store holds.

Nothing is run. What a build's causes are (settings, files, code, packages, weights) is always known; what
they led to (keys, outputs, metrics) only as far as the store, or a lock that is given, tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2m.catalogs.base import open_catalogue
from p2m.engine.code import closure
from p2m.engine.hashing import TreeEntry, digest
from p2m.engine.keys import Identity, identify, identify_all
from p2m.engine.plan import Plan, Step
from p2m.engine.sources import SourceState, digests_of, read_sources
from p2m.engine.storage.blobs import DamagedError
from p2m.engine.store import Action, Store
from p2m.engine.walk import Walk
from p2m.errors import DataError
from p2m.lock.model import (
    EVERY_BUILD,
    SHORT,
    DatasetPin,
    FilePin,
    InputPin,
    Lock,
    MetricPin,
    ModelPin,
    StepPin,
)
from p2m.lock.settings import relative_place, settings_of
from p2m.lock.weights import teacher_pin, weights_pin
from p2m.spec import ModelSpec
from p2m.types import Candidates, Choice, Evaluated, Exported, Loaded
from p2m.version import __version__

LOOSE = ("measured", "volatile")  # kinds that give something else every time
_CARD = "README.md"


@dataclass(frozen=True)
class Subject:
    """What a lock is about: a recipe, understood and compiled."""

    recipe: Path
    spec: ModelSpec
    plan: Plan
    place: Callable[[str], str]  # config path -> where it was written


@dataclass(frozen=True)
class Now:
    """The causes of a build as they are at this moment, and the lock of them alone."""

    subject: Subject
    identities: Mapping[str, Identity]
    sources: Mapping[str, SourceState]
    pins: Lock  # without results

    @property
    def plan(self) -> Plan:
        return self.subject.plan


def look(subject: Subject, store: Store | None, *, student: str = "") -> Now:
    """Read files, code and versions; weights are those of `student`, where there is such a candidate.

    Raises:
        UserError: a source is missing.
    """
    steps = subject.plan.steps
    if store is not None:
        identities = identify_all(steps, store)
    else:
        with closure.snapshot():
            identities = {step.name: identify(step) for step in steps if not step.is_source}
    stats = store.stats if store is not None else None
    sources = read_sources(steps, stats)
    folder = subject.recipe.absolute().parent
    pins = Lock(
        recipe=subject.recipe.name,
        name=subject.spec.name,
        p2m=__version__,
        settings=settings_of(subject.spec, folder),
        inputs={
            step.name: _input(step, sources[step.name], folder)
            for step in steps
            if step.is_source and not step.is_made
        },
        teacher=teacher_pin(subject.spec.teacher.of("generate")),
        weights=_weights(subject, student),
        packages=_packages(identities),
        code=_code(identities),
        steps=dict(_bare_steps(subject.plan, identities)),
    )
    return Now(subject, identities, sources, pins)


def lock_of(now: Now, store: Store | None, *, known: Lock | None = None) -> Lock:
    """The lock of `now` with what the store holds for it; where it holds nothing under a key that `known` has
    too, the output that is locked there leads on.

    Steps that cannot be looked up keep only what is known without their inputs.
    """
    walk = _walk(now, store, known.steps if known else {})
    outputs = {name: pin.output for name, pin in walk.items() if pin.output}
    steps = {name: _without_loose(pin) for name, pin in walk.items()}
    lock = replace(now.pins, steps=steps)
    return lock if store is None else _with_results(lock, now, store, outputs)


def lock_of_result(now: Now, store: Store, done: Mapping[str, tuple[str, str]]) -> Lock:
    """The lock of a finished build: step -> (key, output)."""
    steps = {
        name: _without_loose(replace(pin, key=done[name][0], output=done[name][1]))
        for name, pin in now.pins.steps.items()
    }
    outputs = {name: output for name, (_, output) in done.items()}
    return _with_results(replace(now.pins, steps=steps), now, store, outputs)


def is_of_now(now: Now, done: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a build ran on these very files and this code: none was edited between the two looks."""
    made = {name: Action(key, output, {}, 0.0) for name, (key, output) in done.items()}
    walk = Walk(now.identities, digests_of(now.sources), lambda key: None, made)
    return all(step.is_source or walk.at(step).made for step in now.plan.steps)


def missing_steps(now: Now, store: Store | None) -> tuple[str, ...]:
    """The steps that a lock needs and the store does not hold, those whose key is unknown included."""
    walk = _walk(now, store, {})
    return tuple(name for name, pin in walk.items() if not pin.output and pin.may_differ != EVERY_BUILD)


# --------------------------------------------------------------------------- causes


def _input(step: Step, state: SourceState, folder: Path) -> InputPin:
    assert step.path is not None
    files = {entry.name: _file(entry) for entry in state.entries}
    license = _license(step.path) if _CARD in files and not step.name.startswith("catalogue") else ""
    return InputPin(relative_place(step.path, folder), state.digest, files, license)


def _file(entry: TreeEntry) -> FilePin:
    return FilePin(entry.digest or "-", entry.size)  # "-": an empty folder


def _license(folder: Path) -> str:
    """What the card of a dataset's folder says; "" where it says nothing, or is broken."""
    try:
        cards = open_catalogue(folder).cards
    except (DataError, OSError):
        return ""
    return ", ".join(sorted({card.license for card in cards if card.license}))


def _weights(subject: Subject, student: str) -> Any:
    component = subject.spec.student.candidates.get(student)
    return None if component is None else weights_pin(student, component)


def _packages(identities: Mapping[str, Identity]) -> dict[str, str]:
    """Import name -> version, without what says how it was built (`2.13.0+cpu`): builds of one version differ
    as machines do, in floating point."""
    return {
        name: version.partition("+")[0]
        for identity in identities.values()
        for name, version in identity.preimage["packages"].items()
    }


def _code(identities: Mapping[str, Identity]) -> dict[str, str]:
    """Module -> short digest; of one that steps see different parts of, a digest over all of these."""
    seen: dict[str, set[str]] = {}
    for identity in identities.values():
        for modules in (identity.preimage["code"], *identity.preimage["components"].values()):
            for name, value in modules.items():
                seen.setdefault(name, set()).add(value)
    return {
        name: (next(iter(values)) if len(values) == 1 else digest(sorted(values)))[:SHORT]
        for name, values in seen.items()
    }


def _bare_steps(plan: Plan, identities: Mapping[str, Identity]) -> Iterator[tuple[str, StepPin]]:
    """Every step with what is known of it before anything is looked up."""
    varying: set[str] = set()
    loose: set[str] = set()
    for step in plan.steps:
        if step.is_source:
            continue
        follows = bool(varying & set(step.needs))
        if follows or step.kind == "seeded":
            varying.add(step.name)
        mark = "output" if step.kind == "seeded" else ""
        if follows or (mark and identities[step.name].preimage["packages"]):
            mark = "key, output"
        if step.kind in LOOSE or loose & set(step.needs):
            loose.add(step.name)
            mark = EVERY_BUILD
        left = {name for name in step.needs if plan.step(name).is_made}
        yield step.name, StepPin(step.kind, _own(step, identities[step.name], left), may_differ=mark)


def _own(step: Step, identity: Identity, left: Set[str]) -> str:
    """What no other section of the lock shows: the stage, its settings as it gets them, its wiring, `left` as
    if it were not there.
    """
    parts = {
        name: value
        for name, value in identity.preimage.items()
        if name not in ("code", "components", "packages", "machine")
    }
    wiring = [[edge.parameter, None if edge.step in left else edge.step] for edge in step.inputs]
    return digest([json.dumps(parts, sort_keys=True), wiring])[:SHORT]


# --------------------------------------------------------------------------- results


def _walk(now: Now, store: Store | None, known: Mapping[str, StepPin]) -> dict[str, StepPin]:
    """Every step with its key and output, as far as the store and `known` tell."""
    look: Callable[[str], Action | None] = store.glance if store is not None else lambda key: None
    walk = Walk(now.identities, digests_of(now.sources), look)
    found: dict[str, StepPin] = {}
    for step in now.plan.steps:
        if step.is_source:
            continue
        found[step.name] = pin = now.pins.steps[step.name]
        state, locked = walk.at(step), known.get(step.name)
        if state.key is None:
            continue
        found[step.name] = replace(pin, key=state.key.value, output=state.made.output if state.made else "")
        if state.made is None and locked is not None and locked.key == state.key.value and locked.output:
            walk.digests[step.name] = locked.output
    return found


def _with_results(lock: Lock, now: Now, store: Store, outputs: Mapping[str, str]) -> Lock:
    """The lock with what the artifacts say: the student, datasets, metrics, the model."""
    made = _Artifacts(now.plan, store, outputs)
    choice, scores, model = made.fields(Choice), made.rows(Evaluated, "scores"), made.fields(Exported)
    student = str(choice["student"]) if choice else ""
    return replace(
        lock,
        weights=_weights(now.subject, student) if student else lock.weights,
        datasets=_datasets(now, made),
        metrics={str(one["metric"]): MetricPin(_rounded(one["value"]), _tolerance(one)) for one in scores},
        model=ModelPin(model["parameters"], model["size_bytes"], model["precision"]) if model else None,
    )


def _without_loose(pin: StepPin) -> StepPin:
    """A pin that two builds of a recipe share: what was measured, and what follows it, has no digest."""
    return replace(pin, key="", output="") if pin.may_differ == EVERY_BUILD else pin


def _tolerance(score: Mapping[str, Any]) -> float:
    """Half of the 95% interval: closer figures cannot be told apart on these rows. Where all rows agree and
    the interval is empty, 3 over the rows (the rule of three: Hanley and Lippman-Hand, 1983).
    """
    half = (score["high"] - score["low"]) / 2
    return _rounded(half or min(1.0, 3 / max(1, score["rows"])))


def _rounded(value: float) -> float:
    return round(float(value), 6)


def _datasets(now: Now, made: _Artifacts) -> dict[str, DatasetPin]:
    """The datasets that were found usable, with the files that rows may be learnt from."""
    found: dict[str, DatasetPin] = {}
    for step in now.plan.steps:
        if step.output is Loaded:
            found |= {one["name"]: _of_a_hub(one) for one in made.rows_of(step, "datasets") if one["files"]}
        catalogue = next((name for name in step.needs if name in now.sources), None)
        is_before = step.name.partition("-")[0] in ("search", "shortlist")
        if step.output is not Candidates or catalogue is None or is_before:
            continue
        files = {entry.name: _file(entry) for entry in now.sources[catalogue].entries}
        for candidate in made.rows_of(step, "found"):
            if not candidate["refusal"]:
                card = candidate["card"]
                found[card["name"]] = DatasetPin(catalogue, card["license"], _taken(card, files))
    return found


def _of_a_hub(one: Mapping[str, Any]) -> DatasetPin:
    files = {name: FilePin(text.split()[0], int(text.split()[1])) for name, text in one["files"].items()}
    return DatasetPin(f"the Hub at {one['revision']}", one["license"], files)


def _taken(card: Mapping[str, Any], files: Mapping[str, FilePin]) -> dict[str, FilePin]:
    names = [name for part in card["parts"] if part["name"] in ("train", "all") for name in part["files"]]
    below = [f"{card['folder']}/{name}" if card["folder"] else name for name in names]
    return {name: files[name] for name in below if name in files} or dict(files)


class _Artifacts:
    """Plain fields of what steps made, read from the store without making values of them."""

    def __init__(self, plan: Plan, store: Store, outputs: Mapping[str, str]) -> None:
        self._plan, self._store, self._outputs = plan, store, outputs

    def fields(self, kind: type) -> Mapping[str, Any]:
        step = self._step(kind)
        text = self._text(step, "value.json") if step else ""
        found: Mapping[str, Any] = json.loads(text)["fields"] if text else {}
        return found

    def rows(self, kind: type, field: str) -> list[Mapping[str, Any]]:
        step = self._step(kind)
        return self.rows_of(step, field) if step else []

    def rows_of(self, step: Step, field: str) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self._text(step, f"{field}.jsonl").split("\n")[:-1]]

    def _step(self, kind: type) -> Step | None:
        return next((step for step in self._plan.steps if step.output is kind), None)

    def _text(self, step: Step, name: str) -> str:
        output = self._outputs.get(step.name)
        if output is None:
            return ""
        with suppress(DamagedError):
            for entry in self._store.tree(output):
                if entry.name == name:
                    return self._store.read(entry.digest).decode("utf-8")
        return ""
