"""Pieces of a page: elements, sections, tables and bars; whatever text is not `Safe` is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple


class Safe(str):
    """HTML, as it is."""

    __slots__ = ()


class Bar(NamedTuple):
    """A figure with a bar; `low` and `high` are ends of its interval where they differ. `kind` is a colour:
    model, other, teacher or bad.
    """

    label: str
    value: float
    shown: str
    kind: str = "model"
    low: float = 0.0
    high: float = 0.0


def tag(name: str, /, *content: str, **attributes: object) -> Safe:
    """An element. Attributes may end in `_` and have `_` for `-`; those that are None or False are left
    out."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Safe(f"<{name}{told}>{joined(*content)}</{name}>")


def joined(*content: str) -> Safe:
    return Safe("".join(each if isinstance(each, Safe) else escape(each) for each in content))


def part(name: str, title: str, *cards: str) -> Safe:
    """A chapter of the page, to which its contents lead; nothing where it has no cards."""
    found = [each for each in cards if each]
    if not found:
        return Safe("")
    head = tag("h2", title, id=f"{name}-title")
    return tag("section", head, tag("div", *found, class_="grid"), id=name, aria_labelledby=f"{name}-title")


def card(title: str, *content: str, wide: bool = False) -> Safe:
    return tag("div", tag("h3", title), *content, class_="card wide" if wide else "card")


def table(
    caption: str, header: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], *, kind: str = ""
) -> Safe:
    """A table with a caption for those who do not see its heading.

    `header` has the name and the sort of each column: "n" (a number), "input" (long text), "right", "wrong",
    "bar" or "". A row's first cell heads it; a column without any content is left out.
    """
    rows = list(rows)
    kept = [place for place in range(len(header)) if not place or any(row[place] for row in rows)]
    header = [header[place] for place in kept]
    lines = [cells(header, [row[place] for place in kept]) for row in rows]
    return framed(caption, heads(header), lines, kind=kind)


def heads(header: Sequence[tuple[str, str]]) -> Safe:
    """The line of a table that names its columns."""
    return tag("tr", *(tag("th", name, scope="col", class_=sort or None) for name, sort in header))


def framed(caption: str, head: str, rows: Iterable[str], *, kind: str = "") -> Safe:
    """A table of whole lines."""
    lines = Safe("\n".join(rows))
    name = tag("caption", caption, class_="unseen")
    return tag("table", name, tag("thead", head), tag("tbody", lines), class_=kind or None)


def cells(header: Sequence[tuple[str, str]], row: Sequence[str], **attributes: object) -> Safe:
    """A line of a table; on a narrow screen each cell tells its column's name."""
    found = []
    for place, (cell, (name, sort)) in enumerate(zip(row, header, strict=True)):
        if place:
            found.append(tag("td", cell, class_=sort or None, data_name=name))
        else:
            found.append(tag("th", cell, scope="row", class_=sort or None))
    return tag("tr", *found, **attributes)


def bars(caption: str, names: tuple[str, str], rows: Sequence[Bar], *, top: float = 1e-9) -> Safe:
    """Figures as a table with bars from 0 to `top`, or to the largest value if larger."""
    top = max([top, *(max(row.value, row.high) for row in rows)])
    drawn = [(row.label, barred(row, top)) for row in rows]
    return table(caption, ((names[0], ""), (names[1], "bar")), drawn, kind="bars")


def barred(row: Bar, top: float = 1.0) -> Safe:
    """A bar with its figure, as a cell."""
    return tag("span", meter(row, top), tag("span", row.shown), class_="barred")


def meter(row: Bar, top: float = 1.0) -> Safe:
    """The bar alone, which says nothing that is not written beside it."""
    value, low, high = (min(1.0, max(0.0, each / top)) for each in (row.value, row.low, row.high))
    whisker = tag("b", style=f"left:{low:.2%};width:{high - low:.2%}") if high > low else ""
    return tag("span", tag("i", style=f"width:{value:.2%}"), whisker, class_=f"meter {row.kind}",
               aria_hidden="true")  # fmt: skip


def listed(rows: Iterable[tuple[str, str]]) -> Safe:
    """Names with what they are."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))


def folded(title: str, *content: str) -> Safe:
    return tag("details", tag("summary", title), *content)
