"""The labels of a classification, from the prompt's words or its demonstrations.

Two strengths: an announced list ("one of: a, b, c") is taken as it is, and a weaker sign ("as positive or
negative", quoted words joined by "or") only where the demonstrations do not speak against it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.parsing.text import squeeze, unquote
from p2m.parsing.words import CLASSIFY, NO_LABELS

MAX_WORDS = 5  # of one label
_QUOTE = r"[\"'“”‘’`«»„「」*]"
_QUOTED_ITEM = rf"(?:{_QUOTE}{{1,2}}[^\"'“”‘’`«»„「」*\n]{{1,60}}{_QUOTE}{{1,2}}|<[^<>\n]{{1,40}}>)"
_JOIN = (
    r"(?:\s*(?:,|/|;|\||、)\s*(?:and\s+|or\s+|und\s+|oder\s+|et\s+|ou\s+|y\s+|o\s+)?"
    r"|\s+(?:or|and|oder|und|ou|et|o|y|или|и|lub|of|または|或)\s+)"
)
_QUOTED_LIST = re.compile(
    rf"{_QUOTED_ITEM}(?:\s*\([^()\n]{{1,80}}\))?(?:{_JOIN}{_QUOTED_ITEM}(?:\s*\([^()\n]{{1,80}}\))?)+"
)
_ITEM = r"[^\s,;/|.:()\[\]\"'“”][^,;/|:()\[\]\n\"“”]{0,40}?"
_ANNOUNCED = re.compile(
    r"(?:\b(?:one|any|either) of\b\s*(?:the |these |those )?(?:following\b\s*|possible |given |\w+ )?(?:\d+ "
    r"|\w+ )?(?:labels?|classes|categories|options|values|intents|topics|choices|sentiments|emotions"
    r"|types|words|answers)?"
    r"|\b(?:possible |the |valid |allowed |output |target |available )*(?:labels?|classes|categories"
    r"|options|intents|topics|choices|sentiments|emotions)\b(?: for \w+)?(?: are| is| can be| should be"
    r"| must be| include)?"
    r"|\binto (?:one of )?(?:the )?(?:following |these )?(?:\w+ )?(?:labels?|classes|categories|intents"
    r"|topics|types|groups)"
    r"|\bfrom (?:this|the following) list|\bKategorien|\bLabels|\bcatégories|\bétiquettes|\bcategorías"
    r"|\bkategorie|\bкатегори[ийя]\w*|\bкласс\w*|カテゴリ|ラベル|类别|标签|分类为|범주)"
    r"\s*(?:[:：]|\bare\b|\bis\b|-|–|—|=)\s*(?P<list>[^\n]+(?:\n(?:\s*[-*•]|\s*\d+[.)])[^\n]+)*"
    r"|(?:\n+\s*(?:[-*•]|\d+[.)])\s*[^\n]+){2,})",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\b(?:to|into|as|by|in|is|are|of) (?:exactly |only )?(?:one|any|either) of "
    r"(?:[\w'-]+ ){0,3}?[\w'-]+\s*[:：]\s*(?P<list>[^\n.]+)",
    re.IGNORECASE,
)
_OF = re.compile(
    rf"\b(?:one of|either|any of|between)\s+(?P<list>{_ITEM}(?:\s*,\s*{_ITEM})*,?\s+(?:or"
    rf"|and)\s+[\w-]+(?:[ ][\w-]+)?)\s*(?=[.,;:)\n]|$)",
    re.IGNORECASE,
)
_AS = re.compile(
    r"\b(?:as|is|are|be|being|output|return|answer|reply|respond|say|predict|write|label|with|als|comme"
    r"|como|jako|как)(?: with| it as| only)?:?\s+(?:either\s+|a\s+|an\s+)?"
    r"(?P<list>[\w-]+(?:\s*,\s*(?:an?\s+)?[\w-]+)*,?\s+(?:or|oder|ou|o|lub|или)\s+(?:as\s+"
    r"|an?\s+)?[\w-]+)\s*(?=[.,;:)\n!?]|$|\b(?:based|depending|according|sentiment|in|for|by)\b)",
    re.IGNORECASE,
)
_BRACKETED = re.compile(rf"[(\[{{](?P<list>{_ITEM}(?:\s*[,/|]\s*{_ITEM})+)[)\]}}]")
_COLON = re.compile(
    rf"[:：—]\s*(?P<list>{_ITEM}(?:\s*[,、]\s*{_ITEM})*,?\s+(?:or|oder|ou|или|lub"
    rf"|o)\s+[\w-]+)\s*(?=[.;)\n]|$)",
    re.IGNORECASE,
)
_SLASHED = re.compile(r"(?<![\w/:.])(?P<list>[^\W\d_]\w{0,20}(?:\s?/\s?[^\W\d_]\w{0,20})+)(?![\w/])")
_SCALE = re.compile(
    r"\b(?:rat\w+|scor\w+|stars?|scale|grade\w*)\b[^.\n]{0,40}?\b(?:from|between"
    r"|of)?\s*(?P<low>[0-3])\s*(?:to|and|-|–)\s*(?P<high>\d|10)\b",
    re.IGNORECASE,
)


_VERBS = rf"{CLASSIFY}|\b(?:whether|decide|determine|predict|detect|sentiment|tell|judge)\b"
_ASKS = re.compile(
    r"\b(?:answer|output|return|reply|respond|indicate|classif\w+|label\w*|provide|say|predict|choose"
    r"|select|categor\w+"
    r"|either|as|into|mark|generate)\b[^.]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Labels:
    """What was found; `announced` where the prompt presents it as the list of all labels."""

    values: tuple[str, ...] = ()
    reason: str = ""
    announced: bool = False


def read_labels(instruction: str, outputs: Sequence[str]) -> Labels:
    """Labels of the instruction that its demonstrations' outputs agree with, else those that the"
    " outputs show."""
    for announced, found in _candidates(instruction):
        values = tuple(dict.fromkeys(found))
        if len(values) < 2 or any(len(value.split()) > MAX_WORDS for value in values):
            continue
        folded = {_fold(value) for value in values}
        shown = {_fold(output) for output in outputs}
        if not shown <= folded:
            continue
        if announced or shown or _is_closed(values, instruction):
            return Labels(
                _spelt(values, outputs), f"labels {', '.join(values[:8])}: listed in the prompt", announced
            )
    return _shown(outputs)


def _candidates(text: str) -> list[tuple[bool, list[str]]]:
    """Lists of the prompt, announced ones first."""
    found: list[tuple[bool, list[str]]] = []
    for match in _ANNOUNCED.finditer(text):
        found.append((True, _items(match["list"])))
    found += [(True, _items(match["list"])) for match in _COUNTED.finditer(text)]
    for match in _OF.finditer(text):
        found.append((True, _items(match["list"])))
    for match in _QUOTED_LIST.finditer(text):
        items = [_clean(item) for item in re.findall(_QUOTED_ITEM, match.group())]
        found.append(
            (bool(_asks(text[max(0, match.start() - 90) : match.start()])), [item for item in items if item])
        )
    for match in _SCALE.finditer(text):
        found.append((True, [str(step) for step in range(int(match["low"]), int(match["high"]) + 1)]))
    found.extend((False, _items(match["list"])) for match in _COLON.finditer(text))
    found.extend((False, _items(match["list"])) for match in _SLASHED.finditer(text))
    found.extend((False, _items(match["list"])) for match in _AS.finditer(text))
    found.extend((False, _items(match["list"])) for match in _BRACKETED.finditer(text))
    quoted = [_clean(item) for item in re.findall(rf"(?<!\w){_QUOTED_ITEM}(?!\w)", text)]
    found.append((False, [item for item in quoted if item]))
    return found


def _asks(before: str) -> bool:
    """The words before a quoted list ask for one of it."""
    return bool(_ASKS.search(before))


def _items(text: str) -> list[str]:
    """The items of a list in words, bullets or brackets."""
    if re.match(r"\s*\n?\s*(?:[-*•]|\d+[.)])\s", text) and "\n" in text.strip():
        lines = [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", line) for line in text.strip().split("\n")]
        return [_clean(re.split(r"\s*(?::|\s-\s|–|—|\()", line)[0]) for line in lines if line.strip()]
    quoted = re.findall(_QUOTED_ITEM, text)
    if len(quoted) >= 2:
        return [_clean(item) for item in quoted if _clean(item)]
    text = re.split(r"(?<=\w)[.。!?](?:\s|$)|\n", text.strip())[0]
    text = text.strip(" .[](){}")
    listed, explained, _ = text.partition(": ")
    if explained and re.search(r",|\s(?:and|or)\s", listed):
        text = listed  # "a, b and c: a for this, b for that"
    parts = re.split(
        r"\s*[,;|、/]\s*(?:(?:and|or|und|oder|et|ou|y|o|и|или)\s+)?|\s+(?:or|and|oder|und|ou|или|lub|または"
        r"|或)\s+",
        text,
    )
    return [
        cleaned
        for part in parts
        if (cleaned := _clean(re.sub(r"^(?:either|as|an?|the)\s+", "", part.strip())))
    ]


def _clean(text: str) -> str:
    text = squeeze(text).strip(" .,:;")
    text = re.sub(r"^\*+|\*+$|^<|>$", "", text)
    return unquote(text).strip(" .,\"'“”‘’`«»„「」")


def _fold(text: str) -> str:
    return squeeze(text).casefold().strip(" .\"'")


def _spelt(values: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    """The labels as the demonstrations spell them, where they do."""
    spelling = {_fold(output): output for output in reversed(outputs)}
    return tuple(spelling.get(_fold(value), value) for value in values)


def _is_closed(values: Sequence[str], instruction: str) -> bool:
    """Words without a demonstration count as labels only where they are few, short and said to be the"
    " answer."""
    low = {_fold(value) for value in values}
    if low & NO_LABELS or any(len(value.split()) > 3 for value in values):
        return False
    if low <= {
        "yes",
        "no",
        "true",
        "false",
        "maybe",
        "neutral",
        "positive",
        "negative",
        "mixed",
        "spam",
        "ham",
        "unknown",
    }:
        return True
    pattern = "|".join(re.escape(value) for value in values)
    return bool(re.search(rf"(?:{_VERBS})[^\n]{{0,160}}\b(?:{pattern})\b", instruction, re.IGNORECASE))


def _shown(outputs: Sequence[str]) -> Labels:
    """Short outputs that return: at least four demonstrations, each label twice on average."""
    counts = Counter(outputs)
    short = all(len(output.split()) <= MAX_WORDS for output in outputs)
    if len(outputs) >= 4 and 2 <= len(counts) <= len(outputs) / 2 and short and min(counts.values()) >= 2:
        values = tuple(sorted(counts))
        return Labels(values, f"labels {', '.join(values[:8])}: all that the demonstrations answer")
    return Labels()
