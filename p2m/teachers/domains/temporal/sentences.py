"""Sentences around expressions: news, mail, chat, forum and report voices over the lexicon's clauses.

A sentence is a list of pieces, text and `Phrase`s, so that where an expression stands, and in which order, is
known and never searched for. The tense of a clause is chosen first and handed to the form that fills it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random

from p2m.teachers.domains.temporal import distractors, expressions
from p2m.teachers.domains.temporal.dates import Direction
from p2m.teachers.domains.temporal.expressions import Phrase
from p2m.teachers.domains.temporal.lexicon import LEXICON, PREDICATES

Piece = str | Phrase
Maker = Callable[[Random, date, Direction], Phrase]  # dated or undated


@dataclass(frozen=True, slots=True)
class Sentence:
    """Pieces in order, and the template they come from."""

    template: str
    pieces: tuple[Piece, ...]

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Phrase))


@dataclass(frozen=True, slots=True)
class _Clause:
    """A subject and what it did, without the when."""

    template: str
    subject: str
    verb: str

    @property
    def text(self) -> str:
        return f"{self.subject} {self.verb}".strip()


# --------------------------------------------------------------------------- filling slots


@cache
def _parts(template: str) -> tuple[str, ...]:
    return tuple(re.split(r"\{(\w+)\}", template))


def fill(template: str, rng: Random, anchor: date) -> str:
    """The template with every slot filled, those inside fillers included."""
    parts = _parts(template)
    if len(parts) == 1:
        return template
    out = list(parts)
    for index in range(1, len(parts), 2):
        out[index] = _slot(parts[index], rng, anchor)
    return "".join(out)


def _slot(slot: str, rng: Random, anchor: date) -> str:
    if slot in LEXICON:
        return fill(rng.choice(LEXICON[slot]), rng, anchor)
    if slot.endswith("_cap"):
        return upper_first(_slot(slot[:-4], rng, anchor))
    if slot == "person":
        return f"{rng.choice(LEXICON['first'])} {rng.choice(LEXICON['last'])}"
    if slot == "count":
        return rng.choice((str(rng.randint(12, 999)), f"{rng.randint(2, 90)},{rng.randrange(1000):03d}"))
    if slot == "amount":
        return rng.choice(
            (f"${rng.randint(5, 950)} million", f"{rng.randint(20, 990)} euros", f"${rng.randint(20, 990)}")
        )
    if slot == "score":
        return f"{rng.randint(0, 5)}-{rng.randint(0, 5)}"
    if slot == "code":
        return "".join(rng.choice("ABCDEFGHKLMNPRSTUVX") for _ in range(2)) + str(rng.randint(100, 99999))
    found = distractors.slots(rng, slot, anchor)
    if found is None:
        raise KeyError(f"no list for the slot {{{slot}}}")
    return fill(found, rng, anchor)


def upper_first(text: str) -> str:
    """The text with a capital at its start, the rest as it is."""
    return text[:1].upper() + text[1:]


# --------------------------------------------------------------------------- clauses

_FUTURES = (("will", "will"), ("will", "will"), ("is going to", "are going to"), ("plans to", "plan to"),
            ("is due to", "are due to"), ("hopes to", "hope to"), ("is expected to", "are expected to"),
            ("is set to", "are set to"), ("wants to", "want to"))  # fmt: skip
_THING_FUTURES = (_FUTURES[0], *(pair for pair in _FUTURES if pair[0].startswith("is ")))
_CHAT_FUTURES = ("will", "'ll", "am going to", "plan to", "have to", "want to", "hope to", "'m gonna")


def _predicate(kind: str, rng: Random, anchor: date, tense: Direction) -> tuple[int, str]:
    index = rng.randrange(len(PREDICATES[kind]))
    past, base = PREDICATES[kind][index]
    return index, fill(past if tense == "past" else base, rng, anchor)


def _third_person(
    kind: str, subject: str, rng: Random, anchor: date, tense: Direction, plural: bool = False
) -> _Clause:
    index, verb = _predicate(kind, rng, anchor, tense)
    if tense == "future":
        futures = _THING_FUTURES if kind == "place" else _FUTURES
        verb = f"{rng.choice(futures)[plural]} {verb}"
    return _Clause(f"{kind}{index}", subject, verb)


def _public(rng: Random, anchor: date, tense: Direction) -> _Clause:
    kind = rng.random()
    if kind < 0.12:
        subject = fill(distractors.name(rng), rng, anchor)
    elif kind < 0.55:
        subject = fill("{person}", rng, anchor)
    else:
        subject = fill(rng.choice(LEXICON["role"]), rng, anchor)
    return _third_person("public", subject, rng, anchor, tense)


def _company(rng: Random, anchor: date, tense: Direction) -> _Clause:
    return _third_person("company", fill("{org}", rng, anchor), rng, anchor, tense)


def _sport(rng: Random, anchor: date, tense: Direction) -> _Clause:
    subject = fill(rng.choice(LEXICON["team"]), rng, anchor)
    return _third_person("sport", subject, rng, anchor, tense, plural=True)


def _place(rng: Random, anchor: date, tense: Direction) -> _Clause:
    return _third_person("place", fill("{thing}", rng, anchor), rng, anchor, tense)


def _nature(rng: Random, anchor: date, tense: Direction) -> _Clause:
    index, verb = _predicate("nature", rng, anchor, tense)
    return _Clause(f"nature{index}", "", verb)


def _casual(rng: Random, anchor: date, tense: Direction) -> _Clause:
    index, verb = _predicate("casual", rng, anchor, tense)
    template = f"casual{index}"
    if " my " in f" {verb} " or rng.random() < 0.55:
        if tense == "past":
            return _Clause(
                template, rng.choice(("I", "I", "I", "we")) if " my " not in f" {verb} " else "I", verb
            )
        future = rng.choice(_CHAT_FUTURES)
        return _Clause(template, "I" + (future if future[0] == "'" else f" {future}"), verb)
    subject = fill(rng.choice(LEXICON["relative"]), rng, anchor)
    if tense == "past":
        return _Clause(template, subject, verb)
    return _Clause(template, subject, f"will {verb}")


def _durative(rng: Random, anchor: date, tense: Direction) -> _Clause:
    name = rng.random() < 0.15
    subject = fill(distractors.name(rng) if name else rng.choice(("{person}", "{first}")), rng, anchor)
    if rng.random() < 0.3:
        index, verb = _predicate("durative", rng, anchor, tense)
        verb = verb.replace("was ", "were ", 1) if verb.startswith("was ") else verb
        return _Clause(f"durative{index}", "we", verb if tense == "past" else f"will {verb}")
    return _third_person("durative", subject, rng, anchor, tense)


_NEWS = (_public, _public, _public, _company, _company, _sport, _place, _nature)


def clause(rng: Random, anchor: date, tense: Direction, voice: str) -> _Clause:
    """Something that happened or will, in the voice's world."""
    makers = (
        (_casual,)
        if voice in ("chat", "mail")
        else (_casual, _casual, _place, _sport)
        if voice == "forum"
        else _NEWS
    )
    return rng.choice(makers)(rng, anchor, tense)


# --------------------------------------------------------------------------- sentences with one expression


def _with_lead(phrase: Phrase) -> tuple[Piece, ...]:
    return (phrase.lead, phrase) if phrase.lead else (phrase,)


def simple(rng: Random, anchor: date, tense: Direction, voice: str, maker: Maker) -> Sentence:
    """A clause with its when at the end, in front, between, or within what someone said."""
    phrase = maker(rng, anchor, tense)
    lasting = phrase.form in ("duration", "frequency") or rng.random() < 0.04
    did = _durative(rng, anchor, tense) if lasting else clause(rng, anchor, tense, voice)
    when, order = _with_lead(phrase), rng.random()
    if order < 0.55 or (phrase.value is None and order < 0.7):
        return Sentence(f"end.{did.template}", (f"{did.text} ", *when, "."))
    if order < 0.82 or voice != "news" or not did.subject:
        return Sentence(f"front.{did.template}", (*when, rng.choice((", ", ", ", " ")), f"{did.text}."))
    if tense == "past" and order < 0.92 and phrase.nominal:
        return Sentence(f"mid.{did.template}", (f"{did.subject} ", *when, f" {did.verb}."))
    said = fill(rng.choice(LEXICON["speaker"]), rng, anchor)
    return Sentence(f"said.{did.template}", (f"{said} said {did.text} ", *when, "."))


def attributed(rng: Random, anchor: date, tense: Direction, voice: str, maker: Maker) -> Sentence:
    """`The mayor said on Friday that the bridge will reopen in May.`: two expressions, one past."""
    said, did = maker(rng, anchor, "past"), clause(rng, anchor, tense, voice)
    speaker, when = fill(rng.choice(LEXICON["speaker"]), rng, anchor), maker(rng, anchor, tense)
    return Sentence(
        f"told.{did.template}",
        (f"{speaker} said ", *_with_lead(said), f" that {did.text} ", *_with_lead(when), "."),
    )


def coordinated(rng: Random, anchor: date, tense: Direction, voice: str, maker: Maker) -> Sentence:
    """Two clauses, each with its when."""
    other: Direction = rng.choice(("past", "future"))
    one, two = clause(rng, anchor, tense, voice), clause(rng, anchor, other, voice)
    first, second = maker(rng, anchor, tense), maker(rng, anchor, other)
    joint = rng.choice((", and ", " and ", ", but ", "; ", ", while "))
    pieces = (f"{one.text} ", *_with_lead(first), f"{joint}{two.text} ", *_with_lead(second), ".")
    return Sentence(f"and.{one.template}", pieces)


# --------------------------------------------------------------------------- templates with open places

_OPEN = re.compile(r"\{(N2|N|A|P|Y|M2|M)\}")


def _of(table: tuple[str, ...], tense: Direction) -> tuple[tuple[int, str], ...]:
    mark = ">" if tense == "future" else "<"
    return tuple((index, line[2:]) for index, line in enumerate(table) if line[0] == mark)


_TABLES = {
    (name, tense): _of(LEXICON[name], tense)
    for name in ("nominal", "possessive", "yearly", "range")
    for tense in ("past", "future")
}


def templated(rng: Random, anchor: date, tense: Direction, table: str) -> Sentence:
    """A sentence of the tables nominal, possessive, yearly or range."""
    index, line = rng.choice(_TABLES[table, tense])
    places = {} if table != "range" else _range(rng, anchor, tense, line)
    pieces: list[Piece] = []
    for position, part in enumerate(_OPEN.split(line)):
        if position % 2 == 0:
            pieces.append(fill(part, rng, anchor))
        elif part == "A":
            pieces.extend(_with_lead(expressions.dated(rng, anchor, tense)))
        else:
            pieces.append(places.get(part) or _noun(part, rng, anchor, tense))
    return Sentence(f"{table}{index}", tuple(piece for piece in pieces if piece))


def _noun(place: str, rng: Random, anchor: date, tense: Direction) -> Phrase:
    if place == "P":
        return expressions.dated_possessive(rng, anchor, tense)
    if place == "Y":
        return expressions.dated_year(rng, anchor, tense)
    return expressions.dated_nominal(rng, anchor, tense)


_RANGED = {  # what spans months or years in the past, days in the future
    "past": ("year", "month_year", "month", "full_date"),
    "future": ("month_year", "month", "month_day", "full_date", "weekday", "weekday_date"),
}


def _range(rng: Random, anchor: date, tense: Direction, line: str) -> dict[str, Phrase]:
    """Two expressions of one form, the earlier one first."""
    names = ("M", "M2") if "{M}" in line else ("N", "N2")
    while True:
        first = expressions.dated(rng, anchor, tense)
        if first.form not in _RANGED[tense]:
            continue
        for _ in range(200):
            second = expressions.dated(rng, anchor, tense)
            if second.form == first.form and second.value != first.value:
                ordered = sorted((first, second), key=lambda phrase: phrase.value or "")
                return dict(zip(names, ordered, strict=True))


def plain(rng: Random, anchor: date) -> Sentence:
    """A sentence that has nothing to do with time."""
    index = rng.randrange(len(LEXICON["plain"]))
    return Sentence(f"plain{index}", (fill(LEXICON["plain"][index], rng, anchor),))


def filler(rng: Random, anchor: date) -> Sentence:
    """A short sentence to stand beside another."""
    index = rng.randrange(len(LEXICON["filler"]))
    return Sentence(f"filler{index}", (fill(LEXICON["filler"][index], rng, anchor),))


def misleading(rng: Random, anchor: date) -> Sentence:
    """A sentence that looks temporal and dates nothing."""
    index = rng.randrange(len(distractors.SENTENCES))
    return Sentence(f"misleading{index}", (fill(distractors.SENTENCES[index], rng, anchor),))


def timeless(rng: Random, anchor: date, voice: str) -> Sentence:
    """A clause that says what happened and not when."""
    tense: Direction = rng.choice(("past", "past", "future"))
    did = clause(rng, anchor, tense, voice)
    return Sentence(f"bare.{did.template}", (f"{did.text}.",))
