"""What is known of a checkpoint before it is loaded: its shape, and so how many weights it has and how large
it will be. Of a folder, or one that was fetched, config.json tells; of those that p2m names, this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2m.sizes import show_size
from p2m.students import weights

_T5: dict[str, Any] = {
    "model_type": "t5", "vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6,
    "num_heads": 8, "feed_forward_proj": "relu", "tie_word_embeddings": True,
}  # fmt: skip
_GATED = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
_SMALL = {**_GATED, "d_ff": 1024, "num_layers": 8, "num_heads": 6}
_BASE = {"d_model": 768, "num_layers": 12, "num_heads": 12}
_LLAMA: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
    "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True,
}  # fmt: skip
KNOWN: dict[str, dict[str, Any]] = {  # from their config.json
    "google-t5/t5-small": _T5,
    "google/flan-t5-small": {**_T5, **_SMALL},
    "google/flan-t5-base": {**_T5, **_GATED, **_BASE, "d_ff": 2048},
    "google/mt5-small": {**_T5, **_SMALL, "model_type": "mt5", "vocab_size": 250112},
    "google/byt5-small": {
        **_T5, **_SMALL, "vocab_size": 384, "d_model": 1472, "d_ff": 3584, "num_layers": 12,
        "num_decoder_layers": 4,
    },
    "Salesforce/codet5-small": {**_T5, "vocab_size": 32100},
    "Salesforce/codet5p-220m": {**_T5, **_BASE, "vocab_size": 32100, "d_ff": 3072},
    "HuggingFaceTB/SmolLM2-135M-Instruct": _LLAMA,
    "Qwen/Qwen3-0.6B": {
        **_LLAMA, "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "intermediate_size": 3072,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    },
}  # fmt: skip

# The revisions of conf/student that hold pickles alone.
_PICKLED = {
    "google/mt5-small": "73fb5dbe4756edadc8fbe8c769b0a109493acf7a",
    "google/byt5-small": "68377bdc18a2ffec8a0533fef03b1c513a4dd49d",
    "Salesforce/codet5-small": "a642dc934e5475185369d09ac07091dfe72a31fc",
    "Salesforce/codet5p-220m": "bcef69c847f3218e9f980baadad708efdffb2541",
}


def shape_of(model: str, revision: str) -> dict[str, Any]:
    """The sizes of a checkpoint; {} where they are not known without a network."""
    if Path(model).is_dir():
        return weights.shape(Path(model))
    return KNOWN.get(model) or weights.shape(weights.cached(model, revision))


def unknown(model: str, revision: str, families: Sequence[str]) -> str | None:
    """Why a checkpoint cannot be taken, as far as can be told before it is loaded."""
    shape = shape_of(model, revision)
    if not shape:
        reason = "holds no config.json" if Path(model).is_dir() else "is not known to p2m, nor fetched before"
        return f"{model} {reason}, so its size cannot be told; give a folder: model=FOLDER"
    if shape.get("model_type") not in families:
        kind = shape.get("model_type") or "model without a type"
        return f"{model} is a {kind}, not one of {', '.join(families)}"
    if Path(model).is_dir():
        return weights.unsafe(Path(model))
    if _PICKLED.get(model) == revision:
        return f"{model} has no safetensors at {revision[:12]}, only a pickle{weights.INSTEAD}"
    return None


def to_fetch(model: str, revision: str, parameters: int) -> str:
    """What comes from the Hub, and how much; "" where the weights are here."""
    folder = Path(model) if Path(model).is_dir() else weights.cached(model, revision)
    if folder and not weights.unsafe(folder):
        return ""
    return f"{model} is fetched from the Hub: {show_size(4 * parameters)} at most (4 bytes a weight)"


def count_t5(shape: Mapping[str, Any]) -> int:
    """Weights of a T5 with a table of words, and another one for the output where they are not tied."""
    model, inner = int(shape["d_model"]), int(shape["num_heads"]) * int(shape["d_kv"])
    attention = 4 * model * inner
    gated = str(shape.get("feed_forward_proj", "relu")).startswith("gated")
    feed = (3 if gated else 2) * model * int(shape["d_ff"])
    layers = int(shape["num_layers"])
    encoder = layers * (attention + feed + 2 * model)
    decoder = int(shape.get("num_decoder_layers") or layers) * (2 * attention + feed + 3 * model)
    places = int(shape.get("relative_attention_num_buckets", 32)) * int(shape["num_heads"])
    return tables_t5(shape) + encoder + decoder + 2 * (places + model)


def tables_t5(shape: Mapping[str, Any]) -> int:
    tied = shape.get("tie_word_embeddings", True) is not False
    return int(shape["vocab_size"]) * int(shape["d_model"]) * (1 if tied else 2)


def count_causal(shape: Mapping[str, Any]) -> int:
    """Weights of a Llama, Qwen2 or Qwen3, which differ in biases and in norms of queries and keys."""
    hidden, heads, kind = (
        int(shape["hidden_size"]),
        int(shape["num_attention_heads"]),
        shape.get("model_type"),
    )
    width = int(shape.get("head_dim") or hidden // heads)
    groups = int(shape.get("num_key_value_heads") or heads)
    attention = 2 * hidden * width * (heads + groups)
    if kind == "qwen2" or shape.get("attention_bias"):
        attention += width * (heads + 2 * groups) + (hidden if kind != "qwen2" else 0)
    norms = 2 * hidden + (2 * width if kind == "qwen3" else 0)
    feed = 3 * hidden * int(shape["intermediate_size"])
    tables = int(shape["vocab_size"]) * hidden * (1 if shape.get("tie_word_embeddings") else 2)
    return tables + int(shape["num_hidden_layers"]) * (attention + norms + feed) + hidden
