"""What a lock says, as frozen values: one noun a section of the file.

Digests of inputs and of steps are whole sha256 digests, since keys in a lock keep their results from being
collected; what is only compared (code, a step's own settings) is shortened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from p2m.engine.hashing import digest

FORMAT = 1
EVERY_BUILD = "every build"
SHORT = 16  # hex digits of a digest that is only compared
Setting = str | int | float | bool | None | list[str] | dict[str, str]  # lists and dicts are empty ones


@dataclass(frozen=True, slots=True)
class FilePin:
    """A file by its content."""

    sha256: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class InputPin:
    """A source of the plan: a data file, a folder or a catalogue."""

    path: str  # relative to the recipe; of a place that is given absolutely, its last part alone
    digest: str  # what enters keys
    files: Mapping[str, FilePin]
    license: str = ""  # as its card says


@dataclass(frozen=True, slots=True)
class DatasetPin:
    """A dataset of a catalogue that was selected."""

    catalogue: str  # the input that holds it, or the Hub and the commit
    license: str
    files: Mapping[str, FilePin]  # those that rows were taken from, relative to the catalogue


@dataclass(frozen=True, slots=True)
class WeightsPin:
    """The base model of the student that was chosen."""

    student: str
    model: str
    revision: str
    license: str
    files: Mapping[str, FilePin]  # empty where the weights are not on this machine


@dataclass(frozen=True, slots=True)
class TeacherPin:
    """What wrote rows: its class, and the model behind it where it has one."""

    target: str
    version: str = ""  # the resolved snapshot of a remote one


@dataclass(frozen=True, slots=True)
class StepPin:
    """A step. Key and output are "" where not known, and for measured steps and what follows them."""

    kind: str
    own: str  # short digest of its stage, settings and wiring, whatever its inputs
    key: str = ""
    output: str = ""
    # On another machine: "", "output" (a seeded step), "key, output" (what follows one), or EVERY_BUILD: what
    # was measured, and what follows it.
    may_differ: str = ""


@dataclass(frozen=True, slots=True)
class MetricPin:
    """A figure of the evaluation and how far another training may be from it."""

    value: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class ModelPin:
    """The exported model."""

    parameters: int
    size: int  # bytes
    precision: str


@dataclass(frozen=True)
class Lock:
    """Everything that a build rested on, and what it gave."""

    recipe: str  # the recipe's file name
    name: str  # of the model
    p2m: str  # version
    settings: Mapping[str, Setting] = field(default_factory=dict)  # config path -> value, defaults included
    inputs: Mapping[str, InputPin] = field(default_factory=dict)
    teacher: TeacherPin | None = None
    weights: WeightsPin | None = None
    datasets: Mapping[str, DatasetPin] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)  # import name -> version, of all keys
    code: Mapping[str, str] = field(default_factory=dict)  # first-party module -> short digest
    steps: Mapping[str, StepPin] = field(default_factory=dict)
    metrics: Mapping[str, MetricPin] = field(default_factory=dict)
    model: ModelPin | None = None

    @property
    def recipe_digest(self) -> str:
        """One digest over all settings."""
        return digest(dict(self.settings))
