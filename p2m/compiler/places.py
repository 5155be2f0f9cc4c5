"""Where settings were written, as a step is told of it."""

from __future__ import annotations

from collections.abc import Mapping


class Places:
    """Says where settings were written: `at("seed", rows="evaluation.latency_rows")`."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins

    def __call__(self, *same: str, **renamed: str) -> dict[str, str]:
        """Setting -> place; of a section also that of each key inside it ("training.epochs")."""
        places: dict[str, str] = {}
        for setting, path in ({name: name for name in same} | renamed).items():
            for written, place in self._origins.items():
                if written == path or written.startswith(path + "."):
                    places[setting + written[len(path) :]] = place
        return places
