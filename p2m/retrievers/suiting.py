"""Which of the Hub's task ids and languages suit a task."""

from __future__ import annotations

from p2m.types import Card, Task, TaskType

# What the Hub's task ids must speak of for a dataset to suit a type of task.
SUITS = {
    TaskType.QUESTION_ANSWERING: ("question-answering", "qa", "reading", "extractive"),
    TaskType.EXTRACTION: (
        "extraction", "extractive", "token-classification", "question-answering", "slot", "entity",
    ),
    TaskType.CLASSIFICATION: (
        "classification", "sentiment", "intent", "inference", "entailment", "hate", "toxic", "topic",
        "emotion", "multiple-choice", "scoring", "similarity", "fact-checking", "detection",
        "acceptability", "stance",
    ),
    TaskType.MULTI_LABEL: ("multi-label", "classification", "topic", "emotion", "tagging", "toxic"),
    TaskType.REGRESSION: ("scoring", "similarity", "regression", "rating", "sentiment", "classification"),
    TaskType.RECORDS: ("extraction", "parsing", "structured", "json", "slot", "token-classification"),
    TaskType.TEXT_TO_TEXT: (
        "text2text", "generation", "translation", "summar", "conditional", "conversational", "paraphras",
        "simplification", "code", "dialogue", "rewriting", "question-answering", "phoneme", "correction",
        "normalization", "text-classification",
    ),
}  # fmt: skip
TEXTLESS = ("image", "audio", "video", "tabular", "speech", "token-classification", "object-detection")
ANY_LANGUAGE = frozenset(("multilingual", "code", "unknown", "mul", "und"))


def suits(task: Task, card: Card) -> bool | None:
    """Whether the card's task ids speak of the task's type; None where it has none."""
    ids = [each.lower().replace("_", "-") for each in card.task_ids]
    return any(word in each for each in ids for word in SUITS.get(task.type, ())) if ids else None


def is_textless(card: Card) -> bool:
    """Whether all of the card's task ids are of pictures, sounds, tables or single tokens."""
    return bool(card.task_ids) and all(
        each.lower().replace("_", "-").startswith(TEXTLESS) for each in card.task_ids
    )


def speaks(card: Card, languages: frozenset[str]) -> bool | None:
    """Whether the card is in one of the languages, or in many; None where it does not say."""
    there = set(card.languages)
    return bool(there & ANY_LANGUAGE or there & languages) if there else None
