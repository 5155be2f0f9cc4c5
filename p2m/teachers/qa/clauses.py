"""Sentences of open vocabulary: who did what, where, when, why and how, with a question on any constituent.

Relations written by hand teach how particular facts are told; this grammar teaches the rest: to find the clause
that a question speaks of, whatever its verb, and to cut out the constituent that is asked for. A clause is built
from a few hundred verbs with the classes of their subjects and objects; questions are derived from its syntax.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from random import Random

from p2m.teachers.qa import names, nouns
from p2m.teachers.qa.lexicon import classes, lines, synonyms
from p2m.teachers.qa.topics import make
from p2m.teachers.qa.values import find

_HEADS = {
    "P": ("group", "group of people"), "O": ("organization", "body", "institution"), "A": ("structure", "object", "thing"),
    "S": ("substance", "material"), "C": ("activity", "practice"), "B": ("measure", "policy"), "E": ("event", "disaster"),
    "N": ("natural feature", "feature"), "L": ("place", "area", "city", "country"), "X": ("things", "objects"),
    "M": ("animal", "species", "creature"), "F": ("product", "goods", "items"), "I": ("person", "individual"),
}  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer, and the role that the answer plays in the clause."""

    question: str
    answer: str
    role: str


@cache
def verbs() -> tuple[Verb, ...]:
    return tuple(_verb(line) for line in lines("verbs.txt"))


def _verb(line: str) -> Verb:
    forms, frame, *rest = (part.strip() for part in line.split(";"))
    words = forms.split()
    base = words[0]
    past, part = (words[1], words[2]) if len(words) == 3 else (_past(base), _past(base))
    subjects, _, objects = frame.partition(">")
    prep, *targets = rest[0].split() if rest else ("",)
    return Verb(base, past, part, tuple(subjects.split()), tuple(objects.split()), prep, tuple(targets))


def _past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ied"
    return base + base[-1] + "ed" if base in _DOUBLED else base + "ed"


# --------------------------------------------------------------------------- constituents

_CLASSES = {"P": "people_p", "A": "art_n", "S": "sub_n", "C": "concept_n", "B": "abstr_n", "E": "event_n", "N": "nat_n", "X": "sci_p", "M": "animal", "F": "product"}  # fmt: skip  # noqa: E501


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
    if kind == "I":
        person = make("person" if rng.random() < 0.85 else "ruler", rng)
        return Phrase(person.text, "I", person.form("short"))
    if kind == "O":
        return _body(rng)
    if kind == "L":
        name = names.city(rng) if rng.random() < 0.5 else names.realm(rng)
        return Phrase(name, "L", name)
    if kind not in _CLASSES:
        word = find(kind)(rng).text
        return Phrase(word, "S" if kind == "disease" else "F", word, head=word)
    if kind in "AN" and rng.random() < 0.2:
        name = make("building" if kind == "A" else "nature", rng)
        return Phrase(name.text, kind, name.text)
    return _common(rng, kind)


def _body(rng: Random) -> Phrase:
    draw = rng.random()
    if draw < 0.35:
        name = make(rng.choice(("company", "institution", "party")), rng)
        return Phrase(name.text, "O", name.form("short"))
    if draw < 0.5:
        word = f"the {rng.choice(classes()['nationality'])} {rng.choice(('government', 'army', 'navy', 'parliament', 'court', 'authorities', 'church'))}"  # noqa: E501
        return Phrase(word, "O", word)
    word = rng.choice(classes()["orgs"])
    return Phrase(word, "O", word, head=word)


def _common(rng: Random, kind: str) -> Phrase:
    head = rng.choice(classes()[_CLASSES[kind]])
    many = kind in "PXF" or (kind in "AMB" and rng.random() < 0.4)
    noun = nouns.plural(head) if many and kind in "AMB" else head
    modifier = _modifier(rng) if rng.random() < 0.6 else ""
    core = f"{modifier} {noun}".strip()
    if many:
        return _many(rng, kind, noun, core, modifier)
    if kind in "SC":
        return Phrase(core, kind, noun if rng.random() < 0.4 else core, modifier, noun)
    tail = f" {rng.choice(('of', 'in', 'near', 'from'))} {names.city(rng)}" if rng.random() < 0.15 else ""
    if rng.random() < 0.5 or kind in "M":
        return Phrase(
            f"the {core}{tail}", kind, f"the {noun}" if rng.random() < 0.4 else f"the {core}", modifier, noun
        )
    brief = nouns.article(core) if rng.random() < 0.5 else f"the {core}"
    return Phrase(nouns.article(core) + tail, kind, brief, modifier, noun)


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
    return f"{rng.choice(('because of', 'due to', 'as a result of', 'owing to', 'in response to'))} {phrase(rng, rng.choice('EBC'), used).text}"  # noqa: E501


def _purpose(rng: Random, used: set[str]) -> str:
    return f"{rng.choice(('to', 'in order to', 'so as to', 'to'))} {find('deed')(rng).text}"


def _means(rng: Random, used: set[str]) -> str:
    draw = rng.random()
    if draw < 0.5:
        return f"by {find('doing')(rng).text}"
    return f"{rng.choice(('with', 'using', 'through', 'by means of', 'with the help of'))} {phrase(rng, rng.choice('ASPBF'), used).text}"


def _result(rng: Random, used: set[str]) -> str:
    return f"{rng.choice(('leading to', 'which led to', 'resulting in', 'which caused', 'and caused'))} {phrase(rng, rng.choice('ECE'), used).text}"  # noqa: E501


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
    core = _passive(said, subject) if passive else f"{subject} {_finite(said)} {thing}{_prepped(said)}"
    front = [role for role in ("time", "place", "cause", "purpose") if role in said.adjuncts]
    if front and rng.random() < 0.4:
        role = rng.choice(front)
        text = f"{said.adjuncts[role]}, {core}" + _trailing(said, role)
    else:
        text = core + _trailing(said, "")
    return text[0].upper() + text[1:] + "."


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


def _finite(said: Clause) -> str:
    return said.verb.base if said.present else said.verb.past


def _prepped(said: Clause) -> str:
    return f" {said.verb.prep} {said.target.text}" if said.target else ""


def _be(of: Phrase, present: bool) -> str:
    if present:
        return "are" if of.plural else "is"
    return "were" if of.plural else "was"


def _passive(said: Clause, subject: str) -> str:
    return (
        f"{said.object.text} {_be(said.object, said.present)} {said.verb.part} by {subject}{_prepped(said)}"
    )


def _trailing(said: Clause, fronted: str) -> str:
    text = ""
    for role in ("means", "place", "time", "purpose", "cause", "result"):
        if role in said.adjuncts and role != fronted:
            comma = "," if role == "result" else ""
            text += f"{comma} {said.adjuncts[role]}"
    return text


# --------------------------------------------------------------------------- questions


def questions(rng: Random, said: Clause) -> list[Asked]:
    """Questions on every constituent of the clause, in one wording each."""
    verb = _synonym(rng, said)
    asked = [*_on_subject(rng, said, verb), *_on_object(rng, said, verb), *_on_parts(rng, said, verb)]
    asked += [made for role in said.adjuncts for made in _on_adjunct(rng, said, verb, role)]
    return asked


def _synonym(rng: Random, said: Clause) -> Verb:
    """The clause's verb, or sometimes another word for it."""
    others = [word for word in synonyms().get(said.verb.past, ()) if " " not in word and word.endswith("ed")]
    if not others or rng.random() < 0.55 or said.present:
        return said.verb
    past = rng.choice(others)
    known = synonyms()
    for base in known.get(said.verb.base, ()):
        if _past(base) == past:
            return Verb(
                base, past, past, said.verb.subjects, said.verb.objects, said.verb.prep, said.verb.targets
            )
    return Verb(
        said.verb.base, past, past, said.verb.subjects, said.verb.objects, said.verb.prep, said.verb.targets
    )


def _rest(rng: Random, said: Clause, *, without: str, share: float = 0.35) -> str:
    """Adjuncts that a question repeats, each with probability `share`."""
    told = [
        role
        for role in ("place", "time", "means", "purpose", "cause")
        if role in said.adjuncts and role != without
    ]
    return "".join(f" {said.adjuncts[role]}" for role in told if rng.random() < share)


def _wh(rng: Random, kind: str, plural: bool) -> str:
    if kind in "IP" and rng.random() < 0.75:
        return "who"
    if kind == "O" and rng.random() < 0.4:
        return "who"
    if rng.random() < 0.55:
        return "what"
    head = rng.choice(_HEADS[kind])
    return f"{rng.choice(('what', 'which', 'what'))} {nouns.plural(head) if plural and not head.endswith('s') else head}"


def _do(said: Clause) -> str:
    return "do" if said.present and said.subject.plural else "does" if said.present else "did"


def _on_subject(rng: Random, said: Clause, verb: Verb) -> list[Asked]:
    wh = _wh(rng, said.subject.kind, said.subject.plural)
    rest = _rest(rng, said, without="")
    prep = _prepped(said) if rng.random() < 0.6 else ""
    if said.present:
        finite = verb.third if wh in ("who", "what") else verb.base
    else:
        finite = verb.past
    draw = rng.random()
    if draw < 0.72:
        text = f"{wh} {finite} {said.object.brief}{prep}{rest}"
    elif draw < 0.88:
        by = "whom" if wh == "who" else wh
        text = f"by {by} {_be(said.object, said.present)} {said.object.brief} {said.verb.part}{prep}{rest}"
    else:
        text = f"{said.object.brief} {_be(said.object, said.present)} {said.verb.part} by {wh if wh != 'who' else 'whom'}{rest}"
    return [Asked(text, said.subject.text, "subject")]


def _on_object(rng: Random, said: Clause, verb: Verb) -> list[Asked]:
    wh = _wh(rng, said.object.kind, said.object.plural)
    rest = _rest(rng, said, without="")
    prep = _prepped(said) if said.target and rng.random() < 0.7 else ""
    draw = rng.random()
    if draw < 0.6:
        text = f"{wh} {_do(said)} {said.subject.brief} {verb.base if verb is said.verb or _past(verb.base) == verb.past else said.verb.base}{prep}{rest}"  # noqa: E501
    elif draw < 0.85:
        text = f"{wh} {'is' if said.present else 'was'} {verb.part} by {said.subject.brief}{prep}{rest}"
    else:
        text = f"{said.subject.brief} {_finite(said)} {wh if wh != 'who' else 'whom'}{prep}{rest}"
    made = [Asked(text, said.object.text, "object")]
    if said.target:
        made.append(_on_target(rng, said))
    return made


def _on_target(rng: Random, said: Clause) -> Asked:
    assert said.target is not None
    kind, prep, base = said.target.kind, said.verb.prep, said.verb.base
    wh = (
        "where"
        if prep in ("in", "to", "into") and kind == "L" and rng.random() < 0.5
        else _wh(rng, kind, said.target.plural)
    )
    object_, subject = said.object.brief, said.subject.brief
    if wh == "where":
        return Asked(
            f"where {_do(said)} {subject} {base} {object_}{' ' + prep if prep == 'to' and rng.random() < 0.4 else ''}",
            said.target.text,
            "target",
        )  # noqa: E501
    if rng.random() < 0.5:
        fronted = "whom" if wh == "who" else wh
        return Asked(f"{prep} {fronted} {_do(said)} {subject} {base} {object_}", said.target.text, "target")
    if rng.random() < 0.4:
        return Asked(
            f"{wh} {_be(said.object, said.present)} {object_} {said.verb.part} {prep}",
            said.target.text,
            "target",
        )
    return Asked(f"{wh} {_do(said)} {subject} {base} {object_} {prep}", said.target.text, "target")


def _on_parts(rng: Random, said: Clause, verb: Verb) -> list[Asked]:
    """How many, and what kind of."""
    made: list[Asked] = []
    base = said.verb.base
    for of, subject in ((said.subject, True), (said.object, False)):
        if of.number:
            noun = of.text.removeprefix(of.number + " ")
            noun = of.head if rng.random() < 0.4 else noun
            if subject:
                text = f"how many {noun} {_finite(said)} {said.object.brief}"
            elif rng.random() < 0.5:
                text = f"how many {noun} {_do(said)} {said.subject.brief} {base}"
            else:
                text = (
                    f"how many {noun} {_be(of, said.present)} {said.verb.part}{_rest(rng, said, without='')}"
                )
            made.append(Asked(text, of.number, "number"))
        elif of.modifier and of.head and " and " not in of.text:
            answer = of.modifier if rng.random() < 0.6 else f"{of.modifier} {of.head}"
            lead = f"what {rng.choice(('kind', 'type', 'sort', 'form'))} of {of.head}"
            if subject:
                text = f"{lead} {_finite(said)} {said.object.brief}"
            else:
                text = f"{lead} {_do(said)} {said.subject.brief} {base}"
            made.append(Asked(text, answer, "kind"))
    return made


def _on_adjunct(rng: Random, said: Clause, verb: Verb, role: str) -> list[Asked]:
    phrase_ = said.adjuncts[role]
    lead, _, inner = phrase_.partition(" ")
    core = _ask_core(rng, said, role)
    if role == "time":
        return _on_time(rng, said, core, lead, inner)
    if role == "place":
        name = inner if inner[:1].isupper() or inner.startswith("the ") else phrase_
        wh = (
            "where"
            if rng.random() < 0.65
            else f"{lead} {rng.choice(('what', 'which'))} {rng.choice(('city', 'place', 'area', 'location', 'country'))}"
        )  # noqa: E501
        return [Asked(f"{wh} {core}", name if rng.random() < 0.75 else phrase_, "place")]
    if role == "purpose":
        bare = phrase_.removeprefix("in order ").removeprefix("so as ")
        wh = rng.choice(("why", "why", "for what purpose", "for what reason"))
        return [Asked(f"{wh} {core}", bare if rng.random() < 0.75 else bare.removeprefix("to "), "purpose")]
    if role == "cause":
        answer = _after(
            phrase_,
            (
                "because of ",
                "due to ",
                "as a result of ",
                "owing to ",
                "in response to ",
                "because ",
                "since ",
                "as ",
            ),
        )
        wh = rng.choice(("why", "why", "why", "for what reason", "because of what"))
        return [Asked(f"{wh} {core}", answer, "cause")]
    if role == "means":
        answer = _after(phrase_, ("with the help of ", "by means of ", "through ", "using ", "with ", "by "))
        wh = (
            "how"
            if rng.random() < 0.6 or lead == "by"
            else rng.choice(("what was used", "with what", "using what"))
        )
        if wh == "what was used":
            return [
                Asked(
                    f"what {_do(said)} {said.subject.brief} use to {said.verb.base} {said.object.brief}",
                    answer,
                    "means",
                )
            ]
        return [Asked(f"{wh} {core}", answer, "means")]
    answer = _after(
        phrase_, ("leading to ", "which led to ", "resulting in ", "which caused ", "and caused ")
    )
    did = f"{said.subject.brief} {said.verb.ing} {said.object.brief}"
    text = rng.choice(
        (
            f"what did {did} lead to",
            f"what was the result of {did}",
            f"what was caused by {did}",
            f"what happened as a result of {did}",
        )
    )  # noqa: E501
    return [Asked(text, answer, "result")]


def _after(text: str, leads: tuple[str, ...]) -> str:
    return next((text.removeprefix(lead) for lead in leads if text.startswith(lead)), text)


def _ask_core(rng: Random, said: Clause, role: str) -> str:
    """The clause turned for a fronted question word: "did X destroy Y", "was Y destroyed"."""
    rest = _rest(rng, said, without=role, share=0.2)
    if rng.random() < 0.5:
        agent = f" by {said.subject.brief}" if rng.random() < 0.5 else ""
        return f"{_be(said.object, said.present)} {said.object.brief} {said.verb.part}{agent}{rest}"
    return f"{_do(said)} {said.subject.brief} {said.verb.base} {said.object.brief}{rest}"


def _on_time(rng: Random, said: Clause, core: str, lead: str, inner: str) -> list[Asked]:
    words = inner.replace(",", "").split()
    if lead in ("during", "after", "before"):
        return [Asked(f"{rng.choice(('when', f'{lead} what event', f'{lead} what'))} {core}", inner, "time")]
    if lead == "from":
        return [
            Asked(f"{rng.choice(('when', 'during what years', 'for what period'))} {core}", inner, "time")
        ]
    if lead == "on":
        if rng.random() < 0.35 and words[-1].isdigit():
            return [
                Asked(
                    f"{rng.choice(('in what year', 'what year', 'in which year'))} {core}", words[-1], "time"
                )
            ]
        return [Asked(f"{rng.choice(('when', 'when', 'on what date', 'on what day'))} {core}", inner, "time")]
    unit = "century" if "century" in inner else "decade" if inner.endswith("s") else "year"
    wh = (
        "when" if rng.random() < 0.45 else rng.choice((f"in what {unit}", f"what {unit}", f"in which {unit}"))
    )
    return [Asked(f"{wh} {core}", inner, "time")]
