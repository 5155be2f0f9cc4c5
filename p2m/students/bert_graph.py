"""A BERT encoder (Devlin et al., 2019) written as an ONNX graph from its checkpoint: no torch, no tracing.

RoBERTa (Liu et al., 2019) and XLM-RoBERTa are BERT whose positions begin after that of padding.

Tracing the same model takes half a minute, most of it imports; this takes a second, and the same weights give
the same bytes. A test holds the graph to transformers' own forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2m.errors import StageError
from p2m.students.graph import Graph
from p2m.students.heads.base import Projection

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_ROWS = dict.fromkeys(INPUTS, ("batch", "length"))
_MASKED = -1e9  # added to the attention logits of padding
_OFFSET = ("roberta", "xlm-roberta", "camembert")  # the first token's position is pad_token_id + 1
_ACTIVATIONS = {"gelu": {"approximate": "none"}, "gelu_new": {"approximate": "tanh"}}


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json, and the weights by name, float32; the encoder's without a prefix."""
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = load_file(str(folder / "model.safetensors"))
    return config, {_bare(name): array.astype("float32") for name, array in weights.items()}


def _bare(name: str) -> str:
    return name.removeprefix("base.").removeprefix("bert.").removeprefix("roberta.")


def can_write(folder: Path) -> bool:
    """Whether a checkpoint is of an architecture that is written here."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return not _unwritten(config)


def _unwritten(config: Mapping[str, Any]) -> str:
    """What of a configuration no graph is written for; "" where one is."""
    kind, activation = config.get("model_type", "bert"), config.get("hidden_act")
    if kind not in ("bert", *_OFFSET) or activation not in _ACTIVATIONS:
        return f"only BERT encoders can be exported, not {kind} with {activation}"
    if config.get("position_embedding_type", "absolute") != "absolute":
        return "only absolute positions can be exported"
    return ""


def pooled(folder: Path, path: Path) -> None:
    """`embeddings` (batch, width): the mean over tokens, of unit length."""
    config, weights = read_checkpoint(folder)
    graph = EncoderGraph(config, weights)
    graph.save(_ROWS, {"embeddings": (graph.pooled(graph.states()), ("batch", "width"))}, path)


def worded(folder: Path, layers: int, path: Path) -> None:
    """`states` (batch, length, width): those of each token after so many layers, of unit length."""
    config, weights = read_checkpoint(folder)
    graph = EncoderGraph({**config, "num_hidden_layers": layers}, weights)
    states = graph.states()
    length = graph.node("ReduceL2", states, graph.constant([2]), keepdims=1)
    states = graph.node("Div", states, graph.node("Max", length, graph.constant(1e-12)))
    graph.save(_ROWS, {"states": (states, ("batch", "length", "width"))}, path)


def headed(folder: Path, projections: Sequence[Projection], path: Path) -> None:
    """What a HeadedEncoder gives, by the same names: linear maps of the row's embedding or of each token."""
    config, weights = read_checkpoint(folder)
    graph = EncoderGraph(config, weights)
    states = graph.states()
    row = graph.pooled(states) if any(each.is_pooled for each in projections) else ""
    outputs: dict[str, tuple[str, Sequence[str]]] = {}
    for each in projections:
        logits = row if each.is_pooled else states
        if each.size:
            logits = graph.linear(logits, f"head.{each.name}")
        axes = ["batch"] if each.is_pooled else ["batch", "length"]
        outputs |= {
            name: (graph.node("Gather", logits, graph.constant(place), axis=len(axes)), axes)
            for place, name in enumerate(each.columns)
        } or {each.name: (logits, [*axes, each.name])}
    graph.save(_ROWS, outputs, path)


class EncoderGraph(Graph):
    """The graph of one encoder."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
        super().__init__(weights, config)
        if unwritten := _unwritten(config):
            raise StageError(unwritten)

    def normal(self, states: str, name: str) -> str:
        epsilon = float(self.config.get("layer_norm_eps", 1e-12))
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", states, scale, shift, axis=-1, epsilon=epsilon)

    def states(self) -> str:
        """The last hidden states (batch, length, width)."""
        mask = self.node("Cast", "attention_mask", to=1)
        absent = self.node("Sub", self.constant(1.0), mask)
        bias = self.node("Mul", absent, self.constant(_MASKED))
        bias = self.node("Unsqueeze", bias, self.constant([1, 2]))  # (batch, 1, 1, length)
        states = self._embedded()
        for number in range(int(self.config["num_hidden_layers"])):
            states = self._layer(states, bias, f"encoder.layer.{number}")
        return states

    def pooled(self, states: str) -> str:
        """The mean of the states over the tokens of each row, scaled to length 1: (batch, width)."""
        mask = self.node("Unsqueeze", self.node("Cast", "attention_mask", to=1), self.constant([2]))
        total = self.node("ReduceSum", self.node("Mul", states, mask), self.constant([1]), keepdims=0)
        tokens = self.node("ReduceSum", mask, self.constant([1]), keepdims=0)
        mean = self.node("Div", total, self.node("Max", tokens, self.constant(1.0)))
        length = self.node("ReduceL2", mean, self.constant([1]), keepdims=1)
        return self.node("Div", mean, self.node("Max", length, self.constant(1e-12)))

    def _embedded(self) -> str:
        words = self.node("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        kinds = self.weight("embeddings.token_type_embeddings.weight")
        if int(self.config.get("type_vocab_size", 2)) > 1:  # else there is one row, of all tokens
            kinds = self.node("Gather", kinds, "token_type_ids")
        end = self.node("Shape", "input_ids", start=1, end=2)
        table = self.weight("embeddings.position_embeddings.weight")
        first = int(self.config["pad_token_id"]) + 1 if self.config.get("model_type") in _OFFSET else 0
        if first:
            end = self.node("Add", end, self.constant([first]))
        places = self.node("Slice", table, self.constant([first]), end, self.constant([0]))
        both = self.node("Add", words, kinds)
        return self.normal(self.node("Add", both, places), "embeddings.LayerNorm")

    def _layer(self, states: str, bias: str, name: str) -> str:
        size = int(self.config["hidden_size"]) // int(self.config["num_attention_heads"])
        heads = len(self.weights[f"{name}.attention.self.query.weight"]) // size  # pruned, a layer has fewer

        def split(part: str) -> str:  # (batch, length, width) -> (batch, length, heads, size)
            found = self.linear(states, f"{name}.attention.self.{part}")
            return self.node("Reshape", found, self.constant([0, 0, heads, size]))

        query = self.node("Transpose", split("query"), perm=[0, 2, 1, 3])
        query = self.node("Mul", query, self.constant(float(size) ** -0.5))
        key = self.node("Transpose", split("key"), perm=[0, 2, 3, 1])
        value = self.node("Transpose", split("value"), perm=[0, 2, 1, 3])
        logits = self.node("Add", self.node("MatMul", query, key), bias)
        mixed = self.node("MatMul", self.node("Softmax", logits, axis=-1), value)
        mixed = self.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", mixed, self.constant([0, 0, heads * size]))
        added = self.node("Add", self.linear(mixed, f"{name}.attention.output.dense"), states)
        states = self.normal(added, f"{name}.attention.output.LayerNorm")
        inner = self.linear(states, f"{name}.intermediate.dense")
        inner = self.node("Gelu", inner, **_ACTIVATIONS[self.config["hidden_act"]])
        added = self.node("Add", self.linear(inner, f"{name}.output.dense"), states)
        return self.normal(added, f"{name}.output.LayerNorm")
