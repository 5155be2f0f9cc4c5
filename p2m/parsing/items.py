"""What an item of a list is: cleaned, compared, told from prose; shared by all that look for lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from p2m.parsing.text import squeeze, unquote
from p2m.parsing.words import BY_CODE, BY_WORD, LABEL_NOUNS

MAX_WORDS = 6  # of one label
MAX_LETTERS = 48  # of one label
_OPEN, _CLOSE = "\"'“”„‘’‚`«»「『《‹›", "\"'“”‘’`«»」』》‹›"
_MARKS = _OPEN + _CLOSE
ANY_QUOTED = re.compile(
    rf"(?:(?<!\w)|(?=[「『“„«‘《]))\*{{0,2}}[{_OPEN}]{{1,2}}([^{_MARKS}\n]{{1,60}}?)[{_CLOSE}]{{1,2}}\*{{0,2}}(?![a-z]+[{_CLOSE}])"
    rf"|\*\*([^*\n]{{1,60}})\*\*|<([^<>\n/]{{1,40}})>|(?<!\*)\*([^*\n]{{1,40}})\*(?!\*)|\[([^\[\],\n]{{1,40}})\]"
)
CODE_SHAPE = r"(?:[A-ZА-Я]{1,5}[-_.]?\d{0,4}|[A-Z]{2,5} \d{1,2}|-?\d{1,2})"
SENTENCE = re.compile(r"[^\n.。!?！？।]*(?:\.(?!\s|$)[^\n.。!?！？।]*)*[.。!?！？।\n]?")
NOUN = re.compile(LABEL_NOUNS, re.IGNORECASE)
BY_CODES, BY_WORDS = re.compile(BY_CODE, re.IGNORECASE), re.compile(BY_WORD, re.IGNORECASE)
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list in the prompt: its items, where it stands, and what its form says of it."""

    values: tuple[str, ...]
    start: int
    end: int
    signs: tuple[str, ...]


def listed(items: Sequence[str], match: re.Match[str], form: str) -> Iterator[Listing]:
    values = tuple(dict.fromkeys(item for item in map(clean, items) if item))
    if len(values) >= 2 and all(map(is_label, values)):
        yield Listing(values, match.start(), match.end(), (form,))


def quoted_items(text: str) -> list[str]:
    bare = re.sub(r"\([^()\n]*\)|（[^（）\n]*）", "", text)
    return [next(filter(None, found)) for found in ANY_QUOTED.findall(bare)]


ARTICLE = re.compile(
    r"(?:.*\s)?(?:an?|the|eine?n?|der|die|das|une?|una?|un|el|la|le|il|lo|um|uma|o|a|een|de|het)\s+",
    re.IGNORECASE,
)


def style(value: str) -> str:
    if value.isupper():
        return "upper"
    return "title" if value[:1].isupper() else "lower"


@lru_cache(maxsize=16_384)  # the same pieces are read in many ways
def clean(text: str) -> str:
    text = re.sub(r"^[-–—•·▪◦]\s+", "", squeeze(text).strip(" .,:;。、।؟?"))
    text = re.sub(r"\s+[-–—]+$", "", text)
    text = re.sub(r"[;,]\s+(?:or|and|oder|und|ou|et|o|y|e|of|en)$", "", text)
    text = re.sub(r"\s(?:है|हैं)$", "", text)
    text = re.sub(r"^\*+|\*+$|^<|>$|^_{2,}|_{2,}$", "", text)
    return unquote(text).strip(" .,\"'“”‘’`«»„「」:")


@lru_cache(maxsize=16_384)
def is_label(value: str) -> bool:
    limit = 12 if CJK.search(value) else MAX_LETTERS
    return (
        bool(value)
        and len(value) <= limit
        and len(value.split()) <= MAX_WORDS
        and not re.search(r"[{}\n]|https?:|^[-=_*~.#]+$|^#\w\S*\s", value)
    )


def fold_label(text: str) -> str:
    """A label without case, outer marks and surplus blanks, to compare."""
    return squeeze(text).casefold().strip(" .\"'")
