"""Pieces of a page: sections and tables; every text from data is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def section(title: str, *content: str, wide: bool = False) -> str:
    kind = ' class="wide"' if wide else ""
    return f"<section{kind}>\n<h2>{escape(title)}</h2>\n{''.join(content)}\n</section>"


def table(header: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Cells are (text, CSS class)."""
    rows = list(rows)
    kinds = [kind for _, kind in rows[0]] if rows else [""] * len(header)
    head = "".join(
        f'<th class="{kind}">{escape(name)}</th>' for name, kind in zip(header, kinds, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{escape(text)}</td>' for text, kind in row) + "</tr>\n"
        for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{body}</table>"
