"""What a step's key is made of.

    key = digest of {format, stage, version, kind, code, settings, components, inputs, packages, machine}

Inputs enter by the digests of what was really made, under the names of the parameters. Places, users, times,
names of steps, runs and plans never enter. `FORMAT` stands for the engine itself: raise it when a change of
the engine changes what a step makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine.code import closure, syntax
from p2m.engine.code.closure import Code
from p2m.engine.code.components import component_name, components_in
from p2m.engine.code.packages import machine_profile, version_of
from p2m.engine.hashing import digest_tree_of_plain, plain
from p2m.engine.plan import Step
from p2m.engine.store import KEY_TAG, Store
from p2m.errors import StageError

FORMAT = 1
_PACKAGED = ("seeded", "measured")  # kinds whose results may differ between library versions


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything of a step's key but its inputs, and the code as it was when the build began."""

    preimage: Mapping[str, Any]  # a plain tree without "inputs"
    code: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the plain tree whose digest it is."""

    value: str
    preimage: Mapping[str, Any]


def identify(step: Step) -> Identity:
    """Read a step's code and settings.

    Raises:
        StageError: its code was edited after this process had loaded it.
    """
    assert step.stage is not None, step.name
    code = closure.code_of(step.stage.function)
    found = components_in(dict(step.settings))
    components = {component_name(component): closure.component_code(component) for component in found}
    every = (code, *components.values())
    stale = sorted({name for part in every for name in closure.stale_modules(part)})
    if stale:
        raise StageError(
            f"step {step.name}: {', '.join(stale)} was edited after this process had loaded it;"
            " start a new process"
        )
    preimage: dict[str, Any] = {
        "format": FORMAT,
        "stage": step.stage.name,
        "version": step.stage.version,
        "kind": step.kind,
        "code": dict(code.modules),
        "settings": {name: plain(value) for name, value in step.settings.items()},
        "components": {name: dict(components[name].modules) for name in sorted(components)},
        "packages": _packages(step, every),
        "machine": dict(machine_profile()) if step.stage.kind == "measured" else {},
    }
    return Identity(preimage, every)


def identify_all(steps: Iterable[Step], store: Store) -> dict[str, Identity]:
    """Identify every step that is no source; what was parsed is remembered where there is a store."""
    recall_code(store)
    with closure.snapshot():
        identities = {step.name: identify(step) for step in steps if not step.is_source}
    if store.writable:  # else nothing was built, and who only looks makes nothing
        for memory in _memories(store):
            with suppress(OSError):
                memory.parent.mkdir(parents=True, exist_ok=True)
            syntax.retain(memory)
    return identities


def recall_code(store: Store) -> None:
    """Take in what earlier processes parsed."""
    for memory in _memories(store):
        syntax.recall(memory)


def _memories(store: Store) -> Iterator[Path]:
    """Where what was parsed is remembered: the user's cache folder, and the store, which may travel."""
    with suppress(RuntimeError):  # no home
        yield syntax.memory_file()
    yield store.root / "tmp" / "code.json"


def make_key(identity: Identity, inputs: Mapping[str, str | None]) -> Key:
    """The key of a step whose inputs have these content digests, by parameter."""
    preimage = {**identity.preimage, "inputs": dict(inputs)}
    return Key(digest_tree_of_plain(preimage, tag=KEY_TAG), preimage)


def _packages(step: Step, code: Iterable[Code]) -> dict[str, str]:
    if step.kind not in _PACKAGED:
        return {}
    return {name: version_of(name) for name in sorted({name for part in code for name in part.packages})}
