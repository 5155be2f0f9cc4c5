"""The page itself in a headless Chromium, by keys alone; skipped where there is none.

The browser is spoken to in its own protocol (CDP) over two pipes, so that no driver needs to be installed.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from test_server import ITEMS, TASK, desk, lines

from p2m.review.server import served

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
PATIENCE = 60  # seconds
CODES = {"Enter": ("\r", 13), "Escape": ("", 27)}


class Browser:
    """One page."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive, self._number, self._rest = send, receive, 0, b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(receive, selectors.EVENT_READ)
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        told = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = {"sessionId": told["sessionId"]}

    def open(self, address: str) -> None:
        self._ask("Page.navigate", {"url": address})
        self.until("document.body?.getAttribute('aria-busy') !== 'true' && at('progress').textContent !== ''")

    def press(self, *keys: str, ctrl: bool = False) -> None:
        """Each as a person does, once the page has done with what was before."""
        for key in keys:
            self.until("!document.body.hasAttribute('aria-busy')")
            text, code = CODES[key] if key in CODES else (key, ord(key.upper()))
            told = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 * ctrl}
            self._ask(
                "Input.dispatchKeyEvent", {"type": "keyDown", **told} | ({} if ctrl else {"text": text})
            )
            self._ask("Input.dispatchKeyEvent", {"type": "keyUp", **told})
        self.until("!document.body.hasAttribute('aria-busy')")

    def value(self, script: str) -> Any:
        told = self._ask("Runtime.evaluate", {"expression": script, "returnByValue": True})
        return told["result"].get("value")

    def until(self, script: str) -> None:
        end = time.monotonic() + PATIENCE
        while self.value(f"(() => {{ try {{ return {script} }} catch {{ return false }} }})()") is not True:
            assert time.monotonic() < end, f"not within {PATIENCE} s: {script}"
            time.sleep(0.02)

    def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        told = {"id": self._number, "method": method, "params": parameters, **getattr(self, "_session", {})}
        os.write(self._send, json.dumps(told).encode() + b"\0")
        while True:
            message, found, rest = self._rest.partition(b"\0")
            if not found:
                assert self._selector.select(PATIENCE), f"no answer to {method}"
                more = os.read(self._receive, 1 << 20)
                assert more, "the browser ended"
                self._rest += more
                continue
            self._rest = rest
            answer = json.loads(message)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    there, send = os.pipe()
    receive, back = os.pipe()
    options = f"--headless --no-sandbox --disable-gpu --user-data-dir={folder} --remote-debugging-pipe"
    shell = f'exec "{BROWSER}" {options} 3<&{there} 4>&{back}'
    process = subprocess.Popen(
        ["bash", "-c", shell], pass_fds=(there, back), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(there)
    os.close(back)
    try:
        yield Browser(send, receive)
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(send)
        os.close(receive)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as found:
        yield found


def test_every_action_is_a_key(browser: Browser, tmp_path: Path) -> None:
    with served(desk(tmp_path)) as server:
        browser.open(server.address)
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
        browser.open(server.address)
        browser.press("e", "?")
        browser.press("Enter", ctrl=True)
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
        browser.open(server.address)
        assert browser.value("document.querySelector('.field span').textContent") == wild.input["text"]
        assert browser.value("document.title") == "p2m review"
        browser.press("/", "2", "7", "Enter")
    (entry,) = lines(tmp_path).values()
    assert entry.output == "label_27"
