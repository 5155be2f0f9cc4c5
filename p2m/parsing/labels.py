"""The labels of a classification: every list that a prompt holds is a candidate, and the best one that its
demonstrations do not speak against is taken, else what the demonstrations answer.

Candidates are lists down the page (bullets, numbers, table rows, lines `name: meaning`), lists in a sentence
(quoted, after a colon, slashes, pipes, brackets, codes with their meanings, "either a or b"), and scales. What
stands around a list tells how likely its items are the labels: words for labels before it, its items named
again elsewhere, and against it that it is an illustration ("e.g. ...") or lists what goes in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from p2m.parsing.text import squeeze, unquote
from p2m.parsing.words import (
    AND_OR,
    ANSWER_WORDS,
    BY_CODE,
    BY_WORD,
    FIELD_LISTS,
    ILLUSTRATES,
    LABEL_NOUNS,
    NO_LABELS,
    YES_NO,
)

MAX_WORDS = 6  # of one label
MAX_LETTERS = 48  # of one label
STRONG = 0.7  # from which a list speaks for a classification by itself
_LEAST = 0.35  # below which a list is no list of labels
_OPEN, _CLOSE = "\"'“”„‘’‚`«»「」『』‹›", "\"'“”‘’`«»「」『』‹›"
_QUOTED = rf"(?<!\w)\*{{0,2}}[{_OPEN}]{{1,2}}(?P<q>[^{_OPEN}\n]{{1,60}})[{_CLOSE}]{{1,2}}\*{{0,2}}(?!\w)"
_ANY_QUOTED = re.compile(
    rf"(?<!\w)\*{{0,2}}[{_OPEN}]{{1,2}}([^{_OPEN}\n]{{1,60}}?)[{_CLOSE}]{{1,2}}\*{{0,2}}(?![^\W\d_]*\w[^\W_]*[{_CLOSE}])"
    rf"|\*\*([^*\n]{{1,60}})\*\*|<([^<>\n/]{{1,40}})>"
)
_MEANING = r"(?:\s*(?:\([^()\n]{1,200}\)|（[^（）\n]{1,200}）|=\s*[^,;\n]{1,60}))?"
_JOIN = rf"(?:\s*(?:[,;|/、，；]|·)\s*(?:(?:{AND_OR})\s*)?|\s*(?:{AND_OR})\s*)"
_QUOTED_LIST = re.compile(
    rf"(?:{_ANY_QUOTED.pattern.replace('(?:', '(?:')}){_MEANING}(?:{_JOIN}(?:either\s+)?(?:{_ANY_QUOTED.pattern}){_MEANING})+",
    re.IGNORECASE,
)
_BULLET = re.compile(
    r"^[ \t>]*(?P<mark>[-*•·–—◦▪●○+]|#{1,6}|\(?(?P<code>\d{1,2}|[A-Za-z])[.):）]|[①-⑳]|\[[ x]?\])[ \t]+(?P<item>\S.*)$"
)
_KEYED = re.compile(
    r"^[ \t>]*(?P<key>[^\s:=：＝|→>][^:=：＝|→>\n]{0,47}?)[ \t]*(?P<sep>[:：＝→]|=>?|->|[ ][-–—][ ]|\t|[-–—](?=\s))[ \t]*(?P<rest>\S.*)$"
)
_CODED = re.compile(r"^[ \t>]*(?P<key>\d{1,2}|[A-Z]\d?)[ \t]+(?P<rest>[^\W\d]\S*(?:[ \t]\S+){0,11})$")
_SPLIT = re.compile(r"\s*[,;|、，；]\s*|\s*(?<!\w)/\s*|(?<=\w)\s*/\s*(?=\w)")
_INLINE_CODES = re.compile(
    r"(?<![\w.])(?P<one>\d{1,2}|[A-Z]\d?)\s*(?:[:=：＝–—]|\bfor\b|\bmeans?\b|\()\s*[^,;\n]{1,80}?"
    r"(?:[,;、，]\s*(?:and\s+|or\s+)?(?:\d{1,2}|[A-Z]\d?)\s*(?:[:=：＝–—]|\bfor\b|\bmeans?\b|\()\s*[^,;\n]{1,80}?)+"
    r"(?=[.;\n。]|$)"
)
_CODE = re.compile(r"(?:^|[,;、，]\s*(?:and\s+|or\s+)?)(\d{1,2}|[A-Z]\d?)\s*(?:[:=：＝–—]|\bfor\b|\bmeans?\b|\()")
_COLON = re.compile(
    r"(?:[:：—]|->|=>|→)\s*\n?\s*(?P<list>[^\n.。!?？:：]{1,60}?(?:[,;、，；|]|\s(?:" + AND_OR + r")\s)[^\n]+)"
)
_BRACKETS = re.compile(r"[\[({（{【](?P<list>[^\[\](){}（）【】\n]{3,400})[\])}）】]")
_SLASHED = re.compile(
    r"(?<![\w/:.@])(?P<list>[^\W_][\w&+#'-]{0,24}(?:[ ][\w&+#'-]{1,16})?(?:[ ]?/[ ]?[^\W_][\w&+#'-]{0,24}(?:[ ][\w&+#'-]{1,16})?)+)(?![\w/])"
)
_PIPED = re.compile(r"(?P<list>[^\s|][^|\n]{0,30}(?:\s?\|\s?[^|\n:]{1,30}){1,})")
_EITHER = re.compile(
    r"\b(?:either|one of|any of|between|whether (?:it|this|they|the \w+|each \w+)? ?(?:is|was|are|sounds|reads)|entweder|soit|sea|ya sea"
    r"|o bien|sia|albo|либо)\s+(?:an?\s+|the\s+)?(?P<list>[^\n.;:!?()]{2,160})",
    re.IGNORECASE,
)
_AS = re.compile(
    r"\b(?:as|is|are|be|into|output|return|answer|reply|respond|say|predict|write|label|with|als|ist|comme|est|como|es|é|è|come|jako|jest"
    r"|как|это)(?:\s+with|\s+it as|\s+them as|\s+only)?:?\s+(?:either\s+|an?\s+|the\s+)?"
    rf"(?P<list>[\w-]+(?:\s*,\s*(?:an?\s+)?[\w-]+(?:\s[\w-]+)?)*,?\s+(?:{AND_OR})\s+(?:as\s+|an?\s+)?[\w-]+(?:\s[\w-]+)?)"
    r"\s*(?=[.,;:)\n!?—–]|$|\b(?:based|depending|according|sentiment|in|for|by|to)\b)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    rf"(?:^|(?<=[.!?\n])\s*)(?P<list>[^\n.,:;!?]{{1,40}}\s(?:{AND_OR})\s[^\n.,:;!?]{{1,40}})\s*[?？]", re.IGNORECASE
)
_SCALE = re.compile(
    r"\b(?:rat\w+|scor\w+|stars?|scale|grade\w*|levels?|severity|skala|sterne?|étoiles?|note|estrellas?|puntu\w+|escala|stelle|voto"
    r"|оцен\w+|звезд\w*|шкал\w*|ocen\w*|gwiazd\w*|puan\w*|yıldız)\b[^.\n]{0,60}?\b(?P<low>[0-3])\s*"
    r"(?:to|and|through|-|–|—|bis|à|a|al|до|do|ile|until)\s*(?P<high>\d|10)\b(?![.,]\d|\s*%)"
    r"|\b(?P<low2>[0-3])\s*(?:to|-|–|—|bis|à|a|al|до|do|~|〜|～|から|到|至|부터|से)\s*(?P<high2>[2-9]|10)(?![.,]?\d|\s*%)\s*"
    r"(?:の|까지|तक)?\s*(?:stars?|sterne|étoiles|estrellas|estrelas|stelle|sterren|gwiazdek|звезд|звёзд|yıldız|星|つ星|段階|점|별|نجوم|सितारे)",
    re.IGNORECASE,
)
_NOUN = re.compile(LABEL_NOUNS, re.IGNORECASE)
_ASKS = re.compile(ANSWER_WORDS, re.IGNORECASE)
_ILLUSTRATES = re.compile(rf"(?:{ILLUSTRATES})[^\n.。]{{0,12}}$", re.IGNORECASE)
_FIELDS = re.compile(rf"(?:{FIELD_LISTS})[^\n.。]{{0,30}}$", re.IGNORECASE)
_BY_CODE, _BY_WORD = re.compile(BY_CODE, re.IGNORECASE), re.compile(BY_WORD, re.IGNORECASE)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Labels:
    """What was found; `strength` says how surely the prompt presents it as the list of all labels, 0 to 1."""

    values: tuple[str, ...] = ()
    reason: str = ""
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class _List:
    """A list in the prompt: its items, where it stands, and how much its form alone speaks for labels."""

    values: tuple[str, ...]
    start: int
    end: int
    form: float


def read_labels(instruction: str, outputs: Sequence[str]) -> Labels:
    """The likeliest list of labels that holds every demonstrated output, else the outputs where they return.

    Outputs that join several labels count by their parts.
    """
    shown = {_fold(part) for output in outputs for part in _parts(output)}
    whole = {_fold(output) for output in outputs}
    best, most = None, _LEAST
    for each in _lists(instruction):
        folded = {_fold(value) for value in each.values}
        if not (whole <= folded or shown <= folded):
            continue
        score = _score(each, instruction, outputs)
        if score > most:
            best, most = each, score
    if best is None:
        return _shown(outputs)
    values = _spelt(best.values, outputs)
    return Labels(values, f"labels {', '.join(values[:8])}: listed in the prompt", min(1.0, most))


def _parts(output: str) -> list[str]:
    return [part for part in re.split(r"\s*[,;|、，]\s*", output) if part]


def _score(each: _List, text: str, outputs: Sequence[str]) -> float:
    """How likely a list names the labels, about 0 to 1."""
    before = text[max(0, each.start - 110) : each.start]
    line = before.rpartition("\n")[2] or before.rstrip().rpartition("\n")[2]
    low = {_fold(value) for value in each.values}
    score = each.form
    if low <= YES_NO:
        score += 0.4
    if _NOUN.search(before):
        score += 0.25
    if _ASKS.search(before) or _ASKS.search(text[each.end : each.end + 60]):
        score += 0.15
    if outputs:
        score += 0.4
    others = text[: each.start] + "\n" + text[each.end :]
    named = sum(len(value) > 2 and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", others) is not None for value in each.values)
    score += 0.15 * (named > 0)
    if _ILLUSTRATES.search(line):
        score -= 0.6
    if _FIELDS.search(line[-60:]):
        score -= 0.4
    if low & NO_LABELS:
        score -= 0.5
    return score


def _lists(text: str) -> Iterator[_List]:
    """Every list of the prompt, those that are told by their form first."""
    yield from _down_the_page(text)
    yield from _tables(text)
    for match in _QUOTED_LIST.finditer(text):
        yield from _listed(_quoted_items(match.group()), match, 0.45)
    for match in _INLINE_CODES.finditer(text):
        codes = _CODE.findall(match.group())
        yield from _listed(codes, match, 0.5)
    for match in _SCALE.finditer(text):
        low, high = int(match["low"] or match["low2"] or 0), int(match["high"] or match["high2"])
        if high - low <= 10 and match.group():
            yield from _listed([str(step) for step in range(low, high + 1)], match, 0.6)
    for pattern, form in (
        (_COLON, 0.35), (_BRACKETS, 0.2), (_SLASHED, 0.35), (_PIPED, 0.3), (_EITHER, 0.4), (_AS, 0.3), (_QUESTION, 0.6),
    ):  # fmt: skip
        for match in pattern.finditer(text):
            yield from _listed(_items(match["list"]), match, form, group="list")
    everywhere = [next(filter(None, found)) for found in _ANY_QUOTED.findall(text)]
    values = tuple(dict.fromkeys(_clean(item) for item in everywhere))
    if 2 <= len(values) <= 12 and all(map(_is_label, values)):
        yield _List(values, 0, 0, 0.2)


def _listed(items: Sequence[str], match: re.Match[str], form: float, group: str | int = 0) -> Iterator[_List]:
    values = tuple(dict.fromkeys(item for item in map(_clean, items) if item))
    if len(values) >= 2 and all(map(_is_label, values)):
        yield _List(values, match.start(group), match.end(group), form)


# ------------------------------------------------------------------------------------ lists down the page


def _down_the_page(text: str) -> Iterator[_List]:
    """Runs of lines of one shape: bullets, numbers, `name: meaning`, codes, or bare short lines after a colon."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    number = 0
    while number < len(lines):
        run = _run(lines, number)
        if run is None:
            number += 1
            continue
        values, end, form = run
        introduced = _introduced(lines, number)
        if len(values) >= 2 and all(map(_is_label, values)):
            yield _List(values, starts[number], starts[end] - 1, form + 0.1 * introduced)
        number = end


def _run(lines: list[str], first: int) -> tuple[tuple[str, ...], int, float] | None:
    """Items of the run of alike lines that begins at `first`, and the line behind it."""
    shape = _shape(lines[first])
    if shape is None:
        if not _introduced(lines, first) or not lines[first].strip():
            return None
        shape = "bare"
    end, chosen = first, []
    while end < len(lines):
        line = lines[end]
        if not line.strip():
            following = lines[end + 1] if end + 1 < len(lines) else ""
            if shape == "bare" or _shape(following) != shape:
                break
            end += 1
            continue
        if shape == "bare" and (_shape(line) is not None or len(line.split()) > MAX_WORDS or line.rstrip()[-1] in ".:?!。："):
            break
        if shape != "bare" and _shape(line) != shape:
            if line[:1] in " \t" and chosen:  # a wrapped line
                end += 1
                continue
            break
        chosen.append(line)
        end += 1
    if len(chosen) < 2:
        return None
    return tuple(dict.fromkeys(_heads(chosen, shape, "\n".join(lines)))), end, 0.3 if shape in ("bare", "keyed") else 0.45


def _shape(line: str) -> str | None:
    match = _BULLET.match(line)
    if match:
        return "coded" if match["code"] else f"bullet {match['mark'][0]}"
    if re.match(r"^[ \t>]*\|", line):
        return None  # a table's row
    if _CODED.match(line):
        return "bare code"
    match = _KEYED.match(line)
    return "keyed" if match and len(match["key"].split()) <= MAX_WORDS and "//" not in match["rest"][:2] else None


def _heads(lines: list[str], shape: str, text: str) -> list[str]:
    """What each line names, without its marker and its meaning; the codes themselves where they are asked for."""
    by_code = bool(_BY_CODE.search(text)) and not _BY_WORD.search(text)
    heads = []
    for line in lines:
        match = _BULLET.match(line)
        if shape == "coded" and match and match["code"] and (by_code or match["code"].isalpha() and match["mark"][-1] == ":"):
            heads.append(match["code"])
            continue
        coded = _CODED.match(line)
        if shape == "bare code" and coded:
            heads.append(coded["key"] if by_code or not coded["key"].isdigit() else coded["rest"])
            continue
        heads.append(_head(match["item"] if match else line))
    return heads


def _head(item: str) -> str:
    """The name in `name: meaning`, `name (meaning)`, `"name" means ...` and their kin."""
    quoted = re.match(rf"\s*(?:{_ANY_QUOTED.pattern})", item)
    if quoted:
        return _clean(next(filter(None, quoted.groups())))
    head = re.split(r"\s*(?:[:：＝→|]|=>?|->|\s[-–—]+\s|[-–—]{1,2}\s|\t|\s?[(（\[]|,\s(?=e\.g\.|i\.e\.))", item.strip(), maxsplit=1)[0]
    return _clean(head)


def _introduced(lines: list[str], first: int) -> bool:
    """The line before says that a list follows."""
    before = next((line.rstrip(" *_`") for line in reversed(lines[:first]) if line.strip()), "")
    return before.endswith((":", "：", "—", "–", "-", "=")) or bool(_NOUN.search(before[-80:]) and len(before.split()) <= 8)


def _tables(text: str) -> Iterator[_List]:
    """The column of a Markdown table that is headed like labels, else its first."""
    for match in re.finditer(r"(?:^[ \t]*\|?[^\n|]+\|[^\n]*(?:\n|$)){3,}", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in match.group().strip("\n").split("\n")]
        rules = [number for number, row in enumerate(rows) if all(re.fullmatch(r":?-{2,}:?", cell) for cell in row)]
        if not rules:
            continue
        header, body = rows[rules[0] - 1] if rules[0] else [], rows[rules[0] + 1 :]
        column = next((number for number, cell in enumerate(header) if _NOUN.search(cell)), 0)
        values = [_clean(row[column]) for row in body if len(row) > column]
        yield from _listed(values, match, 0.55)


# ------------------------------------------------------------------------------------------------- items


def _quoted_items(text: str) -> list[str]:
    bare = re.sub(r"\([^()\n]*\)|（[^（）\n]*）", "", text)
    return [next(filter(None, found)) for found in _ANY_QUOTED.findall(bare)]


def _items(text: str) -> list[str]:
    """The items of a list in a sentence."""
    quoted = _quoted_items(text)
    if len(quoted) >= 2:
        return quoted
    text = re.split(r"(?<=[\w)])[.。!?！？](?:\s|$)|\n|\s[—–]\s|;\s(?=\w+\s\w+\s\w+\s\w+)", text.strip())[0]
    text = text.strip(" .[](){}")
    listed, explained, _ = text.partition(": ")
    if explained and re.search(rf",|\s(?:{AND_OR})\s", listed):
        text = listed  # "a, b and c: a for this, b for that"
    text = re.sub(r"\([^()]*\)|（[^（）]*）", "", text)
    for separator in (r"\s*[;；]\s*", r"\s*\|\s*", r"\s*[,、，]\s*", r"\s*/\s*"):
        if re.search(separator, text):
            parts = re.split(separator, text)
            break
    else:
        parts = [text]
    last = re.split(rf"\s(?:{AND_OR})\s|(?:または|或者|或|及|和|혹은|또는)", parts[-1])
    parts = [*parts[:-1], *last] if all(last) else parts
    lead = rf"^(?:(?:{AND_OR})\s+|either\s+|as\s+|an?\s+|the\s+|eine?\s+|une?\s+|una?\s+)+"
    return [re.sub(lead, "", part.strip(), flags=re.IGNORECASE) for part in parts if part.strip()]


def _clean(text: str) -> str:
    text = squeeze(text).strip(" .,:;。、")
    text = re.sub(r"^\*+|\*+$|^<|>$|^_{2,}|_{2,}$", "", text)
    return unquote(text).strip(" .,\"'“”‘’`«»„「」:")


def _is_label(value: str) -> bool:
    limit = 16 if _CJK.search(value) else MAX_LETTERS
    return bool(value) and len(value) <= limit and len(value.split()) <= MAX_WORDS and not re.search(r"[{}\n]|https?:", value)


def _fold(text: str) -> str:
    return squeeze(text).casefold().strip(" .\"'")


def _spelt(values: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    """The labels as the demonstrations spell them, where they do."""
    spelling = {_fold(part): part for output in reversed(outputs) for part in (*_parts(output), output)}
    return tuple(spelling.get(_fold(value), value) for value in values)


def _shown(outputs: Sequence[str]) -> Labels:
    """Short outputs that return: at least four demonstrations, each label twice on average."""
    counts = Counter(outputs)
    short = all(len(output.split()) <= MAX_WORDS for output in outputs)
    if len(outputs) >= 4 and 2 <= len(counts) <= len(outputs) / 2 and short:
        values = tuple(dict.fromkeys(outputs))
        return Labels(values, f"labels {', '.join(values[:8])}: all that the demonstrations answer", STRONG)
    return Labels()
