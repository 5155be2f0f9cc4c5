"""None of these: rows unlike any that a label was learnt from are told apart, with or without such rows."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Here

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.scope import nearness
from p2m.deploy.serving.settings import BundleError, Settings
from p2m.deploy.shipping import shipped
from p2m.metrics.accuracy import Accuracy
from p2m.stages.export import export
from p2m.stages.solve import solve
from p2m.stages.train import train
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.types import Example, Field, Split, Task, TaskType, Training

TOPICS = {
    "music": "play song album loud jazz",
    "post": "parcel letter stamp late lost",
    "none": "moon cow tax oak rye",
}
TASK = Task(
    TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), ("music", "post"), none="none"
)


def rows_of(*labels: str, number: int = 40, seed: int = 0) -> tuple[Example, ...]:
    lot = random.Random(seed)
    rows = [
        Example({"text": " ".join(lot.choices(TOPICS[each].split(), k=4))}, each) for each in labels * number
    ]
    return tuple(lot.sample(rows, len(rows)))


def solved(task: Task, rows: tuple[Example, ...], folder: Path) -> Predictor:
    parts = Split(rows, (), (), "gold")
    made = solve(
        task, parts, None, None, None, name="t", student=LinearTfidf(), metric=Accuracy(), run=Here(folder)
    )
    assert made.checkpoint is not None
    return Predictor(made.checkpoint)


def right(model: Predictor, rows: tuple[Example, ...]) -> float:
    said = model.predict([row.input for row in rows])
    assert all(0 <= each.score <= 1 for each in said)
    return float(np.mean([each.output == row.output for each, row in zip(said, rows, strict=True)]))


def test_what_no_label_was_learnt_from_is_none_of_them_and_the_rest_mostly_not(tmp_path: Path) -> None:
    model = solved(TASK, rows_of("music", "post"), tmp_path)
    assert right(model, rows_of("none", seed=1)) > 0.9
    assert right(model, rows_of("music", "post", seed=1)) > 0.8
    assert model.settings.threshold == 0.05


def test_rows_that_fit_no_label_are_learnt_from_where_there_are_any(tmp_path: Path) -> None:
    task = replace(TASK, labels=("music", "post", "none"))
    model = solved(task, rows_of("music", "post", "none"), tmp_path)
    assert right(model, rows_of("music", "post", "none", seed=1)) > 0.95


def test_an_encoder_ships_what_it_takes_and_the_same_answers(tiny_bert: Path, tmp_path: Path) -> None:
    parts = Split(rows_of("music", "post"), rows_of("music", "post", number=20, seed=2), (), "gold")
    student = MiniLM(model=str(tiny_bert), sha256="", window=32)
    brief = Training(epochs=1, batch_size=16, learning_rate=1e-3, max_length=32)
    run = Here(tmp_path)
    made = train(
        TASK, parts, None, None, name="m", student=student, metric=Accuracy(), training=brief, seed=0, run=run
    )
    variant = export(TASK, parts, made, student=student, metric=Accuracy(), seed=0, run=run)
    assert variant.model is not None
    model = Predictor(variant.model)
    outputs = model.outputs([row.input for row in parts.train], batch_size=8)
    assert np.allclose(np.linalg.norm(outputs["embeddings"], axis=1), 1, atol=1e-5)
    assert right(model, rows_of("music", "post", seed=3)) > 0.5
    assert "serving/scope.py" in shipped(variant.model, ONNX)
    (variant.model / "scope.npz").write_bytes(b"no arrays")
    with pytest.raises(BundleError, match=r"scope\.npz: not whole"):
        Predictor(variant.model)


def test_near_is_a_sure_label_and_a_row_alike() -> None:
    settings = Settings("linear", ("text",), labels=("a", "b"), none="none")
    rows = np.eye(2, dtype=np.float32)
    sure, unsure, far = nearness(
        np.array([[9.0, 0.0], [1.0, 1.0], [9.0, 0.0]]), np.array([[1, 0], [1, 0], [0.1, 0.1]]), rows, settings
    )
    assert sure > max(unsure, far)
