"""Ranking cards of an index by words and by meaning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from p2m.parsing import parse_prompt
from p2m.retrievers.card_index import card_text, index_of, open_index, write_index
from p2m.retrievers.dense import Dense
from p2m.retrievers.hybrid import Hybrid
from p2m.retrievers.ranking import probability, shortlist
from p2m.retrievers.tokens import stem_tokens
from p2m.types import Card

CARDS = [
    Card("lab/bird_songs", "Birds by what their songs sound like.", ("text-classification",), ("en",)),
    Card("recipes", "Cooking recipes with their ingredients and steps.", ("text2text-generation",), ("en",)),
    Card("rezepte", "Cooking recipes with their ingredients and steps.", ("text2text-generation",), ("de",)),
    Card("laws", "Court rulings and the laws that they cite.", ("text-classification",), ("en",),
         columns=("ruling", "law")),
]  # fmt: skip
CARDS = [replace(card, columns=card.columns or ("text",)) for card in CARDS]
BIRDS = parse_prompt("Classify the bird by the sound of its song.")
COOKING = parse_prompt("Write the steps of a cooking recipe from its ingredients.")


def encode(texts):
    """Embeddings in which words stand for themselves, and fowl for birds."""
    vectors = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in stem_tokens(text.replace("Fowl", "bird").replace("fowl", "bird")):
            vectors[row, sum(word.encode()) % 64] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


@pytest.mark.parametrize("able", [Dense(), Hybrid(), Hybrid(learnt=False)])
def test_the_card_that_is_nearest_comes_first_with_its_reasons(able):
    best = able.rank(BIRDS, index_of(CARDS, encode), encode)[0]
    assert (best.card.name, best.refusal) == ("lab/bird_songs", "")
    assert "likeness" in best.reasons[0]


@pytest.mark.parametrize("able", [Dense(), Hybrid(), Hybrid(learnt=False)])
def test_the_order_of_the_cards_does_not_matter(able):
    one = able.rank(BIRDS, index_of(CARDS, encode), encode)
    other = able.rank(BIRDS, index_of(CARDS[::-1], encode), encode)
    assert [each.card.name for each in one] == [each.card.name for each in other]


@pytest.mark.parametrize("able", [Dense(), Hybrid()])
def test_an_empty_catalogue_finds_nothing(able):
    assert able.rank(BIRDS, index_of([], encode), encode) == ()


@pytest.mark.parametrize("able", [Dense(least_likeness=0.99), Hybrid(least_fit=1.9)])
def test_where_nothing_is_near_enough_every_card_is_refused_with_the_figure(able):
    found = able.rank(BIRDS, index_of(CARDS, encode), encode)
    assert found
    assert all("needed" in one.refusal for one in found)


def test_meaning_finds_what_shares_no_word():
    fowl = Card("flock", "Fowl, fowl and fowl.")
    found = Dense().rank(BIRDS, index_of([*CARDS[1:], fowl], encode), encode)
    assert found[0].card.name == "flock"


def test_of_two_alike_the_one_in_the_tasks_language_wins():
    found = Hybrid().rank(COOKING, index_of(CARDS, encode), encode)
    names = [one.card.name for one in found]
    assert names.index("recipes") < names.index("rezepte")
    assert "in the task's language" in found[0].reasons


def test_a_stored_index_answers_as_the_one_it_was_written_of(tmp_path):
    index = index_of(CARDS, encode)
    write_index(index, tmp_path)
    stored = open_index(tmp_path)
    assert list(stored.cards) == index.cards
    assert Hybrid().rank(COOKING, stored, encode) == Hybrid().rank(COOKING, index, encode)


def test_a_word_counts_more_the_rarer_it_is_and_the_shorter_the_card():
    cards = [*CARDS, replace(CARDS[0], name="long", description="Birds " + "and more words " * 30)]
    index = index_of(cards, encode)
    words = index.words["description"]
    scores = dict(zip([card.name for card in index.cards], words.scores({"bird": 1.0}), strict=True))
    assert scores["lab/bird_songs"] > scores["long"] > scores["laws"] == 0
    assert words.rarity("court") > words.rarity("bird")


def test_what_the_best_cards_are_for_counts_for_the_others():
    seen = {each.card.name: each for each in shortlist(BIRDS, index_of(CARDS, encode), encode)}
    assert seen["laws"].features["task of best"] > 0
    assert seen["laws"].features["columns known"] == 1


def test_a_card_is_not_lifted_by_a_word_that_it_has_alone():
    alike = [
        replace(CARDS[0], name=f"lab/{name}")
        for name in ["robin", "finch", "wren", "gull", "tern", "stork", "crane", "heron"]
    ]
    seen = shortlist(BIRDS, index_of(alike, encode), encode)
    assert {round(each.features["words of best"], 4) for each in seen} == {1.0}


def test_names_are_read_as_words():
    assert card_text(Card("lab/BirdSongs_v2", "Of  birds.")) == "Bird Songs v2. Of birds."


def test_how_likely_a_card_fits_grows_with_what_it_shares_and_not_with_what_others_lack():
    found = Hybrid().rank(BIRDS, index_of(CARDS, encode), encode)
    assert [one.probability for one in found] == sorted((one.probability for one in found), reverse=True)
    assert all(0 < one.probability < 1 for one in found)
    assert all(
        one.probability is None for one in Hybrid(learnt=False).rank(BIRDS, index_of(CARDS, encode), encode)
    )
    for kind in ("dataset", "model"):
        assert probability(kind, 5.0, 0.5) > probability(kind, 5.0, 0.1)
        assert probability(kind, 5.0, 0.5) > probability(kind, 2.0, 0.5)
    twins = [replace(CARDS[0], name=f"lab/bird_songs_{n}") for n in range(5)]
    crowded = Hybrid().rank(BIRDS, index_of([*twins, *CARDS[1:]], encode), encode)
    assert crowded[4].probability > 0.8 * found[0].probability
