# ruff: noqa: E501
"""What may be a label by itself: any of them, or that of everything else, told apart from the list of the others
("... else goes to General").

Every short phrase at the edge of a clause, in marks or spelt like a name may be one; how likely it is, what stands
around it tells. The weights of these signs are learnt from prompts whose labels are known
(recipes/data/prompts/make.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from p2m.parsing.items import clean, fold_label, is_label, style
from p2m.parsing.weights import ITEM_WEIGHTS, KNOWN_LABELS, REST_WEIGHTS
from p2m.parsing.words import REST_LABELS, STOP_WORDS

_MOST = 400  # phrases of a prompt that are looked at
_LONGEST = 3  # words of a phrase without marks around it
_TOKEN = re.compile(r"[^\s.,;:!?¿¡()\[\]{}\"“”„«»「」『』`*。，；：、！？।|/=<>→]+|(?<=\S)/(?=\S)")
_EDGE = re.compile(r"[ \t]*(?:[.,;:!?)\]\n\"“”«»」』`*。，；：、！？।|]|$)")
_JOINED = re.compile(
    r"[ \t]+(?:if|when|whenever|where|otherwise|else|for|because|unless|instead|und|wenn|falls|sonst|für|bei|si|sinon|pour|cuando|para|se|quando|per|altrimenti|als|anders|voor|om|annars|för|hvis|ellers|jeśli|gdy|если|иначе|когда|якщо|yoksa|ise)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(r"(?:^|[.,;:!?¿¡(\[\n\"“„«「『`*。，；：、！？।|>→=])[ \t]*$")
_MARKED = re.compile(r"[\"“„«「『`*]{1,2}([^\"“”„«»「」『』`*\n]{1,40})[\"”“»」』`*]{1,2}")
_SENTENCE = re.compile(r"(?<=[.!?。！？।])\s|\n|(?<=[。！？।])")
_SAID = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")
_NAMED = re.compile(
    "|".join(
        sorted(map(re.escape, (each for each in REST_LABELS if not each.isascii())), key=len, reverse=True)
    )
)
_SPELT = re.compile(r"#?\w+_\w+|#\w+|[^\W\d_a-z]{2,}|[^\W\d_a-z]\w+")
_STOP = frozenset(word for words in STOP_WORDS.values() for word in words.split())
_EMPTY = re.compile(
    r"\b(?:empty|blank|nothing|vac[ií][oa]s?|vide|leere?\w*|vuot\w+|vazi[oa]|пуст\w+|nichts|nada)\b|空|빈",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"(?:\b(?:anything else|everything else|all else|all others?|otherwise|or else|the (?:rest|remainder)|what(?:ever)? (?:is left|remains)|if (?:none|nothing|neither|not|unsure|unclear|in doubt|there(?:['’]s| is| are| isn| aren)|it (?:is|isn|does|doesn|can)|it['’]s (?:not|none|no|neither)|they don['’]?t|you)|when (?:unsure|in doubt|none|nothing|unclear|you)|in doubt|doesn['’]?t fit|does not fit|none of (?:these|those|them|the above)|can['’]?t be|cannot be|insufficient"
    r"|sonst(?:iges)?|ansonsten|andernfalls|alles andere|alles übrige|der rest|im zweifel|passt nichts|wenn nichts|was nichts?|was (?:nirgends|nirgendwo|sonst)|was sich nicht|lässt sich nichts?|falls nichts|sinon|autrement|tout le reste|le reste|en cas de doute|dans le doute|si rien|si aucun\w*|si no|todo lo demás|lo demás|el resto|en caso de duda|si ninguna?|lo que no"
    r"|altrimenti|tutto il resto|il resto|nel dubbio|se nessun\w*|senão|caso contrário|o resto|na dúvida|se nenhum\w*|o que não|anders|de rest|bij twijfel|overige|al het andere|inaczej|reszta|pozostałe|w razie wątpliwości|иначе|остальн\w+|прочее|всё прочее|в сомнительных|если не|aksi halde|diğer\w*|hiçbiri\w*|annars|övrigt|ellers)\b"
    r"|それ以外|その他|どれにも|どれでも|どちらとも|どちらにも|当てはまらない|不明な|其他|其余|都不|无法判断|不确定|그 외|나머지|해당 없|غير ذلك|وإلا|अन्यथा|बाकी)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rest:
    """A phrase that may be the label of everything else; `score` is how likely, in nats beside "none of them"."""

    value: str
    start: int
    end: int
    score: float


def rests(text: str) -> list[Rest]:
    """The phrases, the likeliest first; of one that stands several times the likeliest place."""
    best: dict[str, Rest] = {}
    for value, start, end, signs in _signed(text):
        score = sum(REST_WEIGHTS.get(sign, 0.0) for sign in signs)
        if value not in best or score > best[value].score:
            best[value] = Rest(value, start, end, score)
    return sorted(best.values(), key=lambda rest: -rest.score)


@lru_cache(maxsize=8)
def items(text: str) -> Mapping[str, float]:
    """How likely each phrase, folded, is one of the labels, in nats beside "it is none"; the likeliest first."""
    best: dict[str, float] = {}
    for value, _, _, signs in _signed(text):
        score = sum(ITEM_WEIGHTS.get(sign, 0.0) for sign in signs)
        best[fold_label(value)] = max(score, best.get(fold_label(value), score))
    return dict(sorted(best.items(), key=lambda item: -item[1]))


@lru_cache(maxsize=8)
def _signed(text: str) -> tuple[tuple[str, int, int, tuple[str, ...]], ...]:
    return tuple((*each, tuple(signs_of(text, *each))) for each in phrases(text))


def phrases(text: str) -> Iterator[tuple[str, int, int]]:
    """Phrases of up to three words at an edge of a clause, and what stands in marks; each with its place."""
    found = [(clean(match[1]), *match.span(1)) for match in _MARKED.finditer(text)]
    found += [(match.group(), *match.span()) for match in _NAMED.finditer(text)]
    words = [match.span() for match in _TOKEN.finditer(text)]
    for first, (start, _) in enumerate(words):
        opens = _OPENING.search(text[max(0, start - 4) : start]) is not None
        for last in range(first, min(first + _LONGEST, len(words))):
            end = words[last][1]
            if last > first and text[words[last - 1][1] : words[last][0]].strip(" \t"):
                break  # another clause
            piece = text[start:end]
            closes = _EDGE.match(text, end) or _JOINED.match(text, end)
            if opens or closes or all(map(_SPELT.fullmatch, piece.split())):
                found.append((clean(piece), start, end))
    kept = (
        each
        for each in found
        if is_label(each[0]) and not (_EMPTY.search(each[0]) or _JOINED.match(f" {each[0]}"))
    )
    return iter(
        [each for each in kept if not all(word in _STOP for word in each[0].casefold().split())][:_MOST]
    )


def signs_of(text: str, value: str, start: int, end: int) -> list[str]:
    """What speaks for or against a phrase, by name: what it is, what marks it, the words around it."""
    before, after = text[max(0, start - 120) : start], text[end : end + 60]
    said = _SENTENCE.split(before)[-1]
    last = _SAID.findall(said.casefold().replace("|", "¦"))
    first = _SAID.findall(after.casefold().replace("|", "¦"))[:2]
    words, low = value.casefold().split(), fold_label(value)
    marked = before[-1:] in tuple('"“„«「『`*') and after[:1] in tuple('"”“»」』`*')
    told = {
        "marked": marked, f"{len(words)} words": True, f"style {style(value)}": True,
        "known": low in KNOWN_LABELS, "rest": low in REST_LABELS, "spelt": "_" in value or value.startswith("#"),
        "stop first": words[0] in _STOP, "stop last": words[-1] in _STOP, "digits": value.isdigit(),
        "ends": _EDGE.match(text, end) is not None, "joined": _JOINED.match(text, end) is not None, "opens": not said.strip(" \"“„«「『`*"), "line": text[end : end + 1] in ("", "\n"),
        "cued": _CUE.search(said) is not None, "cued near": _CUE.search(said[-40:]) is not None, "cued behind": _CUE.search(_SENTENCE.split(after)[0]) is not None,
        "once": text.count(value) == 1, "late": end > 0.7 * len(text), "early": start < 0.2 * len(text),
        "after mark": said.rstrip()[-1:] in tuple(":：=>→"), "first": not before.strip(),
    }  # fmt: skip
    found = [name for name, holds in told.items() if holds]
    if marked and told["cued"]:
        found.append("marked cued")
    found += [f"{name} ends" for name in ("known", "rest", "cued") if told[name] and told["ends"]]
    found += [f"< {' '.join(last[-size:])}" for size in (1, 2, 3) if len(last) >= size]
    found += [f"> {' '.join(first[:size])}" for size in (1, 2) if len(first) >= size]
    return (
        found + [f"~ {word}" for word in sorted({*last})] + [f"= {word.replace('|', '¦')}" for word in words]
    )


@lru_cache(maxsize=8)
def likeliest(text: str) -> tuple[Rest, ...]:
    """The phrases that may well be it, at most a dozen."""
    return tuple(rests(text)[:12])
