"""What a build will fetch from a Hub, before anything is: of each dataset how much, and under which licence.

The shortlist is made as the build makes it; where it rests on steps that have not run, that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from p2m.engine.explaining.survey import Survey
from p2m.engine.plan import Step
from p2m.errors import P2MError
from p2m.stages.load import load
from p2m.stages.shortlist import shortlist
from p2m.types import Candidates, Files, Task


@dataclass(frozen=True, slots=True)
class Download:
    """A dataset that a step will fetch rows of."""

    step: str
    name: str
    license: str  # as the catalogue has it; "" where that is silent
    size: int | None  # bytes of the whole dataset; None where the catalogue does not say
    most: int  # bytes that are fetched at most
    revision: str  # "": its head when it is first loaded


def downloads(task: Task, found: Survey) -> tuple[Download, ...] | None:
    """All that will be fetched; None where that is known only once earlier steps have run."""
    told: list[Download] = []
    for step in found.plan.steps:
        if step.stage is not load or found.found[step.name].status == "cached":
            continue
        candidates = _shortlisted(task, found, step)
        if candidates is None:
            return None
        told += [
            Download(
                step.name,
                card.name,
                card.license,
                card.size_bytes,
                step.settings["max_download"],
                card.revision,
            )
            for card in (candidate.card for candidate in candidates.usable)
            if not card.folder
        ]
    return tuple(told)


def _shortlisted(task: Task, found: Survey, step: Step) -> Candidates | None:
    """What `load` will be handed: out of the store, else made now where all that it rests on is there."""
    inputs = {edge.parameter: edge.step for edge in step.inputs}
    before = found.plan.step(str(inputs["ranked"]))
    kept = found.made(before.name, Candidates)
    if kept is not None:
        return kept
    given: dict[str, Any] = {edge.parameter: edge.step for edge in before.inputs}
    source = found.plan.step(given["catalogue"])
    ranked = found.made(given["ranked"], Candidates) if given["ranked"] else None
    if before.stage is not shortlist or source.path is None or (given["ranked"] and ranked is None):
        return None
    try:
        return shortlist(task, Files(source.path), ranked, **before.settings)
    except P2MError:
        return None  # which the build will say
