"""Labels that stand out by themselves: symbols, capitals, opposites, and such as many prompts share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from p2m.parsing.items import Listing, few
from p2m.parsing.weights import KNOWN_LABELS, KNOWN_SETS
from p2m.parsing.words import NEGATIONS

_SYMBOL = r"[\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff]\ufe0f?"
_SYMBOLS = re.compile(rf"{_SYMBOL}(?:[ \t,、/|]*{_SYMBOL})+")
_WORD = re.compile(r"[^\W\d_][\w'’&-]*")
_NEGATED = re.compile(
    rf"(?<!\w)(?:{'|'.join(sorted(NEGATIONS, key=len, reverse=True))})(?P<gap>[ -]?)(?P<stem>[^\W\d_]{{3,}})",
    re.IGNORECASE,
)


def outstanding(text: str) -> Iterator[Listing]:
    """Lists whose items need no mark between them."""
    for match in _SYMBOLS.finditer(text):
        yield from few(re.findall(_SYMBOL, match.group()), match.start(), match.end(), "symbols")
    words = list(_WORD.finditer(text))
    for form, found in (("shouted", _shouted(text, words)), ("titled", _titled(text, words))):
        yield from _all(text, found, form)
        yield from _all(text, found[1:], form, "but first")  # which may be a name
    yield from _rows(text, words)
    places: dict[str, list[re.Match[str]]] = {}
    for match in words:
        places.setdefault(match.group().casefold(), []).append(match)
    for labels in KNOWN_SETS:
        if labels <= places.keys():
            yield from _all(text, sorted(places[label][0].span() for label in labels), "known set")
    for match in _NEGATED.finditer(text):
        others = [other.span() for other in places.get(match["stem"].casefold(), ())]
        apart = [span for span in others if not match.start() <= span[0] < match.end()]
        if apart and (match["gap"] or len(match["stem"]) > 3):
            yield from _all(
                text, sorted([match.span(), apart[0]]), "opposed", *["apart"] * bool(match["gap"])
            )


def _all(text: str, spans: Sequence[tuple[int, int]], *signs: str) -> Iterator[Listing]:
    if spans:
        yield from few([text[start:end] for start, end in spans], spans[0][0], spans[-1][1], *signs)


def _shouted(text: str, words: Sequence[re.Match[str]]) -> list[tuple[int, int]]:
    """Words in capitals."""
    return _joined(
        text, [match.span() for match in words if match.group().isupper() and len(match.group()) > 1]
    )


def _titled(text: str, words: Sequence[re.Match[str]]) -> list[tuple[int, int]]:
    """Words with a capital inside a sentence."""
    capital = [match.span() for match in words if match.group()[0].isupper()]
    return [
        span for span in _joined(text, capital) if re.match(r"[\w,;] ", text[max(0, span[0] - 2) : span[0]])
    ]


def _joined(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Words that one blank parts are one item."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and text[joined[-1][1] : start] == " ":
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _rows(text: str, words: Sequence[re.Match[str]]) -> Iterator[Listing]:
    """Three known labels or more in a row, without marks."""
    run: list[tuple[int, int]] = []
    for match in [*words, None]:
        known = match is not None and match.group().casefold() in KNOWN_LABELS
        if match is None or not known or (run and not text[run[-1][1] : match.start()].isspace()):
            yield from _all(text, run if len(run) > 2 else (), "known row")
            run = []
        if match is not None and known:
            run.append(match.span())
