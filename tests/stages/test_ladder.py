"""A ladder over a tiny encoder: what is pruned opens, learns on and is exported; what loses too much is not
built upon; and everything that was tried is told.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LABELS, Here, rows_of

from p2m.compression.int8 import Int8
from p2m.compression.pruned import Pruned as Pruning
from p2m.compression.pruned import layers_of
from p2m.compression.static_int8 import StaticInt8
from p2m.compression.trimmed_vocabulary import TrimmedVocabulary
from p2m.compression.weight_only import WeightOnly
from p2m.deploy.serving.predictor import Predictor
from p2m.metrics.accuracy import Accuracy
from p2m.stages.climb import climb
from p2m.stages.compress import compress
from p2m.stages.encoder import encoder
from p2m.stages.export import export
from p2m.stages.export_pruned import export_pruned
from p2m.stages.keep import keep
from p2m.stages.keep_encoder import keep_encoder
from p2m.stages.keep_weights import keep_weights
from p2m.stages.pick import pick
from p2m.stages.prune import prune
from p2m.stages.shrink import shrink
from p2m.stages.train import train
from p2m.stages.weigh import weigh
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.minilm import MiniLM
from p2m.types import (
    Encoder,
    Learner,
    Pruned,
    Race,
    Split,
    Timed,
    Trained,
    Training,
    Variant,
    Weighed,
    Weighing,
)

ROWS = rows_of(LABELS)
PARTS = Split(ROWS[:40], ROWS[40:52], ROWS[52:], "gold")
TRAINING = Training(epochs=6, batch_size=8, learning_rate=2e-3, evaluations=2, max_length=40)
SCORED: dict[str, Any] = {"metric": Accuracy(), "seed": 0}
HALF = Pruning(heads=0.5, neurons=0.5, rows=16)


@pytest.fixture(scope="module")
def fitted(tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(
        LABELS, PARTS, None, None, name="minilm", student=tiny_minilm, **SCORED, training=TRAINING,
        run=Here(tmp_path_factory.mktemp("train")),
    )  # fmt: skip


@pytest.fixture(scope="module")
def full(fitted: Trained, tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    folder = tmp_path_factory.mktemp("export")
    return export(LABELS, PARTS, fitted, student=tiny_minilm, **SCORED, run=Here(folder))


def pruned_by(
    pruner: Pruning, fitted: Trained, student: MiniLM, folder: Path, *, parts: Split = PARTS
) -> Pruned:
    return prune(
        LABELS, parts, fitted, pruner=pruner, student=student, **SCORED, training=TRAINING, run=Here(folder)
    )


@pytest.fixture(scope="module")
def half(fitted: Trained, tiny_minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    return pruned_by(HALF, fitted, tiny_minilm, tmp_path_factory.mktemp("prune"))


def restored(student: MiniLM, checkpoint: Path | None) -> Learner:
    assert checkpoint is not None
    return student.restore(LABELS, LABELS.labels, checkpoint)


def test_a_pruned_model_is_exported_as_torch_has_it(
    half: Pruned, full: Variant, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    assert half.note.startswith("without 2 heads, ")
    learner = restored(tiny_minilm, half.checkpoint)
    learner.model.eval()
    layers = layers_of(learner.model)
    assert sum(len(each.attention.self.query.weight) for each in layers) == 32, "of twice 32"
    assert sum(each.intermediate.dense.out_features for each in layers) == 64, "of twice 64"
    assert half.fit.parameters == sum(each.numel() for each in learner.model.parameters())
    made = export_pruned(
        LABELS, PARTS, half, name="pruned", student=tiny_minilm, **SCORED, run=Here(tmp_path)
    )
    assert made.name == "pruned"
    assert made.model is not None
    assert made.size_bytes < full.size_bytes
    inputs = [row.input for row in PARTS.test]
    said = Predictor(made.model).predict(inputs, batch_size=4)
    scored: Any = learner
    torch_said = scored.scored(PARTS.test, batch_size=4, device="cpu")
    assert [each.output for each in said] == [text for text, _ in torch_said]
    assert np.allclose([each.score for each in said], [score for _, score in torch_said], atol=1e-4)


def test_what_matters_least_goes(fitted: Trained, tiny_minilm: MiniLM) -> None:
    """Heads and neurons that add nothing are those that are taken, and nothing changes without them."""
    import torch

    learner = restored(tiny_minilm, fitted.checkpoint)
    learner.model.eval()
    features = learner.encode(PARTS.train[:16], max_length=40)
    first, second = layers_of(learner.model)
    with torch.no_grad():
        first.attention.output.dense.weight[:, :16] = 0  # what the first head of the first layer says
        second.output.dense.weight[:, 32:] = 0
    before = learner.predict(PARTS.test, batch_size=8, device="cpu")
    kept = second.intermediate.dense.weight[:32].clone()
    said = Pruning(heads=0.25, neurons=0.25).prune(learner, features, device="cpu")
    assert said == "without 1 heads, 32 neurons"
    assert [len(each.attention.self.query.weight) for each in (first, second)] == [16, 32]
    assert torch.equal(second.intermediate.dense.weight, kept)
    assert learner.predict(PARTS.test, batch_size=8, device="cpu") == before


def test_the_layer_without_which_the_loss_is_lowest_goes(
    fitted: Trained, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    import torch

    learner = restored(tiny_minilm, fitted.checkpoint)
    layers = layers_of(learner.model)
    with torch.no_grad():  # a layer that tells nothing
        layers[0].output.LayerNorm.weight.zero_()
        layers[0].output.LayerNorm.bias.zero_()
    kept = layers[1].output.dense.weight.clone()
    features = learner.encode(PARTS.train[:16], max_length=40)
    shallow = Pruning(heads=0, neurons=0, layers=1)
    assert shallow.prune(learner, features, device="cpu") == "without layer 1"
    assert torch.equal(layers_of(learner.model)[0].output.dense.weight, kept)
    learner.model.save_pretrained(str(tmp_path))
    learner.tokenizer.save_pretrained(str(tmp_path))
    assert len(layers_of(restored(tiny_minilm, tmp_path).model)) == 1


def test_what_cannot_be_pruned_or_judged_is_left_and_said(
    fitted: Trained, tiny_minilm: MiniLM, tmp_path: Path
) -> None:
    whole = pruned_by(replace(HALF, layers=2), fitted, tiny_minilm, tmp_path)
    assert whole == Pruned(None, note="it has 2 layers, of which one must stay")
    unjudged = pruned_by(HALF, fitted, tiny_minilm, tmp_path, parts=replace(PARTS, validation=()))
    assert unjudged.checkpoint is None
    assert "no validation rows" in unjudged.note
    made = export_pruned(
        LABELS, PARTS, unjudged, name="pruned", student=tiny_minilm, **SCORED, run=Here(tmp_path)
    )
    assert made == Variant(None, "pruned", note=unjudged.note)
    nothing = pruned_by(HALF, Trained(None), tiny_minilm, tmp_path)
    assert nothing == Pruned(None)
    with pytest.raises(ValueError, match="a share from 0 to below 1"):
        Pruning(heads=1.0)


def test_the_next_way_begins_with_what_was_kept(full: Variant, half: Pruned, fitted: Trained) -> None:
    good = replace(full, name="good", score=full.score - 0.01)
    bad = replace(full, name="bad", score=full.score - 0.03)
    none = Variant(None, "none", note="why")
    assert keep(full, full, good, tolerance=0.02) is good
    assert keep(full, good, bad, tolerance=0.02) is good
    assert keep(full, None, bad, tolerance=0.02) == Variant(None, "bad")
    assert keep(full, None, none, tolerance=0.02) == none
    assert keep_weights(full, good, fitted, half, tolerance=0.02) == Trained(half.checkpoint, half.fit)
    assert keep_weights(full, bad, fitted, half, tolerance=0.02) is fitted
    assert keep_weights(full, none, fitted, half, tolerance=0.02) is fitted


def test_each_rung_is_named_for_its_way_and_told(full: Variant, tmp_path: Path) -> None:
    def made(way: str, compressor: Any, before: Variant) -> Variant:
        return compress(
            LABELS, PARTS, before, compressor=compressor, name=way, **SCORED, run=Here(tmp_path / way)
        )

    trimmed = made("trimmed", TrimmedVocabulary(pieces=60, languages=("en",), int8=False), full)
    assert trimmed.name == "trimmed"
    assert trimmed.score == full.score, "the rows' own pieces stay"
    small = made("int4", WeightOnly(), trimmed)
    static = made("static", StaticInt8(rows=12), trimmed)
    assert (small.name, static.name) == ("trimmed+int4", "trimmed+static")
    again = made("again", TrimmedVocabulary(pieces=60, languages=("en",), int8=False), trimmed)
    assert again == Variant(None, "trimmed+again", note="not smaller than trimmed")
    lost = Variant(None, "lost", note="it does not fit")
    variants = (full, trimmed, small, static, again, lost)
    exported = pick(LABELS, *variants, tolerance=0.02, max_size=None)
    race = Race((Timed("trimmed+int4", 0.004, 0.005, 100.0),), "a machine")
    ladder = climb(PARTS, exported, race, None, *variants, tolerance=0.02)
    told = {each.name: each for each in ladder.rungs}
    assert list(told) == ["fp32", "trimmed", "trimmed+int4", "trimmed+static", "trimmed+again", "lost"]
    assert told["trimmed+int4"].latency == 0.004
    assert told["lost"].score is None
    assert told["lost"].reason == "it does not fit"
    assert ladder.taken == exported.precision
    assert ladder.judged == "12 validation rows"


def test_ranges_are_those_that_rows_showed(full: Variant, tmp_path: Path) -> None:
    made = compress(LABELS, PARTS, full, compressor=StaticInt8(), **SCORED, run=Here(tmp_path))
    assert made.name == "static_int8"
    assert made.model is not None
    inputs = [row.input for row in PARTS.test]
    assert full.model is not None
    exact = Predictor(full.model).logits(inputs, batch_size=4)
    found = Predictor(made.model).logits(inputs, batch_size=4)
    assert set(Predictor(made.model).outputs(inputs[:2], batch_size=2)) == {"logits"}
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
    with pytest.raises(ValueError, match="needs rows"):
        StaticInt8().compress(full.model, tmp_path / "none")


@pytest.fixture(scope="module")
def linear(tiny_bert: Path) -> LinearMiniLM:
    return LinearMiniLM(model=str(tiny_bert), sha256="", window=40)


@pytest.fixture(scope="module")
def base(linear: LinearMiniLM, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return encoder(base=linear.encoder, compressor=None, run=Here(tmp_path_factory.mktemp("encoder")))


@pytest.mark.parametrize("parts", [PARTS, replace(PARTS, validation=())])
def test_an_encoder_is_weighed_by_rows_that_its_student_did_not_learn(
    linear: LinearMiniLM, base: Encoder, tmp_path: Path, parts: Split
) -> None:
    for name in ("first", "both"):
        (tmp_path / name).mkdir()
    weighing: dict[str, Any] = {"student": linear, **SCORED}
    first = weigh(LABELS, parts, base, None, **weighing, run=Here(tmp_path / "first"))
    small = shrink(LABELS, parts, base, name="int8", compressor=Int8(), seed=0, run=Here(tmp_path / "small"))
    assert small.precision == "int8"
    both = weigh(LABELS, parts, small, first, **weighing, run=Here(tmp_path / "both"))
    assert [each.name for each in both.tried] == ["fp32", "int8"]
    assert both.tried[0] == first.tried[0]
    assert both.tried[1].size_bytes < both.tried[0].size_bytes
    assert both.judged == ("12 validation rows" if parts.validation else "40 training rows, out of fold")
    assert keep_encoder(base, small, both, tolerance=1.0) is small
    assert keep_encoder(small, base, both, tolerance=1.0) is small, "the other one is larger"


def test_an_encoder_that_loses_too_much_is_not_read(base: Encoder) -> None:
    weighed = Weighed((Weighing("fp32", 0.9, 100), Weighing("int8", 0.87, 50), Weighing("int4", 0.89, 40)))
    assert keep_encoder(base, base, weighed, tolerance=0.005) is base
    exported = pick(LABELS, Variant(base.folder, "int4"), tolerance=0.02, max_size=None)
    ladder = climb(PARTS, exported, None, weighed, tolerance=0.02)
    assert [(each.name, each.of, each.kept) for each in ladder.rungs] == [
        ("fp32", "encoder", True),
        ("int8", "encoder", False),
        ("int4", "encoder", True),
    ]
    assert "more than the 0.02" in ladder.rungs[1].reason
