"""The pictures of a page: there, named, apart from each other, the same bytes, and safe with any name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report import story

from p2m.reporting.charts import Point, curve, ladder, tradeoff
from p2m.reporting.html import Bar, bars
from p2m.reporting.origins import histogram, shares
from p2m.reporting.page import render
from p2m.reporting.pictures import fitted, width_of
from p2m.types import Judged, Rung, TaskType

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>", "$math_{x}^2$", "under_score__x", "emoji 😀 ok", "x" * 300, "W" * 99,
    "日本語のとても長いラベルです、これは非常に長い", "a\nb\tc\x00\x0b", "--> <!-- x", "q\"uo'te&amp;",
    "\ud800 lone",
)  # fmt: skip


def pictures(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)]


def texts(picture: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def tips(picture: str) -> list[str]:
    return [group.findtext(f"{SVG}title") or "" for group in ElementTree.fromstring(picture).iter(f"{SVG}g")]


@pytest.mark.parametrize("kind", list(TaskType))
def test_a_page_has_its_pictures_each_with_a_title_and_free_in_size(kind: TaskType) -> None:
    found = pictures(render(story(kind)))
    titles = [picture.findtext(f"{SVG}title") for picture in found]
    assert titles == ["score on validation", "loss"]
    for picture, title in zip(found, titles, strict=True):
        assert (picture.get("role"), picture.get("aria-label")) == ("img", title)
        assert picture.get("viewBox")
        assert not {"width", "height"} & set(picture.keys())


def test_ids_of_a_page_are_unique_and_what_is_referred_to_is_there() -> None:
    page = render(story())
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]*)', page)) <= set(ids)


def test_pictures_have_the_colours_of_their_page() -> None:
    rungs = (Rung("fp32", 0.9, 91_000_000, True, "itself"), Rung("int4", 0.8, 9_000_000, False, "loses"))
    points = [Point("a", 1.0, 0.5, True), Point("b", 2.0, 0.6, False)]
    found = [
        curve([(1, 2.0), (2, 1.0)], title="t", color="#c0463b"),
        ladder(rungs, "fp32", metric="accuracy"),
        tradeoff(points, title="t", unit="MB"),
    ]
    for picture in found:
        assert "var(--" in picture
        assert not re.findall(r"(?:fill|stroke): #(?!000000)", picture)
        assert not re.findall(r'="#(?!m)[0-9a-f]{6}"', picture)


def test_two_processes_draw_the_same_bytes_whatever_their_user_has_set(tmp_path: Path) -> None:
    code = (
        "import hashlib, sys\nsys.path.insert(0, sys.argv[1])\nfrom test_report import story\n"
        "from p2m.reporting.page import render\nfrom p2m.types import TaskType\n"
        "for kind in (TaskType.CLASSIFICATION, TaskType.TEXT_TO_TEXT):\n"
        "    print(hashlib.sha256(render(story(kind)).encode()).hexdigest())\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 30\nsvg.hashsalt: mine\nsvg.fonttype: path\naxes.grid: True\n"
    )
    said = []
    for seed, more in (
        ("1", {}),
        ("2", {"MATPLOTLIBRC": str(tmp_path), "SOURCE_DATE_EPOCH": "9", "TZ": "Asia/Tokyo"}),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, Path(__file__).parent],
            env={**os.environ, "PYTHONHASHSEED": seed, **more}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        said.append(done.stdout.split())
    assert said[0] == said[1]
    assert len(said[0]) == 3
    assert said[0][2] == "False"


def test_drawing_leaves_settings_as_they_were() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    curve([(1, 2.0)], title="t", color="#2467b3")
    assert dict(matplotlib.rcParams) == before


def test_a_page_with_hostile_labels_shows_them_as_they_are() -> None:
    page = render(story(rows=300, labels=HOSTILE))
    assert len(pictures(page)) == 2
    assert page.count("<script") == 1
    points = [Point(label, float(place), 0.5, False) for place, label in enumerate(HOSTILE)]
    picture = tradeoff(points, title="t", unit="MB")
    shown = texts(picture)
    assert {
        "$math_{x}^2$",
        "under_score__x",
        "emoji 😀 ok",
        "a b c",
        "--> <!-- x",
        "q\"uo'te&amp;",
        "lone",
    } <= set(shown)
    assert "<script>alert(1)</script>: 0.500, 0.0 MB" in tips(picture)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=80), pixels=st.floats(20, 400))
def test_what_is_fitted_fits_in_one_line_that_xml_takes(text: str, pixels: float) -> None:
    found = fitted(text, pixels)
    assert width_of(found) <= pixels
    assert len(found.splitlines()) <= 1
    ElementTree.fromstring(f"<a>{found.replace('&', '').replace('<', '')}</a>")
    assert found == fitted(found, pixels)


def test_what_is_cut_keeps_its_beginning_and_its_end() -> None:
    assert fitted("short", 100) == "short"
    first, second = (fitted(f"student.candidates.linear_tfidf.strength={n}", 120) for n in (5, 10))
    assert first != second
    assert first.startswith("student")
    assert first.endswith("=5")


def shown_by(table: str) -> list[tuple[str, str]]:
    """Label and figure of each bar."""
    return re.findall(r'<th scope="row">(.*?)</th>.*?</span><span>(.*?)</span>', table)


def test_a_histogram_counts_every_value_once() -> None:
    found = shown_by(histogram([1] * 50 + [2] * 30 + [7] * 20 + [400], caption="t", unit="words"))
    assert sum(int(figure) for _, figure in found) == 101
    assert found[-1][0].endswith("or more words")


def test_many_classes_leave_twenty_bars_and_one_for_the_others() -> None:
    found = shown_by(shares(Counter({f"class {n}": n + 1 for n in range(150)}), caption="t"))
    assert len(found) == 21
    assert found[-1][0] == "130 others"


@pytest.mark.parametrize(
    "points", [[(0, 0.0)], [(100, 0.5)], [(1, 1e-7), (2_000_000, 9e-8)], [(1, -2.0), (2, -1.0)]]
)
def test_a_curve_has_a_dot_a_point_inside_its_picture(points: list[tuple[int, float]]) -> None:
    picture = curve(points, title="t", color="#2467b3", floor=0.0)
    dots = list(ElementTree.fromstring(picture).iter(f"{SVG}use"))
    assert len(dots) == len(points)
    assert all(0 < float(dot.attrib["x"]) < 440 and 0 < float(dot.attrib["y"]) < 210 for dot in dots)
    assert f"step {points[0][0]:,}: {points[0][1]:.4f}" in tips(picture)


def test_bars_of_nothing_and_below_nothing_stay_on_their_side() -> None:
    rows = [Bar("none", 0.0, "0"), Bar("below", -3.0, "-3"), Bar("over", 1.5, "1.5", low=-1.0, high=2.0)]
    table = bars("t", ("what", "value"), rows, top=1.0)
    assert re.findall(r"(?:left|width):(-?[\d.]+)%", table) == ["0.00", "0.00", "75.00", "0.00", "100.00"]


def test_a_cell_of_a_matrix_leads_to_what_was_taken_for_what() -> None:
    told = story(rows=2, labels=("yes", "no"))
    wrong = Judged({"text": "a"}, "yes", "no", 0.9, 0.0)
    right = replace(wrong, predicted="yes", correct=1.0)
    page = render(replace(told, evaluated=replace(told.evaluated, rows=(wrong, right, right))))
    assert 'data-right="yes" data-said="no" title="yes taken for no: 1"' in page
    assert 'title="yes: 2 right">2</td>' in page
