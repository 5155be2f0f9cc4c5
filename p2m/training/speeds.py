"""What this machine is known to take: figures in the user's cache folder, of guesses and choices alone.

They are in no key and change no result.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from p2m.engine.files import disk
from p2m.resources import cache_folder

MOST = 500  # that are remembered, the latest ones


def memory_file() -> Path:
    """Where speeds are kept: the user's cache folder."""
    return cache_folder("speed.json")


def remember(key: str, length: float, seconds: float) -> None:
    """Keep the seconds of a step at a mean length in characters; never an error."""
    try:
        path, speeds = memory_file(), _speeds()
        by_length = speeds.pop(key, {})
        by_length[str(_rounded(length))] = round(seconds, 5)
        speeds[key] = by_length
        text = json.dumps(dict(list(speeds.items())[-MOST:]), indent=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(path, text.encode(), durable=False)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: no home folder
        return


def remembered(key: str, length: float) -> float | None:
    """Seconds of a step; from the nearest length that is known, at most twice as long or half."""
    by_length = _speeds().get(key, {})
    wanted = _rounded(length)
    near = [known for known in map(int, by_length) if wanted / 2 <= known <= 2 * wanted]
    if not near:
        return None
    nearest = min(near, key=lambda known: abs(math.log(known / wanted)))
    return float(by_length[str(nearest)]) * wanted / nearest


def _rounded(length: float) -> int:
    """To the nearest quarter of a doubling."""
    return max(1, round(2 ** (round(4 * math.log2(max(1.0, length))) / 4)))


def _speeds() -> dict[str, dict[str, float]]:
    try:
        found = json.loads(memory_file().read_text(encoding="utf-8"))
        return {
            key: {each: float(value) for each, value in known.items() if each.isdigit() and float(value) > 0}
            for key, known in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, RuntimeError):
        return {}
