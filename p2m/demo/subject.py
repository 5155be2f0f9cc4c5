"""A bundle that is tried: its task, its model, and what it says to one row."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from p2m.deploy.serving.asking import asked
from p2m.deploy.serving.command import CHECKSUMS, check_sums, told_score
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import BundleError
from p2m.errors import UserError
from p2m.types import Task

MANIFEST = "manifest.json"
_MOST = 6  # labels that are shown with their share


@dataclass(frozen=True, slots=True)
class Said:
    """What a bundle said to one row."""

    row: dict[str, str]
    answer: Answer
    seconds: float  # that the answer took
    shares: dict[str, float]  # label -> its probability by the model, the likeliest first; {} of others
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Subject:
    """An open bundle."""

    name: str
    version: str  # name@digest, as feedback calls it
    task: Task
    model: Predictor
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def shape(self) -> str:
        """label, labels, number, spans (one too), record or text."""
        settings = self.model.settings
        if settings.shape == "text" and settings.kind in ("span", "tags", "tagger", "slots"):
            return "spans"
        if settings.shape == "text" and settings.labels:
            return "label"
        return settings.shape

    @property
    def sure(self) -> str:
        """What its scores are."""
        return told_score(self.model.settings)

    def ask(self, row: Mapping[str, str]) -> Said:
        """Raises InputError where the row has nothing to answer."""
        given = asked(row, self.model.settings.fields)
        with self._lock:
            started = time.perf_counter()
            answer = self.model.predict([given])[0]
            seconds = time.perf_counter() - started
            return Said(given, answer, seconds, self._shares(given, answer))

    def _shares(self, row: Mapping[str, str], answer: Answer) -> dict[str, float]:
        import numpy as np

        settings = self.model.settings
        if self.shape not in ("label", "labels"):
            return {}
        if settings.kind not in ("classification", "linear"):
            return {answer.output: answer.score} if self.shape == "label" else {}
        logits = np.asarray(self.model.logits([row])[0], dtype=np.float64)
        if self.shape == "labels":
            values = np.exp(-np.logaddexp(0.0, -logits))
        else:
            values = np.exp(logits - logits.max())
            values /= values.sum()
        order = np.argsort(-values)[:_MOST]
        found = {settings.labels[place]: float(values[place]) for place in order}
        is_other = self.shape == "label" and answer.output not in found  # none of the labels fits
        return {answer.output: answer.score, **found} if is_other else found


def open_subject(folder: Path, *, precision: float | None = None) -> Subject:
    """Open a bundle, after a look at its checksums.

    Raises:
        UserError: it is none, or damaged, or does not know what gives that precision.
    """
    from pydantic import TypeAdapter, ValidationError

    from p2m.deploy.serving.rows import InputError

    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        task = TypeAdapter(Task).validate_python(manifest["task"])
        wrong = check_sums(folder)
        digest = hashlib.sha256((folder / CHECKSUMS).read_bytes()).hexdigest()
        model = Predictor(folder / "model", precision=precision)
    except InputError as error:
        raise UserError(f"{folder}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, ValidationError, BundleError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{folder}: no bundle that can be opened ({reason}); build it again") from None
    if wrong:
        raise UserError(f"{folder}: damaged: {'; '.join(wrong[:3])}; build it again")
    name = str(manifest.get("name") or folder.resolve().name)
    return Subject(name, f"{name}@{digest[:12]}", task, model)


def together(subjects: tuple[Subject, ...]) -> None:
    """Bundles on one page have the same fields.

    Raises:
        UserError: these have not.
    """
    first, *others = subjects
    for other in others:
        if set(other.model.settings.fields) != set(first.model.settings.fields):
            names = [", ".join(each.model.settings.fields) for each in (first, other)]
            raise UserError(
                f"{first.name} reads {names[0]}, and {other.name} reads {names[1]}: one page asks both alike"
            )
