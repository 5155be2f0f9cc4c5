"""A sweep's leaderboard: ranked, complete in the CSV, and a picture that any viewer opens."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

from p2m.leaderboard import (
    Entry,
    Pending,
    as_csv,
    as_data,
    as_picture,
    as_text,
    best_line,
    entry_of,
    over_seeds,
    ranked,
    write,
)
from p2m.types import Decision, Score

SVG = "{http://www.w3.org/2000/svg}"


def entry(
    variant: str, value: float, megabytes: float, *, decision: Decision = Decision.SHIP, extra: bool = True
) -> Entry:
    scores = (Score("exact_match", value, value - 0.06, value + 0.06, 120),)
    more = (Score("token_f1", value + 0.1, value, value + 0.2, 120),) if extra else ()
    return Entry(
        variant, (*scores, *more), int(megabytes * 1e6), 22_700_000, 0.0212, decision, 412.3, f"out/{variant}"
    )


ENTRIES = [
    entry("student=tiny_seq2seq", 0.21, 9.8, decision=Decision.FALLS_SHORT),
    entry("student=minilm", 0.52, 23.4),
    entry("student=minilm,training=long", 0.55, 23.4),
    entry("student=minilm,compression=none & <b>", 0.53, 91.1),
]


def test_variants_that_ship_come_first_then_the_better_then_the_smaller() -> None:
    assert [
        each.variant
        for each in ranked(
            [
                *ENTRIES,
                entry("big", 0.9, 50, decision=Decision.FALLS_SHORT),
                entry("unknown", 0.95, 50, decision=Decision.UNPROVEN),
                entry("equal", 0.55, 20),
            ]
        )
    ] == [
        "equal",
        "student=minilm,training=long",
        "student=minilm,compression=none & <b>",
        "student=minilm",
        "unknown",
        "big",
        "student=tiny_seq2seq",
    ]


def test_the_table_has_a_line_a_variant_with_its_interval_and_verdict() -> None:
    verdicts, *lines = as_text(ENTRIES).splitlines()
    assert verdicts == "3 SHIP, 1 FALLS SHORT"
    assert len(lines) == 2 + len(ENTRIES)
    assert lines[0].split()[:2] == ["variant", "exact_match"]
    assert "[0.490, 0.610]" in lines[2]
    assert "SHIP" in lines[2]
    assert "FALLS SHORT" in lines[-1]
    assert as_text([]) == "no variant was built"


def test_what_is_said_against_the_best_variant_heads_the_file(tmp_path: Path) -> None:
    doubtful = replace(
        entry("a", 0.9, 5, decision=Decision.UNPROVEN), doubts=("9 rows to judge by", "may be chance")
    )
    worse = replace(entry("b", 0.5, 5, decision=Decision.FALLS_SHORT), doubts=("not shown",))
    write([worse, doubtful], tmp_path)
    text = (tmp_path / "leaderboard.txt").read_text()
    assert text.splitlines()[:3] == [
        "1 FALLS SHORT, 1 UNPROVEN", "  a: 9 rows to judge by", "  a: may be chance"
    ]  # fmt: skip
    assert "not shown" not in text
    assert best_line([worse, doubtful]).endswith("UNPROVEN")


def test_the_csv_holds_every_figure_and_blanks_where_a_metric_is_missing() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([*ENTRIES, entry("bare, one", 0.1, 1, extra=False)]))))
    assert len(rows) == 5
    best = rows[0]
    assert (best["variant"], best["verdict"], best["size_bytes"]) == (
        "student=minilm,training=long",
        "SHIP",
        "23400000",
    )
    assert {row["verdict"] for row in rows} == {"SHIP", "FALLS SHORT"}
    assert float(best["exact_match_low"]) == 0.49
    assert float(best["token_f1"]) == 0.65
    bare = next(row for row in rows if row["variant"] == "bare, one")
    assert bare["token_f1"] == bare["token_f1_high"] == ""
    assert bare["folder"] == "out/bare, one"


def drawn_texts(picture: str) -> dict[str, tuple[float, float]]:
    """Where each text of a picture stands."""
    found = ElementTree.fromstring(picture).iter(f"{SVG}text")
    return {text.text or "": (float(text.attrib["x"]), float(text.attrib["y"])) for text in found}


def dots(picture: str) -> dict[str, tuple[float, float]]:
    """Where each variant's dot stands, by what is told of it."""
    groups = [
        group
        for group in ElementTree.fromstring(picture).iter(f"{SVG}g")
        if group.find(f"{SVG}title") is not None
    ]
    uses = [next(group.iter(f"{SVG}use")) for group in groups]
    return {
        (group.findtext(f"{SVG}title") or "").split(":")[0]: (float(use.attrib["x"]), float(use.attrib["y"]))
        for group, use in zip(groups, uses, strict=True)
    }


def test_the_picture_is_svg_with_a_dot_a_variant() -> None:
    places = dots(as_picture(ENTRIES))
    assert set(places) == {each.variant for each in ENTRIES}
    small, good = places["student=tiny_seq2seq"], places["student=minilm,training=long"]
    assert small[0] < good[0]
    assert small[1] > good[1]  # a better score is higher up
    root = ElementTree.fromstring(as_picture(ENTRIES[:1]))
    assert root.attrib["aria-label"] == root.findtext(f"{SVG}title") == "exact_match of 1 variants by size"


@pytest.mark.parametrize("number", [1, 2, 60])
def test_names_stand_apart_and_inside_however_many_there_are(number: int) -> None:
    picture = as_picture([entry(f"seed={n}", 0.5 + 0.001 * (n % 7), 23.4) for n in range(number)])
    height = float(ElementTree.fromstring(picture).attrib["viewBox"].split()[3])
    lines = sorted(y for name, (_, y) in drawn_texts(picture).items() if "seed=" in name)
    assert len(lines) == number
    assert all(after - before > 12 for before, after in pairwise(lines))
    assert lines[0] > 12
    assert lines[-1] < height
    across = [x for x, _ in dots(picture).values()]
    assert len(across) == len(set(across)) == number  # none hides another of its size


def test_a_name_is_drawn_as_it_is() -> None:
    names = ["$math_{x}^2$", "<script>", "a_b\\alpha", "😀", "x" * 300]
    texts = [
        text.split(" ", 1)[-1] for text in drawn_texts(as_picture([entry(name, 0.5, 1) for name in names]))
    ]
    assert set(names[:4]) <= set(texts)
    assert sum(text.startswith("xxxx") and "x…x" in text for text in texts) == 1


def test_without_matplotlib_all_but_the_picture_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ENTRIES, tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    write(ENTRIES, tmp_path)
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".csv", ".json", ".txt"]
    assert "pip install 'p2m[train]'" in (tmp_path / "leaderboard.txt").read_text().splitlines()[-1]
    write([], tmp_path, [Pending("a", "waiting")])
    assert "pip" not in (tmp_path / "leaderboard.txt").read_text()


def test_what_is_drawn_already_is_not_drawn_again(tmp_path: Path) -> None:
    write(ENTRIES, tmp_path)
    picture = (tmp_path / "leaderboard.svg").read_bytes()
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom p2m.leaderboard import Pending, entry_of, write\n"
        "folder = Path(sys.argv[1])\n"
        "data = json.loads((folder / 'leaderboard.json').read_text())\n"
        "entries = [entry_of(each) for each in data['entries']]\n"
        "write(entries, folder, [Pending('a', 'waiting')])\n"
        "print('matplotlib' in sys.modules)\n"
        "write(entries[1:], folder)\n"
        "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
    assert (tmp_path / "leaderboard.svg").read_bytes() != picture


def test_writing_replaces_what_an_earlier_sweep_left(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    write(ENTRIES[:1], folder)
    write(ENTRIES, folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "leaderboard.csv",
        "leaderboard.json",
        "leaderboard.svg",
        "leaderboard.txt",
    ]
    assert (folder / "leaderboard.csv").read_text() == as_csv(ENTRIES)


def test_variants_without_a_model_are_listed_with_what_became_of_them() -> None:
    pending = [
        Pending("seed=1", "waiting"),
        Pending("seed=2", "failed", "data.test: no\n  such file " + "x" * 200),
    ]
    lines = as_text(ENTRIES, pending).splitlines()
    assert lines[-2].split() == ["seed=1", "waiting"]
    assert lines[-1].startswith("seed=2  failed: data.test: no such file xxx")
    assert len(lines[-1]) < 120
    rows = list(csv.DictReader(io.StringIO(as_csv(ENTRIES, pending))))
    assert [row["state"] for row in rows[:4]] == ["done"] * 4
    assert (rows[4]["variant"], rows[4]["state"], rows[4]["exact_match"]) == ("seed=1", "waiting", "")
    assert len(as_csv([], pending).splitlines()) == 3
    assert as_text([], pending).startswith("seed=1  waiting")


def seeds(student: str, *values: float) -> list[Entry]:
    return [
        replace(entry(f"{student},seed={i}", value, 10), overrides=(f"student={student}", f"seed={i}"))
        for i, value in enumerate(values)
    ]


def test_variants_that_differ_in_the_seed_alone_are_summed_up() -> None:
    groups = over_seeds([*seeds("minilm", 0.51, 0.53, 0.55), *seeds("tiny", 0.2), *seeds("big", 0.6, 0.7)])
    assert [str(group) for group in groups] == [
        "student=big over 2 seeds: exact_match 0.650 ± 0.071",
        "student=minilm over 3 seeds: exact_match 0.530 ± 0.020",
    ]
    assert as_text(seeds("big", 0.6, 0.7)).splitlines()[-1] == str(groups[0])
    bare = [replace(each, overrides=each.overrides[1:]) for each in seeds("x", 0.5, 0.5)]
    assert str(over_seeds(bare)[0]) == "the recipe over 2 seeds: exact_match 0.500 ± 0.000"
    assert over_seeds(ENTRIES) == []


def test_entries_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    first, second = seeds("minilm", 0.5, 0.6)
    entries = [replace(first, decision=Decision.UNPROVEN, doubts=("9 rows",)), second]
    write(entries, tmp_path, [Pending("late", "building")])
    data = json.loads((tmp_path / "leaderboard.json").read_text())
    assert data == json.loads(json.dumps(as_data(entries, [Pending("late", "building")])))
    assert [entry_of(each) for each in data["entries"]] == ranked(entries)
    assert data["pending"] == [asdict(Pending("late", "building"))]
    assert data["over_seeds"][0]["seeds"] == 2


def test_the_best_line_names_the_first_of_the_table() -> None:
    assert best_line(ENTRIES).startswith("best of 4: student=minilm,training=long  exact_match 0.550")
    assert best_line([]) == "no variant is built yet"


def test_a_picture_of_an_earlier_sweep_does_not_stay_where_nothing_is_built(tmp_path: Path) -> None:
    write(ENTRIES, tmp_path)
    write([], tmp_path, [Pending("a", "waiting")])
    assert not (tmp_path / "leaderboard.svg").exists()
    assert (tmp_path / "leaderboard.txt").read_text() == "a  waiting\n"
