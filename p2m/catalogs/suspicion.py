"""Cards that speak to a model instead of telling people of a dataset."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from p2m.word_lists import WordLists

_PHRASES = WordLists(Path(__file__).with_name("suspicion.txt"))["phrases"]


def speaks_to_models(text: str) -> str:
    """Why a card is not to be shown to a teacher, with the words; "" where it tells of a dataset."""
    plain = " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower()))
    found = next((phrase for phrase in _PHRASES if f" {phrase} " in f" {plain} "), "")
    return f"its card gives orders to whatever model reads it ({found!r})" if found else ""
