"""The words that the grammars draw on, from the text files beside this one, each read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from p2m.word_lists import WordLists

_HERE = Path(__file__).parent


@cache
def classes() -> WordLists:
    """Words by class; a class is a slot type too."""
    return WordLists(_HERE / "lexicon.txt")


@cache
def choices() -> WordLists:
    """What one place of a grammar chooses from, by what it is for."""
    return WordLists(_HERE / "choices.txt")


@cache
def patterns() -> WordLists:
    """Phrases with slots, by slot type."""
    return WordLists(_HERE / "patterns.txt")


@cache
def verb_forms() -> tuple[tuple[str, ...], ...]:
    """(forms, subjects, objects, preposition and its objects) by verb; see `verbs.txt`."""
    return WordLists(_HERE / "verbs.txt").table("verbs", 4)


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """Word -> words that can stand for it in the same form (one inflected form to a line of the file)."""
    groups: dict[str, tuple[str, ...]] = {}
    for group in WordLists(_HERE / "synonyms.txt").table("groups"):
        for word in group:
            if " " not in word:
                others = tuple(other for other in group if other != word)
                groups[word] = groups.get(word, ()) + others
    return groups
