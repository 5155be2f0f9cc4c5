# ruff: noqa: E501  (choices of words read better on one line)
"""Questions on every constituent of a clause, derived from its syntax."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from p2m.teachers.domains.qa import nouns
from p2m.teachers.domains.qa.clauses import Clause, Verb, agreeing, finite, past_of, prepped
from p2m.teachers.domains.qa.lexicon import choices, synonyms
from p2m.teachers.domains.qa.passages import bare

_HEADS = {
    "P": ("group", "group of people"), "O": ("organization", "body", "institution"), "A": ("structure", "object", "thing"),
    "S": ("substance", "material"), "C": ("activity", "practice"), "B": ("measure", "policy"), "E": ("event", "disaster"),
    "N": ("natural feature", "feature"), "L": ("place", "area", "city", "country"), "X": ("things", "objects"),
    "M": ("animal", "species", "creature"), "F": ("product", "goods", "items"), "I": ("person", "individual"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer, and the role that the answer plays in the clause."""

    question: str
    answer: str
    role: str


def questions(rng: Random, said: Clause) -> list[Asked]:
    """Questions on every constituent of the clause, in one wording each."""
    verb = _synonym(rng, said)
    asked = [*_on_subject(rng, said, verb), *_on_object(rng, said, verb), *_on_parts(rng, said)]
    asked += [_on_adjunct(rng, said, role) for role in said.adjuncts]
    return asked


def _synonym(rng: Random, said: Clause) -> Verb:
    """The clause's verb, or sometimes another word for it."""
    others = [word for word in synonyms().get(said.verb.past, ()) if " " not in word and word.endswith("ed")]
    if not others or rng.random() < 0.55 or said.present:
        return said.verb
    past = rng.choice(others)
    known = synonyms()
    for base in known.get(said.verb.base, ()):
        if past_of(base) == past:
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
    prep = prepped(said) if rng.random() < 0.6 else ""
    singular = said.present and wh in ("who", "what")
    did = verb.third if singular else verb.base if said.present else verb.past
    draw = rng.random()
    if draw < 0.72:
        text = f"{wh} {did} {said.object.brief}{prep}{rest}"
    elif draw < 0.88:
        by = "whom" if wh == "who" else wh
        text = (
            f"by {by} {agreeing(said.object, said.present)} {said.object.brief} {said.verb.part}{prep}{rest}"
        )
    else:
        text = f"{said.object.brief} {agreeing(said.object, said.present)} {said.verb.part} by {wh if wh != 'who' else 'whom'}{rest}"
    return [Asked(text, said.subject.text, "subject")]


def _on_object(rng: Random, said: Clause, verb: Verb) -> list[Asked]:
    wh = _wh(rng, said.object.kind, said.object.plural)
    rest = _rest(rng, said, without="")
    prep = prepped(said) if said.target and rng.random() < 0.7 else ""
    draw = rng.random()
    if draw < 0.6:
        text = f"{wh} {_do(said)} {said.subject.brief} {verb.base if verb is said.verb or past_of(verb.base) == verb.past else said.verb.base}{prep}{rest}"
    elif draw < 0.85:
        text = f"{wh} {'is' if said.present else 'was'} {verb.part} by {said.subject.brief}{prep}{rest}"
    else:
        text = f"{said.subject.brief} {finite(said)} {wh if wh != 'who' else 'whom'}{prep}{rest}"
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
        )
    if rng.random() < 0.5:
        fronted = "whom" if wh == "who" else wh
        return Asked(f"{prep} {fronted} {_do(said)} {subject} {base} {object_}", said.target.text, "target")
    if rng.random() < 0.4:
        return Asked(
            f"{wh} {agreeing(said.object, said.present)} {object_} {said.verb.part} {prep}",
            said.target.text,
            "target",
        )
    return Asked(f"{wh} {_do(said)} {subject} {base} {object_} {prep}", said.target.text, "target")


def _on_parts(rng: Random, said: Clause) -> list[Asked]:
    """How many, and what kind of."""
    made: list[Asked] = []
    base = said.verb.base
    for of, subject in ((said.subject, True), (said.object, False)):
        if of.number:
            noun = of.text.removeprefix(of.number + " ")
            noun = of.head if rng.random() < 0.4 else noun
            if subject:
                text = f"how many {noun} {finite(said)} {said.object.brief}"
            elif rng.random() < 0.5:
                text = f"how many {noun} {_do(said)} {said.subject.brief} {base}"
            else:
                text = f"how many {noun} {agreeing(of, said.present)} {said.verb.part}{_rest(rng, said, without='')}"
            made.append(Asked(text, bare(of.number), "number"))
        elif of.modifier and of.head and " and " not in of.text:
            answer = of.modifier if rng.random() < 0.6 else f"{of.modifier} {of.head}"
            lead = f"what {rng.choice(('kind', 'type', 'sort', 'form'))} of {of.head}"
            if subject:
                text = f"{lead} {finite(said)} {said.object.brief}"
            else:
                text = f"{lead} {_do(said)} {said.subject.brief} {base}"
            made.append(Asked(text, answer, "kind"))
    return made


def _on_adjunct(rng: Random, said: Clause, role: str) -> Asked:
    core = _ask_core(rng, said, role)
    return _ON_ADJUNCT[role](rng, said, said.adjuncts[role], core)


def _on_place(rng: Random, said: Clause, told: str, core: str) -> Asked:
    lead, _, inner = told.partition(" ")
    name = inner if inner[:1].isupper() or inner.startswith("the ") else told
    wh = (
        "where"
        if rng.random() < 0.65
        else f"{lead} {rng.choice(('what', 'which'))} {rng.choice(choices()['heads of places'])}"
    )
    return Asked(f"{wh} {core}", name if rng.random() < 0.92 else told, "place")


def _on_purpose(rng: Random, said: Clause, told: str, core: str) -> Asked:
    answer = told.removeprefix("in order ").removeprefix("so as ")
    wh = rng.choice(("why", "why", "for what purpose", "for what reason"))
    return Asked(f"{wh} {core}", answer if rng.random() < 0.75 else answer.removeprefix("to "), "purpose")


def _on_cause(rng: Random, said: Clause, told: str, core: str) -> Asked:
    wh = rng.choice(("why", "why", "why", "for what reason", "because of what"))
    return Asked(f"{wh} {core}", _after(told, "leads of causes"), "cause")


def _on_means(rng: Random, said: Clause, told: str, core: str) -> Asked:
    answer = _after(told, "leads of means")
    wh = (
        "how"
        if rng.random() < 0.6 or told.startswith("by ")
        else rng.choice(("what was used", "with what", "using what"))
    )
    if wh == "what was used":
        core, wh = f"{said.subject.brief} use to {said.verb.base} {said.object.brief}", f"what {_do(said)}"
    return Asked(f"{wh} {core}", answer, "means")


def _on_result(rng: Random, said: Clause, told: str, core: str) -> Asked:
    text = rng.choice(choices()["questions for results"])
    did = f"{said.subject.brief} {said.verb.ing} {said.object.brief}"
    return Asked(text.format(did=did), _after(told, "leads of results"), "result")


def _after(told: str, leads: str) -> str:
    """What follows a word or phrase of that section of choices.txt."""
    return next(
        (told.removeprefix(f"{lead} ") for lead in choices()[leads] if told.startswith(f"{lead} ")), told
    )


def _ask_core(rng: Random, said: Clause, role: str) -> str:
    """The clause turned for a fronted question word: "did X destroy Y", "was Y destroyed"."""
    rest = _rest(rng, said, without=role, share=0.2)
    if rng.random() < 0.5:
        agent = f" by {said.subject.brief}" if rng.random() < 0.5 else ""
        return f"{agreeing(said.object, said.present)} {said.object.brief} {said.verb.part}{agent}{rest}"
    return f"{_do(said)} {said.subject.brief} {said.verb.base} {said.object.brief}{rest}"


def _on_time(rng: Random, said: Clause, told: str, core: str) -> Asked:
    lead, _, inner = told.partition(" ")
    words = inner.replace(",", "").split()
    if lead in ("during", "after", "before"):
        return Asked(f"{rng.choice(('when', f'{lead} what event', f'{lead} what'))} {core}", inner, "time")
    if lead == "from":
        return Asked(f"{rng.choice(('when', 'during what years', 'for what period'))} {core}", inner, "time")
    if lead == "on":
        if rng.random() < 0.35 and words[-1].isdigit():
            return Asked(
                f"{rng.choice(('in what year', 'what year', 'in which year'))} {core}", words[-1], "time"
            )
        return Asked(f"{rng.choice(('when', 'when', 'on what date', 'on what day'))} {core}", inner, "time")
    unit = "century" if "century" in inner else "decade" if inner.endswith("s") else "year"
    wh = (
        "when" if rng.random() < 0.45 else rng.choice((f"in what {unit}", f"what {unit}", f"in which {unit}"))
    )
    return Asked(f"{wh} {core}", inner, "time")


_ON_ADJUNCT = {
    "time": _on_time,
    "place": _on_place,
    "purpose": _on_purpose,
    "cause": _on_cause,
    "means": _on_means,
    "result": _on_result,
}
