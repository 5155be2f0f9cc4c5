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
from p2m.stages.afford import afford
from p2m.stages.baselines import baselines
from p2m.stages.compress import compress
from p2m.stages.cross_validate import MANY_ROWS, cross_validate
from p2m.stages.embed import embed
from p2m.stages.encoder import encoder
from p2m.stages.export import export
from p2m.stages.fold import fold
from p2m.stages.folds import joined_folds, none
from p2m.stages.halve import halve
from p2m.stages.latencies import latencies
from p2m.stages.linear_rung import linear_rung
from p2m.stages.paces import paces
from p2m.stages.pick import pick
from p2m.stages.rows import is_balanced, sample
from p2m.stages.rung import rung
from p2m.stages.samples import FEWEST_ROWS
from p2m.stages.solve import solve
from p2m.stages.train import train
from p2m.stages.within import TOO_SLOW, within
from p2m.students.linear_ensemble import LinearEnsemble
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.types import (
    Choosing,
    Embeddings,
    Encoder,
    Example,
    Exported,
    Field,
    Fit,
    Latencies,
    Latency,
    Lesson,
    LinearStudent,
    OutOfFold,
    Paces,
    Split,
    Student,
    Survivors,
    Task,
    TaskType,
    Trained,
    Training,
    Winner,
)

ROWS = tuple(random.Random(6).sample(rows_of(LABELS), 64))
FOLDS = tuple(n % 4 for n in range(64))
CROSSED = Split(ROWS, (), (), "cross-validation", folds=FOLDS)
JUDGED = Split(ROWS[:40], ROWS[40:50], ROWS[50:], "gold", folds=FOLDS[:40])
METRIC = Accuracy()
BRIEF = Training(epochs=1, batch_size=16, learning_rate=1e-3, max_length=40)


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
        found[name] = embed(LABELS, parts, base, pairs=False, run=Here(tmp_path_factory.mktemp("embed")))
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
        LABELS, parts, base, given, name="it", student=student, to_choose=True, metric=METRIC,
        run=Here(folder),
    )  # fmt: skip


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
    tuned = on_sample(tiny_minilm, tmp_path, CROSSED)
    assert tuned.rows == ()
    assert tuned.note.startswith("not tried: 64 rows of 2 labels are too few")
    assert f"from {FEWEST_ROWS} rows on" in tuned.note


def test_of_many_rows_one_fold_is_enough(tmp_path: Path) -> None:
    rows = tuple(Example({"text": f"{label} {n}"}, label) for n in range(1050) for label in ("no", "yes"))
    parts = Split(rows, (), (), "gold", folds=tuple(n % 5 for n in range(len(rows))))
    assert len(rows) > MANY_ROWS
    student = LinearTfidf(max_words=50, max_pieces=50)
    found = cross_validate(
        LABELS, parts, None, None, name="it", student=student, to_choose=True, metric=METRIC,
        run=Here(tmp_path),
    )  # fmt: skip
    assert found.folds == (0,)
    assert found.rows == tuple(range(0, len(rows), 5))


def estimated(
    number: int, folder: Path, *, student: MiniLM, trial: OutOfFold | None = None, winner: str = "it",
    parts: Split = CROSSED,
) -> OutOfFold:  # fmt: skip
    return fold(
        LABELS, parts, Winner(winner), trial, name="it", student=student, number=number, metric=METRIC,
        training=BRIEF, seed=0, run=Here(folder),
    )  # fmt: skip


def on_sample(
    student: Student, folder: Path, parts: Split, number: int = 2, survivors: Survivors | None = None,
    **choosing: Any,
) -> OutOfFold:  # fmt: skip
    """What a candidate says after a sample."""
    told: dict[str, Any] = {"name": "it", "student": student, "number": number, "metric": METRIC, "seed": 0,
                            "choosing": Choosing(**choosing), "run": Here(folder)}  # fmt: skip
    if isinstance(student, LinearStudent):
        return linear_rung(LABELS, parts, None, None, **told)
    return rung(LABELS, parts, survivors, training=replace(BRIEF, epochs=0.05), **told)


def test_a_fold_is_answered_by_a_student_that_learnt_from_the_others(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    one = estimated(2, tmp_path / "one", student=tiny_minilm)
    assert one.rows == tuple(n for n in range(64) if FOLDS[n] == 2)
    assert one.folds == (2,)
    outside = tuple(row for row, number in zip(ROWS, FOLDS, strict=True) if number != 2)
    alone = Split(outside, (), (), "gold")
    trained = train(
        LABELS, alone, None, None, name="it", student=tiny_minilm, metric=METRIC, training=BRIEF, seed=0,
        run=Here(tmp_path / "alone"),
    )  # fmt: skip
    assert trained.checkpoint is not None
    tiny_minilm.export(LABELS, LABELS.labels, trained.checkpoint, tmp_path / "export")
    said = Predictor(tmp_path / "export").predict([ROWS[n].input for n in one.rows])
    assert one.answers == tuple(each.output for each in said)
    assert one.confidences == pytest.approx([each.score for each in said], abs=0.02)


def test_a_fold_that_is_known_or_not_asked_for_costs_nothing(tiny_minilm: MiniLM, tmp_path: Path) -> None:
    one = estimated(0, tmp_path / "a", student=tiny_minilm)
    assert one.rows
    assert estimated(0, tmp_path / "b", student=tiny_minilm, trial=one).note == "known from choosing"
    assert estimated(1, tmp_path / "c", student=tiny_minilm, trial=one).rows
    untried = replace(one, rows=(), answers=(), confidences=(), folds=(), note="not tried")
    assert estimated(0, tmp_path / "d", student=tiny_minilm, trial=untried) == one
    assert estimated(7, tmp_path / "e", student=tiny_minilm).rows == ()
    aside = estimated(0, tmp_path / "f", student=tiny_minilm, parts=JUDGED)
    assert aside.note.startswith("the model is judged by rows")
    assert estimated(0, tmp_path / "g", student=tiny_minilm, winner="other").note == "other was taken"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c", "d"}, "another one learnt something"


MANY = tuple(
    Example({"text": f"{row.input['text']} {n}"}, row.output) for n in range(8) for row in rows_of(LABELS)
)
TRIED = Split(MANY, (), rows_of(LABELS), "gold", folds=tuple(n % 5 for n in range(len(MANY))))


def test_a_tuned_candidate_is_tried_where_rows_are_enough(tiny_minilm: MiniLM, tmp_path: Path) -> None:
    assert len(MANY) > FEWEST_ROWS
    found = on_sample(tiny_minilm, tmp_path / "all", TRIED)
    assert found.rows == tuple(range(0, len(MANY), 5))
    assert (found.folds, found.learnt) == ((0,), 0), "fewer rows than the last sample has are all learnt from"
    assert on_sample(tiny_minilm, tmp_path / "first", TRIED, 1).note == "the last sample is every row"
    few = on_sample(tiny_minilm, tmp_path / "few", TRIED, least_rows=30, sample=0.1)
    assert (few.rows, few.learnt) == (found.rows, round(0.1 * len([n for n in TRIED.folds if n])))
    assert "no folds" in on_sample(tiny_minilm, tmp_path, replace(TRIED, folds=())).note
    assert joined_folds([few]) is None, "what learnt from a sample judges no model and calibrates none"


def test_a_candidate_that_others_beat_on_a_smaller_sample_is_not_tried_on_a_larger_one(
    tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    others = Survivors(("other",), {"it": "worse"})
    said = on_sample(tiny_minilm, tmp_path / "a", TRIED, survivors=others, least_rows=30)
    assert (said.rows, said.note) == ((), "worse")
    assert not list(tmp_path.iterdir()), "it learnt something"


def test_linear_candidates_learn_from_the_same_samples_a_larger_one_holding_the_smaller(
    tmp_path: Path,
) -> None:
    taught = []
    for number in (1, 2):
        log = tmp_path / f"{number}.log"
        said = on_sample(Memory(max_words=50, max_pieces=50, log=str(log)), tmp_path / str(number), TRIED,
                         number, least_rows=30, sample=0.25)  # fmt: skip
        taught.append(set(json.loads(log.read_text().splitlines()[-1])))
        assert said.learnt == len(taught[-1])
        assert not taught[-1] & {MANY[row].input["text"] for row in said.rows}
    assert taught[0] < taught[1]
    assert len(taught[1]) == pytest.approx(3 * len(taught[0]), abs=2)
    whole = on_sample(LinearTfidf(), tmp_path / "w", TRIED, sample=1.0)
    assert whole.note == "the last sample is every row"


def test_the_better_half_goes_on_and_those_that_were_not_tried() -> None:
    right = [row.output for row in ROWS[:8]]
    wrong = ["no" if each == "yes" else "yes" for each in right]

    def said(name: str, good: int) -> OutOfFold:
        answers = tuple(right[:good] + wrong[good:])
        return OutOfFold(name, tuple(range(8)), answers, (0.5,) * 8, (0,), learnt=9)

    parts = Split(ROWS[:8], (), (), "gold")
    three = (said("a", 3), said("b", 8), said("c", 5))
    assert halve(parts, None, *three, metric=METRIC).students == ("b", "c")
    assert halve(parts, None, *three[:2], metric=METRIC).students == ("b",)
    assert halve(parts, None, *three, metric=METRIC).refused == {"a": "others did better on a smaller sample"}
    assert halve(parts, None, said("a", 1), none("d", "too few"), metric=METRIC).students == ("a", "d")
    slow = (said("a", 1), none("d", "too slow"))
    assert halve(parts, Survivors(("a",)), *slow, metric=METRIC).students == ("a",), "it would be trained"


def test_candidates_are_timed_before_training_and_the_slow_ones_do_not_pass(
    base: Encoder, small: LinearMiniLM, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    (tmp_path / "embed").mkdir()
    vectors = embed(LABELS, TRIED, base, pairs=False, run=Here(tmp_path / "embed"))
    students: dict[str, Student] = {"words": LinearTfidf(), "frozen": small, "tuned": tiny_minilm}
    found = latencies(
        LABELS, TRIED, base, vectors, students=students, compressor=Int8(), metric=METRIC, seed=0,
        run=Here(tmp_path),
    )  # fmt: skip
    assert set(found.students) == set(students)
    assert all(0 < each.p50 <= each.p95 and each.size_bytes > 1000 for each in found.students.values())
    known = Latencies({"a": Latency(1, 2, 9), "b": Latency(2, 3, 9), "c": Latency(3, 5, 9)}, 1, "")
    assert within(known, max_latency=3.0).students == ("a", "b")
    assert within(known, max_latency=0.1).students == ("a",), "the soonest, where none is quick enough"


def test_linear_answers_that_nobody_needs_are_not_made(
    vectors: dict[str, Embeddings], base: Encoder, tmp_path: Path
) -> None:
    """A student that alone can be taken is cross-validated where folds judge it, and only there."""
    log = tmp_path / "log"
    for parts, given, asked in ((CROSSED, "crossed", 64), (JUDGED, "judged", 0)):
        found = cross_validate(
            LABELS, parts, base, vectors[given], name="it", student=Memory(log=str(log)), to_choose=False,
            metric=METRIC, run=Here(tmp_path / given),
        )  # fmt: skip
        assert len(found.rows) == asked
    assert found.note.startswith("the model is judged by rows")
    assert len(log.read_text().splitlines()) == 4


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
    words = next(each for each in found.found if each.name == "words")
    said = tried(LinearTfidf(), vectors, base, tmp_path / "tried")
    assert words.answers == said.answers
    sample = replace(said, student="frozen", rows=said.rows[:9], answers=said.answers[:9])
    again = baselines(
        LABELS, CROSSED, base, vectors["crossed"], replace(said, student="words"), sample, students=students,
        metric=METRIC, run=Here(tmp_path),
    )  # fmt: skip
    assert again == found, "what was tried is taken, what was asked about a sample is not"
    assert [len(json.loads(line)) for line in log.read_text().splitlines()] == [48] * 4, "once a fold"
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


def solved(
    student: LinearStudent, base: Encoder, vectors: Embeddings, folder: Path, winner: Winner | None = None
) -> Trained:
    return solve(
        LABELS, JUDGED, winner, base, vectors, name="it", student=student, metric=METRIC, run=Here(folder)
    )


def test_a_linear_student_learns_from_validation_rows_too_and_is_exported_as_it_is(
    vectors: dict[str, Embeddings], base: Encoder, small: LinearMiniLM, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    given = vectors["judged"]
    trained = solved(Memory(log=str(log)), base, given, tmp_path / "w")
    assert len(json.loads(log.read_text())) == 50
    fit = trained.fit
    assert (fit.steps, fit.history, fit.environment) == (0, (), {"precision": "fp32"})
    frozen = solved(small, base, given, tmp_path / "f")
    assert frozen.fit.environment == {"precision": "int8"}
    assert frozen.fit.parameters > small.parameters
    assert (fit.cut, frozen.fit.cut) == (0, 0)
    assert (fit.rows, frozen.fit.rows) == (50, 50)
    narrow = solved(small, replace(base, window=8), given, tmp_path / "n")  # no row has so few tokens
    assert narrow.fit.cut == 50
    variant = export(LABELS, JUDGED, frozen, student=small, metric=METRIC, seed=0, run=Here(tmp_path / "c"))
    exported = pick(LABELS, variant, tolerance=0.02, max_size=None)
    assert exported.precision == "int8"
    assert [trial.name for trial in exported.variants] == ["int8"]  # its encoder is compressed already
    assert (exported.model / "model.onnx").read_bytes() == (base.folder / "model.onnx").read_bytes()
    assert exported.fit == frozen.fit


def test_a_linear_student_that_was_left_out_is_not_solved(
    vectors: dict[str, Embeddings], base: Encoder, small: LinearMiniLM, tmp_path: Path
) -> None:
    given = vectors["judged"]
    assert solved(small, base, given, tmp_path / "a", Winner("other")) == Trained(None)
    assert not (tmp_path / "a").exists()
    assert solved(small, base, given, tmp_path / "b", Winner("it")).checkpoint is not None


def exported_of(
    student: MiniLM, checkpoint: Path, parts: Split, run: Here, *, precision: str = "fp32",
    smaller: bool = False,
) -> Exported:  # fmt: skip
    trained = Trained(checkpoint, Fit(10, 5, 0.5, (), {"precision": precision}))
    scored: dict[str, Any] = {"metric": METRIC, "seed": 0, "run": run}
    variants = [export(LABELS, parts, trained, student=student, **scored)]
    if smaller:
        variants.append(compress(LABELS, parts, variants[0], compressor=Int8(), **scored))
    return pick(LABELS, *variants, tolerance=0.02, max_size=None)


def test_the_precision_of_an_export_is_not_that_of_its_training(
    tiny_minilm: MiniLM, exports: Any, tmp_path: Path
) -> None:
    checkpoint = exports["classification"][0]
    assert exported_of(tiny_minilm, checkpoint, JUDGED, Here(tmp_path), precision="bf16").precision == "fp32"


def test_where_no_row_is_set_aside_the_gate_judges_by_training_rows(
    tiny_minilm: MiniLM, exports: Any, tmp_path: Path
) -> None:
    run = Here(tmp_path)
    exported = exported_of(tiny_minilm, exports["classification"][0], CROSSED, run, smaller=True)
    answers = Predictor(tmp_path / "export").predict([row.input for row in ROWS])
    right = sum(answer.output == row.output for answer, row in zip(answers, ROWS, strict=True))
    assert exported.variants[0].score == pytest.approx(right / 64)
    assert [trial.name for trial in exported.variants] == ["fp32", "int8"]
    assert all("on training rows" in line for line in run.lines)


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


def test_probe_trainings_that_the_minutes_have_no_room_for_are_left_out(
    tiny_minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    students = {"a": tiny_minilm, "b": replace(tiny_minilm, window=30)}
    few: dict[str, Any] = {"students": students, "training": BRIEF, "seed": 0, "run": Here(tmp_path)}
    found = paces(LABELS, TRIED, choosing=Choosing(least_rows=60, rungs=1), **few).seconds
    assert set(found) == {"a", "b"}
    assert min(found.values()) > 0
    more = paces(LABELS, TRIED, choosing=Choosing(least_rows=60, rungs=2), **few).seconds
    assert set(more) == {"a", "b"}
    assert paces(LABELS, CROSSED, choosing=Choosing(), **few).seconds == {}, "these few rows try nobody"


def test_the_largest_student_whose_trainings_fit_comes_first_and_the_rest_gets_what_is_left() -> None:
    taking = Paces({"large": 500.0, "middle": 100.0, "small": 30.0})
    order = ("large", "middle", "small", "untried")
    found = afford(None, taking, students=order, minutes=2)
    assert found.students == ("middle", "untried")
    assert set(found.refused) == {"large", "small"}
    assert "choosing.minutes=2" in found.refused["small"]
    slow = Survivors(("large", "small", "untried"), {"middle": TOO_SLOW})
    found = afford(slow, taking, students=order, minutes=2)
    assert (found.students, found.refused["middle"]) == (("small", "untried"), TOO_SLOW)
    assert afford(None, taking, students=order, minutes=0).students == ("untried",)
