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
from p2m.types import Metric

MODULE = Path(__file__).parent / "evaluate_module"
_SHIPPED = "p2m.metrics"


def reported(metric: Metric, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """The metric's value as it is reported."""
    if getattr(metric, "through_evaluate", False):
        return through_evaluate(metric, predictions, references)
    return metric.value(metric.statistics(predictions, references))


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


def component(name: str, settings: Mapping[str, Any]) -> Metric:
    """The metric of that name in `p2m.metrics`, or of that qualified class name, with these settings.

    Raises:
        UserError: there is no such metric.
    """
    module, kind = name.rsplit(".", 1) if "." in name else (f"{_SHIPPED}.{name}", "")
    try:
        found = vars(importlib.import_module(module))
    except ModuleNotFoundError as error:
        raise UserError(f"no metric {name!r}: {nearest(name, _names())}") from error
    for value in [found.get(kind)] if kind else list(found.values()):
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == module:
            made = value(**settings)
            if isinstance(made, Metric):
                return made
    raise UserError(f"no metric {name!r}: {nearest(name, _names())}")


def listed(references: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
    """References as a list a row, whether a row came as one text or as several."""
    return [[row] if isinstance(row, str) else list(row) for row in references]


def _names() -> list[str]:
    """Modules of `p2m.metrics` that hold a metric; the folder is the registry."""
    folder = Path(importlib.import_module(_SHIPPED).__path__[0])
    return sorted(
        file.stem for file in folder.glob("*.py") if file.stem not in ("__init__", "base", "text", "answers")
    )
