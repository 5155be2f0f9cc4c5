"""The cards of a catalogue made ready to be searched: what is done once, so that a query takes moments.

A folder holds the cards (`cards.jsonl`, read one by one), for each of four fields the BM25 weight of every
word in every card (columns of a sparse matrix, mapped into memory), and an embedding a card where there is an
encoder. The same index serves every task.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.retrievers.tokens import name_tokens, stem_tokens
from p2m.types import Card

FIELDS = ("whole", "name", "description", "columns")
_K1, _B = 1.5, 0.9  # of BM25: how soon a repeated word stops counting, how much long cards are marked down
_NAME = 3  # times that a word of the name counts
_COLUMNS = 30  # of a card that are read
_HEAD = 400  # characters of a description that are embedded
_ARRAYS = ("starts", "holders", "weights", "idf")  # of `Words`, a file each
_CHUNK = 8192  # embeddings that are compared at once

Encode = Callable[[Sequence[str]], Any]  # texts to embeddings of unit length, (texts, dimensions)


@dataclass(frozen=True, slots=True)
class Words:
    """One field of all cards: of each word the cards that have it, and its weight there."""

    terms: Mapping[str, int]
    starts: Any  # (terms + 1,) where the entries of a term begin
    holders: Any  # (entries,) numbers of cards
    weights: Any  # (entries,) float32
    idf: Any  # (terms,) float32
    cards: int

    def scores(self, query: Mapping[str, float]) -> Any:
        """BM25 of every card, (cards,)."""
        import numpy as np

        found = np.zeros(self.cards, dtype=np.float32)
        for word, weight in query.items():
            if (term := self.terms.get(word)) is not None:
                entries = slice(self.starts[term], self.starts[term + 1])
                found[self.holders[entries]] += weight * self.weights[entries]
        return found

    def rarity(self, word: str) -> float:
        """The idf of a word, of one that no card has too."""
        term = self.terms.get(word)
        return math.log(1 + (self.cards + 0.5) / 0.5) if term is None else float(self.idf[term])


@dataclass(frozen=True, slots=True)
class Index:
    """What is searched."""

    cards: Sequence[Card]
    words: Mapping[str, Words]  # of each of `FIELDS`
    vectors: Any | None = None  # (cards, dimensions) float16; None without an encoder

    def near(self, vector: Any) -> Any:
        """The cosine of every card's embedding with one of unit length, (cards,)."""
        import numpy as np

        vectors = self.vectors
        assert vectors is not None
        parts = range(0, len(vectors), _CHUNK)
        found = [vectors[at : at + _CHUNK].astype(np.float32) @ vector for at in parts]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)


class _Stored(Sequence[Card]):
    """Cards in a file of lines, each read when it is asked for."""

    def __init__(self, path: Path, starts: Any) -> None:
        from pydantic import TypeAdapter

        self._path, self._starts, self._adapter = path, starts, TypeAdapter(Card)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        with self._path.open("rb") as lines:
            lines.seek(int(self._starts[number]))
            return self._adapter.validate_json(lines.readline())


def card_words(card: Card) -> dict[str, list[str]]:
    """The words of each of `FIELDS`; `whole` has all of them, and those of the name three times."""
    description = stem_tokens(card.description)
    columns = [token for column in card.columns[:_COLUMNS] for token in name_tokens(column)]
    tasks = [token for task in card.task_ids for token in name_tokens(task)]
    name = name_tokens(card.name.rpartition("/")[2])
    return {
        "whole": [*name * _NAME, *tasks, *columns, *description],
        "name": name,
        "description": description,
        "columns": columns,
    }


def card_text(card: Card) -> str:
    """What is embedded of a card: its name in words, and the beginning of its description."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-./]+", " ", card.name.rpartition("/")[2])
    return f"{name.strip()}. {' '.join(card.description.split())[:_HEAD]}"


def index_of(cards: Sequence[Card], encode: Encode | None = None) -> Index:
    """The index of cards that are at hand, in the order of their names."""
    cards = sorted(cards, key=lambda card: card.name)
    counted: dict[str, list[Counter[str]]] = {field: [] for field in FIELDS}
    for card in cards:
        for field, words in card_words(card).items():
            counted[field].append(Counter(words))
    vectors = None
    if encode is not None and cards:
        import numpy as np

        vectors = np.asarray(encode([card_text(card) for card in cards]), dtype=np.float16)
    return Index(cards, {field: _weighed(counts) for field, counts in counted.items()}, vectors)


def _weighed(documents: Sequence[Mapping[str, int]]) -> Words:
    """Okapi BM25's weights (Robertson and Zaragoza, 2009), by word rather than by document."""
    import numpy as np

    terms: dict[str, int] = {}
    numbers, holders, counts = array("i"), array("i"), array("f")
    lengths = np.array([max(1, sum(each.values())) for each in documents], dtype=np.float32)
    for number, words in enumerate(documents):
        for word, times in words.items():
            numbers.append(terms.setdefault(word, len(terms)))
            holders.append(number)
            counts.append(times)
    term = np.frombuffer(numbers, dtype=np.int32) if numbers else np.zeros(0, dtype=np.int32)
    order = np.argsort(term, kind="stable")
    holder = np.array(holders, dtype=np.int32)[order]
    count = np.array(counts, dtype=np.float32)[order]
    holding = np.bincount(term, minlength=len(terms))
    idf = np.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5)).astype(np.float32)
    longer = 1 - _B + _B * lengths / (lengths.mean() if len(lengths) else 1)
    weights = idf[term[order]] * count * (_K1 + 1) / (count + _K1 * longer[holder])
    starts = np.concatenate([[0], np.cumsum(holding)]).astype(np.int64)
    return Words(terms, starts, holder, weights.astype(np.float32), idf, len(documents))


def write_index(index: Index, folder: Path) -> None:
    """Write what `open_index` opens."""
    import numpy as np
    from pydantic import TypeAdapter

    adapter, starts, at = TypeAdapter(Card), array("q"), 0
    with (folder / "cards.jsonl").open("wb") as lines:
        for card in index.cards:
            starts.append(at)
            at += lines.write(adapter.dump_json(card) + b"\n")
    np.save(folder / "cards.npy", np.array(starts, dtype=np.int64))
    for field, words in index.words.items():
        (folder / f"{field}.json").write_text(json.dumps(list(words.terms), ensure_ascii=False), "utf-8")
        for name in _ARRAYS:
            np.save(folder / f"{field}.{name}.npy", getattr(words, name))
    if index.vectors is not None:
        np.save(folder / "vectors.npy", index.vectors)


def open_index(folder: Path) -> Index:
    """The index in a folder; its arrays stay on the disk until they are read."""
    import numpy as np

    def mapped(name: str) -> Any:
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    starts = mapped("cards")
    words = {}
    for field in FIELDS:
        terms = json.loads((folder / f"{field}.json").read_text("utf-8"))
        begin, holders, weights, idf = (mapped(f"{field}.{name}") for name in _ARRAYS)
        numbers = {term: number for number, term in enumerate(terms)}
        words[field] = Words(numbers, begin, holders, weights, idf, len(starts))
    vectors = mapped("vectors") if (folder / "vectors.npy").is_file() else None
    return Index(_Stored(folder / "cards.jsonl", starts), words, vectors)


def best(scores: Any, number: int) -> Iterable[int]:
    """The numbers of the highest scores above 0, best first, ties by number."""
    import numpy as np

    order = np.argsort(-scores, kind="stable")[:number]
    return [int(each) for each in order if scores[each] > 0]
