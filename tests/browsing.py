"""A headless Chromium for tests, driven by keys; tests that need it skip where there is none.

The browser is spoken to in its own protocol (CDP) over two pipes, so that no driver needs to be installed.
A test takes the fixture `browser` of tests/conftest.py: one page a test file.

Accessibility is checked by axe-core: `axe.min.js`, which is found at P2M_AXE, or where `make axe` puts it.
"""

from __future__ import annotations

import base64
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

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60  # seconds
READY = "document.readyState === 'complete'"
WIDE, PHONE = (1280, 900), (390, 844)  # CSS pixels
SERIOUS = ("serious", "critical")
ALT, CTRL, SHIFT = 1, 2, 8
KEYS = {
    "Enter": ("\r", 13), "Escape": ("", 27), "Tab": ("", 9), " ": (" ", 32),
    "Backspace": ("", 8), "Delete": ("", 46),
    "ArrowLeft": ("", 37), "ArrowUp": ("", 38), "ArrowRight": ("", 39), "ArrowDown": ("", 40),
    "PageUp": ("", 33), "PageDown": ("", 34), "End": ("", 35), "Home": ("", 36),
}  # fmt: skip


def axe_file() -> Path | None:
    """Where axe-core is, if it is anywhere."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = Path(
        os.environ.get("P2M_AXE") or cache / "p2m" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
    )
    return found if found.is_file() else None


class Browser:
    """One page. `faults` are its uncaught errors and what it logged as errors; `asked` the addresses that it
    loaded, both since the last `open`.
    """

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive, self._number, self._rest = send, receive, 0, b""
        self._session: dict[str, str] = {}
        self.faults: list[str] = []
        self.asked: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(receive, selectors.EVENT_READ)
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        told = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = {"sessionId": told["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        self._ask("Emulation.setFocusEmulationEnabled", {"enabled": True})

    def open(self, address: str | Path, until: str = READY) -> None:
        """Load a page or a file; `until` is a script that says whether the page has done with it."""
        self.faults, self.asked = [], []
        place = address.absolute().as_uri() if isinstance(address, Path) else address
        told = self._ask("Page.navigate", {"url": place})
        assert "errorText" not in told, told
        self.until(f"location.href !== 'about:blank' && ({until})")

    def press(self, *keys: str, held: int = 0) -> None:
        """Each as a person does, once the page has done with what was before (it says so by `aria-busy`);
        `held` are CTRL, SHIFT and ALT, added up.
        """
        for key in keys:
            self._settle()
            text, code = KEYS[key] if key in KEYS else (key, ord(key.upper()))
            told = {"key": key, "windowsVirtualKeyCode": code, "modifiers": held}
            written = {"text": text} if text and not held & (CTRL | ALT) else {}
            down = "keyDown" if written else "rawKeyDown"
            self._ask("Input.dispatchKeyEvent", {"type": down, **told, **written})
            self._ask("Input.dispatchKeyEvent", {"type": "keyUp", **told})
        self._settle()

    def write(self, text: str) -> None:
        """Text into what has the focus, at once."""
        self._settle()
        self._ask("Input.insertText", {"text": text})

    def value(self, script: str) -> Any:
        """What a script comes to, as JSON has it; a promise is waited for."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        told = self._ask("Runtime.evaluate", asked)
        return told["result"].get("value")

    def until(self, script: str) -> None:
        end = time.monotonic() + PATIENCE
        while self.value(f"(() => {{ try {{ return {script} }} catch {{ return false }} }})()") is not True:
            assert time.monotonic() < end, f"not within {PATIENCE} s: {script}"
            time.sleep(0.02)

    def look(self, *, scheme: str = "light", medium: str = "screen", size: tuple[int, int] = WIDE) -> None:
        """How the page is seen from now on: light or dark, screen or print, in a window of which size."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", {"media": medium, "features": features})
        width, height = size
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        self._ask("Emulation.setDeviceMetricsOverride", told)

    def offline(self, whether: bool = True) -> None:
        told = {"offline": whether, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._ask("Network.emulateNetworkConditions", told)

    def shot(self, place: Path, *, whole: bool = True) -> None:
        """A PNG of the page, or of what the window shows of it."""
        told: dict[str, Any] = {"format": "png"}
        if whole:
            size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
            told |= {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        place.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", told)["data"]))

    def printed(self) -> bytes:
        """The page as a PDF, as its print stylesheet has it."""
        return base64.b64decode(self._ask("Page.printToPDF", {"preferCSSPageSize": True})["data"])

    def barriers(self, *impacts: str) -> list[str]:
        """What axe finds against the page, of the impacts that are named or of the serious ones."""
        place = axe_file()
        if place is None:
            pytest.skip("there is no axe-core: make axe")
        if self.value("typeof axe") == "undefined":
            self.value(place.read_text("utf-8") + "\n;null")
        found = self.value("axe.run().then((told) => told.violations)")
        assert found is not None, "axe did not run"
        return [
            f"{one['impact']} {one['id']}: {one['help']}: {node['target']}: {node.get('failureSummary', '')}"
            for one in found
            if one["impact"] in (impacts or SERIOUS)
            for node in one["nodes"]
        ]

    def close(self) -> None:
        """End the browser, which takes its temporary files along."""
        self._session = {}
        self._ask("Browser.close")

    def _settle(self) -> None:
        self.until("!document.body.hasAttribute('aria-busy')")

    def _ask(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        self._number += 1
        told = {"id": self._number, "method": method, "params": parameters or {}, **self._session}
        message = json.dumps(told).encode() + b"\0"
        while message:
            message = message[os.write(self._send, message) :]
        while True:
            found, ended, rest = self._rest.partition(b"\0")
            if not ended:
                assert self._selector.select(PATIENCE), f"no answer to {method}"
                more = os.read(self._receive, 1 << 20)
                assert more, "the browser ended"
                self._rest += more
                continue
            self._rest = rest
            answer = json.loads(found)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._notice(answer.get("method"), answer.get("params", {}))

    def _notice(self, event: str | None, told: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.faults.append(
                " ".join(str(each.get("value", each.get("description"))) for each in told["args"])
            )
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.faults.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif event == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser of its own, whose profile is the folder."""
    if BROWSER is None:
        pytest.skip("there is no Chromium")
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
        browser = Browser(send, receive)
        yield browser
        browser.close()
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(send)
        os.close(receive)
