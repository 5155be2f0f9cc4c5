"""A T5 model (Raffel et al., 2020) as two graphs: the encoder with the keys and values of cross-attention,
and one step of the decoder. All that is called T5 or mT5 fits: tied or not, feed-forward layers gated or not.

    encoder  input_ids, attention_mask (batch, source)
      ->  cross_key_i, cross_value_i (batch, heads, source, width)
    decoder  input_ids (batch, 1), attention_mask (batch, source), cross_key_i, cross_value_i,
             past_key_i, past_value_i (batch, heads, past, width)
      ->  logits (batch, 1, vocabulary), present_key_i, present_value_i

An empty past, the first step, is an ordinary shape.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2m.errors import StageError
from p2m.students.graph import Graph, weights_of

FAMILIES = ("t5", "mt5")
_MASKED = -1e9  # added to the attention logits of padding


def write_graphs(model: Any, folder: Path) -> None:
    """Write encoder.onnx and decoder.onnx of a T5ForConditionalGeneration, or MT5's.

    Raises:
        StageError: it is another architecture.
    """
    config = model.config
    if config.model_type not in FAMILIES:
        raise StageError(f"only {' and '.join(FAMILIES)} can be exported, not {config.model_type}")
    weights, settings = weights_of(model), _plain(model)
    _encoder(weights, settings, folder / "encoder.onnx")
    _decoder(weights, settings, folder / "decoder.onnx")


def _plain(model: Any) -> dict[str, Any]:
    """What a graph needs of the configuration, and what it says of it."""
    found = {name: value for name, value in model.config.to_dict().items() if not name.startswith("_")}
    # The configuration may say otherwise: some checkpoints have both tables.
    found["tie_word_embeddings"] = model.lm_head.weight.data_ptr() == model.shared.weight.data_ptr()
    found["scale_decoder_outputs"] = bool(getattr(model.config, "scale_decoder_outputs", False))
    found["num_decoder_layers"] = model.config.num_decoder_layers
    return found


class _T5(Graph):
    """What encoder and decoder share."""

    @property
    def heads(self) -> int:
        return int(self.config["num_heads"])

    @property
    def width(self) -> int:
        return int(self.config["d_kv"])

    def normal(self, states: str, name: str) -> str:
        return self.rms(states, name, float(self.config["layer_norm_epsilon"]))

    def split(self, states: str, name: str) -> str:
        """A linear map of (batch, length, d_model) as (batch, heads, length, width)."""
        found = self.linear(states, name)
        found = self.node("Reshape", found, self.constant([0, 0, self.heads, self.width]))
        return self.node("Transpose", found, perm=[0, 2, 1, 3])

    def attended(self, name: str, query: str, key: str, value: str, bias: str) -> str:
        """T5 does not scale by the width: its initialisation does."""
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        shares = self.node("Softmax", self.node("Add", scores, bias), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", mixed, self.constant([0, 0, self.heads * self.width]))
        return self.linear(mixed, f"{name}.o")

    def fed(self, states: str, name: str) -> str:
        """The feed-forward layer with its residual."""
        inner, dense = self.normal(states, f"{name}.layer_norm"), f"{name}.DenseReluDense"
        act = str(self.config["dense_act_fn"])
        if self.config["is_gated_act"]:
            gate = self.activated(self.linear(inner, f"{dense}.wi_0"), act)
            inner = self.node("Mul", gate, self.linear(inner, f"{dense}.wi_1"))
        else:
            inner = self.activated(self.linear(inner, f"{dense}.wi"), act)
        return self.node("Add", states, self.linear(inner, f"{dense}.wo"))

    def masked(self) -> str:
        """What is added to scores of padding, (batch, 1, 1, source)."""
        absent = self.node("Sub", self.constant(1.0), self.node("Cast", "attention_mask", to=1))
        return self.node("Unsqueeze", self.node("Mul", absent, self.constant(_MASKED)), self.constant([1, 2]))

    def places(self, stack: str, query: str, key: str) -> str:
        """Biases (1, heads, queries, keys) of positions, by how far the key lies behind the query."""
        most = int(self.config["relative_attention_max_distance"])  # beyond it, all is alike
        ahead = self.node("Sub", self.node("Unsqueeze", key, self.constant([0])),
                          self.node("Unsqueeze", query, self.constant([1])))  # fmt: skip
        place = self.node("Add", self.node("Clip", ahead, self.constant(-most), self.constant(most)),
                          self.constant(most))  # fmt: skip
        buckets = self.node("Gather", self.constant(_buckets(self.config, most, stack)), place)
        table = self.weight(f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
        found = self.node("Transpose", self.node("Gather", table, buckets), perm=[2, 0, 1])
        return self.node("Unsqueeze", found, self.constant([0]))


def _buckets(config: Any, most: int, stack: str) -> Any:
    """The bucket of each distance from -most to most, by transformers' own rounding."""
    import torch
    from transformers.models.t5.modeling_t5 import T5Attention

    return T5Attention._relative_position_bucket(
        torch.arange(-most, most + 1),
        bidirectional=stack == "encoder",
        num_buckets=int(config["relative_attention_num_buckets"]),
        max_distance=most,
    ).numpy()


def _encoder(weights: dict[str, Any], config: dict[str, Any], path: Path) -> None:
    graph = _T5(weights, config)
    states = graph.node("Gather", graph.weight("shared.weight"), "input_ids")
    place = graph.span(graph.constant([0]), graph.size_of("input_ids", 1))
    bias = graph.node("Add", graph.places("encoder", place, place), graph.masked())
    for number in range(int(config["num_layers"])):
        name = f"encoder.block.{number}.layer"
        normal = graph.normal(states, f"{name}.0.layer_norm")
        attention = f"{name}.0.SelfAttention"
        query, key, value = (graph.split(normal, f"{attention}.{part}") for part in "qkv")
        states = graph.node("Add", states, graph.attended(attention, query, key, value, bias))
        states = graph.fed(states, f"{name}.1")
    states = graph.normal(states, "encoder.final_layer_norm")
    outputs = {}
    for number in range(int(config["num_decoder_layers"])):
        attention = f"decoder.block.{number}.layer.1.EncDecAttention"
        for part, letter in (("key", "k"), ("value", "v")):
            made = graph.split(states, f"{attention}.{letter}")
            outputs[f"cross_{part}_{number}"] = (made, ("batch", graph.heads, "source", graph.width))
    source = ("batch", "source")
    graph.save({"input_ids": source, "attention_mask": source}, outputs, path)


def _decoder(weights: dict[str, Any], config: dict[str, Any], path: Path) -> None:
    graph, layers = _T5(weights, config), range(int(config["num_decoder_layers"]))
    past = {
        f"past_{part}_{i}": ("batch", graph.heads, "past", graph.width) for i in layers for part in _PARTS
    }
    cross = {
        f"cross_{part}_{i}": ("batch", graph.heads, "source", graph.width) for i in layers for part in _PARTS
    }
    states = graph.node("Gather", graph.weight("shared.weight"), "input_ids")
    length = graph.size_of("past_key_0", 2)
    keys = graph.span(graph.constant([0]), graph.node("Add", length, graph.constant([1])))
    bias, padding, outputs = graph.places("decoder", length, keys), graph.masked(), {}
    for number in layers:
        name = f"decoder.block.{number}.layer"
        normal, attention = graph.normal(states, f"{name}.0.layer_norm"), f"{name}.0.SelfAttention"
        query = graph.split(normal, f"{attention}.q")
        key, value = (
            graph.node(
                "Concat", f"past_{part}_{number}", graph.split(normal, f"{attention}.{part[0]}"), axis=2
            )
            for part in _PARTS
        )
        for part, made in (("key", key), ("value", value)):
            outputs[f"present_{part}_{number}"] = (made, ("batch", graph.heads, "present", graph.width))
        states = graph.node("Add", states, graph.attended(attention, query, key, value, bias))
        normal, attention = graph.normal(states, f"{name}.1.layer_norm"), f"{name}.1.EncDecAttention"
        key, value = (f"cross_{part}_{number}" for part in _PARTS)
        mixed = graph.attended(attention, graph.split(normal, f"{attention}.q"), key, value, padding)
        states = graph.fed(graph.node("Add", states, mixed), f"{name}.2")
    states = graph.normal(states, "decoder.final_layer_norm")
    if config["scale_decoder_outputs"]:
        states = graph.node("Mul", states, graph.constant(float(config["d_model"]) ** -0.5))
    table = "shared.weight" if config["tie_word_embeddings"] else "lm_head.weight"
    logits = (graph.tokens(states, table), ("batch", 1, "vocabulary"))
    inputs: dict[str, tuple[int | str, ...]] = {
        "input_ids": ("batch", 1),
        "attention_mask": ("batch", "source"),
        **past,
        **cross,
    }
    graph.save(inputs, {"logits": logits, **outputs}, path)


_PARTS = ("key", "value")
