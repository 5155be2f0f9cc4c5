"""What goes into a task: the names of its input fields, and each demonstration's text cut up by them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from p2m.parsing.demonstrations import BARE, Row
from p2m.parsing.words import FIELD_WORDS, META_WORDS, OUTPUT_WORDS
from p2m.types import TaskType

_PLACEHOLDER = re.compile(r"(?<![{$\\])\{\{?\s*([A-Za-z_]\w{0,30})\s*\}\}?(?!\})")
_NAMED = re.compile(r"(?:(?<=^)|(?<=\s))([A-Za-z_][\w-]{0,24}(?: ?(?:\d|[AB](?=:)))?)[ \t]?:(?=\s)")
_NOUNS = (
    r"question|context|passage|paragraph|document|article|premise|hypothesis|claim|evidence|title|story"
    r"|fact|topic"
    r"|review|tweet|dialogue|query|clarification statement|statement|keyword|table|clue|category|sentence"
)
_PROSE = re.compile(
    rf"\b(?:given|provided(?: with)?|read|consists? of|contains?|shown|takes?|receives?|inputs?(?: is|"
    rf" are|:)?|from|about|using)\b"
    rf"[^.\n]{{0,60}}?\b(?:an?|the|both|both an?|its?|one)\s+(?:\w+\s+)?(?P<a>{_NOUNS})\s*(?:,|and|with"
    rf"|plus|,\s*and)\s+(?:an?|the|its|one|corresponding)\s+(?:\w+\s+)?(?P<b>{_NOUNS})\b",
    re.IGNORECASE,
)
_ONE = re.compile(
    r"\b(?:given|classif\w+|summari[sz]e|translate|rewrite|paraphrase|label|read|tag|categori[sz]e"
    r"|correct|simplify|rate|score|judge|sort)\s+(?:an?|the|each|every|this|these|given|some)\s+"
    r"(?:[\w-]+\s+){0,5}?(?P<noun>sentence|text|review|tweet|question|article|passage|paragraph"
    r"|document|query|message|email|headline|comment|utterance|word|abstract|story|statement|title"
    r"|post)s?\b",
    re.IGNORECASE,
)


def field_name(text: str) -> str:
    """`Sentence 1` and `sentence-1` as one plain name: sentence_1 stays, blanks become underscores."""
    return re.sub(r"[\s\-/]+", "_", text.strip()).strip("_").casefold()


def read_names(instruction: str, prompt: str, rows: Sequence[Row]) -> tuple[tuple[str, ...], str]:
    """Names of the input fields, () where the input is one nameless text, and the reason."""
    if rows:
        named = _of_rows(rows)
        if named:
            return named, f"fields {', '.join(named)}: named in the demonstrations"
        inside = _inside(rows, instruction)
        if inside:
            return inside, f"fields {', '.join(inside)}: named inside the demonstrations' inputs"
        return (), "one input: the demonstrations name no fields"
    holes = [field_name(name) for name in _PLACEHOLDER.findall(prompt)]
    holes = list(dict.fromkeys(holes))
    if len(holes) > 1 and holes[-1] in OUTPUT_WORDS:
        holes.pop()
    if holes:
        return tuple(holes), f"fields {', '.join(holes)}: placeholders of the prompt"
    match = _PROSE.search(instruction)
    if match and match["a"].lower() != match["b"].lower():
        pair = tuple(field_name(match[group].split()[0]) for group in ("a", "b"))
        return pair, f"fields {', '.join(pair)}: the prompt says {match.group(0)!r}"
    return (), "one input: the prompt names no fields"


def default_names(kind: TaskType, instruction: str, rows: Sequence[Row], context: bool) -> tuple[str, ...]:
    """Names where the prompt has none: question and context, or the noun that the prompt uses."""
    if kind is TaskType.QUESTION_ANSWERING and not rows and context:
        return ("question", "context")
    match = _ONE.search(instruction)
    if match:
        return (match["noun"].lower(),)
    return ("text",) if kind is not TaskType.TEXT_TO_TEXT else ("input",)


def _of_rows(rows: Sequence[Row]) -> tuple[str, ...]:
    """Field names of rows that were written with names."""
    named = [row for row in rows if set(row.input) != {BARE}]
    counts = Counter(field_name(name) for row in named for name in row.input)
    return tuple(name for name, count in counts.items() if 2 * count > len(named))


def _inside(rows: Sequence[Row], instruction: str) -> tuple[str, ...]:
    """Names such as `question: ... context: ...` that every input's one text has, the first at its"
    " start."""
    order: list[str] = []
    common: set[str] | None = None
    for row in rows:
        text = row.input.get(BARE, "")
        found = [(match.start(), field_name(match.group(1))) for match in _NAMED.finditer(text)]
        names = [name for start, name in found if _counts(name, start, text, instruction, many=len(rows) > 1)]
        if not found or found[0][0] != 0 or found[0][1] not in names:
            return ()
        order = order or list(dict.fromkeys(names))
        common = set(names) if common is None else common & set(names)
    if not common:
        return ()
    chosen = tuple(name for name in order if name in common)
    known = sum(name in FIELD_WORDS or name.rstrip("0123456789_") in FIELD_WORDS for name in chosen)
    return chosen if len(chosen) > 1 or known else ()


def _counts(name: str, start: int, text: str, instruction: str, *, many: bool) -> bool:
    """Whether `name:` inside a text is a field: at a line's start, known, or spoken of in the prompt."""
    if name in META_WORDS and name not in FIELD_WORDS:
        return False
    line_start = start == 0 or text[start - 1] == "\n"
    known = name in FIELD_WORDS or name.rstrip("0123456789_") in FIELD_WORDS
    return (
        line_start
        or known
        or (many and name.replace("_", " ") in instruction.lower())
        or (many and "_" in name)
    )


def cut(text: str, names: Sequence[str]) -> dict[str, str] | None:
    """`question: ... context: ...` as fields, where all of `names` occur, each once cut at its first"
    " place."""
    places: list[tuple[int, int, str]] = []
    wanted = set(names)
    for match in _NAMED.finditer(text):
        name = field_name(match.group(1))
        if name in wanted:
            wanted.discard(name)
            places.append((match.start(), match.end(), name))
    if wanted or not places or text[: places[0][0]].strip():
        return None
    ends = [start for start, _, _ in places[1:]] + [len(text)]
    fields = {name: text[end:stop].strip() for (_, end, name), stop in zip(places, ends, strict=True)}
    return {name: fields[name] for name in names}
