"""Okapi BM25 (Robertson and Zaragoza, 2009) over dataset cards, with rank-bm25 as its engine.

Three things are ours. The idf is Lucene's, log(1 + (N - n + 0.5) / (n + 0.5)), which stays positive, so that small
catalogues rank too. A card's fields count by weight: what a dataset is called says more than what its summary
mentions. The query is the task's instruction, its type in the Hub's words, and its fields' names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.retrievers.tokens import TASK_WORDS, name_tokens, stem_tokens
from p2m.types import Candidate, Card, Task


@dataclass(frozen=True, slots=True)
class BM25:
    """Ranks cards by the words that they share with the task."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    k1: float = 1.5  # how soon a repeated word stops counting, 1.2 to 2 as a rule
    b: float = 0.75  # how much long cards are marked down, 0 to 1
    name_weight: int = 3  # times that a word of the dataset's name counts
    task_weight: int = 2  # the same of its task categories
    least_overlap: float = 0.0  # share of the query's idf that a card must hold to be found at all, 0 to 1

    def search(self, task: Task, cards: Sequence[Card]) -> tuple[Candidate, ...]:
        """Cards that share a word with the task, best first; reasons name the words that count most."""
        query = _query(task)
        documents = [self._document(card) for card in cards]
        if not query or not any(documents):
            return ()
        scores, idf = self._scores(query, documents)
        unseen = math.log(1 + (len(cards) + 0.5) / 0.5)  # the idf of a word that no card has
        mass = sum(idf.get(token, unseen) for token in query)
        found: list[Candidate] = []
        for card, document, score in zip(cards, documents, scores, strict=True):
            shared = sorted(set(query) & set(document), key=lambda token: (-idf[token], token))
            overlap = sum(idf[token] for token in shared) / mass
            if shared and overlap >= self.least_overlap:
                words = f"shares {', '.join(shared[:6])} ({overlap:.0%} of the query's weight)"
                found.append(Candidate(card, round(score, 4), None, (f"bm25 {score:.2f}", words)))
        return tuple(sorted(found, key=lambda candidate: (-candidate.score, candidate.card.name)))

    def _document(self, card: Card) -> list[str]:
        name = name_tokens(card.name)
        tasks = [token for task in card.task_ids for token in name_tokens(task)]
        columns = [token for column in card.columns for token in name_tokens(column)]
        return [*name * self.name_weight, *tasks * self.task_weight, *columns, *stem_tokens(card.description)]

    def _scores(self, query: Sequence[str], documents: Sequence[Sequence[str]]) -> tuple[list[float], dict[str, float]]:
        """One score a document, and the idf of every token."""
        from rank_bm25 import BM25Okapi

        engine = BM25Okapi([list(document) or [""] for document in documents], k1=self.k1, b=self.b)
        holding = Counter(token for document in documents for token in set(document))
        total = len(documents)
        idf = {token: math.log(1 + (total - n + 0.5) / (n + 0.5)) for token, n in holding.items()}
        engine.idf = idf
        return [float(score) for score in engine.get_scores(list(query))], idf


def _query(task: Task) -> list[str]:
    """The task's words; each counts once, for a prompt that repeats itself asks for nothing more."""
    fields = [token for field in (*task.inputs, task.output) for token in name_tokens(field.name)]
    words = [*stem_tokens(task.instruction), *fields, *TASK_WORDS[task.type]]
    return list(dict.fromkeys([*words, *(token for label in task.labels[:20] for token in name_tokens(label))]))
