"""What differs between two builds, as Markdown for a comment on a pull request. Pure: values in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from p2m.cli.diff_views import diff_text, figure_cells
from p2m.comparison import Comparison
from p2m.lock import Difference

_MOST = 40  # causes that are shown
_LONGEST = 20_000  # characters of the whole comparison; a comment on GitHub may have 65,536


def diff_markdown(found: Comparison, causes: Sequence[Difference], *, rows: int) -> str:
    """Figures and causes as tables, and the whole comparison folded away.

    `causes` are what differs between two locks; () where one side is none.
    """
    text = diff_text(found, rows=rows)
    out = [f"### p2m: {code(found.old)} → {code(found.new)}", ""]
    if found.is_empty and not causes:
        return "\n".join([*out, "No difference.", ""])
    if found.figures:
        cells = [figure_cells(figure) for figure in found.figures]
        out += [*_table(("", "before", "after", "change"), cells, numbers=True), ""]
    if causes:
        shown = [(f"{one.group} {code(one.name)}", code(one.old), code(one.new)) for one in causes[:_MOST]]
        out += [*_table(("what changed", "before", "after"), shown), ""]
    if len(causes) > _MOST:
        out += [f"and {len(causes) - _MOST} more changes", ""]
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n..."
    fence = _ticks(text, least=3)
    summary = f"<details><summary>{_steps(found)}</summary>"
    return "\n".join([*out, summary, "", f"{fence}text", text, fence, "", "</details>", ""])


def code(text: str) -> str:
    """Text as a span of code, which may stand in a cell: nothing in it is a mark, a mention or a link."""
    line = " ".join(text.split()).replace("|", "\\|")
    ticks = _ticks(line, least=1)
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}" if line else ""


def _ticks(text: str, *, least: int) -> str:
    """More backticks than stand together anywhere in the text."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def _steps(found: Comparison) -> str:
    several = [len(found.steps) + len(found.follow), len(found.only_old), len(found.only_new)]
    words = ("differ", "gone", "new")
    told = [f"{number} {word}" for number, word in zip(several, words, strict=True) if number]
    return f"steps: {', '.join(told)}" if told else "the whole comparison"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> list[str]:
    rule = ["---"] + ["--:" if numbers else "---"] * (len(header) - 1)
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]
