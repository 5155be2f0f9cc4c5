# ruff: noqa: E501  (choices of words read better on one line)
"""Invented and real-looking proper names: enough of them that no student can learn them by heart."""

from __future__ import annotations

from random import Random

from p2m.teachers.domains.qa.lexicon import choices, classes

_ONSETS = choices()["onsets"]
_NUCLEI = choices()["nuclei"]
_CODAS = choices()["codas"]
_TOWN_ENDS = choices()["town endings"]
_TRIBE_ENDS = choices()["tribe endings"]
_LATIN = choices()["latin endings"]
_TECH_ENDS = choices()["device endings"]


def syllables(rng: Random, low: int = 1, high: int = 2) -> str:
    """A capitalised, pronounceable word of `low` to `high` syllables, e.g. "Brenol"."""
    count = rng.randint(low, high)
    parts = [rng.choice(_ONSETS) + rng.choice(_NUCLEI) for _ in range(count)]
    return ("".join(parts) + rng.choice(_CODAS)).capitalize()


def surname(rng: Random) -> str:
    return rng.choice(classes()["surname"]) if rng.random() < 0.6 else syllables(rng, 1, 2) + _tail(rng)


def _tail(rng: Random) -> str:
    return rng.choice(choices()["surname endings"])


def town(rng: Random) -> str:
    """A town that exists on no map, sometimes of two words."""
    name = syllables(rng, 1, 1) + rng.choice(_TOWN_ENDS)
    draw = rng.random()
    if draw < 0.08:
        return rng.choice(("Saint ", "New ", "Fort ", "Port ", "Upper ", "East ", "Old ")) + name
    return name + rng.choice((" Falls", " Springs", " Bay", " Heights")) if draw < 0.12 else name


def city(rng: Random) -> str:
    return rng.choice(classes()["city"]) if rng.random() < 0.55 else town(rng)


def realm(rng: Random) -> str:
    """A land: a country, a region, or one that never was."""
    draw = rng.random()
    if draw < 0.75:
        return rng.choice(classes()["country"])
    if draw < 0.9:
        return rng.choice(classes()["region"])
    return syllables(rng, 1, 2) + rng.choice(("ia", "land", "stan", "ania", "mark", "or", "esh"))


def people(rng: Random) -> str:
    """A people, plural with its article, e.g. "the Torvani"."""
    return "the " + syllables(rng, 1, 2) + rng.choice(_TRIBE_ENDS)


def latin(rng: Random) -> str:
    """A scientific name, e.g. "Brenola crestata"."""
    return (
        syllables(rng, 1, 2)
        + rng.choice(_LATIN[:3])
        + " "
        + syllables(rng, 1, 2).lower()
        + rng.choice(_LATIN)
    )


def brand(rng: Random) -> str:
    """The name of a device, a program or a system."""
    draw = rng.random()
    if draw < 0.5:
        return syllables(rng, 1, 2) + rng.choice(_TECH_ENDS)
    if draw < 0.75:
        return f"{syllables(rng, 1, 2)} {rng.choice((*'ABCDEFGHKLMNPRSTVX', 'II', 'III', 'IV', 'Mark II', 'One', '64', '360', '8'))}"
    letters = "".join(rng.choice("ABCDEFGHIKLMNOPRSTVX") for _ in range(rng.randint(2, 4)))
    return letters + rng.choice(("", "", f"-{rng.randint(1, 99)}", f" {rng.randint(2, 9)}00"))


def title(rng: Random) -> str:
    """The title of a book, film, song or painting, without quotation marks."""
    words = classes()
    adjective, noun = rng.choice(words["adj"]).title(), rng.choice(words["art_n"] + words["nat_n"]).title()
    other = rng.choice(words["event_n"] + words["animal"] + words["color"] + words["season"]).title()
    forms = (
        f"The {adjective} {noun}",
        f"The {noun} of {city(rng)}",
        f"{noun}s and {other}s",
        f"One {other} in {city(rng)}",
        f"The Last {noun}",
        f"{syllables(rng)}",
        f"{syllables(rng)} and {syllables(rng)}",
        f"Beyond the {noun}",
        f"{other} {noun}",
        f"Letters from {town(rng)}",
        f"The {syllables(rng)} {noun}",
        f"My {adjective} {other}",
        f"{noun} {rng.choice(('Song', 'Story', 'Blues', 'Nights', 'Suite', 'Variations'))}",
        f"The {rng.choice(words['profession']).title()}'s {rng.choice(('Daughter', 'Wife', 'House', 'Secret', 'Garden'))}",
        f"{rng.choice(('Return to', 'Farewell to', 'Flight over', 'Leaving', 'Under'))} {town(rng)}",
    )
    return rng.choice(forms)  # fmt: skip
