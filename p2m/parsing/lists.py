# ruff: noqa: E501
"""Every list that a prompt holds, in whatever form; which of them names the labels is for `labels` to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from p2m.parsing.items import (
    ANY_QUOTED,
    CODE_SHAPE,
    SENTENCE,
    Listing,
    clean,
    fold_label,
    is_label,
    listed,
    quoted_items,
    style,
)
from p2m.parsing.page import down_the_page, tables
from p2m.parsing.phrases import phrases
from p2m.parsing.runs import runs
from p2m.parsing.signs import SIGNS
from p2m.parsing.weights import KNOWN_LABELS
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
_CUE = (
    r"(?:\b(?:anything else|everything else|all else|all others?|otherwise|or else|the (?:rest|remainder)|what(?:ever)? (?:is left|remains)|if (?:none|nothing|neither|not|unsure|unclear|in doubt|there(?:['’]s| is| are| isn| aren)|it (?:is|isn|does|doesn|can)|it['’]s (?:not|none|no|neither)|they don['’]?t|you)|when (?:unsure|in doubt|none|nothing|unclear|you)|in doubt|doesn['’]?t fit|does not fit|none of (?:these|those|them|the above)|can['’]?t be|cannot be|insufficient"
    r"|sonst(?:iges)?|ansonsten|andernfalls|alles andere|alles übrige|der rest|im zweifel|passt nichts|wenn nichts|was nichts?|was (?:nirgends|nirgendwo|sonst)|was sich nicht|lässt sich nichts?|falls nichts|sinon|autrement|tout le reste|le reste|en cas de doute|dans le doute|si rien|si aucun\w*|si no|todo lo demás|lo demás|el resto|en caso de duda|si ninguna?|lo que no"
    r"|altrimenti|tutto il resto|il resto|nel dubbio|se nessun\w*|senão|caso contrário|o resto|na dúvida|se nenhum\w*|o que não|anders|de rest|bij twijfel|overige|al het andere|inaczej|reszta|pozostałe|w razie wątpliwości|иначе|остальн\w+|прочее|всё прочее|в сомнительных|если не|aksi halde|diğer\w*|hiçbiri\w*|annars|övrigt|ellers)\b"
    r"|それ以外|その他|どれにも|どれでも|どちらとも|どちらにも|当てはまらない|不明な|其他|其余|都不|无法判断|不确定|그 외|나머지|해당 없|غير ذلك|وإلا|अन्यथा|बाकी)"
)
_REST = re.compile(
    _CUE
    + r"[^.!?\n。]{0,70}?(?:(?:\b(?:is|are|it['’]s|goes|go|to|say|says|use|put|answer|write|output|return|reply|label|mark|as|into|under|called?|pick|choose|becomes?|gets?|ist|sind|an|in|als|unter|nach|zu|kommt|est|va|vers|dans|en|es|son|a|al|como|è|é|vai para|com|naar|is|do|to|это|в|ставь|пиши|olarak)|->|=>|→|[:：=,–—-])\s+|は|为|写|归入|归|标|填|是|는|은)"
    r"(?:(?:an?|the|to|in|into|as|under|als|unter|nach|zu|zur|zum|au|aux|dans|en|comme|como|come|naar|do|w|say|use|put|write|output|return|answer|choose|pick|schreibe?|écrire|pon|contesta|scrivi|пиши)\s+){0,2}(?:[\"'“„«「`*]{1,2}(?P<quoted>[^\"'”“»」`*\n]{1,40})[\"'”“»」`*]{1,2}|(?P<bare>[^\s.,;:!?()\"“”«»「」`。，；、\n]+(?:[ \t][^\s.,;:!?()\"“”«»「」`。，；、\n]+){0,2}))(?=[ \t]*(?:[.,;!?()\n。，；、]|$|と|に|で))",
    re.IGNORECASE,
)


_NAMED_REST = "|".join(sorted(map(re.escape, REST_LABELS), key=len, reverse=True))
_NAMED = re.compile(
    rf"[\"'“„«「`*](?P<quoted>{_NAMED_REST})[\"'”“»」`*]|(?:(?<![\w-])(?<!\bthe )(?<!\beach )(?<!\bany )(?<!\bno )|(?<=[\u3040-\u9fff]))(?P<bare>{_NAMED_REST})(?=[ \t]*(?:[.,;!?()\n。，；、।]|$|으?로|と|に|\s(?:if|when|where|wenn|falls|si|se|cuando|quando|если)\b))",
    re.IGNORECASE,
)

_NONE = re.compile(
    r"none(?: of.*)?|neither|keine.*|aucune?|ningun[oa]|nessuno|nenhuma?|geen|inget|żadne|ничего|hiçbiri|該当なし|해당 없음|以上都不是",
    re.IGNORECASE,
)
_SEVERAL = [
    re.compile(sign, re.IGNORECASE)
    for kind, weight, sign in SIGNS
    if kind is TaskType.MULTI_LABEL and weight > 1
]
_BEFORE_IF = re.compile(r"[ \t]+(?:if|when|where|wenn|falls|si|se|cuando|quando|если)\b", re.IGNORECASE)
_TOLD_IF = re.compile(
    r"(?:\b(?:if|when|where|wenn|falls|geht|passt|past|si|s['’]il|se|quando|cuando|als|jeśli|gdy|если|якщо|om|hvis)\b|اگر|إذا|場合|なければ|ないもの|不出)[^.!?\n。]{2,90}?(?<!\w)[\"'“„«「`](?P<quoted>[^\"'”“»」`\n]{1,30})[\"'”“»」`]",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"\b(?:empty|blank|nothing|vac[ií][oa]s?|vide|leere?\w*|vuot\w+|vazi[oa]|пуст\w+|nichts|nada)\b|空|빈",
    re.IGNORECASE,
)
_ELSE = (
    r"(?:otherwise|else|if (?:not|neither|none)|if there (?:is|are) (?:no|none)|if there['’]s no\w*|in (?:all|any|every) other cases?|for (?:everything|anything|all|the) (?:else|rest|others)|when (?:neither|none|unsure|in doubt)"
    r"|sonst|ansonsten|andernfalls|in allen anderen fällen|sinon|dans (?:tous )?les autres cas|si no|en otro caso|en los demás casos|altrimenti|in tutti gli altri casi|senão|caso contrário|nos (?:demais|outros) casos"
    r"|anders|in alle andere gevallen|иначе|в остальных случаях|w przeciwnym razie|w pozostałych przypadkach)\b"
)
_ELSE_BEHIND = re.compile(
    rf"(?:[,;.][ \t]+(?:{AND_OR}|but|aber|mais|pero|ma)|[,;.]|\b(?:{AND_OR}|but|aber|mais|pero|ma))[ \t]+(?:(?:output|answer|reply|return|say|write|use|with|as)\s+){{0,2}}"
    rf"(?:[\"'“„«「`](?P<quoted>[^\"'”“»」`\n]{{1,30}})[\"'”“»」`]|(?P<bare>[^\W_][\w-]*(?: [\w-]+)?))[ \t]+{_ELSE}",
    re.IGNORECASE,
)
_EITHER_OR = re.compile(
    r"(?:^|(?<=[\s:(\"'“„«`]))(?P<item>-?[^\W_][\w&+#'/-]{0,24})[\"'”»“`]?\s+(?:if|when|where|whenever|for|wenn|falls|si|se|cuando|quando|als|jeśli|gdy|если|когда)\b[^\n]{3,260}?"
    rf"(?:[,;.)]|\b(?:{AND_OR}|but)|\s(?=-?\d+\s))\s*(?<![\w-])(?:(?:output|answer|reply|return|say|write|use|with|as)\s+){{0,2}}[\"'“„«`]?(?P<other>-?[^\W_][\w&+#'/-]{{0,24}})[\"'”»“`]?\s+{_ELSE}",
    re.IGNORECASE,
)
_AFTER_CUE = re.compile(rf"{_CUE}[^.!?\n。]{{0,70}}$", re.IGNORECASE)
_LABELLED = r"(?:[\"'“„«「`](?P<quoted>[^\"'”“»」`\n]{1,40})[\"'”“»」`]|(?P<bare>[^\W_][^\s.,;:!?()\"“”«»「」`。，；、\n]*(?:[ \t][^\s.,;:!?()\"“”«»「」`。，；、\n]+){0,2}))"
_AFTER_MARK = re.compile(rf"(?:=>|->|→|⇒|[:：=])[ \t]*{_LABELLED}(?=[ \t]*(?:[.,;!?)\n。，；、]|$))")
_PLUS = re.compile(
    rf"\b(?:plus|and also|as well as|sowie|dazu|außerdem|ainsi que|et aussi|además de|más|oltre a|più|além de|mais|plus)\s+(?:the\s+|an?\s+)?{_LABELLED}(?=\s+(?:if|when|for|where|wenn|für|falls|si|pour|para|se|per)\b|[ \t]*(?:[.;\n]|$))",
    re.IGNORECASE,
)
_OF_RESTS = (
    ("named", _NAMED), ("cued", _REST), ("told", _TOLD_IF), ("behind", _ELSE_BEHIND), ("marked", _AFTER_MARK), ("plus", _PLUS),
)  # fmt: skip


def lists(text: str) -> Iterator[Listing]:
    """Every list of the prompt, those that are told by their form first; each also with what is said of the rest."""
    rests = _rests(text)
    for each in _forms(text):
        yield each
        held = set(map(str.casefold, each.values))
        for rest, (place, signs) in rests.items():
            if rest.casefold() not in held and held.isdisjoint(REST_LABELS):
                more = {
                    "rest alike": style(rest) == style(each.values[-1]),
                    "rest next": each.end <= place < each.end + _NEXT,
                    "rest before": place < each.start,
                }
                named = [name for name, holds in more.items() if holds]
                yield Listing((*each.values, rest), each.start, each.end, (*each.signs, *signs, *named))


def _rests(text: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """What may be the label of everything else, said to be or called so: its last place and signs; at most four."""
    found: dict[str, set[str]] = {}
    near: dict[str, set[str]] = {}
    places: dict[str, int] = {}
    for name, pattern in _OF_RESTS:
        for match in pattern.finditer(text):
            said = match.groupdict()
            start = match.start("quoted" if said["quoted"] else "bare")
            is_cued = _AFTER_CUE.search(text[max(0, start - 110) : start]) or _BEFORE_IF.match(
                text, match.end()
            )
            for rest, cut in _cuts(said["quoted"] or "", said.get("bare") or ""):
                if is_label(rest) and not _EMPTY.search(rest):
                    told = {
                        name,
                        *["cued"] * bool(is_cued),
                        *["quoted"] * bool(said["quoted"]),
                        *["cut"] * cut,
                    }
                    found.setdefault(rest, set()).update(told)
                    near.setdefault(rest, set()).update(_said_around(text, start, start + len(rest)))
                    places[rest] = max(places.get(rest, 0), start)
    several = any(pattern.search(text) for pattern in _SEVERAL)  # "none" may then say that there is none
    known = {rest for rest in found if fold_label(rest) in KNOWN_LABELS}
    best = sorted(found, key=lambda rest: -len(found[rest] - {"cut"}) - 2 * (rest in known))[:4]
    return {
        rest: (
            places[rest],
            (
                "with rest",
                *(f"rest {name}" for name in sorted(found[rest])),
                *["rest bare"] * (found[rest] <= {"cued", "cut"}),
                *["rest sure"] * (found[rest] >= {"named", "cued"} and not several),
                *["rest several"] * several,
                *["rest none"] * (_NONE.fullmatch(rest) is not None),
                *["rest known"] * (rest in known),
                *sorted(near[rest]),
            ),
        )
        for rest in best
    }


def _cuts(quoted: str, bare: str) -> Iterator[tuple[str, bool]]:
    """What is said whole, and of words without marks the first one or two by themselves."""
    words = bare.split()
    for text, cut in ((quoted or bare, False), (" ".join(words[:2]), True), (" ".join(words[:1]), True)):
        if clean(text) and not (cut and (quoted or len(text) == len(bare))):
            yield clean(text), cut


def _said_around(text: str, start: int, end: int) -> Iterator[str]:
    """The words before and behind it, and those of its sentence up to it, as signs."""
    before = re.split(r"[.!?。！？]\s|\n", text[max(0, start - 110) : start])[-1]
    last = _SAID.findall(before.casefold().replace("|", "¦"))
    first = _SAID.findall(text[end : end + 40].casefold().replace("|", "¦"))[:1]
    yield from (f"<r {' '.join(last[-size:])}" for size in (1, 2) if len(last) >= size)
    yield f">r {''.join(first)}"
    yield from (f"<r~ {word}" for word in {*last})


_SAID = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")


def _forms(text: str) -> Iterator[Listing]:
    dutch = {*map(str.lower, _DUTCH.findall(text))}
    if len(dutch) > (2 if _ENGLISH.search(text) else 0):
        text = re.sub(r"\ben\b", "et", re.sub(r"\bof\b", "or", text))  # Dutch; as long as what they stand for
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
        told = re.sub(r"(?:#|//)[^\n]*$", "", match.group(), flags=re.MULTILINE)
        yield from listed([each[1:-1] for each in re.findall(_STRING, told)], match, "json")
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
    for match in _STARS.finditer(text):
        steps = [str(step) for step in range(int(match["low"]), int(match["high"]) + 1)]
        yield from listed(steps, match, "scale")
    for match in _SCALE.finditer(text):
        low, high = int(match["low"] or match["low2"] or 0), int(match["high"] or match["high2"])
        if high - low <= 10 and match.group():
            yield from listed([str(step) for step in range(low, high + 1)], match, "scale")
    yield from runs(text)
    yield from phrases(text)
    everywhere = [next(filter(None, found)) for found in ANY_QUOTED.findall(text)]
    values = tuple(dict.fromkeys(clean(item) for item in everywhere))
    if 2 <= len(values) <= 12 and all(map(is_label, values)):
        yield Listing(values, 0, 0, ("everywhere",))


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
