"""afford: the candidates whose probe trainings together stay within the time that choosing may take."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.types import Paces, Survivors


@stage(version="1", kind="pure")
def afford(
    within: Survivors | None, paces: Paces, *, students: tuple[str, ...], minutes: float
) -> Survivors:  # fmt: skip
    """Of the `students`, the largest first, each whose trainings fit into what those before it leave."""
    left, kept, out = 60 * minutes, list[str](), dict[str, str]()
    refused = within.refused if within else {}
    for name in students:
        if name in refused:
            continue
        takes = paces.seconds.get(name, 0.0)
        if takes > left:
            out[name] = f"not tried: choosing.minutes={minutes:g} are too few for its probe trainings here"
            continue
        left -= takes
        kept.append(name)
    return Survivors(tuple(sorted(kept)), refused | out)
