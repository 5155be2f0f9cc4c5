"""Structured pruning: attention heads, feed-forward neurons and layers that the loss misses least.

What is left is an ordinary encoder with smaller matrices, so it is smaller and faster in any precision. What
that costs is mostly regained by a short training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.types import Learner, Shaping

_BATCH = 32  # rows at once
_NEURONS = 32  # neurons that go together, so that blocks of weights stay whole


@dataclass(frozen=True)
class Pruned:
    """Shares of heads and of neurons, over all layers together, and a number of layers.

    A head or neuron counts by the first-order Taylor estimate of what the loss changes without it, |a dL/da|
    summed over its activations and squared over batches (Michel et al., 2019, arXiv 1905.10650; Molchanov et
    al., 2019, arXiv 1906.10771). Layers are left out one by one, each time the one without which the loss is
    lowest. Every layer keeps a head and a group of neurons.
    """

    name: ClassVar[str] = "pruned"
    heads: float = 0.25  # share that is taken, 0 to below 1
    neurons: float = 0.25  # share of feed-forward neurons that is taken, 0 to below 1
    layers: int = 0  # that are taken
    rows: int = 512  # training rows by which importance is told
    recovery: float = 0.5  # steps of the training that follows, as a share of a whole one

    def __post_init__(self) -> None:
        for name in ("heads", "neurons"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is a share from 0 to below 1, not {getattr(self, name)}")
        if self.layers < 0 or self.rows < 1 or self.recovery <= 0:
            raise ValueError("layers is 0 or more, rows 1 or more, and recovery above 0")

    def unfit(self, model: Any) -> str | None:
        layers = layers_of(model)
        if layers is None:
            return "only layers of BERT and RoBERTa kinds can be pruned"
        if self.layers >= len(layers):
            return f"it has {len(layers)} layers, of which one must stay"
        return None

    def prune(self, learner: Learner, features: Sequence[dict[str, Any]], *, device: Any) -> str:
        model = learner.model
        layers = layers_of(model)
        batches = _batches(learner, features, device)
        said = [f"layer {number + 1}" for number in self._shorten(learner, layers, batches)]
        heads, neurons = _importances(learner, layers, batches)
        size = layers[0].attention.self.attention_head_size
        gone = 0
        for layer, kept in zip(layers, _kept(heads, self.heads), strict=True):
            gone += len(layer.attention.self.query.weight) // size - len(kept)
            _keep_heads(layer, kept, size)
        groups = [each.reshape(-1, _NEURONS).sum(1) if not len(each) % _NEURONS else each for each in neurons]
        lost = 0
        for layer, group, kept in zip(layers, groups, _kept(groups, self.neurons), strict=True):
            width = layer.intermediate.dense.out_features // len(group)
            lost += (len(group) - len(kept)) * width
            _keep_neurons(layer, [width * number + place for number in kept for place in range(width)])
        said += [f"{gone} heads"] if gone else []
        said += [f"{lost:,} neurons"] if lost else []
        return f"without {', '.join(said)}" if said else "nothing was taken"

    def _shorten(self, learner: Learner, layers: Any, batches: Sequence[Any]) -> list[int]:
        """Take layers; their numbers as they were, from 0 on."""
        numbers, gone = list(range(len(layers))), []
        for _ in range(self.layers):
            harms = []
            for place in range(len(layers)):
                layer = layers[place]
                del layers[place]
                harms.append(_loss(learner, batches))
                layers.insert(place, layer)
            least = min(range(len(harms)), key=harms.__getitem__)
            del layers[least]
            gone.append(numbers.pop(least))
        learner.model.config.num_hidden_layers = len(layers)
        return sorted(gone)


def layers_of(model: Any) -> Any:
    """The encoder's layers, a list module; None where they are not built as BERT's."""
    found = getattr(getattr(getattr(model, "base", None), "encoder", None), "layer", None)
    if found is None or not len(found):
        return None
    first = found[0]
    parts = [getattr(getattr(first, "attention", None), "self", None), getattr(first, "intermediate", None)]
    return found if all(each is not None for each in parts) and hasattr(parts[0], "query") else None


def _batches(learner: Learner, features: Sequence[dict[str, Any]], device: Any) -> list[dict[str, Any]]:
    made = [learner.collate(features[start : start + _BATCH]) for start in range(0, len(features), _BATCH)]
    return [
        {name: each.to(device) if hasattr(each, "to") else each for name, each in batch.items()}
        for batch in made
    ]


def _loss(learner: Learner, batches: Sequence[Any]) -> float:
    import torch

    learner.model.eval()
    with torch.inference_mode():
        return sum(float(learner.loss(batch, Shaping())) for batch in batches)


def _importances(learner: Learner, layers: Any, batches: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Of each layer, of its heads (heads,) and of its neurons (neurons,), float64 tensors."""
    import torch

    learner.model.eval()
    size = layers[0].attention.self.attention_head_size
    seen: dict[tuple[int, str], Any] = {}

    def watching(place: int, what: str) -> Callable[..., None]:
        def watch(module: Any, given: tuple[Any, ...]) -> None:
            if given[0].requires_grad:
                given[0].retain_grad()
                seen[place, what] = given[0]

        return watch

    hooks = []
    for place, layer in enumerate(layers):
        hooks.append(layer.attention.output.dense.register_forward_pre_hook(watching(place, "heads")))
        hooks.append(layer.output.dense.register_forward_pre_hook(watching(place, "neurons")))
    heads = [torch.zeros(layer.attention.self.query.out_features // size).double() for layer in layers]
    neurons = [torch.zeros(layer.intermediate.dense.out_features).double() for layer in layers]
    try:
        for batch in batches:
            seen.clear()
            learner.model.zero_grad()
            learner.loss(batch, Shaping()).backward()
            for (place, what), values in seen.items():
                change = (values.detach() * values.grad).flatten(0, -2).sum(0).double().cpu()  # (width,)
                if what == "heads":
                    heads[place] += change.reshape(-1, size).sum(1).square()
                else:
                    neurons[place] += change.square()
    finally:
        for hook in hooks:
            hook.remove()
        learner.model.zero_grad()
    return heads, neurons


def _kept(importances: Sequence[Any], share: float) -> list[list[int]]:
    """Of each layer the numbers that stay, ascending: `share` of all go, the least important first."""
    ordered = sorted(
        (float(value), place, number)
        for place, values in enumerate(importances)
        for number, value in enumerate(values)
    )
    left = [set(range(len(values))) for values in importances]
    wanted = round(share * len(ordered))
    for _, place, number in ordered:
        if wanted and len(left[place]) > 1:
            left[place].discard(number)
            wanted -= 1
    return [sorted(each) for each in left]


def _keep_heads(layer: Any, kept: Sequence[int], size: int) -> None:
    attention = layer.attention.self
    places = [size * head + place for head in kept for place in range(size)]
    for name in ("query", "key", "value"):
        setattr(attention, name, _part(getattr(attention, name), places, axis=0))
    layer.attention.output.dense = _part(layer.attention.output.dense, places, axis=1)


def _keep_neurons(layer: Any, places: Sequence[int]) -> None:
    layer.intermediate.dense = _part(layer.intermediate.dense, places, axis=0)
    layer.output.dense = _part(layer.output.dense, places, axis=1)


def _part(linear: Any, places: Sequence[int], *, axis: int) -> Any:
    """A linear map of those outputs (axis 0) or of those inputs (axis 1) alone."""
    import torch

    numbers = torch.tensor(places)
    weight = linear.weight.detach().index_select(axis, numbers)
    made = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=linear.bias is not None)
    with torch.no_grad():
        made.weight.copy_(weight)
        if linear.bias is not None:
            made.bias.copy_(linear.bias.detach()[numbers] if axis == 0 else linear.bias)
    for new, old in zip(made.parameters(), linear.parameters(), strict=True):
        new.requires_grad_(old.requires_grad)
    return made.to(linear.weight.device)
