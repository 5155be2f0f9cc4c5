"""Tree-structured Parzen estimators (Bergstra et al., 2011), over all settings at once, by Optuna
(Akiba et al., 2019, arXiv 1907.10902).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from p2m.tuning.space import allows, drawn, rounded, seed_of
from p2m.types import Dimension, Trial


@dataclass(frozen=True)
class OptunaTPE:
    """Proposes what is likelier among the better trials than among the others.

    A study is made in memory for each proposal: it is told the earlier trials and asked once, so a proposal
    is a function of these, its number and the seed.
    """

    looks_back: ClassVar[bool] = True

    candidates: int = 24  # drawn for one proposal, of which the best is taken

    def refusal(self) -> str | None:
        """Whether Optuna is not installed."""
        return None if find_spec("optuna") else "Optuna is not installed: pip install 'p2m[tune]'"

    def propose(
        self, space: Mapping[str, Dimension], earlier: Sequence[Trial], *, number: int, seed: int
    ) -> dict[str, int | float | str]:
        """Values for the trial of that number; drawn at random where there is nothing to go by.

        A trial that lies outside of the space, as the recipe itself may, tells nothing.
        """
        told = [
            each
            for each in earlier
            if space.keys() <= each.values.keys()
            and all(allows(one, each.values[name]) for name, one in space.items())
        ]
        if not told or not space:
            return drawn(space, number=number, seed=seed)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=1, n_ei_candidates=self.candidates, multivariate=True, constant_liar=False,
            seed=seed_of(number, seed),
        )  # fmt: skip
        study = optuna.create_study(direction="maximize", sampler=sampler)
        over = {name: _distribution(one) for name, one in sorted(space.items())}
        for each in told:
            study.add_trial(_known(each, over))
        asked = study.ask(over)
        return {name: rounded(one, asked.params[name]) for name, one in space.items()}


def _known(trial: Trial, over: Mapping[str, Any]) -> Any:
    """The trial as Optuna has it; one that was pruned counts below every other one."""
    from optuna.trial import TrialState, create_trial

    state = TrialState.PRUNED if trial.was_pruned else TrialState.COMPLETE
    seen = {0: trial.score} if trial.was_pruned else {}
    return create_trial(
        state=state, value=trial.score, params={name: trial.values[name] for name in over},
        distributions=dict(over), intermediate_values=seen,
    )  # fmt: skip


def _distribution(one: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.is_whole:
        return IntDistribution(int(one.low), int(one.high), log=one.is_log)
    return FloatDistribution(one.low, one.high, log=one.is_log)
