"""What a teacher on this machine makes of rows, and how a student learns it: over tiny models, trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import LABELS, QA, TEXT, Here, rows_of
from tiny_checkpoints import causal, t5, unigram

from p2m.errors import DataError
from p2m.metrics.accuracy import Accuracy
from p2m.stages.taught import asked, fit_taught
from p2m.students import distilled
from p2m.students.causal import Causal
from p2m.students.minilm import MiniLM
from p2m.students.seq2seq import Seq2Seq
from p2m.students.shallow_minilm import ShallowMiniLM, kept
from p2m.types import Distilling, Example, Field, Shaping, Softened, Task, TaskType, Training

TOPICS = Task(
    TaskType.MULTI_LABEL, "Which topics?", (Field("text"),), Field("topics"), ("billing", "delivery")
)
QUICK = Training(epochs=12.0, batch_size=8, evaluations=1, precision="fp32", learning_rate=1e-2)


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Students that write text, by kind."""
    some: dict[str, Any] = {"max_input": 64, "max_output": 32, "learning_rate": 1e-2}
    seq = Seq2Seq(str(t5(tmp_path_factory.mktemp("t5"), unigram(), tied=True)), **some)
    other = Seq2Seq(str(t5(tmp_path_factory.mktemp("other"), unigram(lacking="z"), tied=True)), **some)
    llama = Causal(str(causal(tmp_path_factory.mktemp("llama"), "Llama")), dropout=0.0, **some)
    return {"seq2seq": seq, "other": other, "causal": replace(llama, rank=0)}


def loss(
    learner: Any, rows: tuple[Example, ...], arrays: dict[str, Any], distil: Distilling, **gold: Any
) -> Any:
    """Of all rows as one batch, without dropout."""
    known = gold.get("gold", [True] * len(rows))
    taught: Any = distilled.taught(learner, arrays, distil, known)
    learner.model.eval()
    batch = taught.collate(taught.encode(rows, max_length=64))
    return taught.loss(batch, Shaping())


def said(learner: Any, rows: tuple[Example, ...], top_k: int = 1000) -> dict[str, Any]:
    return distilled.said(learner, rows, max_length=64, top_k=top_k, batch_size=5, device="cpu")


@pytest.mark.parametrize("kind", ["labels", "sets", "span", "seq2seq", "causal"])
def test_who_says_what_its_teacher_says_has_nothing_to_learn_from_it(
    kind: str, tiny_minilm: MiniLM, writers: dict[str, Any]
) -> None:
    """The teacher's part of the loss is 0 at its own weights, and above 0 at others; alpha weighs it."""
    task = {"labels": LABELS, "sets": TOPICS, "span": QA}.get(kind, TEXT)
    rows = rows_of(LABELS if task is TOPICS else task)[:11]
    if task is TOPICS:
        rows = tuple(replace(row, output='["billing"]' if i % 2 else "[]") for i, row in enumerate(rows))
    student = writers.get(kind, tiny_minilm)
    learner: Any = student.prepare(task, task.labels, seed=0)
    if student is tiny_minilm:  # whose fresh head says next to nothing
        for linear in learner.model.head.values():
            linear.weight.data *= 100
    arrays = said(learner, rows)
    assert float(loss(learner, rows, arrays, Distilling(0.0, 3.0))) == pytest.approx(0, abs=1e-3)
    own = learner.collate(learner.encode(rows, max_length=64))
    plain = float(learner.loss(own, Shaping()))
    assert float(loss(learner, rows, arrays, Distilling(1.0, 3.0))) == pytest.approx(plain, rel=1e-4)
    assert float(loss(learner, rows, arrays, Distilling(0.25, 3.0))) == pytest.approx(plain / 4, rel=1e-2)
    changed = dict(arrays)
    for name in ("logits", "starts_of"):
        if name in changed:
            changed[name] = -changed[name]
    assert float(loss(learner, rows, changed, Distilling(0.0, 3.0))) > 0.03


def test_divergence_is_that_of_torch_and_temperature_softens_both() -> None:
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    own, other = torch.randn(7, 5), torch.randn(7, 5)
    for heat in (1.0, 2.5):
        expected = functional.kl_div(
            (own / heat).log_softmax(-1), (other / heat).softmax(-1), reduction="none"
        ).sum(-1)
        assert torch.allclose(distilled.divergence(own, other, heat), expected, atol=1e-6)
    sets = distilled.divergence_of_sets(own, other, 2.0)
    assert (sets >= -1e-6).all()
    assert torch.allclose(distilled.divergence_of_sets(own, own, 2.0), torch.zeros(7, 5), atol=1e-6)


@pytest.mark.parametrize("kind", ["labels", "seq2seq"])
def test_of_rows_without_a_right_answer_the_teacher_alone_is_learnt(
    kind: str, tiny_minilm: MiniLM, writers: dict[str, Any]
) -> None:
    task = LABELS if kind == "labels" else TEXT
    rows = rows_of(task)[:6]
    learner = writers.get(kind, tiny_minilm).prepare(task, task.labels, seed=0)
    arrays, gold = said(learner, rows), [False, True, True, False, False, False]
    assert float(loss(learner, rows, arrays, Distilling(1.0, 2.0), gold=[False] * 6)) == 0
    part = float(loss(learner, rows, arrays, Distilling(1.0, 2.0), gold=gold))
    features = learner.encode(rows[1:3], max_length=64)
    right = float(learner.loss(learner.collate(features), Shaping()))
    tokens = [len(each["labels"]) if task is TEXT else 1 for each in learner.encode(rows, max_length=64)]
    assert part == pytest.approx(right * sum(tokens[1:3]) / sum(tokens), rel=1e-4)


def test_a_student_of_fewer_layers_learns_what_its_teacher_says_rather_than_the_labels(
    tiny_bert: Path, here: Any
) -> None:
    student = ShallowMiniLM(model=str(tiny_bert), sha256="", window=40, layers=1)
    rows = rows_of(LABELS)
    turned = [replace(row, output="no" if row.output == "yes" else "yes") for row in rows]
    logits = [[4.0, -4.0] if row.output == "yes" else [-4.0, 4.0] for row in rows]
    import numpy as np

    path = here.folder / "logits.npz"
    path.parent.mkdir(parents=True)
    distilled.keep({"logits": np.array(logits, dtype=np.float16)}, path)
    learner = student.prepare(LABELS, LABELS.labels, seed=0)
    assert len(learner.model.base.encoder.layer) == 1
    found = fit_taught(
        learner, rows, (), Softened("teacher", path), student=student, distil=Distilling(0.0, 1.0),
        training=QUICK, metric=Accuracy(), seed=0, run=here,
    )  # fmt: skip
    assert found.checkpoint is not None
    again = student.restore(LABELS, LABELS.labels, found.checkpoint)
    answers = again.predict(rows, batch_size=16, device="cpu")
    assert sum(one == row.output for one, row in zip(answers, turned, strict=True)) > 56
    assert found.fit.parameters == student.parameters


def test_layers_are_kept_evenly_and_counted(tiny_bert: Path, tiny_minilm: MiniLM) -> None:
    assert kept(6, 3) == (1, 3, 5)
    assert kept(12, 3) == (3, 7, 11)
    assert kept(6, 6) == tuple(range(6))
    assert kept(6, 1) == (5,)
    few = ShallowMiniLM(model=str(tiny_bert), sha256="", layers=1)
    assert few.parameters < tiny_minilm.parameters
    assert "has 2 layers, not 3" in str(ShallowMiniLM(model=str(tiny_bert), sha256="").refusal(LABELS))
    with pytest.raises(ValueError, match="an encoder has one or more"):
        ShallowMiniLM(layers=0)


def test_the_likeliest_tokens_of_each_place_are_kept_and_taught_in_their_places(
    writers: dict[str, Any], here: Any
) -> None:
    student = writers["causal"]
    rows, texts = rows_of(TEXT)[:8], rows_of(TEXT)[40:42]
    learner = student.prepare(TEXT, (), seed=0)
    softened = asked(
        learner, rows, [replace(row, output="") for row in texts], told="big", counts=(), top_k=3,
        training=QUICK, run=here,
    )  # fmt: skip
    arrays = distilled.opened(softened.logits)
    assert arrays["tokens"].shape == (int(arrays["ends"][-1]), 3)
    assert len(arrays["ends"]) == 10
    answers = learner.encode(rows, max_length=64)
    assert arrays["answers"][: arrays["ends"][0]].tolist() == answers[0]["labels"]
    assert [row.input for row in softened.texts] == [row.input for row in texts]
    within: Any = Here(here.folder / "student")
    found = fit_taught(
        student.prepare(TEXT, (), seed=1), rows, (), softened, student=student, distil=Distilling(),
        training=replace(QUICK, epochs=1.0), metric=Accuracy(), seed=0, run=within,
    )  # fmt: skip
    assert found.checkpoint is not None


def test_a_teacher_that_writes_other_tokens_is_refused(writers: dict[str, Any], here: Any) -> None:
    rows = rows_of(TEXT)[:8]
    softened = asked(
        writers["seq2seq"].prepare(TEXT, (), seed=0), rows, (), told="big (9 parameters)", counts=(), top_k=3,
        training=QUICK, run=here,
    )  # fmt: skip
    with pytest.raises(DataError, match="tokenizers of big and of its student do not match"):
        fit_taught(
            writers["other"].prepare(TEXT, (), seed=0), rows, (), softened, student=writers["other"],
            distil=Distilling(), training=QUICK, metric=Accuracy(), seed=0, run=here,
        )  # fmt: skip
