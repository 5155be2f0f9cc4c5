"""The evaluate stage on a real exported folder: a bag-of-words classifier in ONNX, made here by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from p2m.deploy.serving.settings import Settings
from p2m.engine.handles import Device
from p2m.errors import DataError
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.macro_f1 import MacroF1
from p2m.stages.calibrate import calibrate
from p2m.stages.evaluate import evaluate
from p2m.types import (
    FEEDBACK,
    Baseline,
    Baselines,
    Examined,
    Example,
    Exported,
    Field,
    OutOfFold,
    Split,
    Task,
    TaskType,
    Winner,
)

TASK = Task(
    type=TaskType.CLASSIFICATION,
    instruction="",
    inputs=(Field("text"),),
    output=Field("label"),
    labels=("play", "stop"),
)
WORDS = {"[UNK]": 0, "song": 1, "halt": 2, "now": 3, "please": 4}
TEST = tuple(
    Example({"text": text}, label)
    for text, label in [
        ("song now", "play"),
        ("song please", "play"),
        ("halt", "stop"),
        ("song halt halt", "stop"),
        ("please song", "stop"),
    ]
)
TRAIN = (
    Example({"text": "halt please"}, "stop"),
    Example({"text": "halt it"}, "stop"),
    Example({"text": "song"}, "play"),
)
PARTS = Split(train=TRAIN, validation=(), test=TEST, evidence="gold")
WINNER = Winner("bag")
RIVALS = Baselines(
    (
        Baseline("majority", ("stop",) * 5, is_learnt=False),
        Baseline("linear_tfidf", ("play", "play", "stop", "stop", "stop"), is_learnt=True),
    )
)


@dataclass
class Here:
    """A run in a temporary folder that remembers its progress."""

    folder: Path
    device: Device = field(default_factory=lambda: Device(threads=1))
    seen: list[tuple[int, int]] = field(default_factory=list)

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.seen.append((done, total))

    def say(self, line: str) -> None: ...


def told(*answers: str, rows: tuple[Example, ...] = TEST) -> Examined:
    """What a teacher said to the rows, in another order than theirs."""
    pairs = [(row.input, answer) for row, answer in zip(rows, answers, strict=True)][::-1]
    return Examined("local model", tuple(row for row, _ in pairs), tuple(answer for _, answer in pairs))


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """logits = the sum of one row of weights per word, over words that are not padding."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path / "model"
    folder.mkdir()
    weights = np.array([[0, 0], [2, 0], [0, 2], [0, 0], [0, 0]], dtype=np.float32)
    names = ("input_ids", "attention_mask", "token_type_ids")
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["each", "wide"], ["kept"]),
        helper.make_node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["types", "last"], ["none"]),
        helper.make_node("Add", ["kept", "none"], ["both"]),
        helper.make_node("ReduceSum", ["both", "middle"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "bag",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "words"]) for name in names],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", 2])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.array([1]), "middle"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    Settings(kind="classification", fields=("text",), labels=TASK.labels).write(folder)
    return Exported(model=folder, precision="fp32", parameters=10, size_bytes=1, variants=())


def judge(exported: Exported, tmp_path: Path, *folds: OutOfFold, **given: object):  # type: ignore[no-untyped-def]
    metrics = (Accuracy(), MacroF1())
    settings = {"metrics": metrics, "bootstrap": 200, "seed": 0, "run": Here(tmp_path)}
    parts, winner = given.pop("parts", PARTS), given.pop("winner", WINNER)
    rivals, examined = given.pop("rivals", RIVALS), given.pop("examined", None)
    return evaluate(TASK, parts, winner, exported, rivals, examined, *folds, **{**settings, **given})  # type: ignore[arg-type]


def test_the_exported_model_is_scored_with_intervals_on_the_test_rows(
    exported: Exported, tmp_path: Path
) -> None:
    run = Here(tmp_path)
    found = judge(exported, tmp_path, run=run)
    accuracy, macro = found.scores
    assert (accuracy.metric, accuracy.value, accuracy.rows) == ("accuracy", 0.8, 5)
    assert accuracy.low < 0.8 < accuracy.high <= 1.0
    assert macro.metric == "macro_f1"
    assert macro.value == pytest.approx(0.8)
    assert found.evidence == "gold"
    assert (5, 5) in run.seen


def test_every_row_is_kept_with_what_was_said_and_whether_it_is_right(
    exported: Exported, tmp_path: Path
) -> None:
    rows = judge(exported, tmp_path).rows
    assert [row.predicted for row in rows] == ["play", "play", "stop", "stop", "play"]
    assert [row.correct for row in rows] == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert rows[0].confidence == pytest.approx(np.exp(2) / (np.exp(2) + 1))
    assert [row.input for row in rows] == [row.input for row in TEST]


def test_the_model_is_compared_with_every_rival_on_the_same_rows(exported: Exported, tmp_path: Path) -> None:
    found = judge(exported, tmp_path)
    assert found.baselines == {"majority": 0.6, "linear_tfidf": 1.0}
    trivial, learnt = found.comparisons
    assert (trivial.is_learnt, learnt.is_learnt) == (False, True)
    # It alone is right on rows 1 and 2, and the majority alone on row 5: of three coins two or more, 1/2.
    assert trivial.better == pytest.approx(1 / 2, abs=0.05)
    assert trivial.worse == pytest.approx(7 / 8, abs=0.05)
    assert trivial.needed is not None
    assert trivial.needed > 30
    assert learnt.better == 1.0  # it is never better
    assert learnt.worse == pytest.approx(1 / 2, abs=0.05)
    assert learnt.needed is None


def test_the_chosen_student_is_not_held_against_itself(exported: Exported, tmp_path: Path) -> None:
    found = judge(exported, tmp_path, winner=Winner("linear_tfidf"))
    assert set(found.baselines) == {"majority"}


# --------------------------------------------------------------------------- few rows: out of fold

CROSSED = Split(TEST, (), (), "cross-validation", folds=(0, 0, 1, 1, 1))
TRIED = (
    OutOfFold("bag", (0, 1), ("play", "stop"), (0.9, 0.6), (0,)),
    OutOfFold("other", (0, 1, 2, 3, 4), ("stop",) * 5, (1.0,) * 5, (0, 1)),
    OutOfFold("bag", (), (), (), note="known from choosing"),
    OutOfFold("bag", (2, 3, 4), ("stop", "stop", "play"), (0.8, 0.7, 0.5), (1,)),
)


def test_where_folds_judge_the_answers_are_those_of_the_chosen_student_out_of_fold(
    exported: Exported, tmp_path: Path
) -> None:
    untried = OutOfFold("untried", (), (), (), note="too few rows")
    found = judge(exported, tmp_path, *TRIED, untried, parts=CROSSED)
    assert [row.predicted for row in found.rows] == ["play", "stop", "stop", "stop", "play"]
    assert [row.confidence for row in found.rows] == [0.9, 0.6, 0.8, 0.7, 0.5]
    assert [row.output for row in found.rows] == [row.output for row in TEST]
    assert found.scores[0].value == pytest.approx(0.6)
    assert found.evidence == "cross-validation"
    assert found.tried == 2  # the same rows chose it among two
    assert found.out_of_fold is None  # which the figure itself is


def test_where_folds_judge_rows_that_people_judged_in_service_do_not(
    exported: Exported, tmp_path: Path
) -> None:
    rows = (replace(TEST[0], source=FEEDBACK), *TEST[1:4], replace(TEST[4], source=FEEDBACK))
    found = judge(exported, tmp_path, *TRIED, parts=replace(CROSSED, train=rows))
    assert [row.input for row in found.rows] == [row.input for row in TEST[1:4]]
    assert [row.predicted for row in found.rows] == ["stop", "stop", "stop"]
    right = [row.output for row in TEST[1:4]]
    assert found.baselines["linear_tfidf"] == pytest.approx(
        sum(a == b for a, b in zip(("play", "stop", "stop"), right, strict=True)) / 3
    )
    every = replace(CROSSED, train=tuple(replace(row, source=FEEDBACK) for row in TEST))
    assert len(judge(exported, tmp_path, *TRIED, parts=every).rows) == 5


def test_rows_of_their_own_were_not_chosen_by(exported: Exported, tmp_path: Path) -> None:
    found = judge(exported, tmp_path, *TRIED, parts=replace(CROSSED, test=TEST, evidence="gold"))
    assert found.tried == 1
    assert found.scores[0].value == pytest.approx(0.8)
    assert found.out_of_fold == pytest.approx(0.6)
    assert judge(exported, tmp_path).out_of_fold is None  # nothing was compared


def test_more_candidates_ask_for_more_rows(exported: Exported, tmp_path: Path) -> None:
    one, five = (
        judge(exported, tmp_path, *TRIED, *others, parts=CROSSED,
              rivals=Baselines((Baseline("majority", ("play",) * 5, is_learnt=False),)))
        for others in ((), [replace(TRIED[1], student=name) for name in "abc"])
    )  # fmt: skip
    assert one.comparisons[0].better == five.comparisons[0].better
    assert one.comparisons[0].needed < five.comparisons[0].needed


def test_a_row_that_no_fold_answered_is_an_error(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="bag was asked about 2 of 5 rows"):
        judge(exported, tmp_path, TRIED[0], parts=CROSSED)
    with pytest.raises(DataError, match="bag was asked about 0 of 5 rows"):
        judge(exported, tmp_path, TRIED[1], parts=CROSSED)


def test_the_teacher_stands_beside_the_model_on_the_same_rows(exported: Exported, tmp_path: Path) -> None:
    found = judge(exported, tmp_path, examined=told("play", "stop", "stop", "stop", "stop"))
    assert found.teacher is not None
    assert found.teacher_note == "local model on the same 5 rows"
    assert (found.teacher.value, found.teacher.student) == (0.8, 0.8)
    assert (found.teacher.difference.value, found.teacher.ratio.value) == (0.0, 1.0)  # type: ignore[union-attr]
    # Each alone is right on one row: swapped or not, half of the four arrangements show no difference.
    assert found.teacher.better == pytest.approx(3 / 4, abs=0.05)
    assert found.teacher.worse == pytest.approx(3 / 4, abs=0.05)


def test_of_rows_that_the_teacher_did_not_answer_the_comparison_knows_nothing(
    exported: Exported, tmp_path: Path
) -> None:
    some = told("stop", "stop", rows=(TEST[0], TEST[4]))  # the model is right on the first of them
    elsewhere = replace(
        some, inputs=(*some.inputs, {"text": "of another file"}), answers=(*some.answers, "x")
    )
    found = judge(exported, tmp_path, examined=elsewhere)
    assert found.teacher is not None
    assert found.teacher_note == "local model on the same 2 of 5 rows"
    assert (found.teacher.rows, found.teacher.value, found.teacher.student) == (2, 0.5, 0.5)
    assert found.scores[0].value == 0.8  # which stays the figure of all rows


def test_where_no_teacher_is_beside_the_model_the_reason_is_told(exported: Exported, tmp_path: Path) -> None:
    everything = told(*(row.output for row in TEST))
    for given, note in (
        ({}, "not applicable: no teacher that answers rows of others"),
        (
            {"examined": everything, "parts": replace(PARTS, evidence="synthetic")},
            "not applicable: the rows that judge were generated with their answers",
        ),
        (
            {"examined": Examined("local model", note="constraints.max_cost=1")},
            "not asked: constraints.max_cost=1",
        ),
    ):
        found = judge(exported, tmp_path, **given)
        assert (found.teacher, found.teacher_note) == (None, note)


def test_evaluation_repeats_itself(exported: Exported, tmp_path: Path) -> None:
    assert judge(exported, tmp_path) == judge(exported, tmp_path)
    few = [judge(exported, tmp_path, seed=seed, bootstrap=3).scores[0].low for seed in range(8)]
    assert len(set(few)) > 1


def test_another_right_answer_counts(exported: Exported, tmp_path: Path) -> None:
    lenient = replace(PARTS, test=(*TEST[:4], replace(TEST[4], also=("play",))))
    assert judge(exported, tmp_path, parts=lenient).scores[0].value == 1.0


def test_it_is_the_exported_folder_that_is_judged(exported: Exported, tmp_path: Path) -> None:
    settings = json.loads((exported.model / "predictor.json").read_text())
    settings["labels"] = ["stop", "play"]
    (exported.model / "predictor.json").write_text(json.dumps(settings))
    assert judge(exported, tmp_path).scores[0].value == pytest.approx(0.2)


def test_no_test_row_is_an_error(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.test"):
        judge(exported, tmp_path, parts=replace(PARTS, test=()))


# --------------------------------------------------------------------------- how sure


def test_validation_rows_calibrate_the_scores_and_test_rows_say_how_well(
    exported: Exported, tmp_path: Path
) -> None:
    unknown = tuple(Example({"text": "unheard"}, label) for label in TASK.labels)  # 0.5, and half are right
    rows = TEST[:4] * 10 + unknown * 30
    parts = replace(PARTS, validation=rows, test=rows)
    made = calibrate(
        TASK, parts, WINNER, exported, metric=Accuracy(), precision=0.9, seed=0,
        run=Here(tmp_path / "run"),  # type: ignore[arg-type]
    )  # fmt: skip
    assert made.calibrated == "calibrated on 100 validation rows"
    raw, found = (judge(each, tmp_path, parts=parts, rivals=Baselines(())) for each in (exported, made))
    assert raw.sureness is None
    assert found.sureness is not None
    assert found.sureness.error < found.sureness.before
    assert [row.predicted for row in found.rows] == [row.predicted for row in raw.rows]
    assert [row.confidence for row in found.rows] != [row.confidence for row in raw.rows]


def test_where_folds_judge_scores_are_looked_at_by_the_other_half(exported: Exported, tmp_path: Path) -> None:
    random, rows = Random(0), TEST * 80
    right = [n % 40 != 1 if n % 2 else n % 4 == 0 for n in range(len(rows))]
    said = tuple(row.output if is_so else "neither" for row, is_so in zip(rows, right, strict=True))
    scores = tuple(0.7 if n % 2 else 0.6 for n in range(len(rows)))
    parts = Split(rows, (), (), "cross-validation", folds=tuple(random.choices(range(4), k=len(rows))))
    found = OutOfFold("bag", tuple(range(len(rows))), said, scores, (0, 1, 2, 3))
    made = calibrate(
        TASK, parts, WINNER, exported, found, metric=Accuracy(), precision=None, seed=0,
        run=Here(tmp_path / "run"),  # type: ignore[arg-type]
    )  # fmt: skip
    sureness = judge(made, tmp_path, found, parts=parts, rivals=Baselines(())).sureness
    assert sureness is not None
    assert sureness.error < 0.05 < sureness.before
    (nine,) = (each for each in sureness.coverages if each.wanted == 0.9)
    assert (nine.share, nine.precision) == (pytest.approx(0.5), pytest.approx(0.95, abs=0.02))


def test_some_rows_are_written_otherwise_and_asked_of_the_exported_model(
    exported: Exported, tmp_path: Path
) -> None:
    found = {each.what: each for each in judge(exported, tmp_path).rewritten}
    assert set(found) == {"typing errors", "lower case", "upper case", "surplus blanks"}
    assert all((each.rows, each.before) == (5, 0.8) for each in found.values())
    assert (found["surplus blanks"].after, found["surplus blanks"].same) == (0.8, 1.0)
    errors = found["typing errors"]  # it knows four words as they are spelt
    assert errors.after < errors.before
    assert errors.difference.value == pytest.approx(errors.after - errors.before)
    folded = judge(exported, tmp_path, *TRIED, parts=CROSSED)
    assert folded.scores[0].value == pytest.approx(0.6)
    assert folded.rewritten[0].before == 0.8  # of the exported model, not of those out of fold
