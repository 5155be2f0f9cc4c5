"""Where settings were written, as a step is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from p2m.engine.plan import Plan, Ref


class Places:
    """Says where settings were written: `at("seed", rows="evaluation.latency_rows")`."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins

    def of(self, path: str) -> str:
        """The place of one setting; "" where it was not written."""
        return self._origins.get(path, "")

    def __call__(self, *same: str, **renamed: str) -> dict[str, str]:
        """Setting -> place; of a section also that of each key inside it ("training.epochs")."""
        places: dict[str, str] = {}
        for setting, path in ({name: name for name in same} | renamed).items():
            for written, place in self._origins.items():
                if written == path or written.startswith(path + "."):
                    places[setting + written[len(path) :]] = place
        return places


def files_of(plan: Plan, setting: str, paths: Sequence[Path], at: Places) -> list[Ref]:
    """The files that a setting lists, as sources of its name; of several, with their numbers."""
    return [
        plan.source(
            f"{setting}-{number}" if len(paths) > 1 else setting, path,
            origin=at.of(f"{setting}[{number - 1}]") or at.of(setting),
        )
        for number, path in enumerate(paths, start=1)
    ]  # fmt: skip
