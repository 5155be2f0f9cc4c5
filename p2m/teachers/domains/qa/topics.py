# ruff: noqa: E501  (choices of words read better on one line)
"""What a passage is about: an entity with its full name, its short name, a common noun and its pronouns."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from p2m.teachers.domains.qa import names, nouns
from p2m.teachers.domains.qa.lexicon import choices, classes
from p2m.teachers.domains.qa.values import Value, find, ordinal

Maker = Callable[[Random], Value]


def entity(full: str, short: str, common: str, he: str = "it") -> Value:
    """A topic's value; forms `short`, `common`, `he`, `him`, `his`."""
    him, his = {"he": ("him", "his"), "she": ("her", "her"), "it": ("it", "its"), "they": ("them", "their")}[
        he
    ]
    return Value(
        full, {"short": short, "common": common, "he": he, "him": him, "his": his, "His": his.title()}
    )


def person(rng: Random) -> Value:
    """Someone, by first and last name; sometimes with a middle name or initial."""
    return _human(rng, "he" if rng.random() < 0.62 else "she")


def _human(rng: Random, he: str) -> Value:
    first = rng.choice(classes()["male" if he == "he" else "female"])
    if rng.random() < 0.12:
        first = names.syllables(rng, 1, 2) + ("a" if he == "she" else "")
    last = names.surname(rng)
    draw = rng.random()
    if draw < 0.1:
        first += f" {rng.choice('ABCDEFGHJLMPRSTW')}."
    elif draw < 0.2:
        first += f" {rng.choice(classes()['male' if he == 'he' else 'female'])}"
    elif draw < 0.24:
        last = rng.choice(("von ", "de ", "al-", "di ", "van ")) + last
    return entity(f"{first} {last}", last, last, he)


def ruler(rng: Random) -> Value:
    """A monarch or noble, whose common noun is the title."""
    he = "he" if rng.random() < 0.7 else "she"
    first = (
        rng.choice(classes()["male" if he == "he" else "female"])
        if rng.random() < 0.6
        else names.syllables(rng, 2, 2)
    )
    rank = rng.choice(
        ("king", "emperor", "duke", "prince", "sultan") if he == "he" else ("queen", "empress", "duchess")
    )
    number = rng.choice(
        (" I", " II", " III", " IV", " V", " VI", " the Great", " the Bold", f" of {names.city(rng)}")
    )
    return entity(f"{rank.title()} {first}{number}", first, f"the {rank}", he)


def _place(noun: str) -> Maker:
    def make(rng: Random) -> Value:
        name = names.city(rng) if noun == "city" else names.town(rng)
        return entity(name, name, f"the {noun}")

    return make


def land(rng: Random) -> Value:
    """A country or region."""
    name = names.realm(rng)
    return entity(name, name, rng.choice(("the country", "the region")))


def water(rng: Random) -> Value:
    """A river, lake, mountain, island or another thing of nature with a name."""
    noun = rng.choice(
        ("River", "Lake", "Mount", "Island", "Desert", "Valley", "Glacier", "Forest", "Mountains", "Bay")
    )
    name = names.syllables(rng, 1, 2)
    full = f"{noun} {name}" if noun in ("Lake", "Mount") else f"the {name} {noun}"
    if noun == "Mountains":
        return entity(full, f"the {name}s", "the range")
    common = {"Mount": "the mountain"}.get(noun, f"the {noun.lower()}")
    return entity(full, full if noun in ("Lake", "Mount") else f"the {name}", common)


def company(rng: Random) -> Value:
    name = rng.choice((names.surname(rng), names.syllables(rng, 1, 2), names.brand(rng).split()[0]))
    other = names.surname(rng)
    tail = rng.choice(choices()["company endings"]).format(surname=other)
    return entity(name + tail, name, rng.choice(("the company", "the firm", "the business")))


def institution(rng: Random) -> Value:
    """A university, museum, hospital, society or agency."""
    noun = rng.choice(choices()["institutions"])
    place = names.city(rng) if rng.random() < 0.6 else names.surname(rng)
    forms = (
        f"the {noun} of {place}",
        f"{place} {noun}",
        f"the {place} {rng.choice(('National', 'Royal', 'State', 'Municipal', 'Technical', 'Free'))} {noun}",
        f"the {rng.choice(('Royal', 'National', 'American', 'European', 'International'))} {noun} of {rng.choice(classes()['field']).title()}",
    )
    full = rng.choice(forms)
    return entity(full, f"the {noun}", f"the {noun.lower()}")


def party(rng: Random) -> Value:
    """A party, union, league or movement."""
    noun = rng.choice(("Party", "League", "Union", "Movement", "Front", "Alliance", "Congress"))
    lead = rng.choice((*choices()["party names"], names.syllables(rng, 1, 2)))
    return entity(f"the {lead} {noun}", f"the {noun}", f"the {noun.lower()}")


def club(rng: Random) -> Value:
    place = names.city(rng)
    tail = rng.choice(choices()["club endings"])
    return entity(f"{place} {tail}", f"{place}", rng.choice(("the club", "the team", "the side")))


def band(rng: Random) -> Value:
    name = rng.choice(
        (
            f"the {names.syllables(rng)}s",
            f"the {rng.choice(classes()['color']).title()} {rng.choice(classes()['animal']).title()}s",
            f"{names.syllables(rng)} {rng.choice(classes()['animal']).title()}",
            names.syllables(rng, 2, 3),
        )
    )
    return entity(name, name, rng.choice(("the band", "the group")))


def _work(noun: str) -> Maker:
    def make(rng: Random) -> Value:
        name = names.title(rng)
        full = f'"{name}"' if rng.random() < 0.2 else name
        return entity(full, full, f"the {noun}")

    return make


def war(rng: Random) -> Value:
    draw = rng.random()
    if draw < 0.55:
        full, common = f"the Battle of {names.town(rng)}", "the battle"
    elif draw < 0.7:
        full, common = f"the Siege of {names.city(rng)}", "the siege"
    elif draw < 0.85:
        full, common = (
            f"the {rng.choice(('First', 'Second', 'Third', 'Great'))} {names.syllables(rng, 1, 2)} War",
            "the war",
        )
    else:
        full, common = (
            f"the {names.syllables(rng, 1, 2)} {rng.choice(('Revolt', 'Rebellion', 'Uprising', 'Campaign', 'Expedition'))}",
            "",
        )
        common = "the " + full.split()[-1].lower()
    return entity(full, full, common)


def pact(rng: Random) -> Value:
    """A treaty, law or constitution."""
    draw = rng.random()
    if draw < 0.5:
        return entity(
            f"the {rng.choice(('Treaty', 'Peace', 'Convention', 'Treaty'))} of {names.city(rng)}",
            "the treaty",
            "the treaty",
        )
    lead = rng.choice(classes()["concept_n"]).title()
    full = f"the {lead} Act" + (f" of {rng.randint(1780, 2015)}" if rng.random() < 0.5 else "")
    return entity(full, "the act", rng.choice(("the act", "the law")))


def festival(rng: Random) -> Value:
    """A festival, fair, race, cup or prize that recurs."""
    noun = rng.choice(choices()["contests"])
    lead = rng.choice((names.city(rng), names.surname(rng), names.syllables(rng, 1, 2)))
    return entity(
        f"the {lead} {noun}",
        f"the {noun}",
        "the award" if noun in ("Prize", "Award", "Medal", "Trophy") else "the event",
    )


def disaster(rng: Random) -> Value:
    """An earthquake, storm, flood, fire, eruption or epidemic."""
    place, number = names.city(rng), rng.randint(1700, 2018)
    noun = rng.choice(
        ("earthquake", "flood", "fire", "eruption", "epidemic", "famine", "explosion", "train crash")
    )
    if rng.random() < 0.25:
        name = rng.choice(classes()["female"] + classes()["male"])
        return entity(f"Hurricane {name}", name, "the storm")
    return entity(
        rng.choice((f"the {number} {place} {noun}", f"the great {place} {noun}", f"the {place} {noun}")),
        f"the {noun}",
        "the disaster",
    )


def species(rng: Random) -> Value:
    kind = rng.choice(classes()["animal"])
    lead = rng.choice(
        (
            f"{rng.choice(classes()['color'])}",
            names.syllables(rng).title(),
            rng.choice(choices()["animal kinds"]),
        )
    )
    return entity(f"the {lead} {kind}", f"the {kind}", "the species")


def herb(rng: Random) -> Value:
    kind = rng.choice(classes()["plant"])
    lead = rng.choice(
        (
            rng.choice(classes()["color"]),
            names.syllables(rng).title(),
            rng.choice(("mountain", "marsh", "sea", "dwarf", "giant", "sweet", "bitter", "winter", "wild")),
        )
    )
    return entity(f"the {lead} {kind}", f"the {kind}", "the plant")


def matter(rng: Random) -> Value:
    """A chemical, mineral or drug of an invented name."""
    name = names.syllables(rng, 1, 2).lower() + rng.choice(
        ("ium", "ite", "ine", "ol", "ide", "ase", "ene", "ose", "one", "an")
    )
    return entity(name, name, rng.choice(("the substance", "the compound", "the material")))


def device(rng: Random) -> Value:
    """A machine, program, vehicle or technique with a name."""
    name = names.brand(rng)
    noun = rng.choice(choices()["devices"])
    return entity(f"the {name}" if rng.random() < 0.6 else f"the {name} {noun}", f"the {name}", f"the {noun}")


def building(rng: Random) -> Value:
    noun = rng.choice(choices()["buildings"])
    lead = rng.choice(
        (
            names.town(rng),
            names.surname(rng),
            f"{rng.choice(('Saint', 'St.'))} {rng.choice(classes()['male'])}'s",
            rng.choice(classes()["color"]).title(),
        )
    )
    full = f"{lead} {noun}" if rng.random() < 0.6 else f"the {lead} {noun}"
    return entity(
        full,
        f"the {noun.lower()}",
        "the building" if noun not in ("Bridge", "Dam", "Canal") else f"the {noun.lower()}",
    )


def folk(rng: Random) -> Value:
    name = names.people(rng)
    return entity(name, name, rng.choice(("the people", "the tribe")) if rng.random() < 0.3 else name, "they")


def doctrine(rng: Random) -> Value:
    """A theory, method, style, school or faith."""
    noun = rng.choice(("theory", "method", "style", "school", "doctrine", "movement", "principle", "model"))
    lead = rng.choice(
        (
            names.syllables(rng, 1, 2) + "ian",
            names.surname(rng),
            rng.choice(classes()["adj"]),
            names.city(rng),
        )
    )
    return entity(f"the {lead} {noun}", f"the {noun}", f"the {noun}")


def ailment(rng: Random) -> Value:
    name = rng.choice(
        (
            rng.choice(classes()["disease"]),
            f"{names.surname(rng)} {rng.choice(('disease', 'syndrome', 'fever'))}",
            f"{names.syllables(rng)} fever",
        )
    )
    return entity(name, name, "the disease")


def idiom(rng: Random) -> Value:
    """A language."""
    name = (
        rng.choice(classes()["language"])
        if rng.random() < 0.5
        else names.syllables(rng, 1, 2) + rng.choice(("i", "ian", "ese", "ish"))
    )
    return entity(name, name, "the language")


def periodical(rng: Random) -> Value:
    name = f"the {names.city(rng)} {rng.choice(('Times', 'Gazette', 'Herald', 'Review', 'Courier', 'Post', 'Chronicle', 'Observer', 'Tribune', 'Mirror'))}"
    return entity(name, name, rng.choice(("the newspaper", "the paper")))


def series(rng: Random) -> Value:
    name = names.title(rng)
    return entity(name, name, rng.choice(("the series", "the show", "the programme")))


def unit(rng: Random) -> Value:
    """A regiment, fleet or ship."""
    draw = rng.random()
    if draw < 0.5:
        noun = rng.choice(("Division", "Regiment", "Brigade", "Squadron", "Fleet"))
        return entity(
            f"the {ordinal(rng.randint(2, 60)).title() if draw < 0.2 else names.town(rng)} {noun}",
            f"the {noun}",
            f"the {noun.lower()}",
        )
    name = f"{rng.choice(('HMS', 'USS', 'SS', 'RMS'))} {rng.choice((names.syllables(rng), rng.choice(classes()['animal']).title(), names.town(rng)))}"
    return entity(name, name, "the ship")


def house(rng: Random) -> Value:
    """A dynasty, empire, kingdom or colony."""
    name = names.syllables(rng, 1, 2)
    noun = rng.choice(("dynasty", "Empire", "Kingdom", "Republic", "Sultanate", "Caliphate"))
    full = f"the {name} {noun}" if rng.random() < 0.7 or noun == "dynasty" else f"the {noun} of {name}"
    return entity(full, full, f"the {noun.lower()}")


def orbit(rng: Random) -> Value:
    """A planet, moon, star or comet."""
    noun = rng.choice(("planet", "moon", "star", "comet", "asteroid"))
    name = names.syllables(rng, 1, 2)
    full = f"Comet {name}" if noun == "comet" else name
    return entity(full, full, f"the {noun}")


def _common(kind: str, noun: str, he: str = "it", many: bool = False) -> Maker:
    """A topic that is no name but a common noun, sometimes narrowed: "trade", "long-distance trade", "trade in Peru"."""

    def make(rng: Random) -> Value:
        word = rng.choice(classes()[kind])
        word = nouns.plural(word) if many else word
        draw = rng.random()
        if draw < 0.3:
            full = f"{rng.choice(classes()['adj'])} {word}"
        elif draw < 0.45:
            full = f"{rng.choice(classes()['nationality'])} {word}"
        else:
            full = f"{word} in {names.realm(rng)}" if draw < 0.6 else word
        return entity(full, full, noun if rng.random() < 0.3 and noun else full, he)

    return make


TOPICS: dict[str, Maker] = {
    "practice": _common("concept_n", ""), "subject": _common("field", "the subject"),
    "game": _common("sport", "the sport"), "artform": _common("genre", ""), "stuff": _common("sub_n", "the substance"),
    "ware": _common("material", "the material"), "small": _common("sci_p", "", "they"),
    "tools": _common("art_n", "", "they", many=True), "workers": _common("people_p", "", "they"),
    "custom": _common("abstr_n", "", "they", many=True),
    "person": person, "man": lambda rng: _human(rng, "he"), "woman": lambda rng: _human(rng, "she"), "ruler": ruler, "city": _place("city"), "town": _place("town"), "land": land, "nature": water,
    "company": company, "institution": institution, "party": party, "club": club, "band": band, "book": _work("book"),
    "film": _work("film"), "song": _work("song"), "painting": _work("painting"), "war": war, "pact": pact,
    "festival": festival, "disaster": disaster, "species": species, "herb": herb, "matter": matter, "device": device,
    "building": building, "folk": folk, "doctrine": doctrine, "ailment": ailment, "idiom": idiom,
    "periodical": periodical, "series": series, "unit": unit, "house": house, "orbit": orbit,
}  # fmt: skip


def make(kind: str, rng: Random) -> Value:
    """A topic of a kind, or a value of a slot type: frames may draw either."""
    return TOPICS[kind](rng) if kind in TOPICS else find(kind)(rng)


def attributed(value: Value, kind: str, rng: Random) -> Value:
    """The value with what a text may say of it in passing: forms `before` and `after`, outside the value's span."""
    draw = rng.random()
    if draw > 0.2:
        return value
    forms = dict(value.forms)
    if kind in ("person", "man", "woman") and draw < 0.13:
        forms["before"] = (
            f"the {rng.choice(('', rng.choice(classes()['nationality']) + ' '))}{rng.choice(classes()['profession'])} "
        )
    elif draw < 0.1:
        forms["after"] = _bracketed(kind, rng)
    return Value(value.text, forms)


def _bracketed(kind: str, rng: Random) -> str:
    year = find("year")(rng).text
    if kind in ("person", "man", "woman", "ruler"):
        return rng.choice(
            (
                f" ({year}–{rng.randint(1850, 2010)})",
                f" (born {year})",
                f" (d. {year})",
                f", later {rng.choice(('Lord', 'Sir', 'Dr'))} {names.surname(rng)},",
            )
        )
    if kind in ("city", "town", "realm", "land", "region"):
        return rng.choice(
            (
                f" (now {names.town(rng)})",
                f" ({names.syllables(rng)})",
                f", {names.realm(rng)},",
                f" (then part of {names.realm(rng)})",
            )
        )
    if kind in choices()["topics with an acronym"]:
        letters = "".join(rng.choice("ABCDEFGHIKLMNOPRST") for _ in range(3))
        return rng.choice((f" ({letters})", f" ({year})", f" (also called {names.syllables(rng)})"))
    if kind in ("count", "money", "distance", "height", "area", "weight", "size"):
        return rng.choice((f" ({find(kind)(rng).text})", f" (as of {year})", " (estimated)"))
    return ""
