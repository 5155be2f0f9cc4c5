"""The report in a headless Chromium, by keys alone; skipped where there is none.

How it looks is compared with pictures (tests/looking.py), and by where things are.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from browsing import PHONE, SHIFT, WIDE, Browser
from looking import check_looks, differs
from test_report import ACCOUNT, TIMED, story

from p2m.reporting.atlas import Atlas, Spot, surveyed
from p2m.reporting.facts import Story, wrong_rows
from p2m.reporting.page import render
from p2m.types import (
    Choice,
    Coverage,
    Example,
    Judged,
    Ladder,
    Rewritten,
    Rung,
    Score,
    Slice,
    Sureness,
    TaskType,
)

HOSTILE = "</script><script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"
LOOKS = {"light": {}, "dark": {"scheme": "dark"}, "phone": {"size": PHONE}, "print": {"medium": "print"}}


def whole(wrong: int = 39, atlas: Atlas | None = None) -> Story:
    """A story with everything in it that a report can show; one row more is wrong, by a hostile text."""
    told = story(rows=120)
    right = [replace(row, predicted=row.output, correct=1.0) for row in told.evaluated.rows]
    mistaken = [
        Judged({"text": f"{'rain' if n % 2 else 'halt'} {n}"}, "stop", ("weather", "play music")[n % 2],
               0.99 - n / 50, 0.0)
        for n in range(wrong)
    ]  # fmt: skip
    rows = (*right, *mistaken, Judged({"text": HOSTILE}, "weather", "stop", 0.1, 0.0))
    rungs = (
        Rung("fp32", 0.9, 91_000_000, True, "itself", 0.004),
        Rung("int8", 0.89, 24_000_000, True, "loses"),
    )
    sure = Sureness(0.05, 0.2, (Coverage(0.9, 0.7, 0.912, 0.88, 0.95, 84),))
    otherwise = (Rewritten("typing errors", 43, 0.9, 0.7, Score("difference", -0.2, -0.3, -0.1, 43), 0.8),)
    evaluated = replace(
        told.evaluated, rows=rows, slices=(Slice("answer=stop", 9, 0.4, 0.2, 0.6),), sureness=sure,
        rewritten=otherwise,
    )  # fmt: skip
    atlas = atlas or surveyed(told.task, told.parts, evaluated, wrong_rows(told.task, evaluated), None)
    return replace(
        told, evaluated=evaluated, atlas=atlas, account=ACCOUNT, latencies=TIMED,
        choice=Choice("both", ("both: ...",), {"words": "less"}, {"both": 0.82, "words": 0.71}),
        ladder=Ladder(rungs, "200 validation rows", "int8"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(render(whole()), encoding="utf-8")
    return place


def shown(browser: Browser) -> list[str]:
    """The inputs of the errors that are seen."""
    lines = "[...document.querySelectorAll('#error-rows tbody tr:not([hidden]) th')]"
    return list(browser.value(f"{lines}.map((cell) => cell.firstChild.textContent)"))


def focus(browser: Browser, what: str) -> None:
    """Tab on until something that is chosen so has the focus."""
    for _ in range(60):
        if browser.value(f"document.activeElement.matches('{what}')"):
            return
        browser.press("Tab")
    raise AssertionError(f"{what} is not reached by Tab")


def found(browser: Browser) -> str:
    return str(browser.value("document.getElementById('found').textContent"))


def test_nothing_keeps_people_out_nothing_is_asked_for_and_nothing_fails(
    browser: Browser, page: Path
) -> None:
    for name, look in LOOKS.items():
        browser.look(**look)
        browser.open(page)
        if name in ("light", "dark"):
            assert browser.barriers("critical", "serious", "moderate", "minor") == []
        assert browser.faults == []
        assert browser.asked == [page.as_uri()]
        assert browser.value("document.title") == "intents: report"
        wide = look.get("size", WIDE)[0]  # a phone shows what is too wide by making all of it smaller
        assert browser.value("document.documentElement.scrollWidth") <= wide


def test_errors_are_searched_and_filtered_by_keys(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    assert (len(shown(browser)), found(browser)) == (25, "40 of 40 errors, 25 shown")
    browser.press("Tab", "Enter")  # the link that skips what is before
    assert browser.value("location.hash") == "#errors"
    browser.press("/")
    browser.write("RAIN 31")
    assert (shown(browser), found(browser)) == (["rain 31"], "1 of 40 errors")
    browser.press("Escape")
    assert found(browser) == "40 of 40 errors, 25 shown"
    focus(browser, "[name=said]")
    browser.press("ArrowDown")
    assert found(browser) == "20 of 40 errors"
    assert shown(browser)[0] == "halt 0"
    focus(browser, "[name=sure]")
    browser.press("ArrowDown")
    assert found(browser) == "3 of 40 errors"
    focus(browser, "[type=reset]")
    browser.press("Enter")
    browser.until("document.getElementById('found').textContent.startsWith('40')")
    focus(browser, "#more")
    browser.press("Enter")
    assert len(shown(browser)) == 40
    assert browser.value("document.activeElement.tagName") == "TR"


def test_a_cell_of_the_matrix_shows_its_errors(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    focus(browser, '[data-right="weather"][data-said="stop"]')
    browser.press("Enter")
    assert shown(browser) == [HOSTILE]
    assert browser.value("location.hash") == "#error-rows"
    assert browser.value("document.title") == "intents: report"


def test_the_map_is_walked_by_keys_and_leads_to_an_error(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    focus(browser, "#map svg")
    told = "document.getElementById('told').textContent"
    picked = "document.querySelector('circle.picked')"
    seen = [browser.value(told)]
    assert seen[0].startswith("wrong: the model said")
    for key in ("e", "E"):
        browser.press(key, held=SHIFT if key == "E" else 0)
        seen.append(browser.value(told))
    assert seen[0] == seen[2] != seen[1]
    before = browser.value(f"{picked}.getAttribute('cx')")
    browser.press("Home")
    reached = {browser.value(told)}
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        for _ in range(4):  # in turn, four keys may lead round in a small circle
            browser.press(key)
            reached.add(browser.value(told))
    assert len(reached) > 4
    assert before
    browser.press("e", "Enter")
    assert browser.value("document.activeElement.matches('tr[id^=e]:not([hidden])')") is True
    assert browser.value("document.activeElement.id") == browser.value(f"{picked}.dataset.error")
    focus(browser, "#errors-title, [name=learnt]")


def test_the_map_is_coloured_and_thinned_out_by_keys(browser: Browser, page: Path) -> None:
    browser.look()
    browser.open(page)
    colour = "getComputedStyle(document.querySelector('circle.wrong')).fill"
    by_label = browser.value(colour)
    focus(browser, "[name=by]")
    browser.press("ArrowRight")
    assert browser.value(colour) != by_label
    focus(browser, "[name=only]")
    browser.press("ArrowDown")
    label = browser.value("document.querySelector('[name=only]').value")
    clear = "document.querySelectorAll('circle:not(.faded)')"
    assert browser.value(f"[...new Set([...{clear}].map((dot) => dot.dataset.label))]") == [label]
    focus(browser, "[name=learnt]")
    browser.press(" ")
    assert browser.value("getComputedStyle(document.querySelector('circle.learnt')).display") == "none"


def test_it_is_laid_out_for_every_screen(browser: Browser, page: Path) -> None:
    """The verdict comes first and whole, cards stand beside each other where there is room, and nothing is
    covered or cut."""
    cards = "[...document.querySelectorAll('.card')]"
    boxes = f"{cards}.map((card) => card.getBoundingClientRect())"
    for look, columns in (({"size": WIDE}, 2), ({"size": PHONE}, 1)):
        browser.look(**look)
        browser.open(page)
        assert browser.value("document.querySelector('.verdict').getBoundingClientRect().top") < 120
        assert browser.value("document.querySelector('.decision').getBoundingClientRect().bottom") < 200
        lefts = browser.value(f"[...new Set({boxes}.map((box) => Math.round(box.left)))].length")
        assert lefts == columns
        sides = ("a.right <= b.left", "b.right <= a.left", "a.bottom <= b.top", "b.bottom <= a.top")
        apart = " || ".join(f"{side} + 1" for side in sides)
        overlap = f"((all) => all.some((a, i) => all.slice(i + 1).some((b) => !({apart}))))({boxes})"
        assert browser.value(overlap) is False
        cut = f"{cards}.filter((card) => card.scrollWidth > card.clientWidth + 1)"
        assert browser.value(f"{cut}.map((card) => card.textContent.slice(0, 60))") == []


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of few rows, whose map is laid out by hand: on another machine it is rounded otherwise."""
    spots = [Spot(row % 13 / 13, row // 13 / 10, row, is_judged=row > 60) for row in range(130)]
    told = whole(wrong=9, atlas=Atlas(tuple(spots), {121: Example({"text": "rain"}, "stop")}, "embeddings"))
    place = tmp_path_factory.mktemp("pictured") / "report.html"
    place.write_text(render(told), encoding="utf-8")
    return place


@pytest.mark.parametrize("name", LOOKS)
def test_it_looks_as_it_should(browser: Browser, pictured: Path, tmp_path: Path, name: str) -> None:
    browser.look(**LOOKS[name])
    browser.open(pictured)
    check_looks(browser, f"report-{name}", tmp_path)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("light", "document.querySelectorAll('.card')[2].style.visibility = 'hidden'"),
        ("light", "document.documentElement.style.setProperty('--bad', 'var(--good)')"),
        ("dark", "document.documentElement.style.setProperty('--soft', '#3a444e')"),
    ],
    ids=["a panel is gone", "what is wrong looks right", "texts are too dark to be read"],
)
def test_a_page_that_is_broken_looks_otherwise(
    browser: Browser, pictured: Path, tmp_path: Path, name: str, broken: str
) -> None:
    browser.look(**LOOKS[name])
    browser.open(pictured)
    browser.value(broken)
    assert "% of the points around" in differs(browser, f"report-{name}", tmp_path)


def test_on_paper_it_is_light_and_without_controls(browser: Browser, page: Path) -> None:
    browser.look(scheme="dark", medium="print")
    browser.open(page)
    assert browser.value("getComputedStyle(document.body).color") == "rgb(23, 33, 43)"
    for what in ("nav", "#filters", "#more", "#told", ".skip"):
        assert browser.value(f"getComputedStyle(document.querySelector('{what}')).display") == "none", what
    assert browser.printed().startswith(b"%PDF")
    browser.look(scheme="dark")
    assert browser.value("getComputedStyle(document.body).color") == "rgb(230, 235, 240)"


def test_without_its_script_everything_is_there(browser: Browser, tmp_path: Path) -> None:
    place = tmp_path / "plain.html"
    text = render(whole())
    place.write_text(text[: text.index("<script>")] + text[text.index("</script>") :], encoding="utf-8")
    browser.look()
    browser.open(place)
    assert len(shown(browser)) == 40
    hidden = "[...document.querySelectorAll('form, #told, #more')].every((each) => !each.offsetParent)"
    assert browser.value(hidden) is True
    assert browser.value("document.querySelector('#map svg').getAttribute('tabindex')") is None


def test_a_task_without_labels_has_a_page_that_works(browser: Browser, tmp_path: Path) -> None:
    told = story(TaskType.EXTRACTION)
    atlas = surveyed(told.task, told.parts, told.evaluated, wrong_rows(told.task, told.evaluated), None)
    place = tmp_path / "report.html"
    place.write_text(render(replace(told, atlas=atlas)), encoding="utf-8")
    browser.look()
    browser.open(place)
    assert (browser.faults, browser.barriers()) == ([], [])
    focus(browser, "#map svg")
    browser.press("e", "Enter")
    assert browser.value("document.activeElement.matches('tr[id^=e]')") is True
