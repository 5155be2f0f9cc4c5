"""Okapi BM25 (Robertson and Zaragoza, 2009) over dataset cards, with rank-bm25 as its engine.

Ours are: the idf, which is Lucene's log(1 + (N - n + 0.5) / (n + 0.5)) and stays positive, so that small
catalogues rank too; weights for a card's fields; a query of the instruction, the fields' names and,
faintly, the sort of task, in which a repeated word counts by the logarithm; cards of other languages marked
down; and a floor, below which a card has so little in common with the prompt that ranking first among
others means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2m.retrievers.tokens import name_tokens, stem_tokens
from p2m.retrievers.wording import query_words, rarity
from p2m.types import Candidate, Card, Task, TaskType

_FOREIGN = 0.5  # factor for a card of other languages than the task's


@dataclass(frozen=True, slots=True)
class BM25:
    """Ranks cards by the words that they share with the task."""

    k1: float = 1.5  # how soon a repeated word stops counting, 1.2 to 2 as a rule
    b: float = 0.9  # how much long cards are marked down, 0 to 1
    name_weight: int = 3  # times that a word of the dataset's name counts
    task_weight: int = 1  # the same of its task categories
    least_overlap: float = 0.05  # share of the query's weight that a card must hold to be used, 0 to 1
    least_overlap_free: float = 0.2  # of text to text, where neither labels nor spans check the choice

    def search(
        self, task: Task, cards: Sequence[Card], imagined: Sequence[str] = ()
    ) -> tuple[Candidate, ...]:
        """Cards that share a word with the task, best first; those below the floor come refused."""
        query = query_words(task, imagined)
        documents = [self._document(card) for card in cards]
        if not query or not any(documents):
            return ()
        idf = rarity(documents)
        scores = self._scores(query, documents, idf)
        unseen = math.log(1 + (len(cards) + 0.5) / 0.5)  # the idf of a word that no card has
        mass = sum(weight * idf.get(token, unseen) for token, weight in query_words(task).items())
        found: list[Candidate] = []
        for card, document, score in zip(cards, documents, scores, strict=True):
            shared = sorted(
                query.keys() & set(document), key=lambda token: (-idf[token] * query[token], token)
            )
            if shared:
                overlap = min(1.0, sum(query[token] * idf[token] for token in shared) / mass)
                foreign = bool(card.languages) and task.language not in card.languages
                found.append(
                    self._candidate(task, card, score * (_FOREIGN if foreign else 1), shared, overlap)
                )
        return tuple(sorted(found, key=lambda candidate: (-candidate.score, candidate.card.name)))

    def _candidate(
        self, task: Task, card: Card, score: float, shared: Sequence[str], overlap: float
    ) -> Candidate:
        floor = self.least_overlap_free if task.type is TaskType.TEXT_TO_TEXT else self.least_overlap
        words = f"shares {', '.join(shared[:6])} ({overlap:.0%} of the query's weight)"
        refusal = f"it {words}; at least {floor:.0%} are needed" if overlap < floor else ""
        return Candidate(card, round(score, 4), None, (f"bm25 {score:.2f}", words), refusal)

    def _document(self, card: Card) -> list[str]:
        name = name_tokens(card.name)
        tasks = [token for task in card.task_ids for token in name_tokens(task)]
        columns = [token for column in card.columns for token in name_tokens(column)]
        return [*name * self.name_weight, *tasks * self.task_weight, *columns, *stem_tokens(card.description)]

    def _scores(
        self, query: Mapping[str, float], documents: Sequence[Sequence[str]], idf: Mapping[str, float]
    ) -> list[float]:
        """One score a document: rank-bm25's sum, taken word by word so that each can have its weight."""
        from rank_bm25 import BM25Okapi

        engine = BM25Okapi([list(document) or [""] for document in documents], k1=self.k1, b=self.b)
        engine.idf = dict(idf)
        totals = [0.0] * len(documents)
        for token, weight in query.items():
            if token in idf:
                scores = engine.get_scores([token])
                totals = [total + weight * float(score) for total, score in zip(totals, scores, strict=True)]
        return totals
