"""Weights of the signs of a list, from `weights.txt`, which recipes/data/prompts/make.py fits."""

from __future__ import annotations

from pathlib import Path

from p2m.word_lists import WordLists

LIST_WEIGHTS = {
    sign: float(weight)
    for sign, weight in WordLists(Path(__file__).with_name("weights.txt")).pairs("weights").items()
}

# Of the signs of a phrase, by which it may be the label of everything else; fitted there too.
REST_WEIGHTS = {
    sign: float(weight)
    for sign, weight in WordLists(Path(__file__).with_name("rest_weights.txt")).pairs("weights").items()
}

# Labels that return in prompts, folded, from `known_labels.txt`, which the same script counts.
KNOWN_LABELS = set(WordLists(Path(__file__).with_name("known_labels.txt"))["labels"])
