"""Word classes from `lexicon.txt` and `synonyms.txt`, read once: what the grammars draw their words from."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType

_HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    """The lines of a file beside this one, without blanks and comments."""
    text = (_HERE / name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@cache
def classes() -> MappingProxyType[str, tuple[str, ...]]:
    """Class name -> its words, in the order of the file."""
    words: dict[str, tuple[str, ...]] = {}
    for line in lines("lexicon.txt"):
        name, _, rest = line.partition(":")
        words[name.strip()] = words.get(name.strip(), ()) + tuple(word.strip() for word in rest.split(","))
    return MappingProxyType(words)


@cache
def synonyms() -> MappingProxyType[str, tuple[str, ...]]:
    """Word -> words that can stand for it in the same form (one inflected form to a line of the file)."""
    groups: dict[str, tuple[str, ...]] = {}
    for line in lines("synonyms.txt"):
        group = [word.strip() for word in line.split(",")]
        for word in group:
            if " " not in word:
                others = tuple(other for other in group if other != word)
                groups[word] = groups.get(word, ()) + others
    return MappingProxyType(groups)
