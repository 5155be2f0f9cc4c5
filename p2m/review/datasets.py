"""Found datasets with some of their rows, for people to take or refuse: curation drops what they refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.compose.values import decisions_beside
from p2m.curation.base import shown
from p2m.curation.decisions import Entry, datasets
from p2m.deploy.serving.feedback import now
from p2m.engine.executor import Inline, execute
from p2m.engine.handles import Network
from p2m.errors import UserError
from p2m.project import Project, open_store
from p2m.review.overlay import Overlay
from p2m.sizes import show_size
from p2m.types import Candidate, Candidates, Example, Examples

_SAMPLES = 5  # rows of a dataset that are shown


@dataclass(frozen=True, slots=True)
class Offer:
    """A dataset that the search found."""

    name: str
    about: str  # licence, size
    lines: tuple[str, ...]  # reasons and rows
    refusal: str = ""  # why a build does not use it; "" where it does

    def decision(self, *, use: bool) -> Entry:
        return Entry(now(), dataset=self.name, use=use)


def asked_about(project: Project) -> tuple[Overlay, dict[str, bool]]:
    """Where decisions go, and what was decided about datasets so far."""
    path = project.composed.spec.data.decisions or decisions_beside(project.composed.recipe)
    overlay = Overlay(Path(path))
    return overlay, datasets(overlay.entries())


def offered(project: Project) -> list[Offer]:
    """Every dataset that a build would consider, searched and read as it does, the best first.

    Raises:
        UserError: the recipe names no catalogue.
    """
    steps = {step.name: step for step in project.plan.steps if step.stage is not None}
    reads = [name for name in steps if name.partition("-")[0] == "select"]
    searches = [
        need for name in reads for need in steps[name].needs
        if need in steps and steps[need].output is Candidates
    ]  # fmt: skip
    if not searches:
        raise UserError(
            f"{project.recipe}: it names no catalogue, so there are no datasets to be asked about\n"
            "    name one: retriever.sources=[FOLDER]"
        )
    spec = project.composed.spec
    store = open_store(project, to_build=True)
    part = project.plan.up_to(*searches, *reads)
    network = Network(spec.constraints.network)
    made = execute(part, store, spec.device, executor=Inline(), network=network)
    found: dict[str, Candidate] = {}
    for search in searches:
        value = made.value(search)
        if isinstance(value, Candidates):
            found |= {each.card.name: each for each in value.found if each.card.name not in found}
    rows: dict[str, list[Example]] = {}
    for read in reads:
        value = made.value(read)
        for row in value.rows if isinstance(value, Examples) else ():
            rows.setdefault(row.source.rpartition(":")[0], []).append(row)
    return [_offer(each, _spread(rows.get(name, []))) for name, each in found.items()]


def _spread(rows: Sequence[Example]) -> list[str]:
    """A few rows from all over the dataset: files are often sorted by their labels."""
    places = sorted({number * len(rows) // _SAMPLES for number in range(_SAMPLES)}) if rows else []
    return [shown(rows[place]) for place in places]


def _offer(found: Candidate, samples: list[str]) -> Offer:
    card = found.card
    size = "size unknown" if card.size_bytes is None else show_size(card.size_bytes)
    about = f"{card.license or 'no licence given'}, {size}"
    return Offer(card.name, about, (*found.reasons, *(f"| {line}" for line in samples)), found.refusal)
