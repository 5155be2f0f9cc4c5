"""llama.cpp on the processor: decoders of the Llama kind as one GGUF file, which other programs run too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from p2m.deploy.backends import extras
from p2m.deploy.backends.graphs import read_weights
from p2m.deploy.serving.backends import gguf
from p2m.deploy.serving.settings import Settings
from p2m.errors import StageError
from p2m.types import Student, Task

_BLOCK = 32  # weights that share a scale in q8_0
_PARTS = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
# How a text is cut before it becomes tokens: a mark of tokenizer.json, and llama.cpp's name for it.
_CUTS = (
    ("\\p{N}{1,3}", "llama-bpe"),
    ("\\p{N}", "qwen2"),
    ('"type": "Digits"', "smollm"),
    ('"type": "ByteLevel"', "gpt-2"),
)


@dataclass(frozen=True)
class GGUF:
    """A GGUF file with its tokenizer, in half precision and in eight bits (q8_0)."""

    name: ClassVar[str] = "gguf"
    computes: ClassVar[str] = ""
    precisions: ClassVar[tuple[str, ...]] = ("f16", "q8_0")
    requirements: ClassVar[tuple[str, ...]] = ("xllamacpp",)
    serving: ClassVar[Path] = Path(gguf.__file__)

    def missing(self) -> str | None:
        return extras.missing("xllamacpp", "gguf") or extras.missing("gguf", "gguf")

    def refusal(self, task: Task) -> str | None:
        """None: of any task there may be a student that writes its answers."""
        return None

    def unfit(self, student: Student) -> str | None:
        if getattr(student, "writes", "") == "causal":
            return None
        return "it runs decoders of the Llama kind; student=smollm2_135m is one"

    def convert(self, source: Path, target: Path, *, precision: str = "") -> None:
        """model.gguf from a decoder's graph and tokenizer.json, and its other files as they are.

        Raises:
            StageError: it is another model, or its tokenizer is of a kind that the format is not written for.
        """
        settings = Settings.read(source)
        if settings.kind != "causal":
            raise StageError(f"gguf runs no model of the kind {settings.kind}")
        config, weights = read_weights(source, ("decoder",))
        tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
        target.mkdir(parents=True, exist_ok=True)
        _write(target / gguf.MODEL, config, weights, tokenizer, settings.ends[0], precision or "f16")
        for path in sorted(source.iterdir()):
            if ".onnx" not in path.name:
                shutil.copyfile(path, target / path.name)
        replace(settings, backend=self.name).write(target)


LLAMA_CPP = GGUF()


def _write(
    path: Path, config: Mapping[str, Any], weights: Mapping[str, Any], tokenizer: Mapping[str, Any],
    end: int, precision: str,
) -> None:  # fmt: skip
    """The same bytes for the same values: tensors in the order of their names."""
    import gguf as library

    made = library.GGUFWriter(str(path), str(config["model_type"]))
    _shape(made, config)
    _tokens(made, tokenizer, len(weights["model.embed_tokens.weight"]), end)
    for name, array in sorted(weights.items()):
        if (called := _named(name)) is None:
            continue
        if config["model_type"] == "llama" and called.rpartition(".")[0].endswith(("attn_q", "attn_k")):
            array = _interleaved(array, config, is_query="attn_q" in called)
        kind, packed = _packed(array, precision)
        made.add_tensor(called, packed, raw_dtype=kind)
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


def _shape(made: Any, config: Mapping[str, Any]) -> None:
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    size = int(config.get("head_dim") or width // heads)
    rope = config.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        raise StageError(f"gguf is not written for rotations of the type {rope['rope_type']}")
    made.add_context_length(int(config["max_position_embeddings"]))
    made.add_embedding_length(width)
    made.add_block_count(int(config["num_hidden_layers"]))
    made.add_feed_forward_length(int(config["intermediate_size"]))
    made.add_head_count(heads)
    made.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    made.add_key_length(size)
    made.add_value_length(size)
    made.add_rope_dimension_count(size)
    made.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0))
    made.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    made.add_vocab_size(int(config["vocab_size"]))


def _tokens(made: Any, tokenizer: Mapping[str, Any], size: int, end: int) -> None:
    """The vocabulary of a byte-level tokenizer (Radford et al., 2019), with what it merges."""
    from gguf import TokenType

    model = tokenizer["model"]
    cut = json.dumps(tokenizer.get("pre_tokenizer"))
    if model.get("type") != "BPE" or '"ByteLevel"' not in cut:
        raise StageError(f"gguf is written for byte-level BPE tokenizers, not for {model.get('type')}")
    words = {number: word for word, number in model["vocab"].items()}
    kinds = dict.fromkeys(words, TokenType.NORMAL)
    for each in tokenizer.get("added_tokens") or ():
        words[each["id"]] = each["content"]
        kinds[each["id"]] = TokenType.CONTROL if each["special"] else TokenType.USER_DEFINED
    made.add_tokenizer_model("gpt2")
    made.add_tokenizer_pre(next(name for mark, name in _CUTS if json.dumps(mark)[1:-1] in cut or mark in cut))
    made.add_token_list([words.get(number, f"[unused {number}]") for number in range(size)])
    made.add_token_types([kinds.get(number, TokenType.UNUSED) for number in range(size)])
    made.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in model["merges"]])
    made.add_eos_token_id(end)
    made.add_add_bos_token(False)


def _named(name: str) -> str | None:
    """A weight's name in GGUF; None of what has none, such as a graph's constants."""
    base, _, what = name.rpartition(".")
    if base in _WHOLE:
        return f"{_WHOLE[base]}.{what}"
    if not base.startswith("model.layers."):
        return None
    number, _, part = base.removeprefix("model.layers.").partition(".")
    return f"blk.{number}.{_PARTS[part]}.{what}"


def _interleaved(array: Any, config: Mapping[str, Any], *, is_query: bool) -> Any:
    """Rows of a head as llama.cpp rotates them: of a Llama, neighbours rather than halves."""
    heads = int(config["num_attention_heads"])
    groups = heads if is_query else int(config.get("num_key_value_heads") or heads)
    halves = array.reshape(groups, 2, array.shape[0] // groups // 2, *array.shape[1:])
    return halves.swapaxes(1, 2).reshape(array.shape)


def _packed(array: Any, precision: str) -> tuple[Any, Any]:
    """Type and bytes of a tensor; vectors, and rows that no whole number of blocks fills, stay exact."""
    import numpy as np
    from gguf import GGMLQuantizationType, quants

    if array.ndim == 1:
        return GGMLQuantizationType.F32, array.astype(np.float32)
    if precision == "q8_0" and array.shape[1] % _BLOCK == 0:
        kind = GGMLQuantizationType.Q8_0
        return kind, quants.quantize(array.astype(np.float32), kind)
    return GGMLQuantizationType.F16, array.astype(np.float16)
