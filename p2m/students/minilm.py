"""all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019): a 22M encoder with any head.

It saw question and passage pairs of SQuAD, without their answers, in its contrastive training.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2m.students.base_model import MODEL, SHA256
from p2m.students.pretrained_encoder import PretrainedEncoder


@dataclass(frozen=True)
class MiniLM(PretrainedEncoder):
    """The weights of the extra `embedded`; any other encoder does as `model` too."""

    model: str = MODEL
    license: str = "apache-2.0"
    sha256: str = SHA256
    languages: tuple[str, ...] = ("en",)
