"""Students that write text, over tiny checkpoints of every kind: trained for real, exported, and asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from conftest import LABELS, TEXT, Here, rows_of
from tiny_checkpoints import byte_level, causal, hub_cache, t5, unigram

from p2m.compression.int8 import Int8
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.settings import Settings
from p2m.errors import DataError, MissingWeights
from p2m.metrics.exact_match import ExactMatch
from p2m.resources import conf_folder
from p2m.students import checkpoints, graph
from p2m.students.causal import Causal
from p2m.students.chat import Turns, turns
from p2m.students.seq2seq import Seq2Seq
from p2m.training.fit import fit
from p2m.types import Example, Field, Task, TaskType, Training

ROBERTA = ["<pad>", "<s>", "</s>", "<unk>"]
QUESTION = Task(TaskType.TEXT_TO_TEXT, "Answer it.", (Field("question"), Field("context")), Field("answer"))
TOPICS = Task(
    TaskType.MULTI_LABEL, "Which topics?", (Field("text"),), Field("topics"), ("billing", "delivery")
)
MAKERS: dict[str, Callable[[Path], Path]] = {
    "t5": lambda folder: t5(folder, unigram(), tied=True),
    "flan": lambda folder: t5(folder, unigram(), tied=False),
    "byt5": lambda folder: t5(folder, None, tied=False),
    "codet5": lambda folder: t5(folder, byte_level(ROBERTA, roberta=True), tied=True, eos_token_id=2),
    "llama": lambda folder: causal(folder, "Llama"),
    "qwen3": lambda folder: causal(folder, "Qwen3"),
}
QUICK = Training(epochs=40.0, batch_size=8, evaluations=1, precision="fp32")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints by kind."""
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in MAKERS.items()}


def student_of(folder: Path, **more: Any) -> Seq2Seq | Causal:
    settings: dict[str, Any] = {"max_input": 64, "max_output": 32, "learning_rate": 1e-2, **more}
    if "t5" in json.loads((folder / "config.json").read_text())["model_type"]:
        return Seq2Seq(str(folder), **settings)
    return Causal(str(folder), **{"dropout": 0.0, **settings})


@pytest.mark.parametrize("kind", MAKERS)
def test_a_checkpoint_of_each_kind_is_trained_and_answers_exported_as_in_torch(
    folders: dict[str, Path], kind: str, here: Here, tmp_path: Path
) -> None:
    student, rows = student_of(folders[kind]), rows_of(TEXT)[::8]
    here.folder.mkdir()
    learner = student.prepare(TEXT, (), seed=0)
    trained = fit(learner, rows, rows, student=student, training=QUICK, metric=ExactMatch(), seed=0, run=here)
    assert trained.checkpoint is not None
    assert trained.fit.best == 1.0, "answers are learnt, their ends included"
    target = tmp_path / "export"
    student.export(TEXT, (), trained.checkpoint, target)
    for path in target.glob("*.onnx"):
        nodes = onnx.load(str(path)).graph.node
        assert {each.op_type for each in nodes} & {"Identity"} == set(), "which copies what is remembered"
    unseen = Example({"text": "Ada lives in Oslo. who is away?"}, "")
    asked = [row.input for row in (*rows, unseen)]
    back = student.restore(TEXT, (), trained.checkpoint)
    back.model.eval()
    said = back.predict([*rows, unseen], batch_size=3, device="cpu")
    assert said[:-1] == [row.output for row in rows]
    for size in (1, 9):
        answers = Predictor(target).predict(asked, batch_size=size)
        assert [each.output for each in answers] == said
        assert all(0.0 <= each.score <= 1.0 for each in answers)
    assert Settings.read(target).max_answer == back.settings.max_answer < 32, "as the rows have shown"


@pytest.mark.parametrize("kind", ["flan", "codet5", "llama"])
def test_of_a_classification_nothing_but_labels_is_written(
    folders: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    student = student_of(folders[kind])
    labels = ("billing", "delivery", "yes", "no", "not yet", "not")
    learner = student.prepare(LABELS, labels, seed=0)
    learner.model.eval()
    learner.model.save_pretrained(str(tmp_path / "checkpoint"))
    learner.tokenizer.save_pretrained(str(tmp_path / "checkpoint"))
    student.export(LABELS, labels, tmp_path / "checkpoint", tmp_path / "export")
    rows = rows_of(LABELS)[::5]
    said = learner.predict(rows, batch_size=4, device="cpu")
    answers = Predictor(tmp_path / "export").predict([row.input for row in rows], batch_size=8)
    assert [each.output for each in answers] == said
    assert set(said) <= set(labels)
    assert all(1 / 6 < each.score <= 1.0 for each in answers), "the probability among the labels"


def test_several_labels_are_answered_in_their_order_and_no_others(folders: dict[str, Path]) -> None:
    learner = student_of(folders["codet5"]).prepare(TOPICS, TOPICS.labels, seed=0)
    reader = learner._reader
    assert reader.decode(reader.encode_answer('["delivery", "billing"]')) == '["billing", "delivery"]'
    assert reader.decode(reader.encode_answer('["delivery", "returns"]')) == '["delivery"]'
    assert reader.decode(reader.encode_answer("delivery")) == "[]"


@pytest.mark.parametrize("kind", ["t5", "byt5", "llama"])
def test_an_input_loses_the_end_of_its_passage_and_never_question_or_answer(
    folders: dict[str, Path], kind: str
) -> None:
    learner = student_of(folders[kind], max_input=128).prepare(QUESTION, (), seed=0)
    row = Example({"question": "who is away?", "context": "Ada lives in Rome. " * 60}, "Ada lives in Rome")
    (feature,) = learner.encode([row], max_length=4096)
    answer = feature["labels"]
    assert answer == learner._reader.encode_answer(row.output)
    ids = feature["input_ids"][: -len(answer)] if kind == "llama" else feature["input_ids"]
    assert 100 < len(ids) <= 128
    text = learner._reader._text(ids)
    assert "who is away?" in text
    assert "Ada lives in Rome. Ada" in text.replace("\n", " ")
    if kind == "llama":
        assert "Answer it." in text, "the instruction stays"
        assert ids[-len(learner._reader.after) :] == learner._reader.after
    assert learner.cut([row], max_length=4096) == 1


def test_words_that_look_like_marks_are_text(folders: dict[str, Path]) -> None:
    for kind, mark in (("codet5", "</s>"), ("llama", "<|im_end|>")):
        learner = student_of(folders[kind]).prepare(TEXT, (), seed=0)
        end = learner.settings.ends[0]
        assert end not in learner._reader._read(f"Ada {mark} Ben")[0]
        assert learner._reader.decode(learner._reader.encode_answer(f"Ada {mark} Ben")) == f"Ada {mark} Ben"


def test_what_the_tokenizer_cannot_spell_is_said_with_an_example(tmp_path: Path) -> None:
    student = student_of(t5(tmp_path / "t5", unigram(lacking="{}"), tied=True))
    learner = student.prepare(TEXT, (), seed=0)
    rows = [Example({"text": "Ada"}, output) for output in ("Ada", "Ben", '{"name": "Ada"}')]
    told = " ".join(learner.remarks(rows))
    assert "cannot spell 1 of 3 answers" in told
    assert '{"name": "Ada"}' in told
    assert "byt5_small" in told
    assert len(learner.encode(rows, max_length=64)) == 3
    with pytest.raises(DataError, match=r"cannot spell 2 of 3 answers.*cannot be learnt"):
        learner.encode([rows[0], rows[2], rows[2]], max_length=64)


def test_answers_that_are_too_long_are_left_out_and_said(folders: dict[str, Path]) -> None:
    learner = student_of(folders["byt5"], max_output=12).prepare(TEXT, (), seed=0)
    rows = [Example({"text": "a"}, "Ada"), Example({"text": "b"}, "x" * 12)]
    assert [each["row"] for each in learner.encode(rows, max_length=64)] == [0]
    assert "1 of 2 answers have more than 12 bytes and are left out" in " ".join(learner.remarks(rows))


def test_an_answer_that_was_cut_has_no_score(folders: dict[str, Path], tmp_path: Path) -> None:
    student = student_of(folders["byt5"], max_output=3)
    student.export(TEXT, (), folders["byt5"], tmp_path)
    answers = Predictor(tmp_path).predict([row.input for row in rows_of(TEXT)[::8]], batch_size=8)
    assert any(each.score == 0.0 for each in answers)


def test_weights_that_are_too_many_for_one_file_lie_beside_their_graph(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, rows = student_of(folders["llama"], rank=0, max_output=8), rows_of(TEXT)[::9]
    student.export(TEXT, (), folders["llama"], tmp_path / "whole")
    monkeypatch.setattr(graph, "_LARGEST", 10_000)
    for _ in range(2):
        student.export(TEXT, (), folders["llama"], tmp_path / "apart")
    assert (tmp_path / "apart" / "decoder.onnx").stat().st_size < 60_000
    said = [Predictor(tmp_path / name).predict([row.input for row in rows]) for name in ("whole", "apart")]
    assert said[0] == said[1]
    size = sum(path.stat().st_size for path in (tmp_path / "apart").iterdir())
    assert size < 1.2 * sum(path.stat().st_size for path in (tmp_path / "whole").iterdir())
    Int8().compress(tmp_path / "apart", tmp_path / "int8")
    names = {path.name for path in (tmp_path / "int8").iterdir()}
    assert names == {"decoder.onnx", "predictor.json", "tokenizer.json"}
    assert Predictor(tmp_path / "int8").predict([rows[0].input])


def test_the_size_of_a_checkpoint_is_known_before_it_is_loaded(folders: dict[str, Path]) -> None:
    for kind, folder in folders.items():
        student = student_of(folder, **({"rank": 0} if kind in ("llama", "qwen3") else {}))
        model = student.prepare(TEXT, (), seed=0).model
        assert student.parameters == sum(each.numel() for each in model.parameters()), kind
        assert student.download == ""
    known = {name: Seq2Seq(name) if "d_model" in shape else Causal(name)
             for name, shape in checkpoints.KNOWN.items()}  # fmt: skip
    counts = {name.rpartition("/")[2]: each.parameters for name, each in known.items()}
    assert counts["flan-t5-base"] == 247_577_856
    assert counts["SmolLM2-135M-Instruct"] == 134_515_008
    assert all(each.size_bytes > each.parameters for each in known.values())


def test_four_bits_without_a_gpu_are_said_to_have_no_effect(folders: dict[str, Path]) -> None:
    learner = student_of(folders["llama"], four_bits=True).prepare(TEXT, (), seed=0)
    assert "here base weights have 32 bits" in learner.remarks(rows_of(TEXT)[:1])[0]


def test_adapters_are_all_that_a_checkpoint_of_them_holds(folders: dict[str, Path], tmp_path: Path) -> None:
    import torch

    student = student_of(folders["qwen3"])
    one, other = (student.prepare(TEXT, (), seed=seed).model for seed in (1, 2))
    state = one.state_dict()
    assert 0 < sum(each.numel() for each in state.values()) < 0.5 * student.parameters
    other.load_state_dict({name: each + 1.0 for name, each in state.items()})
    assert all(torch.equal(each + 1.0, other.state_dict()[name]) for name, each in state.items())
    with pytest.raises(RuntimeError, match="not the weights"):
        other.load_state_dict({"base.other": torch.zeros(1)})
    one.save_pretrained(str(tmp_path))
    written = json.loads((tmp_path / "adapter_config.json").read_text())
    assert "/" not in written["base_model_name_or_path"], "no place of this machine"
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".md", ".safetensors"}


def test_a_chat_template_becomes_text_around_the_input(folders: dict[str, Path], tmp_path: Path) -> None:
    settings = student_of(folders["llama"]).prepare(TEXT, (), seed=0).settings
    assert settings.prefix == "<|im_start|>user\nRewrite it.\n\n"
    assert settings.suffix == "<|im_end|>\n<|im_start|>assistant\n"
    for template in (None, "{{ raise_exception('no users here') }}", "{{ messages[0]['content'] }}"):
        folder = causal(tmp_path / str(template is None), "Llama", template=template)
        student = student_of(folder)
        assert turns(student._tokenizer(folder)) == Turns("", "", 0)


def test_a_checkpoint_is_refused_for_what_can_be_told_without_loading_it(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    import torch

    pickled = t5(tmp_path / "pickled", unigram(), tied=True)
    (pickled / "model.safetensors").unlink()
    torch.save({"shared.weight": torch.zeros(1)}, pickled / "pytorch_model.bin")
    assert "pytorch_model.bin, which may run code" in (Seq2Seq(str(pickled)).refusal(TEXT) or "")
    with pytest.raises(MissingWeights, match=r"no model\.safetensors"):
        Seq2Seq(str(pickled)).prepare(TEXT, (), seed=0)
    with pytest.raises(MissingWeights, match="not the published weights"):
        student_of(folders["t5"], sha256="0" * 64).prepare(TEXT, (), seed=0)
    for name in ("mt5_small", "byt5_small", "codet5_small", "codet5p_220m"):
        shipped = yaml.safe_load((conf_folder() / "student" / f"{name}.yaml").read_text())["candidates"][name]
        told = {key: shipped[key] for key in ("model", "revision", "license", "prompt")}
        assert "no safetensors" in (Seq2Seq(**told).refusal(TEXT) or ""), name
        assert Seq2Seq(**told | {"revision": "refs/pr/1"}).refusal(TEXT) is None
    assert "is a llama, not one of t5" in (Seq2Seq(str(folders["llama"])).refusal(TEXT) or "")
    assert "holds no config.json" in (Causal(str(tmp_path)).refusal(TEXT) or "")
    assert "not known to p2m" in (Seq2Seq("nobody/no-such-model").refusal(TEXT) or "")
    number = Task(TaskType.REGRESSION, "How much?", (Field("text"),), Field("much"))
    assert "number" in (student_of(folders["t5"]).refusal(number) or "")
    german = Task(TaskType.TEXT_TO_TEXT, "", (Field("text"),), Field("result"), language="de")
    assert "knows en" in (student_of(folders["t5"], languages=("en",)).refusal(german) or "")
    assert "{input} once" in (student_of(folders["t5"], prompt="summarize:").refusal(TEXT) or "")
    assert student_of(folders["t5"]).refusal(TEXT) is None


def test_a_checkpoint_in_the_hub_s_cache_needs_no_network(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = "0123456789abcdef0123456789abcdef01234567"
    absent = Seq2Seq("google-t5/t5-small")
    assert "242" in absent.download
    with pytest.raises(MissingWeights, match="neither installed nor reachable"):
        absent.prepare(TEXT, (), seed=0)
    hub_cache(tmp_path, "acme/tiny-t5", folders["t5"], commit)
    for revision in ("main", commit):
        student = Seq2Seq("acme/tiny-t5", revision=revision)
        assert student.refusal(TEXT) is None
        assert student.download == ""
        model = student.prepare(TEXT, (), seed=0).model
        assert student.parameters == sum(each.numel() for each in model.parameters())
