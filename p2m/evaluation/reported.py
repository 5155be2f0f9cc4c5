"""Reported values: metrics computed through Hugging Face `evaluate`, from the module in `evaluate_module/`.

Importing `evaluate` costs many seconds of processor time, more than a small model takes to train, so only
metrics over text, which load heavy libraries anyway, pass through it; a share of right answers is the same
number without. Nothing asks a hub: the module is a folder of this package.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2m.errors import StageError, UserError, nearest
from p2m.evaluation.bootstrap import Units, scored
from p2m.marked_yaml import read_marked
from p2m.resources import conf_folder
from p2m.types import Metric, Score, Task

MODULE = Path(__file__).parent / "evaluate_module"


def reported(
    metric: Metric, predictions: Sequence[str], references: Sequence[Sequence[str]], *, resamples: int,
    seed: int, units: Units = None,
) -> Score:  # fmt: skip
    """The metric's value as it is reported, with its 95% interval."""
    passes = getattr(metric, "through_evaluate", False)
    value = through_evaluate(metric, predictions, references) if passes else None
    return scored(metric, predictions, references, value=value, resamples=resamples, seed=seed, units=units)


def through_evaluate(
    metric: Metric, predictions: Sequence[str], references: Sequence[Sequence[str]]
) -> float:
    """The metric's value as `evaluate.load(MODULE, ...).compute(...)` gives it.

    Raises:
        StageError: `evaluate` could not copy the module into its cache.
    """
    import evaluate

    kind = type(metric)
    settings = {entry.name: getattr(metric, entry.name) for entry in dataclasses.fields(metric)}  # type: ignore[arg-type]
    try:
        module = evaluate.load(str(MODULE), f"{kind.__module__}.{kind.__qualname__}", keep_in_memory=True)
        found = module.compute(
            predictions=list(predictions), references=[list(row) for row in references], **settings
        )
    except OSError as error:
        raise StageError(
            f"`evaluate` could not use its cache ({error}); set HF_HOME to a folder that can be written"
        ) from error
    return float(found[metric.name])


def suited(metric: Metric, task: Task) -> Metric:
    """The metric as the task's answers are written, where that makes a difference."""
    found: Metric = metric.suited(task) if hasattr(metric, "suited") else metric
    return found


def component(name: str, settings: Mapping[str, Any]) -> Metric:
    """The metric of that name in `conf/metric/`, with the settings there, or of that qualified class name;
    `settings` go first.

    Raises:
        UserError: there is no such metric, or it has no such settings.
    """
    given = {**_described(name), **settings}
    target = str(given.pop("target", name))
    module, _, kind = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), kind, None) if module else None
    except ModuleNotFoundError as error:
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            raise UserError(f"{target} needs the package {error.name!r}, which is not installed") from error
        found = None
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise UserError(f"no metric {name!r}: {nearest(name, _names())}")
    try:
        made = found(**given)
    except (TypeError, ValueError) as error:
        raise UserError(f"metric {name}: {error}") from error
    if not isinstance(made, Metric):
        raise UserError(f"{target} is no metric: {nearest(name, _names())}")
    return made


def _described(name: str) -> dict[str, Any]:
    """What `conf/metric/<name>.yaml` says; {} of a class name."""
    if name not in _names():
        return {}
    return dict(read_marked(conf_folder() / "metric" / f"{name}.yaml").value)


def listed(references: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
    """References as a list a row, whether a row came as one text or as several."""
    return [[row] if isinstance(row, str) else list(row) for row in references]


def _names() -> list[str]:
    """The metrics that p2m has; the folder is the registry."""
    return sorted(file.stem for file in (conf_folder() / "metric").glob("*.yaml"))
