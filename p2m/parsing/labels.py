# ruff: noqa: E501
"""The labels of a classification: of all lists that a prompt holds, the likeliest that its demonstrations do not
speak against, else what the demonstrations answer.

What stands in and around a list tells how likely its items are the labels: its form, words for labels before it,
its items named again elsewhere; against it, that it is an illustration ("e.g. ...") or lists what goes in. The
weights of these signs are learnt from prompts whose labels are known (recipes/data/prompts/make.py).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from p2m.parsing.items import (
    ARTICLE,
    BY_CODES,
    BY_WORDS,
    CODE_SHAPE,
    NOUN,
    Listing,
    fold_label,
    is_label,
    style,
)
from p2m.parsing.lists import lists
from p2m.parsing.rests import items
from p2m.parsing.text import core
from p2m.parsing.weights import KNOWN_LABELS, LIST_WEIGHTS
from p2m.parsing.words import (
    ANSWER_WORDS,
    FIELD_LISTS,
    ILLUSTRATES,
    NO_LABELS,
    NUMBER_WORDS,
    STOP_WORDS,
    YES_NO,
)

STRONG = 0.5  # from which a list speaks for a classification by itself
_LEAST = 0.04  # chance below which a list is no list of labels
SHOWN = 0.04  # strength of what only demonstrations answer
_CODED = 0.5  # of a list's chance, from which its codes are taken where these are asked for
_FEW = 3  # phrases, from which they are not counted
_ASKS = re.compile(ANSWER_WORDS, re.IGNORECASE)
_ILLUSTRATES = re.compile(rf"(?:{ILLUSTRATES})[^\n.。]{{0,12}}$", re.IGNORECASE)
_FIELDS = re.compile(rf"(?:{FIELD_LISTS})[^\n.。]{{0,30}}$", re.IGNORECASE)
_NOT = re.compile(
    r"\b(?:no|not|never|don['’]?t|nobody|without|instead|nicht|kein\w*|ohne|pas|sans|sin|nunca|sem|não|non|senza|geen|niet|не|без|nie|bez|inte|değil)\b|しない|ない|不要|不需|无需|말고|아니|않|لا |بدون|नहीं",
    re.IGNORECASE,
)
_POLAR = re.compile(  # begins like a question that yes or no answers
    r"^\W*(?:is|are|was|were|does|do|did|has|have|can|could|will|would|should|ist|sind|wird|hat|kann|enthält|est-ce que|czy)\s",
    re.IGNORECASE,
)
_JOINED_BEFORE, _JOINED_AFTER = re.compile(r"[,;/|、，]\s*$"), re.compile(r"^\s*[,;/|、，]")
_PRONOUNS = "i you he she it we they this that these those them my our your its his her us me ich wir ihr je nous ils yo io noi"
_STOP = frozenset(word for words in (*STOP_WORDS.values(), _PRONOUNS) for word in words.split())


@dataclass(frozen=True, slots=True)
class Labels:
    """What was found; `strength` says how surely the prompt presents it as the list of all labels, 0 to 1."""

    values: tuple[str, ...] = ()
    reason: str = ""
    strength: float = 0.0


def read_labels(instruction: str, outputs: Sequence[str], *, given: bool = False) -> Labels:
    """The likeliest list of labels that holds every demonstrated output, else the outputs where they return.

    Outputs that join several labels count by their parts. Outputs that are `given` beside the
    prompt are surely answers.
    """
    scored = _chances(candidates(instruction, outputs, given=given))
    best = max(scored, key=lambda values: scored[values], default=())
    if not best or scored[best] <= _LEAST:
        shown = _shown(outputs)
        return Labels() if _counted(instruction) > len(shown.values) else shown
    if scored[best] < STRONG and _counted(instruction) > len(best) + 1:
        return Labels()  # "about 60 topics", of which some are named
    most = scored[best]
    best = _as_codes(best, scored) if _by_code(instruction) else best
    values = _spelt(best, outputs)
    if {*map(fold_label, values)} <= {*map(fold_label, (*outputs, *_all_parts(outputs)))}:
        return _answered(values, outputs, instruction, most)
    where = "listed in the prompt" if _places(values[-1], instruction) else "the answers to what is asked"
    return Labels(values, f"labels {', '.join(values[:8])}: {where}", min(1.0, most))


def _answered(values: tuple[str, ...], outputs: Sequence[str], instruction: str, most: float) -> Labels:
    """Labels that the demonstrations answer, each of them; surely all where they return or the prompt says them."""
    said = all(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", instruction, re.IGNORECASE) for value in values)
    if said:
        return Labels(values, f"labels {', '.join(values[:8])}: listed in the prompt", min(1.0, most))
    returning = len(outputs) >= 4 and len(values) <= 0.67 * len(outputs)
    low = [*map(fold_label, values)]
    if len(outputs) < 3 and not {*low} <= YES_NO and not (len(low) == 2 and _are_opposites(*low)):
        return Labels()  # two answers show no set of labels
    reason = "all that the demonstrations answer" if returning else "the demonstrations'"
    return Labels(values, f"labels {', '.join(values[:8])}: {reason}", STRONG if returning else SHOWN)


def _by_code(text: str) -> bool:
    """Whether codes are asked for and not what they mean."""
    return _has(BY_CODES, text) and not _has(BY_WORDS, text)


def _as_codes(best: tuple[str, ...], scored: Mapping[tuple[str, ...], float]) -> tuple[str, ...]:
    """Of `A: refund, B: exchange` the codes, where they are half as likely as what they mean."""
    if any(map(_IS_CODE.fullmatch, best)):
        return best
    coded = [
        values
        for values in scored
        if len(values) == len(best)
        and all(map(_IS_CODE.fullmatch, values))
        and scored[values] > _CODED * scored[best]
    ]
    return max(coded, key=lambda values: scored[values], default=best)


def _counted(instruction: str) -> int:
    """How many labels a prompt says that there are, from ten; 0 where it does not say."""
    return max((int(match[1] or match[2]) for match in _COUNTED.finditer(instruction)), default=0)


_COUNTED = re.compile(
    r"\b(\d{2,4})\s+(?:\w+\s+){0,2}?(?:intents?|topics|categories|labels|classes|tags|codes|kategorien|klassen|themen|catégories|classes|étiquettes|categorías|etiquetas"
    r"|categorias|categorie|категори\w*|тем\w*|интент\w*)\b|(?<!\d)(\d{2,4})\s?(?:個|つ|种|個の|개)",
    re.IGNORECASE,
)


def candidates(
    instruction: str, outputs: Sequence[str], *, given: bool = False
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every list that holds all that is demonstrated: its items, and its signs."""
    likely = items(core(instruction))
    for values, signs in _lists(core(instruction), outputs, given=given):
        yield values, (*signs, *_signs_of_items(values, likely))


def _signs_of_items(values: Sequence[str], likely: Mapping[str, float]) -> Iterator[str]:
    """What phrases that are likely labels say of a list: of those in it, and of those that it lacks."""
    held = {*map(fold_label, values)}
    scores = [likely[value] for value in held if value in likely]
    yield f"items unknown {min(len(held) - len(scores), _FEW)}"
    if scores:
        mean, worst = sum(scores) / len(scores), min(scores)
        yield from (f"items over {least}" for least in range(-6, 5) if mean > least)
        yield from (f"items worst over {least}" for least in range(-7, 4) if worst > least)
    outside = takewhile(lambda item: item[1] > -4, likely.items())
    missed = [score for value, score in outside if not any(value in each or each in value for each in held)]
    yield from (f"missed over {least}" for least in range(-4, 5) if missed and missed[0] > least)
    yield f"missed {min(sum(score > 0 for score in missed), _FEW + 1)}"


def _lists(
    instruction: str, outputs: Sequence[str], *, given: bool
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    shown = {fold_label(part) for output in outputs for part in _parts(output)}
    whole = {fold_label(output) for output in outputs}
    for each, others in lists(instruction):
        told = _signs_of(each, instruction, outputs)
        for rest, more in [("", ()), *others]:
            values, signs = (*each.values, rest) if rest else each.values, (*told, *more)
            folded = {fold_label(value) for value in values}
            if whole <= folded or shown <= folded:
                yield values, signs
            elif not given:  # they may be no demonstrations but a description
                yield values, (*signs, f"unlike {min(len(outputs), 4)} shown")
        folded, signs = {fold_label(value) for value in each.values}, told
        missing = [part for part in dict.fromkeys(_all_parts(outputs)) if fold_label(part) not in folded]
        if outputs and folded & shown and 0 < len(missing) <= 3 and all(map(is_label, missing)):
            yield (*each.values, *missing), (*signs, "with shown")
    yield from _demonstrated(instruction, outputs)


def _all_parts(outputs: Sequence[str]) -> list[str]:
    return [part for output in outputs for part in _parts(output)]


def _demonstrated(
    instruction: str, outputs: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What the demonstrations answer, whole and by its parts."""
    parts = _all_parts(outputs)
    later = _all_parts(outputs[1:])  # the first may say what the answers are
    for form, found in (("answers", list(outputs)), ("parts", parts), ("later parts", later)):
        values = tuple({fold_label(value): value for value in reversed(found) if value.strip()}.values())[
            ::-1
        ]
        if (
            not 2 <= len(values) <= 20
            or not all(map(is_label, values))
            or (form != "answers" and found == list(outputs))
            or (form == "answers" and any(each.startswith("[") for each in outputs))
        ):
            continue
        told = {
            "returning": len(values) < len(found), "often": 2 * len(values) <= len(found),
            f"of {min(len(found), 5)}": True, "counted": _counted(instruction) > len(values),
        }  # fmt: skip
        signs = _signs_of(Listing(values, 0, 0, (f"demonstrated {form}",)), instruction, outputs)
        yield values, (*signs, *(f"demonstrated {name}" for name, holds in told.items() if holds))


_REMARK = re.compile(r"[(（].*[)）]")  # says that there is no label


def _parts(output: str) -> list[str]:
    if re.fullmatch(r"(?:#\w+\s*)+", output):
        return output.split()
    if re.fullmatch(r"\[\s*(?:\"[^\"]*\"\s*,?\s*)*\]", output):
        return re.findall(r"\"([^\"]+)\"", output)
    return [
        part
        for part in re.split(r"\s*[,;|、，،]\s*", output)
        if part.strip(" ()[]-–—")
        and not _REMARK.fullmatch(part)
        and fold_label(part).strip("()（）") not in _NOTHING
    ]


def _signs_of(each: Listing, text: str, outputs: Sequence[str]) -> tuple[str, ...]:
    """All that speaks for or against a list's being that of the labels, by name."""
    before = text[max(0, each.start - 110) : each.start]
    line = before.rpartition("\n")[2] or before.rstrip().rpartition("\n")[2]
    sentence = re.split(r"[.!?。！？]\s|\n", line)[-1]
    low = [fold_label(value) for value in each.values]
    again = sum(
        len(value) > 1 and any(end <= each.start or start >= each.end for start, end in _places(value, text))
        for value in each.values
    )
    words = [value.split() for value in each.values]
    styles = {style(value) for value in each.values}
    by_code = _by_code(text)
    number = len(words)
    joined_words = [word for item in words if len(item) > 1 for word in (item[0], item[-1])]
    found = {
        "two": number == 2, "several": number > 3, "many": number > 7,
        "single": all(len(item) == 1 for item in words), "long": any(len(item) > 3 for item in words),
        "upper": styles == {"upper"}, "title": styles == {"title"}, "lower": styles == {"lower"}, "mixed": len(styles) > 1,
        "digits": all(value.isdigit() for value in each.values), "yes_no": set(low) <= YES_NO, "has_yes_no": len(set(low) & YES_NO) > 1,
        "uneven": max(map(len, words)) - min(map(len, words)) > 0, "first_wider": len(words[0]) > max(map(len, words[1:])),
        "last_wider": len(words[-1]) > max(map(len, words[:-1])),
        "codes_asked": by_code and all(map(_IS_CODE.fullmatch, each.values)),
        "codes_unasked": not by_code and all(map(_IS_CODE.fullmatch, each.values)),
        "no_codes": by_code and not any(map(_IS_CODE.fullmatch, each.values)),
        "numerals": set(low) <= _NUMERALS,
        "opposites": number == 2 and _are_opposites(*low),
        "stop_words": any(word.casefold() in _STOP for word in joined_words),
        "function": any(len(item) == 1 and item[0].casefold() in _STOP and item[0].islower() for item in words) and not set(low) <= YES_NO,
        "no_labels": bool(set(low) & NO_LABELS), "odd": any(re.search(r"[.!?:;=<>@…]", value) for value in each.values),
        "noun": _has(NOUN, sentence), "noun_near": _has(NOUN, before),
        "asks": _has(_ASKS, sentence), "asks_after": _has(_ASKS, text[each.end : each.end + 60]),
        "noun_after": _has(NOUN, text[each.end : each.end + 40]),
        "illustrates": _has(_ILLUSTRATES, line), "fields": _has(_FIELDS, line[-60:]),
        "negated": _has(_NOT, sentence), "bracket": before.rstrip()[-1:] in "([{（【",
        "colon": before.rstrip()[-1:] in ":：—–-=>→", "starts": not sentence.strip(),
        "again_one": again == 1, "again_two": again > 1, "again_all": again == number,
        "late": each.start > 0.6 * len(text), "early": each.start < 0.15 * len(text), "whole": each.end - each.start > 0.6 * len(text),
        "joined before": _has(_JOINED_BEFORE, before[-3:]), "joined after": _has(_JOINED_AFTER, text[each.end : each.end + 3]),
        "question": text[each.end : each.end + 4].strip(" )\"'”»）")[:1] in tuple("?？"), "polar": _has(_POLAR, sentence), "shown": bool(outputs),
    }  # fmt: skip
    found |= _known_of(each, low, text, by_code=by_code)
    # "run" lists in a sentence are so many that their other signs weigh differently from those of other forms.
    form = each.signs[0] if each.signs else ""
    named = [name for name, holds in found.items() if holds]
    crossed = [f"run {name}" for name in named] if form == "run" else []
    return (*each.signs, *named, *crossed, *_words_of(words), *_words_around(each, text))


@lru_cache(maxsize=4096)  # many lists of a prompt stand at the same place
def _has(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.search(text) is not None


@lru_cache(maxsize=4096)
def _places(value: str, text: str) -> tuple[tuple[int, int], ...]:
    """Where a value stands as a word of its own."""
    found, place = [], text.find(value)
    while place >= 0:
        end = place + len(value)
        if not text[max(0, place - 1) : place].isalnum() and not text[end : end + 1].isalnum():
            found.append((place, end))
        place = text.find(value, place + 1)
    return tuple(found)


def _known_of(each: Listing, low: Sequence[str], text: str, *, by_code: bool) -> dict[str, bool]:
    """What is known of the items, and how long the outer ones are."""
    lengths = [len(value) for value in low]
    known = sum(value in KNOWN_LABELS and not _IS_CODE.fullmatch(value) for value in low)
    counts = each.signs[-1:] in (("its counters",), ("counters",))
    said = _numbers(text)
    return {
        "count said": len(low) in said,
        "other count said": bool(said) and len(low) not in said,
        "first_longer": lengths[0] > 1 + 1.5 * max(lengths[1:]),
        "last_longer": lengths[-1] > 1 + 1.5 * max(lengths[:-1]),
        "articles": sum(ARTICLE.match(value) is not None for value in low) > 1,
        "whole_numbers": _has(_WHOLE, text),
        "decimals": _has(_DECIMALS, text),
        "known_all": known == len(low),
        "known_most": 2 * known >= len(low),
        "known_some": known > 0,
        "known_none": not known and not all(map(_IS_CODE.fullmatch, each.values)),
        "words_asked": _has(BY_WORDS, text) and all(map(_IS_CODE.fullmatch, each.values)),
        "counters_asked": counts and by_code,
        "counters_unasked": counts and not by_code,
    }


@lru_cache(maxsize=8)
def _numbers(text: str) -> frozenset[int]:
    """The numbers from 2 to 12 that a text says, in words of many languages."""
    return frozenset(_NUMBERS[word] for word in _WORDS.findall(text.casefold()) if word in _NUMBERS)


def _words_of(words: Sequence[Sequence[str]]) -> list[str]:
    """The outer words of outer items that are longer than the others: what may not belong to them."""
    found = [f"^ {words[0][0]}"] * (len(words[0]) > len(words[1]))
    found += [f"$ {words[-1][-1]}"] * (len(words[-1]) > max(map(len, words[:-1])))
    return [word.casefold().replace("|", "¦") for word in found]


def _words_around(each: Listing, text: str) -> list[str]:
    """The last words before a list and the first behind it; letters where words have no blanks."""
    if not each.end:
        return []
    before, after = text[max(0, each.start - 40) : each.start], text[each.end : each.end + 40]
    last, first = (_WORDS.findall(part.casefold().replace("|", "¦")) for part in (before, after))
    found = [f"< {' '.join(last[-size:])}" for size in (1, 2) if len(last) >= size]
    return found + [f"> {' '.join(first[:size])}" for size in (1, 2) if len(first) >= size]


_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")
_NUMBERS = {word: number for number, words in enumerate(NUMBER_WORDS, 2) for word in words.split()}
_WHOLE = re.compile(
    r"\b(?:whole|integer|int|digit|entero|entier|intero|inteir[oa]|ganze?\w*|heel|cał\w+|цел\w+|tam ?sayı|stars?|sterne?|cijfer|ziffer|chiffre|cifra|rakam|цифр\w*)\b|整数|数字|숫자|정수|星|별",
    re.IGNORECASE,
)
_DECIMALS = re.compile(
    r"\b(?:decimals?|fraction\w*|float|real|continuous|mean|average|halves|dezimal\w*|komma\w*|kommazahl\w*|stufenlos|décimal\w*|decimal\w*|casas?|media|média|moyenne|gemiddelde|ułamk\w*|дроб\w*|средн\w+|ondalık)\b|小数|平均|소수|\d\.\d",
    re.IGNORECASE,
)


def _are_opposites(first: str, second: str) -> bool:
    """`spam` and `not spam`, `eligible` and `ineligible`."""
    one, other = sorted((first, second), key=len)
    if not other.endswith(one) or one == other:
        return False
    return other[: -len(one)].strip(" -_") in _NEGATIONS


_IS_CODE = re.compile(rf"{CODE_SHAPE}|[a-z]")
_NUMERALS = frozenset(
    [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "many",
        "several",
        "none",
        "ein",
        "eins",
        "zwei",
        "drei",
        "vier",
        "fünf",
        "un",
        "deux",
        "trois",
        "quatre",
        "cinq",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "due",
        "tre",
        "quattro",
        "cinque",
        "dois",
        "três",
    ]
)
_NOTHING = frozenset(
    [
        "none",
        "nothing",
        "n/a",
        "keine",
        "keins",
        "nichts",
        "aucun",
        "aucune",
        "rien",
        "ninguno",
        "ninguna",
        "nada",
        "nessuno",
        "nessuna",
        "nenhum",
        "geen",
        "brak",
        "нет",
        "ничего",
        "なし",
        "无",
        "空",
        "없음",
        "لا",
        "شيء",
    ]
)
_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "non",
        "un",
        "in",
        "im",
        "ir",
        "dis",
        "anti",
        "kein",
        "keine",
        "nicht",
        "pas",
        "no_",
        "sin",
        "sem",
        "não",
        "nao",
        "non",
        "geen",
        "niet",
        "не",
        "nie",
        "bukan",
        "не",
    ]
)


def _chances(found: Iterator[tuple[tuple[str, ...], tuple[str, ...]]]) -> dict[tuple[str, ...], float]:
    """How likely each list names the labels, 0 to 1; together with "none of them", which has the weight 1, one.

    A list that is found in several forms has the weights of all of them.
    """
    weights: dict[tuple[str, ...], float] = {}
    for values, signs in found:
        weights[values] = weights.get(values, 0.0) + math.exp(
            sum(LIST_WEIGHTS.get(sign, 0.0) for sign in signs)
        )
    whole = 1 + sum(weights.values())
    return {values: weight / whole for values, weight in weights.items()}


def _spelt(values: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    """The labels as the demonstrations spell them, where they do."""
    spelling = {fold_label(part): part for output in reversed(outputs) for part in (*_parts(output), output)}
    return tuple(spelling.get(fold_label(value), value) for value in values)


def _shown(outputs: Sequence[str]) -> Labels:
    """What the demonstrations answer: surely all labels where they return, likely where three and short."""
    parts = [part for output in outputs for part in _parts(output)]
    for parted in (parts,) if len(parts) > len(outputs) else (list(outputs),):
        counts = Counter(parted)
        if not len(counts) >= 2 or not all(map(is_label, counts)) or len(outputs) < 2:
            continue
        values = tuple(dict.fromkeys(parted))
        if len(outputs) >= 4 and len(counts) <= 0.67 * len(parted):
            return Labels(
                values, f"labels {', '.join(values[:8])}: all that the demonstrations answer", STRONG
            )
        binary = len(values) == 2 and {fold_label(value) for value in values} <= YES_NO
        if binary or (len(outputs) >= 3 and all(len(value.split()) <= 3 for value in values)):
            return Labels(values, f"labels {', '.join(values[:8])}: the demonstrations'", SHOWN)
    return Labels()
