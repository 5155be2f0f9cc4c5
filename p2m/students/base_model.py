"""all-MiniLM-L6-v2 as the base of several students: which weights, how many, how large, what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.students import weights
from p2m.types import Task

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its model.safetensors
_SHAPE = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}


def parameters(model: str) -> int:
    """Weights of the encoder and of a head of two outputs."""
    return _count({**_SHAPE, **weights.shape(weights.local_folder(model, MODEL))})


def size_bytes(model: str) -> int:
    """Eight bits a weight, and the tokenizer (about 23 bytes an entry)."""
    return parameters(model) + 23 * _SHAPE["vocab_size"]


def unread(task: Task, languages: Sequence[str]) -> str | None:
    """Why a model that knows those languages cannot read the task's rows; None where it can, or for ()."""
    if languages and not set(task.spoken) <= set(languages):
        known, spoken = ", ".join(languages), " and ".join(task.spoken)
        return f"its base model knows {known}, the task is in {spoken}"
    return None


def _count(shape: dict[str, Any]) -> int:
    """Weights of a BertModel without a pooler, and two outputs."""
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    tables = shape["vocab_size"] + shape["max_position_embeddings"] + shape["type_vocab_size"]
    layer = 4 * (hidden * hidden + hidden) + (2 * hidden * inner + inner + hidden) + 4 * hidden
    return int(tables * hidden + 2 * hidden + shape["num_hidden_layers"] * layer + 2 * (hidden + 1))
