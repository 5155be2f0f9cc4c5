"""Components of a package that is not p2m's, for the tests of trust and of recipes that bring their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from p2m.types import Example, Learner, Task


@dataclass(frozen=True)
class Tiny:
    """A student of no use but of the right shape."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    layers: int = 2  # how deep
    kind: Literal["wide", "narrow"] = "wide"

    @property
    def parameters(self) -> int:
        return 1000 * self.layers

    @property
    def license(self) -> str:
        return "mit"

    @property
    def size_bytes(self) -> int:
        return 4000 * self.layers

    def refusal(self, task: Task) -> str | None:
        return None

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        raise NotImplementedError

    def restore(self, task: Task, labels: Sequence[str], checkpoint: Path) -> Learner:
        raise NotImplementedError

    def export(self, task: Task, labels: Sequence[str], checkpoint: Path, target: Path) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Shapeless:
    """A dataclass that is no component of any kind."""


def prepared(example: Example) -> Example:
    """A function, so not a component either."""
    return example
