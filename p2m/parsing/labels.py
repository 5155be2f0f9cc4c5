# ruff: noqa: E501
"""The labels of a classification: every list that a prompt holds is a candidate, and the best one that its
demonstrations do not speak against is taken, else what the demonstrations answer.

Candidates are lists down the page (bullets, numbers, table rows, lines `name: meaning`), lists in a sentence
(quoted, after a colon, slashes, pipes, brackets, codes with their meanings, "either a or b"), and scales. What
stands around a list tells how likely its items are the labels: words for labels before it, its items named
again elsewhere, and against it that it is an illustration ("e.g. ...") or lists what goes in.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from p2m.parsing.text import squeeze, unquote
from p2m.parsing.weights import LIST_WEIGHTS
from p2m.parsing.words import (
    AND_OR,
    ANSWER_WORDS,
    BY_CODE,
    BY_WORD,
    FIELD_LISTS,
    ILLUSTRATES,
    LABEL_NOUNS,
    NO_LABELS,
    STOP_WORDS,
    YES_NO,
)

MAX_WORDS = 6  # of one label
MAX_LETTERS = 48  # of one label
STRONG = 0.5  # from which a list speaks for a classification by itself
_LEAST = 0.04  # chance below which a list is no list of labels
_LONGER = 0.6  # of a list's chance, from which a longer one that holds it is taken
_OPEN, _CLOSE = "\"'“”„‘’‚`«»「『《‹›", "\"'“”‘’`«»」』》‹›"
_MARKS = _OPEN + _CLOSE
_ANY_QUOTED = re.compile(
    rf"(?:(?<!\w)|(?=[「『“„«‘《]))\*{{0,2}}[{_OPEN}]{{1,2}}([^{_MARKS}\n]{{1,60}}?)[{_CLOSE}]{{1,2}}\*{{0,2}}(?![a-z]+[{_CLOSE}])"
    rf"|\*\*([^*\n]{{1,60}})\*\*|<([^<>\n/]{{1,40}})>|(?<!\*)\*([^*\n]{{1,40}})\*(?!\*)|\[([^\[\],\n]{{1,40}})\]"
)
_MEANING = r"(?:\s*(?:\([^()\n]{1,200}\)|（[^（）\n]{1,200}）|=\s*[^,;\n]{1,60}))?"
_JOIN = rf"(?:\s*(?:[,;|/、，；،・]|·)\s*(?:(?:{AND_OR})\s*)?|\s*(?:{AND_OR})\s*|(?<=[」』])(?=[「『]))"
_QUOTED_LIST = re.compile(
    rf"(?:{_ANY_QUOTED.pattern.replace('(?:', '(?:')}){_MEANING}(?:{_JOIN}(?:either\s+)?(?:{_ANY_QUOTED.pattern}){_MEANING})+",
    re.IGNORECASE,
)
_BULLET = re.compile(
    r"^[ \t>\u3000]*(?P<mark>[-*•·・–—◦▪●○□☐◻+]|#{1,6}|\(?(?P<code>\d{1,2}|[A-Za-z]|[ivx]{1,4})(?:[.):）]|-(?=[ \t]))|[①-⑳]|\[[ x]?\])(?:[ \t\u3000]+|(?<=[・•□☐①-⑳])(?=\S))(?P<item>\S.*)$"
)
_KEYED = re.compile(
    r"^[ \t>\u3000]*(?P<key>[^\s:=：＝|→>…][^:=：＝|→>…\n]{0,47}?)[ \t\u3000]*(?P<sep>::|…+|[:：＝→]|[ ]{2,}|=>?|->|[ ][-–—][ ]|\t|[-–—](?=\s))[ \t]*(?P<rest>\S.*)$"
)
_CODED = re.compile(
    r"^[ \t>]*(?P<key>\d{1,2}|[A-Z]{2,5} \d{1,2}|[A-Z]{1,5}-?\d{0,4}|[A-Z]{1,3}-[A-Z]{2,})[ \t]+(?:\.{2,}[ \t]*)?(?P<rest>[^\W\d]\S*(?:[ \t]\S+){0,11})$"
)
_CODE_SHAPE = r"(?:[A-ZА-Я]{1,5}[-_.]?\d{0,4}|[A-Z]{2,5} \d{1,2}|-?\d{1,2})"
_CODED_ITEM = rf"(?P<code>{_CODE_SHAPE})\s*(?:[:=：＝–—-]|\bfor\b|\bmeans?\b|\(|\s(?=[^\W\d_]))\s*[^,;\n()]{{1,80}}?(?:\([^()\n]*\))?\)?"
_INLINE_CODES = re.compile(
    rf"(?<![\w.-]){_CODED_ITEM.replace('?P<code>', '?:')}(?:\s*[,;、，；]?\s*(?:(?:{AND_OR})\s+)?{_CODED_ITEM.replace('?P<code>', '?:')})+"
    r"(?=[.;\n。]|$)"
)
_MARKED_CODES = re.compile(
    rf"(?<![\w.-]){_CODE_SHAPE}\s?\([^()\n]*\)(?:\s*[,;/]?\s*{_CODE_SHAPE}\s?\([^()\n]*\))+"
)
_CODE = re.compile(
    rf"(?:^|[,;、，；).]\s*|\s)(?:(?:{AND_OR})\s+)?({_CODE_SHAPE})\s*(?:[:=：＝–—-]|\bfor\b|\bmeans?\b|\(|\s(?=[^\W\d_]))"
)
_MEANT = re.compile(
    r"(?P<item>[^\W_][\w&+#'./-]{0,24}(?: [\w&+#'/-]{1,16}){0,2})\s*(?:\((?:[^()\n]{3,160})\)|（[^（）\n]{2,160}）)\s*(?:[,;、，；]|\.?\s)?\s*"
    rf"(?:(?:{AND_OR})\s+)?"
)
_SEPARATOR = re.compile(
    rf"\s*(?P<mark>[,;|、，；·・،؛▪◦•]|(?<![\w/:.])/|/(?![/\d]))\s*(?:(?:{AND_OR})\s+)?|\s+(?P<word>{AND_OR})\s+|(?P<east>または|或者|还是|還是|もしくは|それとも|或|혹은|또는)",
    re.IGNORECASE,
)
_LED_UP_TO = 6  # pieces of a sentence before its list that may look like items
_CHOOSES = re.compile(rf"\s(?:{AND_OR})\s", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\([^()\n]*\)|（[^（）\n]*）|\[[^\[\]\n]*\]")
_COLON_BEFORE = re.compile(r"[:：—–=>→]\s*$")
_VERB = r"(?:(?:output|answer|reply|respond|return|say|write|use|put|choose|give|label|as|with|it as|and|or|it is|it's|antworte|schreibe?|ausgabe|réponds?|responde|rispondi|ответь|odpowiedz)\s+){0,3}"
_ITEM = r"(?P<item>-?[^\W_][\w&+#'./-]{0,24}(?: [\w&+#'/-]{1,16}){0,2}?)"
_CONDITIONAL = re.compile(
    rf"{_VERB}{_ITEM}[\"'”]?\s*(?:=|\bif\b|\bwhen\b|\bwhere\b|\bmeans?\b|\bfor\b|\bwenn\b|\bfalls\b|\bbei\b|\bsi\b|\bs['’](?:il|elle)\b|\bcuando\b|\bquando\b|\bse\b|\bals\b"
    rf"|\bjeśli\b|\bgdy\b|\bесли\b|\bкогда\b)\s*[^,;.\n=]{{2,120}}?(?:[,;.]\s*(?:(?:{AND_OR})\s+)?|\s(?:{AND_OR})\s+(?={_VERB}[\w-]+\s+(?:if|when|for|wenn|si|se|если)\b)|\s(?=\w+\s*=)|$)",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"(?:otherwise|else|sonst|andernfalls|ansonsten|sinon|si no|en caso contrario|de lo contrario|altrimenti|senão|caso contrário|anders|inaczej|иначе|aksi halde)\b[, ]*(?:it['’]s |it is |the answer is |als )?"
    r"(?:(?:output|answer|reply|respond with|return|say|write|use|label it|ist es|es)\s+)?[\"'“]?(?P<rest>[\w-]+(?: [\w-]+)?)[\"'”]?(?=\s*[.,;\n]|\s*$)",
    re.IGNORECASE,
)
_GLOSS = re.compile(r"\((?P<gloss>[^()\n,;:]{1,40})\)")
_JSON_LIST = re.compile(r"\[\s*\"[^\"\n]*\"(?:\s*,\s*\"[^\"\n]*\")+\s*\]")
_ANSWERED = re.compile(
    r"\b(?:return|output|write|answer(?: with| is)?|say|respond with|reply(?: with)?|predict|label it|mark it|antworte(?: mit)?|réponds|responde|rispondi|ответь|ответ)\s+"
    r"(?:it |is |as )?(?:[\"'“«„`](-?[\w][\w -]{0,24})[\"'”»“`]|(-?[\w][\w-]{0,20}))(?=\s*(?:[,;.]|$|\n|\bif\b|\bwhen\b|\bfor\b|\bwenn\b|\bsi\b|\bse\b|\botherwise\b))",
    re.IGNORECASE,
)
_ARROWED = re.compile(r"(?:->|=>|→|⇒|➜)\s*(?:[\"'“«„](\w[\w -]{0,24})[\"'”»“]|([^\s.,;:\"”{}<>\[\]]+))")
_HASHTAGS = re.compile(r"#\w[\w-]*(?:[ \t,]+#\w[\w-]*)+")
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
_CHECKBOX = re.compile(r"\[[ x]?\]\s*([^\[\n]{1,40}?)(?=\s*(?:\[[ x]?\]|$|\n))")
_SENTENCE = re.compile(r"[^\n.。!?！？।]*(?:\.(?!\s|$)[^\n.。!?！？।]*)*[.。!?！？।\n]?")
_SCALE = re.compile(
    r"\b(?:rat\w+|scor\w+|stars?|scale|grade\w*|levels?|severity|skala|sterne?|étoiles?|note|estrellas?|puntu\w+|escala|stelle|voto"
    r"|оцен\w+|звезд\w*|шкал\w*|ocen\w*|gwiazd\w*|puan\w*|yıldız)\b[^.\n]{0,60}?\b(?P<low>[0-3])\s*"
    r"(?:to|and|through|-|–|—|bis|à|a|al|до|do|ile|until)\s*(?P<high>\d|10)\b(?![.,]\d|\s*%)"
    r"|\b(?P<low2>[0-3])\s*(?:to|-|–|—|bis|à|a|al|до|do|~|〜|～|から|到|至|부터|से)\s*(?P<high2>[2-9]|10)(?![.,]?\d|\s*%)\s*"
    r"(?:の|까지|तक)?\s*(?:stars?|sterne|étoiles|estrellas|estrelas|stelle|sterren|gwiazdek|звезд|звёзд|yıldız|星|つ星|段階|점|별|نجوم|सितारे)",
    re.IGNORECASE,
)
_STARS = re.compile(
    r"(?=(?:[^\n]{0,40}(?:[★星점]|stars?|sterne?n?|sterren|étoiles?|estrel\w+|stelle|gwiazd\w*|зв[её]зд\w*|yıldız|bintang|sao|نجوم|सितार))|(?<=[★星점(（]))"
    r"(?<!\d)(?P<low>[01])\s*(?:점|★|星)?\s*(?:-|–|~|〜|～|から|到|至|부터|bis|to|à|a|al|до|do|tot)\s*★?(?P<high>5|10)(?!\d)",
    re.IGNORECASE,
)
_NOUN = re.compile(LABEL_NOUNS, re.IGNORECASE)
_ASKS = re.compile(ANSWER_WORDS, re.IGNORECASE)
_ILLUSTRATES = re.compile(rf"(?:{ILLUSTRATES})[^\n.。]{{0,12}}$", re.IGNORECASE)
_FIELDS = re.compile(rf"(?:{FIELD_LISTS})[^\n.。]{{0,30}}$", re.IGNORECASE)
_BY_CODE, _BY_WORD = re.compile(BY_CODE, re.IGNORECASE), re.compile(BY_WORD, re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:no|not|never|don['’]?t|nobody|without|instead|nicht|kein\w*|ohne|pas|sans|sin|nunca|sem|não|non|senza|geen|niet|не|без|nie|bez|inte|değil)\b|しない|ない|不要|不需|无需|말고|아니|않|لا |بدون|नहीं",
    re.IGNORECASE,
)
_PRONOUNS = "i you he she it we they this that these those them my our your its his her us me ich wir ihr je nous ils yo io noi"
_STOP = frozenset(word for words in (*STOP_WORDS.values(), _PRONOUNS) for word in words.split())
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Labels:
    """What was found; `strength` says how surely the prompt presents it as the list of all labels, 0 to 1."""

    values: tuple[str, ...] = ()
    reason: str = ""
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class _List:
    """A list in the prompt: its items, where it stands, and what its form says of it."""

    values: tuple[str, ...]
    start: int
    end: int
    signs: tuple[str, ...]


def read_labels(instruction: str, outputs: Sequence[str]) -> Labels:
    """The likeliest list of labels that holds every demonstrated output, else the outputs where they return.

    Outputs that join several labels count by their parts.
    """
    scored = _chances(candidates(instruction, outputs))
    best = max(scored, key=lambda values: scored[values], default=())
    if not best or scored[best] <= _LEAST:
        shown = _shown(outputs)
        return Labels() if _counted(instruction) > len(shown.values) else shown
    # Of "a, b and c: a for this, b for that" the longer list is meant.
    longer = [
        values for values in scored if set(values) > set(best) and scored[values] > _LONGER * scored[best]
    ]
    if scored[best] < STRONG and _counted(instruction) > len(best) + 1:
        return Labels()  # "about 60 topics", of which some are named
    best, most = max(longer, key=lambda values: scored[values], default=best), scored[best]
    values = _spelt(best, outputs)
    return Labels(values, f"labels {', '.join(values[:8])}: listed in the prompt", min(1.0, most))


def _counted(instruction: str) -> int:
    """How many labels a prompt says that there are, from ten; 0 where it does not say."""
    return max((int(match[1] or match[2]) for match in _COUNTED.finditer(instruction)), default=0)


_COUNTED = re.compile(
    r"\b(\d{2,4})\s+(?:\w+\s+){0,2}?(?:intents?|topics|categories|labels|classes|tags|codes|kategorien|klassen|themen|catégories|classes|étiquettes|categorías|etiquetas"
    r"|categorias|categorie|категори\w*|тем\w*|интент\w*)\b|(?<!\d)(\d{2,4})\s?(?:個|つ|种|個の|개)",
    re.IGNORECASE,
)


def candidates(instruction: str, outputs: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every list that holds all that is demonstrated: its items, and its signs."""
    shown = {fold_label(part) for output in outputs for part in _parts(output)}
    whole = {fold_label(output) for output in outputs}
    for each in _lists(instruction):
        folded = {fold_label(value) for value in each.values}
        if whole <= folded or shown <= folded:
            yield each.values, _signs_of(each, instruction, outputs)


def _parts(output: str) -> list[str]:
    if re.fullmatch(r"(?:#\w+\s*)+", output):
        return output.split()
    if re.fullmatch(r"\[\s*(?:\"[^\"]*\"\s*,?\s*)*\]", output):
        return re.findall(r"\"([^\"]+)\"", output)
    return [
        part
        for part in re.split(r"\s*[,;|、，]\s*", output)
        if part.strip(" ()[]-–—") and fold_label(part).strip("()") not in _NOTHING
    ]


def _signs_of(each: _List, text: str, outputs: Sequence[str]) -> tuple[str, ...]:
    """All that speaks for or against a list's being that of the labels, by name."""
    before = text[max(0, each.start - 110) : each.start]
    line = before.rpartition("\n")[2] or before.rstrip().rpartition("\n")[2]
    sentence = re.split(r"[.!?。！？]\s|\n", line)[-1]
    low = [fold_label(value) for value in each.values]
    others = text[: each.start] + "\n" + text[each.end :]
    again = sum(
        len(value) > 1 and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", others) is not None
        for value in each.values
    )
    words = [value.split() for value in each.values]
    styles = {_style(value) for value in each.values}
    by_code = bool(_BY_CODE.search(text)) and not _BY_WORD.search(text)
    number, joined_words = (
        len(words),
        [word for item in words if len(item) > 1 for word in (item[0], item[-1])],
    )
    found = {
        "two": number == 2, "several": number > 3, "many": number > 7,
        "single": all(len(item) == 1 for item in words), "long": any(len(item) > 3 for item in words),
        "upper": styles == {"upper"}, "title": styles == {"title"}, "lower": styles == {"lower"}, "mixed": len(styles) > 1,
        "digits": all(value.isdigit() for value in each.values), "yes_no": set(low) <= YES_NO, "has_yes_no": len(set(low) & YES_NO) > 1,
        "uneven": max(map(len, words)) - min(map(len, words)) > 0, "first_wider": len(words[0]) > max(map(len, words[1:])),
        "last_wider": len(words[-1]) > max(map(len, words[:-1])),
        "codes_asked": by_code and all(map(_IS_CODE.fullmatch, each.values)),
        "codes_unasked": not by_code and all(map(_IS_CODE.fullmatch, each.values)),
        "no_codes": by_code and not any(map(_IS_CODE.fullmatch, each.values)),
        "numerals": set(low) <= _NUMERALS,
        "opposites": number == 2 and _are_opposites(*low),
        "stop_words": any(word.casefold() in _STOP for word in joined_words),
        "function": any(len(item) == 1 and item[0].casefold() in _STOP and item[0].islower() for item in words) and not set(low) <= YES_NO,
        "no_labels": bool(set(low) & NO_LABELS), "odd": any(re.search(r"[.!?:;=<>@…]", value) for value in each.values),
        "noun": bool(_NOUN.search(sentence)), "noun_near": bool(_NOUN.search(before)),
        "asks": bool(_ASKS.search(sentence)), "asks_after": bool(_ASKS.search(text[each.end : each.end + 60])),
        "noun_after": bool(_NOUN.search(text[each.end : each.end + 40])),
        "illustrates": bool(_ILLUSTRATES.search(line)), "fields": bool(_FIELDS.search(line[-60:])),
        "negated": bool(_NOT.search(sentence)), "bracket": before.rstrip()[-1:] in "([{（【",
        "colon": before.rstrip()[-1:] in ":：—–-=>→", "starts": not sentence.strip(),
        "again_one": again == 1, "again_two": again > 1, "again_all": again == number,
        "late": each.start > 0.6 * len(text), "early": each.start < 0.15 * len(text), "whole": each.end - each.start > 0.6 * len(text),
        "question": text[each.end : each.end + 3].strip()[:1] in tuple("?？"), "shown": bool(outputs),
    }  # fmt: skip
    # "run" lists in a sentence are so many that their other signs weigh differently from those of other forms.
    form = each.signs[0] if each.signs else ""
    named = [name for name, holds in found.items() if holds]
    crossed = [f"run {name}" for name in named] if form == "run" else []
    return (*each.signs, *named, *crossed)


def _are_opposites(first: str, second: str) -> bool:
    """`spam` and `not spam`, `eligible` and `ineligible`."""
    one, other = sorted((first, second), key=len)
    if not other.endswith(one) or one == other:
        return False
    return other[: -len(one)].strip(" -_") in _NEGATIONS


_IS_CODE = re.compile(rf"{_CODE_SHAPE}|[a-z]")
_NUMERALS = frozenset(
    [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "many",
        "several",
        "none",
        "ein",
        "eins",
        "zwei",
        "drei",
        "vier",
        "fünf",
        "un",
        "deux",
        "trois",
        "quatre",
        "cinq",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "due",
        "tre",
        "quattro",
        "cinque",
        "dois",
        "três",
    ]
)
_NOTHING = frozenset(
    [
        "none",
        "nothing",
        "n/a",
        "keine",
        "keins",
        "nichts",
        "aucun",
        "aucune",
        "rien",
        "ninguno",
        "ninguna",
        "nada",
        "nessuno",
        "nessuna",
        "nenhum",
        "geen",
        "brak",
        "нет",
        "ничего",
        "なし",
        "无",
        "없음",
        "لا",
        "شيء",
    ]
)
_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "non",
        "un",
        "in",
        "im",
        "ir",
        "dis",
        "anti",
        "kein",
        "keine",
        "nicht",
        "pas",
        "no_",
        "sin",
        "sem",
        "não",
        "nao",
        "non",
        "geen",
        "niet",
        "не",
        "nie",
        "bukan",
        "не",
    ]
)


def _chances(found: Iterator[tuple[tuple[str, ...], tuple[str, ...]]]) -> dict[tuple[str, ...], float]:
    """How likely each list names the labels, 0 to 1; together with "none of them", which has the weight 1, one.

    A list that is found in several forms has the weights of all of them.
    """
    weights: dict[tuple[str, ...], float] = {}
    for values, signs in found:
        weights[values] = weights.get(values, 0.0) + math.exp(
            sum(LIST_WEIGHTS.get(sign, 0.0) for sign in signs)
        )
    whole = 1 + sum(weights.values())
    return {values: weight / whole for values, weight in weights.items()}


def _lists(text: str) -> Iterator[_List]:
    """Every list of the prompt, those that are told by their form first."""
    if len(re.findall(r"\b(?:de|het|een|van|niet|voor|zijn|wordt)\b", text)) > 2:
        text = re.sub(r"\bof\b", "or", text)  # Dutch; as long as the word it stands for
    yield from _down_the_page(text)
    yield from _tables(text)
    for match in _QUOTED_LIST.finditer(text):
        yield from _listed(_quoted_items(match.group()), match, "quoted")
    for match in (*_INLINE_CODES.finditer(text), *_MARKED_CODES.finditer(text)):
        codes = _CODE.findall(match.group())
        if len(set(codes)) == len(codes):
            yield from _listed(codes, match, "codes")
    boxes = list(_CHECKBOX.finditer(text))
    if len(boxes) > 1:
        yield _List(tuple(_clean(box[1]) for box in boxes), boxes[0].start(), boxes[-1].end(), ("boxes",))
    for match in _JSON_LIST.finditer(text):
        yield from _listed(re.findall(r"\"([^\"\n]*)\"", match.group()), match, "json")
    for pattern, form in ((_ANSWERED, "answered"), (_ARROWED, "arrowed")):
        matches = list(pattern.finditer(text))
        if len(matches) > 1:
            values = tuple(dict.fromkeys(_clean(next(filter(None, match.groups()))) for match in matches))
            if len(values) > 1 and all(map(_is_label, values)):
                yield _List(values, matches[0].start(), matches[-1].end(), (form,))
    for match in _HASHTAGS.finditer(text):
        yield from _listed(match.group().split(), match, "hashtags")
    numbered = list(_NUMBERED.finditer(text))
    for name in dict.fromkeys(match["name"] for match in numbered):
        of_name = [match for match in numbered if match["name"] == name]
        values = tuple(dict.fromkeys(match.group() for match in of_name))
        if len(values) > 1:
            yield _List(values, of_name[0].start(), of_name[-1].end(), ("numbered",))
    for match in _ASKED_ONE_BY_ONE.finditer(text):
        yield from _listed(match.group().split("?"), match, "asked")
    for match in _SPACED.finditer(text):
        yield from _listed(match["list"].split(), match, "spaced")
    for match in _CAPITALS.finditer(text):
        yield from _listed(match.group().split(), match, "capitals")
    boxed = re.compile(r"(?:\[[^\[\]\n]{1,40}\][ \t]*){2,}")
    for match in boxed.finditer(text):
        yield from _listed(re.findall(r"\[([^\[\]]+)\]", match.group()), match, "boxes")
    for match in _DASHED.finditer(text):
        yield from _listed(re.split(r"\s[-–—]\s", match["list"]), match, "dashed")
    yield from _meant(text)
    for match in _STARS.finditer(text):
        steps = [str(step) for step in range(int(match["low"]), int(match["high"]) + 1)]
        yield from _listed(steps, match, "scale")
    for match in _SCALE.finditer(text):
        low, high = int(match["low"] or match["low2"] or 0), int(match["high"] or match["high2"])
        if high - low <= 10 and match.group():
            yield from _listed([str(step) for step in range(low, high + 1)], match, "scale")
    yield from _runs(text)
    everywhere = [next(filter(None, found)) for found in _ANY_QUOTED.findall(text)]
    values = tuple(dict.fromkeys(_clean(item) for item in everywhere))
    if 2 <= len(values) <= 12 and all(map(_is_label, values)):
        yield _List(values, 0, 0, ("everywhere",))


def _listed(items: Sequence[str], match: re.Match[str], form: str) -> Iterator[_List]:
    values = tuple(dict.fromkeys(item for item in map(_clean, items) if item))
    if len(values) >= 2 and all(map(_is_label, values)):
        yield _List(values, match.start(), match.end(), (form,))


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
            yield _List(
                values, starts[number], starts[end] - 1, (form, "introduced") if introduced else (form,)
            )
            widths = [len(value.split()) for value in values]
            if len(values) > 3 and form == "bare" and widths[0] > max(widths[1:]):
                yield _List(values[1:], starts[number + 1], starts[end] - 1, (form, "without first"))
            styles = [_style(value) for value in values]
            if (
                len(values) > 2 and styles[-1] != styles[0] and len(set(styles[:-1])) == 1
            ):  # another sort of line
                yield _List(values[:-1], starts[number], starts[end] - 1, (form, "without last"))
            steps = [re.fullmatch(r"\D+ (\d{1,2})", value) for value in values]
            if all(steps):
                yield _List(
                    tuple(step[1] for step in steps if step), starts[number], starts[end] - 1, ("steps",)
                )
        number = end


def _run(lines: list[str], first: int) -> tuple[tuple[str, ...], int, str] | None:
    """Items of the run of alike lines that begins at `first`, and the line behind it."""
    shape = _shape(lines[first])
    if shape is None:
        before = lines[first - 1].strip() if first else ""
        led_up_to = (
            not before or _introduced(lines, first) or len(before.split()) > len(lines[first].split()) + 1
        )
        if not lines[first].strip() or not led_up_to:
            return None
        shape = "bare"
    end, chosen = first, list[str]()
    while end < len(lines):
        line = lines[end]
        if not line.strip():
            following = lines[end + 1] if end + 1 < len(lines) else ""
            if shape == "bare" or _shape(following) != shape:
                break
            end += 1
            continue
        if shape == "bare" and (
            _shape(line) is not None or not _is_label(_clean(line)) or line.rstrip()[-1] in ".:?!。："
        ):
            break
        if shape != "bare" and _shape(line) != shape:
            if line[:1] in " \t" and chosen:  # a wrapped line
                end += 1
                continue
            break
        chosen.append(line.rstrip(" ,;") if shape == "bare" else line)
        end += 1
    if len(chosen) < (2 if shape != "bare" or _introduced(lines, first) else 3):
        return None
    return (
        tuple(dict.fromkeys(_heads(chosen, shape, "\n".join(lines)))),
        end,
        shape.partition(" ")[0] + shape.partition(" ")[2].isalpha() * " code",
    )


def _shape(line: str) -> str | None:
    match = _BULLET.match(line)
    if match:
        return "coded" if match["code"] else f"bullet {match['mark'][0]}"
    if re.match(r"^[ \t>]*\|", line):
        return None  # a table's row
    if _CODED.match(line):
        return "bare code"
    match = _KEYED.match(line)
    return (
        f"keyed {match['sep'].strip()}"
        if match
        and line.rstrip()[-1] not in ":："
        and len(match["key"].split()) <= MAX_WORDS
        and "//" not in match["rest"][:2]
        else None
    )


def _heads(lines: list[str], shape: str, text: str) -> list[str]:
    """What each line names, without its marker and its meaning; the codes themselves where they are asked for."""
    by_code = bool(_BY_CODE.search(text)) and not _BY_WORD.search(text)
    heads = []
    for line in lines:
        match = _BULLET.match(line)
        if (
            shape == "coded"
            and match
            and match["code"]
            and (by_code or (match["code"].isalpha() and match["mark"][-1] == ":"))
        ):
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
    head = re.split(
        r"\s*(?:[:：＝→|…]|=>?|->|\s[-–—]+\s|[-–—]{1,2}\s|\t|\s?[(（\[]|,\s(?=e\.g\.|i\.e\.))",
        item.strip(),
        maxsplit=1,
    )[0]
    return _clean(head)


def _introduced(lines: list[str], first: int) -> bool:
    """The line before says that a list follows."""
    before = next((line.rstrip(" *_`") for line in reversed(lines[:first]) if line.strip()), "")
    return before.endswith((":", "：", "—", "–", "-", "=", "?", "？")) or bool(
        _NOUN.search(before[-80:]) and len(before.split()) <= 8
    )


def _tables(text: str) -> Iterator[_List]:
    """The columns of a Markdown table."""
    for match in re.finditer(r"(?:^[ \t]*\|?[^\n|]+\|[^\n]*(?:\n|$)){3,}", text, re.MULTILINE):
        rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in match.group().strip("\n").split("\n")
        ]
        rules = [
            number for number, row in enumerate(rows) if all(re.fullmatch(r":?-{2,}:?", cell) for cell in row)
        ]
        if not rules:
            continue
        header, body = rows[rules[0] - 1] if rules[0] else [], rows[rules[0] + 1 :]
        columns = [[row[number] for row in body if len(row) > number] for number in range(len(header))]
        for number, cells in enumerate(columns):
            values = tuple(dict.fromkeys(map(_clean, cells)))
            if len(values) > 1 and all(map(_is_label, values)):
                told = ("returning", len(values) < len(cells)), ("named", bool(_NOUN.search(header[number])))
                signs = ("table", *(name for name, holds in told if holds), *["first column"] * (number == 0))
                yield _List(values, match.start(), match.end(), signs)


# ------------------------------------------------------------------------------------------------- items


def _quoted_items(text: str) -> list[str]:
    bare = re.sub(r"\([^()\n]*\)|（[^（）\n]*）", "", text)
    return [next(filter(None, found)) for found in _ANY_QUOTED.findall(bare)]


def _meant(text: str) -> Iterator[_List]:
    """`a (meaning), b (meaning) and c (meaning)`; `a = meaning, b = meaning`; `a if this, b if that`."""
    for form, pattern in (("meant", _MEANT), ("conditional", _CONDITIONAL)):
        position = 0
        while match := pattern.search(text, position):
            items, end = [match["item"]], match.end()
            while following := pattern.match(text, end):
                items.append(following["item"])
                end = following.end()
            other = _OTHERWISE.search(text[end - 1 : end + 90])
            if len(items) > 1 or (form == "conditional" and other):
                width = max((len(item.split()) for item in items[1:]), default=1)
                for size in dict.fromkeys((width, 1)):
                    for more in ([], [other["rest"]] if other else []):
                        values = tuple(map(_clean, [" ".join(items[0].split()[-size:]), *items[1:], *more]))
                        if len(set(values)) == len(values) > 1 and all(map(_is_label, values)):
                            yield _List(values, match.start("item"), end, (form, *["rest"] * bool(more)))
            position = max(end if len(items) > 1 else match.end("item"), match.start() + 1)
    for sentence in _SENTENCE.finditer(text):
        glosses = list(_GLOSS.finditer(sentence.group()))
        values = tuple(_clean(gloss["gloss"]) for gloss in glosses)
        if 2 <= len(values) == len(set(values)) and all(
            len(value.split()) <= 3 and _is_label(value) for value in values
        ):
            yield _List(
                values,
                sentence.start() + glosses[0].start(),
                sentence.start() + glosses[-1].end(),
                ("glosses",),
            )


def _runs(text: str) -> Iterator[_List]:
    """Items in a row in a sentence, joined by commas, slashes, pipes or "or": with the ends as they stand, and
    with the first and the last cut to the length of the others. What stands in brackets is a sentence of its own.
    """
    for sentence in _SENTENCE.finditer(text):
        said = sentence.group().rstrip("\n")
        inner = list(_IN_BRACKETS.finditer(said))
        blanked = _IN_BRACKETS.sub(lambda found: "\0" * len(found.group()), said)
        for part, offset in ((blanked, 0), *((found.group()[1:-1], found.start() + 1) for found in inner)):
            marks = list(_SEPARATOR.finditer(part))
            if marks:
                bounds = [0, *(edge for mark in marks for edge in mark.span()), len(part)]
                pieces = [
                    (part[a:b].replace("\0", " "), a, b)
                    for a, b in zip(bounds[::2], bounds[1::2], strict=True)
                ]
                yield from _run_lists(pieces, marks, sentence.start() + offset, bracketed=offset > 0)


def _run_lists(
    pieces: list[tuple[str, int, int]], marks: list[re.Match[str]], offset: int, *, bracketed: bool
) -> Iterator[_List]:
    """Every run of short pieces behind one another that one kind of mark joins, "or" ending it or not."""
    kinds = [mark["mark"] or "or" for mark in marks]
    number = 0
    while number < len(marks):
        kind = (
            next((each for each in kinds[number:] if each != "or"), "or")
            if kinds[number] == "or"
            else kinds[number]
        )
        end = number + 1
        while end < len(marks) and kinds[end] in (kind, "or") and _is_inner(pieces[end][0]):
            end += 1
        yield from _cuts(pieces[number : end + 1], marks[number:end], offset, bracketed)
        for place in range(number, end):
            chooses = kinds[place] == "or" or _CHOOSES.search(marks[place].group())
            if chooses and place + 1 < end:  # the list ends behind "or"
                yield from _cuts(pieces[number : place + 2], marks[number : place + 1], offset, bracketed)
            if kinds[place] == "or" and place > number:  # two of them alone
                yield from _cuts(pieces[place : place + 2], marks[place : place + 1], offset, bracketed)
        for later in range(number + 1, min(end - 1, number + _LED_UP_TO)):  # what leads up to the list
            yield from _cuts(pieces[later : end + 1], marks[later:end], offset, bracketed)
        number = end


def _is_inner(piece: str) -> bool:
    piece = piece.strip()
    if _CJK.search(piece):
        return 0 < len(piece) <= 14 and " " not in piece
    return 0 < len(piece.split()) <= 4 and not re.search(r"[:：(){}\[\]]|\s[-–—]\s|->|=>|→", piece)


def _cuts(
    run: list[tuple[str, int, int]], marks: list[re.Match[str]], offset: int, bracketed: bool
) -> Iterator[_List]:
    inner = [_clean(piece) for piece, _, _ in run[1:-1]]
    first, last = run[0][0], run[-1][0]
    chooses = any(not mark["mark"] or _CHOOSES.search(mark.group()) for mark in marks)
    strict = any(mark["mark"] in ("/", "|") for mark in marks if mark["mark"])
    signs = ["run", *["or"] * chooses, *["strict"] * strict, *["in brackets"] * bracketed]
    seen = set()
    for how_head, head in _heads_of(first, inner):
        for how_tail, tail in _tails_of(last, inner):
            values = _without_articles([_clean(item) for item in (head, *inner, tail)])
            if (
                values in seen
                or len(set(map(str.casefold, values))) < len(values)
                or not all(map(_is_label, values))
            ):
                continue
            seen.add(values)
            start = offset + run[0][1] + first.rfind(head)
            end = offset + run[-1][1] + last.find(tail) + len(tail)
            yield _List(values, start, end, (*signs, f"head {how_head}", f"tail {how_tail}"))


_LEADS = (
    r"(?:\b(?:either|as|is|are|be|being|into|to|say|says|return|output|outputs|answer|answers|reply|write|pick|between|of|like|with|called|named|being|it|one of|it's|whether|want"
    r"|entweder|als|ist|in|ob|zwischen|nach|aus|soit|en|comme|est|entre|parmi|si|es|como|o|é|está|sea|è|come|se|tra|fra|sia|als|is|uit|of|tussen|jako|jest|czy|na|do|z|spośród"
    r"|как|это|на|по|в|из|либо|между|является|чи|olarak|mi)\s+(?:an?\s+|the\s+|either\s+|eine?\s+|une?\s+|una?\s+|un\s+)?)"
)
_LEAD = re.compile(
    rf"^.*(?:[:：—–(\[{{（【=→>]|\s-\s|{_LEADS}|(?:は|が|を|是|为|成|于|到|入|选|属于|분류|هي|هو|إلى|من|أو)\s*)\s*",
    re.IGNORECASE | re.DOTALL,
)
_TRAIL = re.compile(
    r"(?:[)\]}）】:：—–(\[（]|\s[-–]\s|のいずれか|のどれか|のどちらか|のどれ|のうち|から|として|に(?:分|仕|振)|で(?:答|出|返)|を|の(?=\d)|に$|で$|と(?:出|答|返)|之一|中(?:的|选)|(?:[一二三四五六七八九\d]|几)?(?:类|种|个|つ|種類|段階)|等|写|的|로 |으로 |\s중|인지|가운데|로만|만 |里|当中|\s(?:ist|sind|wird|est|sont|son|sono|é|è|based|depending|according|for|in|by|to|from|is|are|should|please|only|based|only|and|but|inferred|where|when|if|so|per|of|on|und|aber|bitte|je|pro|nach|aus|für|wenn|selon|pour|dans|par|según|para|por|segundo|secondo|per|da|w|dla|по|для|в|для|если)\b).*$",
    re.IGNORECASE | re.DOTALL,
)


_ARTICLE = re.compile(
    r"(?:.*\s)?(?:an?|the|eine?n?|der|die|das|une?|una?|un|el|la|le|il|lo|um|uma|o|a|een|de|het)\s+",
    re.IGNORECASE,
)


def _without_articles(items: list[str]) -> tuple[str, ...]:
    """`suits a beginner, an expert` as `beginner, expert`, where all but the first begin with an article."""
    if all(_ARTICLE.match(item) for item in items[1:]) and _ARTICLE.match(items[0]):
        return tuple(_ARTICLE.sub("", item, count=1) for item in items)
    return tuple(items)


def _heads_of(first: str, inner: list[str]) -> list[tuple[str, str]]:
    """Where the first item may begin: behind what leads up to it, or as many words as the others have."""
    quoted = re.search(rf"{_ANY_QUOTED.pattern}\s*$", first)
    if quoted:
        return [("quoted", quoted.group())]
    found = []
    led = _LEAD.sub("", first)
    if led.strip() and led != first and len(led.split()) <= 4:
        found.append(("colon" if _COLON_BEFORE.search(first[: len(first) - len(led)]) else "led", led))
    if len(first.split()) <= 4:
        found.append(("whole", first))
    words = first.split()
    width = max((len(item.split()) for item in inner), default=1)
    if words and not _CJK.search(first):
        found += [("words", " ".join(words[-size:])) for size in dict.fromkeys((1, width))]
    elif len(words) > 1:
        found.append(("words", words[-1]))
    return found


def _tails_of(last: str, inner: list[str]) -> list[tuple[str, str]]:
    """Where the last item may end."""
    quoted = re.match(rf"\s*{_ANY_QUOTED.pattern}", last)
    if quoted:
        return [("quoted", quoted.group())]
    found = []
    stripped = last.strip(" .。?？!")
    if len(stripped.split()) <= 4:
        found.append(("whole", stripped))
    cut = _TRAIL.sub("", stripped)
    if cut.strip() and cut != stripped and len(cut.split()) <= 4:
        found.append(("cut", cut))
    words = stripped.split()
    width = max((len(item.split()) for item in inner), default=1)
    if words and not _CJK.search(last):
        led = len(words) > 1 and _ARTICLE.fullmatch(words[0] + " ") is not None  # "the passive voice"
        found += [("words", " ".join(words[: size + led])) for size in dict.fromkeys((1, width))]
    elif words:
        found.append(("words", words[0]))
        if len({len(item) for item in inner}) == 1:
            found.append(("letters", stripped[: len(inner[0])]))
    return found


def _style(value: str) -> str:
    if value.isupper():
        return "upper"
    return "title" if value[:1].isupper() else "lower"


def _clean(text: str) -> str:
    text = squeeze(text).strip(" .,:;。、।؟?")
    text = re.sub(r"\s(?:है|हैं)$", "", text)
    text = re.sub(r"^\*+|\*+$|^<|>$|^_{2,}|_{2,}$", "", text)
    return unquote(text).strip(" .,\"'“”‘’`«»„「」:")


def _is_label(value: str) -> bool:
    limit = 12 if _CJK.search(value) else MAX_LETTERS
    return (
        bool(value)
        and len(value) <= limit
        and len(value.split()) <= MAX_WORDS
        and not re.search(r"[{}\n]|https?:", value)
    )


def fold_label(text: str) -> str:
    """A label without case, outer marks and surplus blanks, to compare."""
    return squeeze(text).casefold().strip(" .\"'")


def _spelt(values: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    """The labels as the demonstrations spell them, where they do."""
    spelling = {fold_label(part): part for output in reversed(outputs) for part in (*_parts(output), output)}
    return tuple(spelling.get(fold_label(value), value) for value in values)


def _shown(outputs: Sequence[str]) -> Labels:
    """What the demonstrations answer: surely all labels where they return, likely where they are three at least
    and short.
    """
    parts = [part for output in outputs for part in _parts(output)]
    for parted in (parts,) if len(parts) > len(outputs) else (list(outputs),):
        counts = Counter(parted)
        if not len(counts) >= 2 or not all(map(_is_label, counts)) or len(outputs) < 2:
            continue
        values = tuple(dict.fromkeys(parted))
        if len(outputs) >= 4 and len(counts) <= 0.67 * len(parted):
            return Labels(
                values, f"labels {', '.join(values[:8])}: all that the demonstrations answer", STRONG
            )
        binary = len(values) == 2 and {fold_label(value) for value in values} <= YES_NO
        if binary or (len(outputs) >= 3 and all(len(value.split()) <= 3 for value in values)):
            return Labels(values, f"labels {', '.join(values[:8])}: the demonstrations'", _LEAST)
    return Labels()
