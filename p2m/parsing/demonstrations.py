# ruff: noqa: E501
"""Which parts of a prompt are rows: a prompt's demonstrations taken apart from its instruction.

Forms, tried in this order, the first that finds a row wins: JSON objects, `input="..." output="..."`, tags,
labelled lines (`Input:` / `Output:` in many spellings, `Q:` / `A:`, or any pair of names that repeats),
arrows, and paragraphs of two lines after an announcement. What is not part of a row is the instruction.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from p2m.parsing.blocks import SLOT_LINE, labelled
from p2m.parsing.text import normalise, unquote
from p2m.parsing.words import (
    ANNOUNCEMENT,
    FIELD_WORDS,
    GENERIC_INPUTS,
    INPUT_WORDS,
    LABEL_NOUNS,
    META_WORDS,
    OUTPUT_WORDS,
)

BARE = "input"  # the key of an input that is one text and has no field names of its own


@dataclass(frozen=True, slots=True)
class Row:
    """A demonstration as it was written: `input` maps names to texts, in the prompt's order."""

    input: dict[str, str]
    output: str
    output_name: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt taken apart."""

    instruction: str
    rows: tuple[Row, ...] = ()
    form: str = ""  # how the rows were written, in words


Found = tuple[list[Row], list[tuple[int, int]]]  # rows, and the spans of the text that they took


def take_apart(prompt: str) -> Reading:
    """Instruction and demonstrations of a normalised prompt."""
    for form, find in _FORMS:
        rows, spans = find(prompt)
        rows = [row for row in rows if row.output and any(row.input.values())]
        if rows and (
            len(rows) > 1 or form != "labelled lines" or _residue(prompt, spans)
        ):  # else a description
            return Reading(_residue(prompt, spans), tuple(rows), form)
    return Reading(_residue(prompt, []))


def _residue(prompt: str, spans: list[tuple[int, int]]) -> str:
    """What is left of the prompt without its rows, their announcements and a last empty slot."""
    pieces, position = [], 0
    for start, end in sorted(spans):
        pieces.append(prompt[position:start])
        position = max(position, end)
    rest = _unwrapped("".join([*pieces, prompt[position:]]))
    kept = [
        line
        for line in rest.split("\n")
        if not (spans and (_ANNOUNCES.fullmatch(line.strip()) or _RULE.fullmatch(line)))
    ]
    while kept and (not kept[-1].strip() or SLOT_LINE.fullmatch(kept[-1]) or _RULE.fullmatch(kept[-1])):
        kept.pop()
    return normalise("\n".join(kept))


def unread(instruction: str) -> str:
    """A line of what is left of a prompt that looks like one of several demonstrations; "" where none does.

    Two lines with an arrow, two that begin with a word for an input beside two with one for an output, or tags
    for them. An explanation (`code -> what it means`) is none.
    """
    arrows = [match for match in _ARROW.finditer(instruction) if not _explains(match)]
    if len(arrows) > 1:
        return arrows[0].group().strip()
    named = [match for match in _NAMED_LINE.finditer(instruction) if match["text"].strip()]
    inputs = [match for match in named if match["name"].casefold() in INPUT_WORDS]
    outputs = [match for match in named if match["name"].casefold() in OUTPUT_WORDS]
    if len(inputs) > 1 and len(outputs) > 1:
        return inputs[0].group().strip()
    tagged = _TWINS.search(instruction)
    return tagged.group().strip() if tagged and tagged["a"].casefold() in INPUT_WORDS else ""


_NAMED_LINE = re.compile(
    r"^[ \t>*-]*(?P<name>[^\W\d]\w*)[ \t]*\d*[ \t]*[:：][ \t]*(?P<text>[^\n]*)$", re.MULTILINE
)
_ANNOUNCES = re.compile(ANNOUNCEMENT, re.IGNORECASE)
_RULE = re.compile(r"\s*(?:[-*_=#~]{2,}|`{3}\w*|\"{3}|#{1,6}|[-*•]|\(?\d{1,3}[.)]|[\[\],;\s]+)\s*")


# --------------------------------------------------------------------------- input="..." output="..."

_OPEN = r"[\"“]"
_SHUT = r"(?<!\\)(?:\\\\)*[\"”]"  # a quotation mark that is not escaped
_IN = "|".join(sorted(map(re.escape, INPUT_WORDS - {"in", "q"}), key=len, reverse=True))
_OUT = "|".join(sorted(map(re.escape, OUTPUT_WORDS - {"a", "out", "are"}), key=len, reverse=True))
_QUOTED = re.compile(
    rf"(?:(?:[-*•]|\(?\d{{1,3}}[.)])[ \t]+)?(?:(?:example|e\.g\.|i\.e\.)\s*\d*\s*[:.,]?\s*)?"
    rf"\b(?:{_IN})\s*\d*\s*[=:：]\s*{_OPEN}(?P<input>(?:(?!\n\n\n).)*?){_SHUT}"
    rf"\s*[,;]?\s*(?:and\s+)?(?:the\s+)?(?:expected[ _]|corresponding\s+)?(?P<name>{_OUT})\s*\d*\s*[=:：]\s*"
    rf"{_OPEN}(?P<output>.*?){_SHUT}(?=\s*(?:$|\n)|\s*[,;.]?\s*(?:$|\n)"
    rf"|[,;]?\s+(?:{_IN})\s*\d*\s*[=:：]\s*[\"“])[,;.]?",
    re.IGNORECASE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\n", '"': '"', "'": "'", "\\": "\\"}


def _unescape(text: str) -> str:
    """Backslash escapes as Python and JSON write them; any other backslash stands for itself."""
    return re.sub(r"\\([nrt\"'\\])", lambda match: _ESCAPES[match.group(1)], text).strip()


def _quoted(prompt: str) -> Found:
    if not re.search(r"[=:：]\s*[\"“]", prompt):
        return [], []
    matches = list(_QUOTED.finditer(prompt))
    rows = [
        Row({BARE: _unescape(match["input"])}, _unescape(match["output"]), match["name"].lower())
        for match in matches
    ]
    return rows, [match.span() for match in matches]


# Lines of two or more `name="value"`, whatever the names: word="read" phones="R EH D".
_PAIR = r"(?P<{0}>[^\W\d]\w*)[ \t]*[=:][ \t]*(?:\"(?P<{1}>(?:[^\"\\\n]|\\.)*)\"|'(?P<{2}>(?:[^'\\\n]|\\.)*)')"
_ONE_PAIR = re.compile(_PAIR.format("name", "double", "single"))
_BARE_PAIR = r"[^\W\d]\w*[ \t]*[=:][ \t]*(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"
_PAIRS = re.compile(
    rf"^[ \t>]*(?:[-*•][ \t]+|\(?\d{{1,3}}[.)][ \t]+)?{_BARE_PAIR}(?:[ \t]*(?:[,;]|->|=>|→)?[ \t]*{_BARE_PAIR})+[ \t]*[.,;]?[ \t]*$",
    re.MULTILINE,
)


def _pairs(prompt: str) -> Found:
    """Lines of the same names in quotes: two at least, or one that names an output."""
    rows: list[Row] = []
    spans: list[tuple[int, int]] = []
    for match in _PAIRS.finditer(prompt):
        fields = {pair["name"].lower(): _unescape(pair["double"] or pair["single"] or "")
                  for pair in _ONE_PAIR.finditer(match.group())}  # fmt: skip
        rows.append(_of_fields(fields))
        spans.append(match.span())
    names = {(*row.input, row.output_name) for row in rows}
    known = len(rows) == 1 and rows[0].output_name in OUTPUT_WORDS
    return (rows, spans) if len(names) == 1 and (len(rows) > 1 or known) else ([], [])


def _of_fields(fields: dict[str, str]) -> Row:
    """A row of named fields: the answer is the last that is called like one, else the last."""
    out = next((name for name in reversed(fields) if name in OUTPUT_WORDS), list(fields)[-1])
    rest = {name: text for name, text in fields.items() if name != out}
    if len(rest) == 1 and next(iter(rest)) in GENERIC_INPUTS:
        rest = {BARE: next(iter(rest.values()))}
    return Row(rest, fields[out], out)


# --------------------------------------------------------------------------- JSON objects, tags


def _json(prompt: str) -> Found:
    rows: list[Row] = []
    spans: list[tuple[int, int]] = []
    found: list[tuple[object, tuple[int, int]]] = []
    decoder, position = json.JSONDecoder(strict=False), 0
    while (start := prompt.find("{", position)) >= 0:
        try:
            value, end = decoder.raw_decode(prompt, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        position = end
        found.append((value, (start, end)))
    keys = Counter(tuple(value) for value, _ in found if isinstance(value, dict))
    for value, span in found:
        row = _from_object(value, returns=isinstance(value, dict) and keys[tuple(value)] > 1)
        if row and not any(_SLOT.fullmatch(text) for text in row.input.values()):
            rows.append(row)
            spans.append(span)
    return rows, spans


_SLOT = re.compile(r"\s*\{+[^{}]*\}+\s*")


def _from_object(value: object, *, returns: bool = False) -> Row | None:
    """`{"input": ..., "output": ...}`, the input being a text or an object, or fields beside an output; or
    `{"messages": [...]}`. An output that is no text stays JSON. Of keys that return in other objects, the last
    is the output where none is called like one.
    """
    if not isinstance(value, dict):
        return None
    messages = value.get("messages")
    if isinstance(messages, list) and messages and all(isinstance(one, dict) for one in messages):
        said = {str(one.get("role")): one.get("content") for one in messages}
        value = {"input": said.get("user"), "output": said.get("assistant")}
    if len(value) < 2:
        return None
    out = [key for key in value if str(key).lower() in OUTPUT_WORDS] or [*value][-1:] * returns
    if any(str(key).lower() in META_WORDS for key in value):
        return None  # what describes the task
    if not out or value[out[-1]] is None:
        return None
    rest = {str(key): item for key, item in value.items() if key != out[-1]}
    if len(rest) == 1:
        (name, item), *_ = rest.items()
        if isinstance(item, dict):
            rest = {str(key): inner for key, inner in item.items()}
        elif name.lower() in ("input", "in", "text"):
            rest = {BARE: item}
    if not rest or not all(isinstance(item, (str, int, float)) for item in rest.values()):
        return None
    return Row(
        {name: str(item).strip() for name, item in rest.items()},
        _as_text(value[out[-1]]),
        str(out[-1]).lower(),
    )


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False)


_TAG = r"<(?P<{0}>[a-z][\w-]*)(?:\s[^<>]*)?>(?P<{1}>(?:(?!</?(?P={0})[\s>]).)*)</(?P={0})>"
_EXAMPLE_TAG = re.compile(
    r"<(?P<tag>example|demo|demonstration|sample|shot|beispiel|exemple|ejemplo)(?:[\s_-]?\d*)(?:\s[^<>]*)?>(?P<body>.*?)</(?P=tag)[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_CHILD = re.compile(_TAG.format("name", "text"), re.IGNORECASE | re.DOTALL)
_TWINS = re.compile(rf"{_TAG.format('a', 'first')}\s*{_TAG.format('b', 'second')}", re.IGNORECASE | re.DOTALL)


def _tags(prompt: str) -> Found:
    """`<example>` with one tag a field, or an input's tag with its output's right behind it."""
    rows: list[Row] = []
    spans: list[tuple[int, int]] = []
    for match in _EXAMPLE_TAG.finditer(prompt):
        fields = {child["name"].lower(): child["text"].strip() for child in _CHILD.finditer(match["body"])}
        if len(fields) > 1:
            rows.append(_of_fields(fields))
            spans.append(match.span())
    if rows:
        return rows, spans
    twins = list(_TWINS.finditer(prompt))
    pairs = Counter((match["a"].lower(), match["b"].lower()) for match in twins)
    for match in twins:
        pair = match["a"].lower(), match["b"].lower()
        known = pair[0] in INPUT_WORDS | FIELD_WORDS and pair[1] in OUTPUT_WORDS
        if (known or pairs[pair] > 1) and "{" not in match["first"]:
            rows.append(_of_fields({match["a"].lower(): match["first"].strip(), match["b"].lower(): match["second"].strip()}))  # fmt: skip
            spans.append(match.span())
    return rows, spans


_LISTS = re.compile(
    r"<(?P<tag>labels|categories|classes|options|tags|topics)>(?P<list>.*?)</(?P=tag)>", re.I | re.S
)
_WRAPPERS = re.compile(
    r"</?(?:examples?|demonstrations|few-?shot|task|instructions?|prompt|system|role|rules?|guidelines?|goal|description"
    r"|context|requirements|output_?format|format)>",
    re.IGNORECASE,
)


def _unwrapped(text: str) -> str:
    """Without the tags that only hold the parts of a prompt apart."""
    return _WRAPPERS.sub("", _LISTS.sub(_headed, text))


def _headed(section: re.Match[str]) -> str:
    """A tagged list with its tag as heading, in the same line where it stands in one."""
    items = section["list"].strip()
    return f"{section['tag'].capitalize()}:{chr(10) if chr(10) in items else ' '}{items}"


# ------------------------------------------------------------------ labelled lines, arrows, paragraphs


def _labelled(prompt: str) -> Found:
    groups = labelled(prompt)
    rows = []
    for group in groups:
        names = list(group.input)
        bare = len(names) == 1 and names[0] in INPUT_WORDS and names[0] in GENERIC_INPUTS
        fields = {BARE: next(iter(group.input.values()))} if bare else group.input
        rows.append(
            Row({name: unquote(text) for name, text in fields.items()}, unquote(group.output), group.name)
        )
    return rows, [group.span for group in groups]


_ARROW = re.compile(
    r"^[ \t>]*(?:[-*•][ \t]+|\(?\d{1,3}[.)][ \t]+)?(?:(?:e\.g\.,?|for example[:,]?|examples?:|input:)["
    r" \t]*)?"
    r"(?P<input>[^\n]+?)[ \t]*(?:-{1,2}>|={1,2}>|>>|(?<=[ \t])---(?=[ \t])|→|⟶|⇒|➜|↦|←)[ \t]*(?:output:[ \t]*)?(?P<output>[^\n]+)$",
    re.IGNORECASE | re.MULTILINE,
)
_ARROWS = re.compile(r"-{1,2}>|={1,2}>|>>|(?<=\s)---(?=\s)|→|⟶|⇒|➜|↦|←")


def _arrows(prompt: str) -> Found:
    """Lines `this -> that`: two at least, or one that an example was announced for."""
    matches = [
        match
        for match in _ARROW.finditer(prompt)
        if len(_ARROWS.findall(match.group())) == 1 and not re.search(r"^\W*\{[^{}]*\}\W*$", match["input"])
    ]
    announced = re.search(
        r"\b(?:examples?|e\.g\.|beispiele?|exemples?|ejemplos?|пример\w*|例|예)\b", prompt, re.IGNORECASE
    )
    explained = sum(map(_explains, matches)) * 3 >= 2 * len(matches)
    listed = all(_LISTED.match(match.group()) for match in matches)
    if len(matches) > 1 and (
        (explained and listed) or all(map(_explains, matches)) or _is_glossary(matches, prompt)
    ):
        return [], []
    if len(matches) < 2 and not (matches and announced and announced.start() <= matches[0].start("input")):
        return [], []
    rows = [Row({BARE: unquote(match["input"])}, unquote(match["output"])) for match in matches]
    if len(rows) > 2 and _is_header(rows):
        rows = rows[1:]
    return rows, [match.span() for match in matches]


def _is_header(rows: list[Row]) -> bool:
    """`tweet -> label`: the first row names what the others hold."""
    first = rows[0]
    named = first.output.lower() in OUTPUT_WORDS or _LABELS.search(first.output) is not None
    return named and all(first.output != row.output for row in rows[1:])


_LABELS = re.compile(LABEL_NOUNS, re.IGNORECASE)


def _explains(match: re.Match[str]) -> bool:
    """A bullet `label -> what falls under it` is no demonstration."""
    name, meaning = match["input"].strip(), match["output"]
    if len(name) < 3 and name.isupper() and len(meaning.split()) > 1:
        return True  # a code and what it means
    return (
        len(name.split()) <= 3
        and not name.endswith((".", "?", "!", '"'))
        and len(meaning.split()) >= 2 * len(name.split())
        and ("," in meaning or " / " in meaning or len(meaning.split()) > 4)
        and _LISTED.match(match.group()) is not None
    )


_SORTS = re.compile(r"\b(?:classif\w+|categor\w+|sort|route|decide|triage|assign|between)\b", re.IGNORECASE)
_MEANING = 3  # words of a meaning, on average


def _is_glossary(matches: list[re.Match[str]], prompt: str) -> bool:
    """Short names, each with another meaning, below a line that speaks of labels or asks to sort."""
    before = prompt[: matches[0].start()].rstrip().rpartition("\n")[2]
    names = [match["input"].strip() for match in matches]
    words = sum(len(match["output"].split()) for match in matches)
    return (
        before.endswith((":", "："))
        and not _ANNOUNCES.fullmatch(before.strip())
        and bool(_LABELS.search(before) or _SORTS.search(before))
        and all(len(name.split()) <= 3 for name in names)
        and len({match["output"].casefold() for match in matches}) == len(matches)
        and words >= max(_MEANING * len(matches), 2 * sum(len(name.split()) for name in names))
    )


_LISTED = re.compile(r"[ \t>]*(?:[-*•]|[\w -]{2,24}?[ \t]{2,})")
_CELLS = re.compile(r"^(?P<input>[^\n|\t]+?)[ ]*(?:\t|[ ]\|)[ ]*(?P<output>[^\n|\t]*)$", re.MULTILINE)
_HEADER = re.compile(r"[^\W\d]\w*(?:[ _]\w+){0,2}")


def _columns(prompt: str) -> Found:
    """Lines of two cells, `this | that` or with a tab: two at least, behind one another; a header is none."""
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in _CELLS.finditer(prompt):
        if not match["input"].strip():
            continue
        run = [*run, match] if run and prompt[run[-1].end() : match.start()] == "\n" else [match]
        best = run if len(run) > len(best) else best
    headed = len(best) > 2 and _are_names([cell.strip() for cell in best[0].groups()])
    filled = [match for match in best[headed:] if match["output"].strip() and "{" not in match["input"]]
    if len(filled) < 2 or len({match["input"] for match in filled}) < 2 or _TABLE.search(prompt):
        return [], []
    rows = [Row({BARE: unquote(match["input"])}, unquote(match["output"])) for match in filled]
    return rows, [match.span() for match in best]


def _are_names(cells: list[str]) -> bool:
    """Whether cells name columns: a word for inputs or outputs is among them, or all are of one word or two."""
    known = any(cell.lower() in _COLUMNS or _LABELS.search(cell) for cell in cells)
    return all(map(_HEADER.fullmatch, cells)) and (known or all(len(cell.split()) < 3 for cell in cells))


_COLUMNS = INPUT_WORDS | OUTPUT_WORDS | FIELD_WORDS
_TABLE = re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+", re.MULTILINE)
_HEADING = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]*(?P<marked>[^\W\d][^\n#:：]{0,29}?)[ \t]*#*[:：]?|\[(?P<boxed>[A-Z][^\]\n]{0,24})\]|\*\*(?P<bold>[^*\n]{1,30}?)[:：]?\*\*[:：]?)[ \t]*$",
    re.MULTILINE,
)


def _headings(prompt: str) -> Found:
    """Two headings in turn, each over a text: `### Input` and `### Output`, `[TEXT]` and `[LABEL]`."""
    heads = list(_HEADING.finditer(prompt))
    names = [next(filter(None, head.groups())).strip().lower() for head in heads]
    pairs = Counter(pairwise(names))
    ends = [*(head.start() for head in heads[1:]), len(prompt)]
    rows: list[Row] = []
    spans: list[tuple[int, int]] = []
    for number in range(len(heads) - 1):
        pair, start = (names[number], names[number + 1]), heads[number + 1].end()
        known = pair[0] in INPUT_WORDS | FIELD_WORDS and pair[1] in OUTPUT_WORDS
        returns = pairs[pair] > 1 and pairs[pair] > pairs[pair[::-1]]
        asked = prompt[heads[number].end() : ends[number]].strip()
        answer = re.match(r"\s*(.*?)\s*(?:\n[ \t]*\n|\Z)", prompt[start : ends[number + 1]], re.DOTALL)
        if (
            (known or returns)
            and not pair[0].startswith(tuple(META_WORDS))
            and answer
            and not _SLOT.fullmatch(asked)
        ):
            rows.append(_of_fields({pair[0]: unquote(asked), pair[1]: unquote(answer[1])}))
            spans.append((heads[number].start(), start + answer.end(1)))
    return rows, spans


_NAMED_TWICE = re.compile(
    r"^[ \t>]*(?P<a>[^\W\d]\w*)[ \t]*[:：][ \t]*(?P<input>[^\n]+?)[ \t]*[/|;,.]?[ \t]+(?P<b>[^\W\d]\w*)[ \t]*[:：][ \t]*(?P<output>[^\n:：]+)$",
    re.MULTILINE,
)


def _named_twice(prompt: str) -> Found:
    """Lines `comment: ... / verdict: ...` of the same two names, two at least."""
    matches = list(_NAMED_TWICE.finditer(prompt))
    if len(matches) < 2 or len({(match["a"].lower(), match["b"].lower()) for match in matches}) > 1:
        return [], []
    matches = [match for match in matches if not re.search(r"[{<\[]\s*\w+\s*[}>\]]\s*$", match["input"])]
    rows = [_of_fields({match["a"].lower(): unquote(match["input"]), match["b"].lower(): unquote(match["output"])}) for match in matches]  # fmt: skip
    return rows, [match.span() for match in matches]


_SAID = re.compile(
    r"^[ \t>]*(?:[-*•][ \t]+|\(?\d{1,3}[.)][ \t]+)?[\"“„«「](?P<input>[^\"“”„»」\n]{4,})[\"”“»」][ \t]*(?:[:：=—–-]|\bis\b)?[ \t]*(?P<output>[^\s\"“”:：][^\n\"“”]{0,40})$",
    re.MULTILINE,
)


def _said(prompt: str) -> Found:
    """Lines of a quotation and what it is called: three at least."""
    matches = list(_SAID.finditer(prompt))
    if len(matches) < 3 or not all(re.search(r"\w", match["output"]) for match in matches):
        return [], []
    if any(len(match["output"].split()) > 4 for match in matches):
        return [], []
    rows = [Row({BARE: match["input"].strip()}, match["output"].strip(" .")) for match in matches]
    return rows, [match.span() for match in matches]


_BELOW = re.compile(
    r"^(?P<input>[^\n]+)\n[ \t]*(?:-{1,2}>|={1,2}>|>>|→|⇒|➜)[ \t]*(?P<output>[^\n]+)$",
    re.MULTILINE,
)


_CSV_HEADER = re.compile(r"^[ \t]*[\w ]{1,24}(?:[,;\t][\w ]{1,24}){1,3}$", re.MULTILINE)


def _csv(prompt: str) -> Found:
    """A header line and rows under it, as a CSV file has them: two at least."""
    for header in _CSV_HEADER.finditer(prompt):
        separator = next(mark for mark in "\t;," if mark in header.group())
        names = [name.strip().lower() for name in header.group().split(separator)]
        if separator == "\t" and not _are_names(names):
            continue
        end, rows = header.end(), []
        for line in prompt[header.end() + 1 :].split("\n"):
            cells = next(iter(csv.reader([line], delimiter=separator)), [])
            if len(cells) != len(names) or not cells[0].strip():
                break
            end += len(line) + 1
            if cells[-1].strip() and "{" not in line:
                fields = dict(zip(names, (cell.strip() for cell in cells), strict=True))
                rows.append(
                    _of_fields({name: text for name, text in fields.items() if name not in ("id", "#", "no")})
                )
        quoted = '"' in prompt[header.end() : end] or separator == "\t"
        if len(rows) > 1 and quoted and len(rows[0].input) > 0:
            return rows, [(header.start(), min(end, len(prompt)))]
    return [], []


_SEPARATED = re.compile(
    r"^(?P<input>[^\n]+?)[ \t]*(?P<mark>::|\|\|\||[ \t]=[ \t]|[ \t];)[ \t]*(?P<output>\S[^\n:;=|]{0,30})$",
    re.MULTILINE,
)


def _separated(prompt: str) -> Found:
    """Lines `a sentence = label` of one mark, three at least, the answers shorter than what is asked."""
    matches = [
        match
        for match in _SEPARATED.finditer(prompt)
        if match["input"].strip(" :;=|") and "{" not in match["input"]
    ]
    if len(matches) < 3 or len({match["mark"].strip() for match in matches}) > 1:
        return [], []
    if any(len(match["output"].split()) > 3 for match in matches):
        return [], []
    if sum(len(match["input"].split()) for match in matches) < 3 * len(matches):
        return [], []  # `code = meaning`
    rows = [Row({BARE: unquote(match["input"])}, unquote(match["output"])) for match in matches]
    return rows, [match.span() for match in matches]


def _below(prompt: str) -> Found:
    """The arrow with the answer on a line of its own: two at least."""
    matches = [
        match
        for match in _BELOW.finditer(prompt)
        if match["input"].strip(" :：") and "{" not in match["input"]
    ]
    if len(matches) < 2:
        return [], []
    rows = []
    for match in matches:
        name, colon, text = match["input"].partition(":")
        named = colon and _HEADER.fullmatch(name.strip()) is not None
        fields = {name.strip().lower(): unquote(text)} if named else {BARE: unquote(match["input"])}
        rows.append(Row(fields, unquote(match["output"])))
    return rows, [match.span() for match in matches]


def _paragraphs(prompt: str) -> Found:
    """After "Here are some examples:", paragraphs of two lines each: the input, then the output."""
    for match in re.finditer(
        rf"(?:^|(?<=[.!?] )){ANNOUNCEMENT}[ \t]*\n+", prompt, re.IGNORECASE | re.MULTILINE
    ):
        rows: list[Row] = []
        position = match.end()
        for paragraph in prompt[position:].split("\n\n"):
            lines = paragraph.strip("\n").split("\n")
            if len(lines) != 2:
                break
            rows.append(Row({BARE: unquote(lines[0])}, unquote(lines[1])))
            position += len(paragraph) + 2
        if len(rows) >= 2:
            return rows, [(match.start(), min(position, len(prompt)))]
    return [], []


_FORMS: tuple[tuple[str, Callable[[str], Found]], ...] = (
    ("JSON objects", _json),
    ('input="..." output="..."', _quoted),
    ('name="..." name="..."', _pairs),
    ("tags", _tags),
    ("labelled lines", _labelled),
    ("texts under headings", _headings),
    ("lines of two names", _named_twice),
    ("a table with a header", _csv),
    ("answers below", _below),
    ("arrows", _arrows),
    ("two columns", _columns),
    ("quotations", _said),
    ("a mark between", _separated),
    ("paragraphs of two lines", _paragraphs),
)
