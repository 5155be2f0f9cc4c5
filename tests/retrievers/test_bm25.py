# ruff: noqa: E501
"""Ranking cards by the words of a prompt."""

from __future__ import annotations

import pytest

from p2m.parsing import parse_prompt
from p2m.retrievers.bm25 import BM25
from p2m.retrievers.tokens import name_tokens, stem, stem_tokens
from p2m.types import Card

CARDS = [
    Card("bird_songs", "Names of birds by what their songs sound like.", ("text-classification",), ("en",)),
    Card("recipes", "Cooking recipes with their ingredients and steps.", ("text-generation",), ("en",)),
    Card("rezepte", "Cooking recipes with their ingredients and steps.", ("text-generation",), ("de",)),
    Card("laws", "Court rulings and the laws that they cite.", ("text-classification",), ("en",)),
]
BIRDS = parse_prompt("Classify the bird by the sound of its song.")


def test_the_card_that_shares_the_rarest_words_comes_first_and_says_which():
    best = BM25().search(BIRDS, CARDS)[0]
    assert best.card.name == "bird_songs"
    assert "bird" in best.reasons[1]
    assert best.refusal == ""


def test_the_order_of_the_cards_does_not_matter():
    assert BM25().search(BIRDS, CARDS) == BM25().search(BIRDS, CARDS[::-1])


def test_a_card_below_the_floor_is_refused_with_its_share():
    found = BM25(least_overlap=0.9).search(BIRDS, CARDS)
    assert found
    assert all("at least 90% are needed" in one.refusal for one in found)


def test_a_card_that_shares_no_word_is_not_found():
    found = BM25().search(BIRDS, [*CARDS, Card("stones", "Minerals and where they lie.")])
    assert found
    assert "stones" not in [one.card.name for one in found]


def test_of_two_alike_the_one_in_the_tasks_language_wins():
    task = parse_prompt("Write the steps of a cooking recipe from its ingredients.")
    assert [one.card.name for one in BM25().search(task, CARDS)][:2] == ["recipes", "rezepte"]


def test_a_single_card_can_be_found():
    assert BM25().search(BIRDS, CARDS[:1])[0].score > 0


@pytest.mark.parametrize("cards", [[], [Card("", "")]])
def test_an_empty_catalogue_finds_nothing(cards):
    assert BM25().search(BIRDS, cards) == ()


@pytest.mark.parametrize(
    "words",
    [("classify", "classified", "classification", "classifying"), ("translate", "translation", "translated", "translating"),
     ("question", "questions"), ("summarize", "summarized", "summarizing"), ("story", "stories"), ("label", "labels", "labeled")],
)  # fmt: skip
def test_forms_of_a_word_meet_in_one_stem(words):
    assert len({stem(word) for word in words}) == 1


def test_names_fall_into_words_and_stop_words_go():
    assert name_tokens("bookStore_v2") == ["book", "stor", "v2"]
    assert stem_tokens("You will be given the task") == []
    assert stem_tokens("日本語") == ["日本", "本語"]
