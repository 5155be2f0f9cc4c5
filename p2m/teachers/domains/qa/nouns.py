# ruff: noqa: E501  (choices of words read better on one line)
"""Noun phrases and small phrases of open vocabulary: slot types for what is not a name, a date or a number."""

from __future__ import annotations

import re
from functools import partial
from random import Random

from p2m.teachers.domains.qa import names
from p2m.teachers.domains.qa.lexicon import choices, classes, patterns
from p2m.teachers.domains.qa.values import Value, few, find, sampler

_IRREGULAR = {"person": "people", "wolf": "wolves", "goose": "geese", "mouse": "mice", "calf": "calves", "leaf": "leaves", "tooth": "teeth", "deer": "deer", "moose": "moose", "elk": "elk", "bison": "bison", "sheep": "sheep", "salmon": "salmon", "trout": "trout", "herring": "herring", "cod": "cod", "algae": "algae", "crisis": "crises", "belief": "beliefs", "reef": "reefs", "volcano": "volcanoes", "embargo": "embargoes"}  # fmt: skip


_SLOT = re.compile(r"\{(?:(a|plural) )?(\w+)\}")


def article(phrase: str) -> str:
    """The phrase with its indefinite article."""
    return (
        "an " if phrase[0].lower() in "aeiou" and not phrase.startswith(("uni", "use", "eu", "one")) else "a "
    ) + phrase


def plural(noun: str) -> str:
    """The plural of a noun phrase whose head comes last."""
    head, _, last = noun.rpartition(" ")
    lead = head + " " if head else ""
    if last in _IRREGULAR:
        return lead + _IRREGULAR[last]
    if last.endswith(("s", "x", "ch", "sh", "z")):
        return lead + last + "es"
    if last.endswith("y") and last[-2] not in "aeiou":
        return lead + last[:-1] + "ies"
    if last.endswith("man") and last not in ("German", "human"):
        return lead + last[:-3] + "men"
    return lead + last + "s"


def pick(rng: Random, *kinds: str) -> str:
    return rng.choice(classes()[rng.choice(kinds)])


def _patterned(rng: Random, name: str) -> str:
    """One of a slot type's patterns; all are filled before one is chosen."""
    filled = [_SLOT.sub(lambda found: _slot(rng, *found.groups()), pattern) for pattern in patterns()[name]]
    return rng.choice(filled)


def _slot(rng: Random, shape: str | None, kind: str) -> str:
    word = pick(rng, kind) if kind in classes() else find(kind)(rng).text
    return article(word) if shape == "a" else plural(word) if shape else word


for _name in patterns():
    sampler(_name)(partial(_patterned, name=_name))


def modified(rng: Random, noun: str, most: float = 0.6) -> str:
    """The noun with, as often as `most` says, an adjective or another noun before it."""
    draw = rng.random()
    if draw < most * 0.6:
        return f"{pick(rng, 'adj')} {noun}"
    if draw < most * 0.75:
        return f"{pick(rng, 'nationality')} {noun}"
    return f"{pick(rng, 'adj')} and {pick(rng, 'adj')} {noun}" if draw < most * 0.82 else noun


@sampler("artifact")
def artifact(rng: Random) -> str:
    """An indefinite man-made thing: "a narrow stone bridge"."""
    noun = pick(rng, "art_n")
    if rng.random() < 0.3 and " " not in noun:
        noun = (
            f"{rng.choice(('stone', 'wooden', 'iron', 'brick', 'marble', 'steel', 'glass', 'bronze'))} {noun}"
        )
    return article(modified(rng, noun, 0.5))


@sampler("artifacts")
def artifacts(rng: Random) -> str:
    return modified(rng, plural(pick(rng, "art_n")), 0.6)


@sampler("feature")
def feature(rng: Random) -> str:
    return article(modified(rng, pick(rng, "nat_n")))


@sampler("measure_p")
def measure_p(rng: Random) -> str:
    """An institution's act: "a strict land tax"."""
    return article(modified(rng, pick(rng, "abstr_n"), 0.75))


@sampler("acts")
def acts(rng: Random) -> str:
    return modified(rng, plural(pick(rng, "abstr_n")), 0.75)


@sampler("concept")
def concept(rng: Random) -> str:
    return modified(rng, pick(rng, "concept_n"), 0.45)


@sampler("topic2")
def topic2(rng: Random) -> str:
    """Two concepts: "land ownership and inheritance"."""
    return f"{pick(rng, 'concept_n')} and {modified(rng, pick(rng, 'concept_n'), 0.3)}"


@sampler("group")
def group(rng: Random) -> str:
    """People of a kind, plural: "the local weavers", "poor farmers from Galicia"."""
    draw = rng.random()
    noun = modified(rng, pick(rng, "people_p"), 0.65)
    if draw < 0.25:
        return f"the {noun}"
    if draw < 0.4:
        return f"{noun} from {names.realm(rng)}"
    return f"{few(rng)} {noun}" if draw < 0.45 else noun


@sampler("groups")
def groups(rng: Random) -> str:
    return f"{pick(rng, 'people_p')} and {modified(rng, pick(rng, 'people_p'), 0.3)}"


@sampler("goods")
def goods(rng: Random) -> str:
    return modified(rng, pick(rng, "product"), 0.35)


@sampler("three")
def three(rng: Random) -> str:
    """A list of three of one class, in one order."""
    words = rng.sample(
        classes()[rng.choice(choices()["listed classes"])],
        3,
    )
    return f"{words[0]}, {words[1]}{rng.choice((',', '', ''))} and {words[2]}"


@sampler("crops")
def crops(rng: Random) -> str:
    words = rng.sample(classes()["crop"], 3)
    return rng.choice((f"{words[0]} and {words[1]}", f"{words[0]}, {words[1]} and {words[2]}", words[0]))


@sampler("foods")
def foods(rng: Random) -> str:
    words = rng.sample(classes()["food"], 3)
    return rng.choice(
        (
            f"{words[0]} and {words[1]}",
            f"{words[0]}, {words[1]} and {words[2]}",
            words[0],
            f"{pick(rng, 'adj')} {words[0]}",
        )
    )


@sampler("animals")
def animals(rng: Random) -> str:
    return modified(rng, plural(pick(rng, "animal")), 0.3)


@sampler("substance")
def substance(rng: Random) -> str:
    return modified(rng, pick(rng, "sub_n"), 0.35)


@sampler("science")
def science(rng: Random) -> str:
    return modified(rng, pick(rng, "sci_p"), 0.4)


@sampler("event")
def event(rng: Random) -> str:
    """A happening: "the great fire of 1784", "a severe drought"."""
    noun = pick(rng, "event_n")
    draw = rng.random()
    if draw < 0.3:
        return f"the {noun} of {rng.randint(1500, 2015)}"
    if draw < 0.45:
        return f"the {noun} in {names.realm(rng)}"
    return article(modified(rng, noun, 0.7))


@sampler("quality")
def quality(rng: Random) -> str:
    """What follows "was" or "became": "short-lived", "too expensive"."""
    adjective = pick(rng, "adj")
    return rng.choice(
        (
            adjective,
            f"too {adjective}",
            f"very {adjective}",
            f"highly {adjective}",
            f"{adjective} and {pick(rng, 'adj')}",
        )
    )


@sampler("kind")
def kind(rng: Random) -> str:
    """A modifier that answers "what kind of": "state-owned", "Flemish"."""
    return pick(rng, "adj", "adj", "adj", "nationality", "religious")


_GERUNDS = choices().pairs("gerunds")


def _deed(rng: Random, gerund: bool) -> str:
    pieces = rng.choice(choices()["deeds"]).split("{")
    text = pieces[0]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}")
        if name in _GERUNDS:
            word = _GERUNDS[name] if gerund else {"heal": "treat"}.get(name, name)
        else:
            word = find(name)(rng).text
        text += word + rest
    return text


@sampler("symptoms")
def symptoms(rng: Random) -> str:
    one, two, three = rng.sample(classes()["symptom"], 3)
    return rng.choice((f"{one} and {two}", f"{one}, {two} and {three}", f"{one}, {two}, and {three}"))


@sampler("god")
def god(rng: Random) -> str:
    name = names.syllables(rng, 1, 2)
    return rng.choice((name, name, f"{name} the {rng.choice(('Wise', 'Hunter', 'Mother', 'Old', 'Blind'))}"))


@sampler("script")
def script(rng: Random) -> str:
    return rng.choice(
        (
            "Latin",
            "Cyrillic",
            "Arabic",
            "Greek",
            "Hebrew",
            names.syllables(rng, 1, 2),
            names.syllables(rng, 1, 2),
        )
    )


@sampler("acronym")
def acronym(rng: Random) -> str:
    return "".join(rng.choice("ABCDEFGHIKLMNOPRSTUW") for _ in range(rng.randint(2, 5)))


@sampler("title2")
def title2(rng: Random) -> str:
    """A by-name: "the iron garden", "Old Brenol"."""
    noun = pick(rng, "art_n", "nat_n", "animal")
    return rng.choice(
        (
            f"the {pick(rng, 'adj')} {noun}",
            f"the {noun} of {names.town(rng)}",
            f"Old {names.syllables(rng)}",
            names.syllables(rng, 2, 3),
            f"{pick(rng, 'color')} {noun}",
        )
    )


@sampler("scene")
def scene(rng: Random) -> str:
    """What a picture may show."""
    return rng.choice((
        f"{group(rng)} {rng.choice(('resting', 'working', 'praying', 'dancing', 'waiting'))} near {feature(rng)}",
        f"{article(pick(rng, 'animal'))} in {feature(rng)}", f"{article(pick(rng, 'art_n'))} at {rng.choice(('dusk', 'dawn', 'night'))}",
        f"the {pick(rng, 'event_n')} of {names.town(rng)}", f"{article(pick(rng, 'profession'))} with {article(pick(rng, 'animal'))}",
    ))  # fmt: skip


@sampler("age")
def age(rng: Random) -> str:
    return str(rng.randint(16, 97))


@sampler("deed")
def deed(rng: Random) -> str:
    """A verb phrase in its base form, as it follows "to": "repair old ships"."""
    return _deed(rng, gerund=False)


@sampler("doing")
def doing(rng: Random) -> str:
    """The same as a gerund: "repairing old ships"."""
    return _deed(rng, gerund=True)


@sampler("fact")
def fact(rng: Random) -> str:
    """A short clause of its own, past tense, as it follows "because" or "that"."""
    return clause(rng)


def clause(rng: Random) -> str:
    def get(name: str) -> str:
        return find(name)(rng).text

    forms = (
        lambda: f"the price of {get('crop')} had {rng.choice(('fallen', 'risen', 'collapsed', 'doubled'))}",
        lambda: f"{get('group')} {rng.choice(('had left', 'refused to pay', 'feared', 'could no longer afford', 'depended on', 'complained about'))} {get('goods')}",
        lambda: f"the {get('nat_n')} {rng.choice(('had frozen', 'had dried up', 'flooded every spring', 'was too shallow', 'could not be crossed'))}",
        lambda: f"{get('orgs')} {rng.choice(('had run out of money', 'refused to support', 'wanted to control', 'had banned', 'needed', 'objected to'))} {get('concept')}",
        lambda: f"{get('substance')} was {rng.choice(('scarce', 'too expensive', 'in short supply', 'easy to obtain', 'cheaper than ' + get('material')))}",
        lambda: f"there {rng.choice(('were too few', 'were not enough', 'were too many', 'was a lack of'))} {get('people_p')}",
        lambda: f"it was {get('quality')}",
        lambda: f"{get('acts')} were {rng.choice(('unpopular', 'unenforceable', 'seen as unfair', 'no longer needed', 'about to expire'))}",
        lambda: f"{get('animals')} {rng.choice(('destroyed', 'threatened', 'had eaten', 'were attracted by', 'fed on'))} the {get('crop')}",
        lambda: f"the {get('art_n')} was {rng.choice(('falling into disrepair', 'too small', 'badly damaged', 'out of date', 'costly to maintain', 'unsafe'))}",
    )  # fmt: skip
    return rng.choice(forms)()


__all__ = ["Value", "article", "plural"]
