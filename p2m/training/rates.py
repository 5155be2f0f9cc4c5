"""Which weights a training moves, and how fast: frozen embeddings and layers, layer-wise rates.

Layers are told by the names that transformers gives its weights, whatever the architecture.
"""

from __future__ import annotations

import re
from typing import Any

from p2m.errors import UserError

_BLOCK = re.compile(r"(?:^|\.)(?:layers?|blocks?|h)\.(\d+)\.")
_TABLE = re.compile(r"embed|shared\.|(?:^|\.)wte\.|(?:^|\.)wpe\.")


def depth(name: str) -> int | None:
    """Of a weight: 0 for embeddings, n + 1 in the nth layer; None above the layers."""
    if found := _BLOCK.search(name):
        return int(found.group(1)) + 1
    return 0 if _TABLE.search(name) else None


def freeze(model: Any, embeddings: bool | None, layers: int) -> None:
    """Leave embeddings, and so many of the lowest layers of each stack, as they are; None: the student says.

    Raises:
        UserError: no layer would be left.
    """
    depths = [found for name, _ in model.named_parameters() if (found := depth(name)) is not None]
    if layers and layers >= max(depths, default=0):
        there = max(depths, default=0)
        raise UserError(
            f"training.freeze_layers={layers}: the student has {there} layers, one of them must learn;"
            f" type: training.freeze_layers={max(0, there - 1)}"
        )
    for name, each in model.named_parameters():
        found = depth(name)
        if found == 0 and (layers or embeddings is not None):
            each.requires_grad_(not (layers or embeddings))
        elif found is not None and 0 < found <= layers:
            each.requires_grad_(False)


def groups(
    model: Any, decayed: set[str], *, rate: float, weight_decay: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Of AdamW: a layer learns at `layer_decay` of the rate of the one above (Howard and Ruder, 2018).

    Parts that a model names in `rates` learn so many times as fast, whatever the layer.
    """
    named = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    top = 1 + max((depth(name) or 0 for name, _ in model.named_parameters()), default=0)
    found: dict[tuple[float, bool], list[Any]] = {}
    for name, each in named:
        at = depth(name)
        own = next((factor for part, factor in parts(model).items() if name.startswith(part)), None)
        factor = own or layer_decay ** (0 if at is None else top - at)
        found.setdefault((factor, name in decayed), []).append(each)
    return [
        {"params": params, "lr": rate * factor, "weight_decay": weight_decay * is_decayed}
        for (factor, is_decayed), params in sorted(found.items(), key=lambda item: item[0])
    ]


def parts(model: Any) -> dict[str, float]:
    """Beginnings of names of weights -> how much faster these learn; {} of most models."""
    return getattr(model, "rates", {})
