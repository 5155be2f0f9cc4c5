"""Where every setting of a composed recipe was written: its file and line, or its override.

Lines are merged in the order in which the values are, by the same rule: a mapping is merged into, anything
else replaces what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from p2m.marked_yaml import Marked, join, show

UNSEEN = ("defaults", "hydra")  # about composing, not about the model


class Origins:
    """Config path -> place, while files and overrides are merged in."""

    def __init__(self, recipe: Path, library: Path) -> None:
        self.recipe = recipe
        self.library = library
        self.places: dict[str, str] = {}

    def merge_file(self, marked: Marked, package: str) -> None:
        """Note the lines of a file whose values are merged in at `package` ("" is the top)."""
        is_ours = marked.path.is_relative_to(self.library)
        shown = f"conf/{marked.path.relative_to(self.library).as_posix()}" if is_ours else show(marked.path)
        self._merge(marked.value, package, lambda at: f"{shown}:{marked.lines.get(at, 1)}")

    def merge_override(self, key: str, value: Any, text: str) -> None:
        """Note that `text` set `key`."""
        self._merge(value, key, lambda _at: f"override {text}")

    def remove(self, key: str) -> None:
        """Forget `key` and what is below it, which an override deleted."""
        self.places = {path: at for path, at in self.places.items() if not _is_below(path, key)}

    def place(self, path: str) -> str:
        """Where a config path was written, as `place_in`; the recipe itself where nothing is known."""
        return place_in(self.places, path) or show(self.recipe)

    def _merge(self, value: Any, package: str, place: Callable[[str], str]) -> None:
        parents = package.split(".")[:-1]
        for depth in range(1, len(parents) + 1):
            self.places.setdefault(".".join(parents[:depth]), place(""))
        self._walk(value, package, "", place)

    def _walk(self, value: Any, package: str, at: str, place: Callable[[str], str]) -> None:
        path = f"{package}.{at}" if package and at else package or at
        if path.partition(".")[0].partition("[")[0] in UNSEEN:
            return
        if path in self.places and not isinstance(value, Mapping):
            self.remove(path)
        if path:
            self.places[path] = place(at)
        if isinstance(value, Mapping):
            for key, item in value.items():
                self._walk(item, package, join(at, str(key)), place)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._walk(item, package, join(at, index), place)


def place_in(places: Mapping[str, str], path: str) -> str:
    """The place of a config path, else of something in it, else of the section around it; "" for none."""
    while path and path not in places:
        for key, place in places.items():
            if _is_below(key, path):
                return place
        shorter = re.sub(r"(\.|^)[^.\[]+$|\[[^\]]*\]$", "", path)
        path = shorter if shorter != path else ""
    return places.get(path, "")


def _is_below(path: str, section: str) -> bool:
    return path == section or path.startswith((f"{section}.", f"{section}["))
