"""A sweeper of Hydra's over Optuna: `-m hydra/sweeper=optuna 'training.learning_rate=interval(1e-5,1e-3)'`.

It asks for a variant, has it built, tells Optuna the variant's primary metric, and asks again. Variants are a
function of the seed and of what the earlier ones came to, and a variant that was built is known by the
store; so the same command goes on where it was.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from p2m.errors import Problem, RecipeError

NAME = "optuna"
TARGET = "p2m.compose.optuna_sweeper.OptunaSweeper"


@dataclass
class OptunaSettings:
    """What `hydra.sweeper` may say."""

    _target_: str = TARGET
    n_trials: int = 12  # variants in all
    n_jobs: int = 1  # variants asked for at once, for launchers that run several
    n_startup_trials: int = 4  # variants at random before any is proposed from the others
    seed: int = 0


class OptunaSweeper(Sweeper):
    """Maximises what each job's value says of itself (`merit`), whichever way its metric goes."""

    def __init__(self, settings: DictConfig) -> None:
        self.n_trials, self.n_jobs = settings.n_trials, max(1, settings.n_jobs)
        self.n_startup_trials, self.seed = settings.n_startup_trials, settings.seed
        self.launcher: Any = None
        self.hydra_context: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Every batch's results, in order."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        parsed = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(
            arguments
        )
        fixed = [
            f"{each.get_key_element()}={each.get_value_element_as_str()}"
            for each in parsed
            if not each.is_sweep_override()
        ]
        over = {each.get_key_element(): _distribution(each) for each in parsed if each.is_sweep_override()}
        if not over:
            raise RecipeError([_problem("nothing is swept over", "give an interval or choices: seed=0,1")])
        sampler = optuna.samplers.TPESampler(n_startup_trials=self.n_startup_trials, seed=self.seed)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        returned: list[Any] = []
        while (done := len(study.trials)) < self.n_trials:
            asked = [study.ask(over) for _ in range(min(self.n_jobs, self.n_trials - done))]
            batch = [fixed + [f"{key}={_word(value)}" for key, value in one.params.items()] for one in asked]
            results = self.launcher.launch(batch, initial_job_idx=done)
            for trial, result in zip(asked, results, strict=True):
                _tell(study, trial, result.return_value)
            returned.append(results)
        return returned


def swept(hydra: Hydra, config: DictConfig, task: TaskFunction) -> Any:
    """The sweep of a composed config that chose this sweeper.

    Hydra itself takes sweepers from the namespace `hydra_plugins` alone, which every Hydra program loads.
    """
    sweeper = OptunaSweeper(config.hydra.sweeper)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks())
    sweeper.setup(hydra_context=context, task_function=task, config=config)
    return sweeper.sweep(list(config.hydra.overrides.task))


def register() -> None:
    """Make its settings an option of `hydra/sweeper`."""
    ConfigStore.instance().store(group="hydra/sweeper", name=NAME, node=OptunaSettings, provider="p2m")


def lacking(name: str) -> tuple[str, str] | None:
    """Why that sweeper cannot be had, and what to type; None where nothing is known against it."""
    if name != NAME or find_spec("optuna"):
        return None
    return "the sweeper 'optuna' needs Optuna, which is not installed", "install it: pip install 'p2m[tune]'"


def _tell(study: Any, trial: Any, job: Any) -> None:
    """What became of a variant; one that failed is told as such, and loses no other."""
    import optuna

    try:
        study.tell(trial, job.merit)
    except Exception as error:
        logging.getLogger(__name__).debug("a variant failed: %s", error)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)


def _distribution(override: Override) -> Any:
    """What an override spans, as Optuna has it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value: Any = override.value()
    is_log = "log" in getattr(value, "tags", ())
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        assert low is not None
        assert high is not None
        if not low < high or (is_log and low <= 0):
            hint = "write the lower bound first" + "; a logarithmic scale begins above 0" * is_log
            raise RecipeError([_problem(f"{override.input_line}: no interval", hint)])
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=is_log)
        return FloatDistribution(float(low), float(high), log=is_log)
    if isinstance(value, (ChoiceSweep, RangeSweep)):
        return CategoricalDistribution(tuple(override.sweep_string_iterator()))
    raise RecipeError(
        [_problem(f"{override.input_line}: cannot be swept over", "write interval(LOW,HIGH) or choice(A,B)")]
    )


def _word(value: Any) -> str:
    """A value as an override; three digits of a number say enough, and name folders."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _problem(message: str, hint: str) -> Problem:
    return Problem(message, where="hydra/sweeper=optuna", hint=hint)
