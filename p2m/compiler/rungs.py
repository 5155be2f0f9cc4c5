"""The steps that make a model smaller: each way by itself or, of a ladder, after what was kept before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from p2m.compiler.places import Places
from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec
from p2m.stages.compress import compress
from p2m.stages.export_pruned import export_pruned
from p2m.stages.keep import keep
from p2m.stages.keep_encoder import keep_encoder
from p2m.stages.keep_weights import keep_weights
from p2m.stages.prune import prune
from p2m.stages.shrink import shrink
from p2m.stages.weigh import weigh
from p2m.types import (
    CalibratedCompressor,
    Compressor,
    LinearStudent,
    Metric,
    Pruner,
    ReshapingCompressor,
    Student,
    Task,
    VocabularyCompressor,
)

# Of the tolerance, what a way may lose that others go on from: they lose some, too. (Of minilm on Banking77 a
# cut of the vocabulary lost 0.8 points of 1, and four bits of what it left 1.4.)
HANDED_ON = 0.5


def reading(compressor: Compressor, spec: ModelSpec, understood: Task) -> Compressor:
    """The compressor; one that keeps what languages are written in, with those of the recipe."""
    if not isinstance(compressor, VocabularyCompressor) or compressor.languages:
        return compressor
    languages = spec.constraints.languages or understood.spoken
    return cast(Compressor, replace(cast(Any, compressor), languages=languages))


def compressors(spec: ModelSpec) -> dict[str, Compressor]:
    """The ways that work on an exported model."""
    ways = spec.compression.candidates
    return {way: each for way, each in ways.items() if not isinstance(each, Pruner)}


def of_encoders(spec: ModelSpec) -> dict[str, Compressor]:
    """Those of them that need no answers to calibrate by, and so work on a frozen encoder."""
    ways = compressors(spec)
    return {way: each for way, each in ways.items() if not isinstance(each, CalibratedCompressor)}


def pruners(spec: ModelSpec) -> dict[str, Pruner]:
    """The ways that work on trained weights, and so come first."""
    return {way: each for way, each in spec.compression.candidates.items() if isinstance(each, Pruner)}


def goes_on(compressor: Compressor) -> bool:
    """Whether other ways may follow."""
    return isinstance(compressor, ReshapingCompressor) and compressor.leaves_floats


@dataclass(frozen=True)
class Rungs:
    """The ways of one tuned student."""

    plan: Plan
    spec: ModelSpec
    understood: Task
    at: Places
    task: Ref
    parts: Ref
    name: Callable[[str], str]  # of a step, of what it does: "compress-int8" -> "compress-int8-minilm"
    scored: Mapping[str, Any]  # settings: the metric and the seed
    learning: Mapping[str, Any]  # settings of a training

    def smaller(self, student: Student, fitted: Ref, full: Ref) -> dict[str, Ref]:
        """By way, what comes of it. Each pruning is a model that all other ways are tried on, too: so what it
        costs is in no way of any other.
        """
        found = self._compressed(full, full, "")
        weights, ways = fitted, pruners(self.spec)
        for number, (way, pruner) in enumerate(ways.items(), start=1):
            place = self.at(
                "seed", "training", metric="metrics.primary", pruner=f"compression.candidates.{way}"
            )
            pruned = self.plan.add(
                self.name(f"prune-{way}"), prune, self.task, self.parts, weights, pruner=pruner,
                student=student, **self.learning, origins=place,
            )  # fmt: skip
            made = self.plan.add(
                self.name(f"export-{way}"), export_pruned, self.task, self.parts, pruned, name=way,
                student=student, **self.scored, origins=self.at("seed", metric="metrics.primary"),
            )  # fmt: skip
            found[way] = made
            if not self.spec.compression.ladder:
                continue
            kept = self._keep(way, keep, full, None, made)
            found |= self._compressed(full, kept, way)
            if number < len(ways):
                weights = self._keep(f"weights-{way}", keep_weights, full, made, weights, pruned)
        return found

    def _compressed(self, full: Ref, first: Ref, pruned: str) -> dict[str, Ref]:
        found: dict[str, Ref] = {}
        before, ways = first, compressors(self.spec)
        for number, (way, compressor) in enumerate(ways.items(), start=1):
            step = f"compress-{way}-{pruned}" if pruned else f"compress-{way}"
            named = {"name": way} if self.spec.compression.ladder else {}
            found[f"{way}-{pruned}" if pruned else way] = made = self.plan.add(
                self.name(step), compress, self.task, self.parts, before,
                compressor=reading(compressor, self.spec, self.understood), **self.scored, **named,
                origins=self.at("seed", metric="metrics.primary", compressor=f"compression.candidates.{way}"),
            )  # fmt: skip
            if self.spec.compression.ladder and goes_on(compressor) and number < len(ways):
                before = self._keep(f"{way}-{pruned}" if pruned else way, keep, full, before, made)
        return found

    def _keep(self, what: str, stage: Any, *inputs: Ref | None) -> Ref:
        return self.plan.add(
            self.name(f"keep-{what}"), stage, *inputs, tolerance=HANDED_ON * self.spec.compression.tolerance,
            origins=self.at(tolerance="compression.tolerance"),
        )  # fmt: skip


def smaller_encoder(
    plan: Plan, spec: ModelSpec, understood: Task, at: Places, metric: Metric, student: LinearStudent,
    task: Ref, parts: Ref, full: Ref,
) -> tuple[Ref, Ref]:  # fmt: skip
    """The encoder that linear students read after a ladder, and what each rung was worth to `student`."""
    settings = {"student": student, "metric": metric, "seed": spec.seed}
    places = at("seed", student="student", metric="metrics.primary")
    with plan.group("encoders"):
        weighed = plan.add("weigh-fp32", weigh, task, parts, full, None, **settings, origins=places)
        kept = before = full
        ways = sorted(of_encoders(spec).items(), key=lambda way: not goes_on(way[1]))
        for way, compressor in ways:  # those that others go on from come first
            made = plan.add(
                f"shrink-{way}", shrink, task, parts, before, name=way,
                compressor=reading(compressor, spec, understood), seed=spec.seed,
                origins=at("seed", compressor=f"compression.candidates.{way}"),
            )  # fmt: skip
            weighed = plan.add(f"weigh-{way}", weigh, task, parts, made, weighed, **settings, origins=places)
            kept = plan.add(
                f"keep-{way}-encoder", keep_encoder, kept, made, weighed,
                tolerance=(HANDED_ON if goes_on(compressor) else 1) * spec.compression.tolerance,
                origins=at(tolerance="compression.tolerance"),
            )  # fmt: skip
            before = kept if goes_on(compressor) else before
    return kept, weighed
