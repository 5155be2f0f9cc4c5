"""Tables as text: aligned, whole and plain on a pipe; folded within a terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from p2m.cli.text import safe, table

# Whatever fits in a line; what a terminal obeys, joins or shows at no width of its own is not for columns.
CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp")), max_size=30
)
ROWS = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6)
)


def test_what_steers_a_terminal_is_written_out() -> None:
    cell = "\x1b]0;mine\x07\x9b2J\u202egnol\u2066\r"
    told = r"\x1b]0;mine\x07\x9b2J\u202egnol\u2066\r"
    assert table([(cell, "b")]) == f"{told}  b"
    assert safe(f"{cell}\tعَرَبِي 👩\u200d🔬\n") == f"{told}\tعَرَبِي 👩\u200d🔬\n"


@example([["0", "\U0001f3fb"]], 0, set())  # a sign that changes its neighbour, alone
@given(ROWS, st.integers(0, 6), st.sets(st.integers(0, 4)))
def test_on_a_pipe_every_cell_is_there_to_the_letter_a_line_a_row(
    rows: list[list[str]], indent: int, right: set[int]
) -> None:
    lines = table(rows, indent=indent, right=dict.fromkeys(right, 0)).split("\n")
    if any(any(row) for row in rows):
        assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=False):
        place = 0
        for cell in (cell.rstrip() if cell is row[-1] else cell for cell in row):
            place = line.find(cell.rstrip(), place)
            assert place >= 0
        assert line == line.rstrip()


@given(ROWS)
def test_the_cells_of_a_column_begin_in_one_place(rows: list[list[str]]) -> None:
    """Each column is as wide as its widest cell, by what a terminal shows, and two blanks part them."""
    marked = [["<" + cell + ">" for cell in row] for row in rows]
    lines = table(marked).split("\n")
    widths = [max(cell_len(row[place]) for row in marked) for place in range(len(rows[0]))]
    for line, row in zip(lines, marked, strict=True):
        rest = line
        for cell, width in zip(row, widths, strict=True):
            assert rest.startswith(cell)
            rest = rest[len(cell) + width - cell_len(cell) + 2 :]


def test_markup_emoji_and_links_are_printed_as_they_are() -> None:
    words = ["[red]", "[/red]", "[link=http://x]", ":smile:", "\\[x]", "[bold", "12:30", "http://a.b", "None"]
    assert table([[word, word, word] for word in words]).split("\n")[0].split() == ["[red]"] * 3
    assert [line.split()[2] for line in table([[word] * 3 for word in words]).split("\n")] == words


def test_columns_without_a_word_are_left_out_and_many_lines_of_a_cell_stay_below_it() -> None:
    rows = [("a", "", "1 s", "for\nthis"), ("bcd", "", "", "for that")]
    assert table(rows, indent=2, right={2: 6}).split("\n") == [
        "  a       1 s  for",
        "               this",
        "  bcd          for that",
    ]
    assert table([("x", "1"), ("y", "10")], header=("name", "n"), right={1: 0}).split("\n") == [
        "name   n",
        "x      1",
        "y     10",
    ]
    assert table([]) == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "is_folded"), [(60, True), (200, False)])
def test_on_a_terminal_the_last_column_is_folded_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, columns: int, is_folded: bool
) -> None:
    reason = "the output of " + ", ".join(f"step{number}" for number in range(12))
    rows = [("+ package", "may run", "6 min 40 s", reason), ("= parse", "cached", "", "")]
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = table(rows, indent=2).split("\n")
    assert (len(lines) > 2) == is_folded
    assert " ".join(" ".join(lines[: len(lines) - 1]).split()) == f"+ package may run 6 min 40 s {reason}"
    if is_folded:
        assert all(len(line) <= columns for line in lines)
        assert {len(re.match(" *", line)[0]) for line in lines[1:-1]} == {lines[0].index("the output")}  # type: ignore[index]
    assert "\x1b" not in "".join(lines)


def test_on_a_narrow_terminal_a_row_has_several_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    rows = [
        ("20261129-214908-246692-5fef3d", "done", "17 ran", "", "模型.yaml"),
        ("x", "failed", "", "1 s", "y"),
    ]
    assert table(rows, header=("run", "status", "steps", "took", "recipe")).split("\n") == [
        "20261129-214908-246692-5fef3d", "  status: done", "  steps: 17 ran", "  recipe: 模型.yaml",
        "x", "  status: failed", "  took: 1 s", "  recipe: y",
    ]  # fmt: skip
    rows = [
        ("missing", "extra multilingual", "without\npip install 'p2m[multilingual]'"),
        ("ok", "disk", "1 GB"),
    ]
    assert table(rows, indent=2).split("\n") == [
        "  missing  extra multilingual  without", "    pip install 'p2m[multilingual]'", "  ok  disk  1 GB",
    ]  # fmt: skip
