"""Votes stay with their row from the teacher's answer to the split, through the store; a bundle has none."""

from __future__ import annotations

from pathlib import Path

from p2m.engine.formats import load, save
from p2m.stages.curate import curate
from p2m.stages.merge import merge
from p2m.stages.split import split
from p2m.types import Curation, Example, Examples, Split, Splitting
from tests.conftest import CITIES, LABELS, PEOPLE

VOTES = {"yes": 0.667, "no": 0.333}


def voted(number: int) -> Example:
    """A row of its own words, of which the number names the label and the votes."""
    person, city = PEOPLE[number % 8], CITIES[number // 8 % 8]
    text = f"{person} wrote {number * 7919} letters from {city} about {hash_of(number)}"
    votes = VOTES if number % 2 == 0 else {"no": 1.0}
    return Example({"text": text}, "yes" if number % 2 == 0 else "no", (), "teacher:m", "", votes)


def hash_of(number: int) -> str:
    return " ".join(f"{(number * step) % 9973:x}" for step in (37, 101, 733, 4111, 8221))


def test_votes_survive_every_step_and_the_store(tmp_path: Path) -> None:
    rows = tuple(map(voted, range(400)))
    kept = merge(Examples(rows[:200]), Examples(rows[200:]))
    save(kept, tmp_path / "merged")
    curated = curate(
        LABELS, load(Examples, tmp_path / "merged"), None, None, None, None, curation=Curation(), seed=0
    )
    parts = split(LABELS, curated, None, None, splitting=Splitting(), seed=0)
    save(parts, tmp_path / "parts")
    found = load(Split, tmp_path / "parts")
    for part in (found.train, found.validation, found.test):
        assert part
        assert all(row.votes == (VOTES if row.output == "yes" else {"no": 1.0}) for row in part)
    assert len(found.train) + len(found.validation) + len(found.test) > 300
