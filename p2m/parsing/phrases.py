# ruff: noqa: E501
"""Labels that stand apart in sentences: behind or before a word that returns, counted through in a line, in marks
of one sort."""

from __future__ import annotations

import re
from collections.abc import Iterator

from p2m.parsing.items import ARTICLE, SENTENCE, Listing, clean, is_label, style
from p2m.parsing.words import AND_OR

ASKED = "asked whether"  # a sign of answers that are not listed
_MOST = 14  # labels found in this way, beyond which it is prose
_PAIRED = re.compile(
    r"“([^“”\n]{1,40})”|„([^„“”\n]{1,40})[“”]|«([^«»\n]{1,40})»|「([^「」\n]{1,40})」|『([^『』\n]{1,40})』|《([^《》\n]{1,40})》"
    r"|\"([^\"\n]{1,40})\"|`([^`\n]{1,40})`|(?<!\w)'([^'\n]{1,40})'(?!\w)|\*\*([^*\n]{1,40})\*\*"
)
_MARKER = re.compile(
    r"(?:(?<=^)|(?<=[\s,;:.(（/|、，；：—–-]))(?:\(\s?(?P<bracket>\d{1,2}|[A-Za-zа-яक-घ]|[ivx]{1,4})\s?\)|（(?P<wide>\d{1,2}|[一二三四五六七八九十A-Za-z])）|(?P<point>\d{1,2}|[A-Za-zа-я]|[ivx]{1,4})[.)](?=[ \t]*[^\W\d])"
    r"|(?P<equal>\d{1,2}|[A-Z])[ \t]?[=:：＝](?=[ \t]*[^\W\d])|(?P<ring>[①-⑳])|(?P<naked>-?\d{1,2})(?=[ \t]+[^\W\d]))[ \t]*",
    re.MULTILINE,
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_HAN = "一二三四五六七八九十"
_HINDI = "कखगघ"
_CUES = (
    r"(?P<cue>->|=>|→|⇒|➜|=|[:：]|\b(?:is|are|it['’]?s|goes (?:to|in|into)|go (?:to|in|into)|belongs? (?:to|in)|counts? as|means?|as|to|into|under|say|says|write|output|answer|return|call (?:it|that|them)|label|mark(?: it)?|pick|choose|use|put|called|named|then|for(?: an?)?"
    r"|ist|sind|gilt als|heißt|gehört (?:zu|zur|zum|in)|kommt (?:zu|in)|an|als|dann|zu|zur|zum|unter|nach|in|geht (?:an|nach|in|zu)|est|sont|c['’]est|vers|va (?:à|au|dans|en|a)|comme|dans|es|son|va a|a|como|en|al|è|sono|va (?:a|in)|é|são|vai para|para|is|zijn|gaat naar|naar|to|jest|do|это|в|как|olarak)\s|则为|判为|判|输出|返回|回答|标为|标|填|写|答|归入|归|属于|为|是|は|なければ|れば|なら|이?면\s|ときは|場合は|として|이면|은|는)"
)
_CUE = re.compile(_CUES, re.IGNORECASE)
_SAID = re.compile(
    r"[ \t]*(?P<quote>[\"'“„«「`*]{0,2})(?P<item>[^\s.,;:!?()\[\]{}\"“”«»「」`。，；：、！？|/=<>→\n]+(?:[ \t][^\s.,;:!?()\[\]{}\"“”«»「」`。，；：、！？|=<>→\n]+){0,3})(?P=quote)?[\"'”“»」`*]{0,2}(?=[ \t]*(?:[.,;!?()\n。，；、！？|/\]]|$|\b(?:if|when|for|otherwise|wenn|falls|si|se|als|gdy|если)\b))"
)
_HEADED = re.compile(
    r"(?:(?:^|(?<=[.;,!?。；，、(]))[ \t]*(?:-[ \t]+)?(?:(?:"
    + AND_OR
    + r")[ \t]+)?)[\"'“„«「`*]{0,2}(?P<item>[^\s.,;:!?()\[\]{}\"“”«»「」`。，；：、！？|/=<>→\n]+(?:[ \t][^\s.,;:!?()\[\]{}\"“”«»「」`。，；：、！？|=<>→\n]+){0,3}?)[\"'”“»」`*]{0,2}[ \t]*"
    r"(?P<cue>->|=>|→|[=:：]|代表|表示|[-–—](?=\s)|\((?=[^)\n]{3,})|（|\b(?:is (?:for|when|if|anything|everything|what|the|an?)|are|does|handles|takes|gets|deals|if|when(?:ever)?|where|for|means|covers?|stands for|applies|includes?|has|wenn|falls|bei|heißt|meint|bedeutet|ist|für|steht für|si|quand|pour|est|veut dire|signifie|lorsque|cuando|para|es|significa|se|quando|per|è|quando|é|als|voor|betekent|gdy|jeśli|to|если|когда|это)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = re.compile(r"<(?P<tag>[A-Za-z][\w-]*)(?:\s[^<>]*)?>\s*(?P<item>[^<>\n]{1,48}?)\s*</(?P=tag)>")
_PAIR = re.compile(r"[\"'](?P<key>[^\"'\n]{1,40})[\"']\s*:\s*[\"'](?P<value>[^\"'\n]{1,48})[\"']")
_FROM = re.compile(
    r"\b(?:tell|distinguish|separate|discern|sort)\b(?: apart)?\s+(?:the\s+)?(?P<one>[^\W\d][\w-]*(?: [\w-]+){0,2}?) from (?:the\s+)?(?P<other>[^\W\d][\w-]*(?: [\w-]+){0,2})(?=\s*(?:[.,;:!?\n]|$))"
    r"|\bunterscheide\w*\b[^.\n]{0,20}?\b(?P<ein>[^\W\d][\w-]*) von (?P<ander>[^\W\d][\w-]*)",
    re.IGNORECASE,
)
_OR_JAPANESE = re.compile(
    r"(?P<one>はい|[^\s、。，,「」はがをのに]{1,8})か(?![らなもどとの])(?P<other>[^\s、。，,「」はがをのにかで]{1,8})(?=で|を|の(?:いずれ|どちら))"
)
_WHETHER = tuple(  # what is asked, and the answers to it
    (re.compile(sign, re.IGNORECASE), answers)
    for sign, *answers in (
        (r"\b(?:tell|say|decide|determine|check|verify|detect|judge|find out|know|learn|see|predict|flag|indicate|identify|assess|work out|figure out)\b[^.\n]{0,30}\b(?:whether|if)\b|^whether\b", "yes", "no"),
        (r"(?:^|(?<=[.!:]\s)|(?<=\n))(?:is|are|does|do|did|has|have|was|were)\s(?:the|this|it|there|an?|that|these|any\w*|some\w*)\b(?![^?\n]*\bor\b)[^?\n]{3,160}\?", "yes", "no"),
        (r"\bob\b|(?:^|(?<=[.!:]\s)|(?<=\n))(?:ist|sind|enthält|hat|will|geht)\s(?:der|die|das|es|ein\w*|dies\w*|hier)\b(?![^?\n]*\boder\b)[^?\n]{3,160}\?", "ja", "nein"),
        (r"\b(?:dis|dire|détermin\w+|indiqu\w+|vérifi\w+|savoir|détect\w+)\b[^.\n]{0,30}\bs(?:i\b|['’]il)", "oui", "non"),
        (r"\b\w+-(?:t-)?(?:ils?|elles?|on)\b[^?\n]{3,160}\?|\best-ce qu[^?\n]{3,160}\?", "oui", "non"),
        (r"¿(?!\s?(?:por |para |a |de |en |con )?(?:qu[eé]|cu[aá]l|qui[eé]n|c[oó]mo|d[oó]nde|cu[aá]nd?o|cu[aá]nt))(?![^?\n]*\b[oó]\b)[^?\n]{3,160}\?", "sí", "no"),
        (r"\b(?:di|decir|dime|determin\w+|indic\w+|verific\w+|saber|detect\w+)\b[^.\n]{0,30}\bsi\b", "sí", "no"),
        (r"\b(?:dimmi|dire|determin\w+|indic\w+|verific\w+|sapere|stabil\w+)\b[^.\n]{0,30}\bse\b", "sì", "no"),
        (r"\b(?:diga|dizer|determin\w+|indiqu\w+|verifi\w+|saber|detect\w+)\b[^.\n]{0,30}\bse\b", "sim", "não"),
        (r"\b(?:bepaal|zeg|controleer|weten|geef aan)\b[^.\n]{0,30}\bof\b", "ja", "nee"),
        (r"\b(?:określ|sprawdź|oceń|powiedz|ustal)\w*\b[^.\n]{0,30}\bczy\b", "tak", "nie"),
        (r"\w+ ли\b", "да", "нет"),
        (r"かどうか", "はい", "いいえ"),
        (r"是否", "是", "否"),
    )
)  # fmt: skip
_LOOSE = re.compile(
    rf"(?P<items>(?:(?<![\w-])[^\W_][\w'’/+-]{{0,20}}[ \t]+){{2,7}})(?:{AND_OR})[ \t]+(?P<last>[^\W_][\w'’+-]{{0,20}})",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"\b(?P<low>[A-Ha-h])\s?(?:-|–|—|to|through|bis|à|a|al|do|до|t/m)\s?(?P<high>[B-Kb-k])\b(?![\w'’])"
)
_CODES = re.compile(
    r"(?<![\w-])(?P<name>[A-Za-z]{1,4}-?)(?P<low>[0-3])\s?(?:-|–|—|to|through|bis|à|a|al|до|do|t/m|tot|から|到|至)\s?(?P=name)?(?P<high>\d)(?!\w|\.\d)"
)
_IF = re.compile(
    r"\b(?:if|when|wenn|falls|si|s['’]|se|cuando|quando|als|если|jeśli)\b[^.;:\n]{3,160}?,[ \t]*(?:(?:then|it is|it['’]s|dann|ist es|es ist|c['’]est|es|è|é|is het|это|output|answer|say|write|return|label it)[ \t]+){0,2}"
    r"[\"'“„«`]?(?P<item>[^\W\d_][\w/&+-]*(?:[ \t][\w/&+-]+){0,2})[\"'”»“`]?(?=[ \t]*(?:[.;\n]|$))",
    re.IGNORECASE,
)
_LADDER = re.compile(  # of the Common European Framework of Reference for Languages
    r"\bA1\s?(?:to|through|-|–|—|bis|à|a|al|до|do|t/m|tot|から|到|至|부터|～|~)\s?(?:el\s|al\s)?C2\b"
)
_BARE_NUMBERS = re.compile(r"(?<![\d.,])-?\d{1,2}(?:[ \t]+-?\d{1,2}){2,9}(?![\d.,]\d)")

_IN_TURN = (  # X mi, Y mi; XかYか; X인지 Y인지; X की है, Y की
    re.compile(r"(?P<item>[^\W\d_]+) m[iıuü](?:dir)?(?![\w])"),
    re.compile(r"(?P<item>[^\s、。，,「」『』はがをのに]{1,8}?)か(?![らな])"),
    re.compile(r"(?P<item>\S{1,10}?)(?:인지|이냐|이에요|인가요)(?=[\s,?.]|$)"),
    re.compile(r"(?P<item>[^\s,।]+) (?:की|का|के)(?: है| हैं)?(?=[\s,।?]|$)"),
)
_BETWEEN = re.compile(r"[\s,、，;]*(?:(?:yoksa|veya|या|아니면|それとも)\s*)?")

_STEPS = re.compile(
    r"(?<![\d.,:/-])(?P<low>-?[0-3])\s?(?:\([^()\n]{1,80}\)\s*|[=:]\s?[^\W\d][^\d,;.:\n]{1,24}?\s?)?(?:to|through|and|\.{2,3}|…|-|–|—|~|〜|～|bis|à|a|al|e|y|и|до|do|t/m|tot|から|到|至|부터|ile|till|to|إلى|الى|עד|से)\s?(?P<high>\d|1[0-2])(?![\d%]|[.,:/]\d|\s?%)",
    re.IGNORECASE,
)


def phrases(text: str) -> Iterator[Listing]:
    """Lists whose items stand apart: by marks, by counting, by what stands before or behind each."""
    yield from _in_marks(text)
    yield from _enumerated(text)
    yield from _tagged(text)
    yield from _cued(text)
    yield from _in_turn(text)
    yield from _shouted(text)
    yield from _opposites(text)
    for match in _OR_JAPANESE.finditer(text):
        yield from _one([match["one"], match["other"]], match.start(), match.end(), "or")
    for pattern, answers in _WHETHER:
        if asked := pattern.search(text):
            yield from _one(answers, asked.start(), asked.end(), ASKED)
    for match in _FROM.finditer(text):
        yield from _one([side for side in match.groups() if side], match.start(), match.end(), "told apart")
    for match in _LOOSE.finditer(text):
        words = [*match["items"].split(), match["last"]]
        for size in range(3, min(len(words), 6) + 1):
            yield from _one(words[-size:], match.end() - len(" ".join(words[-size:])), match.end(), "loose")
    for match in _RANGE.finditer(text):
        low, high = ord(match["low"]), ord(match["high"])
        if match["low"].isupper() == match["high"].isupper() and 1 < high - low < 10:
            steps = [chr(each) for each in range(low, high + 1)]
            yield from _one(steps, match.start(), match.end(), "lettered")
    for match in _LADDER.finditer(text):
        yield from _one(["A1", "A2", "B1", "B2", "C1", "C2"], match.start(), match.end(), "range of codes")
    for match in _STEPS.finditer(text):
        low, high = int(match["low"]), int(match["high"])
        if 1 < high - low <= 12:
            steps = [str(each) for each in range(low, high + 1)]
            yield from _one(steps, match.start(), match.end(), "range")
    for match in _CODES.finditer(text):
        low, high = int(match["low"]), int(match["high"])
        if 1 < high - low < 10:
            steps = [f"{match['name']}{each}" for each in range(low, high + 1)]
            yield from _one(steps, match.start(), match.end(), "range of codes")
    said = list(_IF.finditer(text))
    if len(said) > 1:
        yield from _one([match["item"] for match in said], said[0].start(), said[-1].end(), "after if")
    for match in _BARE_NUMBERS.finditer(text):
        yield from _one(match.group().split(), match.start(), match.end(), "spaced numbers")


def _one(items: list[str], start: int, end: int, *signs: str) -> Iterator[Listing]:
    values = tuple(dict.fromkeys(item for item in map(clean, items) if item))
    if 2 <= len(values) <= _MOST and all(map(is_label, values)):
        yield Listing(values, start, end, signs)


def _in_turn(text: str) -> Iterator[Listing]:
    """What is asked in turn, each with the same particle behind it."""
    for pattern in _IN_TURN:
        run: list[re.Match[str]] = []
        for match in [*pattern.finditer(text), None]:
            if match and (not run or _BETWEEN.fullmatch(text, run[-1].end(), match.start())):
                run.append(match)
                continue
            if len(run) > 1:
                yield from _one([one["item"] for one in run], run[0].start(), run[-1].end(), "in turn")
            run = [match] if match else []


def _in_marks(text: str) -> Iterator[Listing]:
    """All that is quoted in a line, or in a sentence of several."""
    for form, pattern in (("quoted line", re.compile(r"[^\n]+")), ("quoted sentence", SENTENCE)):
        for part in pattern.finditer(text):
            found = list(_PAIRED.finditer(part.group()))
            if len(found) > 1:
                items = [next(filter(None, match.groups())) for match in found]
                yield from _one(items, part.start() + found[0].start(), part.start() + found[-1].end(), form)


def _enumerated(text: str) -> Iterator[Listing]:
    """`(a) one, (b) two`, `1. one 2. two`, `1=one 2=two`, `①one ②two`: the items, or what counts them."""
    for line in re.finditer(r"[^\n]+", text):
        run: list[re.Match[str]] = []
        for match in [*_MARKER.finditer(line.group()), None]:
            if match is not None and (not run or _follows(run[-1], match)):
                run.append(match)
                continue
            if len(run) > 1:
                yield from _items_of(line.group(), run, line.start())
            run = [match] if match is not None else []


def _follows(one: re.Match[str], other: re.Match[str]) -> bool:
    return one.lastgroup == other.lastgroup and any(
        after == before + 1 for before in _places(one) for after in _places(other)
    )


def _places(match: re.Match[str]) -> set[int]:
    """Which number a marker may mean."""
    mark = match[match.lastgroup or 0]
    if mark.lstrip("-").isdigit() and mark.isascii():
        return {int(mark)}
    if match.lastgroup == "ring":
        return {ord(mark) - ord("①") + 1}
    found = {_ROMAN.index(mark.lower()) + 1} if mark.lower() in _ROMAN else set()
    for letters in (_HAN, _HINDI):
        found |= {letters.index(mark) + 1} if mark in letters else set()
    return found | ({ord(mark.lower()) - ord("a") + 1} if len(mark) == 1 and mark.isascii() else set())


def _items_of(line: str, run: list[re.Match[str]], offset: int) -> Iterator[Listing]:
    ends = [match.start() for match in run[1:]] + [len(line)]
    pieces = [line[match.end() : end] for match, end in zip(run, ends, strict=True)]
    items = [
        re.split(rf"[.;,。，；、(（]|\s[-–—]\s|[:：]|\s(?:{AND_OR})\s*$", piece.strip())[0]
        for piece in pieces
    ]
    first, last = offset + run[0].start(), offset + run[-1].end()
    yield from _one(items, first, last + len(items[-1]), "counted")
    yield from _one(
        [piece.strip(" ,;/|") for piece in pieces], first, last + len(items[-1]), "counted", "counted whole"
    )
    yield from _one([match[match.lastgroup or 0] for match in run], first, last, "counters")
    width = max((len(item.split()) for item in items[:-1]), default=1)
    words = items[-1].split()
    if len(words) > width:
        cut = [*items[:-1], " ".join(words[:width])]
        yield from _one(cut, first, last + len(items[-1]), "counted", "counted cut")


_SHOUTED = re.compile(
    r"(?<![\w-])[^\W\da-z_][^\Wa-z]+(?:-[^\Wa-z]+)*(?:[ \t][^\W\da-z_]{2,}(?![\w-]))*(?![\w-])"
)


def _shouted(text: str) -> Iterator[Listing]:
    """All that stands in capitals in a text that does not."""
    found = [match for match in _SHOUTED.finditer(text) if match.group().isupper()]
    if sum(len(match.group()) for match in found) < 0.4 * sum(map(str.isalpha, text)):
        yield from _one([match.group() for match in found], *_span(found), "shouted")


def _span(found: list[re.Match[str]]) -> tuple[int, int]:
    return (found[0].start(), found[-1].end()) if found else (0, 0)


_NEGATED = re.compile(
    r"\b(?:(?P<joined>un|in|im|ir|il|dis|non-?)(?P<stem>[^\W\d_]{4,})|(?P<apart>not|non|nicht|pas|no|não|niet|не|nie) (?P<whole>[^\W\d_]{5,}))\b",
    re.IGNORECASE,
)


def _opposites(text: str) -> Iterator[Listing]:
    """`helpful` and `unhelpful`, `entailed` and `not entailed`, wherever the two stand."""
    for match in list(_NEGATED.finditer(text))[:40]:
        stem = match["stem"] or match["whole"]
        plain = re.search(
            rf"(?<!\w){re.escape(stem)}(?!\w)", _NEGATED.sub(lambda hit: " " * len(hit.group()), text)
        )
        if plain:
            sign = "opposites joined" if match["joined"] else "opposites apart"
            start, end = min(plain.start(), match.start()), max(plain.end(), match.end())
            yield from _one([stem, match.group()], start, end, sign)


def _tagged(text: str) -> Iterator[Listing]:
    """`<tag>one</tag> <tag>two</tag>`, and the two sides of `"key": "value"` pairs."""
    tags = list(_TAG.finditer(text))
    for name in dict.fromkeys(match["tag"] for match in tags):
        found = [match for match in tags if match["tag"] == name]
        yield from _one([match["item"] for match in found], found[0].start(), found[-1].end(), "tagged")
    for block in re.finditer(r"\{[^{}]*\}", text):
        pairs = list(_PAIR.finditer(block.group()))
        if len(pairs) > 1:
            for side in ("key", "value"):
                yield from _one(
                    [pair[side] for pair in pairs], block.start(), block.end(), "mapped", f"mapped {side}"
                )


def _cued(text: str) -> Iterator[Listing]:
    """What follows, or goes before, a word or mark that returns."""
    for form, found in (("after cue", _after(text)), ("before cue", _before(text))):
        groups: dict[str, list[tuple[int, int, str]]] = {}
        for cue, start, end, item in found:
            groups.setdefault(cue, []).append((start, end, item))
        for cue, members in groups.items():
            items = [item for _, _, item in members]
            kind = f"{form} mark" if not cue[:1].isalpha() else form
            if 2 <= len(set(items)) <= _MOST:
                yield from _one(items, members[0][0], members[-1][1], form, kind)
                yield from _parts_of(members, form, kind)
                bare = [ARTICLE.sub("", item, count=1) if ARTICLE.match(item) else item for item in items]
                if bare != items:
                    yield from _one(bare, members[0][0], members[-1][1], form, kind)


def _parts_of(members: list[tuple[int, int, str]], form: str, kind: str) -> Iterator[Listing]:
    """Of what a cue names, what is written in capitals, titled or a number, and the first words alone."""
    for of_style in ("upper", "title", "number"):
        styled = [one for one in members if ("number" if one[2].isdigit() else style(one[2])) == of_style]
        if 1 < len(styled) < len(members):
            items = [item for _, _, item in styled]
            yield from _one(items, styled[0][0], styled[-1][1], form, kind, f"styled {of_style}")
    first = [item.split()[0] for _, _, item in members]
    if first != [item for _, _, item in members]:
        yield from _one(first, members[0][0], members[-1][1], form, kind, "first words")


def _after(text: str) -> Iterator[tuple[str, int, int, str]]:
    for match in _CUE.finditer(text):
        said = _SAID.match(text, match.end())
        if said and said["item"]:
            yield _sort_of(match["cue"]), said.start("item"), said.end("item"), said["item"]


def _sort_of(cue: str) -> str:
    """The cue, or what it says as others do."""
    cue = cue.casefold().strip()
    return next((name for name, cues in _ALIKE.items() if cue in cues), cue)


_ALIKE = {
    "say": {"say", "says", "write", "output", "answer", "return", "label", "mark", "use", "put", "pick", "choose", "输出", "返回", "回答", "标为", "标", "填", "写", "答", "判", "判为", "则为"},
    "be": {"is", "are", "it's", "it’s", "ist", "sind", "est", "sont", "c'est", "c’est", "es", "son", "è", "sono", "é", "são"},
    "to": {"to", "into", "goes to", "go to", "goes in", "goes into", "as", "under", "in", "an", "zu", "zur", "zum", "nach", "unter", "vers", "a"},
    "ja": {"면", "이면", "なければ", "れば", "なら", "ときは", "場合は"},
    "->": {"->", "=>", "→", "⇒", "➜"},
    ":": {":", "："},
}  # fmt: skip


def _before(text: str) -> Iterator[tuple[str, int, int, str]]:
    for match in _HEADED.finditer(text):
        yield match["cue"].casefold().split(" ")[0], match.start("item"), match.end("item"), match["item"]
