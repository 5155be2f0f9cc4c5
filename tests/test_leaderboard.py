"""A sweep's leaderboard: ranked, complete in the CSV, and a picture that any viewer opens."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from p2m.leaderboard import Entry, as_csv, as_picture, as_text, ranked, write
from p2m.types import Score


def entry(variant: str, value: float, megabytes: float, *, ship: bool = True, extra: bool = True) -> Entry:
    scores = (Score("exact_match", value, value - 0.06, value + 0.06, 120),)
    more = (Score("token_f1", value + 0.1, value, value + 0.2, 120),) if extra else ()
    return Entry(
        variant, (*scores, *more), int(megabytes * 1e6), 22_700_000, 0.0212, ship, 412.3, f"out/{variant}"
    )


ENTRIES = [
    entry("student=tiny_seq2seq", 0.21, 9.8, ship=False),
    entry("student=minilm", 0.52, 23.4),
    entry("student=minilm,training=long", 0.55, 23.4),
    entry("student=minilm,compression=none & <b>", 0.53, 91.1),
]


def test_variants_that_ship_come_first_then_the_better_then_the_smaller() -> None:
    assert [
        e.variant for e in ranked([*ENTRIES, entry("big", 0.9, 50, ship=False), entry("equal", 0.55, 20)])
    ] == [
        "equal",
        "student=minilm,training=long",
        "student=minilm,compression=none & <b>",
        "student=minilm",
        "big",
        "student=tiny_seq2seq",
    ]


def test_the_table_has_a_line_a_variant_with_its_interval_and_verdict() -> None:
    lines = as_text(ENTRIES).splitlines()
    assert len(lines) == 2 + len(ENTRIES)
    assert lines[0].split()[:2] == ["variant", "exact_match"]
    assert "[0.490, 0.610]" in lines[2]
    assert "SHIP" in lines[2]
    assert "falls short" in lines[-1]
    assert as_text([]) == "no variant was built"


def test_the_csv_holds_every_figure_and_blanks_where_a_metric_is_missing() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([*ENTRIES, entry("bare, one", 0.1, 1, extra=False)]))))
    assert len(rows) == 5
    best = rows[0]
    assert (best["variant"], best["ship"], best["size_bytes"]) == (
        "student=minilm,training=long",
        "True",
        "23400000",
    )
    assert float(best["exact_match_low"]) == 0.49
    assert float(best["token_f1"]) == 0.65
    bare = next(row for row in rows if row["variant"] == "bare, one")
    assert bare["token_f1"] == bare["token_f1_high"] == ""
    assert bare["folder"] == "out/bare, one"


def test_the_picture_is_svg_with_a_dot_a_variant() -> None:
    picture = ElementTree.fromstring(as_picture(ENTRIES))
    dots = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 4
    places = {dot[0].text.split(":")[0]: (float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in dots}  # type: ignore[union-attr]
    small, good = places["student=tiny_seq2seq"], places["student=minilm,training=long"]
    assert small[0] < good[0]
    assert small[1] > good[1]  # a better score is higher up
    ElementTree.fromstring(as_picture(ENTRIES[:1]))


def test_writing_replaces_what_an_earlier_sweep_left(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    write(ENTRIES[:1], folder)
    write(ENTRIES, folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "leaderboard.csv",
        "leaderboard.svg",
        "leaderboard.txt",
    ]
    assert (folder / "leaderboard.csv").read_text() == as_csv(ENTRIES)
