"""MiniLM of fewer layers: some of the checkpoint's are kept, and the others left out before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from p2m.students import base_model
from p2m.students.minilm import MiniLM
from p2m.types import Learner, Pace, Task


@dataclass(frozen=True)
class ShallowMiniLM(MiniLM):
    """A MiniLM, or another BERT, of `layers` of its layers, evenly spaced (`kept`)."""

    layers: int = 3
    learning_rate: float = 3e-4  # at its highest, where the recipe leaves it open

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"layers is {self.layers}: an encoder has one or more")

    @property
    def parameters(self) -> int:
        return super().parameters - self._left_out

    @property
    def size_bytes(self) -> int:
        return super().size_bytes - self._left_out

    @property
    def whole_bytes(self) -> int:
        return super().whole_bytes - self._left_out

    @property
    def pace(self) -> Pace:
        # The layers that are left must learn to do without the others: 750 rows of banking77, taught, come to
        # .813 on held-out rows by eight passes at 1e-4, and to .833 at 3e-4; by their labels alone to .793,
        # and to .772 by three passes at 1e-4.
        return replace(super().pace, epochs=8.0)

    def refusal(self, task: Task) -> str | None:
        """Why the model cannot learn the task, or has no so many layers."""
        there = self._there
        if self.layers > there:
            return f"{self.model} has {there} layers, not {self.layers}; student=minilm takes all of them"
        return super().refusal(task)

    def prepare(self, task: Task, labels: Sequence[str], *, seed: int) -> Learner:
        """The layers that are kept, with a fresh head.

        Raises:
            MissingWeights: the weights cannot be had, or are not those that were published.
        """
        import torch

        learner: Any = super().prepare(task, labels, seed=seed)
        base = learner.model.base
        whole = base.encoder.layer
        base.encoder.layer = torch.nn.ModuleList([whole[each] for each in kept(len(whole), self.layers)])
        base.config.num_hidden_layers = self.layers
        found: Learner = learner
        return found

    @property
    def _there(self) -> int:
        return int(base_model.shape(self.model)["num_hidden_layers"])

    @property
    def _left_out(self) -> int:
        """Weights of the layers that are not kept."""
        return base_model.beyond(self.model, self.layers)


def kept(there: int, layers: int) -> tuple[int, ...]:
    """Numbers of the layers that are kept of so many."""
    return tuple(round((place + 1) * there / layers) - 1 for place in range(layers))
