# ruff: noqa: E501
"""Labelled lines: `Input: ...` / `Output: ...` and their many relatives, grouped into rows.

The name of the output is found first: a known word for it ("Output", "Answer", "Ausgabe", ...), or else the
name that comes right before the first name returns. A row is then everything from one output to the next;
names that fewer than half of the rows have are no fields but part of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from p2m.parsing.words import AND_OR, FIELD_WORDS, INPUT_WORDS, META_WORDS, OUTPUT_WORDS, STRONG_OUTPUTS

_MARKED = r"[\u0900-\u0dff]"  # letters and vowel signs of India's scripts, which \w knows in part
LINE = re.compile(
    r"^[ \t>]*(?:[-*•][ \t]+|#{1,6}[ \t]+|\(?\d{1,3}[.)][ \t]+)?(?:\*\*|__)?"
    r"(?:(?:example|beispiel|exemple|ejemplo|пример|例|示例)[ \t]*#?\d*[ \t]*[-:.–]?[ \t]*)?"
    rf"(?P<name>(?:[^\W\d_]|{_MARKED})(?:[^\W\d]|{_MARKED})*(?:[ /'-](?:[^\W\d]|{_MARKED})+){{0,3}}?)(?P<number>[ _#]{{0,2}}\d{{0,3}})[ \t]*(?:\((?:text"
    r"|string)\))?"
    r"(?:\*\*|__)?[ \t]*(?:[:：]|=(?!=))(?:\*\*|__)?[ \t]*(?P<value>.*)$",
    re.IGNORECASE,
)
_KNOWN = "|".join(sorted(map(re.escape, (INPUT_WORDS | OUTPUT_WORDS) - {"are"}), key=len, reverse=True))
# A labelled line that is empty or holds a placeholder: where the model's own input would go.
SLOT_LINE = re.compile(
    rf"[ \t>]*(?:[#*_]+[ \t]*)?(?:{_KNOWN}|context|passage)[ \t]*\d*[ \t]*[:：=][ \t]*(?:\*\*)?[ \t]*"
    r"(?:\{+[^{}\n]*\}+|<[^<>\n]*>|\[[A-Z_ ]+\]|\.{3}|_+)?[ \t]*",
    re.IGNORECASE,
)
_ONE_LINE = re.compile(
    r"^(?P<head>[ \t>]*(?:[-*•][ \t]+|\(?\d{1,3}[.)][ \t]+)?(?:\*\*)?(?P<name>[^\W\d_]\w*)(?:\*\*)?["
    r" \t]*[:：][ \t]*\S.*?)"
    r"[ \t]*[,;|/]?[ \t]+(?P<tail>(?:\*\*)?(?:output|answer|a|label|sentiment|category|response"
    r"|translation|target"
    r"|summary|ausgabe|antwort|sortie|réponse|salida|respuesta|ответ|出力|输出|答え|答案)"
    r"(?:\*\*)?[ \t]*[:：].*)$",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"^[ \t#>*-]*(?:example|beispiel|exemple|ejemplo|пример|例|示例)[ \t]*#?\d+[^\n]{0,3}$", re.IGNORECASE
)
_FIELDS_TOO = frozenset(
    ("note", "notes", "task", "hint", "options", "rules", "nota", "hinweis", "remarque", "注意")
)
_RULED = re.compile(r"[-*=_~]{3,}|#{2,}")
_FENCE = re.compile(r"[ \t>]*(?:```|~~~)")
_OPENS = re.compile(r"[:：=][ \t]*(?:```|~~~)\w*$")  # a fence that opens behind a label


@dataclass(frozen=True, slots=True)
class Group:
    """One row of labelled lines, and where it stood."""

    input: dict[str, str]
    output: str
    name: str  # of the output, as written, lower case
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Line:
    start: int  # offset in the prompt
    end: int
    text: str
    name: str  # "" for a line without a label
    number: str
    value: str
    fenced: bool = False  # inside a fenced block, whose last line is its closing fence


def labelled(prompt: str) -> list[Group]:
    """The rows that labelled lines make; none where they look like headings of the instruction."""
    lines = _lines(prompt)
    names = [line.name for line in lines if line.name]
    output = _output_name(names)
    if not output:
        return []
    blocks = _blocks(lines, output)
    accepted = _accepted(blocks, output)
    groups = [group for block in blocks if (group := _group(block, accepted, output))]
    described = [
        group
        for group in groups
        if _describes(group) or (len(groups) == 1 and (_is_prose(group) or _is_choice(group.output)))
    ]
    return [group for group in groups if group not in described]


def _lines(prompt: str) -> list[_Line]:
    """Lines of the prompt; one that holds an input and its output counts as two, unless its output follows.

    What stands in a fenced block is text, whatever it looks like.
    """
    found: list[_Line] = []
    offset, fenced = 0, False
    texts = prompt.split("\n")
    returning = Counter(match["name"].lower().strip() for text in texts if (match := LINE.match(text)))
    fields = {name for name, count in returning.items() if count > 1 and name in _FIELDS_TOO}
    for number, text in enumerate(texts):
        if fenced or _FENCE.match(text):
            inner = _Line(offset, offset + len(text), text, "", "", "", fenced)
            found.append(inner)
            fenced = not fenced if _FENCE.match(text) else fenced
        else:
            opens = _OPENS.search(text) is not None
            found += [
                _line(start, piece, fields) for start, piece in _pieces(offset, text, texts[number + 1 :])
            ]
            fenced = opens
        offset += len(text) + 1
    return found


def _pieces(start: int, text: str, following: list[str]) -> list[tuple[int, str]]:
    """The line, or its input and its output apart; an input may quote what looks like an output."""
    match = _ONE_LINE.match(text)
    if not match or match["name"].lower() not in INPUT_WORDS:
        return [(start, text)]
    after = LINE.match(next((line for line in following if line.strip()), ""))
    tail = LINE.match(match["tail"])
    if after and tail and after["name"].lower() == tail["name"].lower():
        return [(start, text)]
    return [(start, match["head"]), (start + match.start("tail"), match["tail"])]


def _line(start: int, text: str, fields: set[str]) -> _Line:
    match = LINE.match(text)
    name = match["name"].lower().strip() if match else ""
    is_meta = name not in fields and (name in META_WORDS or name.split(" ")[0] in META_WORDS)
    if not match or is_meta or _is_address(match["value"]):
        return _Line(start, start + len(text), text, "", "", "")
    number = re.sub(r"\D", "", match["number"])
    return _Line(start, start + len(text), text, name, number, match["value"])


def _is_address(value: str) -> bool:
    return value.startswith("//")  # https://...


def _output_name(names: list[str]) -> str:
    """The name of the answer among labels in the order they occur; "" where nothing looks like one."""
    counts = Counter(names)
    for strong in STRONG_OUTPUTS:
        if strong in counts and any(name not in STRONG_OUTPUTS for name in names[: _last(names, strong)]):
            return strong
    returning = [name for name in names if counts[name] >= 2]
    if returning:
        first = returning[0]
        again = names.index(first, names.index(first) + 1)
        before = names[again - 1]
        if before != first and counts[before] >= 2:
            return before
    if len(names) >= 2 and names[-1] in OUTPUT_WORDS and names[-2] in INPUT_WORDS | FIELD_WORDS:
        return names[-1]
    return ""


def _last(names: list[str], name: str) -> int:
    return len(names) - 1 - names[::-1].index(name)


def _blocks(lines: list[_Line], output: str) -> list[list[_Line]]:
    """Runs of lines that each end with the output and what belongs to it."""
    blocks: list[list[_Line]] = []
    block: list[_Line] = []
    position = 0
    while position < len(lines):
        block.append(lines[position])
        if lines[position].name == output:
            end = _end_of_output(lines, position)
            block.extend(lines[position + 1 : end])
            blocks.append(block)
            block, position = [], end
        else:
            position += 1
    return blocks


def _end_of_output(lines: list[_Line], position: int) -> int:
    """Past the answer: to the next label, example heading or empty line (a first empty line may"
    " precede it)."""
    end = position + 1
    if not lines[position].value and end < len(lines) and not lines[end].text.strip():
        following = lines[end + 1] if end + 1 < len(lines) else None
        if following is None or following.name or _EXAMPLE.match(following.text):
            return end
        end += 1
    while end < len(lines) and (
        lines[end].fenced
        or (lines[end].text.strip() and not lines[end].name and not _EXAMPLE.match(lines[end].text))
    ):
        if not lines[end].fenced and _RULED.fullmatch(lines[end].text.strip()):
            break
        end += 1
    return end


def _accepted(blocks: list[list[_Line]], output: str) -> frozenset[str]:
    """The names that are fields: those of most rows; of a single row, those that are known as such."""
    counts = Counter(
        name for block in blocks for name in {line.name for line in block if line.name} - {output}
    )
    if len(blocks) > 1:
        return frozenset(name for name, count in counts.items() if 2 * count > len(blocks))
    known = frozenset(
        name for name in counts if name.replace(" ", "_") in INPUT_WORDS | FIELD_WORDS | OUTPUT_WORDS
    )
    return known or frozenset(counts)


def _group(block: list[_Line], accepted: frozenset[str], output: str) -> Group | None:
    starts = [index for index, line in enumerate(block) if line.name in accepted]
    last = next((index for index, line in enumerate(block) if line.name == output), None)
    if not starts or last is None or starts[0] > last:
        return None
    texts: dict[str, list[str]] = {}
    numbered = _numbered(block[starts[0] : last], accepted)
    current = ""
    for line in block[starts[0] : last]:
        if line.name in accepted:
            current = f"{line.name}{line.number}" if line.name in numbered else line.name
            texts.setdefault(current, []).append(line.value)
        else:
            texts[current].append(line.text)
    answer = "\n".join([block[last].value, *(line.text for line in block[last + 1 :])]).strip()
    fields = {name: "\n".join(parts).strip() for name, parts in texts.items()}
    return Group(fields, answer, output, (block[starts[0]].start, block[-1].end))


def _numbered(lines: list[_Line], accepted: frozenset[str]) -> frozenset[str]:
    """Names of which one row has several, told apart by their numbers (`Sentence 1`, `Sentence 2`)."""
    pairs = {(line.name, line.number) for line in lines if line.name in accepted}
    counts = Counter(name for name, _ in pairs)
    return frozenset(name for name, count in counts.items() if count > 1)


def _describes(group: Group) -> bool:
    """`Input: a review` / `Output: its sentiment` says what rows look like and is none: articles and the words
    for inputs and outputs, no sentence.
    """
    return all(_DESCRIBES.fullmatch(text.strip(" .")) for text in [*group.input.values(), group.output])


_OR = "or|oder|beziehungsweise|bzw\\.|ou|o|oppure|of|dan wel|lub|albo|или|либо|veya|eller|nebo"


def _is_choice(answer: str) -> bool:
    """`"a", "b" or "c"`, `{a, b}`, `a | b`: no answer but what the answers may be."""
    answer = answer.partition("\n")[0].strip(" .")
    pieces = re.split(rf"\s*[,|/]\s*(?:(?:{AND_OR})\s+)?|\s+(?:{AND_OR})\s+", answer.strip("{}[]"))
    told = re.search(rf"\s(?:{_OR})\s|^\{{[^{{}}:]*\}}$|\S\s*\|\s*\S", answer)
    quoted = all(re.fullmatch(r"[\"'“„«`].+[\"'”“»`]", piece) for piece in pieces)
    return (
        1 < len(pieces) <= 12
        and bool(told or quoted)
        and all(piece and len(piece.split()) <= (5 if quoted else 2) for piece in pieces)
    )


def _is_prose(group: Group) -> bool:
    """The only pair, both sides of which begin with a small article: `Input: the report the warden fills in`;
    or one whose output tells of its form: `Output: minutes as a number`.
    """
    if _FORM.search(group.output) and group.output[:1].islower():
        return True
    return all(_ARTICLE.match(text) for text in [*group.input.values(), group.output])


_FORM = re.compile(
    r"\be\.g\.|\bas an?\b|\bin (?:small|lower|capital)|\bone (?:out )?of\b|\beither\b|\bz\.? ?b\.|\bp\. ?ej",
    re.IGNORECASE,
)
_ARTICLE = re.compile(r"(?:an?|the|one|its|ein\w*|der|die|das|une?|el|la|le|un|una|il|lo|o|um|uma)\s")
_THINGS = "|".join(
    sorted((re.escape(word) for word in INPUT_WORDS | OUTPUT_WORDS | FIELD_WORDS if len(word) > 3), key=len)[
        ::-1
    ]
)
_DESCRIBES = re.compile(
    rf"(?:an?|the|one of|its|either|your|ein\w*|der|die|das|une?|el|la|le)\s(?:[^\s.!?]+\s){{0,4}}"
    rf"(?:{_THINGS})s?\b(?:\s[^\s.!?]+){{0,6}}",
    re.IGNORECASE,
)
