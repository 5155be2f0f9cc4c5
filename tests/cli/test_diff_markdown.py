"""A comparison as Markdown: tables that hold whatever is written in a recipe or a row."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from p2m.cli.diff_markdown import code, diff_markdown
from p2m.comparison import Comparison, Figure, StepDifference
from p2m.lock import Difference

FIGURES = (Figure("accuracy", 0.9, 0.95), Figure("size_bytes", 4_000, 4_400), Figure("macro_f1", None, 0.5))


def compared(*steps: str, figures: tuple[Figure, ...] = ()) -> Comparison:
    own = tuple(StepDifference(name, (), "the keys differ") for name in steps)
    first = steps[0] if steps else ""
    return Comparison(
        "main:qa.lock", "qa.lock", first, own, ("report",) * bool(steps), (), (), {}, figures, ()
    )


def test_figures_and_causes_are_tables_and_the_rest_is_folded_away() -> None:
    causes = (Difference("recipe", "training.epochs", "1.0", "2.0"),)
    lines = diff_markdown(compared("train", "export", figures=FIGURES), causes, rows=3).splitlines()
    assert lines[0] == "### p2m: `main:qa.lock` → `qa.lock`"
    assert "| accuracy | 0.900 | 0.950 | +0.050 |" in lines
    assert "| size | 4.0 kB | 4.4 kB | +10% |" in lines
    assert "| macro_f1 | - | 0.500 |  |" in lines
    assert "| recipe `training.epochs` | `1.0` | `2.0` |" in lines
    folded = lines.index("<details><summary>steps: 3 differ</summary>")
    assert lines[folded + 2] == "```text"
    assert "  train: the keys differ" in lines[folded:]
    assert diff_markdown(compared(), (), rows=3).endswith("No difference.\n")


def test_long_comparisons_fit_into_a_comment() -> None:
    causes = [Difference("recipe", f"key{number}", "x" * 60, "y" * 60) for number in range(500)]
    text = diff_markdown(compared(*(f"step{number}" for number in range(5000))), causes, rows=3)
    assert "and 460 more changes" in text
    assert len(text) < 65_536
    assert text.endswith("</details>\n")


@given(st.text(alphabet="`|@<>[]()\\\n #*_-a1", max_size=30))
def test_whatever_is_written_stays_within_its_cell(text: str) -> None:
    span = code(text)
    assert "\n" not in span
    assert "|" not in span.replace("\\|", "")
    if span:
        ticks = span[: len(span) - len(span.lstrip("`"))]
        inside = span[len(ticks) : -len(ticks)]
        assert ticks not in inside
    lines = diff_markdown(compared(f"a{text}"), (), rows=3).splitlines()
    opening = next(line for line in lines if re.fullmatch("`{3,}text", line))
    assert lines.count(opening.removesuffix("text")) == 1
