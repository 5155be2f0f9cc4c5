"""One step's work: artifacts in, stage called, artifact stored.

It takes digests and returns a digest, and knows nothing of the order of plans, of caches or of other steps,
so that it can run in this process or in another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from p2m.engine import formats
from p2m.engine.files import disk
from p2m.engine.formats import FormatError
from p2m.engine.handles import Device, Recorder
from p2m.engine.hashing import qualified_name
from p2m.engine.running import surroundings
from p2m.engine.stage import RUN, Stage
from p2m.engine.storage.blobs import DamagedError
from p2m.engine.store import Store
from p2m.errors import StageError, StoreError


@dataclass(frozen=True, slots=True)
class RunHandle:
    """What a stage is handed as `run` (the Protocol `p2m.types.Run`)."""

    folder: Path
    memos: Path
    device: Device
    on_progress: Callable[[int, int, str], None]
    on_say: Callable[[str], None]
    recorder_of: Callable[[], Recorder]
    on_tally: Callable[[str, int], int]

    @property
    def recorder(self) -> Recorder:
        return self.recorder_of()

    def tally(self, name: str, amount: int) -> int:
        return self.on_tally(name, amount)

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.on_progress(done, total, note)

    def say(self, line: str) -> None:
        self.on_say(line)


@dataclass(frozen=True, slots=True)
class Input:
    """An artifact to be read, or a source, by content."""

    step: str
    type: type
    digest: str  # of the folder that holds it
    file: str | None = None  # of a source: its name in that folder, "" where it is the folder; else None


class LostInputError(Exception):
    """An input could not be read back; its step must run again."""

    def __init__(self, step: str, cause: str) -> None:
        self.step = step
        super().__init__(step, cause)

    def __str__(self) -> str:
        return ": ".join(self.args)


def perform(
    name: str, stage: Stage[..., Any], settings: Mapping[str, Any], inputs: Sequence[Input | None],
    run: RunHandle, store: Store, sources: Mapping[str, Path] = MappingProxyType({}),
) -> str:  # fmt: skip
    """Run a step and store what it made; returns the output's digest.

    Raises:
        LostInputError: the store no longer holds an input.
        StageError: the stage returned something else than it declares, or nothing at all.
        StoreError: the disk is full, under the stage or under the store.
    """
    arguments = [read_input(given, store, sources) for given in inputs]
    given = {**settings, RUN: run} if stage.wants_run else dict(settings)
    try:
        with surroundings.put_back():
            value = stage.function(*arguments, **given)
    except SystemExit as error:
        raise StageError(
            f"step {name} wanted to end its process (sys.exit({error.code!r})) instead of returning a"
            f" {stage.output.__name__}"
        ) from error
    except Exception as error:
        full = disk.disk_full(error)
        if full is not None:
            raise disk.explain(full, store.root, f"running {name}") from error
        raise
    if type(value) is not stage.output:
        raise StageError(
            f"step {name} returned a {qualified_name(type(value))}; {stage.full_name} declares a"
            f" {qualified_name(stage.output)}"
        )
    return keep(name, value, store)


def keep(name: str, value: Any, store: Store) -> str:
    """Store a value as an artifact and return its digest."""
    with store.temporary(name) as folder, disk.explained(store.root, f"writing what {name} made"):
        try:
            formats.save(value, folder)
        except FormatError as error:
            raise StageError(f"step {name}: {error}") from error
        return store.put_folder(folder)


def keep_source(path: Path, store: Store) -> str:
    """Copy a file or folder of the user's into the store, for a machine that has not got it; its digest."""
    import shutil  # brings compression along

    with store.temporary("source") as folder, disk.explained(store.root, f"copying {path}"):
        if path.is_dir():
            shutil.copytree(path, folder, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, folder / path.name)
        return store.put_folder(folder)


def read_input(given: Input | None, store: Store, sources: Mapping[str, Path] = MappingProxyType({})) -> Any:
    """The value of an input, verified on the way; of `sources`, which lie on this machine, in place.

    Raises:
        LostInputError: what a step made is neither here nor in the shared store.
        DamagedError: nor is a source.
    """
    if given is None:
        return None
    if given.step in sources:
        return given.type(sources[given.step])
    if given.file is not None:
        return given.type(store.materialize(given.digest) / given.file)
    try:
        return load_artifact(given.step, given.type, given.digest, store)
    except DamagedError as error:
        raise LostInputError(given.step, str(error)) from error


def load_artifact(name: str, kind: type, digest: str, store: Store) -> Any:
    """What a step made, verified, its paths pointing into a copy.

    Raises:
        DamagedError: the store no longer holds it.
        StoreError: it cannot be read.
    """
    folder = store.materialize(digest)
    with disk.explained(store.root, f"reading what {name} made"):
        try:
            return formats.load(kind, folder)
        except FormatError as error:
            raise StoreError(f"what {name} made is not what this p2m expects: {error}") from error
