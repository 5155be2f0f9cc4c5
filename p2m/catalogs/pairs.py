"""Columns that stand together: an input and what is made of it, two languages, two texts of one kind."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set

from p2m.catalogs.columns import Column
from p2m.catalogs.vocabulary import BOOKKEEPING, CARRIERS, GROUPS, PAIRS, SPOKEN, plain
from p2m.types import Task, TaskType

_BOTH = (("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"))
_NUMBERED = re.compile(r"(.+?)_?(?:[12abxy]|first|second)")
_INTO = re.compile(rf"\btranslat\w*\b[^.\n]*?\b(?:in)?to (?:the )?({'|'.join(SPOKEN)})\b")
_ASKS, _TELLS = GROUPS["question"][:6], GROUPS["context"][:9]


def bare(name: str) -> str:
    """A plain name without the words that only say how a column is written: `raw_comment_text`, a comment."""
    words = name.split("_")
    return "_".join(word for word in words if word not in CARRIERS) or words[-1]


def singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name


def made_pair(columns: Iterable[Column], asked: Set[str]) -> tuple[str, str] | tuple[()]:
    """The columns that are an input and what is made of it, as `source` and `target` or `normal_sentence`
    and `simple_sentence` are; among those that are `asked` for, where any are.
    """
    texts = {plain(column.name): column.name for column in columns if column.kind in ("text", "texts")}
    texts = {name: column for name, column in texts.items() if name.rpartition("_")[2] not in BOOKKEEPING}
    texts |= {bare(name): column for name, column in texts.items() if bare(name) not in texts}
    titles = GROUPS["title"]
    for source, made in PAIRS:
        if asked and made not in asked:
            continue
        for name, column in texts.items():
            if source not in name:
                continue
            other = made if name == source else _with(name, source, made)
            if texts.get(other, column) == column:
                continue
            if made not in titles or (asked and not asked & (texts.keys() - {name, other})):
                return column, texts[other]
    return ()


def _with(name: str, word: str, other: str) -> str:
    return "_".join(other if each == word else each for each in name.split("_"))


def languages(columns: Iterable[Column]) -> dict[str, str]:
    """Column -> language, of the two columns that say the same in two; empty where there are no such two."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for column in columns:
        stem, _, last = plain(column.name).rpartition("_")
        code = SPOKEN.get(last, last)
        is_nested = "." in column.name and len(last) in (2, 3)
        if column.kind == "text" and last not in BOOKKEEPING and (is_nested or _is_code(code)):
            found[stem][column.name] = code
    return next((some for some in found.values() if len(some) == 2), {})


def made_into(task: Task) -> str:
    """The language that the prompt wants texts translated into, ISO 639-1; "" where it names none."""
    if task.type is not TaskType.TEXT_TO_TEXT or (named := _INTO.search(task.instruction.lower())) is None:
        return ""
    return SPOKEN[named[1]]


def _is_code(word: str) -> bool:
    return len(word) == 2 and word.isascii() and word.isalpha()


def companion(chosen: str, columns: Sequence[Column]) -> str:
    """A text that the chosen one is nothing without: the other sentence, or what a question is about."""
    name = plain(chosen)
    numbered = _NUMBERED.fullmatch(name)
    for column in columns:
        other = plain(column.name)
        if column.kind not in ("text", "texts") or other == name:
            continue
        both = any(
            (name in GROUPS[a] and other in GROUPS[b]) or (name in GROUPS[b] and other in GROUPS[a])
            for a, b in _BOTH
        )
        alike = _NUMBERED.fullmatch(other)
        is_sibling = numbered is not None and alike is not None and numbered[1] == alike[1]
        if is_sibling or both or (name in _ASKS and other in _TELLS):
            return column.name
    return ""
