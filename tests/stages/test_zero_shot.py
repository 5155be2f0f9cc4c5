"""The baseline that learns nothing: the label whose name a frozen encoder finds nearest."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from p2m.metrics.accuracy import Accuracy
from p2m.stages.baselines import baselines
from p2m.types import Embeddings, Encoder, Example, Field, Split, Task, TaskType

TASK = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), ("billing", "delivery"))


def rows(*labels: str) -> tuple[Example, ...]:
    return tuple(Example({"text": f"text {n}"}, label) for n, label in enumerate(labels))


def answers(folder: Path, parts: Split, vectors: dict[str, Any]) -> dict[str, tuple[tuple[str, ...], bool]]:
    path = folder / "vectors.npz"
    np.savez(path, **{name: np.array(each, dtype=np.float32) for name, each in vectors.items()})
    run: Any = SimpleNamespace(folder=folder)
    encoder = Encoder(folder, "fp32", 64)
    found = baselines(TASK, parts, encoder, Embeddings(path), students={}, metric=Accuracy(), run=run)
    return {each.name: (each.answers, each.is_learnt) for each in found.found}


def test_it_is_a_model_that_says_the_nearest_label(tmp_path: Path) -> None:
    parts = Split(rows("billing", "delivery"), (), rows("delivery", "billing", "billing"), "gold")
    vectors = {
        "labels": [[1, 0], [0, 1]],
        "train": [[1, 0], [0, 1]],
        "test": [[0.6, 0.8], [0.8, 0.6], [0, 1]],
    }
    found = answers(tmp_path, parts, vectors)
    assert found["zero_shot"] == (("delivery", "billing", "delivery"), True)
    assert "majority" in found


def test_of_folds_every_row_is_answered(tmp_path: Path) -> None:
    train = rows("delivery", "billing", "billing", "delivery")
    vectors = {
        "labels": [[1, 0], [0, 1]],
        "train": [[0, 1], [1, 0], [1, 0], [1, 0]],
        "test": np.zeros((0, 0)),
    }
    parts = Split(train, (), (), "cross-validation", folds=(0, 1, 0, 1))
    assert answers(tmp_path, parts, vectors)["zero_shot"][0] == ("delivery", "billing", "billing", "billing")
