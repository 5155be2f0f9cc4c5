"""Frozen all-MiniLM-L6-v2 embeddings with logistic regression."""

from __future__ import annotations

from dataclasses import dataclass

from p2m.students.base_model import MODEL, SHA256
from p2m.students.linear_encoder import LinearEncoder


@dataclass(frozen=True)
class LinearMiniLM(LinearEncoder):
    """The weights of the extra `embedded`; any other encoder does as `model` too."""

    model: str = MODEL
    license: str = "apache-2.0"
    sha256: str = SHA256
    languages: tuple[str, ...] = ("en",)
