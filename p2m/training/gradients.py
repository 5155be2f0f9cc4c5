"""The gradient of a step's rows, in as many passes as the memory asks for.

Each pass counts by its share of the step's rows (of their tokens, where each is predicted), so a step learns
the same whether its rows go through at once, one after the other, or in several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from p2m.errors import StageError
from p2m.training.machine import Machine, autocast
from p2m.training.memory import free, is_out_of_memory
from p2m.training.sampling import fitting, lengths
from p2m.types import Learner, Shaping


def counted(features: Sequence[dict[str, Any]]) -> int:
    """What a loss is the mean over: predicted tokens, else rows."""
    return sum(
        sum(label != -100 for label in each["labels"]) if isinstance(each.get("labels"), list) else 1
        for each in features
    )


class Gradients:
    """Adds up the gradients of rows in the learner's model."""

    def __init__(
        self, learner: Learner, machine: Machine, shaping: Shaping, most: int, say: Callable[[str], None]
    ) -> None:
        """`most`: tokens that go through at once, padding included; 0: a whole step's."""
        self.learner = learner
        self.machine = machine
        self.shaping = shaping
        self.most = most
        self.say = say

    def add(self, rows: Sequence[dict[str, Any]], total: int) -> float:
        """Of the loss over a step of which `rows` are a part and `total` counts all; this part of the loss.

        Raises:
            StageError: a single row does not fit into the memory.
        """
        while rows:
            failed = None
            loss = 0.0
            for few in self.passes(rows):
                try:
                    loss += self._one(few, total)
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    failed = few
                    break
            if failed is None:
                return loss
            self._back_off(failed)
        return 0.0

    def passes(self, rows: Sequence[dict[str, Any]]) -> list[Sequence[dict[str, Any]]]:
        """The rows in the groups that go through at once."""
        if not self.most:
            return [rows]
        cut = fitting(range(len(rows)), lengths(rows), self.most)
        return [[rows[i] for i in few] for few in cut]

    def part(self, rows: Sequence[dict[str, Any]], total: int) -> Any:
        """What rows that go through at once are of the step's loss, a scalar tensor."""
        device = self.machine.device
        inputs = {name: each.to(device) for name, each in self.learner.collate(rows).items()}
        with autocast(self.machine):
            loss = self.learner.loss(inputs, self.shaping)
        if (count := counted(rows)) != total:
            loss = loss * (count / total)
        return loss

    def _one(self, rows: Sequence[dict[str, Any]], total: int) -> float:
        loss = self.part(rows, total)
        loss.backward()
        return float(loss.detach())

    def _back_off(self, rows: Sequence[dict[str, Any]]) -> None:
        """Half as much at once from now on; the step begins again."""
        longest = max(map(sum, lengths(rows)))
        if len(rows) == 1:
            raise StageError(
                f"a single row of {longest:,} tokens does not fit into the memory;"
                " lower training.max_length, or take a smaller student"
            )
        half = len(rows) // 2
        self.most = half * longest
        self.learner.model.zero_grad()
        free()
        self.say(
            f"out of memory with {len(rows)} rows of {longest:,} tokens at once: going on with {half},"
            " the steps being what they were"
        )
