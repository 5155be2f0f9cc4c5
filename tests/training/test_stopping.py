"""When a training is evaluated and when it ends, from histories alone."""

from __future__ import annotations

from p2m.training.schedule import Schedule
from p2m.training.stopping import Stopping, evaluation_steps, looks_of, stale, start_of_learning
from p2m.types import Evaluation


def history(*scores: float, losses: tuple[float, ...] = (), every: int = 10) -> list[Evaluation]:
    """Evaluations at evenly spaced steps; the loss stays where `losses` says nothing."""
    losses = losses or (1.0,) * len(scores)
    return [
        Evaluation((i + 1) * every, loss, score)
        for i, (score, loss) in enumerate(zip(scores, losses, strict=True))
    ]


def test_staleness_counts_from_the_first_best() -> None:
    assert stale([]) == 0
    assert stale(history(0.1)) == 0
    assert stale(history(0.1, 0.3, 0.3, 0.2)) == 2
    assert stale(history(0.1, 0.3, 0.4)) == 0


def test_patience_does_not_run_before_learning_shows() -> None:
    plateau = history(0.4, 0.4, 0.4, 0.4)
    assert start_of_learning(plateau) is None
    assert stale(plateau) == 0
    by_loss = history(0.4, 0.4, 0.4, 0.4, losses=(1.0, 0.9, 0.6, 0.5))
    assert start_of_learning(by_loss) == 2
    assert stale(by_loss) == 1
    assert stale(history(0.4, 0.2, 0.1)) == 0, "a score below the start is no learning"
    assert stale([Evaluation(0, 1.0, 0.5), *history(0.4, 0.4)]) == 2, "a solved head has learnt"


def test_nothing_is_stopped_before_its_fewest_steps() -> None:
    falling = history(0.5, 0.6, 0.4, 0.4)
    assert Stopping(Schedule(100, 8, 1e-3, 40), patience=2).is_over(falling)
    assert not Stopping(Schedule(100, 8, 1e-3, 41), patience=2).is_over(falling)
    assert not Stopping(Schedule(100, 8, 1e-3, 40), patience=3).is_over(falling)
    assert Stopping(Schedule(40, 8, 1e-3, 40), patience=9).is_over(falling), "all steps are done"
    assert not Stopping(Schedule(30, 8, 1e-3, 30), patience=1).is_over([])


def test_what_has_not_begun_to_learn_is_given_up_after_its_fewest_steps() -> None:
    idle = history(0.1, 0.2, 0.2)
    assert Stopping(Schedule(100, 8, 1e-3, 30), 9, floor=0.2).is_over(idle)
    assert not Stopping(Schedule(100, 8, 1e-3, 31), 9, floor=0.2).is_over(idle)
    assert not Stopping(Schedule(100, 8, 1e-3, 30), 9, floor=0.19).is_over(idle)
    assert not Stopping(Schedule(100, 8, 1e-3, 30), 9).is_over(idle)


def test_evaluations_are_evenly_spaced_and_one_comes_early() -> None:
    assert evaluation_steps(Schedule(30, 8, 1e-3, 1), 4, early=False) == (8, 16, 24, 30)
    assert evaluation_steps(Schedule(30, 8, 1e-3, 1), 4, early=True) == (8, 16, 24, 30)
    assert evaluation_steps(Schedule(1200, 8, 1e-3, 1), 3, early=True) == (200, 400, 800, 1200)
    assert evaluation_steps(Schedule(1200, 8, 1e-3, 1), 3, early=False) == (400, 800, 1200)
    assert evaluation_steps(Schedule(2, 8, 1e-3, 1), 100, early=False) == (1, 2)


def test_a_trial_stops_below_the_median_of_the_others_at_that_share_of_their_steps() -> None:
    others = tuple(looks_of(history(*scores), 40) for scores in ((0.2, 0.6, 0.7, 0.8),) * 2 + ((0.1, 0.3),))
    stopping = Stopping(Schedule(80, 8, 1e-3, 30), patience=9, others=others)
    assert not stopping.is_over(history(0.0, every=20)), "too early for anything to be stopped"
    assert stopping.is_over(history(0.3, 0.5, every=20))
    assert not stopping.is_over(history(0.3, 0.6, every=20)), "as good as the median"
    assert not stopping.is_over(history(0.65, 0.5, every=20)), "the best so far counts"
    assert stopping.is_behind(history(0.3, 0.65, 0.65, every=20)), "the longer the others learnt the better"
    few = Stopping(Schedule(80, 8, 1e-3, 30), patience=9, others=others[:2])
    assert not few.is_over(history(0.0, 0.0, every=20))
    assert not Stopping(Schedule(80, 8, 1e-3, 30), patience=9).is_over(history(0.0, 0.0, every=20))
