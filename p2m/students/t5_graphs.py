"""A T5 model as two graphs: the encoder with the keys and values of cross-attention, and one step of the
decoder.

The forward passes are written out over the model's own modules, so that the cache is plain tensors and an
empty past (the first step) is an ordinary shape.

    encoder  input_ids, attention_mask (batch, source)  ->  cross_key_i, cross_value_i (batch, heads, source,
    width) decoder  input_ids (batch, 1), attention_mask (batch, source), past_key_i, past_value_i (batch,
    heads, past, width),
             cross_key_i, cross_value_i  ->  logits (batch, 1, vocabulary), present_key_i, present_value_i
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2m.students.onnx_graph import write_graph


def write_graphs(model: Any, folder: Path) -> None:
    """Write encoder.onnx and decoder.onnx of a T5ForConditionalGeneration."""
    import torch

    layers, heads, width = model.config.num_decoder_layers, model.config.num_heads, model.config.d_kv
    encoder, decoder = _encoder(model), _decoder(model)
    ids, mask = torch.full((2, 7), 5), torch.ones((2, 7), dtype=torch.long)
    source = {0: "batch", 1: "source"}
    cross = [f"cross_{part}_{i}" for i in range(layers) for part in ("key", "value")]
    write_graph(
        encoder,
        {"input_ids": ids, "attention_mask": mask},
        {"input_ids": source, "attention_mask": source},
        cross,
        folder / "encoder.onnx",
    )
    past = [name.replace("cross_", "past_") for name in cross]
    inputs = {"input_ids": torch.full((2, 1), 5), "attention_mask": mask}
    inputs |= {name: torch.randn(2, heads, 3, width) for name in past}
    inputs |= {name: torch.randn(2, heads, 7, width) for name in cross}
    axes = {"input_ids": {0: "batch"}, "attention_mask": source}
    axes |= {name: {0: "batch", 2: "past"} for name in past}
    axes |= {name: {0: "batch", 2: "source"} for name in cross}
    outputs = ["logits", *(name.replace("past_", "present_") for name in past)]
    write_graph(decoder, inputs, axes, outputs, folder / "decoder.onnx", variadic_from=2)


def _encoder(model: Any) -> Any:
    """The encoder's pass as a torch module over the weights of `model`."""
    import torch

    width = model.config.d_kv

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.stack, self.decoder = model.encoder, model.decoder

        def forward(self, input_ids: Any, attention_mask: Any) -> tuple[Any, ...]:
            states = self.stack.embed_tokens(input_ids)
            positions = torch.arange(input_ids.shape[1])
            bias = _position_bias(self.stack.block[0].layer[0].SelfAttention, positions, positions)
            bias = bias + _masked(attention_mask)
            for block in self.stack.block:
                layer = block.layer[0]
                normal, attention = layer.layer_norm(states), layer.SelfAttention
                parts = (attention.q, attention.k, attention.v)
                query, key, value = (_split(part(normal), width) for part in parts)
                states = block.layer[-1](states + _attend(attention, query, key, value, bias))
            states = self.stack.final_layer_norm(states)
            found = []
            for block in self.decoder.block:
                cross = block.layer[1].EncDecAttention
                found += [_split(cross.k(states), width), _split(cross.v(states), width)]
            return tuple(found)

    return Encoder()


def _decoder(model: Any) -> Any:
    """One step of the decoder as a torch module over the weights of `model`."""
    import torch

    width = model.config.d_kv

    class Decoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.stack, self.head = model.decoder, model.lm_head
            self.scale = model.model_dim**-0.5 if model.config.scale_decoder_outputs else 1.0

        def forward(self, input_ids: Any, attention_mask: Any, *caches: Any) -> tuple[Any, ...]:
            blocks = self.stack.block
            past, cross = caches[: 2 * len(blocks)], caches[2 * len(blocks) :]
            states = self.stack.embed_tokens(input_ids)
            length = past[0].shape[2]
            now = torch.zeros(1, dtype=torch.long) + length
            bias = _position_bias(blocks[0].layer[0].SelfAttention, now, torch.arange(length + 1))
            padding = _masked(attention_mask)
            present = []
            for i, block in enumerate(blocks):
                layer, attention = block.layer[0], block.layer[0].SelfAttention
                normal = layer.layer_norm(states)
                key = torch.cat([past[2 * i], _split(attention.k(normal), width)], dim=2)
                value = torch.cat([past[2 * i + 1], _split(attention.v(normal), width)], dim=2)
                present += [key, value]
                states = states + _attend(attention, _split(attention.q(normal), width), key, value, bias)
                attention = block.layer[1].EncDecAttention
                query = _split(attention.q(block.layer[1].layer_norm(states)), width)
                states = states + _attend(attention, query, cross[2 * i], cross[2 * i + 1], padding)
                states = block.layer[-1](states)
            logits = self.head(self.stack.final_layer_norm(states) * self.scale)
            return logits, *present

    return Decoder()


def _split(states: Any, width: int) -> Any:
    """(batch, length, heads * width) as (batch, heads, length, width)."""
    return states.unflatten(-1, (-1, width)).transpose(1, 2)


def _attend(attention: Any, query: Any, key: Any, value: Any, bias: Any) -> Any:
    """(batch, queries, heads * width) of queries, keys and values of (batch, heads, length, width)."""
    scores = query @ key.transpose(2, 3) + bias
    return attention.o((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


def _masked(attention_mask: Any) -> Any:
    """What is added to scores of padding, (batch, 1, 1, source)."""
    return (1.0 - attention_mask[:, None, None, :].float()) * -1e9


def _position_bias(attention: Any, query: Any, key: Any) -> Any:
    """Of query positions over key positions, (1, heads, queries, keys)."""
    buckets = attention._relative_position_bucket(
        key[None, :] - query[:, None],
        bidirectional=not attention.is_decoder,
        num_buckets=attention.relative_attention_num_buckets,
        max_distance=attention.relative_attention_max_distance,
    )
    return attention.relative_attention_bias(buckets).permute(2, 0, 1).unsqueeze(0)
