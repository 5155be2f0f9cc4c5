"""Names that columns of real datasets have, from `vocabulary.txt`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from p2m.word_lists import WordLists

_WORDS = WordLists(Path(__file__).with_name("vocabulary.txt"))

# Role -> names, the commonest first; a field and a column of one group are taken to mean the same.
GROUPS = {role: tuple(names.split()) for role, names in _WORDS.pairs("columns").items()}
_KNOWN = frozenset(name for names in GROUPS.values() for name in names)
BOOKKEEPING = frozenset(_WORDS["bookkeeping"])  # columns that say which row it is, and nothing of the task
TOGETHER = frozenset(_WORDS["together"])  # words of columns that say who or what a row is of
OUTPUTS = frozenset(_WORDS["outputs"])  # columns that hold an answer rather than an input
PAIRS = tuple(
    (source, made) for source, names in _WORDS.table("pairs", 2) for made in names.split()
)  # of text to text: an input and what is made of it, the surest first
FALSE = frozenset(_WORDS["false"])  # words that say of an answer that it is not the right one
ALSO = _WORDS["also"]  # columns of further right answers
CARRIERS = frozenset(_WORDS["carriers"])  # words of a name that say how a column is written
SPOKEN = _WORDS.pairs("spoken")  # English name of a language -> its code
ASKED = _WORDS.pairs("asked")  # word of an instruction, by stem -> the sort of output it asks for


def is_known(name: str) -> bool:
    """Whether it is a column's usual name."""
    return plain(name) in _KNOWN


@lru_cache(maxsize=65_536)
def plain(name: str) -> str:
    """`Review Body`, `reviewBody` and `review-body` alike."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\s\-./]+", "_", spaced).strip("_").lower()
