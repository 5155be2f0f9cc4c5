"""Pretrained encoders as bases of students: which weights, how many, how large, what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.students import checkpoints, e5_file, weights
from p2m.types import Task

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its model.safetensors
_WORD, _PIECE = 23, 35  # bytes an entry of a tokenizer's file: of a list of words, of scored pieces
_MANY = 50_000  # entries from which on they are pieces
PIECES = 120_000  # that a vocabulary is cut to, unless the recipe says otherwise
_SMALL = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072}
# What their config.json say, so that sizes are known before anything is fetched.
SHAPES: dict[str, dict[str, Any]] = {
    MODEL: _SMALL,
    "intfloat/multilingual-e5-small": {**_SMALL, "vocab_size": 250_037, "num_hidden_layers": 12},
    "FacebookAI/xlm-roberta-base": {
        **_BASE, "model_type": "xlm-roberta", "vocab_size": 250_002, "max_position_embeddings": 514,
        "type_vocab_size": 1,
    },
    "answerdotai/ModernBERT-base": {
        **_BASE, "model_type": "modernbert", "vocab_size": 50_368, "num_hidden_layers": 22,
        "intermediate_size": 1152,
    },
    "microsoft/deberta-v3-small": {
        **_BASE, "model_type": "deberta-v2", "vocab_size": 128_100, "num_hidden_layers": 6,
        "max_position_embeddings": 512, "type_vocab_size": 0, "position_buckets": 256,
        "relative_attention": True, "position_biased_input": False, "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
    },
}  # fmt: skip


def shape(model: str) -> Mapping[str, Any]:
    """The model's config.json where it is on this machine, else what p2m knows of it.

    Of a model that is neither, BERT-base's: how large it is shows when it is fetched.
    """
    found = weights.shape(weights.local_folder(model, MODEL))
    known = {"model_type": "bert", "vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2}
    return {**SHAPES.get(model, {**_BASE, **known}), **found}


def parameters(model: str) -> int:
    """Weights of the encoder and of a head of two outputs."""
    config = shape(model)
    return _COUNTS.get(config["model_type"], _bert)(config) + 2 * (int(config["hidden_size"]) + 1)


def beyond(model: str, layers: int) -> int:
    """Weights of a BERT's layers after the first so many."""
    config = shape(model)
    return max(0, int(config["num_hidden_layers"]) - layers) * _layer(config)


def size_bytes(model: str, *, whole: bool = False) -> int:
    """Eight bits a weight, and the tokenizer; of a large vocabulary what `compression=trimmed` leaves, or the
    `whole`.
    """
    config = shape(model)
    rows = int(config["vocab_size"])
    kept = rows if whole else min(rows, PIECES)
    entry = _WORD if rows < _MANY else _PIECE
    width = int(config["hidden_size"])
    table = rows * width if kept == rows else kept * width * 9 // 16  # cut, it is in four bits, with scales
    return parameters(model) - rows * width + table + entry * kept


def download(model: str, revision: str) -> str:
    """What is fetched before the model is opened, and how much; "" where its weights are on this machine."""
    here = weights.local_folder(model, MODEL) or weights.packed(model)
    return "" if here else checkpoints.to_fetch(model, revision, parameters(model))


def origin(model: str) -> str:
    """Whence its weights are on this machine, where not as they were published; "" elsewhere."""
    is_packed = model == e5_file.MODEL and (weights.local_folder(model, MODEL) or weights.packed(model))
    return e5_file.ORIGIN if is_packed and not Path(model).is_dir() else ""


def unread(task: Task, model: str, languages: Sequence[str]) -> str | None:
    """Why a model of those languages, () being any, cannot read the task's rows, or its folder is not opened;
    None where it can.
    """
    if Path(model).is_dir() and (reason := weights.unsafe(Path(model))):
        return f"in {model} {reason}"
    if languages and not set(task.spoken) <= set(languages):
        known = ", ".join(languages) if len(languages) < 10 else f"{len(languages)} others"
        reason = f"its base model knows {known}, the task is in {' and '.join(task.spoken)}"
        return reason if len(languages) > 1 else f"{reason}; student=e5_small or linear_e5 read a hundred"
    return None


@dataclass(frozen=True)
class OverBaseModel:
    """A checkpoint of an encoder; a Hub name, or a folder as the Hub lays it out, with safetensors."""

    model: str
    license: str
    revision: str = "main"  # on the Hub; what arrives is checked against `sha256`
    sha256: str = ""  # of model.safetensors; "" accepts any
    languages: tuple[str, ...] = ()  # that the base model knows; (): any
    prefix: str = ""  # before every text, as the base model was taught

    @property
    def parameters(self) -> int:
        """Encoder and a head of two outputs; a label head adds hidden_size + 1 a further label."""
        return parameters(self.model)

    @property
    def size_bytes(self) -> int:
        return size_bytes(self.model)

    @property
    def whole_bytes(self) -> int:
        """With all of its vocabulary."""
        return size_bytes(self.model, whole=True)

    @property
    def origin(self) -> str:
        """Of the weights, where they are not as they were published."""
        return origin(self.model)


def _bert(shape: Mapping[str, Any]) -> int:
    """Weights of a BertModel or a RobertaModel without a pooler."""
    hidden = int(shape["hidden_size"])
    tables = shape["vocab_size"] + shape["max_position_embeddings"] + shape["type_vocab_size"]
    return int(tables * hidden + 2 * hidden + shape["num_hidden_layers"] * _layer(shape))


def _layer(shape: Mapping[str, Any]) -> int:
    hidden, inner = int(shape["hidden_size"]), int(shape["intermediate_size"])
    return 4 * (hidden * hidden + hidden) + (2 * hidden * inner + inner + hidden) + 4 * hidden


def _deberta(shape: Mapping[str, Any]) -> int:
    """Weights of a DebertaV2Model: relative positions are a table that all layers share."""
    hidden = int(shape["hidden_size"])
    total = shape["vocab_size"] * hidden + 2 * hidden + shape["num_hidden_layers"] * _layer(shape)
    if shape.get("position_biased_input", True):
        total += shape["max_position_embeddings"] * hidden
    total += shape.get("type_vocab_size", 0) * hidden
    if shape.get("relative_attention"):
        buckets = shape.get("position_buckets", -1)
        farthest = shape.get("max_relative_positions", -1)
        farthest = shape["max_position_embeddings"] if farthest < 1 else farthest
        total += 2 * (buckets if buckets > 0 else farthest) * hidden
        total += 2 * hidden if "layer_norm" in str(shape.get("norm_rel_ebd", "none")) else 0
        if not shape.get("share_att_key", True):
            total += shape["num_hidden_layers"] * 2 * (hidden * hidden + hidden)
    return int(total)


def _modernbert(shape: Mapping[str, Any]) -> int:
    """Weights of a ModernBertModel: no biases, gated layers, no norm before the first attention."""
    hidden, inner, layers = (
        int(shape[name]) for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
    )
    layer = 4 * hidden * hidden + 3 * hidden * inner + 2 * hidden
    return int(shape["vocab_size"] * hidden + layers * layer + hidden)


_COUNTS = {"deberta-v2": _deberta, "modernbert": _modernbert}
