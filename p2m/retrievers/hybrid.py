"""Cards by words and by meaning together, and by what they say of their task, languages and columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.retrievers.card_index import Encode, Index
from p2m.retrievers.dense import MODEL, SHA256
from p2m.retrievers.ranking import Seen, probability, shortlist
from p2m.types import Candidate, Task

_RANK = 60  # of reciprocal rank fusion


@dataclass(frozen=True, slots=True)
class Hybrid:
    """Reciprocal rank fusion (Cormack et al., 2009) of BM25 and embeddings; or, `learnt`, a linear model over
    both, their places and the facts of a card, whose weights ship with p2m.
    """

    model: str = MODEL  # a folder, or a sentence encoder of the Hub with its sha256
    revision: str = "main"
    sha256: str = SHA256
    window: int = 64  # tokens of a card that are read; of a prompt four times as many
    learnt: bool = True  # false: the places alone
    least_fit: float = (
        0.25  # cosine and share of the query's words, added up, below which a card does not fit
    )
    least_probability: float = 0.2  # of the likeliest card of a learnt ranking, below which none fits, 0 to 1

    def rank(
        self, task: Task, index: Index, encode: Encode, imagined: Sequence[str] = ()
    ) -> tuple[Candidate, ...]:
        """The cards most like the task, best first; those below the floor come refused.

        The score of a learnt ranking is the odds of a card beside the best one.
        """
        seen = shortlist(task, index, encode, imagined)
        top = max((each.logit for each in seen), default=0.0)
        found = [self._candidate(each, self._score(each, top)) for each in seen]
        return tuple(sorted(found, key=lambda one: (-one.score, one.card.name)))

    def _score(self, seen: Seen, top: float) -> float:
        if self.learnt:
            return round(math.exp(seen.logit - top), 6)
        return round(sum(1 / (_RANK + place) for place in seen.places), 6)

    def _candidate(self, seen: Seen, score: float) -> Candidate:
        words = (
            f"number {seen.places[0]} by words ({seen.overlap:.0%} of the query's weight),"
            f" {seen.places[1]} by meaning (likeness {seen.likeness:.2f})"
        )
        said = [
            text
            for name, text in (("task", "made for such a task"), ("spoken", "in the task's language"))
            if seen.features[name] > 0
        ]
        refusal = (
            f"it has too little in common with the prompt ({seen.fit:.3f}; at least {self.least_fit:g} is"
            " needed)"
            if seen.fit < self.least_fit
            else ""
        )
        likely = probability(seen.card.kind, seen.logit, seen.fit) if self.learnt else None
        return Candidate(seen.card, score, None, (words, *said), refusal, likely)
