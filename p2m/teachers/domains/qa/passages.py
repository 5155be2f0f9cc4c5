"""A passage about one topic, with a question on one of its sentences, from the frames.

The asked fact stands in it once. Another entity of the same kind may be said the same of, with other values,
so that the question's own words must be read to tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from p2m.teachers.domains.qa.frames import Frame, Question, Sentence, frames, render
from p2m.teachers.domains.qa.lexicon import choices
from p2m.teachers.domains.qa.topics import attributed, make
from p2m.teachers.domains.qa.values import Value

Filler = Callable[[Random], str]


@dataclass(frozen=True, slots=True)
class Item:
    """A question on a passage, with its answer, which the passage holds once."""

    question: str
    context: str
    answer: str
    relation: str  # "people.birth"
    group: str = ""  # rows of one group share their passage; "" where no other row does


@cache
def by_topic() -> dict[str, tuple[Frame, ...]]:
    """Topic kind -> the frames that speak of it."""
    table: dict[str, tuple[Frame, ...]] = {}
    for frame in frames():
        for topic in frame.topics:
            table[topic] = (*table.get(topic, ()), frame)
    return table


@cache
def _starts() -> tuple[tuple[str, Frame], ...]:
    return tuple((topic, frame) for topic, known in sorted(by_topic().items()) for frame in known)


def passage(rng: Random, filler: Filler) -> Item | None:
    """Compose one; None where the draw came out ambiguous and the caller should draw again."""
    kind, frame = rng.choice(_starts())
    question = rng.choice(frame.questions)
    used: set[str] = set()
    topic = _fresh(rng, kind, used)
    others = _others(rng, kind, frame)
    first = question.answer == "t" or not others or rng.random() < 0.3
    asked = _state(rng, frame, question, topic, used, first)
    if asked is None:
        return None
    sentence, values = asked
    told = [_aside(rng, other, topic, used, opening=not first and not at) for at, other in enumerate(others)]
    place = 0 if first else rng.randint(1, len(told))
    lines = [*told[:place], sentence.text, *told[place:]]
    rival = _rival(rng, kind, frame, question, values, used)
    lines = _mixed(rng, lines, rival, filler)
    text = _asked(rng, question, values, sentence, rival)
    answer = _answer(question, values, sentence)
    context = " ".join(lines)
    if answer is None or context.count(answer) != 1 or answer in text:
        return None
    return Item(text, context, answer, f"{frame.domain}.{frame.name}")


def _fresh(rng: Random, kind: str, used: set[str]) -> Value:
    """A value of a kind that the passage does not speak of yet."""
    for _ in range(6):
        value = make(kind, rng)
        if value.text not in used:
            break
    used.add(value.text)
    return value


def _fill(rng: Random, frame: Frame, topic: Value, used: set[str]) -> dict[str, Value]:
    return {
        "t": topic,
        **{slot: attributed(_fresh(rng, kind, used), kind, rng) for slot, kind in frame.slots},
    }


def _state(
    rng: Random, frame: Frame, question: Question, topic: Value, used: set[str], first: bool
) -> tuple[Sentence, dict[str, Value]] | None:
    """The asked sentence, which holds the answer and whatever the question mentions.

    The first sentence on the topic names it; later ones may use its short name, a noun or a pronoun.
    """
    wanted = question.uses | {question.answer.partition(".")[0]}
    told = frame.statements[question.only - 1 : question.only] if question.only else frame.statements
    ways = [way for way in told if wanted - {"t"} <= way.names]
    if not ways:
        return None
    way = rng.choice(ways)
    mode = "" if first else rng.choice(("", "short", "common", "he", "he"))
    for _ in range(4):
        values = _fill(rng, frame, topic, used)
        sentence = render(way.nodes, values, mode, rng, swap=0.06, asides=True)
        if wanted - {"t"} <= sentence.spans.keys():
            return sentence, values
    return None


# Relations of one topic that speak of the same matter in other words; of each pair a passage tells one.
_CLASHES = (
    ("date_place", "outcome"),
    ("adaptation", "cast"),
    ("tactics", "date_place"),
    ("crisis", "span_h"),
)


def _others(rng: Random, kind: str, frame: Frame) -> list[Frame]:
    clashing = {name for pair in _CLASHES if frame.name in pair for name in pair}
    known = [other for other in by_topic()[kind] if other is not frame and other.name not in clashing]
    return rng.sample(known, min(len(known), rng.choice((0, 1, 2, 3, 3, 4, 5))))


def _aside(rng: Random, frame: Frame, topic: Value, used: set[str], *, opening: bool) -> str:
    """A sentence that says something else of the topic; the opening one names it in full."""
    mode = "" if opening else rng.choice(("short", "short", "common", "he", "he", "he"))
    return render(
        rng.choice(frame.statements).nodes, _fill(rng, frame, topic, used), mode, rng, swap=0.06
    ).text


@dataclass(frozen=True, slots=True)
class _Rival:
    text: str
    topic: Value


def _rival(
    rng: Random, kind: str, frame: Frame, question: Question, values: dict[str, Value], used: set[str]
) -> _Rival | None:
    """The same relation of another entity; only where the question tells the two apart."""
    telling = question.uses - {question.answer.partition(".")[0]}
    if not telling or rng.random() < 0.4:
        return None
    other = _fresh(rng, kind, used)
    theirs = _fill(rng, frame, other, used)
    same = [name for name in values if values[name].text == theirs[name].text]
    if same:
        return None
    lead = rng.choice(("", "", "", "By contrast, ", "Meanwhile, ", "Earlier, ", "Similarly, ", "Elsewhere, "))
    text = render(rng.choice(frame.statements).nodes, theirs, "", rng, swap=0.06, asides=True).text
    if lead and text.split(" ")[0] in ("The", "In", "On", "Under", "After", "A", "An", "As", "By", "For"):
        text = lead + text[0].lower() + text[1:]
    return _Rival(text, other)


def _mixed(rng: Random, lines: list[str], rival: _Rival | None, filler: Filler) -> list[str]:
    """The lines with the rival's and some idle ones between or after them, never before a pronoun's name."""
    lines = [_linked(rng, line) if at else line for at, line in enumerate(lines)]
    if rival:
        lines.insert(rng.choice((0, len(lines))), rival.text)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        lines.insert(rng.choice((0, len(lines))), filler(rng))
    return lines


_LINKS = choices()["links"]
_LEADS = frozenset(choices()["linkable openings"])


def _linked(rng: Random, line: str) -> str:
    """The sentence, now and then with a word that links it to the one before."""
    if rng.random() > 0.12 or line.split(" ", 1)[0] not in _LEADS:
        return line
    return rng.choice(_LINKS) + line[0].lower() + line[1:]


def _asked(
    rng: Random, question: Question, values: dict[str, Value], sentence: Sentence, rival: _Rival | None
) -> str:
    """The question in words. Marks that it mentions are quoted from the sentence."""
    topic = values["t"]
    alike = rival is not None and rival.topic.form("short") == topic.form("short")
    vague = topic.form("short").startswith("the ") and rng.random() < 0.6
    mode = "" if alike or vague or rng.random() < 0.55 else "short"
    quoted = {
        name: Value(sentence.text[slice(*span)])
        for name, span in sentence.spans.items()
        if name not in values
    }
    return render(question.nodes, {**values, **quoted}, mode, rng, swap=0.22).text


_HEDGE = re.compile(
    r"^(?:about|approximately|around|some|nearly|almost|roughly) (?=[\d$£€]|[a-z-]+ [a-z])", re.IGNORECASE
)


def bare(text: str) -> str:
    """An amount without the word that only says that it is not exact; "over" and "at least" belong to it."""
    return _HEDGE.sub("", text)


def _answer(question: Question, values: dict[str, Value], sentence: Sentence) -> str | None:
    name, _, form = question.answer.partition(".")
    start, end = sentence.spans[name]
    text = sentence.text[start:end]
    if not form:
        return bare(text)
    part = values[name].form(form)
    return part if re.search(rf"\b{re.escape(part)}\b", text) else None
