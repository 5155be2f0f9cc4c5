# ruff: noqa: E501  (choices of words read better on one line)
"""Questions made of the user's own texts by cloze translation (Lewis et al., 2019, arXiv 1906.04980).

A constituent that rules can tell (a date, a number, a name, a noun phrase, a reason) is taken out of its sentence;
what is left becomes a question: the wh-word of the answer's type, the auxiliary before the subject where there is
one, and otherwise the words as they stand, with some dropped or swapped, as the paper's noisy clozes. The answer is
a span of the text, so the label is right by construction however clumsy the question.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

from p2m.errors import DataError
from p2m.teachers.domains.qa.clauses import verbs
from p2m.teachers.domains.qa.lexicon import choices, classes, synonyms
from p2m.teachers.domains.qa.passages import Item
from p2m.teachers.texts import texts_of

MIN_WORDS, MAX_WORDS = 12, 160  # of a passage

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_NAME = (
    r"(?:[A-Z][\w’'.-]*\w)(?: (?:of|de|von|the|van|al|la|du|di|and|&) (?=[A-Z])| (?=[A-Z])|[A-Z][\w’'-]*\w)*"
)
_STOP = choices()["words that end a noun phrase"]
_RULES = (
    ("reason", r"(?<=\bbecause )(?!of\b)[^,.;:()]{12,90}(?=[,.;])"),
    ("purpose", r"(?<=\bin order )to [^,.;:()]{8,70}(?=[,.;])"),
    (
        "date",
        rf"\b(?:\d{{1,2}} (?:{_MONTHS})(?: \d{{3,4}})?|(?:{_MONTHS}) \d{{1,2}}(?:, \d{{4}})?|(?:{_MONTHS}) \d{{4}})\b",
    ),
    ("year", r"(?<=\b[iI]n )[12]\d{3}\b(?!s)|(?<=\b[bB]y )[12]\d{3}\b|(?<=\b[sS]ince )[12]\d{3}\b"),
    ("percent", r"\b\d[\d.,]*(?: ?%| per ?cent\b)"),
    ("money", r"[$£€]\d[\d.,]*(?: (?:million|billion|thousand))?"),
    (
        "number",
        r"\b(?:\d[\d.,]*\d|\d|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|forty|fifty)(?: (?:million|billion|thousand|hundred))?(?= [a-z]{3,})",
    ),
    ("name", rf"(?<=[a-z,] ){_NAME}"),
    ("thing", rf"(?<=\b)(?:the|a|an) (?:(?!(?:{'|'.join(_STOP)})\b)[a-z][a-z-]+ ?){{1,4}}(?=\b)"),
)
_WH = {
    "date": ("When", "On what date", "When"), "year": ("When", "In what year", "What year"),
    "percent": ("How much", "What percentage"), "money": ("How much", "How much money"), "number": ("How many",),
    "reason": ("Why", "Why", "For what reason"), "purpose": ("Why", "For what purpose"),
    "person": ("Who", "Who", "What person"), "place": ("Where", "What place", "In what place"),
    "name": ("What", "Who", "Which"), "thing": ("What", "What", "Which"),
}  # fmt: skip
_AUXILIARIES = choices()["auxiliaries"]


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    group: str
    clues: tuple[tuple[str, int, int], ...]  # (rule, start, end) of answers that stand once


@dataclass(frozen=True, slots=True)
class Book:
    """The user's texts, cut into passages with the answers that rules found in them."""

    passages: tuple[_Passage, ...]

    @staticmethod
    def read(place: Path) -> Book:
        """Read a file, or the .txt and .md files of a folder, by name.

        Raises:
            DataError: nothing there, not UTF-8, or no sentence that a question can be made of.
        """
        found = [passage for text in texts_of(place) for passage in _passages(text)]
        if not found:
            raise DataError(
                f"{place}: no passage of {MIN_WORDS} words or more with a name, a date, a number or a noun phrase"
                " to ask for; give longer texts in English, or leave data.texts out"
            )
        return Book(tuple(found))

    def takes(self, seed: int, index: int, share: float) -> bool:
        """Whether row `index` is made of the texts."""
        return Random(f"p2m.qa.share:{seed}:{index}").random() < share

    def item(self, seed: int, index: int) -> Item:
        """The question of row `index`."""
        rng = Random(f"p2m.qa.cloze:{seed}:{index}")
        passage = rng.choice(self.passages)
        rules = sorted({rule for rule, _, _ in passage.clues})
        rule = rng.choice(rules)  # by type first, or names and phrases would crowd out dates
        _, start, end = rng.choice([clue for clue in passage.clues if clue[0] == rule])
        question = _question(rng, passage.text, rule, start, end)
        return Item(question, passage.text, passage.text[start:end], f"texts.{rule}", passage.group)


def _passages(text: str) -> list[_Passage]:
    found = []
    for block in re.split(r"\n\s*\n", text):
        plain = " ".join(re.sub(r"^[#>*\-\s]+", "", line) for line in block.splitlines())
        plain = " ".join(plain.split())
        for piece in _pieces(plain):
            clues = _clues(piece)
            if clues:
                digest = hashlib.sha256(piece.encode()).hexdigest()[:12]
                found.append(_Passage(piece, f"texts:{digest}", clues))
    return found


def _pieces(text: str) -> list[str]:
    """Runs of whole sentences of at most MAX_WORDS words; shorter than MIN_WORDS are left out."""
    pieces, current = [], ""
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\"“])", text):
        if current and len(current.split()) + len(sentence.split()) > MAX_WORDS:
            pieces.append(current)
            current = ""
        current = f"{current} {sentence}".strip()
    pieces.append(current)
    return [piece for piece in pieces if MIN_WORDS <= len(piece.split()) <= 2 * MAX_WORDS]


def _clues(text: str) -> tuple[tuple[str, int, int], ...]:
    clues: list[tuple[str, int, int]] = []
    taken: list[tuple[int, int]] = []
    for rule, pattern in _RULES:
        for match in re.finditer(pattern, text):
            start, end = match.start(), match.start() + len(match.group().rstrip())
            answer = text[start:end]
            if not answer or text.count(answer) != 1 or any(a < end and start < b for a, b in taken):
                continue
            if rule not in ("reason", "purpose"):  # within those, shorter answers may be asked for too
                taken.append((start, end))
            clues.append((rule, start, end))
    return tuple(clues)


# --------------------------------------------------------------------------- from cloze to question


def _question(rng: Random, text: str, rule: str, start: int, end: int) -> str:
    before, after = _clause(text, start, end)
    kind = _kind(rule, text[start:end], before)
    wh = rng.choice(_WH[kind])
    if kind == "number":
        noun = after.split()[0].strip(".,;:")
        wh, after = f"How many {noun}", after.strip().removeprefix(noun)
    words = _turned(rng, wh, before.split(), after.split())
    return _noisy(rng, words)


def _clause(text: str, start: int, end: int) -> tuple[str, str]:
    """What stands before and after the answer in its clause, or in its sentence where the clause is short."""
    left = max([match.end() for match in re.finditer(r"[.!?] (?=[A-Z\"“])", text[:start])], default=0)
    right = re.search(r"[.!?](?= [A-Z\"“]|$)", text[end:])
    before, after = text[left:start], text[end : end + right.start()] if right else text[end:]
    if len((before + after).split()) > 18:
        parts = re.split(r"[;:]|, (?=which|who|where|when|while|because|but|and|although)", before)
        if len(parts[-1].split()) >= 4:
            before = parts[-1]
        after = re.split(r"[;:]|, (?=which|who|where|when|while|because|but|and|although)", after)[0]
    return before.strip(" ,"), after.strip()


def _kind(rule: str, answer: str, before: str) -> str:
    """The answer's type, as far as a name's own words and the word before it tell."""
    if rule != "name":
        return rule
    words = classes()
    if answer.split()[0] in (*words["male"], *words["female"]):
        return "person"
    last = before.split()[-1].lower() if before.split() else ""
    if answer in (*words["city"], *words["country"], *words["region"]) or last in (
        "in",
        "near",
        "at",
        "to",
        "from",
    ):
        return "place"
    return "person" if last in ("by", "under") and len(answer.split()) == 2 else "name"


def _turned(rng: Random, wh: str, before: list[str], after: list[str]) -> list[str]:
    """The words of the question: subject first, auxiliary inverted, or the wh-word where the answer stood."""
    if len(before) <= 1:
        return [wh, *after]
    draw = rng.random()
    if draw < 0.15:
        return [*before, wh.lower(), *after]
    at = next((place for place, word in enumerate(before) if word.lower() in _AUXILIARIES and place), None)
    trailing = (
        before[-1:]
        if before[-1].lower() in ("in", "on", "by", "at", "for", "from", "with", "to", "of")
        else []
    )
    if at is not None:
        body = before[at + 1 :]
        if trailing and (wh in ("When", "Where", "Why") or wh.split()[0] in ("In", "On", "For")):
            body = body[:-1]
        return [wh, before[at].lower(), _lowered(before[0]), *before[1:at], *body, *after]
    did = _did(before)
    if did is not None:
        place, base = did
        return [wh, "did", _lowered(before[0]), *before[1:place], base, *before[place + 1 :], *after]
    return [wh, *_uncapped(before), *after]


def _did(before: list[str]) -> tuple[int, str] | None:
    """Where a past tense stands, and its base form."""
    known = {verb.past: verb.base for verb in verbs()}
    for place, word in enumerate(before):
        if place and word in known:
            return place, known[word]
        if place and word.endswith("ed") and len(word) > 5:
            return place, word[:-1] if word[:-2][-1] in "cgsvzu" else word[:-2]
    return None


def _lowered(word: str) -> str:
    """A sentence's first word as it reads further inside: articles and pronouns lose their capital."""
    return word.lower() if word.lower() in choices()["words that lose their capital"] else word


def _uncapped(words: list[str]) -> list[str]:
    return [_lowered(words[0]), *words[1:]] if words else []


def _noisy(rng: Random, words: list[str]) -> str:
    """Some words dropped, replaced or swapped with their neighbours, the wh-word kept."""
    head, rest = words[0], " ".join(words[1:]).split()
    if len(rest) > 5:
        rest = [word for word in rest if rng.random() > 0.08]
    rest = [
        rng.choice(synonyms()[word]) if word in synonyms() and rng.random() < 0.12 else word for word in rest
    ]
    if len(rest) > 4 and rng.random() < 0.2:
        at = rng.randrange(len(rest) - 1)
        rest[at], rest[at + 1] = rest[at + 1], rest[at]
    text = " ".join([head, *rest]).strip(" .,;:")
    return text[0].upper() + text[1:] + "?"
