# ruff: noqa: E501
"""Every list that a prompt holds, in whatever form; which of them names the labels is for `labels` to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from p2m.parsing.items import (
    ANY_QUOTED,
    CODE_SHAPE,
    SENTENCE,
    Listing,
    clean,
    is_label,
    listed,
    quoted_items,
    style,
)
from p2m.parsing.page import down_the_page, tables
from p2m.parsing.phrases import phrases
from p2m.parsing.rests import Rest, likeliest
from p2m.parsing.runs import runs
from p2m.parsing.signs import SIGNS
from p2m.parsing.words import AND_OR, REST_LABELS
from p2m.types import TaskType

_MEANING = r"(?:\s*(?:\([^()\n]{1,200}\)|（[^（）\n]{1,200}）|=\s*[^,;\n]{1,60}))?"
_JOIN = rf"(?:\s*(?:[,;|/、，；،・]|·)\s*(?:(?:{AND_OR})\s*)?|\s*(?:{AND_OR})\s*|(?<=[」』])(?=[「『]))"
_QUOTED_LIST = re.compile(
    rf"(?:{ANY_QUOTED.pattern.replace('(?:', '(?:')}){_MEANING}(?:{_JOIN}(?:either\s+)?(?:{ANY_QUOTED.pattern}){_MEANING})+",
    re.IGNORECASE,
)
_MARKED_CODES = re.compile(
    rf"(?<![\w.-]){CODE_SHAPE}\s?\([^()\n]*\)(?:\s*[,;/]?\s*{CODE_SHAPE}\s?\([^()\n]*\))+"
)
_CODE = re.compile(
    rf"(?<![\w.-])(?P<code>{CODE_SHAPE})\s*(?:[:=：＝–—-]|\bfor\b|\bmeans?\b|\(|\s(?=[^\W\d_]))"
)
_NEXT_CODE = re.compile(rf"(?:[,;、，；)]|\b(?:{AND_OR}))\s*$", re.IGNORECASE)
_NEXT = 160  # letters behind a list in which the rest is told
_FAR = 100  # letters from one code to the next, at most
_MEANT = re.compile(
    r"(?P<item>[^\W_][\w&+#'./-]{0,24}(?: [\w&+#'/-]{1,16}){0,2})\s*(?:\((?:[^()\n]{3,160})\)|（[^（）\n]{2,160}）)\s*(?:[,;、，；]|\.?\s)?\s*"
    rf"(?:(?:{AND_OR})\s+)?"
)
_VERB = r"(?:(?:output|answer|reply|respond|return|say|write|use|put|choose|give|label|as|with|it as|and|or|it is|it's|antworte|schreibe?|ausgabe|réponds?|responde|rispondi|ответь|odpowiedz)\s+){0,3}"
_ITEM = r"(?P<item>-?[^\W_][\w&+#'./-]{0,24}(?: [\w&+#'/-]{1,16}){0,2}?)"
_CONDITIONAL = re.compile(
    rf"{_VERB}{_ITEM}[\"'”]?(?: (?:aus|zurück|an)(?=,))?,?\s*(?:(?P<equals>=)|\bif\b|\bwhen\b|\bwhere\b|\bmeans?\b|\bfor\b|\bwenn\b|\bfalls\b|\bbei\b|\bsi\b|\bs['’](?:il|elle)\b|\bcuando\b|\bquando\b|\bse\b|\bals\b"
    rf"|\bjeśli\b|\bgdy\b|\bесли\b|\bкогда\b)\s*[^,;.\n=]{{2,120}}?(?:[,;.]\s*(?:(?:{AND_OR})\s+)?|\s(?:{AND_OR})\s+(?={_VERB}[\w-]+\s+(?:if|when|for|wenn|si|se|если)\b)|\s(?=\w+\s*=)|$)",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"(?:otherwise|else|sonst|andernfalls|ansonsten|sinon|si no|en caso contrario|de lo contrario|altrimenti|senão|caso contrário|anders|inaczej|иначе|aksi halde)\b[, ]*(?:it['’]s |it is |the answer is |als )?"
    r"(?:(?:output|answer|reply|respond with|return|say|write|use|label it|ist es|es)\s+)?[\"'“]?(?P<rest>[\w-]+(?: [\w-]+)?)[\"'”]?(?=\s*[.,;\n]|\s*$)",
    re.IGNORECASE,
)
_GLOSS = re.compile(r"\((?P<gloss>[^()\n,;:]{1,40})\)")
_REMARK = r"\s*(?:(?:#|//)[^\n]*\s*)?"
_STRING = r"(?:\"[^\"\n]*\"|'[^'\n]*')"
_JSON_LIST = re.compile(rf"[\[({{]{_REMARK}{_STRING}(?:\s*,{_REMARK}{_STRING})+\s*,?{_REMARK}[\])}}]")
_ANSWERED = re.compile(
    r"\b(?:return|output|write|answer(?: with| is)?|say|respond with|reply(?: with)?|predict|label it|mark it|antworte(?: mit)?|réponds|responde|rispondi|ответь|ответ)\s+"
    r"(?:it |is |as )?(?:[\"'“«„`](-?[\w][\w -]{0,24})[\"'”»“`]|(-?[\w][\w-]{0,20}))(?=\s*(?:[,;.]|$|\n|\bif\b|\bwhen\b|\bfor\b|\bwenn\b|\bsi\b|\bse\b|\botherwise\b))",
    re.IGNORECASE,
)
_ARROWED = re.compile(r"(?:->|=>|→|⇒|➜)\s*(?:[\"'“«„](\w[\w -]{0,24})[\"'”»“]|([^\s.,;:\"”{}<>\[\]]+))")
_HASHTAGS = re.compile(
    r"#\w[\w-]*(?:[ \t,]+#\w[\w-]*)+|(?:^[ \t]*#\w[\w-]*(?:[ \t][^\n]*)?(?:\n|$)){2,}", re.MULTILINE
)
_NUMBERED = re.compile(r"\b(?P<name>[A-Z][a-z]{2,11} |[A-Z]{1,4}-?)(?:\d{1,2})\b")
_ASKED_ONE_BY_ONE = re.compile(r"(?:(?<=[.:!?]\s)|(?<=\n))(?:[^\W\d][\w -]{1,20}\?[ \t]*){2,}")
_SPACED = re.compile(
    r"(?:^|[:：—–]\s|\s(?:from|as|aus|von|als)\s|(?<=\s))(?P<list>(?:[^\W\d_][\w'-]{0,14}[ \t]+){2,7}[^\W\d_][\w'-]{0,14})(?=\s*(?:[.\n()]|$))"
)
_CAPITALS = re.compile(
    r"(?<![/|,] )(?<!or )(?<!and )\b[A-Z][A-Z0-9_]{1,15}(?:[ \t]+[A-Z][A-Z0-9_]{1,15}){2,}\b"
)
_DASHED = re.compile(
    r"(?:^|[:：—]\s|\n)(?P<list>[^\s:：\n][^\n:：,.]{0,30}?(?:\s[-–—]\s[^\n:：,.]{1,30}?){2,})(?=[.\n:]|$)"
)
_BOXED = re.compile(r"(?:\[[^\[\]\n]{1,40}\][ \t]*){2,}|(?:【[^【】\n]{1,40}】[ \t、,，和或]*){2,}")
_CHAIN = re.compile(
    r"(?:^|[:：.]\s|(?<=\n))(?P<list>[^\s<>/:：.\n][^<>/:：.\n]{0,30}(?:\s+(?P<mark><|>|//)\s+[^<>/:：.\n]{1,30}?)(?:\s+(?P=mark)\s+[^<>/:：.\n]{1,30}?)+)(?=[.\n]|$)"
)
_SYMBOL = r"(?:[A-Z]{1,3}[+-]|[A-Z]|[+-]\d?|\d|[★☆*]{1,5})"
_SYMBOLS = re.compile(
    rf"(?<![\w+-]){_SYMBOL}(?:[ \t]*[ ,;/|][ \t]*(?:(?:{AND_OR})[ \t]+)?{_SYMBOL}){{1,9}}(?![\w+*★-])"
)
_CHECKBOX = re.compile(r"\[[ x]?\]\s*([^\[\n]{1,40}?)(?=\s*(?:\[[ x]?\]|$|\n))")
_SCALE = re.compile(
    r"\b(?:rat\w+|scor\w+|stars?|scale|grade\w*|levels?|severity|skala|sterne?|étoiles?|note|estrellas?|puntu\w+|escala|stelle|voto"
    r"|оцен\w+|звезд\w*|шкал\w*|ocen\w*|gwiazd\w*|puan\w*|yıldız)\b[^.\n]{0,60}?\b(?P<low>[0-3])\s*"
    r"(?:to|and|through|-|–|—|bis|à|a|al|до|do|ile|until|إلى|الى|עד|से)\s*(?P<high>\d|10)\b(?![.,]\d|\s*%)"
    r"|\b(?P<low2>[0-3])\s*(?:to|-|–|—|bis|à|a|al|до|do|~|〜|～|から|到|至|부터|से)\s*(?P<high2>[2-9]|10)(?![.,]?\d|\s*%)\s*"
    r"(?:の|까지|तक)?\s*(?:stars?|sterne|étoiles|estrellas|estrelas|stelle|sterren|gwiazdek|звезд|звёзд|yıldız|星|つ星|段階|점|별|نجوم|सितारे)",
    re.IGNORECASE,
)
_STARS = re.compile(
    r"(?=(?:[^\n]{0,40}(?:[★星점]|stars?|sterne?n?|sterren|étoiles?|estrel\w+|stelle|gwiazd\w*|зв[её]зд\w*|yıldız|bintang|sao|نجوم|सितार))|(?<=[★星점(（]))"
    r"(?<!\d)(?P<low>[01])\s*(?:점|★|星)?\s*(?:-|–|~|〜|～|から|到|至|부터|bis|to|à|a|al|до|do|tot)\s*★?(?P<high>5|10)(?!\d)",
    re.IGNORECASE,
)

_DUTCH = re.compile(
    r"\b(?:het|een|van|niet|voor|zijn|wordt|uitvoer|antwoord|geef|welke?|klacht|bericht|nep|naar|naam|klant|tekst|nee|wel|deze)\b",
    re.I,
)
_ENGLISH = re.compile(r"\b(?:the|and|to|for|with|that|or)\b", re.IGNORECASE)
_NONE = re.compile(
    r"none(?: of.*)?|neither|keine.*|aucune?|ningun[oa]|nessuno|nenhuma?|geen|inget|żadne|ничего|hiçbiri|該当なし|해당 없음|以上都不是",
    re.IGNORECASE,
)
_SEVERAL = [
    re.compile(sign, re.IGNORECASE)
    for kind, weight, sign in SIGNS
    if kind is TaskType.MULTI_LABEL and weight > 1
]
_ELSE = (
    r"(?:otherwise|else|if (?:not|neither|none)|if there (?:is|are) (?:no|none)|if there['’]s no\w*|in (?:all|any|every) other cases?|for (?:everything|anything|all|the) (?:else|rest|others)|when (?:neither|none|unsure|in doubt)"
    r"|sonst|ansonsten|andernfalls|in allen anderen fällen|sinon|dans (?:tous )?les autres cas|si no|en otro caso|en los demás casos|altrimenti|in tutti gli altri casi|senão|caso contrário|nos (?:demais|outros) casos"
    r"|anders|in alle andere gevallen|иначе|в остальных случаях|w przeciwnym razie|w pozostałych przypadkach)\b"
)
_EITHER_OR = re.compile(
    r"(?:^|(?<=[\s:(\"'“„«`]))(?P<item>-?[^\W_][\w&+#'/-]{0,24})[\"'”»“`]?\s+(?:if|when|where|whenever|for|wenn|falls|si|se|cuando|quando|als|jeśli|gdy|если|когда)\b[^\n]{3,260}?"
    rf"(?:[,;.)]|\b(?:{AND_OR}|but)|\s(?=-?\d+\s))\s*(?<![\w-])(?:(?:output|answer|reply|return|say|write|use|with|as)\s+){{0,2}}[\"'“„«`]?(?P<other>-?[^\W_][\w&+#'/-]{{0,24}})[\"'”»“`]?\s+{_ELSE}",
    re.IGNORECASE,
)
_FEW = 3  # phrases that may be the label of the rest, of each list


def lists(text: str) -> Iterator[tuple[Listing, list[tuple[str, tuple[str, ...]]]]]:
    """Every list of the prompt, those that are told by their form first; each with what may be one more label, for
    the rest, and the signs of that.
    """
    several = any(pattern.search(text) for pattern in _SEVERAL)  # "none" may then say that there is none
    for each in forms(text):
        held = set(map(str.casefold, each.values))
        outside = (
            rest
            for rest in likeliest(text)
            if (rest.end <= each.start or rest.start >= each.end)
            and "/" not in text[max(0, rest.start - 1) : rest.start + 1]  # half of `Sci/Tech`
        )
        free = (
            rest for rest in outside if rest.value.casefold() not in held and held.isdisjoint(REST_LABELS)
        )
        yield each, [(rest.value, _signs_with(rest, each, several=several)) for rest in islice(free, _FEW)]


def _signs_with(rest: Rest, each: Listing, *, several: bool) -> tuple[str, ...]:
    """What speaks for or against one more label beside those of a list."""
    told = {
        "with rest": True, **{f"rest over {least}": rest.score > least for least in range(-6, 5)},
        "rest alike": style(rest.value) == style(each.values[-1]),
        "rest spelt": ("_" in rest.value) == any("_" in value for value in each.values),
        "rest next": each.end <= rest.start < each.end + _NEXT, "rest before": rest.start < each.start,
        "rest several": several, "rest none": _NONE.fullmatch(rest.value) is not None,
        "rest of codes": all(re.fullmatch(CODE_SHAPE, value) for value in (*each.values, rest.value)),
        "rest wider": len(rest.value.split()) > max(len(value.split()) for value in each.values),
    }  # fmt: skip
    return tuple(name for name, holds in told.items() if holds)


def forms(text: str) -> Iterator[Listing]:
    """Every list that its form tells."""
    dutch = {*map(str.lower, _DUTCH.findall(text))}
    if len(dutch) <= (2 if _ENGLISH.search(text) else 0):
        yield from _forms(text)
        return
    joined = re.sub(r"\ben\b", "et", re.sub(r"\bof\b", "or", text))  # as long as what they stand for
    for each in _forms(joined):
        yield replace(each, values=tuple(_as_written(value, joined, text, each) for value in each.values))


def _as_written(value: str, joined: str, text: str, each: Listing) -> str:
    place = joined.find(value, max(0, each.start))
    return text[place : place + len(value)] if place >= 0 else value


def _forms(text: str) -> Iterator[Listing]:
    yield from down_the_page(text)
    yield from tables(text)
    for match in _QUOTED_LIST.finditer(text):
        yield from listed(quoted_items(match.group()), match, "quoted")
    yield from _codes(text)
    for match in _MARKED_CODES.finditer(text):
        codes = [one["code"] for one in _CODE.finditer(match.group())]
        if len(set(codes)) == len(codes):
            yield from listed(codes, match, "codes")
    boxes = list(_CHECKBOX.finditer(text))
    if len(boxes) > 1:
        yield Listing(tuple(clean(box[1]) for box in boxes), boxes[0].start(), boxes[-1].end(), ("boxes",))
    for match in _JSON_LIST.finditer(text):
        told = re.findall(rf"{_STRING}|(?:#|//)[^\n]*", match.group())
        yield from listed([each[1:-1] for each in told if each[0] in "\"'"], match, "json")
    for pattern, form in ((_ANSWERED, "answered"), (_ARROWED, "arrowed")):
        matches = list(pattern.finditer(text))
        if len(matches) > 1:
            values = tuple(dict.fromkeys(clean(next(filter(None, match.groups()))) for match in matches))
            if len(values) > 1 and all(map(is_label, values)):
                yield Listing(values, matches[0].start(), matches[-1].end(), (form,))
    for match in _HASHTAGS.finditer(text):
        yield from listed(re.findall(r"(?<!\w)#\w[\w-]*", match.group()), match, "hashtags")
    numbered = list(_NUMBERED.finditer(text))
    for name in dict.fromkeys(match["name"] for match in numbered):
        of_name = [match for match in numbered if match["name"] == name]
        values = tuple(dict.fromkeys(match.group() for match in of_name))
        if len(values) > 1:
            yield Listing(values, of_name[0].start(), of_name[-1].end(), ("numbered",))
    for match in _ASKED_ONE_BY_ONE.finditer(text):
        yield from listed(match.group().split("?"), match, "asked")
    for match in _SPACED.finditer(text):
        yield from listed(match["list"].split(), match, "spaced")
    for match in _CAPITALS.finditer(text):
        yield from listed(match.group().split(), match, "capitals")
    for match in _BOXED.finditer(text):
        yield from listed(re.findall(r"[\[【]([^\[\]【】]+)[\]】]", match.group()), match, "boxes")
    for match in _CHAIN.finditer(text):
        yield from listed(re.split(r"\s+(?:<|>|//)\s+", match["list"]), match, "chain")
    for match in _SYMBOLS.finditer(text):
        yield from listed(re.split(rf"[ \t,;/|]+(?:(?:{AND_OR})[ \t]+)?", match.group()), match, "symbols")
    for match in _DASHED.finditer(text):
        yield from listed(re.split(r"\s[-–—]\s", match["list"]), match, "dashed")
    yield from _meant(text)
    yield from _scales(text)
    yield from runs(text)
    yield from phrases(text)
    everywhere = [next(filter(None, found)) for found in ANY_QUOTED.findall(text)]
    values = tuple(dict.fromkeys(clean(item) for item in everywhere))
    if 2 <= len(values) <= 12 and all(map(is_label, values)):
        yield Listing(values, 0, 0, ("everywhere",))


def _scales(text: str) -> Iterator[Listing]:
    """The steps of `from 1 to 5 stars`."""
    for match in _STARS.finditer(text):
        steps = [str(step) for step in range(int(match["low"]), int(match["high"]) + 1)]
        yield from listed(steps, match, "scale")
    for match in _SCALE.finditer(text):
        low, high = int(match["low"] or match["low2"] or 0), int(match["high"] or match["high2"])
        if high - low <= 10 and match.group():
            yield from listed([str(step) for step in range(low, high + 1)], match, "scale")


def _codes(text: str) -> Iterator[Listing]:
    """`A: this, B: that` and `0 = bad; 1 = good` in a line."""
    run: list[re.Match[str]] = []
    for match in _CODE.finditer(text):
        between = text[run[-1].end() : match.start()] if run else ""
        if run and not (len(between) < _FAR and "\n" not in between and _NEXT_CODE.search(between)):
            yield from _of_codes(run)
            run = []
        run.append(match)
    yield from _of_codes(run)


def _of_codes(run: list[re.Match[str]]) -> Iterator[Listing]:
    values = tuple(match["code"] for match in run)
    if 2 <= len(values) == len(set(values)):
        yield Listing(values, run[0].start(), run[-1].end(), ("codes",))


def _is_alike(match: re.Match[str], following: re.Match[str]) -> bool:
    """Both `a = this`, or both `a if this`."""
    return [*map(bool, match.groupdict().values())] == [*map(bool, following.groupdict().values())]


def _meant(text: str) -> Iterator[Listing]:
    """`a (meaning), b (meaning) and c (meaning)`; `a = meaning, b = meaning`; `a if this, b if that`."""
    for form, pattern in (("meant", _MEANT), ("conditional", _CONDITIONAL)):
        position = 0
        while match := pattern.search(text, position):
            items, end = [match["item"]], match.end()
            while (following := pattern.match(text, end)) and _is_alike(match, following):
                items.append(following["item"])
                end = following.end()
            other = _OTHERWISE.search(text[match.start() : end + 90])
            if len(items) > 1 or (form == "conditional" and other):
                width = max((len(item.split()) for item in items[1:]), default=1)
                for size in dict.fromkeys((width, 1)):
                    for more in ([], [other["rest"]] if other else []):
                        values = tuple(map(clean, [" ".join(items[0].split()[-size:]), *items[1:], *more]))
                        if len(set(values)) == len(values) > 1 and all(map(is_label, values)):
                            yield Listing(values, match.start("item"), end, (form, *["rest"] * bool(more)))
            position = max(end if len(items) > 1 else match.end("item"), match.start() + 1)
    for match in _EITHER_OR.finditer(text):
        yield from listed([match["item"], match["other"]], match, "either or")
    for sentence in SENTENCE.finditer(text):
        glosses = list(_GLOSS.finditer(sentence.group()))
        values = tuple(clean(gloss["gloss"]) for gloss in glosses)
        if 2 <= len(values) == len(set(values)) and all(
            len(value.split()) <= 3 and is_label(value) for value in values
        ):
            yield Listing(
                values,
                sentence.start() + glosses[0].start(),
                sentence.start() + glosses[-1].end(),
                ("glosses",),
            )
