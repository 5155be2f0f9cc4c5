"""propose: what one trial of a search sets."""

from __future__ import annotations

from collections.abc import Mapping

from p2m.engine.stage import stage
from p2m.training.stopping import looks_of
from p2m.tuning.base import resolved, usual
from p2m.types import Dimension, Proposal, Proposer, Split, Trained, Training, Trial, TunedStudent


@stage(version="2", kind="seeded")
def propose(
    parts: Split,
    *earlier: Trained,
    number: int,
    proposer: Proposer,
    space: Mapping[str, Dimension],
    student: TunedStudent,
    training: Training,
    prunes: bool,
    seed: int,
) -> Proposal:
    """Values for the trial of that number, and with `prunes` the earlier trials that it must keep up with.

    It depends on its number, the seed and the earlier trials, not on how many there are: a further trial
    costs one training.
    """
    base = usual(student, training, len(parts.train))
    made = [each.fit for each in earlier if each.checkpoint is not None]
    trials = [Trial(base | fit.proposal, fit.best, fit.was_pruned) for fit in made]
    values = proposer.propose(resolved(space, base), trials, number=number, seed=seed)
    whole = [fit for fit in made if not fit.was_pruned] if prunes else []
    return Proposal(values, tuple(looks_of(fit.history, fit.planned) for fit in whole))
