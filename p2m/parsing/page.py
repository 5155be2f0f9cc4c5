# ruff: noqa: E501
"""Lists down the page: bullets, numbers, lines `name: meaning`, codes, bare short lines, and Markdown tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from p2m.parsing.items import ANY_QUOTED, BY_CODES, BY_WORDS, MAX_WORDS, NOUN, Listing, clean, is_label, style

_BULLET = re.compile(
    r"^[ \t>\u3000]*(?P<mark>[-*•·・–—◦▪●○□☐◻+]|#{1,6}|\(?(?P<code>\d{1,2}\.\d{1,2}(?=[. \t])|\d{1,2}|[A-Za-z]|[ivx]{1,4})(?:(?<=\d\.\d)(?=[ \t])|(?<=\d\.\d\d)(?=[ \t])|[.):）]|-(?=[ \t]))|[①-⑳]|\[[ x]?\])(?:[ \t\u3000]+|(?<=[・•□☐①-⑳])(?=\S))(?P<item>\S.*)$"
)
_KEYED = re.compile(
    r"^[ \t>\u3000]*(?P<key>[^\s:=：＝|→>…][^:=：＝|→>…\n]{0,47}?)[ \t\u3000]*(?P<sep>::|…+|\.{3,}|[:：＝→]|[ ]{2,}|=>?|->|[ ][-–—][ ]|\t|[-–—](?=\s))[ \t]*(?P<rest>\S.*)$"
)
_CODED = re.compile(
    r"^[ \t>]*(?P<key>\d{1,2}|[A-Z]{2,5} \d{1,2}|[A-Z]{1,5}-?\d{0,4}|[A-Z]{1,3}-[A-Z]{2,})[ \t]+(?:\.{2,}[ \t]*)?(?P<rest>[^\W\d]\S*(?:[ \t]\S+){0,11})$"
)
_MEANING = re.compile(r"(?<=\S)\s*[(（][^()（）\n]*[)）]\s*$")
_SPREAD = re.compile(r"^[ \t>]*[^\W\d]{3,}[ ]{2,}\S")  # a column of words is no column of codes


_INDENTED = re.compile(r"(?<=\n)(?:[ \t]+\S[^\n]*(?:\n|$)){2,}")


def down_the_page(text: str) -> Iterator[Listing]:
    """Runs of lines of one shape: bullets, numbers, `name: meaning`, codes, or bare short lines after a colon; those
    of an indented block by themselves too.
    """
    yield from _down(text, 0)
    for block in _INDENTED.finditer(text):
        yield from _down(block.group().rstrip("\n"), block.start())


def _down(text: str, offset: int) -> Iterator[Listing]:
    lines = text.split("\n")
    starts = [offset]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    number = 0
    while number < len(lines):
        run = _run(lines, number)
        if run is None:
            number += 1
            continue
        values, end, form, others = run
        introduced = _introduced(lines, number)
        for name, other in others.items():
            if 2 <= len(set(other)) == len(other) and other != values and all(map(is_label, other)):
                yield Listing(other, starts[number], starts[end] - 1, (form, name))
        if len(values) >= 2 and all(map(is_label, values)):
            yield Listing(
                values, starts[number], starts[end] - 1, (form, "introduced") if introduced else (form,)
            )
            widths = [len(value.split()) for value in values]
            if len(values) > 3 and form == "bare" and widths[0] > max(widths[1:]):
                yield Listing(values[1:], starts[number + 1], starts[end] - 1, (form, "without first"))
            if len(values) > 3 and NOUN.search(values[0]) and not any(map(NOUN.search, values[1:])):
                yield Listing(values[1:], starts[number + 1], starts[end] - 1, (form, "without heading"))
            styles = [style(value) for value in values]
            if (
                len(values) > 2 and styles[-1] != styles[0] and len(set(styles[:-1])) == 1
            ):  # another sort of line
                yield Listing(values[:-1], starts[number], starts[end] - 1, (form, "without last"))
            steps = [re.fullmatch(r"\D+ (\d{1,2})", value) for value in values]
            if all(steps):
                yield Listing(
                    tuple(step[1] for step in steps if step), starts[number], starts[end] - 1, ("steps",)
                )
        number = end


def _run(lines: list[str], first: int) -> tuple[tuple[str, ...], int, str, dict[str, tuple[str, ...]]] | None:
    """Items of the run of alike lines that begins at `first`, and the line behind it."""
    shape = _shape(lines[first])
    if shape is None:
        before = lines[first - 1].strip() if first else ""
        led_up_to = (
            not before or _introduced(lines, first) or len(before.split()) > len(lines[first].split()) + 1
        )
        if not lines[first].strip() or not led_up_to:
            return None
        shape = "bare"
    end, chosen = first, list[str]()
    while end < len(lines):
        line = lines[end]
        if not line.strip():
            following = lines[end + 1] if end + 1 < len(lines) else ""
            if shape == "bare" or _shape(following) != shape or _counter(following) != _counter(lines[first]):
                break
            end += 1
            continue
        if shape == "bare" and (
            _shape(line) is not None
            or not is_label(clean(_MEANING.sub("", line)))
            or line.rstrip()[-1] in ".:?!。："
        ):
            break
        if shape != "bare" and (_shape(line) != shape or _counter(line) != _counter(lines[first])):
            if line[:1] in " \t" and chosen:  # a wrapped line
                end += 1
                continue
            break
        chosen.append(line.rstrip(" ,;") if shape == "bare" else line)
        end += 1
    if len(chosen) < (2 if shape != "bare" or _introduced(lines, first) else 3):
        return None
    return (
        tuple(dict.fromkeys(_heads(chosen, shape, "\n".join(lines)))),
        end,
        shape.partition(" ")[0] + shape.partition(" ")[2].isalpha() * " code",
        _other_sides(chosen, shape),
    )


def _other_sides(lines: list[str], shape: str) -> dict[str, tuple[str, ...]]:
    """What else the lines may name: their counters, what these count, or what stands behind the mark."""
    counted = [match for line in lines if (match := _BULLET.match(line)) and match["code"]]
    if shape == "coded":
        return {
            "its counters": tuple(match["code"] for match in counted),
            "its counted": tuple(_head(match["item"]) for match in counted),
        }
    if shape.startswith("bullet"):
        return {"its whole": tuple(clean(match["item"]) for line in lines if (match := _BULLET.match(line)))}
    sides = [match for line in lines if (match := (_CODED if shape == "bare code" else _KEYED).match(line))]
    if len(sides) < len(lines):
        return {}
    return {
        "its keys": tuple(clean(match["key"]) for match in sides),
        "its other side": tuple(clean(match["rest"]) for match in sides),
    }


def _shape(line: str) -> str | None:
    match = _BULLET.match(line)
    if match:
        ringed = "①" <= match["mark"][0] <= "⑳"
        return "coded" if match["code"] else f"bullet {'①' if ringed else match['mark'][0]}"
    if re.match(r"^[ \t>]*\|", line):
        return None  # a table's row
    if _CODED.match(line) and not _SPREAD.match(line):
        return "bare code"
    match = _KEYED.match(line)
    return (
        f"keyed {match['sep'].strip()}"
        if match
        and line.rstrip()[-1] not in ":："
        and len(match["key"].split()) <= MAX_WORDS
        and "//" not in match["rest"][:2]
        else None
    )


def _counter(line: str) -> str:
    """What counts a line: numbers, numbers of numbers, or letters."""
    match = _BULLET.match(line)
    code = match["code"] or "" if match else ""
    return "dotted" if "." in code else "number" if code.isdigit() else "letter" if code else ""


def _heads(lines: list[str], shape: str, text: str) -> list[str]:
    """What each line names, without its marker and its meaning; the codes themselves where they are asked for."""
    by_code = bool(BY_CODES.search(text)) and not BY_WORDS.search(text)
    heads = []
    for line in lines:
        match = _BULLET.match(line)
        if (
            shape == "coded"
            and match
            and match["code"]
            and (by_code or (match["code"].isalpha() and match["mark"][-1] == ":"))
        ):
            heads.append(match["code"])
            continue
        coded = _CODED.match(line)
        if shape == "bare code" and coded:
            heads.append(coded["key"] if by_code or not coded["key"].isdigit() else coded["rest"])
            continue
        heads.append(_head(match["item"] if match else line))
    return heads


def _head(item: str) -> str:
    """The name in `name: meaning`, `name (meaning)`, `"name" means ...` and their kin."""
    quoted = re.match(rf"\s*(?:{ANY_QUOTED.pattern})", item)
    if quoted:
        return clean(next(filter(None, quoted.groups())))
    head = re.split(
        r"\s*(?:[:：＝→|…]|=>?|->|\s[-–—]+\s|[-–—]{1,2}\s|\t|[ ]{2,}|\s?\.{3,}|\s?[(（\[]|,\s(?=e\.g\.|i\.e\.))",
        item.strip(),
        maxsplit=1,
    )[0]
    return clean(head)


def _introduced(lines: list[str], first: int) -> bool:
    """The line before says that a list follows."""
    before = next((line.rstrip(" *_`") for line in reversed(lines[:first]) if line.strip()), "")
    return before.endswith((":", "：", "—", "–", "-", "=", "?", "？", ">")) or bool(
        NOUN.search(before[-80:]) and len(before.split()) <= 8
    )


_CSV = re.compile(r"(?:^[^\n,;:]{1,48}(?P<mark>[,;])(?=\S)[^\n]+(?:\n|$)){3,}", re.MULTILINE)


def _separated(text: str) -> Iterator[Listing]:
    """The columns of `code,meaning` with lines of as many cells below it."""
    for match in _CSV.finditer(text):
        rows = list(csv.reader(match.group().strip("\n").split("\n"), delimiter=match["mark"]))
        if len({len(row) for row in rows}) == 1 and all(cell.strip() for row in rows for cell in row):
            for number in range(len(rows[0])):
                values = tuple(dict.fromkeys(clean(row[number]) for row in rows[1:]))
                if len(values) > 1 and all(map(is_label, values)):
                    named = bool(NOUN.search(rows[0][number]))
                    signs = ("separated", *["named"] * named, *["first column"] * (number == 0))
                    yield Listing(values, match.start(), match.end(), signs)


def tables(text: str) -> Iterator[Listing]:
    """The columns of a Markdown table, and of lines with commas or semicolons."""
    yield from _separated(text)
    for match in re.finditer(r"(?:^[ \t]*\|?[^\n|]+\|[^\n]*(?:\n|$)){3,}", text, re.MULTILINE):
        rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in match.group().strip("\n").split("\n")
        ]
        rules = [
            number for number, row in enumerate(rows) if all(re.fullmatch(r":?-{2,}:?", cell) for cell in row)
        ]
        if rules:
            header, body = rows[rules[0] - 1] if rules[0] else [], rows[rules[0] + 1 :]
        else:
            header, body = rows[0], rows[1:]
        columns = [[row[number] for row in body if len(row) > number] for number in range(len(header))]
        for number, cells in enumerate(columns):
            values = tuple(dict.fromkeys(map(clean, cells)))
            if len(values) > 1 and all(map(is_label, values)):
                told = ("returning", len(values) < len(cells)), ("named", bool(NOUN.search(header[number])))
                signs = ("table", *(name for name, holds in told if holds), *["first column"] * (number == 0))
                yield Listing(values, match.start(), match.end(), signs)
