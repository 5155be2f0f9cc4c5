"""best: of the trials of a search the one with the best primary metric on the validation rows."""

from __future__ import annotations

from dataclasses import replace

from p2m.engine.stage import stage
from p2m.types import Trained, Trial


@stage(version="2", kind="pure")
def best(*trials: Trained) -> Trained:
    """The earliest of equals; nothing where another student was taken."""
    made = [each for each in trials if each.checkpoint is not None]
    if not made:
        return Trained(None)
    taken = max(made, key=lambda each: each.fit.best)
    told = tuple(Trial(each.fit.proposal, each.fit.best, each.fit.was_pruned) for each in made)
    return replace(taken, fit=replace(taken.fit, trials=told))
