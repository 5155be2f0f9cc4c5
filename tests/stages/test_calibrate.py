"""Scores are calibrated by rows that a model has not learnt from, and a wanted precision makes it abstain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from p2m.deploy.serving.linear import LINEAR
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.settings import Settings
from p2m.metrics.accuracy import Accuracy
from p2m.stages.calibrate import calibrate
from p2m.types import Example, Exported, Field, OutOfFold, Split, Task, TaskType, Winner
from tests.conftest import Here

TASK = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=("bad", "good"))
WINNER = Winner("linear_tfidf")


def example(text: str, label: str) -> Example:
    return Example({"text": text}, label)


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """A model that says good of what holds "fine", else bad."""
    folder = tmp_path / "exported"
    folder.mkdir()
    Settings("linear", ("text",), labels=TASK.labels).write(folder)
    (folder / "terms.json").write_text(json.dumps({"words": ["fine"]}))
    np.savez(
        folder / LINEAR,
        bias=np.array([0.0, -1.0], np.float32), sparse=np.array([[0, 1]], np.int8),
        scale=np.array([1.0, 2.0], np.float32), idf=np.array([1.0], np.float32),
    )  # fmt: skip
    return Exported(folder, "int8", 3, 100, ())


def folds(rows: int) -> tuple[Split, OutOfFold]:
    """Answers of score 0.9 that are right in nine cases of ten, and of 0.6 that are right in half of them."""
    train = tuple(
        example(f"row {n}", "good" if (n % 20 != 1 if n % 2 else n % 4) else "bad") for n in range(rows)
    )
    scores = tuple(0.9 if n % 2 else 0.6 for n in range(rows))
    parts = Split(train, (), (), "cross-validation", folds=tuple(n % 5 for n in range(rows)))
    said = ("good",) * rows
    return parts, OutOfFold(WINNER.student, tuple(range(rows)), said, scores, (0, 1, 2, 3, 4))


def calibrated(
    exported: Exported, tmp_path: Path, parts: Split, *found: OutOfFold, precision: float | None = None,
    task: Task = TASK,
) -> Exported:  # fmt: skip
    return calibrate(
        task, parts, WINNER, exported, *found, metric=Accuracy(), precision=precision, seed=0,
        run=Here(tmp_path / "run"),
    )  # type: ignore[arg-type]  # fmt: skip


def test_a_linear_model_is_calibrated_out_of_fold_and_answers_the_same(
    exported: Exported, tmp_path: Path
) -> None:
    parts, found = folds(400)
    other = OutOfFold("minilm", (0, 1), ("bad", "bad"), (1.0, 1.0), (0,))
    made = calibrated(exported, tmp_path, parts, other, found)
    assert made.calibrated == "calibrated on 400 training rows, out of fold"
    assert replace(made, model=exported.model, calibrated="") == exported
    before, after = (Predictor(each.model).predict([{"text": "fine"}]) for each in (exported, made))
    assert [each.output for each in after] == [each.output for each in before]
    assert after[0].score != before[0].score
    settings = Settings.read(made.model)
    assert settings.abstain == 0.0
    assert [wanted for wanted, _ in settings.precisions] == [0.9, 0.95, 0.99]
    assert Settings.read(exported.model).calibration is None  # what was picked is as it was


def test_a_precision_that_is_wanted_makes_it_abstain(exported: Exported, tmp_path: Path) -> None:
    parts, found = folds(400)
    settings = Settings.read(calibrated(exported, tmp_path, parts, found, precision=0.8).model)
    assert settings.abstain == dict(settings.precisions)[0.8]
    assert 0.6 < settings.abstain < 0.9  # the surer half, of which nine in ten are right


@pytest.mark.parametrize("rows", [0, 40])
def test_few_rows_calibrate_nothing(exported: Exported, tmp_path: Path, rows: int) -> None:
    parts, found = folds(rows)
    made = calibrated(exported, tmp_path, parts, *([found] if rows else []), precision=0.9)
    assert made.model == exported.model
    assert made.calibrated == f"not calibrated: {rows} rows were held out, 50 are needed"


def test_validation_rows_tell_nothing_of_a_linear_model_which_has_learnt_from_them(
    exported: Exported, tmp_path: Path
) -> None:
    rows = tuple(example("fine" if n % 3 else "dull", "good" if n % 2 else "bad") for n in range(90))
    made = calibrated(exported, tmp_path, Split((), rows, (), "gold"))
    assert made.calibrated.startswith("not calibrated: 0 rows")


def test_numbers_keep_their_scores(exported: Exported, tmp_path: Path) -> None:
    parts, found = folds(100)
    made = calibrated(exported, tmp_path, parts, found, task=replace(TASK, type=TaskType.REGRESSION))
    assert (made.model, made.calibrated) == (exported.model, "not calibrated: answers are numbers")
