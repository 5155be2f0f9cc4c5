"""What upper layers use of reporting: the story of a build as text and as a page, tables, and pictures."""

from p2m.reporting import pictures
from p2m.reporting.atlas import surveyed
from p2m.reporting.facts import Story, confusions, milliseconds, rewritten_rows, wrong_rows
from p2m.reporting.page import render as as_page
from p2m.reporting.text import render as as_text
from p2m.reporting.text import table

__all__ = [
    "Story", "as_page", "as_text", "confusions", "milliseconds", "pictures", "rewritten_rows", "surveyed",
    "table", "wrong_rows",
]  # fmt: skip
