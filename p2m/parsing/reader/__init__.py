"""The reader of prompts: a linear model that p2m built from recipes/prompts.yaml, as its bundle ships it.

`make reader` builds it again and puts it here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from p2m.deploy.serving.linear import LinearHead
from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.settings import Settings
from p2m.types import TaskType


def read_types(prompt: str, signs: Sequence[str]) -> dict[TaskType, float]:
    """How likely each type of task is, 0 to 1, by the words of a prompt and its signs."""
    import numpy as np

    settings, head = _opened()
    text = joined({"instruction": prompt, "signs": " ".join(signs)}, settings.fields)
    logits = head.logits([text], None)[0]
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    return {TaskType(label): float(chance) for label, chance in zip(settings.labels, chances, strict=True)}


@cache
def _opened() -> tuple[Settings, LinearHead]:
    folder = Path(__file__).parent
    settings = Settings.read(folder)
    return settings, LinearHead(folder, len(settings.labels))
