"""The steps of a teacher on this machine: trained first where a family is named, and asked about all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p2m.compiler.places import Places
from p2m.engine.plan import Plan, Ref
from p2m.spec import ModelSpec
from p2m.spec.distilling import MODEL, taught
from p2m.stages.fold_taught import fold_taught
from p2m.stages.soften import soften
from p2m.stages.soften_bundle import soften_bundle
from p2m.stages.train import train
from p2m.stages.train_taught import train_taught
from p2m.types import Distilling, Metric, Student, Task


@dataclass(frozen=True)
class Lessons:
    """What a teacher says, and the steps of a student that learns it."""

    plan: Plan
    spec: ModelSpec
    at: Places
    task: Ref
    parts: Ref
    softened: Ref
    pupils: Mapping[str, Student]

    def train(self, step: str, name: str, inputs: tuple[Ref | None, Ref | None], **settings: Any) -> Ref:
        """As the step `train` with the same settings; `inputs` are winner and proposal."""
        origins = settings.pop("origins") | self._places
        return self.plan.add(
            step, train_taught, self.task, self.parts, self.softened, *inputs, name=name,
            distil=self._distil, origins=origins, **settings,
        )  # fmt: skip

    def fold(self, step: str, name: str, won: Ref | None, **settings: Any) -> Ref:
        """As the step `fold` with the same settings."""
        origins = settings.pop("origins") | self._places
        source = self.spec.distil.source
        return self.plan.add(
            step, fold_taught, self.task, self.parts, self.softened, won, name=name, distil=self._distil,
            teacher=source and source.student, top_k=self.spec.distil.top_k, origins=origins, **settings,
        )  # fmt: skip

    @property
    def _distil(self) -> Distilling:
        return Distilling(self.spec.distil.alpha, self.spec.distil.temperature)

    @property
    def _places(self) -> dict[str, str]:
        return self.at(distil="distil", teacher="distil.from", top_k="distil.top_k")


def lessons(
    plan: Plan, spec: ModelSpec, understood: Task, metric: Metric, at: Places, task: Ref, parts: Ref,
    texts: Ref | None,
) -> Lessons | None:  # fmt: skip
    """What the recipe's teacher says to the training rows and to `texts`; None where it names none."""
    source, pupils = spec.distil.source, taught(spec, understood)
    if source is None or not pupils:
        return None
    training = spec.training
    with plan.group("teacher"):
        if source.student is None:
            assert source.bundle is not None
            place = at.of("distil.from")
            model = plan.source("distil.from", source.bundle / MODEL, origin=place)
            softened = plan.add("soften", soften_bundle, task, parts, texts, model, name=source.name)
            return Lessons(plan, spec, at, task, parts, softened, pupils)
        places = at("training", "seed", student="distil.from", metric="metrics.primary")
        made = plan.add("train-teacher", train, task, parts, None, None, name=source.name,
                        student=source.student, metric=metric, training=training, seed=spec.seed,
                        origins=places)  # fmt: skip
        softened = plan.add("soften", soften, task, parts, texts, made, name=source.name,
                            teacher=source.student, top_k=spec.distil.top_k, training=training,
                            origins=at("training", teacher="distil.from", top_k="distil.top_k"))  # fmt: skip
    return Lessons(plan, spec, at, task, parts, softened, pupils)
