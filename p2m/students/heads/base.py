"""What a head is: what an encoder learns for one sort of task, apart from the encoder itself.

A head is linear maps of an encoder's last states, and the two ways between rows and tensors. So any encoder
has every head, and a graph of both can be written without knowing what they are for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.types import Example, Shaping, Task

CHUNK = 1000  # rows tokenised at once
# Of weights over single tokens, as a multiple of the encoder's rate: 200 order e-mails with five types of
# spans came to an F1 of 0.90 by the 60 steps that gave 0.75 at one rate for all, and 0.83 at three times it.
TOKEN_RATE = 20.0


@dataclass(frozen=True, slots=True)
class Projection:
    """A linear map of states to `size` logits; its weights are `head.<name>.weight` and `.bias`."""

    name: str
    size: int
    is_pooled: bool  # of the row: the mean of its states, of unit length; else of every token
    columns: tuple[str, ...] = ()  # outputs of a column each; (): one output, called like the projection
    rate: float = 1.0  # how many times as fast as the encoder its weights learn


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a family reads, in tokens."""

    window: int
    stride: int  # that neighbouring windows share
    max_answer: int  # of the longest span


class Item(Protocol):
    """What goes through the encoder at once: a row or a window of one."""

    ids: Sequence[int]
    types: Sequence[int]


class Head(Protocol):
    """Rows to features and items, outputs to a loss and answers; made of its settings and a tokenizer."""

    settings: Settings

    def __init__(self, settings: Settings, tokenizer: Any) -> None:
        """`tokenizer` is a `tokenizers.Tokenizer` of its own."""

    @staticmethod
    def fits(task: Task) -> bool:
        """Whether it learns such tasks."""

    @staticmethod
    def described(task: Task, labels: Sequence[str], reach: Reach) -> Settings:
        """What predictor.json says."""

    @staticmethod
    def projections(settings: Settings) -> tuple[Projection, ...]: ...

    def encode(self, rows: Sequence[Example], *, max_length: int) -> list[dict[str, Any]]:
        """Features: `input_ids`, `token_type_ids`, targets and `row`, the row's number."""

    def cut(self, rows: Sequence[Example], *, max_length: int) -> int:
        """How many rows are longer than what `encode` keeps of one."""

    def targets(self, features: Sequence[Mapping[str, Any]], length: int) -> dict[str, Any]:
        """Tensors of a batch beside the inputs; `length` is that of the padded rows."""

    def loss(self, outputs: Mapping[str, Any], batch: Mapping[str, Any], shaping: Shaping) -> Any:
        """Mean over the batch, a scalar tensor."""

    def items(self, rows: Sequence[Mapping[str, str]]) -> Sequence[Item]:
        """What the encoder must see to answer the rows."""

    def answers(
        self, rows: Sequence[Mapping[str, str]], items: Sequence[Item], outputs: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        """Of the arrays of each item, by name."""


@runtime_checkable
class SolvedHead(Head, Protocol):
    """A head that has a best value for an encoder as it is."""

    def solve(
        self, vectors: Any, features: Sequence[Mapping[str, Any]], *, balanced: bool
    ) -> Solution | None:
        """Over embeddings (features, width), float32; None where no projection is of rows."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Weights of a projection, (size, width) and (size,), and the mean loss of the features under them.

    `others` are of further projections.
    """

    projection: str
    weight: Any
    bias: Any
    loss: float
    others: tuple[Solution, ...] = ()
