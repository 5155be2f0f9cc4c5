"""Frames: one relation with the ways to state it and to ask about it, read from the files of `frames/`.

    @ company, club                     topic kinds of the frames that follow
    # founding                          a relation
    c:city y:year p:person              its slots and their types, beside the topic `t`
    . {t} was founded in {c} in {y}.    a statement
    ? y | When was {t} founded?         questions whose answer is slot y, several parted by " | "
    ?1 y | When ...?                    the same, but only of what statement 1 says

In a text, `{slot}` is a value, `{slot.form}` another form of it (`{d.year}`), `{t's}` its possessive,
`[this|that|]` a choice, and `<w:because {x} fell>` names a stretch of text so that it can be an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from p2m.teachers.domains.qa import nouns as _nouns  # noqa: F401  registers its slot types
from p2m.teachers.domains.qa.lexicon import synonyms
from p2m.teachers.domains.qa.topics import TOPICS, make
from p2m.teachers.domains.qa.values import Value

_TOKEN = re.compile(r"\{([^{}]+)\}|<(\w+):|([\[\]|>])|([^\[\]|<>{}]+)")


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    form: str  # "" for the surface, "'s" for the possessive


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    name: str
    body: tuple[Node, ...]


Node = str | Slot | Choice | Mark


@dataclass(frozen=True, slots=True)
class Question:
    answer: str  # slot, slot.form or mark
    nodes: tuple[Node, ...]
    uses: frozenset[str]  # slots that some rendering mentions
    only: int  # the statement (from 1) that it may be asked of; 0 for any


@dataclass(frozen=True, slots=True)
class Statement:
    nodes: tuple[Node, ...]
    names: frozenset[str]  # slots and marks that some rendering holds


@dataclass(frozen=True, slots=True)
class Frame:
    """A relation of a topic."""

    domain: str  # the file it comes from: "people"
    topics: tuple[str, ...]
    name: str
    slots: tuple[tuple[str, str], ...]  # (slot, type)
    statements: tuple[Statement, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A statement in words, with the places of its slots and marks: name -> (start, end)."""

    text: str
    spans: dict[str, tuple[int, int]]


# --------------------------------------------------------------------------- reading


def parse(text: str) -> tuple[Node, ...]:
    """A text of a frame file as nodes.

    Raises:
        ValueError: unbalanced brackets.
    """
    tokens = list(_TOKEN.finditer(text))
    nodes, at = _sequence(tokens, 0, "")
    if at != len(tokens):
        raise ValueError(f"unbalanced brackets: {text}")
    return nodes


def _sequence(tokens: list[re.Match[str]], at: int, closing: str) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    while at < len(tokens):
        slot, mark, sign, words = tokens[at].groups()
        if sign in ("|", "]", ">"):
            break
        at += 1
        if slot:
            name, _, form = (slot[:-2], "", "'s") if slot.endswith("'s") else slot.partition(".")
            nodes.append(Slot(name, form))
        elif mark:
            body, at = _sequence(tokens, at, ">")
            nodes.append(Mark(mark, body))
            at += 1
        elif sign == "[":
            options: list[tuple[Node, ...]] = []
            while True:
                option, at = _sequence(tokens, at, "]")
                options.append(option)
                if at >= len(tokens):
                    raise ValueError("a choice that does not end")
                at += 1
                if tokens[at - 1].group(3) == "]":
                    break
            nodes.append(Choice(tuple(options)))
        else:
            nodes.append(words)
    return tuple(nodes), at


def mentioned(nodes: tuple[Node, ...]) -> frozenset[str]:
    """Slots and marks in any rendering of the nodes."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Slot):
            found.add(node.name)
        elif isinstance(node, Mark):
            found |= {node.name} | mentioned(node.body)
        elif isinstance(node, Choice):
            found.update(*(mentioned(option) for option in node.options))
    return frozenset(found)


def _marks(nodes: tuple[Node, ...]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Mark):
            found |= {node.name} | _marks(node.body)
        elif isinstance(node, Choice):
            found.update(*(_marks(option) for option in node.options))
    return found


@cache
def frames() -> tuple[Frame, ...]:
    """Every frame of the folder `frames/`, in the order of file names and lines."""
    folder = Path(__file__).parent / "frames"
    return tuple(
        frame
        for path in sorted(folder.glob("*.txt"))
        for frame in read(path.read_text(encoding="utf-8"), path.name)
    )


def read(text: str, origin: str) -> Iterator[Frame]:
    """The frames of one file.

    Raises:
        ValueError: a line that is not understood, with its place.
    """
    topics: tuple[str, ...] = ()
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*text.splitlines(), "@ end"], 1):
        line = line.strip()
        if line[:1] in ("@", "#") and block:
            yield _frame(topics, block, origin)
            block = []
        if line.startswith("@"):
            topics = tuple(name.strip() for name in line[1:].split(","))
        elif line and not line.startswith("//"):
            block.append((number, line))


def _frame(topics: tuple[str, ...], block: list[tuple[int, str]], origin: str) -> Frame:
    name, slots = "", []
    statements: list[Statement] = []
    questions: list[Question] = []
    for number, line in block:
        sign, rest = line[0], line[1:].strip()
        try:
            if sign == "#":
                name = rest
            elif sign == ".":
                nodes = parse(rest)
                statements.append(Statement(nodes, mentioned(nodes)))
            elif sign == "?":
                answer, _, forms = rest.partition("|")
                only, answer = (int(answer[0]), answer[1:]) if answer[:1].isdigit() else (0, answer)
                questions += [_question(answer.strip(), form.strip(), only) for form in _forms(forms)]
            else:
                slots += [(part.partition(":")[0], part.partition(":")[2]) for part in line.split()]
        except ValueError as error:
            raise ValueError(f"{origin}:{number}: {error}") from None
    frame = Frame(
        origin.removesuffix(".txt"), topics, name, tuple(slots), tuple(statements), tuple(questions)
    )
    _check(frame, f"{origin}:{block[0][0]}")
    return frame


def _forms(text: str) -> list[str]:
    """Question forms, parted by bars outside brackets."""
    depth, parts = 0, [""]
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if sign == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _question(answer: str, form: str, only: int) -> Question:
    nodes = parse(form)
    return Question(answer, nodes, mentioned(nodes), only)


def _check(frame: Frame, place: str) -> None:
    """Every name that is used is there, so that no frame can fail while rows are made."""
    known = {"t"} | {slot for slot, _ in frame.slots}
    problems = [f"topic {topic!r}" for topic in frame.topics if topic not in TOPICS]
    for slot, kind in frame.slots:
        try:
            make(kind, Random(0))
        except KeyError:
            problems.append(f"type {kind!r} of slot {slot!r}")
    everywhere: frozenset[str] = frozenset()
    for statement in frame.statements:
        everywhere |= statement.names
        problems += [f"another name for mark {name!r}" for name in _marks(statement.nodes) & known]
        problems += [
            f"slot {name!r} in a statement" for name in statement.names - known - _marks(statement.nodes)
        ]
    for question in frame.questions:
        held = everywhere
        problems += [f"slot {name!r} in a question" for name in question.uses - held - {"t"}]
        if question.only > len(frame.statements):
            problems.append(f"statement {question.only}")
        elif question.only:
            held = frame.statements[question.only - 1].names
        if question.answer.partition(".")[0] not in held:
            problems.append(f"answer {question.answer!r}, which no statement holds")
    if not frame.statements or not frame.questions:
        problems.append("a statement or a question")
    if problems:
        raise ValueError(f"{place}: frame {frame.name!r} lacks {', '.join(sorted(set(problems)))}")


# --------------------------------------------------------------------------- rendering


@dataclass(slots=True)
class _Page:
    """A sentence while it is written."""

    values: dict[str, Value]
    topic: str
    rng: Random
    swap: float  # probability that a word with synonyms is replaced
    asides: bool
    parts: list[str]
    spans: dict[str, tuple[int, int]]
    at: int = 0

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.at += len(text)


def render(
    nodes: tuple[Node, ...],
    values: dict[str, Value],
    topic: str,
    rng: Random,
    *,
    swap: float = 0.0,
    asides: bool = False,
) -> Sentence:
    """The nodes in words.

    Args:
        topic: the form in which `{t}` is spoken of: "" (in full), "short", "common" or "he".
        asides: whether to say what values carry besides themselves, before and after their spans.
        swap: probability, 0 to 1, that a word of the frame that has synonyms is replaced by one.
    """
    page = _Page(values, topic, rng, swap, asides, [], {})
    _write(nodes, page)
    text = "".join(page.parts)
    return Sentence(text[:1].upper() + text[1:], page.spans)


def _write(nodes: tuple[Node, ...], page: _Page) -> None:
    for node in nodes:
        if isinstance(node, str):
            page.put(_reworded(node, page.rng, page.swap) if page.swap else node)
        elif isinstance(node, Slot):
            text = _spoken(node, page)
            forms = page.values[node.name].forms if page.asides and not node.form else {}
            _agree(forms.get("before", text), page)
            page.put(forms.get("before", ""))
            start = page.at
            page.put(text)
            if node.form in ("", "'s"):
                bare = text.removesuffix("'s") if node.form else text
                page.spans.setdefault(node.name, (start, start + len(bare)))
            page.put(forms.get("after", ""))
        elif isinstance(node, Choice):
            _write(page.rng.choice(node.options), page)
        else:
            start = page.at
            _write(node.body, page)
            page.spans.setdefault(node.name, (start, page.at))


@cache
def _words(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The text in pieces, each with the words that may replace it."""
    pieces = re.split(r"(\w[\w-]*)", text)
    return tuple((piece, synonyms().get(piece, ())) for piece in pieces if piece)


def _reworded(text: str, rng: Random, swap: float) -> str:
    return "".join(
        rng.choice(others) if others and rng.random() < swap else piece for piece, others in _words(text)
    )


def _agree(text: str, page: _Page) -> None:
    """Turn an "a" just written into "an" before a vowel."""
    if page.parts and text[:1] in "aeiouAEIO" and re.search(r"(^|\s)[Aa] $", page.parts[-1]):
        page.parts[-1] = page.parts[-1][:-1] + "n "
        page.at += 1


def _spoken(slot: Slot, page: _Page) -> str:
    value = page.values[slot.name]
    if slot.name == "t" and slot.form in ("", "'s"):
        if page.topic == "he":
            before = page.parts[-1] if page.parts else ""
            subject = not before or before.endswith(
                (", ", "that ", "which ", "when ", "where ", "because ", "; ")
            )
            if slot.form or subject:
                return value.form("his" if slot.form else "he")
            text = value.form("short")  # a pronoun reads badly where a name is no subject
        else:
            text = value.form(page.topic) if page.topic else value.text
    else:
        text = value.form(slot.form) if slot.form not in ("", "'s") else value.text
    return text + ("'s" if slot.form == "'s" else "")
