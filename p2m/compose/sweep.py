"""The variants of a recipe, by Hydra's own multirun: any sweeper and any launcher that is installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig

from p2m.compose.launchers import jobs_at_once, log_files
from p2m.compose.optuna_sweeper import TARGET, swept
from p2m.compose.overrides import checked, forced, is_text
from p2m.compose.recipe import Groups, find_recipe, read_recipe
from p2m.compose.single import compose
from p2m.compose.source import PRIMARY, Loader, composing, translated
from p2m.engine.slots import cores
from p2m.errors import RecipeError
from p2m.resources import conf_folder

T = TypeVar("T")
_DOLLAR = "\x00d"  # stands for "$" while Hydra has the word


@dataclass(frozen=True)
class Job(Generic[T]):
    """One variant of a sweep: what it changed, the folder that is its own, and what became of it."""

    overrides: tuple[str, ...]
    folder: Path
    value: T | None = None
    error: Exception | None = None

    def __float__(self) -> float:
        """The value as a number, for sweepers that optimise one."""
        if self.error is not None:
            raise self.error
        return float(self.value)  # type: ignore[arg-type]

    @property
    def merit(self) -> float:
        """The value as a number of which more is better, whichever way its metric goes."""
        if self.error is not None:
            raise self.error
        return float(getattr(self.value, "merit", self.value))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Span:
    """What a sweep's overrides span, known before any job runs."""

    name: str  # of the recipe; "" where its first variant is wrong
    variants: (
        tuple[tuple[str, ...], ...] | None
    )  # overrides of each; None where the sweeper decides as it goes
    at_once: int  # jobs that the launcher runs side by side on this machine
    log_files: Callable[[Path], str]  # of its jobs, by the folder of the sweep; "" where they speak here


def span(recipe: Path, overrides: Sequence[str], *, trust: Sequence[str] = ()) -> Span:
    """The variants of a sweep, in the order and with the overrides that `multirun` gives to its jobs.

    Raises:
        RecipeError: the recipe, or a choice, is wrong.
    """
    with _sweeping(recipe, overrides, trust, None, lenient=True) as (hydra, words, name):
        config = hydra.compose_config(PRIMARY, words, run_mode=RunMode.MULTIRUN)
        variants = _variants(hydra, config)
        jobs, batch = len(variants or ()), config.hydra.sweeper.get("max_batch_size")
        if variants is None:  # asked for as it goes, so many at a time
            jobs = int(config.hydra.sweeper.get("n_jobs") or cores())
        at_once = jobs_at_once(config.hydra.launcher, min(jobs, int(batch)) if batch else jobs)
    return Span(name, variants, at_once, partial(log_files, config.hydra.launcher))


def multirun(
    recipe: Path,
    overrides: Sequence[str],
    job: Callable[[Sequence[str]], T],
    *,
    folder: Path | None = None,
    trust: Sequence[str] = (),
) -> list[Job[T]]:
    """Run `job` over the variants that the overrides span, by Hydra's own sweeper and launcher.

    `job` gets a variant's overrides, ready for `compose`; a launcher may call it in another process. A job
    that raises is kept as such and loses no other. `folder` (default: outputs/<name>/sweeps/<time>) gets a
    folder for each variant, named by its number.

    Raises:
        RecipeError: the recipe, or a variant's choice, is wrong; then no job has run.
    """
    done: list[Job[T]] = []
    with _sweeping(recipe, overrides, trust, folder) as (hydra, words, _name):
        returned = _swept(hydra, _Task(job, done), words)
    if not returned:  # a sweeper that keeps its jobs' results to itself
        return done
    return [one.return_value for batch in returned for one in batch]


def _swept(hydra: Hydra, task: _Task[T], words: list[str]) -> Any:
    config = hydra.compose_config(PRIMARY, words, run_mode=RunMode.MULTIRUN)
    if config.hydra.sweeper.get("_target_") == TARGET:
        return swept(hydra, config, task)
    return hydra.multirun(PRIMARY, task, words, with_log_configuration=False)


@contextmanager
def _sweeping(
    recipe: Path,
    overrides: Sequence[str],
    trust: Sequence[str],
    folder: Path | None,
    *,
    lenient: bool = False,
) -> Iterator[tuple[Hydra, list[str], str]]:
    """Hydra over the checked recipe, the words for it, and the recipe's name; its errors are translated."""
    recipe = find_recipe(recipe)
    groups = Groups((recipe.parent, conf_folder()))
    marked = read_recipe(recipe)
    with composing(marked) as reading:
        parsed = checked(marked, overrides, groups, sweep=True)
        name = _name(recipe, parsed, trust, lenient=lenient)
        target = folder or Path("outputs") / name / "sweeps" / time.strftime("%Y-%m-%d_%H-%M-%S")
        words = [*_sweep_settings(target), *(_word(override, groups) for override in parsed)]
        try:
            with translated(marked, reading, parsed):
                hydra = Hydra(name or PRIMARY, Loader(recipe, reading))
                GlobalHydra.instance().initialize(hydra)
                yield hydra, words, name
        finally:
            GlobalHydra.instance().clear()


def _name(recipe: Path, parsed: Sequence[Override], trust: Sequence[str], *, lenient: bool) -> str:
    """The recipe's name, from composing it with the first choice of all that is swept but the name itself.

    "" where that is no valid recipe, if the caller will compose every variant anyway and say all at once.
    """
    words = []
    for one in parsed:
        if one.is_hydra_override() or (one.is_sweep_override() and one.key_or_group == "name"):
            continue
        if not one.is_sweep_override():
            words.append(str(one.input_line))
        elif one.is_discrete_sweep():
            words.append(f"{one.get_key_element()}={next(one.sweep_string_iterator())}")
        else:  # of an interval, the lower end
            words.append(f"{one.get_key_element()}={getattr(one.value(), 'start', None)}")
    try:
        return compose(recipe, words, trust=trust).spec.name
    except RecipeError:
        if not lenient:
            raise
        return ""


def _variants(hydra: Hydra, config: DictConfig) -> tuple[tuple[str, ...], ...] | None:
    """Every job's overrides as Hydra's basic sweeper spans them; None of another sweeper."""
    sweeper: Any = config.hydra.sweeper
    if not str(sweeper.get("_target_")).endswith(f".{BasicSweeper.__name__}"):
        return None
    preset = [f"{key}={value}" for key, value in (sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=hydra.config_loader)
    spanned: list[Override] = parser.parse_overrides([*preset, *config.hydra.overrides.task])
    (jobs,) = BasicSweeper.split_arguments(spanned, None)
    return tuple(tuple(map(_written, job)) for job in jobs)


def _word(override: Override, groups: Groups) -> str:
    """The override for Hydra, which must not interpolate the user's own words; `_written` undoes it."""
    word = forced(override, groups)
    return word.replace("$", _DOLLAR) if is_text(override) else word


def _written(word: str) -> str:
    """The override as its user would write it."""
    return word.removeprefix("++").replace(_DOLLAR, "$")


def _sweep_settings(target: Path) -> list[str]:
    """What Hydra would otherwise decide: where jobs land, and that p2m alone prints."""
    quoted = str(target.absolute()).replace("'", "\\'")
    return [
        "hydra.mode=MULTIRUN",
        f"hydra.sweep.dir='{quoted}'",
        "hydra.output_subdir=null",
        "hydra/hydra_logging=none",
        "hydra/job_logging=none",
    ]


@dataclass(frozen=True)
class _Task(Generic[T]):
    """A sweep's job as Hydra calls it; module-level, so that launchers can pickle it."""

    job: Callable[[Sequence[str]], T]
    done: list[Job[T]]

    def __call__(self, _config: DictConfig) -> Job[T]:
        hydra = HydraConfig.get()
        overrides = tuple(_written(str(text)) for text in hydra.overrides.task)
        folder = Path(hydra.runtime.output_dir)
        try:
            result = Job(overrides, folder, value=self.job(overrides))
        except Exception as error:
            result = Job(overrides, folder, error=error)
        self.done.append(result)
        return result
