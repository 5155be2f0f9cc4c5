# ruff: noqa: E501
"""The language of the rows that a task is about: a statement in the prompt, else its script, else its"
" commonest words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache

from p2m.parsing.words import ENDONYMS, LANGUAGES, STOP_WORDS

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
_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "ARABIC": "ar", "HEBREW": "he",
    "THAI": "th", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te", "GREEK": "el",
    "CYRILLIC": "cyrillic", "LATIN": "latin", "GEORGIAN": "ka", "ARMENIAN": "hy", "GUJARATI": "gu",
    "KANNADA": "kn", "MALAYALAM": "ml",
}  # fmt: skip


def read_language(instruction: str, samples: Sequence[str]) -> tuple[str, str]:
    """ISO 639-1 code and the reason. `samples` are texts of rows, which count before the instruction's"
    " own words."""
    stated = _stated(instruction)
    if stated:
        return stated
    text = "\n".join(samples)[:4000]
    found = guess(text, least=4) if text else ""
    if found:
        return found, f"language {found}: that of the demonstrations"
    found = guess(instruction[:4000], least=1)
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


def guess(text: str, *, least: int) -> str:
    """The language of a text by script and stop words; "" where fewer than `least` stop words speak"
    " for any."""
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    scripts.pop("", None)
    if not scripts:
        return ""
    total = sum(scripts.values())
    if scripts["ja"] >= 0.1 * total:  # kana among Han characters and borrowed Latin words
        return "ja"
    foreign = [(code, count) for code, count in scripts.most_common() if code not in ("latin", "cyrillic")]
    if foreign and foreign[0][1] >= 0.25 * total:
        return foreign[0][0]
    return _by_stop_words(text, "cyrillic" if scripts["cyrillic"] > scripts["latin"] else "latin", least)


def _by_stop_words(text: str, script: str, least: int) -> str:
    words = Counter(re.findall(r"(?<!\w)[^\W\d_]+(?!\w)", text.lower()))
    codes = [code for code in STOP_WORDS if (code in ("ru", "uk")) == (script == "cyrillic")]
    votes = {code: sum(words[word] for word in _stop_words(code)) for code in codes}
    best = max(codes, key=lambda code: (votes[code], -codes.index(code)))
    # English words stand in texts of every language, so that a rival must be clearly ahead of them.
    clear = best == "en" or votes[best] > 1.5 * votes.get("en", 0)
    if clear and votes[best] >= max(least, 0.1 * words.total()):
        return best
    return "ru" if script == "cyrillic" else ""


@cache
def _stop_words(code: str) -> frozenset[str]:
    return frozenset(STOP_WORDS[code].split())


@cache
def _script(letter: str) -> str:
    return _SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "")
