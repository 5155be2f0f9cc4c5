"""The cards that are most like a task, by words or by meaning, and what is known of each for and against."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.retrievers.card_index import Encode, Index, best, card_words
from p2m.retrievers.suiting import speaks, suits
from p2m.retrievers.wording import query_vector, query_words
from p2m.types import Card, Task
from p2m.word_lists import WordLists

_SHORT = 200  # cards by words, and as many by meaning, that are looked at one by one
_MODELS = 6  # best cards that others are compared with
_TERMS = 20  # words that are taken from them
_HALF = 20  # place at which a place counts half as much as the first
_VOTERS = 30  # best cards whose task ids tell what the prompt asks for
_READ = WordLists(Path(__file__).with_name("weights.txt"))


def _weights(part: str) -> Mapping[str, Mapping[str, float]]:
    return {
        kind: {name: float(weight) for name, weight in _READ.pairs(f"{kind}{part}").items()}
        for kind in ("dataset", "model")
    }


# From `weights.txt`, which bench/retrieval.py fits, of datasets and of models: what each feature is worth
# beside the others, and what that and what it has in common with the prompt say of whether it fits.
WEIGHTS, EVIDENCE = _weights(""), _weights(" fits")


@dataclass(frozen=True, slots=True)
class Seen:
    """One card of the shortlist."""

    number: int  # of the card in its index
    card: Card
    features: Mapping[str, float]
    overlap: float  # share of the query's weight that the card has, 0 to 1
    likeness: float  # cosine of its embedding with the prompt's
    places: tuple[int, int]  # by words and by meaning, from 1

    @property
    def fit(self) -> float:
        """What it has in common with the prompt."""
        return self.overlap + self.likeness

    @property
    def logit(self) -> float:
        """How much speaks for the card, by what the features are worth."""
        weights = WEIGHTS[self.card.kind]
        return sum(weights.get(name, 0.0) * value for name, value in self.features.items())


def probability(kind: str, logit: float, fit: float) -> float:
    """That a card fits: a logistic model of what speaks for it and of `fit`, what it has in common with the
    prompt, calibrated with catalogues of all sizes that half of the time had nothing like what fits.

    How far it is ahead of others says little: where several fit, none is.
    """
    known = EVIDENCE[kind]
    return 1 / (1 + math.exp(-known["logit"] * logit - known["fit"] * fit - known["all"]))


def shortlist(task: Task, index: Index, encode: Encode, imagined: Sequence[str] = ()) -> list[Seen]:
    """The cards nearest to the task by words or by meaning, in the order of their numbers."""
    if not len(index.cards) or index.vectors is None:
        return []
    query = query_words(task, imagined)
    whole = index.words["whole"].scores(query)
    near = index.near(query_vector(task, imagined, encode))
    likest = _both(whole, near)
    terms = _words_of(index, likest[:_MODELS])
    votes = _votes([index.cards[number] for number in likest])
    scores = {
        "words": _scaled(whole),
        "name": _scaled(index.words["name"].scores(query)),
        "description": _scaled(index.words["description"].scores(query)),
        "columns": _scaled(index.words["columns"].scores(query)),
        "meaning": near,
        "words of best": _scaled(index.words["whole"].scores(terms)),
    }
    by_words, by_meaning = _places(whole), _places(near)
    overlap = _overlap(index, query, query_words(task))
    numbers = sorted({*best(whole, _SHORT), *best(near, _SHORT)})
    return [
        Seen(
            number,
            (card := index.cards[number]),
            {name: float(each[number]) for name, each in scores.items()}
            | {
                "place by words": _HALF / (_HALF + by_words[number] - 1),
                "place by meaning": _HALF / (_HALF + by_meaning[number] - 1),
            }
            | _facts(task, card, votes),
            float(overlap[number]),
            float(near[number]),
            (int(by_words[number]), int(by_meaning[number])),
        )
        for number in numbers
    ]


def _facts(task: Task, card: Card, votes: Mapping[str, float]) -> dict[str, float]:
    """What the card says of itself, whatever its words."""
    fits, spoken = suits(task, card), speaks(card, frozenset(task.spoken))
    return {
        "task": 0.0 if fits is None else 1.0 if fits else -1.0,
        "task of best": max((votes.get(each, 0.0) for each in card.task_ids), default=0.0),
        "foreign": float(spoken is False),
        "spoken": float(bool(set(card.languages) & set(task.spoken))),
        "columns known": float(bool(card.columns)),
    }


def _votes(cards: Sequence[Card]) -> dict[str, float]:
    """The share of the cards that have each task id, the first cards counting more."""
    votes: dict[str, float] = {}
    for place, card in enumerate(cards):
        for each in set(card.task_ids):
            votes[each] = votes.get(each, 0.0) + 1 / (5 + place)
    total = sum(1 / (5 + place) for place in range(len(cards)))
    return {each: weight / total for each, weight in votes.items()}


def _scaled(scores: Any) -> Any:
    top = float(scores.max())
    return scores / top if top > 0 else scores


def _places(scores: Any) -> Any:
    """The place of each card, from 1."""
    import numpy as np

    places = np.empty(len(scores), dtype=np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return places


def _both(whole: Any, near: Any) -> list[int]:
    """The cards that are best by words and by meaning together."""
    import numpy as np

    total = sum((each - each.mean()) / max(float(each.std()), 1e-6) for each in (whole, near))
    return [int(each) for each in np.argsort(-total, kind="stable")[:_VOTERS]]


def _words_of(index: Index, numbers: Sequence[int]) -> dict[str, float]:
    """The words that several of these cards have, the oftener and rarer the more (pseudo-relevance feedback).

    A word that one of them has alone, such as its name, says nothing of the others, and would lift that one.
    """
    words, weights, holders = index.words["whole"], dict[str, float](), Counter[str]()
    for number in numbers:
        counts = Counter(card_words(index.cards[number])["whole"])
        holders.update(counts.keys())
        for word, count in counts.items():
            weights[word] = weights.get(word, 0.0) + count / counts.total() * words.rarity(word)
    shared = [word for word, number in holders.items() if number > 1]
    top = sorted(shared, key=lambda word: (-weights[word], word))[:_TERMS]
    return {word: weights[word] / weights[top[0]] for word in top}


def _overlap(index: Index, query: Mapping[str, float], own: Mapping[str, float]) -> Any:
    """Of each card, the share of the prompt's `own` weight that it has in words of the query."""
    import numpy as np

    words, found, mass = index.words["whole"], np.zeros(len(index.cards), dtype=np.float32), 0.0
    for word, weight in query.items():
        worth = weight * words.rarity(word)
        mass += own.get(word, 0.0) * words.rarity(word)
        if (term := words.terms.get(word)) is not None:
            found[words.holders[words.starts[term] : words.starts[term + 1]]] += worth
    return np.minimum(found / mass, 1.0) if mass else found
