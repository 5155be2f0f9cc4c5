"""winner: of a choice the name alone, and what the verdict rests on."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.types import Choice, Winner


@stage(version="1", kind="pure")
def winner(choice: Choice) -> Winner:
    """The same for as long as the same student wins with the same score: what follows it is cut off then."""
    return Winner(choice.student, max(1, len(choice.scores)), choice.scores.get(choice.student))
