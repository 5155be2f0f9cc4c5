"""Encoder, embeddings, folds, baselines and linear training: every answer is of a model that had not seen the
row, and what is embedded once serves all.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, TEXT, Here, rows_of

from p2m.compression.int8 import Int8
from p2m.deploy.serving.predictor import Predictor
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.macro_f1 import MacroF1
from p2m.stages.baselines import baselines
from p2m.stages.compress import compress
from p2m.stages.cross_validate import FEWEST_ROWS, MANY_ROWS, cross_validate
from p2m.stages.embed import embed
from p2m.stages.encoder import encoder
from p2m.stages.fold import fold
from p2m.stages.lessons import is_balanced, sample
from p2m.stages.train import train
from p2m.students.linear_ensemble import LinearEnsemble
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.types import (
    Choice,
    Constraints,
    Embeddings,
    Encoder,
    Example,
    Field,
    Lesson,
    LinearStudent,
    OutOfFold,
    Split,
    Task,
    TaskType,
    Trained,
    Training,
)

ROWS = tuple(random.Random(6).sample(rows_of(LABELS), 64))
FOLDS = tuple(n % 4 for n in range(64))
CROSSED = Split(ROWS, (), (), "cross-validation", folds=FOLDS)
JUDGED = Split(ROWS[:40], ROWS[40:50], ROWS[50:], "gold", folds=FOLDS[:40])
METRIC = Accuracy()
LEARNING: dict[str, Any] = {"metric": METRIC, "training": Training(max_length=40), "seed": 0}


@dataclass(frozen=True)
class Memory(LinearTfidf):
    """A linear student that writes down which rows it was taught."""

    log: str = ""

    def solve(self, lesson: Lesson, target: Path) -> int:
        with Path(self.log).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([row.input["text"] for row in lesson.rows]) + "\n")
        return super().solve(lesson, target)


@pytest.fixture(scope="module")
def small(tiny_bert: Path) -> LinearMiniLM:
    return LinearMiniLM(model=str(tiny_bert), sha256="", window=40)


@pytest.fixture(scope="module")
def base(small: LinearMiniLM, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    run = Here(tmp_path_factory.mktemp("encoder"))
    return encoder(base=small.encoder, compressor=Int8(), run=run)


@pytest.fixture(scope="module")
def vectors(base: Encoder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Embeddings]:
    found = {}
    for name, parts in (("crossed", CROSSED), ("judged", JUDGED)):
        found[name] = embed(LABELS, parts, base, run=Here(tmp_path_factory.mktemp("embed")))
    return found


# --------------------------------------------------------------------------- encoder and embeddings


def test_an_encoder_is_exported_and_made_smaller_once(
    base: Encoder, small: LinearMiniLM, tmp_path: Path
) -> None:
    assert (base.precision, base.window) == ("int8", 40)
    assert {path.name for path in base.folder.iterdir()} == {"model.onnx", "tokenizer.json"}
    run = Here(tmp_path)
    full = encoder(base=small.encoder, compressor=None, run=run)
    assert full.precision == "fp32"
    assert (full.folder / "model.onnx").stat().st_size > (base.folder / "model.onnx").stat().st_size
    assert len(run.lines) == 1
    again = encoder(base=small.encoder, compressor=None, run=run)  # over what a kill left
    assert (again.folder / "model.onnx").read_bytes() == (full.folder / "model.onnx").read_bytes()


def test_rows_are_embedded_in_their_order_by_part(vectors: dict[str, Embeddings], base: Encoder) -> None:
    with np.load(vectors["judged"].vectors) as arrays, np.load(vectors["crossed"].vectors) as whole:
        assert {name: len(arrays[name]) for name in arrays.files} == {
            "train": 40,
            "validation": 10,
            "test": 14,
            "labels": 0,  # "no" and "yes" say nothing
        }
        assert arrays["train"].dtype == np.float32
        assert np.linalg.norm(arrays["train"], axis=1) == pytest.approx(np.ones(40), abs=1e-5)
        together = np.concatenate([arrays[name] for name in ("train", "validation", "test")])
        assert np.abs(together - whole["train"]).max() < 1e-6
        assert len(whole["test"]) == 0


# --------------------------------------------------------------------------- folds


def tried(
    student: LinearStudent,
    vectors: dict[str, Embeddings],
    base: Encoder,
    folder: Path,
    parts: Split = CROSSED,
) -> OutOfFold:
    given = vectors["crossed" if parts is CROSSED else "judged"]
    return cross_validate(
        LABELS, parts, base, given, name="it", student=student, **LEARNING, run=Here(folder)
    )


def test_no_row_is_answered_by_a_model_that_has_seen_it(
    vectors: dict[str, Embeddings], base: Encoder, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    found = tried(Memory(log=str(log)), vectors, base, tmp_path / "run")
    taught = [set(json.loads(line)) for line in log.read_text().splitlines()]
    assert found.rows == tuple(range(64))
    assert found.folds == (0, 1, 2, 3)
    assert len(taught) == 4
    for number, rows in enumerate(taught):
        inside = {row.input["text"] for row, held in zip(ROWS, FOLDS, strict=True) if held == number}
        assert not rows & inside
        assert len(rows) == 48


def test_an_answer_out_of_fold_is_that_of_a_model_solved_without_the_fold(
    vectors: dict[str, Embeddings], base: Encoder, small: LinearMiniLM, tiny_bert: Path, tmp_path: Path
) -> None:
    both = LinearEnsemble(model=str(tiny_bert), sha256="", window=40)
    with np.load(vectors["crossed"].vectors) as arrays:
        known = arrays["train"]
    for place, student in enumerate((LinearTfidf(), small, both)):
        found = tried(student, vectors, base, tmp_path / f"run{place}")
        outside = [n for n in range(64) if FOLDS[n] != 2]
        lesson = Lesson(
            LABELS, LABELS.labels, tuple(ROWS[n] for n in outside),
            known[outside] if student.encoder else None, base.folder,
        )  # fmt: skip
        student.solve(lesson, tmp_path / f"solved{place}")
        inside = [n for n in range(64) if FOLDS[n] == 2]
        answers = Predictor(tmp_path / f"solved{place}").predict([ROWS[n].input for n in inside])
        assert [found.answers[n] for n in inside] == [answer.output for answer in answers]
        assert [found.confidences[n] for n in inside] == pytest.approx([a.score for a in answers], abs=1e-5)


def test_without_folds_and_of_few_rows_a_candidate_is_not_tried(
    vectors: dict[str, Embeddings], base: Encoder, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    bare = tried(LinearTfidf(), vectors, base, tmp_path, parts=replace(JUDGED, folds=()))
    assert bare.rows == ()
    assert "no folds" in bare.note
    tuned = tried(tiny_minilm, vectors, base, tmp_path)  # type: ignore[arg-type]
    assert tuned.rows == ()
    assert tuned.note.startswith("not tried: 64 rows of 2 labels are too few")
    assert f"from {FEWEST_ROWS} rows on" in tuned.note


def test_of_many_rows_one_fold_is_enough(tmp_path: Path) -> None:
    rows = tuple(Example({"text": f"{label} {n}"}, label) for n in range(1050) for label in ("no", "yes"))
    parts = Split(rows, (), (), "gold", folds=tuple(n % 5 for n in range(len(rows))))
    assert len(rows) > MANY_ROWS
    student = LinearTfidf(max_words=50, max_pieces=50)
    found = cross_validate(
        LABELS, parts, None, None, name="it", student=student, **LEARNING, run=Here(tmp_path)
    )
    assert found.folds == (0,)
    assert found.rows == tuple(range(0, len(rows), 5))


def estimated(
    number: int, folder: Path, *tried: OutOfFold, student: Any = None, parts: Split = CROSSED
) -> OutOfFold:
    students = {"it": student or LinearTfidf()}
    return fold(
        LABELS, parts, Choice("it", ()), None, None, *tried, number=number, students=students, **LEARNING,
        run=Here(folder),
    )  # fmt: skip


def test_folds_one_by_one_say_what_the_cross_validation_says(
    vectors: dict[str, Embeddings], base: Encoder, tmp_path: Path
) -> None:
    whole = tried(LinearTfidf(), vectors, base, tmp_path / "whole")
    for number in range(4):
        one = estimated(number, tmp_path / str(number))
        assert one.rows == tuple(n for n in range(64) if FOLDS[n] == number)
        assert one.answers == tuple(whole.answers[n] for n in one.rows)


def test_a_fold_that_is_known_or_not_asked_for_costs_nothing(tmp_path: Path) -> None:
    one = estimated(0, tmp_path / "a")
    assert estimated(0, tmp_path / "b", one).note == "known from choosing"
    assert estimated(1, tmp_path / "c", one).rows
    assert estimated(0, tmp_path / "d", replace(one, student="other")).rows
    assert estimated(7, tmp_path / "e").rows == ()
    assert estimated(0, tmp_path / "f", parts=JUDGED).note.startswith("the model is judged by rows")


# --------------------------------------------------------------------------- baselines


def test_baselines_answer_every_judged_row_without_having_seen_it(
    vectors: dict[str, Embeddings], base: Encoder, small: LinearMiniLM, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    students = {"words": Memory(log=str(log)), "frozen": small}
    found = baselines(
        LABELS, CROSSED, base, vectors["crossed"], students=students, metric=METRIC, run=Here(tmp_path)
    )
    assert {each.name: each.is_learnt for each in found.found} == {
        "majority": False, "nearest": False, "words": True, "frozen": True,
    }  # fmt: skip
    for each in found.found:
        assert len(each.answers) == 64
        assert set(each.answers) <= {"no", "yes"}
    assert [len(json.loads(line)) for line in log.read_text().splitlines()] == [48] * 4
    words = next(each for each in found.found if each.name == "words")
    assert words.answers == tried(LinearTfidf(), vectors, base, tmp_path / "tried").answers
    majority = next(each for each in found.found if each.name == "majority")
    assert len(set(majority.answers)) == 1  # of all rows: a fold's own would be what that fold lacks


def test_baselines_learn_from_all_rows_but_those_that_were_set_aside_to_judge(
    vectors: dict[str, Embeddings], base: Encoder, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    found = baselines(
        LABELS, JUDGED, base, vectors["judged"], students={"words": Memory(log=str(log))}, metric=METRIC,
        run=Here(tmp_path),
    )  # fmt: skip
    (taught,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert taught == [row.input["text"] for row in (*JUDGED.train, *JUDGED.validation)]
    assert all(len(each.answers) == 14 for each in found.found)


def test_a_task_without_labels_has_trivial_baselines_alone(tmp_path: Path) -> None:
    parts = Split(rows_of(TEXT)[:40], (), rows_of(TEXT)[40:], "gold")
    found = baselines(TEXT, parts, None, None, students={}, metric=METRIC, run=Here(tmp_path))
    assert [each.name for each in found.found] == ["majority", "nearest", "copy"]


# --------------------------------------------------------------------------- training and export


def test_a_linear_student_learns_from_validation_rows_too_and_is_exported_as_it_is(
    vectors: dict[str, Embeddings], base: Encoder, small: LinearMiniLM, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    students = {"words": Memory(log=str(log)), "frozen": small}
    given = (base, vectors["judged"])
    trained = train(
        LABELS, JUDGED, Choice("words", ()), *given, students=students, **LEARNING, run=Here(tmp_path / "w")
    )
    assert len(json.loads(log.read_text())) == 50
    assert (trained.steps, trained.history, trained.environment) == (0, (), {"precision": "fp32"})
    frozen = train(
        LABELS, JUDGED, Choice("frozen", ()), *given, students=students, **LEARNING, run=Here(tmp_path / "f")
    )
    assert frozen.environment == {"precision": "int8"}
    assert frozen.parameters > small.parameters
    assert (trained.cut, frozen.cut) == (0, 0)
    narrow = (replace(base, window=8), vectors["judged"])  # of which no row has so few tokens
    cut = train(
        LABELS, JUDGED, Choice("frozen", ()), *narrow, students=students, **LEARNING, run=Here(tmp_path / "n")
    )
    assert cut.cut == 50
    exported = compress(
        LABELS, JUDGED, Choice("frozen", ()), frozen, students=students, compressors={"int8": Int8()},
        metric=METRIC, tolerance=0.02, constraints=Constraints(), seed=0, run=Here(tmp_path / "c"),
    )  # fmt: skip
    assert exported.precision == "int8"
    assert [trial.name for trial in exported.trials] == ["int8"]  # its encoder is compressed already
    assert (exported.model / "model.onnx").read_bytes() == (base.folder / "model.onnx").read_bytes()


def test_the_precision_of_an_export_is_not_that_of_its_training(
    tiny_minilm: MiniLM, exports: Any, tmp_path: Path
) -> None:
    trained = Trained(exports["classification"][0], 10, 5, 0.5, (), {"precision": "bf16"})
    exported = compress(
        LABELS, JUDGED, Choice("minilm", ()), trained, students={"minilm": tiny_minilm}, compressors={},
        metric=METRIC, tolerance=0.02, constraints=Constraints(), seed=0, run=Here(tmp_path),
    )  # fmt: skip
    assert exported.precision == "fp32"


def test_where_no_row_is_set_aside_the_gate_judges_by_training_rows(
    tiny_minilm: MiniLM, exports: Any, tmp_path: Path
) -> None:
    trained = Trained(exports["classification"][0], 10, 5, 0.5, (), {})
    run = Here(tmp_path)
    exported = compress(
        LABELS, CROSSED, Choice("minilm", ()), trained, students={"minilm": tiny_minilm},
        compressors={"int8": Int8()}, metric=METRIC, tolerance=0.02, constraints=Constraints(), seed=0,
        run=run,
    )  # fmt: skip
    answers = Predictor(tmp_path / "export" / "fp32").predict([row.input for row in ROWS])
    right = sum(answer.output == row.output for answer, row in zip(answers, ROWS, strict=True))
    assert exported.trials[0].score == pytest.approx(right / 64)
    assert "on training rows" in run.lines[0]


# --------------------------------------------------------------------------- samples


def test_a_sample_has_as_many_of_each_label_as_may_be_and_hangs_on_the_seed() -> None:
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"))
    rows = [Example({"text": str(n)}, "rare" if n % 10 == 0 else "common") for n in range(500)]
    found = sample(task, rows, 100, 0)
    assert len(found) == len({row.input["text"] for row in found}) == 100
    assert sum(row.output == "rare" for row in found) == pytest.approx(10, abs=1)
    assert sample(task, rows, 100, 0) == found
    assert sample(task, rows, 100, 1) != found
    assert sample(task, rows, 500, 0) == rows
    assert len(sample(TEXT, rows, 7, 0)) == 7


def test_training_weighs_labels_alike_where_the_metric_does() -> None:
    assert is_balanced(MacroF1())
    assert not is_balanced(METRIC)
