# ruff: noqa: E501, SIM905
"""Words as retrieval counts them: folded, split at case and underscores, without stop words, lightly stemmed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from p2m.types import TaskType

# What the Hub's cards say of a task of each type.
TASK_WORDS: dict[TaskType, tuple[str, ...]] = {
    TaskType.QUESTION_ANSWERING: ("question", "answer", "extractiv", "qa"),
    TaskType.EXTRACTION: ("extract", "span", "entity"),
    TaskType.CLASSIFICATION: ("classif",),
    TaskType.MULTI_LABEL: ("multi", "label", "classif"),
    TaskType.REGRESSION: ("score", "rat", "similar", "regress"),
    TaskType.RECORDS: ("extract", "structur", "json", "entity"),
    TaskType.TEXT_TO_TEXT: ("text2text", "generat"),
}
# Words that prompts and cards use whatever they are about.
STOP = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both but by"
    " can could did do does doing don down during each few for from further had has have having he her here hers him his"
    " how i if in into is it its itself just me more most my no nor not now of off on once only or other our out over own"
    " same she should so some such than that the their theirs them then there these they this those through to too under"
    " until up very was we were what when where which while who whom why will with would you your yours"
    " task job given give provide provided input output following example examples must may might please ask need expect"
    " dataset data set corpus contain contains consist consists include includes including based use used using"
    " one two make sure note e g i e etc per via".split()
)
_SUFFIXES = (
    ("ization", "ize"), ("isation", "ize"), ("ational", "ate"), ("fulness", "ful"), ("iveness", "ive"),
    ("ification", "if"), ("ifying", "if"), ("ifies", "if"), ("ified", "if"), ("ify", "if"), ("ating", "at"),
    ("ation", "at"), ("ative", "at"), ("ated", "at"), ("ates", "at"), ("ate", "at"), ("ments", "ment"),
    ("nesses", ""), ("ness", ""), ("ings", ""), ("ing", ""), ("edly", ""), ("ions", ""), ("ion", ""), ("ally", "al"),
    ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ives", "iv"), ("ive", "iv"), ("ers", "er"), ("ed", ""), ("ly", ""),
    ("es", "e"), ("s", ""),
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def stem_tokens(text: str) -> list[str]:
    """Tokens of prose, in order; a run of Chinese, Japanese or Korean letters as its pairs of neighbours."""
    tokens: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if _CJK.search(word):
            tokens.extend(word[index : index + 2] for index in range(max(1, len(word) - 1)))
        elif word not in STOP and (len(word) > 1 or word.isdigit()):
            tokens.append(stem(word))
    return tokens


def name_tokens(name: str) -> list[str]:
    """Tokens of a dataset's, column's or task's name: `questionAnswering_v2` is question, answer, v2."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return stem_tokens(re.sub(r"[_\-./]+", " ", spaced))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """English suffixes off, so that `classify`, `classification` and `classified` meet; short words stay."""
    if len(word) <= 3 or not word.isascii():
        return word
    for suffix, rest in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            if suffix == "s" and word.endswith(("ss", "us", "is")):
                return word
            cut = word[: len(word) - len(suffix)] + rest
            doubled = (
                suffix in ("ing", "ings", "ed")
                and len(cut) > 3
                and cut[-1] == cut[-2]
                and cut[-1] not in "lsz"
            )
            return (cut[:-1] if doubled else cut).removesuffix("e") if len(cut) > 3 else cut
    return word.removesuffix("e") if len(word) > 4 else word
