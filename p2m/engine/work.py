"""One step's work: artifacts in, stage called, artifact stored.

It takes digests and returns a digest, and knows nothing of the order of plans, of caches or of other steps,
so that it can run in this process or in another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.engine import disk, formats
from p2m.engine.blobs import DamagedError
from p2m.engine.formats import FormatError
from p2m.engine.hashing import qualified_name
from p2m.engine.plan import Step
from p2m.engine.stage import RUN
from p2m.engine.store import Store
from p2m.errors import StageError, StoreError
from p2m.types import Runtime


@dataclass(frozen=True, slots=True)
class RunHandle:
    """What a stage is handed as `run` (the Protocol `p2m.types.Run`)."""

    folder: Path
    runtime: Runtime
    on_progress: Callable[[int, int, str], None]
    on_say: Callable[[str], None]

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.on_progress(done, total, note)

    def say(self, line: str) -> None:
        self.on_say(line)


@dataclass(frozen=True, slots=True)
class Input:
    """An artifact to be read: the step that made it, and its digest; or a source, in its place."""

    step: Step
    digest: str  # "" for a source


class LostInputError(Exception):
    """An input could not be read back; its step must run again."""

    def __init__(self, step: str, cause: DamagedError) -> None:
        self.step = step
        super().__init__(f"{step}: {cause}")


def perform(step: Step, inputs: Sequence[Input | None], run: RunHandle, store: Store) -> str:
    """Run a step and store what it made; returns the output's digest.

    Raises:
        LostInputError: the store no longer holds an input.
        StageError: the stage returned something else than it declares.
        StoreError: the disk is full, under the stage or under the store.
    """
    stage = step.stage
    assert stage is not None, step.name
    arguments = [read_input(given, store) for given in inputs]
    settings: dict[str, Any] = dict(step.settings)
    if stage.wants_run:
        settings[RUN] = run
    try:
        value = stage.function(*arguments, **settings)
    except Exception as error:
        full = disk.disk_full(error)
        if full is not None:
            raise disk.explain(full, store.root, f"running {step.name}") from error
        raise
    if type(value) is not stage.output:
        raise StageError(
            f"step {step.name} returned a {qualified_name(type(value))}; {stage.place} declares a"
            f" {qualified_name(stage.output)}"
        )
    return keep(step, value, store)


def keep(step: Step, value: Any, store: Store) -> str:
    """Store a value as an artifact and return its digest."""
    with store.temporary(step.name) as folder, disk.explained(store.root, f"writing what {step.name} made"):
        try:
            formats.save(value, folder)
        except FormatError as error:
            raise StageError(f"step {step.name}: {error}") from error
        return store.put_folder(folder)


def read_input(given: Input | None, store: Store) -> Any:
    """The value of an input, verified on the way."""
    if given is None:
        return None
    if given.step.is_source:
        return given.step.output(given.step.path)
    try:
        return load_artifact(given.step, given.digest, store)
    except DamagedError as error:
        raise LostInputError(given.step.name, error) from error


def load_artifact(step: Step, digest: str, store: Store) -> Any:
    """What a step made, verified, its paths pointing into a copy.

    Raises:
        DamagedError: the store no longer holds it.
        StoreError: it cannot be read.
    """
    folder = store.materialize(digest)
    with disk.explained(store.root, f"reading what {step.name} made"):
        try:
            return formats.load(step.output, folder)
        except FormatError as error:
            raise StoreError(f"what {step.name} made is not what this p2m expects: {error}") from error
