"""Graphs that are written equal transformers' own forward pass, for ragged batches and any length."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from p2m.errors import StageError
from p2m.students import bert_graph
from p2m.students.encoder import headed_encoder
from p2m.students.heads import Projection

RAGGED = [[7, 3, 9, 12, 5, 30, 2], [4], [11, 8, 6], [1, 1, 2, 3, 5, 8, 13, 21, 34, 5, 6, 7]]
SHAPES = {
    "exact gelu": {"hidden_act": "gelu"},
    "tanh gelu": {"hidden_act": "gelu_new"},
    "one layer, one head": {"num_hidden_layers": 1, "num_attention_heads": 1, "layer_norm_eps": 1e-5},
    "four heads": {"num_attention_heads": 4, "num_hidden_layers": 3},
}


ENDS = Projection("ends", 2, is_pooled=False, columns=("start_logits", "end_logits"))
LABELS = Projection("logits", 3, is_pooled=True)
TAGS = Projection("tags", 5, is_pooled=False)


def saved(folder: Path, *projections: Projection, **shape: Any) -> Any:
    """A random model in `folder`, with a head or none; its weights are large enough for tokens to matter."""
    import torch
    import transformers

    config = transformers.BertConfig(
        **{
            "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 24, "max_position_embeddings": 12, "attn_implementation": "eager", **shape,
        }
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        model = transformers.BertModel(config, add_pooling_layer=not projections)
        model = (headed_encoder()(model, projections, 0.1) if projections else model).eval()
        for name, weight in model.named_parameters():
            weight.normal_(std=0.3).add_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
    model.save_pretrained(folder)
    return model


def batches() -> Iterator[dict[str, Any]]:
    """Each row alone, all padded together, and two with padding beyond the longest."""
    for rows, width in [*(([row], len(row)) for row in RAGGED), (RAGGED, 12), (RAGGED[:2], 10)]:
        feeds = {name: np.zeros((len(rows), width), dtype=np.int64) for name in bert_graph.INPUTS}
        for place, row in enumerate(rows):
            feeds["input_ids"][place, : len(row)] = row
            feeds["attention_mask"][place, : len(row)] = 1
            feeds["token_type_ids"][place, len(row) // 2 : len(row)] = 1
        yield feeds


def run(path: Path, feeds: dict[str, Any]) -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def forward(model: Any, feeds: dict[str, Any]) -> Any:
    import torch

    with torch.no_grad():
        return model(**{name: torch.from_numpy(value) for name, value in feeds.items()})


def mean(states: Any, mask: Any) -> Any:
    """The mean over tokens, of unit length, in double precision."""
    weights = mask[:, :, None].astype(np.float64)
    found = (states.astype(np.float64) * weights).sum(1) / weights.sum(1)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_pooled_embeddings_are_those_of_transformers(shape: dict[str, Any], tmp_path: Path) -> None:
    model = saved(tmp_path, **shape)
    bert_graph.pooled(tmp_path, tmp_path / "model.onnx")
    for feeds in batches():
        found = run(tmp_path / "model.onnx", feeds)["embeddings"]
        states = forward(model, feeds).last_hidden_state.numpy()
        assert found.shape == (len(states), 16)
        assert np.abs(found - mean(states, feeds["attention_mask"])).max() < 1e-5
    assert np.abs(found[0] - found[1]).max() > 0.01, "embeddings that are all alike prove nothing"


def test_a_head_s_outputs_are_those_of_the_model_that_is_trained(tmp_path: Path) -> None:
    heads = (ENDS, LABELS, TAGS)
    model = saved(tmp_path, *heads)
    bert_graph.headed(tmp_path, heads, tmp_path / "deep" / "model.onnx")
    weight, bias = (each.detach().numpy().astype(np.float64) for each in model.head["logits"].parameters())
    for feeds in batches():
        found, theirs = run(tmp_path / "deep" / "model.onnx", feeds), forward(model, feeds)
        there = feeds["attention_mask"] == 1
        assert {name: array.shape for name, array in found.items()} == {
            name: tuple(tensor.shape) for name, tensor in theirs.items()
        }
        for name in ("start_logits", "end_logits", "tags"):
            assert np.abs(found[name] - theirs[name].numpy())[there].max() < 1e-5
        states = forward(model.base, feeds).last_hidden_state.numpy()
        assert np.abs(found["logits"] - mean(states, feeds["attention_mask"]) @ weight.T - bias).max() < 1e-5


def test_a_saved_model_is_opened_as_it_was(tmp_path: Path) -> None:
    from p2m.students.encoder import is_headed, opened

    model = saved(tmp_path / "headed", ENDS)
    again = opened(tmp_path / "headed", [ENDS], {}, 0.1)
    assert all(bool((each == model.state_dict()[name]).all()) for name, each in again.state_dict().items())
    saved(tmp_path / "bare")
    assert (is_headed(tmp_path / "headed"), is_headed(tmp_path / "bare")) == (True, False)


def test_padding_changes_nothing(tmp_path: Path) -> None:
    saved(tmp_path)
    bert_graph.pooled(tmp_path, tmp_path / "model.onnx")
    *alone, together, wide = (run(tmp_path / "model.onnx", feeds)["embeddings"] for feeds in batches())
    assert np.abs(np.concatenate(alone) - together).max() < 1e-6
    assert np.abs(together[:2] - wide).max() < 1e-6


def test_the_same_checkpoint_gives_the_same_bytes_whatever_its_place(tmp_path: Path) -> None:
    saved(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for place in ("one", "two"):
        bert_graph.pooled(tmp_path / place, tmp_path / f"of {place}" / "model.onnx")
    one, two = ((tmp_path / f"of {place}" / "model.onnx").read_bytes() for place in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden_act": "relu"}, "not bert with relu"),
        ({"hidden_act": "silu"}, "not bert with silu"),
        ({"model_type": "electra"}, "not electra"),
        ({"position_embedding_type": "relative_key"}, "only absolute positions"),
    ],
)
def test_what_the_graph_cannot_say_is_refused(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    saved(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(StageError, match=told):
        bert_graph.pooled(tmp_path, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_checkpoint_without_the_head_is_refused_by_name(tmp_path: Path) -> None:
    saved(tmp_path)
    with pytest.raises(StageError, match=r"no weight head\.ends\.weight"):
        bert_graph.headed(tmp_path, [ENDS], tmp_path / "model.onnx")
