"""Times and columns as text. Rich is imported when a table is made, which start-up never does."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence

_ROOM = 24  # characters that the last column needs to be folded
_KEPT = "\n\t"
_CONTROLS = (range(0x20), range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A))  # with bidi's
_TOLD = {sign: ascii(chr(sign))[1:-1] for each in _CONTROLS for sign in each if chr(sign) not in _KEPT}


def safe(text: str) -> str:
    """The text with signs that steer a terminal, or turn the order of letters, written out: `\\x1b`."""
    return text.translate(_TOLD)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `6 min 40 s`, `1 h 02 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def when(seconds: float) -> str:
    """A time of this machine's clock: `2026-11-22 19:58`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def table(
    rows: Sequence[Sequence[str]],
    *,
    header: Sequence[str] = (),
    indent: int = 0,
    right: Mapping[int, int] | None = None,
) -> str:
    """Rows of as many cells as lines of aligned columns, those of `right` set right: place -> least width.

    Columns in which nothing stands are left out, and what is in a cell is never markup. On a terminal the
    last column is folded where there is room for it, and rows for which there is none have a line a cell;
    elsewhere no line is folded, and none is ever cut.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    right = right or {}
    rows = [[safe(cell) for cell in row] for row in rows]
    places = [place for place in range(len(rows[0]) if rows else 0) if any(row[place] for row in rows)]
    columns = [
        Column(
            Text(header[place] if header else ""),
            justify="right" if place in right else "left",
            min_width=max(1, right.get(place, 0)),  # a column of signs without width is none to rich
            no_wrap=place != places[-1],
            overflow="fold",
        )
        for place in places
    ]
    made = Table(*columns, box=None, show_header=bool(header), padding=(0, 2, 0, 0), pad_edge=False)
    for row in rows:
        made.add_row(*(Text(row[place]) for place in places))
    console = Console(width=1_000_000, color_system=None, force_terminal=False, force_jupyter=False)
    width = console.measure(made).maximum
    if sys.stdout.isatty() and places:
        room = shutil.get_terminal_size().columns - indent
        last = max(cell_len(line) for row in rows for line in row[places[-1]].split("\n"))
        is_folded = room - (width - last) >= _ROOM
        if width > room and not is_folded:
            return _stacked(rows, header, places, indent, room)
        width = room if is_folded else width
    with console.capture() as captured:
        console.print(made, width=max(1, width))
    return "\n".join(f"{' ' * indent}{line}".rstrip() for line in captured.get().rstrip("\n").split("\n"))


def _stacked(
    rows: Sequence[Sequence[str]], header: Sequence[str], places: Sequence[int], indent: int, room: int
) -> str:
    """Rows on a narrow terminal: under a header a cell a line, below the first one and each with the name of
    its column; else as many cells a line as there is room for.
    """
    from rich.cells import cell_len

    margin = " " * indent
    lines: list[str] = []
    for row in rows:
        names = [f"{header[place]}: " if header else "" for place in places]
        cells = [name + row[place] for name, place in zip(names, places, strict=True) if row[place]]
        made = cells[0].removeprefix(names[0]).split("\n")
        for cell in cells[1:]:
            start, *rest = cell.split("\n")
            beside = f"{made[-1]}  {start}"
            made[-1:] = [beside] if not header and cell_len(beside) <= room else [made[-1], f"  {start}"]
            made += [f"  {line}" for line in rest]
        lines += [f"{margin}{line}" for line in made]
    return "\n".join(line.rstrip() for line in lines)
