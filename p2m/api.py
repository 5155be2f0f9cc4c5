"""The Python API, which `import p2m` offers: nothing of it is loaded before it is asked for.

recipe = p2m.load("recipes/qa.yaml", ["training=fast"])
print(recipe.plan())                                   # what a build would do
print(recipe.why("train"))                             # and why
built = recipe.build()                                 # with progress in a terminal or a notebook
model = p2m.open_bundle(built.folder)
model.predict([{"question": "Who left?", "context": "Ada left at noon."}])
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from p2m.build import Built
from p2m.engine.explaining.explain import Reason
from p2m.engine.explaining.survey import StepPreview
from p2m.errors import UserError, nearest
from p2m.lock import Policy
from p2m.project import Project
from p2m.spec import ModelSpec
from p2m.types import Task

Answer = Any  # of a bundle: `output`, a text, and `score`, 0 to 1

__all__ = ["Answer", "Built", "Model", "Recipe", "Steps", "Why", "load", "open_bundle"]


@dataclass(frozen=True)
class Steps:
    """What a build would do, step by step, in order; as text what `p2m plan` prints."""

    previews: tuple[StepPreview, ...]
    groups: Mapping[str, str]  # step -> the group that it is shown in

    def __iter__(self) -> Iterator[StepPreview]:
        return iter(self.previews)

    def __len__(self) -> int:
        return len(self.previews)

    def __getitem__(self, step: str) -> StepPreview:
        known = {each.step: each for each in self.previews}
        if step not in known:
            raise KeyError(f"no step {step!r} in this plan: {nearest(step, known)}")
        return known[step]

    def __str__(self) -> str:
        from p2m.cli.plan_views import plan_text

        return plan_text(self.previews, self.groups)


@dataclass(frozen=True)
class Why:
    """What makes a step run, or that nothing does; as text what `p2m why` prints."""

    reason: Reason

    def __str__(self) -> str:
        from p2m.cli.plan_views import why_text

        return why_text(self.reason, {})


@dataclass(frozen=True)
class Recipe:
    """A recipe that was read, checked and understood."""

    _project: Project

    @property
    def spec(self) -> ModelSpec:
        """Its settings, every default included."""
        return self._project.composed.spec

    @property
    def task(self) -> Task:
        """What its prompt was understood to ask for."""
        return self._project.task

    def plan(self) -> Steps:
        """What a build would do; nothing runs."""
        from p2m.questions import survey

        groups = {step.name: step.group for step in self._project.plan.steps if step.group}
        return Steps(survey(self._project).previews, groups)

    def why(self, step: str) -> Why:
        """The differences that make `step` run again, down to the setting, file or module that changed.

        Raises:
            UserError: the plan has no such step.
        """
        from p2m.engine.explaining import explain
        from p2m.questions import check_step, survey

        check_step(self._project, step)
        return Why(explain.why(survey(self._project), step))

    def build(self, *, progress: bool = True, locked: bool = False) -> Built:
        """Build the bundle, or find nothing to do: `verdict`, `folder`, and the `result` of every step.

        A verdict that is not SHIP raises nothing: look at `built.verdict.ship`. `progress` goes to standard
        error, or below the cell of a notebook; `locked` refuses whatever differs from the recipe's lock.

        Raises:
            P2MError: wrong data, a step that failed, or a lock that does not hold; with what to do.
        """
        from p2m.build import build
        from p2m.cli.progress import Progress
        from p2m.engine.observer import Silent

        watched = Progress() if progress else nullcontext(Silent())
        with watched as observer:
            return build(self._project, observer, policy=Policy("locked" if locked else "write"))


def load(
    recipe: str | Path, overrides: str | Sequence[str] | Mapping[str, Any] = (), *,
    trust: str | Sequence[str] = (),
) -> Recipe:  # fmt: skip
    """Read and check a recipe; nothing runs.

    `overrides` are Hydra's (`["training=fast", "seed=3"]`), or settings by path (`{"training.epochs": 2}`).
    Components may come from the packages that `trust` names, whose code is then run.

    Raises:
        RecipeError: with every problem found, each with its place.
    """
    from p2m import project

    if isinstance(overrides, Mapping):
        overrides = [f"{path}={_written(value)}" for path, value in overrides.items()]
    return Recipe(project.load(Path(recipe), _each(overrides), trust=_each(trust)))


def _each(words: str | Sequence[str]) -> tuple[str, ...]:
    """One word or several."""
    return (words,) if isinstance(words, str) else tuple(words)


def _written(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, str):
        # A backslash stands for itself there, but before a quote.
        doubled = re.sub(r"(\\+)('|$)", r"\1\1\2", value)
        return "'" + doubled.replace("'", "\\'") + "'"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_written(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Model:
    """An open bundle."""

    folder: Path
    manifest: Mapping[str, Any]  # manifest.json: task, verdict, metrics, figures, files
    precision: float | None = None  # for which unsure answers are marked; None: as the recipe says

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the fields that a row has."""
        return tuple(each["name"] for each in self.manifest["task"]["inputs"])

    def predict(self, rows: Sequence[Mapping[str, str] | str], *, batch_size: int = 32) -> list[Answer]:
        """Answers in the order of the rows, each with `output`, `score` and `abstain`.

        A text is the row's only field.

        Raises:
            UserError: a row that lacks a field, or has one that is no text; one row that stands in no list.
        """
        from p2m.deploy.serving.asking import asked
        from p2m.deploy.serving.rows import InputError

        if isinstance(rows, (str, Mapping)):
            raise UserError("predict takes a list of rows, not a row: write predict([row])")
        try:
            given = [asked(self._named(row), self.inputs) for row in rows]
        except InputError as error:
            raise UserError(str(error)) from error
        found: list[Answer] = self._predictor.predict(given, batch_size=batch_size)
        return found

    def _named(self, row: Mapping[str, str] | str) -> Any:
        return {self.inputs[0]: row} if isinstance(row, str) and len(self.inputs) == 1 else row

    @cached_property
    def _predictor(self) -> Any:
        from p2m.deploy.base import Predictor
        from p2m.deploy.serving.rows import InputError
        from p2m.deploy.serving.settings import BundleError

        try:
            return Predictor(self.folder / "model", precision=self.precision)
        except (BundleError, InputError) as error:
            raise UserError(str(error)) from error


def open_bundle(folder: str | Path, *, precision: float | None = None) -> Model:
    """Open a bundle that a build made, after a look at its checksums.

    With a `precision` such as 0.95, answers that are less sure than it takes are marked (`answer.abstain`).

    Raises:
        UserError: there is no bundle, or it is damaged.
    """
    import json

    from p2m.delivery import MANIFEST
    from p2m.deploy.serving.command import check_sums
    from p2m.deploy.serving.settings import BundleError

    place = Path(folder).absolute()  # for later, when the process may be elsewhere
    if not (place / MANIFEST).is_file():
        raise UserError(f"{place}: no bundle here; p2m build RECIPE makes one in outputs/")
    try:
        wrong = check_sums(place)
    except BundleError as error:
        wrong = [str(error)]
    if wrong:
        raise UserError(f"{place}: damaged: {'; '.join(wrong[:3])}\n    build it again: p2m build RECIPE")
    return Model(place, json.loads((place / MANIFEST).read_text(encoding="utf-8")), precision)
