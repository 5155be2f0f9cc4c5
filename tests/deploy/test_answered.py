"""The answers of a bundle to the rows that judged it, as they lie in the bundle."""

from __future__ import annotations

from pathlib import Path

from p2m.deploy.answered import as_lines, read_answers, row_name
from p2m.types import Judged


def test_answers_with_signs_that_end_lines_elsewhere_are_read_as_written(tmp_path: Path) -> None:
    said = "one\u2028two\u2029three\x85four\x0bfive\x1csix"
    rows = [Judged({"text": name}, "", said, 1.0, 0.0) for name in "ab"]
    path = tmp_path / "answers.jsonl"
    path.write_text(as_lines(rows), encoding="utf-8")
    assert read_answers(path) == {row_name({"text": name}): said for name in "ab"}
