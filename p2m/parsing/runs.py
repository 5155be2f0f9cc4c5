# ruff: noqa: E501
"""Items in a row in a sentence: `a, b and c`, `a/b/c`, `either a or b`; where they begin and end is a guess or two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from p2m.parsing.items import ANY_QUOTED, ARTICLE, CJK, MAX_WORDS, SENTENCE, Listing, clean, is_label, style
from p2m.parsing.words import AND_OR

_SEPARATOR = re.compile(
    rf"\s*(?P<mark>[,;|｜／、，；·・،؛▪◦•]|(?<![\w/:.])/|/(?!(?<=\bn/)a\b)(?![/\d]))\s*(?:(?-i:{AND_OR}|OR|AND|OU|ODER|O|Or)\s+)?|\s+(?P<word>(?-i:{AND_OR}|OR|AND|OU|ODER|O|Or))\s+|(?P<east>または|或者|还是|還是|もしくは|それとも|或|혹은|또는)",
    re.IGNORECASE,
)
_LED_UP_TO = 6  # pieces of a sentence before its list that may look like items
_CHOOSES = re.compile(rf"\s(?:{AND_OR})\s", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\([^()\n]*\)|（[^（）\n]*）|\[[^\[\]\n]*\]|\{[^{}\n]*\}")
_STRICT = (  # marks that part a list by themselves: what else looks like one stands within its items
    ("slashes", re.compile(r"\s+/\s+")),
    ("semicolons", re.compile(r"\s*[;；]\s+")),
    (
        "commas",
        re.compile(rf"\s*[,，、]\s*(?:(?-i:{AND_OR}|OR|AND)\s+)?|\s+(?-i:{AND_OR}|OR|AND)\s+", re.IGNORECASE),
    ),
    ("ampersand", re.compile(r"\s*[,，、]\s*(?:&\s*)?|\s+&\s+")),
)
_WRAPPED = re.compile(r"[,;|][ \t]*\n(?=[ \t]*[^\s\-*•][^\n.]*[,;|])")  # a list goes on in the next line
_COLON_BEFORE = re.compile(r"[:：—–=>→]\s*$")


def runs(text: str) -> Iterator[Listing]:
    """Items in a row in a sentence, joined by commas, slashes, pipes or "or": with the ends as they stand, and
    with the first and the last cut to the length of the others. What stands in brackets is a sentence of its own.
    """
    for sentence in SENTENCE.finditer(_WRAPPED.sub(lambda found: found.group().replace("\n", " "), text)):
        said = sentence.group().rstrip("\n")
        inner = list(_IN_BRACKETS.finditer(said))
        blanked = _IN_BRACKETS.sub(lambda found: "\0" * len(found.group()), said)
        for part, offset in ((blanked, 0), *((found.group()[1:-1], found.start() + 1) for found in inner)):
            marks = list(_SEPARATOR.finditer(part))
            pipes = [mark for mark in marks if mark["mark"] in ("|", "｜")]
            marks = pipes if len(pipes) > 1 else marks  # which part whatever else is in the items
            if marks:
                bounds = [0, *(edge for mark in marks for edge in mark.span()), len(part)]
                pieces = [
                    (part[a:b].replace("\0", " "), a, b)
                    for a, b in zip(bounds[::2], bounds[1::2], strict=True)
                ]
                yield from _run_lists(pieces, marks, sentence.start() + offset, bracketed=offset > 0)
                yield from _strict_lists(part, sentence.start() + offset, bracketed=offset > 0)


def _strict_lists(part: str, offset: int, *, bracketed: bool) -> Iterator[Listing]:
    """`Lisbon and Tagus | North`, `World, Sports or Sci/Tech`: the whole part by one mark, where it has others too."""
    for name, pattern in _STRICT:
        pieces = pattern.split(part.replace("\0", " "))
        inner = [clean(piece) for piece in pieces[1:-1]]
        others = [clean(piece) for piece in (*pieces[1:-1], pieces[0], pieces[-1])]
        if len(pieces) < 3 or len(pieces) > 14 or not all(map(is_label, inner)):
            continue
        if name != "ampersand" and not any(_SEPARATOR.search(piece) for piece in others):
            continue  # as any other run
        if name == "ampersand" and "&" not in part:
            continue
        for how_head, head in _heads_of(pieces[0], inner):
            for how_tail, tail in _tails_of(pieces[-1], inner):
                values = _without_articles([clean(item) for item in (head, *inner, tail)])
                if len(set(map(str.casefold, values))) == len(values) and all(map(is_label, values)):
                    signs = ("run", "strict", name, *["in brackets"] * bracketed)
                    start = offset + pieces[0].rfind(head)
                    yield Listing(
                        values, start, offset + len(part), (*signs, f"head {how_head}", f"tail {how_tail}")
                    )


def _run_lists(
    pieces: list[tuple[str, int, int]], marks: list[re.Match[str]], offset: int, *, bracketed: bool
) -> Iterator[Listing]:
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
        ends = [end]  # of the list: all of it, or behind "or"
        for place in range(number, end):
            chooses = kinds[place] == "or" or _CHOOSES.search(marks[place].group())
            if chooses and place + 1 < end:
                ends.append(place + 1)
            if kinds[place] == "or" and place > number:  # two of them alone
                yield from _cuts(
                    pieces[place : place + 2], marks[place : place + 1], offset, bracketed, place
                )
        wider = (place for place in range(number + 2, end) if " " in pieces[place + 1][0].strip())
        first_wider = next(wider, end)
        if all(" " not in pieces[place][0].strip() for place in range(number + 1, first_wider + 1)):
            ends.append(first_wider)  # "N, E, S, W, joined without blanks"
        for last in dict.fromkeys(ends):
            for first in range(number, min(last, number + _LED_UP_TO)):  # what leads up to the list
                if first == number or last - first > 1:
                    yield from _cuts(pieces[first : last + 1], marks[first:last], offset, bracketed, first)
        number = end


def _is_inner(piece: str) -> bool:
    piece = piece.strip()
    if CJK.search(piece):
        return 0 < len(piece) <= 14 and " " not in piece
    return 0 < len(piece.split()) <= 6 and not re.search(r"[:：(){}\[\]]|\s[-–—]\s|->|=>|→", piece)


def _cuts(
    run: list[tuple[str, int, int]], marks: list[re.Match[str]], offset: int, bracketed: bool, before: int
) -> Iterator[Listing]:
    """A run's items with its ends as they may be meant, `before` pieces of its sentence coming before it."""
    inner = [clean(piece) for piece, _, _ in run[1:-1]]
    first, last = run[0][0], run[-1][0]
    chooses = any(not mark["mark"] or _CHOOSES.search(mark.group()) for mark in marks)
    strict = any(mark["mark"] in ("/", "|") for mark in marks if mark["mark"])
    signs = ["run", *["or"] * chooses, *["strict"] * strict, *["in brackets"] * bracketed]
    seen = set()
    for how_head, head in _heads_of(first, inner):
        for how_tail, tail in _tails_of(last, inner):
            values = _without_articles([clean(item) for item in (head, *inner, tail)])
            if (
                values in seen
                or len(set(map(str.casefold, values))) < len(values)
                or not all(map(is_label, values))
            ):
                continue
            seen.add(values)
            start = offset + run[0][1] + first.rfind(head)
            end = offset + run[-1][1] + last.find(tail) + len(tail)
            cut = first[: first.rfind(head)].split()
            told = {
                "inner head": bool(cut) and before > 0,
                "head cut off": bool(cut) and len({style(word) for word in (cut[-1], *values)}) == 1,
                "tail cut off": len(tail) < len(last.strip()) and style(last.strip()) == "title",
            }
            more = (name for name, holds in told.items() if holds)
            yield Listing(values, start, end, (*signs, f"head {how_head}", f"tail {how_tail}", *more))


_LEADS = (
    r"(?:\b(?:either|as|is|are|be|being|into|to|say|says|return|output|outputs|answer|answers|reply|write|pick|use|between|of|like|with|called|named|being|it|one of|it's|whether|want"
    r"|entweder|als|ist|in|ob|zwischen|nach|aus|soit|en|comme|est|entre|parmi|si|es|como|o|é|está|sea|è|come|se|tra|fra|sia|als|is|uit|of|tussen|jako|jest|czy|na|do|z|spośród"
    r"|как|это|на|по|в|из|либо|между|является|чи|olarak|mi)\s+(?:an?\s+|the\s+|either\s+|eine?\s+|une?\s+|una?\s+|un\s+)?)"
)
_LEAD = re.compile(
    rf"^.*(?:[:：—–(\[{{（【=→>]|\s-\s|{_LEADS}|(?:は|が|を|是|为|成|于|到|入|选|属于|분류|هي|هو|إلى|من|أو)\s*)\s*",
    re.IGNORECASE | re.DOTALL,
)
_TRAIL = re.compile(
    r"(?:[)\]}）】:：—–(\[（]|\s[-–]\s|のいずれか|のどれか|のどちらか|のどれ|のうち|から|として|に(?:分|仕|振)|で(?:答|出|返)|を|の(?=\d)|に$|で$|と(?:出|答|返)|之一|中(?:的|选)|写的|的一种|から(?=一)|の(?=[一二三四五六七八九])|のみ|だけ|(?:이고|이며|인지|인가|이에요|예요|입니다|으로|이나)|(?:[一二三四五六七八九\d]|几)?(?:类|种|个|つ|種類|段階)|等|写|的|로 |으로 |\s중|인지|가운데|로만|만 |里|当中|\s(?:ist|sind|wird|est|sont|son|sono|é|è|based|depending|according|for|in|by|to|from|is|are|should|please|pls|plz|thanks|thx|cheers|respectively|now|only|based|and|but|inferred|where|when|if|so|per|of|on|und|aber|bitte|je|pro|nach|aus|für|wenn|selon|pour|dans|par|según|para|por|segundo|secondo|per|da|w|dla|по|для|в|для|если)\b).*$",
    re.IGNORECASE | re.DOTALL,
)


def _without_articles(items: list[str]) -> tuple[str, ...]:
    """`suits a beginner, an expert` as `beginner, expert`, where most of what follows the first has an article."""
    items = [_PARTICLES.sub("", item) for item in items]
    have = sum(_ARTICLES.match(item) is not None for item in items[1:])
    if have and 2 * have > len(items) - 1 - (len(items) > 2):
        return tuple(clean(_ARTICLES.sub("", item, count=1)) for item in items)
    if ARTICLE.match(items[0]) and all(ARTICLE.match(item) for item in items[1:]):
        return tuple(ARTICLE.sub("", item, count=1) for item in items)
    return tuple(items)


_PARTICLES = re.compile(r"(?<=\S) (?:m[iıuü]|की|का|के)(?: है)?$")
_ARTICLES = re.compile(
    r"^(?:(?:(?:de )?l['’]|d['’])(?=\w)|(?:an?|the|eine?n?|der|die|das|une?|una?|un|du|des|de la|de|les|el|la|le|il|lo|los|las|gli|um|uma|een|het|es|está|ist|is)\s+(?=\S))",
    re.IGNORECASE,
)


def _heads_of(first: str, inner: list[str]) -> list[tuple[str, str]]:
    """Where the first item may begin: behind what leads up to it, or as many words as the others have."""
    quoted = re.search(rf"(?:{ANY_QUOTED.pattern})\s*$", first)
    if quoted:
        return [("quoted", quoted.group())]
    found = []
    led = _LEAD.sub("", first)
    if led.strip() and led != first and len(led.split()) <= MAX_WORDS:
        found.append(("colon" if _COLON_BEFORE.search(first[: len(first) - len(led)]) else "led", led))
    told = _COLON_BEFORE.sub("", first).rpartition(": ")[2]
    if told not in (led, first) and len(told.split()) <= MAX_WORDS:
        found.append(("colon", told))
    if len(first.split()) <= 4:
        found.append(("whole", first))
    words = first.split()
    width = max((len(item.split()) for item in inner), default=1)
    if words and not CJK.search(first):
        found += [
            ("words", " ".join(words[-size:])) for size in dict.fromkeys((1, width, 2)) if size <= len(words)
        ]
    elif len(words) > 1:
        found.append(("words", words[-1]))
    return found


_FILLERS = frozenset(
    "just simply plain only merely perhaps eben nur bloß einfach juste simplement solo solamente simplemente"  # noqa: SIM905
    " par por per con com mit als as with come como comme o os semplicemente apenas só gewoon alleen tylko просто только".split()
)


def _tails_of(last: str, inner: list[str]) -> list[tuple[str, str]]:
    """Where the last item may end."""
    quoted = re.match(rf"\s*(?:{ANY_QUOTED.pattern})", last)
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
    for whole in (words, cut.split()):
        if 1 < len(whole) <= MAX_WORDS and whole[0].casefold() in _FILLERS:
            found.append(("filler", " ".join(whole[1:])))
    width = max((len(item.split()) for item in inner), default=1)
    if words and not CJK.search(last):
        led = len(words) > 1 and ARTICLE.fullmatch(words[0] + " ") is not None  # "the passive voice"
        found += [
            ("words", " ".join(words[: size + led]))
            for size in dict.fromkeys((1, width, 2, 3))
            if size + led <= len(words)
        ]
    elif words:
        found.append(("words", words[0]))
        if len({len(item) for item in inner}) == 1:
            found.append(("letters", stripped[: len(inner[0])]))
    return found
