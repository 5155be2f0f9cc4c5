"""The page itself in a headless Chromium, by keys alone; skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsing import CTRL, PHONE, Browser
from looking import check_looks
from test_server import ITEMS, TASK, desk, lines

from p2m.review.server import served

LOOKS: dict[str, Any] = {"light": {}, "dark": {"scheme": "dark"}, "phone": {"size": PHONE}}
READY = "document.body?.getAttribute('aria-busy') !== 'true' && at('progress').textContent !== ''"


def test_every_action_is_a_key(browser: Browser, tmp_path: Path) -> None:
    with served(desk(tmp_path)) as server:
        browser.open(server.address, READY)
        assert browser.value("document.querySelector('.field span').textContent") == ITEMS[0].input["text"]
        browser.press("2")
        assert lines(tmp_path)["Where is my box?"].output == "delivery"
        browser.press("u")
        assert browser.value("document.querySelector('.field span').textContent") == ITEMS[0].input["text"]
        browser.press("Enter")
        assert lines(tmp_path)["Where is my box?"].output == "billing"
        second = browser.value("rows[0].input.text")
        browser.press("s")
        assert browser.value("rows[0].input.text") != second
        browser.press("s", "x")
        assert lines(tmp_path)[second].output is None
        browser.press("e")
        assert browser.value("document.activeElement.tagName") == "TEXTAREA"
        browser.press("!", "Escape")
        assert browser.value("rows[0].input.text.includes('!')") is False
        browser.press("1")
        assert browser.value("document.getElementById('nothing').hidden") is False
        browser.press("u")
        assert browser.value("document.getElementById('row').hidden") is False
    assert len(lines(tmp_path)) == 2


def test_an_edit_is_saved_by_keys_and_what_is_wrong_is_said(browser: Browser, tmp_path: Path) -> None:
    with served(desk(tmp_path, items=ITEMS[:1])) as server:
        browser.open(server.address, READY)
        browser.press("e", "?")
        browser.press("Enter", held=CTRL)
        assert browser.value("document.getElementById('said').textContent") == ""
    (entry,) = lines(tmp_path).values()
    assert (entry.output, sorted(entry.edited["text"])) == ("billing", sorted("Where is my box?" + "?"))


def test_many_labels_are_found_by_their_letters_and_texts_are_no_markup(
    browser: Browser, tmp_path: Path
) -> None:
    labels = tuple(f"label_{number}" for number in range(30))
    task = TASK.__class__(TASK.type, "Sort.", TASK.inputs, TASK.output, labels)
    wild = type(ITEMS[0])({"text": "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"})
    with served(desk(tmp_path, task=task, items=(wild,))) as server:
        browser.open(server.address, READY)
        assert browser.value("document.querySelector('.field span').textContent") == wild.input["text"]
        assert browser.value("document.title") == "p2m review"
        browser.press("/", "2", "7", "Enter")
    (entry,) = lines(tmp_path).values()
    assert entry.output == "label_27"


def test_nothing_keeps_people_out(browser: Browser, tmp_path: Path) -> None:
    with served(desk(tmp_path)) as server:
        for scheme in ("light", "dark"):
            browser.look(scheme=scheme)
            browser.open(server.address, READY)
            assert browser.barriers() == []
            browser.press("e")
            assert browser.barriers() == []
        assert browser.faults == []


@pytest.mark.parametrize("name", LOOKS)
def test_it_looks_as_it_should(browser: Browser, tmp_path: Path, name: str) -> None:
    with served(desk(tmp_path)) as server:
        browser.look(**LOOKS[name])
        browser.open(server.address, READY)
        check_looks(browser, f"review-{name}", tmp_path)
