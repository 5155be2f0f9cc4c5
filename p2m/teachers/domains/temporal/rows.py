"""Rows of the temporal task: a posting date, one to three sentences, and what in them can be dated.

Input `[Posted: 2013-03-22] She left last July.`, output `last July == 2012-07`; several joined by ` | ` in
the order of the text; `N/A` where nothing can be dated, which is so in two rows of five: plain sentences,
sentences whose only temporal words have no value, and sentences with names and numbers that only look like
dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from p2m.teachers.domains.temporal import distractors, expressions, sentences
from p2m.teachers.domains.temporal.dates import Direction
from p2m.teachers.domains.temporal.expressions import Phrase
from p2m.teachers.domains.temporal.lexicon import LEXICON
from p2m.teachers.domains.temporal.sentences import Piece, Sentence
from p2m.types import Example

NOTHING = "N/A"
SHARE_OF_NOTHING = 0.4  # of rows; real annotated posts have 0.43 (Viswanathan et al., 2023)
FIELD = "input"

_VOICES = ("news", "news", "news", "news", "plain", "plain", "chat", "chat", "mail", "forum", "forum")


def generate(number: int, seed: int) -> Iterator[Example]:
    """Yield `number` rows; row i depends on the seed and i alone. About a hundred microseconds a row."""
    for index in range(number):
        yield _row(Random(f"temporal {seed} {index}"))


def _row(rng: Random) -> Example:
    while True:
        anchor = _anchor(rng)
        voice = rng.choice(_VOICES)
        dated = rng.random() >= SHARE_OF_NOTHING
        parts = _dated(rng, anchor, voice) if dated else _undated(rng, anchor, voice)
        example = _example(rng, anchor, voice, parts)
        if example is not None:
            return example


def _anchor(rng: Random) -> date:
    """Any day of some decades, the recent ones more often."""
    start, end = (
        (date(2006, 1, 1), date(2026, 12, 31))
        if rng.random() < 0.85
        else (date(1990, 1, 1), date(2035, 12, 31))
    )
    return start + timedelta(days=rng.randrange((end - start).days + 1))


def _tense(rng: Random) -> Direction:
    return "past" if rng.random() < 0.62 else "future"


# --------------------------------------------------------------------------- which sentences a row has


def _dated(rng: Random, anchor: date, voice: str) -> list[Sentence]:
    """Sentences with one to three expressions, and perhaps one that dates nothing."""
    main = _main(rng, anchor, voice)
    parts = [main]
    more = rng.random()
    if more < 0.14 and len(main.phrases) == 1:
        parts.append(_main(rng, anchor, voice))
    elif more < 0.34:
        parts.insert(rng.randrange(2), _beside(rng, anchor, voice))
    return parts


def _main(rng: Random, anchor: date, voice: str) -> Sentence:
    tense, kind = _tense(rng), rng.random()
    if kind < 0.55:
        return sentences.simple(rng, anchor, tense, voice, expressions.dated)
    if kind < 0.76:
        return sentences.templated(rng, anchor, tense, "nominal")
    if kind < 0.82:
        return sentences.templated(rng, anchor, tense, "possessive")
    if kind < 0.86:
        return sentences.templated(rng, anchor, tense, "yearly")
    if kind < 0.90:
        return sentences.templated(rng, anchor, tense, "range")
    if kind < 0.95 and voice in ("news", "plain"):
        return sentences.attributed(rng, anchor, tense, voice, expressions.dated)
    return sentences.coordinated(rng, anchor, tense, voice, expressions.dated)


def _beside(rng: Random, anchor: date, voice: str) -> Sentence:
    kind = rng.random()
    if kind < 0.4:
        return sentences.filler(rng, anchor)
    if kind < 0.6:
        return sentences.misleading(rng, anchor)
    if kind < 0.8:
        return sentences.simple(rng, anchor, _tense(rng), voice, distractors.undated)
    return sentences.plain(rng, anchor)


def _undated(rng: Random, anchor: date, voice: str) -> list[Sentence]:
    kind = rng.random()
    if kind < 0.42:
        parts = [sentences.simple(rng, anchor, _tense(rng), voice, distractors.undated)]
    elif kind < 0.68:
        parts = [sentences.misleading(rng, anchor)]
    elif kind < 0.84:
        parts = [sentences.timeless(rng, anchor, voice)]
    else:
        parts = [sentences.plain(rng, anchor)]
    while len(parts) < 3 and rng.random() < 0.38:
        extra = sentences.timeless(rng, anchor, voice) if rng.random() < 0.25 else _beside(rng, anchor, voice)
        parts.insert(rng.randrange(len(parts) + 1), extra)
    return parts


# --------------------------------------------------------------------------- sentences to text and answer


def _example(rng: Random, anchor: date, voice: str, parts: list[Sentence]) -> Example | None:
    """The row, or None where two expressions or templates are alike and the row would read oddly."""
    phrases = [phrase for part in parts for phrase in part.phrases if phrase.value is not None]
    if len({phrase.text.lower() for phrase in phrases}) < len(phrases):
        return None
    if len({part.template for part in parts}) < len(parts):
        return None
    pieces = _voiced(rng, anchor, voice, [_capitalised(part.pieces) for part in parts])
    lower = voice == "chat" and rng.random() < 0.5
    text = "".join(_written(piece, lower) for piece in pieces)
    found = [
        _answer(piece, lower) for piece in pieces if isinstance(piece, Phrase) and piece.value is not None
    ]
    template = parts[0].template
    fact = phrases[0].text if phrases else "".join(_written(piece, False) for piece in parts[0].pieces)
    return Example(
        input={FIELD: f"[Posted: {anchor.isoformat()}] {text}"},
        output=" | ".join(found) or NOTHING,
        source=f"embedded:temporal.{_form(parts, phrases)}",
        group=f"{template}|{fact}",
    )


def _form(parts: list[Sentence], phrases: list[Phrase]) -> str:
    """The expression's form; `several` for more than one; for none, what the first sentence is instead."""
    if phrases:
        return phrases[0].form if len(phrases) == 1 else "several"
    undated = [phrase.form for part in parts for phrase in part.phrases]
    kind = parts[0].template.split(".")[0].rstrip("0123456789")
    return f"none_{undated[0] if undated else kind}"


def _written(piece: Piece, lower: bool) -> str:
    text = piece if isinstance(piece, str) else piece.text
    return text.lower() if lower else text


def _answer(phrase: Phrase, lower: bool) -> str:
    return f"{_written(phrase, lower)} == {phrase.value}"


def _capitalised(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The sentence with a capital first letter, inside its expression where that comes first."""
    first = pieces[0]
    if isinstance(first, str):
        return (sentences.upper_first(first), *pieces[1:])
    capital = sentences.upper_first(first.text)
    return (
        Phrase(first.form, capital, first.value, first.lead, first.nominal, first.possessive),
        *pieces[1:],
    )


def _voiced(rng: Random, anchor: date, voice: str, parts: list[tuple[Piece, ...]]) -> list[Piece]:
    """The sentences in one line, with what the voice puts before and after them."""
    pieces: list[Piece] = []
    head, tail = _frame(rng, anchor, voice)
    if head:
        pieces.append(head + " ")
    for index, part in enumerate(parts):
        pieces.extend([" "] if index else [])
        pieces.extend(part)
    if voice == "chat" and pieces[-1] == "." and rng.random() < 0.6:
        pieces.pop()
    if tail:
        pieces.append(f" {tail}")
    return pieces


def _frame(rng: Random, anchor: date, voice: str) -> tuple[str, str]:
    """What stands before and after: a dateline, a greeting and a name, a handle, a tag."""
    if rng.random() < 0.45:
        return "", ""
    if voice == "news":
        city = rng.choice(LEXICON["city"])
        return rng.choice(
            (f"{city.upper()} -", f"{city} (Reuters) -", "", "", "BREAKING:", f"{city.upper()}:")
        ), ""
    if voice == "mail":
        close = rng.choice((rng.choice(LEXICON["mail closing"]), ""))
        opening = sentences.fill(rng.choice(LEXICON["mail opening"]), rng, anchor)
        return opening, sentences.fill(close, rng, anchor)
    if voice == "chat":
        return "", rng.choice((rng.choice(LEXICON["chat ending"]), rng.choice(LEXICON["tags"])))
    if voice == "forum":
        opening, name = rng.choice(LEXICON["forum opening"]), rng.choice(LEXICON["first"])
        return rng.choice((opening, f"@{name.lower()}")), ""
    return "", ""
