"""A finished build or search as a tracker is told of it, from what was made, so that one which found
everything made is told as well.

A tracker that fails fails nothing: what it said is the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from p2m import noop
from p2m.deploy.serving.command import CHECKSUMS
from p2m.engine.executor import Result
from p2m.engine.handles import Network
from p2m.engine.running.network import without_network
from p2m.lock import lock_path
from p2m.lock.settings import settings_of
from p2m.project import Project
from p2m.trackers.base import Curve, TrackedRun
from p2m.types import Fit, Trial, Verdict
from p2m.version import __version__

FOLDER = ".tracking"  # of outputs/, where trackers keep what stays on this machine


def track_build(
    project: Project, result: Result, verdict: Verdict, folder: Path, *, group: str = "", frozen: bool = False
) -> str:
    """Tell the recipe's tracker of a build whose bundle is in `folder`; what came of it, "" without one.

    `group` is the sweep that it is a variant of; `frozen`, that nothing may reach any host.
    """
    spec = project.composed.spec
    if spec.tracker is None:
        return ""

    def told() -> TrackedRun:
        chosen, fit = result.value("choose") if _has(result, "choose") else None, result.value("pick").fit
        rungs = {f"choosing/{name}": tuple(curve) for name, curve in chosen.curves.items()} if chosen else {}
        return TrackedRun(
            spec.name, folder.name if group else spec.name, _parameters(project),
            dict(_metrics(result)) | {"trials": len(fit.trials) or 1}, _curves(fit) | rungs,
            _tags(project, result, verdict, folder), _place(project), group, frozen,
        )  # fmt: skip

    return _tell(project, told, frozen=frozen)


def track_trial(
    project: Project, number: int, trial: Trial, fit: Fit, *, metric: str, sign: int, group: str
) -> str:
    """Tell the recipe's tracker of a trial of a search; `sign` -1 turns scores of which less is better."""
    spec = project.composed.spec
    if spec.tracker is None:
        return ""

    def told() -> TrackedRun:
        parameters = _parameters(project) | {f"trial.{name}": each for name, each in trial.values.items()}
        tags = {"p2m": __version__, "pruned": str(trial.was_pruned).lower()}
        metrics = {f"validation.{metric}": sign * trial.score, "steps": fit.steps}
        return TrackedRun(
            spec.name, f"trial {number}", parameters, metrics, _curves(fit), tags, _place(project), group
        )

    return _tell(project, told, frozen=False)


def _tell(project: Project, told: Any, *, frozen: bool) -> str:
    tracker, network = project.composed.spec.tracker, Network(project.composed.spec.constraints.network)
    assert tracker is not None
    name = type(tracker).__module__.rpartition(".")[2]
    shut = without_network(None if frozen else network) if frozen or network is not Network.ALL else None
    try:
        with shut or nullcontext():
            return f"{name}: {tracker.log(told())}"
    except ModuleNotFoundError as error:
        return f"! {name}: not told, for {error.name} is not installed: pip install 'p2m[{name}]'"
    except Exception as error:  # of a library, a server or a disk: the build is made, whatever became of this
        said = " ".join(str(error).split())[:300]
        return f"! {name}: not told ({type(error).__name__}: {said}); the same command tells it again"


def _has(result: Result, step: str) -> bool:
    return any(each.name == step for each in result.plan.steps)


def _place(project: Project) -> Path:
    return noop.project_root(project.recipe) / "outputs" / FOLDER


def _parameters(project: Project) -> dict[str, str | int | float | bool]:
    """The resolved recipe, as its lock has it."""
    found = settings_of(project.composed.spec, project.recipe.parent)
    plain = (str, int, float, bool)
    return {at: each if isinstance(each, plain) else _written(each) for at, each in found.items()}


def _written(value: object) -> str:
    return "null" if value is None else str(value)


def _metrics(result: Result) -> Iterator[tuple[str, float]]:
    evaluated, exported, measured = (result.value(step) for step in ("evaluate", "pick", "measure"))
    for score in evaluated.scores:
        yield score.metric, score.value
        yield f"{score.metric}.low", score.low
        yield f"{score.metric}.high", score.high
        yield f"{score.metric}.rows", score.rows
    for name, value in evaluated.baselines.items():
        yield f"baseline.{name}", value
    if evaluated.teacher is not None:
        yield "teacher", evaluated.teacher.value
    yield from (("size_bytes", exported.size_bytes), ("parameters", exported.parameters))
    yield from (
        ("latency_p50_ms", measured.latency_p50 * 1e3),
        ("latency_p95_ms", measured.latency_p95 * 1e3),
    )
    yield "throughput_rows_per_second", measured.throughput
    spent = result.value("account").spent if _has(result, "account") else None
    if spent is not None and spent.requests:
        yield "teacher_requests", spent.requests
        if spent.cost is not None:
            yield "teacher_cost_usd", spent.cost
    yield "build_seconds", result.seconds


def _curves(fit: Fit) -> dict[str, Curve]:
    """By optimiser step: the training loss, and loss and primary metric on the validation rows."""
    found: dict[str, Curve] = {}
    if fit.losses:
        part = fit.steps / len(fit.losses)
        found["training/loss"] = tuple((round((n + 1) * part), loss) for n, loss in enumerate(fit.losses))
    if fit.history:
        found["validation/loss"] = tuple((each.step, each.loss) for each in fit.history)
        found["validation/score"] = tuple((each.step, each.score) for each in fit.history)
    return found


def _tags(project: Project, result: Result, verdict: Verdict, folder: Path) -> Mapping[str, str]:
    lines = (*verdict.failures, *verdict.unproven, *verdict.warnings)
    tags = {
        "verdict": str(verdict.decision), "evidence": verdict.evidence, "doubts": "\n".join(lines),
        "bundle": hashlib.sha256((folder / CHECKSUMS).read_bytes()).hexdigest(), "folder": str(folder),
        "run": result.run, "p2m": __version__,
    }  # fmt: skip
    lock = lock_path(project.recipe)
    if not project.is_variant and lock.is_file():
        tags["lock"] = lock.read_text(encoding="utf-8").rstrip().rpartition("digest: ")[2]
    return tags
