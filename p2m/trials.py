"""The trials of a recipe's search, built by themselves, and what won as a change of the recipe."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from p2m.build import make
from p2m.engine.executor import Observer, Result
from p2m.engine.files import disk
from p2m.errors import UserError
from p2m.marked_yaml import show
from p2m.project import Project, load
from p2m.recipe_edit import edited
from p2m.tracking import track_trial
from p2m.tuning.base import OF_STUDENT, left_out
from p2m.types import Split, Trained, Trial, TunedStudent, Winner

MANY = 12  # trials, where neither the recipe nor its user says how many


@dataclass(frozen=True)
class Search:
    """A search that has been made."""

    student: str
    metric: str
    lower_is_better: bool  # of the metric; scores of trials are turned then
    trials: tuple[Trial, ...]  # in the order of their numbers, from 1
    best: int  # number of the one that scored best, the earliest of equals
    left_out: dict[str, str]  # setting of the space that does not apply -> why
    result: Result
    tracked: str = ""  # what became of telling the recipe's tracker; "" where it has none

    @property
    def won(self) -> Trial:
        return self.trials[self.best - 1]

    @property
    def settings(self) -> dict[str, int | float | str]:
        """Config path -> value, of what won; {} where that was the recipe as it is."""
        own = f"student.candidates.{self.student}"
        return {
            f"{own if name in OF_STUDENT else 'training'}.{name}": value
            for name, value in self.won.values.items()
        }


@dataclass(frozen=True)
class Change:
    """What won, as the recipe would have it."""

    recipe: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """Unified; "" where nothing changes."""
        name = show(self.recipe)
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
        )
        return "\n".join(lines)


def opened(recipe: Path, words: Sequence[str], *, trust: Sequence[str] = (), trials: int | None) -> Project:
    """The recipe with so many trials: those asked for, else its own, else `MANY`.

    Raises:
        RecipeError: with every problem found, also of that number.
        UserError: it asks for one.
    """
    project = load(recipe, words, trust=trust)
    own = project.composed.spec.tuning.trials
    if trials is None and own > 1:
        return project
    if trials == 1:
        raise UserError("one trial is the recipe as it is: --trials 2, or more")
    return load(recipe, [*words, f"tuning.trials={MANY if trials is None else trials}"], trust=trust)


def search(project: Project, observer: Observer, *, argv: Sequence[str] = ()) -> Search:
    """Make the trials, as far as they are not made, and nothing that rests on them.

    Raises:
        UserError: there is nothing to search for, or nothing to tell trials apart by.
    """
    steps = [step.name for step in project.plan.steps]
    ends = [name for name in steps if name == "best" or name.startswith("best-")]
    if not ends:
        raise UserError(
            "no student of this recipe is tuned, so there is nothing to search for: student=minilm"
        )
    if project.composed.spec.data.validation is None:  # whether the split sets some aside, only it can tell
        parts = make(project, project.plan.up_to("split"), observer, argv=argv).value("split")
        assert isinstance(parts, Split)
        if not parts.validation:
            raise UserError(
                "no validation rows to tell trials apart by: of so few rows none is set aside\n    name some:"
                " data.validation=FILE; or set a part aside:"
                " split.cross_validate_below=0 split.validation_share=0.2"
            )
    result = make(project, project.plan.up_to("winner", *ends), observer, argv=argv)
    end = next((name for name in ends if _of(result, name).checkpoint is not None), "")
    if not end:
        won = result.value("winner")
        assert isinstance(won, Winner)
        raise UserError(
            f"{won.student} was chosen, which is solved, so there is nothing to search for\n"
            "    search for another student's: student=minilm"
        )
    found = _search(project, result, end)
    return replace(found, tracked=_tracked(project, found, end))


def _tracked(project: Project, found: Search, end: str) -> str:
    """Tell the recipe's tracker of every trial, until it fails; the last it said."""
    if project.composed.spec.tracker is None:
        return ""
    said, before = "", "train" if end == "best" else f"train-{found.student}"
    for number, trial in enumerate(found.trials, start=1):
        fit = _of(found.result, f"{before}-{number}").fit
        group = f"tune-{found.result.run}"
        sign = -1 if found.lower_is_better else 1
        said = track_trial(project, number, trial, fit, metric=found.metric, sign=sign, group=group)
        if said.startswith("!"):
            break
    return said


def _search(project: Project, result: Result, end: str) -> Search:
    spec, trials = project.composed.spec, _of(result, end).fit.trials
    student = result.value("winner").student
    metric = project.plan.step("train-1" if end == "best" else f"train-{student}-1").settings["metric"]
    tuned = spec.student.candidates[student]
    assert isinstance(tuned, TunedStudent)
    return Search(
        student, metric.name, getattr(metric, "lower_is_better", False), trials,
        max(range(len(trials)), key=lambda n: (trials[n].score, -n)) + 1,
        left_out(spec.tuning.space, tuned, spec.training), result,
    )  # fmt: skip


def _of(result: Result, step: str) -> Trained:
    found = result.value(step)
    assert isinstance(found, Trained)
    return found


def change(project: Project, found: Search) -> Change:
    """The recipe with what won, and without a search, so that the next build trains once.

    Raises:
        RecipeError: it is written in a way that cannot be edited.
    """
    recipe = project.recipe
    text = recipe.read_bytes().decode("utf-8-sig")
    values: dict[str, int | float | str] = dict(found.settings)
    if values and load(recipe).composed.spec.tuning.trials > 1:
        values["tuning.trials"] = 1
    return Change(recipe, text, edited(text, recipe, values) if values else text)


def apply(made: Change, found: Search, words: Sequence[str] = (), *, trust: Sequence[str] = ()) -> None:
    """Write the recipe, which then means what the trial that won was trained with; else it stays as it was.

    Raises:
        UserError: it was edited meanwhile, or its groups or overrides outrank what is written there.
    """
    before = made.recipe.read_bytes()
    mark = b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b""
    if before.decode("utf-8-sig") != made.before:
        raise UserError(
            f"{show(made.recipe)}: it was edited while trials ran; the same command shows it anew"
        )
    disk.replace(made.recipe, mark + made.after.encode(), durable=True)
    spec = load(made.recipe, words, trust=trust).composed.spec
    holders = {"training": spec.training, "student": spec.student.candidates.get(found.student)}
    for place, value in found.settings.items():
        section, _, name = place.partition(".")
        if getattr(holders[section], name.rpartition(".")[2], None) != value:
            disk.replace(made.recipe, before, durable=True)
            raise UserError(
                f"{show(made.recipe)} says {place}, but something outranks it: it is left as it was\n"
                "    let `_self_` come last in its defaults, and leave that setting out of the overrides"
            )
