"""How pages look, beside the pictures in looks/.

    P2M_WRITE_LOOKS=1 pytest tests/reporting tests/review tests/demo tests/deployment/test_web_page.py

rewrites those that differ; look at each before it is committed.

So that a picture holds on another machine, pages are shown in the fonts that matplotlib ships, without
hinting, and at a sixth of their size, where one point is the mean of 36. A point may differ by `TOLERANCE`
from all points around its own place in the other picture, so a line may lie some pixels elsewhere.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from browsing import Browser

FOLDER = Path(__file__).parent / "looks"
SMALLER = 6  # pixels of a page across a point of its picture
TOLERANCE = 24  # of 255, in each colour
MOST = 0.12  # share of points that differ, in the worst square of `AROUND` points to each side
AROUND = 6
PLAIN = """
* { font-family: Shown !important; text-rendering: geometricPrecision !important;
    letter-spacing: 0 !important; caret-color: transparent !important;
    animation: none !important; transition: none !important; }
"""
DRESS = """(async () => {
  document.activeElement?.blur();
  if (window.dressed) return;
  window.dressed = true;
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  for (const [of, weight] of [[%r, "normal"], [%r, "bold"]]) {
    document.fonts.add(await new FontFace("Shown", bytes(of), { weight }).load());
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(%r);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
})()"""


def check_looks(browser: Browser, name: str, folder: Path) -> None:
    """The page as it is now against looks/NAME.webp; what was seen instead is left in `folder`."""
    found = differs(browser, name, folder)
    if not found:
        return
    place, now = FOLDER / f"{name}.webp", folder / f"{name}.png"
    if os.environ.get("P2M_WRITE_LOOKS"):
        _picture(now).save(place, lossless=True, quality=100, method=6)
        return
    raise AssertionError(
        f"{name} looks otherwise: {found}\n    {place} is what it was, {now} what it is"
        "\n    where this is meant: P2M_WRITE_LOOKS=1 and the same test"
    )


def differs(browser: Browser, name: str, folder: Path) -> str:
    """In what the page is unlike looks/NAME.webp; "" where it is like it. What is seen goes to `folder`."""
    pytest.importorskip("PIL")
    browser.value(_dress())
    browser.shot(folder / "whole.png")
    seen, place = _picture(folder / "whole.png").reduce(SMALLER), FOLDER / f"{name}.webp"
    seen.save(folder / f"{name}.png")
    return difference(_picture(place), seen) if place.exists() else "there is no such picture"


def difference(known: Any, seen: Any) -> str:
    """Where two pictures differ the most, in pixels of the page; "" where they look alike."""
    from PIL import ImageChops, ImageFilter

    if known.width != seen.width or abs(known.height - seen.height) > max(2, known.height // 50):
        return f"{known.size} points are now {seen.size}"
    size = (known.width, min(known.height, seen.height))
    one, other = known.crop((0, 0, *size)), seen.crop((0, 0, *size))
    parts = []
    for here, there in ((one, other), (other, one)):
        low, high = there.filter(ImageFilter.MinFilter(3)), there.filter(ImageFilter.MaxFilter(3))
        parts += [*ImageChops.subtract(here, high).split(), *ImageChops.subtract(low, here).split()]
    most = parts[0]
    for part in parts[1:]:
        most = ImageChops.lighter(most, part)
    off = most.point(lambda value: 255 * (value > TOLERANCE)).filter(ImageFilter.BoxBlur(AROUND))
    worst = int(off.getextrema()[1])
    if worst <= MOST * 255:
        return ""
    place = off.tobytes().index(worst)
    x, y = (each * SMALLER for each in (place % size[0], place // size[0]))
    return f"{worst / 255:.0%} of the points around ({x}, {y})"


def _picture(place: Path) -> Any:
    from PIL import Image

    return Image.open(place).convert("RGB")


def _dress() -> str:
    import matplotlib

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
    return DRESS % (*(base64.b64encode((fonts / name).read_bytes()).decode() for name in names), PLAIN)
