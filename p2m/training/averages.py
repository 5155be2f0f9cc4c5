"""Averages of a training's weights, which may be better than any it went through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

LAST = 3  # evaluations whose weights are averaged
_SHARE = 10  # an exponential average remembers about a tenth of the steps


class Average:
    """`ema`: of all steps, later ones counting more; `last`: of the last evaluations, all alike."""

    def __init__(self, kind: str, model: Any, steps: int) -> None:
        self.kind = kind
        self.decay = min(0.9999, max(0.5, 1 - _SHARE / steps))
        self.taken = 0
        self.weights: list[dict[str, Any]] = [_copied(model)] if kind == "ema" else []

    def step(self, model: Any) -> None:
        """After a step of the optimizer."""
        import torch

        if self.kind != "ema":
            return
        self.taken += 1
        # At first what is averaged is short, for the first weights are no better than any.
        share = 1 - min(self.decay, (1 + self.taken) / (_SHARE + self.taken))
        moved = {name: each.detach() for name, each in _moved(model)}
        torch._foreach_lerp_([self.weights[0][name] for name in moved], list(moved.values()), share)

    def look(self, model: Any) -> None:
        """At an evaluation."""
        if self.kind == "last":
            self.weights = [*self.weights, _copied(model)][-LAST:]

    def put(self, model: Any) -> None:
        """Give the model the averaged weights."""
        import torch

        with torch.no_grad():
            for name, each in _moved(model):
                known = [weights[name] for weights in self.weights]
                each.copy_(torch.stack(known).mean(0) if len(known) > 1 else known[0])

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"taken": self.taken, "weights": self.weights}

    def load(self, state: dict[str, Any], device: Any) -> None:
        self.taken = state["taken"]
        self.weights = [{name: each.to(device) for name, each in one.items()} for one in state["weights"]]


def _moved(model: Any) -> Iterable[tuple[str, Any]]:
    return ((name, each) for name, each in model.named_parameters() if each.requires_grad)


def _copied(model: Any) -> dict[str, Any]:
    return {name: each.detach().clone() for name, each in _moved(model)}
