"""Linear students: what is solved is what is served, for any labels and any text, and without torch."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, QA, TEXT, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.deploy.serving.embeddings import open_encoder
from p2m.deploy.serving.linear import LINEAR, LinearHead
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.settings import BundleError
from p2m.stages.lessons import linear_answers
from p2m.students import linear, weights
from p2m.students.linear_ensemble import LinearEnsemble
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import Example, Field, Lesson, LinearStudent, Task, TaskType

FAMILIES = ("linear_tfidf", "linear_minilm", "linear_ensemble")
ROWS = rows_of(LABELS)
WORDS = ["Ada", "Rome", "lives", "is away", "Oslo?", "Quito!", "who", "Ben's", "7", "in"]


@pytest.fixture(scope="session")
def students(tiny_bert: Path) -> dict[str, LinearStudent]:
    tiny = {"model": str(tiny_bert), "sha256": "", "window": 40}
    return {
        "linear_tfidf": LinearTfidf(),
        "linear_minilm": LinearMiniLM(**tiny),  # type: ignore[arg-type]
        "linear_ensemble": LinearEnsemble(**tiny),  # type: ignore[arg-type]
    }


@pytest.fixture(scope="session")
def encoder(students: dict[str, LinearStudent], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    base = students["linear_minilm"].encoder
    assert base is not None
    base.export(folder)
    return folder


def vectors_of(task: Task, rows: Sequence[Example], encoder: Path) -> Any:
    fields = tuple(each.name for each in task.inputs)
    model = open_encoder(encoder, threads=1, max_length=40)
    return model.encode([joined(row.input, fields) for row in rows], batch_size=4)


def lesson(
    rows: Sequence[Example], encoder: Path, task: Task = LABELS, labels: Sequence[str] = (), *,
    balanced: bool = False,
) -> Lesson:  # fmt: skip
    vectors = vectors_of(task, rows, encoder)
    return Lesson(task, tuple(labels or task.labels), tuple(rows), vectors, encoder, balanced)


def texts(*pairs: tuple[str, str]) -> list[Example]:
    return [Example({"text": text}, label) for text, label in pairs]


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_solved_is_a_folder_that_answers_its_rows(
    name: str, students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    student = students[name]
    number = student.solve(lesson(ROWS, encoder), tmp_path / "solved")
    student.export(LABELS, LABELS.labels, tmp_path / "solved", tmp_path / "exported")
    answers = Predictor(tmp_path / "exported").predict([row.input for row in ROWS])
    right = sum(answer.output == row.output for answer, row in zip(answers, ROWS, strict=True))
    assert right >= (0.7 if name == "linear_minilm" else 0.95) * len(ROWS)  # the tiny encoder is random
    assert all(0.5 <= answer.score <= 1.0 for answer in answers)
    files = {path.name for path in (tmp_path / "solved").iterdir()}
    assert files == {path.name for path in (tmp_path / "exported").iterdir()}
    reads = name != "linear_tfidf"
    assert ({"model.onnx", "tokenizer.json"} <= files) is reads
    assert ("terms.json" in files) is (name != "linear_minilm")
    with np.load(tmp_path / "solved" / LINEAR) as arrays:
        own = sum(arrays[each].size for each in arrays.files if each not in ("scale", "idf"))
    assert number == own + (student.parameters if reads else 0)


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_to_known_vectors_are_those_of_the_folder(
    name: str, students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    lot = random.Random(3)
    asked = [Example({"text": " ".join(lot.choices(WORDS, k=lot.randint(1, 30)))}, "?") for _ in range(60)]
    students[name].solve(lesson(ROWS[:40], encoder), tmp_path)
    known = linear_answers(tmp_path, asked, vectors_of(LABELS, asked, encoder))
    served = Predictor(tmp_path).predict([row.input for row in asked])
    assert [answer.output for answer in known] == [answer.output for answer in served]
    assert [answer.score for answer in known] == pytest.approx([answer.score for answer in served], abs=1e-6)
    assert len({round(answer.score, 6) for answer in served}) > 10


def test_weights_in_eight_bits_cost_no_answer_beyond_near_ties(encoder: Path, tmp_path: Path) -> None:
    """Against scikit-learn's own logits in full precision over the same terms, on rows of 12 labels."""
    lot = random.Random(1)
    labels = [f"label {n}" for n in range(12)]
    vocabulary = ["".join(lot.choices("abcdefghij", k=5)) for _ in range(150)]

    def drawn(number: int) -> list[Example]:
        found = []
        for _ in range(number):
            place = lot.randrange(12)
            own = lot.choices(vocabulary[place * 5 : place * 5 + 20], k=3)
            found.append(Example({"text": " ".join([*own, *lot.choices(vocabulary, k=6)])}, labels[place]))
        return found

    learnt, asked = drawn(300), drawn(300)
    full = lesson(learnt, encoder, labels=labels)
    student = LinearTfidf(max_words=2000, max_pieces=4000)
    student.solve(full, tmp_path)
    head = LinearHead(tmp_path, 12)
    found = linear.terms(linear.texts_of(full), {"words": 2000, "pieces": 4000})
    exact = linear.logistic(found.matrix, full, strength=20.0, label_weight=2.0)
    matrix = found.matrix[: len(learnt)]  # after them come the words of the labels
    logits = head.logits([row.input["text"] for row in learnt], None)
    precise = matrix @ exact.matrix + exact.bias
    scale = np.abs(exact.matrix).max(axis=0) / 127
    error = np.asarray(np.abs(matrix).sum(axis=1)).reshape(-1, 1) * scale / 2 + 1e-4
    assert (np.abs(logits - precise) <= error).all()
    assert np.abs(logits - precise).max() < 0.2
    ordered = np.sort(precise, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * error.max(axis=1)
    assert clear.mean() > 0.9
    assert (logits.argmax(axis=1) == precise.argmax(axis=1))[clear].all()
    answers = Predictor(tmp_path).predict([row.input for row in asked])
    right = sum(answer.output == row.output for answer, row in zip(answers, asked, strict=True))
    assert right > 100  # of 300, where chance has 25


@pytest.mark.parametrize("name", FAMILIES)
def test_a_label_without_a_row_is_never_said(
    name: str, students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    labels = ("maybe", "no", "never", "yes")
    students[name].solve(lesson(ROWS, encoder, labels=labels), tmp_path)
    answers = Predictor(tmp_path).predict(
        [{"text": text} for text in ("Ada", "maybe never", "", "Ben, Rome")]
    )
    assert {answer.output for answer in answers} <= {"no", "yes"}
    assert all(0.5 <= answer.score <= 1.0 for answer in answers)
    two = tmp_path / "two"
    students[name].solve(lesson(ROWS, encoder), two)
    beside = Predictor(two).predict([row.input for row in ROWS])
    among = Predictor(tmp_path).predict([row.input for row in ROWS])
    assert [answer.output for answer in among] == [answer.output for answer in beside]


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_one_label_teach_that_label(
    name: str, students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    rows = [row for row in ROWS if row.output == "yes"][:5]
    students[name].solve(lesson(rows, encoder), tmp_path)
    answers = Predictor(tmp_path).predict([{"text": "Oslo"}, {"text": "qqq"}])
    assert [answer.output for answer in answers] == ["yes", "yes"]
    assert [answer.score for answer in answers] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("name", FAMILIES)
def test_three_labels_and_any_script(
    name: str, students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), ("день", "夜", "🌅 İ"))
    rows = texts(
        ("Доброе утро, солнце! 1", "день"), ("солнце ярко 2", "день"), ("солнце 3", "день"),
        ("月が綺麗ですね 4", "夜"), ("月と星 5", "夜"), ("月 6", "夜"),
        ("🌅🌅 STRASSE ß 7", "🌅 İ"), ("İ🌅 8", "🌅 İ"), ("🌅 9", "🌅 İ"),
    )  # fmt: skip
    students[name].solve(lesson(rows, encoder, task), tmp_path)
    answers = Predictor(tmp_path).predict([row.input for row in rows])
    assert {answer.output for answer in answers} <= set(task.labels)
    if name != "linear_minilm":  # whose tiny vocabulary has none of these characters
        assert [answer.output for answer in answers] == [row.output for row in rows]
        asked = Predictor(tmp_path).predict([{"text": "солнце?"}, {"text": "straße"}])
        assert [answer.output for answer in asked] == ["день", "🌅 İ"]


@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_has_an_answer(text: str, any_folder: Path) -> None:
    (answer,) = Predictor(any_folder).predict([{"text": text}])
    assert answer.output in LABELS.labels
    assert 0.5 <= answer.score <= 1.0


@pytest.fixture(scope="module")
def any_folder(
    students: dict[str, LinearStudent], encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("any")
    students["linear_ensemble"].solve(lesson(ROWS[:24], encoder), folder)
    return folder


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_rows_give_the_same_bytes(
    name: str, students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    digests = []
    for place in ("one", "two"):
        students[name].solve(lesson(ROWS, encoder), tmp_path / place)
        files = sorted((tmp_path / place).iterdir())
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert digests[0] == digests[1]
    students[name].solve(lesson(ROWS[:30], encoder), tmp_path / "other")
    assert hashlib.sha256((tmp_path / "other" / LINEAR).read_bytes()).hexdigest() != digests[0][LINEAR]


def test_where_rare_labels_count_as_much_they_are_said_more_often(encoder: Path, tmp_path: Path) -> None:
    lot = random.Random(8)
    rows = [
        Example({"text": " ".join(lot.choices(WORDS, k=3))}, "yes" if n % 12 == 0 else "no")
        for n in range(120)
    ]
    asked = [{"text": " ".join(lot.choices(WORDS, k=3))} for _ in range(200)]
    counts = []
    for balanced in (False, True):
        folder = tmp_path / str(balanced)
        LinearTfidf(strength=0.1).solve(lesson(rows, encoder, balanced=balanced), folder)
        counts.append(sum(answer.output == "yes" for answer in Predictor(folder).predict(asked)))
    assert counts[0] < counts[1]


def test_many_rows_without_a_common_word_are_told_apart_by_pieces(encoder: Path, tmp_path: Path) -> None:
    """From so many rows on, a term counts that stands in two of them; of words, here, there is none."""
    rows = tuple(
        Example({"text": f"{'AX' if n % 2 else 'QB'}{n}"}, "yes" if n % 2 else "no")
        for n in range(linear.MANY_ROWS)
    )
    LinearTfidf(max_pieces=500).solve(Lesson(LABELS, LABELS.labels, rows, None, None), tmp_path)
    answers = Predictor(tmp_path).predict([{"text": "AX99999"}, {"text": "QB77777"}])
    assert [answer.output for answer in answers] == ["yes", "no"]


def test_more_of_a_text_than_the_window_is_not_read(
    students: dict[str, LinearStudent], encoder: Path, tmp_path: Path
) -> None:
    students["linear_minilm"].solve(lesson(ROWS, encoder), tmp_path)
    model = Predictor(tmp_path)
    start = "Ada lives in Rome. " * 10
    one, two = model.predict([{"text": start}, {"text": start + "Ben Ben Ben"}])
    assert one == two


def test_linear_students_refuse_what_is_no_label_and_what_their_base_does_not_know() -> None:
    german = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), ("a", "b"), language="de")
    for student in (LinearTfidf(), LinearMiniLM(), LinearEnsemble()):
        for task in (QA, TEXT):
            assert "labels" in (student.refusal(task) or "")
        assert student.refusal(LABELS) is None
        assert isinstance(student, LinearStudent)
    assert LinearTfidf().refusal(german) is None
    for student in (LinearMiniLM(), LinearEnsemble()):
        assert "en" in (student.refusal(german) or "")


WITHOUT_TORCH = """
import sys
from dataclasses import replace
from pathlib import Path
from p2m.compression.int8 import Int8
from p2m.deploy.serving.embeddings import open_encoder
from p2m.deploy.serving.predictor import Predictor
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_tfidf import LinearTfidf
from p2m.types import Example, Field, Lesson, Task, TaskType

task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), ("no", "yes"))
pairs = [("Ada", "yes"), ("Ben", "no")] * 15
rows = tuple(Example({"text": f"{name} {n}"}, label) for n, (name, label) in enumerate(pairs))

def solve(folder, student):
    vectors = encoder = None
    if student.encoder:
        student.encoder.export(folder / "fp32")
        Int8().compress(folder / "fp32", folder / "int8")
        encoder = folder / "int8"
        reader = open_encoder(encoder, threads=1, max_length=40)
        vectors = reader.encode([row.input["text"] for row in rows], batch_size=8)
    student.solve(Lesson(task, task.labels, rows, vectors, encoder), folder / "solved")
    student.export(task, task.labels, folder / "solved", folder / "exported")
    answers = Predictor(folder / "exported").predict([{"text": "Ada 5"}, {"text": "Ben 4"}])
    print(*(answer.output for answer in answers))
    print(*sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "evaluate"}))


solve(Path(sys.argv[1], "words"), LinearTfidf())
solve(Path(sys.argv[1], "dense"), LinearMiniLM(model=sys.argv[2], sha256=sys.argv[3], window=40))
"""


def without_torch(folder: Path, model: str, sha256: str = "") -> list[str]:
    """Of a model over words, and then of one over that encoder: what it answers, and what was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(folder), model, sha256],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_words_and_an_encoder_are_solved_and_served_without_torch(tiny_bert: Path, tmp_path: Path) -> None:
    assert without_torch(tmp_path, str(tiny_bert)) == ["yes no", ""] * 2


@pytest.mark.slow
def test_the_real_encoder_is_exported_and_read_without_torch(tmp_path: Path) -> None:
    if weights.installed_folder() is None:
        pytest.skip("the embedded extra is not installed")
    assert without_torch(tmp_path, LinearMiniLM().model, LinearMiniLM().sha256) == ["yes no", ""] * 2


def test_the_words_of_labels_are_read_where_every_label_has_some() -> None:
    words = linear.label_words(["card_arrival", "PlayMusic", "top-up"])
    assert words == [
        "card arrival",
        "play music",
        "top up",
    ]
    assert linear.label_words(["yes", "no"]) == []  # one of two would be favoured
    assert linear.label_words(["1", "2", "3"]) == []
    assert linear.label_words(["возврат", "доставка"]) == ["возврат", "доставка"]


def test_a_label_without_a_row_is_known_by_its_words_unless_told_otherwise(tmp_path: Path) -> None:
    task = replace(LABELS, labels=("billing", "delivery", "returns"))
    rows = [Example({"text": f"about billing number {n}"}, "billing") for n in range(4)]
    rows += [Example({"text": f"the returns of parcel {n}"}, "returns") for n in range(4)]
    taught = Lesson(task, task.labels, tuple(rows), None, None)
    LinearTfidf().solve(taught, tmp_path / "two")
    assert Predictor(tmp_path / "two").predict([{"text": "delivery"}])[0].output == "delivery"
    LinearTfidf(label_weight=0.0).solve(taught, tmp_path / "none")
    assert Predictor(tmp_path / "none").predict([{"text": "delivery"}])[0].output != "delivery"


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "terms", "no terms", "labels"])
def test_a_damaged_linear_model_is_refused_by_name(damage: str, tmp_path: Path) -> None:
    rows = tuple(Example({"text": f"{word} {n}"}, label) for word, label in (("aye", "yes"), ("nay", "no"))
                 for n in range(4))  # fmt: skip
    LinearTfidf().solve(Lesson(LABELS, LABELS.labels, rows, None, None), tmp_path)
    arrays, terms, settings = (tmp_path / name for name in ("linear.npz", "terms.json", "predictor.json"))
    content = arrays.read_bytes()
    if damage == "cut":
        arrays.write_bytes(content[:500])
    elif damage == "empty":
        arrays.write_bytes(b"")
    elif damage == "flipped":
        arrays.write_bytes(content[:200] + bytes([content[200] ^ 255]) + content[201:])
    elif damage == "terms":
        terms.write_text('{"words": ["aye"]}')
    elif damage == "no terms":
        terms.write_text("[]")
    else:
        settings.write_text(settings.read_text().replace('"no",', '"no", "maybe",'))
    with pytest.raises(BundleError, match="not a linear model"):
        Predictor(tmp_path)
