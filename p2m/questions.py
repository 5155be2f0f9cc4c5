"""What can be asked of a project: what a build would do and why, what was made, what a saved plan says.

Nothing runs, and nothing but a saved plan is written.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from p2m.engine.executor import stored
from p2m.engine.explaining import explain
from p2m.engine.explaining.explain import Survey
from p2m.engine.journal import find_run
from p2m.engine.running.work import load_artifact
from p2m.engine.store import DamagedError
from p2m.errors import UserError, nearest
from p2m.lock import Difference, Lock
from p2m.project import Project, load, open_store
from p2m.row_changes import SAME_ROWS
from p2m.saved_plan import check, read_plan


def survey(project: Project, against: str | None = None) -> Survey:
    """The plan beside what the last builds of it left, or the run `against`.

    Raises:
        UserError: there is no such run, or a source is missing.
    """
    store = open_store(project)
    run = find_run(store, against, project.plan.name) if against else None
    return Survey(project.plan, store, run, overrides=project.composed.overrides)


def reach(project: Project, trust: Sequence[str] = ()) -> dict[str, tuple[str, ...] | None]:
    """For each override the steps whose keys it changes by itself, found by leaving it out; None where the
    recipe is the same without it."""
    overrides = project.composed.overrides
    found: dict[str, tuple[str, ...] | None] = {}
    for number, text in enumerate(overrides):
        rest = [*overrides[:number], *overrides[number + 1 :]]
        without = load(project.recipe, rest, trust=trust)
        same = without.composed.config == project.composed.config
        found[text] = None if same else explain.apart(without.plan, project.plan)
    return found


def load_plan(path: Path, *, trust: Sequence[str] = ()) -> Project:
    """The project of a saved plan, if a build of it would do exactly what the plan says.

    A plan may be a stranger's, so the packages that it wants trusted must be named again.

    Raises:
        UserError: it is no plan, is damaged, or is stale, with every difference; or it wants more trust.
    """
    saved = read_plan(path)
    words = saved.words
    missing = [name for name in words.trust if name not in trust]
    if missing:
        flags = " ".join(f"--trust {shlex.quote(name)}" for name in words.trust)
        raise UserError(
            f"{path} runs code of {', '.join(missing)}, which a plan cannot allow by itself\n"
            f"    if you trust that code: p2m build --plan {shlex.quote(str(path))} {flags}"
        )
    outputs = Path(words.outputs) if words.outputs else None
    project = load(Path(words.recipe), words.overrides, trust=words.trust, outputs=outputs)
    composed = project.composed
    check(saved, survey(project), composed.config, composed.origins)
    return project


def check_step(project: Project, step: str) -> None:
    """Raises UserError where the plan has no such step; of a group it names the steps."""
    names = [known.name for known in project.plan.steps]
    members = [known.name for known in project.plan.steps if known.group == step]
    if members:
        raise UserError(f"{step!r} is a group of steps, not one of them: {', '.join(members)}")
    if step not in names:
        raise UserError(f"no step {step!r} in this plan: {nearest(step, names)}")


def outputs(project: Project, run: str | None = None) -> dict[str, str]:
    """Step -> digest of what it made, for the recipe as it is now or in that run.

    Raises:
        UserError: there is no such run, or a source is missing.
    """
    if run is None:
        return {told.step: told.output for told in survey(project).previews if told.output}
    record = find_run(open_store(project), run, project.plan.name)
    return {name: step.output for name, step in record.steps.items() if step.output}


def made(project: Project, step: str, found: Mapping[str, str] | None = None) -> Any | None:
    """What `step` made for the recipe as it is now, or as `outputs` found it; None where there is nothing."""
    known, store = project.plan.step(step), open_store(project)
    if found is None or known.is_source:
        return stored(project.plan, store, step)
    try:
        return load_artifact(step, known.output, found[step], store) if step in found else None
    except DamagedError:
        return None


def same_rows(project: Project, lock: Lock, found: Sequence[Difference]) -> tuple[str, ...]:
    """The data files that were written anew with the rows that the lock's build read, where that is all that
    differs; () else, and where the store does not know those rows."""
    from p2m.comparison import changed_rows

    names = tuple(sorted({one.name.partition(" ")[0] for one in found}))
    if {one.group for one in found} != {"inputs"} or not lock.inputs.keys() >= set(names):
        return ()
    looked = survey(project)
    rows = changed_rows(project.plan, project.task, looked)
    same = all(
        rows.get(name) == (SAME_ROWS,) and looked.last[name].output == lock.inputs[name].digest
        for name in names
    )
    return names if same else ()
