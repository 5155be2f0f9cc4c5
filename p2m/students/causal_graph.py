"""A decoder of the Llama kind (Touvron et al., 2023) as one graph, with what it remembers as plain tensors.

    input_ids (batch, length), past_key_i, past_value_i (batch, groups, past, width)
      ->  logits (batch, 1, vocabulary) of the last token, present_key_i, present_value_i

The prompt is one run with an empty past, every token after it one of length 1. Rows of a batch are of one
length, so nothing is masked but what comes later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2m.errors import StageError
from p2m.students.graph import Graph, weights_of

FAMILIES = ("llama", "qwen2", "qwen3")
_STEADY = ("default", "linear", "llama3")  # rotations that do not depend on the length of a text
_LATER = -1e9  # added to the attention logits of tokens that come later
_PARTS = ("key", "value")


def write_graph(model: Any, path: Path) -> None:
    """Write a LlamaForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM.

    Raises:
        StageError: it is another architecture, or has what the graph does not.
    """
    config = model.config
    if config.model_type not in FAMILIES:
        raise StageError(f"only {', '.join(FAMILIES)} can be exported, not {config.model_type}")
    rotation = model.model.rotary_emb
    if rotation.rope_type not in _STEADY or "sliding_attention" in (
        getattr(config, "layer_types", None) or ()
    ):
        raise StageError("rotations by length and sliding windows cannot be exported")
    settings = {name: value for name, value in config.to_dict().items() if not name.startswith("_")}
    settings["tie_word_embeddings"] = (
        model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    )
    graph = _Causal(weights_of(model), settings)
    graph.write(rotation.inv_freq.float().cpu().numpy(), float(rotation.attention_scaling), path)


class _Causal(Graph):
    """Attention of grouped queries (Ainslie et al., 2023) with rotated positions (Su et al., 2021)."""

    @property
    def heads(self) -> int:
        return int(self.config["num_attention_heads"])

    @property
    def groups(self) -> int:
        return int(self.config.get("num_key_value_heads") or self.heads)

    @property
    def width(self) -> int:
        return int(self.config.get("head_dim") or int(self.config["hidden_size"]) // self.heads)

    def write(self, frequencies: Any, scaling: float, path: Path) -> None:
        layers = range(int(self.config["num_hidden_layers"]))
        past = {
            f"past_{part}_{i}": ("batch", self.groups, "past", self.width) for i in layers for part in _PARTS
        }
        before, length = self.size_of("past_key_0", 2), self.size_of("input_ids", 1)
        self.total = self.node("Add", before, length)
        self.length, query = length, self.span(before, length)
        self.turns = self._turns(query, frequencies, scaling)
        self.later = self._later(query)
        states = self.node("Gather", self.weight("model.embed_tokens.weight"), "input_ids")
        outputs: dict[str, tuple[str, tuple[Any, ...]]] = {}
        for number in layers:
            states = self._layer(states, number, outputs)
        last = self.node("Slice", states, self.constant([-1]), self.constant([2**62]), self.constant([1]))
        table = "model.embed_tokens.weight" if self.config["tie_word_embeddings"] else "lm_head.weight"
        logits = (self.tokens(self.normal(last, "model.norm"), table), ("batch", 1, "vocabulary"))
        self.save({"input_ids": ("batch", "length"), **past}, {"logits": logits, **outputs}, path)

    def normal(self, states: str, name: str) -> str:
        return self.rms(states, name, float(self.config["rms_norm_eps"]))

    def _layer(self, states: str, number: int, outputs: dict[str, tuple[str, tuple[Any, ...]]]) -> str:
        name = f"model.layers.{number}"
        normal, attention = self.normal(states, f"{name}.input_layernorm"), f"{name}.self_attn"
        query = self._rotated(self._split(normal, f"{attention}.q", self.heads))
        new = {
            "key": self._rotated(self._split(normal, f"{attention}.k", self.groups)),
            "value": self._split(normal, f"{attention}.v", self.groups),
        }
        for part in _PARTS:
            new[part] = self.node("Concat", f"past_{part}_{number}", new[part], axis=2)
            outputs[f"present_{part}_{number}"] = (new[part], ("batch", self.groups, "present", self.width))
        states = self.node("Add", states, self._attended(attention, query, new["key"], new["value"]))
        normal = self.normal(states, f"{name}.post_attention_layernorm")
        gate = self.activated(self.linear(normal, f"{name}.mlp.gate_proj"), str(self.config["hidden_act"]))
        inner = self.node("Mul", gate, self.linear(normal, f"{name}.mlp.up_proj"))
        return self.node("Add", states, self.linear(inner, f"{name}.mlp.down_proj"))

    def _split(self, states: str, name: str, heads: int) -> str:
        """(batch, heads, length, width); of Qwen3, queries and keys are scaled first."""
        found = self.node(
            "Reshape", self.linear(states, f"{name}_proj"), self.constant([0, 0, heads, self.width])
        )
        if f"{name}_norm.weight" in self.weights:
            found = self.normal(found, f"{name}_norm")
        return self.node("Transpose", found, perm=[0, 2, 1, 3])

    def _turns(self, places: str, frequencies: Any, scaling: float) -> tuple[str, str]:
        """Cosines and sines (length, width / 2)."""
        places = self.node("Unsqueeze", self.node("Cast", places, to=1), self.constant([1]))
        angles = self.node("Mul", places, self.constant(frequencies))
        cosines, sines = self.node("Cos", angles), self.node("Sin", angles)
        if scaling == 1.0:
            return cosines, sines
        return (
            self.node("Mul", cosines, self.constant(scaling)),
            self.node("Mul", sines, self.constant(scaling)),
        )

    def _rotated(self, states: str) -> str:
        half, axis = self.width // 2, self.constant([3])
        left = self.node("Slice", states, self.constant([0]), self.constant([half]), axis)
        right = self.node("Slice", states, self.constant([half]), self.constant([2 * half]), axis)
        cosines, sines = self.turns
        first = self.node("Sub", self.node("Mul", left, cosines), self.node("Mul", right, sines))
        second = self.node("Add", self.node("Mul", right, cosines), self.node("Mul", left, sines))
        return self.node("Concat", first, second, axis=3)

    def _later(self, query: str) -> str:
        """What is added to scores of later tokens, (length, past + length)."""
        keys = self.node("Unsqueeze", self.span(self.constant([0]), self.total), self.constant([0]))
        later = self.node("Greater", keys, self.node("Unsqueeze", query, self.constant([1])))
        return self.node("Mul", self.node("Cast", later, to=1), self.constant(_LATER))

    def _attended(self, name: str, query: str, key: str, value: str) -> str:
        """Queries of one group stand below each other, so that keys and values need not be repeated."""
        grouped = self.constant([0, self.groups, -1, self.width])
        query = self.node("Mul", query, self.constant(self.width**-0.5))
        scores = self.node(
            "MatMul", self.node("Reshape", query, grouped), self.node("Transpose", key, perm=[0, 1, 3, 2])
        )
        if self.groups != self.heads:
            apart = self.node("Concat", self.constant([0, self.heads]), self.length, self.total, axis=0)
            together = self.node("Concat", self.constant([0, self.groups, -1]), self.total, axis=0)
            scores = self.node("Reshape", scores, apart)
            shares = self.node("Softmax", self.node("Add", scores, self.later), axis=-1)
            shares = self.node("Reshape", shares, together)
        else:
            shares = self.node("Softmax", self.node("Add", scores, self.later), axis=-1)
        mixed = self.node("MatMul", shares, value)
        if self.groups != self.heads:
            back = self.node(
                "Concat", self.constant([0, self.heads]), self.length, self.constant([self.width]), axis=0
            )
            mixed = self.node("Reshape", mixed, back)
        mixed = self.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", mixed, self.constant([0, 0, self.heads * self.width]))
        return self.linear(mixed, f"{name}.o_proj")
