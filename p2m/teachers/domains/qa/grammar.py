"""Rows of the grammars: row k depends on the seed and k alone, so a larger number only adds."""

from __future__ import annotations

from random import Random

from p2m.teachers.domains.qa.asking import Asked, questions
from p2m.teachers.domains.qa.clauses import Clause, clause, sentence
from p2m.teachers.domains.qa.lexicon import choices
from p2m.teachers.domains.qa.passages import Item, passage
from p2m.teachers.domains.qa.values import Draw

OPEN_SHARE = 0.42  # of rows: on clauses of open vocabulary rather than on a relation


def row(seed: int, index: int) -> Item:
    """Row `index` of the stream of `seed`. Draws that come out ambiguous are drawn again."""
    rng = Draw(f"p2m.qa:{seed}:{index}")
    while True:
        rng.choose_era()
        item = _open(rng) if rng.random() < OPEN_SHARE else passage(rng, _idle)
        if item is not None:
            return Item(_worded(rng, item.question), item.context, item.answer, item.relation)


def _idle(rng: Random) -> str:
    return sentence(rng, clause(rng, set()))


def _open(rng: Random) -> Item | None:
    """A passage of clauses that have nothing to do with each other but, at times, the verb."""
    used: set[str] = set()
    said = [clause(rng, used) for _ in range(rng.choice((1, 2, 3, 3, 4, 4, 5, 6)))]
    if rng.random() < 0.4:
        said.append(clause(rng, used, verb=said[0].verb))
    asked, target = _pick(rng, said)
    order = rng.sample(said, len(said))
    context = " ".join(sentence(rng, each) for each in order)
    if rng.random() < 0.3:
        context = _joined(rng, context)
    if context.count(asked.answer) != 1:
        return _recased(context, asked, target)
    return Item(asked.question, context, asked.answer, f"open.{asked.role}")


def _pick(rng: Random, said: list[Clause]) -> tuple[Asked, Clause]:
    """A question on the first clause; roles that a clause seldom has are taken as often as the others."""
    target = said[0]
    options = questions(rng, target)
    weights = [0.6 if option.role in ("subject", "object") else 1.0 for option in options]
    return rng.choices(options, weights)[0], target


def _recased(context: str, asked: Asked, target: Clause) -> Item | None:
    """The item where the answer opens a sentence, and so is capitalised there."""
    answer = asked.answer[0].upper() + asked.answer[1:]
    if asked.answer in context or context.count(answer) != 1 or answer == asked.answer:
        return None
    return Item(asked.question, context, answer, f"open.{asked.role}")


def _joined(rng: Random, context: str) -> str:
    """Two neighbouring sentences made one."""
    parts = context.split(". ")
    if len(parts) < 2:
        return context
    at = rng.randrange(len(parts) - 1)
    second = parts[at + 1]
    if second.split(" ")[0] in choices()["openings that lose their capital"]:
        second = second[0].lower() + second[1:]
        link = rng.choice((", while ", "; ", ", and ", ", but ", ", whereas ", ", although "))
        return ". ".join([*parts[:at], parts[at] + link + second, *parts[at + 2 :]])
    return context


def _worded(rng: Random, question: str) -> str:
    """The question as people type it: mostly well, now and then without capitals, a mark or a letter."""
    text = question.strip().rstrip("?").strip()
    text = " ".join(text.split())
    text = _named(rng, text[0].upper() + text[1:])
    draw = rng.random()
    if draw < 0.03:
        text = text.lower()
    elif draw < 0.06 and len(text) > 20:
        at = rng.randrange(4, len(text) - 2)
        text = text[:at] + text[at + 1 :]
    elif draw < 0.09:
        words = text.split()
        del words[rng.randrange(1, len(words))]
        text = " ".join(words)
    if text.startswith("What ") and rng.random() < 0.04:
        text = "Which " + text[5:] if rng.random() < 0.5 else text.replace("What ", "What exactly ", 1)
    return text if rng.random() < 0.02 else text + "?"


_AUX = frozenset(choices()["auxiliaries and prepositions"])


def _named(rng: Random, text: str) -> str:
    """A question for a name put at length: "What is the name of the company that ..."."""
    words = text.split()
    if len(words) < 5 or rng.random() > 0.12:
        return text
    if words[0] == "Who" and words[1] not in _AUX:
        noun, rest = rng.choice(("person", "man", "one")), " ".join(words[1:])
        return f"What {rng.choice(('is', 'was'))} the name of the {noun} who {rest}"
    if words[0] in ("What", "Which") and words[1] not in _AUX and words[2] not in _AUX and words[1].islower():
        return f"What is the name of the {words[1]} that {' '.join(words[2:])}"
    return text
