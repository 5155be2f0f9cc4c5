"""Cards by meaning: the cosine of their embeddings with the prompt's (Reimers and Gurevych, 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2m.retrievers.card_index import Encode, Index, best
from p2m.retrievers.wording import query_vector
from p2m.types import Candidate, Task

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its model.safetensors
_SHOWN = 400  # cards that an answer has at most


@dataclass(frozen=True, slots=True)
class Dense:
    """Ranks cards by their embeddings' likeness with the prompt's."""

    model: str = MODEL  # a folder, or a sentence encoder of the Hub with its sha256
    revision: str = "main"
    sha256: str = SHA256
    window: int = 64  # tokens of a card that are read; of a prompt four times as many
    least_likeness: float = 0.25  # cosine below which nothing fits, 0 to 1

    def rank(
        self, task: Task, index: Index, encode: Encode, imagined: Sequence[str] = ()
    ) -> tuple[Candidate, ...]:
        """The cards most like the task, best first; those below the floor come refused."""
        if index.vectors is None:
            return ()
        near = index.near(query_vector(task, imagined, encode))
        return tuple(self._candidate(index, number, float(near[number])) for number in best(near, _SHOWN))

    def _candidate(self, index: Index, number: int, likeness: float) -> Candidate:
        low = likeness < self.least_likeness
        refusal = f"its likeness is {likeness:.3f}; at least {self.least_likeness:g} is needed" if low else ""
        return Candidate(
            index.cards[number], round(likeness, 6), None, (f"likeness {likeness:.2f}",), refusal
        )
