# ruff: noqa: E501  (choices of words read better on one line)
"""Sentences of open vocabulary: who did what, where, when, why and how, and questions on any constituent.

Relations written by hand teach how particular facts are told; this grammar teaches the rest: to find the
clause that a question speaks of, whatever its verb, and to cut out the constituent that is asked for. A clause
is built from some two hundred verbs with the classes of their subjects and objects; questions are derived from
its syntax.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from random import Random

from p2m.teachers.domains.qa import names, nouns
from p2m.teachers.domains.qa.lexicon import classes, verb_forms
from p2m.teachers.domains.qa.topics import make
from p2m.teachers.domains.qa.values import find


@dataclass(frozen=True, slots=True)
class Verb:
    base: str
    past: str
    part: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    prep: str  # "" where it takes none
    targets: tuple[str, ...]

    @property
    def third(self) -> str:
        if self.base.endswith(("s", "x", "ch", "sh", "z", "o")):
            return self.base + "es"
        return (
            self.base[:-1] + "ies"
            if self.base.endswith("y") and self.base[-2] not in "aeiou"
            else self.base + "s"
        )

    @property
    def ing(self) -> str:
        base = self.base
        if base.endswith("e") and not base.endswith("ee"):
            return base[:-1] + "ing"
        if base in _DOUBLED or (len(base) == 3 and base[1] in "aeiou" and base[-1] not in "aeiouwxy"):
            return base + base[-1] + "ing"
        return base + "ing"


_DOUBLED = {"ban", "repel", "expel", "map", "transmit", "control", "dig", "cut"}


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase: its words, its class, and its parts where it has them."""

    text: str
    kind: str
    brief: str = ""  # the phrase with less said, for questions
    modifier: str = ""  # one that can be asked for by "what kind of"
    head: str = ""
    number: str = ""
    plural: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """One event: a verb with its constituents, and adjuncts by role (time, place, cause, purpose, means)."""

    verb: Verb
    subject: Phrase
    object: Phrase
    target: Phrase | None
    adjuncts: dict[str, str] = field(default_factory=dict)
    present: bool = False


@cache
def verbs() -> tuple[Verb, ...]:
    return tuple(_verb(*columns) for columns in verb_forms())


def _verb(forms: str, subjects: str, objects: str, after: str) -> Verb:
    base, *others = forms.split()
    past, part = others or (past_of(base), past_of(base))
    prep, *targets = after.split() or ("",)
    return Verb(base, past, part, tuple(subjects.split()), tuple(objects.split()), prep, tuple(targets))


def past_of(base: str) -> str:
    """The past tense of a regular verb."""
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ied"
    return base + base[-1] + "ed" if base in _DOUBLED else base + "ed"


# --------------------------------------------------------------------------- constituents

_CLASSES = {"P": "people_p", "A": "art_n", "S": "sub_n", "C": "concept_n", "B": "abstr_n", "E": "event_n", "N": "nat_n", "X": "sci_p", "M": "animal", "F": "product"}  # fmt: skip


def phrase(rng: Random, kind: str, used: set[str]) -> Phrase:
    """A noun phrase of a class whose head the passage has not used yet."""
    for _ in range(8):
        made = _phrase(rng, kind)
        key = made.head or made.text
        if key not in used:
            used.add(key)
            return made
    return made


def _phrase(rng: Random, kind: str) -> Phrase:
    if kind == "I" and rng.random() < 0.1:
        several = [make("person", rng).text for _ in range(rng.choice((2, 2, 3)))]
        text = f"{', '.join(several[:-1])} and {several[-1]}"
        return Phrase(text, "I", text, head=text, plural=True)
    if kind == "I":
        someone = make("person" if rng.random() < 0.85 else "ruler", rng)
        return Phrase(someone.text, "I", someone.form("short"))
    if kind == "O":
        return _body(rng)
    if kind == "L":
        name = names.city(rng) if rng.random() < 0.5 else names.realm(rng)
        return Phrase(name, "L", name)
    if kind not in _CLASSES:
        word = find(kind)(rng).text
        return Phrase(word, "S" if kind == "disease" else "F", word, head=word)
    if kind in "AN" and rng.random() < 0.2:
        named = make("building" if kind == "A" else "nature", rng)
        return Phrase(named.text, kind, named.text)
    return _common(rng, kind)


def _body(rng: Random) -> Phrase:
    draw = rng.random()
    if draw < 0.35:
        name = make(rng.choice(("company", "institution", "party")), rng)
        return Phrase(name.text, "O", name.form("short"))
    if draw < 0.5:
        word = f"the {rng.choice(classes()['nationality'])} {rng.choice(('government', 'army', 'navy', 'parliament', 'court', 'authorities', 'church'))}"
        return Phrase(word, "O", word)
    word = rng.choice(classes()["orgs"])
    return Phrase(word, "O", word, head=word)


def _common(rng: Random, kind: str) -> Phrase:
    head = rng.choice(classes()[_CLASSES[kind]])
    many = kind in "PXF" or (kind in "AMB" and rng.random() < 0.4)
    noun = nouns.plural(head) if many and kind in "AMB" else head
    modifier = _modifier(rng) if rng.random() < 0.6 else ""
    core = f"{modifier} {noun}".strip()
    if many and (kind not in "AB" or rng.random() > 0.16):
        return _many(rng, kind, noun, core, modifier)
    if many or (kind in "SCABEN" and rng.random() < 0.16):
        return _complemented(rng, kind, core, noun, many)
    if kind in "SC":
        return Phrase(core, kind, noun if rng.random() < 0.4 else core, modifier, noun)
    tail = f" {rng.choice(('of', 'in', 'near', 'from'))} {names.city(rng)}" if rng.random() < 0.15 else ""
    if rng.random() < 0.5 or kind in "M":
        return Phrase(
            f"the {core}{tail}", kind, f"the {noun}" if rng.random() < 0.4 else f"the {core}", modifier, noun
        )
    brief = nouns.article(core) if rng.random() < 0.5 else f"the {core}"
    return Phrase(nouns.article(core) + tail, kind, brief, modifier, noun)


def _complemented(rng: Random, kind: str, core: str, noun: str, many: bool) -> Phrase:
    """A phrase with a complement that belongs to it: "the lack of fresh water", "a law on free speech"."""
    words = classes()
    link, other = {
        "A": (
            "of",
            rng.choice(
                (names.city(rng), words["people_p"][rng.randrange(40)], find("kind")(rng).text + " stone")
            ),
        ),
        "B": (
            rng.choice(("on", "against", "for")),
            find(rng.choice(("concept", "group", "goods")))(rng).text,
        ),
        "E": ("of", find(rng.choice(("group", "city", "decade")))(rng).text),
        "N": (rng.choice(("of", "between")), names.town(rng)),
    }.get(kind, ("of", find(rng.choice(("goods", "animals", "group", "science")))(rng).text))
    if link == "between":
        other = f"{other} and {names.town(rng)}"
    if kind in "SC":
        noun = rng.choice(
            ("lack", "use", "price", "study", "loss", "spread", "amount", "quality", "control", "growth")
        )
        core, other, link = noun, core, "of"
    lead = "" if many else rng.choice(("the ", "the ", "a ")) if kind not in "SC" else "the "
    lead = "an " if lead == "a " and core[0] in "aeiou" else lead
    text = f"{lead}{core} {link} {other}"
    brief = text if rng.random() < 0.6 else f"{lead}{core}"
    return Phrase(text, kind, brief, "", f"{noun} {link} {other}", plural=many)


def _modifier(rng: Random) -> str:
    draw = rng.random()
    words = classes()
    if draw < 0.6:
        return rng.choice(words["adj"])
    if draw < 0.75:
        return rng.choice(words["nationality"])
    if draw < 0.85:
        return rng.choice(words["material"] + words["color"])
    return f"{rng.choice(words['adj'])} {rng.choice(words['adj'])}" if draw < 0.92 else names.syllables(rng)


def _many(rng: Random, kind: str, noun: str, core: str, modifier: str) -> Phrase:
    draw = rng.random()
    if draw < 0.22 and kind in "PAMB":
        number = find(rng.choice(("few", "count")))(rng).text
        return Phrase(f"{number} {core}", kind, core, modifier, noun, number, plural=True)
    if draw < 0.3:
        other = rng.choice(classes()[_CLASSES[kind]])
        other = nouns.plural(other) if kind in "AMB" else other
        return Phrase(f"{core} and {other}", kind, f"{core} and {other}", "", noun, plural=True)
    if draw < 0.36 and kind in "PFX":
        first, second = rng.sample(classes()[_CLASSES[kind]], 2)
        text = f"{first}, {second} and {core}"
        return Phrase(text, kind, text, "", noun, plural=True)
    if draw < 0.55 and kind in "PAM":
        return Phrase(
            f"the {core}",
            kind,
            f"the {noun}" if rng.random() < 0.4 else f"the {core}",
            modifier,
            noun,
            plural=True,
        )
    if draw < 0.63:
        place = names.city(rng) if rng.random() < 0.5 else names.realm(rng)
        return Phrase(f"{core} from {place}", kind, core, modifier, noun, plural=True)
    return Phrase(core, kind, noun if rng.random() < 0.3 else core, modifier, noun, plural=True)


def clause(rng: Random, used: set[str], verb: Verb | None = None) -> Clause:
    """A clause whose verb and heads the passage has not used yet (the verb may be forced)."""
    chosen = verb or rng.choice(verbs())
    while verb is None and chosen.base in used:
        chosen = rng.choice(verbs())
    used.add(chosen.base)
    subject = phrase(rng, rng.choice(chosen.subjects), used)
    target_object = phrase(rng, rng.choice(chosen.objects), used)
    target = phrase(rng, rng.choice(chosen.targets), used) if chosen.prep and rng.random() < 0.6 else None
    present = subject.plural and subject.kind in "XMP" and target_object.number == "" and rng.random() < 0.4
    return Clause(chosen, subject, target_object, target, _adjuncts(rng, present, used), present)


def _adjuncts(rng: Random, present: bool, used: set[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    roles = rng.sample(
        ("time", "place", "cause", "purpose", "means", "time", "result"), rng.choice((0, 1, 1, 1, 2, 2, 3))
    )
    if "cause" in roles and "purpose" in roles:
        roles.remove("cause")
    for role in roles:
        if role == "time" and present:
            continue
        chosen[role] = _ADJUNCTS[role](rng, used)
    return chosen


def _time(rng: Random, used: set[str]) -> str:
    draw = rng.random()
    if draw < 0.45:
        return f"in {find('year')(rng).text}"
    if draw < 0.6:
        return f"on {rng.randint(1, 28)} {rng.choice(classes()['month'])} {find('year')(rng).text}"
    if draw < 0.7:
        return f"on {rng.choice(classes()['month'])} {rng.randint(1, 28)}, {find('year')(rng).text}"
    if draw < 0.78:
        return f"in {find('decade')(rng).text}"
    if draw < 0.86:
        return f"in {find('century')(rng).text}"
    if draw < 0.93:
        return f"{rng.choice(('during', 'after', 'before'))} {find('event')(rng).text}"
    return f"from {find('years')(rng).text}"


def _where(rng: Random, used: set[str]) -> str:
    draw = rng.random()
    if draw < 0.6:
        return f"in {names.city(rng) if draw < 0.35 else names.realm(rng)}"
    if draw < 0.8:
        return f"{rng.choice(('near', 'at', 'outside'))} {make('building', rng).text if draw < 0.7 else names.city(rng)}"
    return f"on {make('nature', rng).text}" if draw < 0.85 else f"near {phrase(rng, 'N', used).text}"


def _cause(rng: Random, used: set[str]) -> str:
    draw = rng.random()
    if draw < 0.5:
        return f"{rng.choice(('because', 'since', 'because', 'as'))} {nouns.clause(rng)}"
    return f"{rng.choice(('because of', 'due to', 'as a result of', 'owing to', 'in response to'))} {phrase(rng, rng.choice('EBC'), used).text}"


def _purpose(rng: Random, used: set[str]) -> str:
    return f"{rng.choice(('to', 'in order to', 'so as to', 'to'))} {find('deed')(rng).text}"


def _means(rng: Random, used: set[str]) -> str:
    draw = rng.random()
    if draw < 0.5:
        return f"by {find('doing')(rng).text}"
    return f"{rng.choice(('with', 'using', 'through', 'by means of', 'with the help of'))} {phrase(rng, rng.choice('ASPBF'), used).text}"


def _result(rng: Random, used: set[str]) -> str:
    return f"{rng.choice(('leading to', 'which led to', 'resulting in', 'which caused', 'and caused'))} {phrase(rng, rng.choice('ECE'), used).text}"


_ADJUNCTS = {
    "time": _time,
    "place": _where,
    "cause": _cause,
    "purpose": _purpose,
    "means": _means,
    "result": _result,
}

# --------------------------------------------------------------------------- sentences


def sentence(rng: Random, said: Clause) -> str:
    """The clause as a sentence, active or passive, its adjuncts in one of their orders."""
    passive = rng.random() < 0.35
    subject, thing = said.subject.text, said.object.text
    if rng.random() < 0.14 and said.subject.kind in "IOPA":
        subject = f"{subject}, {_apposition(rng, said.subject)},"
    core = _passive(said, subject) if passive else f"{subject} {finite(said)} {thing}{prepped(said)}"
    front = [role for role in ("time", "place", "cause", "purpose") if role in said.adjuncts]
    if front and rng.random() < 0.4:
        role = rng.choice(front)
        text = f"{said.adjuncts[role]}, {core}" + _trailing(said, role)
    else:
        text = core + _trailing(said, "")
    return text[0].upper() + text[1:].rstrip(",") + "."


def _apposition(rng: Random, of: Phrase) -> str:
    if of.kind == "I":
        return nouns.article(f"{rng.choice(classes()['nationality'])} {rng.choice(classes()['profession'])}")
    if of.kind == "A" and not of.plural:
        return (
            f"which {rng.choice(('stood', 'lay', 'was kept'))} {rng.choice(('in', 'near'))} {names.city(rng)}"
        )
    verb = rng.choice(
        ("depended on", "had long relied on", "knew little about", "were divided over", "had profited from")
    )
    return f"{'which' if of.kind in 'OA' else 'who'} {verb} {find('concept')(rng).text}"


def finite(said: Clause) -> str:
    """The verb as it stands after a plural or in the past."""
    return said.verb.base if said.present else said.verb.past


def prepped(said: Clause) -> str:
    """The preposition with its object; "" where there is none."""
    return f" {said.verb.prep} {said.target.text}" if said.target else ""


def agreeing(of: Phrase, present: bool) -> str:
    """The form of "be" that agrees with a phrase."""
    if present:
        return "are" if of.plural else "is"
    return "were" if of.plural else "was"


def _passive(said: Clause, subject: str) -> str:
    return f"{said.object.text} {agreeing(said.object, said.present)} {said.verb.part} by {subject}{prepped(said)}"


def _trailing(said: Clause, fronted: str) -> str:
    text = ""
    for role in ("means", "place", "time", "purpose", "cause", "result"):
        if role in said.adjuncts and role != fronted:
            comma = "," if role == "result" else ""
            text += f"{comma} {said.adjuncts[role]}"
    return text
