"""The variants of a recipe, by Hydra's own multirun: any sweeper and any launcher that is installed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from p2m.compose.overrides import checked, forced
from p2m.compose.recipe import Groups, find_recipe, read_recipe
from p2m.compose.single import compose
from p2m.compose.source import PRIMARY, composing, search_path, translated
from p2m.resources import conf_folder

T = TypeVar("T")


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
    recipe = find_recipe(recipe)
    groups = Groups((recipe.parent, conf_folder()))
    with composing() as reading:
        marked = read_recipe(recipe)
        parsed = checked(marked, overrides, groups, sweep=True)
        fixed = [
            str(one.input_line) for one in parsed if not (one.is_sweep_override() or one.is_hydra_override())
        ]
        name = compose(recipe, fixed, trust=trust).spec.name
        target = folder or Path("outputs") / name / "sweeps" / time.strftime("%Y-%m-%d_%H-%M-%S")
        words = [*_sweep_settings(target), *(forced(override, groups) for override in parsed)]
        done: list[Job[T]] = []
        try:
            with translated(marked, reading, parsed):
                hydra = Hydra.create_main_hydra2(name, search_path(recipe))
                returned = hydra.multirun(PRIMARY, _Task(job, done), words, with_log_configuration=False)
        finally:
            GlobalHydra.instance().clear()
    if not returned:  # a sweeper that keeps its jobs' results to itself
        return done
    return [one.return_value for batch in returned for one in batch]


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
        overrides = tuple(str(text).removeprefix("++") for text in hydra.overrides.task)
        folder = Path(hydra.runtime.output_dir)
        try:
            result = Job(overrides, folder, value=self.job(overrides))
        except Exception as error:
            result = Job(overrides, folder, error=error)
        self.done.append(result)
        return result
