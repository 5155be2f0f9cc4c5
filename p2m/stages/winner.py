"""winner: of a choice the name alone."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.types import Choice, Winner


@stage(version="1", kind="pure")
def winner(choice: Choice) -> Winner:
    """The same for as long as the same student wins, whatever the figures and whoever else was compared."""
    return Winner(choice.student)
