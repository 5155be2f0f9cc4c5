"""What the columns and labels of a card, before any row is read, say of how well it fits a task."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from p2m.answers.labels import fit_labels
from p2m.catalogs.base import SURE, Column, map_columns
from p2m.retrievers.base import EVIDENCE, WEIGHTS
from p2m.types import Candidate, Card, Task

_WIDEST = 40  # columns; of wider tables the first are looked at


def by_format(task: Task, found: Iterable[Candidate]) -> list[Candidate]:
    """The candidates with their format counted into the score, best first."""
    weighed = [_weighed(task, each) for each in found]
    return sorted(weighed, key=lambda each: (-each.score, each.card.name))


def format_features(task: Task, card: Card) -> dict[str, float]:
    """The confidence of the columns that are the task's fields by their names, and the share of the task's
    labels that the card has; each 0 to 1.
    """
    columns = [Column(name, "label" if name in card.label_names else "text") for name in card.columns]
    fit = map_columns(task, columns[:_WIDEST]).confidence if columns else 0.0
    has = {name.casefold() for names in card.label_names.values() for name in names.values()}
    labels = {label.casefold() for label in task.labels}
    return {"fields": fit, "labels": len(labels & has) / len(labels) if labels else 0.0}


def _lacking(task: Task, card: Card) -> str:
    """Why the labels of a card, where it names any, are not the task's; "" where one column has them all."""
    named = [tuple(dict.fromkeys(names.values())) for names in card.label_names.values()]
    fits = [fit_labels(task.labels, names) for names in named if not all(name.isdigit() for name in names)]
    if not task.labels or not fits or any(each.fits for each in fits):
        return ""
    return f"{fits[0].reason}: left out unless retriever.transform maps them"


def _weighed(task: Task, candidate: Candidate) -> Candidate:
    features = format_features(task, candidate.card)
    weights = WEIGHTS[candidate.card.kind]
    factor = math.exp(sum(weights.get(name, 0.0) * value for name, value in features.items()))
    said = ["its columns are called like the task's fields"] if features["fields"] >= SURE else []
    said += [f"has {features['labels']:.0%} of the task's labels"] if features["labels"] else []
    said += [lacking] if (lacking := _lacking(task, candidate.card)) else []
    score, likely = round(candidate.score * factor, 6), candidate.probability
    if likely is not None:
        odds = likely / (1 - likely) * factor ** EVIDENCE[candidate.card.kind]["logit"]
        likely = round(odds / (1 + odds), 6)
        said.append(f"fits with a probability of {likely:.1%}")
    return replace(candidate, score=score, probability=likely, reasons=(*candidate.reasons, *said))
