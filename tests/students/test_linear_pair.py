"""Whether two inputs say the same is learnt from how embeddings compare, and served as it was learnt."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import LABELS, QA, Here

from p2m.compression.int8 import Int8
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import sides
from p2m.deploy.serving.settings import Settings
from p2m.metrics.accuracy import Accuracy
from p2m.stages.cross_validate import cross_validate
from p2m.stages.embed import embed, paired
from p2m.stages.encoder import encoder
from p2m.stages.solve import solve
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.linear_pair import LinearPair
from p2m.types import (
    Embeddings,
    Encoder,
    Example,
    Field,
    LinearStudent,
    OutOfFold,
    PairStudent,
    Split,
    Task,
    TaskType,
)

TASK = Task(
    TaskType.CLASSIFICATION, "Say whether they ask the same.", (Field("first"), Field("second")),
    Field("same"), ("no", "yes"),
)  # fmt: skip
THINGS = (
    ("card", "refund", "passport", "invoice"), ("mortgage", "password", "transfer", "statement"),
    ("branch", "parcel", "ticket", "hotel"), ("dentist", "garden", "violin", "bicycle"),
)  # fmt: skip
WAYS = ("Where is my {}?", "I need help with a {}, please.", "What about the {}", "The {} never came.")


def pairs(number: int, seed: int) -> tuple[Example, ...]:
    """Two sentences each, every second row on one thing; row n is of group n // 2 % 4 of the things."""
    lot, found = random.Random(seed), []
    for n in range(number):
        one, other = lot.sample(THINGS[n // 2 % len(THINGS)], 2)
        first, second = lot.sample(WAYS, 2)
        given = {"first": first.format(one), "second": second.format((other, one)[n % 2])}
        found.append(Example(given, ("no", "yes")[n % 2]))
    return tuple(found)


FOLDS = tuple(n // 2 % len(THINGS) for n in range(60))  # each is asked about things that it was not taught
PARTS = Split(pairs(60, 1), pairs(6, 2), pairs(40, 3), "gold", folds=FOLDS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return encoder(
        base=LinearMiniLM().encoder, compressor=Int8(), run=Here(tmp_path_factory.mktemp("encoder"))
    )


@pytest.fixture(scope="module")
def vectors(base: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    return embed(TASK, PARTS, base, pairs=True, run=Here(tmp_path_factory.mktemp("embed")))


def asked(student: LinearStudent, base: Encoder, vectors: Embeddings, folder: Path) -> OutOfFold:
    return cross_validate(
        TASK, PARTS, base, vectors, name="it", student=student, to_choose=True, metric=Accuracy(),
        run=Here(folder),
    )  # fmt: skip


def test_what_an_embedding_of_both_does_not_tell_their_difference_tells(
    base: Encoder, vectors: Embeddings, tmp_path: Path
) -> None:
    right = {}
    for name, student in (("apart", LinearPair()), ("joined", LinearMiniLM())):
        said = asked(student, base, vectors, tmp_path / name)
        right[name] = np.mean(
            [PARTS.train[row].output == text for row, text in zip(said.rows, said.answers, strict=True)]
        )
    assert right["apart"] >= 0.9
    assert right["joined"] <= right["apart"] - 0.2


def test_rows_are_compared_in_their_order_by_part(base: Encoder, vectors: Embeddings, tmp_path: Path) -> None:
    with np.load(vectors.vectors) as arrays:
        width = arrays["train"].shape[1]
        assert [arrays[paired(part)].shape for part in ("train", "validation", "test")] == [
            (60, 2 * width + 1), (6, 2 * width + 1), (40, 2 * width + 1)
        ]  # fmt: skip
        swapped = tuple(
            replace(row, input={"first": row.input["second"], "second": row.input["first"]})
            for row in PARTS.test
        )
        turned = embed(TASK, replace(PARTS, train=swapped), base, pairs=True, run=Here(tmp_path))
        with np.load(turned.vectors) as others:  # which of the two comes first says nothing
            assert np.abs(others[paired("train")] - arrays[paired("test")]).max() < 1e-6


def test_what_is_solved_is_what_is_served(base: Encoder, vectors: Embeddings, tmp_path: Path) -> None:
    student = LinearPair()
    trained = solve(
        TASK, PARTS, None, base, vectors, name="it", student=student, metric=Accuracy(), run=Here(tmp_path)
    )
    assert trained.checkpoint is not None
    assert (trained.fit.rows, trained.fit.cut) == (66, 0)
    student.export(TASK, TASK.labels, trained.checkpoint, tmp_path / "served")
    assert Settings.read(tmp_path / "served").compares
    rows = [row.input for row in PARTS.test]
    found = Predictor(tmp_path / "served").predict(rows)
    assert np.mean([one.output == row.output for one, row in zip(found, PARTS.test, strict=True)]) >= 0.9
    together = Predictor(tmp_path / "served").predict(rows, batch_size=8)
    assert [each.output for each in together] == [each.output for each in found]
    short = replace(
        base, window=6
    )  # of each input by itself: some have more tokens, none as many as both have
    cut = solve(
        TASK, PARTS, None, short, vectors, name="it", student=student, metric=Accuracy(), run=Here(tmp_path)
    )
    assert 0 < cut.fit.cut < 66


def test_two_texts_in_one_input_are_read_apart(base: Encoder, vectors: Embeddings, tmp_path: Path) -> None:
    """As two inputs are, in training and where it is served."""

    def as_one(rows: tuple[Example, ...]) -> tuple[Example, ...]:
        text = "Message 1: {first} Message 2: {second}"
        return tuple(replace(row, input={"text": text.format(**row.input)}) for row in rows)

    task = replace(TASK, inputs=(Field("text"),), parts=("Message 1:", "Message 2:"))
    parts = replace(PARTS, **{part: as_one(getattr(PARTS, part)) for part in ("train", "validation", "test")})
    found = embed(task, parts, base, pairs=True, run=Here(tmp_path))
    with np.load(vectors.vectors) as apart, np.load(found.vectors) as cut:
        assert np.abs(apart[paired("test")] - cut[paired("test")]).max() < 1e-5
    trained = solve(task, parts, None, base, found, name="it", student=LinearPair(), metric=Accuracy(),
                    run=Here(tmp_path))  # fmt: skip
    assert trained.checkpoint is not None
    LinearPair().export(task, task.labels, trained.checkpoint, tmp_path / "served")
    model = Predictor(tmp_path / "served")
    said = model.predict([row.input for row in parts.test])
    assert np.mean([one.output == row.output for one, row in zip(said, parts.test, strict=True)]) >= 0.9
    given = parts.test[1].input["text"]
    first, second = given.removeprefix("Message 1: ").split(" Message 2: ")
    ways = (f"message 2 : {second} MESSAGE 1:{first}", f"message 1: {first}\nmessage 2: {second}")
    right, *others = model.predict([{"text": text} for text in (given, *ways)])
    assert [each.output for each in others] == [right.output] * 2
    assert [each.score for each in others] == pytest.approx([right.score] * 2, abs=0.02)
    unknown = model.predict([{"text": "Where is my card?"}, {"text": "Message 1: a"}])
    assert [(each.score, each.abstain) for each in unknown] == [(0, True)] * 2  # nothing is known
    assert sides({"text": "Where is my card?"}, ("text",), task.parts) is None


def test_it_is_for_two_inputs_alone() -> None:
    student = LinearPair()
    assert isinstance(student, PairStudent)
    assert not isinstance(LinearMiniLM(), PairStudent)
    assert student.refusal(TASK) is None
    assert student.refusal(replace(TASK, type=TaskType.REGRESSION)) is None
    assert student.refusal(LABELS) == "it compares two inputs, and the task has 1"
    assert student.refusal(replace(LABELS, parts=("Premise:", "Hypothesis:"))) is None
    assert "cannot tell what fits no label" in (student.refusal(replace(TASK, none="other")) or "")
    assert "marks spans" in (student.refusal(QA) or "")
