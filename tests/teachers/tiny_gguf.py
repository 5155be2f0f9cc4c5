"""A llama of random weights as a GGUF file of half a megabyte: it answers nonsense, by the real machinery.

write(path)      # byte-level BPE: 256 bytes, a few merges, four special tokens
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
MERGES = ("t h", "i n", "th e", "a n", "o n", "e r")
HIDDEN, LAYERS, HEADS, INNER = 64, 2, 4, 128


def letters() -> list[str]:
    """The 256 bytes as GPT-2 writes them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    codes = dict(zip(plain, plain, strict=True))
    for byte in range(256):
        codes.setdefault(byte, 256 + len(codes) - len(plain))
    return [chr(codes[byte]) for byte in range(256)]


def write(path: Path, *, context: int = 2048, template: str = TEMPLATE, seed: int = 0) -> Path:
    """Make the file; the same seed makes the same bytes."""
    tokens = [*letters(), *(merge.replace(" ", "") for merge in MERGES), *SPECIAL]
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - len(SPECIAL)) + [gguf.TokenType.CONTROL] * len(SPECIAL)
    made = gguf.GGUFWriter(str(path), "llama")
    made.add_name("tiny")
    made.add_context_length(context)
    made.add_embedding_length(HIDDEN)
    made.add_block_count(LAYERS)
    made.add_feed_forward_length(INNER)
    made.add_head_count(HEADS)
    made.add_head_count_kv(HEADS)
    made.add_layer_norm_rms_eps(1e-5)
    made.add_rope_dimension_count(HIDDEN // HEADS)
    made.add_vocab_size(len(tokens))
    made.add_tokenizer_model("gpt2")
    made.add_tokenizer_pre("gpt-2")
    made.add_token_list(tokens)
    made.add_token_types(kinds)
    made.add_token_merges(list(MERGES))
    made.add_bos_token_id(tokens.index("<|end|>"))
    made.add_eos_token_id(tokens.index("<|end|>"))
    made.add_add_bos_token(False)
    if template:
        made.add_chat_template(template)
    for name, shape in _tensors(len(tokens)):
        made.add_tensor(name, _values(name, shape, seed))
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()
    return path


def _tensors(vocabulary: int) -> list[tuple[str, tuple[int, ...]]]:
    found: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (vocabulary, HIDDEN)),
        ("output_norm.weight", (HIDDEN,)),
        ("output.weight", (vocabulary, HIDDEN)),
    ]
    for layer in range(LAYERS):
        square = [(f"blk.{layer}.attn_{part}.weight", (HIDDEN, HIDDEN)) for part in ("q", "k", "v", "output")]
        found += [(f"blk.{layer}.{part}_norm.weight", (HIDDEN,)) for part in ("attn", "ffn")]
        found += [*square, (f"blk.{layer}.ffn_down.weight", (HIDDEN, INNER))]
        found += [(f"blk.{layer}.ffn_{part}.weight", (INNER, HIDDEN)) for part in ("gate", "up")]
    return found


def _values(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    if len(shape) == 1:
        return np.ones(shape, dtype=np.float32)
    random = np.random.default_rng([seed, *name.encode()])
    return random.normal(0, 0.5 if name == "token_embd.weight" else 0.1, shape).astype(np.float32)
