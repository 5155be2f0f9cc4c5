"""Spans of a text as people write them: offsets, objects, tags of tokens, `this == that | this == that`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2m.deploy.serving.shapes import Found, read_spans
from p2m.deploy.serving.shapes import Layout as Written
from p2m.types import Layout

NOTHING = frozenset(
    (
        *(
            "n/a",
            "na",
            "none",
            "nothing",
            "no answer",
            "unanswerable",
            "not applicable",
            "-",
            "–",
            "—",
            "null",
        ),
        *(
            "no entities",
            "not found",
            "not mentioned",
            "keine",
            "aucun",
            "aucune",
            "ninguno",
            "ninguna",
            "nil",
        ),
    )
)
_STARTS = ("start", "start_offset", "start_char", "begin", "char_start", "start_index")
_ENDS = ("end", "end_offset", "end_char", "stop", "char_end", "end_index")
_TYPES = (
    "type",
    "label",
    "labels",
    "entity_group",
    "entity_type",
    "entity",
    "category",
    "tag",
    "class",
    "slot",
)
_TEXTS = ("text", "span", "word", "surface", "mention", "name", "phrase", "expression", "string")
_VALUES = ("value", "normalized", "normalised", "norm", "canonical", "resolved")
_TAG = re.compile(r"(?P<mark>[BILSEUMW])(?:[-_](?P<type>.+))?", re.IGNORECASE)
_BETWEEN = (" | ", "|", " ; ", "; ", ";", "\n", " / ", ", ", "、", "，", ",")
_PAIRS = (
    " == ",
    "==",
    " => ",
    "=>",
    " -> ",
    "->",
    " → ",
    "→",
    " = ",
    "=",
    " : ",
    ": ",
    ":",
    " - ",
    " – ",
    " — ",
)
_BRACKETED = re.compile(r"(?P<text>.+?)\s*[(\[](?P<other>[^()\[\]]+)[)\]]")
_FIT = 0.97  # share of the answers that a layout must read
_RETURN = 3  # spans that a type has on average, at least, where nobody names the types


def is_nothing(text: str) -> bool:
    """Whether a text says that there is no answer."""
    return text.strip().strip(".").casefold() in NOTHING


def holds_spans(value: Any) -> bool:
    """Whether a value is a list of spans with offsets, or of objects that have a text and a type or value."""
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(item, list) for item in value):
        return all(
            2 <= len(item) <= 4
            and all(isinstance(each, int) and not isinstance(each, bool) for each in item[:2])
            for item in value
        )
    if not all(isinstance(item, Mapping) for item in value):
        return False
    return all(
        (_first(item, _STARTS) is not None and _first(item, _ENDS) is not None)
        or (isinstance(_first(item, _TEXTS), str) and _first(item, (*_TYPES, *_VALUES)) is not None)
        for item in value
    )


def spans_in(value: Any, text: str) -> list[Found]:
    """The spans of a list, in the order of the text. Their offsets are those of the text without the blanks
    around it.

    Raises:
        ValueError: an item is no span, or lies outside the text, or is not what stands there.
    """
    if not isinstance(value, list):
        raise ValueError(f"a list of spans was expected, found {str(value)[:60]!r}")
    found: list[Found] = []
    after = 0
    for item in value:
        for span in _spans(item, text):
            if span.start is None:
                span = placed(span, text, after)
            after = span.end if span.end is not None else after
            if span not in found:
                found.append(span)
    if all(span.start is not None for span in found):
        found.sort(key=lambda span: (span.start, span.end, span.type))
    lead = len(text) - len(text.lstrip())
    return [_moved(span, lead) for span in found] if lead else found


def placed(span: Found, text: str, after: int = 0) -> Found:
    """The span with its place, the first behind `after`, else the first; as it is where it has none."""
    start = text.find(span.text, after)
    start = text.find(span.text) if start < 0 else start
    if start < 0 or not span.text:
        return span
    return Found(span.text, span.type, span.value, start, start + len(span.text))


def tagged(tokens: Sequence[str], tags: Sequence[str], places: Sequence[str] = ()) -> tuple[str, list[Found]]:
    """Tokens joined by blanks, and the spans that BIO, IOB, BIOES or BILOU tags mark; each may have a type.

    Raises:
        ValueError: a tag is none of these, said with its place where `places` has one a token.
    """
    starts: list[int] = []
    position = 0
    for token in tokens:
        starts.append(position)
        position += len(token) + 1
    text = " ".join(tokens)
    spans: list[tuple[int, int, str]] = []  # first token, last token, type
    is_open = False
    for number, tag in enumerate(tags):
        tag = tag.strip()
        if tag.upper() in ("O", "OUT", "_", ""):
            is_open = False
            continue
        match = _TAG.fullmatch(tag)
        if match is None:
            place = f"{places[number]}: " if places else ""
            raise ValueError(f"{place}{tag!r} is no tag such as O, B-NAME or I-NAME")
        mark, kind = match["mark"].upper(), match["type"] or ""
        goes_on = is_open and mark in "ILEM" and spans[-1][2] == kind
        if goes_on:
            spans[-1] = (spans[-1][0], number, kind)
        else:
            spans.append((number, number, kind))
        is_open = mark in "BIM"
    found = [
        Found(text[starts[a] : starts[b] + len(tokens[b])], kind, "", starts[a], starts[b] + len(tokens[b]))
        for a, b, kind in spans
    ]
    return text, found


@dataclass(frozen=True, slots=True)
class Laid:
    """How answers in text are laid out, and the answer of those without a span."""

    layout: Layout
    none: str | None = None
    types: tuple[str, ...] = ()


def laid_out(outputs: Sequence[str], texts: Sequence[str], types: Sequence[str] = ()) -> Laid | None:
    """The layout that reads nearly all outputs as spans of their texts; None where none does, or each is one
    bare span. `types` are known names of types."""
    none = _none(outputs, texts)
    rows = [
        (output, text) for output, text in zip(outputs, texts, strict=True) if output.strip() != (none or "")
    ]
    rows = [(output, text) for output, text in rows if output.strip()]
    if not rows:
        return None
    for pair in (*_PAIRS, None):
        if pair and sum(pair in output for output, _ in rows) < _FIT * len(rows):
            continue
        for between in _BETWEEN:
            if sum(between in output for output, _ in rows) == 0 and not (pair and between == _BETWEEN[0]):
                continue
            if found := _read(rows, pair, between, types):
                return Laid(found[0], none, found[1])
    return None


def bracketed(output: str) -> list[Found]:
    """The spans of `Ada (person); Turin (place)`; [] of any other text."""
    parts = [part.strip() for part in re.split(r"[;|\n]|(?<=[)\]]),", output) if part.strip()]
    matches = [_BRACKETED.fullmatch(part) for part in parts]
    return (
        [Found(match["text"], match["other"].strip()) for match in matches if match] if all(matches) else []
    )


def read_text(output: str, layout: Layout, none: str | None) -> tuple[Found, ...]:
    """The spans of a text that is laid out.

    Raises:
        ValueError: it is not.
    """
    return read_spans(output, written(layout), none)


def written(layout: Layout) -> Written:
    """The same, as bundles have it."""
    return Written(
        layout.style, layout.has_types, layout.has_values, layout.between, layout.pair, layout.type_first
    )


def _read(
    rows: Sequence[tuple[str, str]], pair: str | None, between: str, types: Sequence[str]
) -> tuple[Layout, tuple[str, ...]] | None:
    """The layout with these marks, and its types, where it reads nearly all rows."""
    parted = [([part.strip() for part in output.split(between)], text) for output, text in rows]
    if pair is None:
        fit = sum(all(part and part in text and part != text for part in parts) for parts, text in parted)
        several = sum(len(parts) > 1 for parts, _ in parted)
        return (Layout("text", between=between), ()) if several and fit >= _FIT * len(parted) else None
    for type_first in (False, True):
        sides: list[tuple[str, str]] = []
        fit = 0
        for parts, text in parted:
            cut = [part.partition(pair) if type_first else part.rpartition(pair) for part in parts]
            both = [(one.strip(), other.strip()) for one, mark, other in cut if mark]
            spans = [other if type_first else one for one, other in both]
            fits = len(both) == len(parts) and all(one and other for one, other in both)
            fit += fits and all(span in text for span in spans)
            sides += [(one, other) if not type_first else (other, one) for one, other in both]
        if fit < _FIT * len(parted):
            continue
        others = Counter(other for _, other in sides)
        known = {one.casefold() for one in types}
        are_types = bool(known) and {one.casefold() for one in others} <= known
        returns = len(sides) >= 2 * _RETURN and len(others) * _RETURN <= len(sides)
        amounts = sum(any(map(str.isdigit, other)) for other in others)  # `2000 g` is a value, often as it is
        are_types = are_types or (returns and 2 * amounts <= len(others))
        if type_first and not are_types and len(sides) >= 2 * _RETURN:
            continue
        layout = Layout(
            "text", are_types or type_first, not (are_types or type_first), between, pair, type_first
        )
        return layout, tuple(others) if are_types or type_first else ()
    return None


def _none(outputs: Sequence[str], texts: Sequence[str]) -> str | None:
    """The answer that says that there is none, where some do."""
    said = Counter(
        output.strip()
        for output, text in zip(outputs, texts, strict=True)
        if is_nothing(output) and output.strip() not in text
    )
    return said.most_common(1)[0][0] if said else None


def _moved(span: Found, lead: int) -> Found:
    if span.start is None or span.end is None:
        return span
    return Found(span.text, span.type, span.value, span.start - lead, span.end - lead)


def _spans(item: Any, text: str) -> list[Found]:
    """What one item of a list marks: of several labels, as many spans."""
    if isinstance(item, str):
        return [Found(item.strip())] if item.strip() else []
    if isinstance(item, list):
        return [_of_list(item, text)]
    if not isinstance(item, Mapping):
        raise ValueError(f"{str(item)[:60]!r} is no span")
    start, end = _first(item, _STARTS), _first(item, _ENDS)
    said, value = _first(item, _TEXTS), _first(item, _VALUES)
    kinds = _first(item, _TYPES)
    kinds = (
        [str(kind) for kind in kinds]
        if isinstance(kinds, list)
        else [str(kinds)]
        if kinds is not None
        else [""]
    )
    if start is None or end is None:
        if not isinstance(said, str) or not said.strip():
            raise ValueError(f"a span has neither a text nor offsets: {str(dict(item))[:80]}")
        made = Found(said.strip(), value="" if value is None else str(value))
    else:
        made = _at(start, end, text, value)
        own = item.get("text")
        if isinstance(own, str) and own.strip() and own.strip() != made.text:
            raise ValueError(
                f"{start} to {end} of its text is {made.text[:40]!r}, and not {own.strip()[:40]!r}"
            )
    return [Found(made.text, kind, made.value, made.start, made.end) for kind in kinds or [""]]


def _of_list(item: list[Any], text: str) -> Found:
    """`[0, 3, "NAME"]`, `[0, 3]` or `["Ann", "NAME"]`."""
    if len(item) >= 2 and all(isinstance(each, int) and not isinstance(each, bool) for each in item[:2]):
        made = _at(item[0], item[1], text, None)
        return Found(made.text, str(item[2]) if len(item) > 2 else "", "", made.start, made.end)
    if 1 <= len(item) <= 2 and all(isinstance(each, str) for each in item):
        return Found(item[0].strip(), item[1].strip() if len(item) > 1 else "")
    raise ValueError(f"{str(item)[:60]} is no span such as [0, 3, NAME]")


def _at(start: Any, end: Any, text: str, value: Any) -> Found:
    """What stands at these offsets, without the blanks at its ends."""
    try:
        first, last = int(start), int(end)
    except (TypeError, ValueError):
        raise ValueError(f"{start!r} to {end!r} are no offsets in characters") from None
    if not 0 <= first <= last <= len(text):
        raise ValueError(
            f"the span from {first} to {last} lies outside its text, which has {len(text)} characters"
        )
    inner = text[first:last]
    first += len(inner) - len(inner.lstrip())
    inner = inner.strip()
    if not inner:
        raise ValueError(f"the span from {start} to {end} is empty")
    return Found(inner, "", "" if value is None else str(value), first, first + len(inner))


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def kinds_in(value: Any) -> list[str]:
    """The types that items of a list of spans have, each once."""
    found: dict[str, None] = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, Mapping):
            kinds = _first(item, _TYPES)
            found |= dict.fromkeys(
                map(str, kinds if isinstance(kinds, list) else [kinds] if kinds is not None else [])
            )
        elif isinstance(item, list) and len(item) > 1 and isinstance(item[-1], str):
            found[item[-1]] = None
    return list(found)
