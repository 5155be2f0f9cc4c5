"""Weights of the signs of a list, from `weights.txt`, which recipes/data/prompts/make.py fits."""

from __future__ import annotations

from pathlib import Path

from p2m.word_lists import WordLists


def _weights(name: str) -> dict[str, float]:
    pairs = WordLists(Path(__file__).with_name(name)).pairs("weights")
    return {sign: float(weight) for sign, weight in pairs.items()}


LIST_WEIGHTS = _weights("weights.txt")

# Of the signs of a phrase, by which it may be the label of everything else, or any of them; fitted there too.
REST_WEIGHTS, ITEM_WEIGHTS = map(_weights, ("rest_weights.txt", "item_weights.txt"))

# Labels that return in prompts, folded, from `known_labels.txt`, which the same script counts.
KNOWN_LABELS = set(WordLists(Path(__file__).with_name("known_labels.txt"))["labels"])
