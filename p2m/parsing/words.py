"""The vocabulary of the reading rules, from `words.txt`, which says what each list holds."""

from __future__ import annotations

from pathlib import Path

from p2m.word_lists import WordLists

_WORDS = WordLists(Path(__file__).with_name("words.txt"))

INPUT_WORDS = frozenset(_WORDS["input words"])
OUTPUT_WORDS = frozenset(_WORDS["output words"])
STRONG_OUTPUTS = _WORDS["strong outputs"]
GENERIC_INPUTS = frozenset(_WORDS["generic inputs"])
NO_LABELS = frozenset(_WORDS["no labels"])
REST_LABELS = frozenset(_WORDS["rest labels"])
META_WORDS = frozenset(_WORDS["meta words"])
FIELD_WORDS = frozenset(_WORDS["field words"])
CONTEXT_WORDS = frozenset(_WORDS["context words"])
QUESTION_WORDS = frozenset(_WORDS["question words"])
YES_NO = frozenset(_WORDS["yes no"])

LANGUAGES = _WORDS.pairs("languages")  # English name -> ISO 639-1
ENDONYMS = _WORDS.pairs("endonyms")
STOP_WORDS = _WORDS.pairs("stop words")  # ISO 639-1 -> words between blanks

NUMBER_WORDS = _WORDS["number words"]  # from two on

ANNOUNCEMENT = "".join(_WORDS["announcement"])
AND_OR = "|".join(_WORDS["and or"])
LABEL_NOUNS = "".join(_WORDS["label nouns"])
ANSWER_WORDS = "".join(_WORDS["answer words"])
ILLUSTRATES = "".join(_WORDS["illustrates"])
FIELD_LISTS = "".join(_WORDS["field lists"])
BY_CODE = "".join(_WORDS["by code"])
BY_WORD = "".join(_WORDS["by word"])
