"""Compose, compile, execute, deliver: what the command line and the Python API both call.

project = p2m.build.load(Path("recipes/qa.yaml"), ["training=fast"])
p2m.build.preview(project)                 # what would run, and why
built = p2m.build.build(project, observer) # Built(verdict, folder, result)
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from p2m import noop
from p2m.compiler import compile_plan
from p2m.compose import Composed, compose
from p2m.delivery import check_writable, deliver
from p2m.engine.code.closure import component_code
from p2m.engine.code.components import components_in
from p2m.engine.executor import Inline, Local, Means, Observer, Result, execute, stored
from p2m.engine.explaining import explain, graphs
from p2m.engine.explaining.explain import Cause, Reason, Reuse, StepPreview, Survey
from p2m.engine.journal import Invocation, find_run
from p2m.engine.plan import Plan
from p2m.engine.running.work import load_artifact
from p2m.engine.storage.shared_address import SharedPlace, chosen_place, lacking
from p2m.engine.store import DamagedError, Store
from p2m.errors import Problem, RecipeError, UserError, nearest
from p2m.lock import Difference, Lock, Policy, Subject, Watch, hold, settle, watch
from p2m.marked_yaml import show
from p2m.parsing import parse_prompt
from p2m.row_changes import SAME_ROWS
from p2m.saved_plan import Words, check, read_plan, write_plan
from p2m.spec import ExecutorWords, ModelSpec, feasibility
from p2m.stages.read import shown_by
from p2m.types import Bundle, Files, Shown, Task, Verdict


@dataclass(frozen=True)
class Project:
    """A recipe that was read, checked and compiled, with the places that a build of it writes to."""

    recipe: Path
    composed: Composed
    task: Task
    plan: Plan
    store: Path
    target: Path  # where the bundle will land
    shared: SharedPlace | None = None  # the store that machines share, where there is one
    is_variant: bool = False  # built with overrides, or into a place of its own, so that it has no lock
    read: tuple[noop.Read, ...] = field(default=())  # every file and folder that the answer depends on


@dataclass(frozen=True)
class Built:
    """A finished build."""

    verdict: Verdict
    folder: Path  # where the bundle landed
    result: Result
    note: str = ""  # what became of the lock, where there is something to say
    sent: int = 0  # results that the shared store got
    is_pending: bool = False  # whether something is still to be sent there, by the next build


@dataclass(frozen=True)
class Understood:
    """A recipe that was read: its task, and why no build of it can succeed."""

    composed: Composed
    task: Task
    shown: Shown | None  # what its own rows say of the task
    problems: tuple[Problem, ...]  # constraints, metrics and components that cannot work with this task


def understand(recipe: Path, overrides: Sequence[str] = (), *, trust: Sequence[str] = ()) -> Understood:
    """Read a recipe and its task, by the same rules as the parse step.

    Raises:
        RecipeError: with every problem that keeps it from being read.
    """
    composed = compose(recipe, overrides, trust=trust)
    task, own = _task(composed.spec), composed.spec.data.train
    shown = shown_by(task, [Files(path) for path in own]) if own else None
    if shown and composed.spec.task.type:
        shown = Shown(None, languages=shown.languages)
    task = _task(composed.spec, shown) if shown else task
    found = feasibility(composed.spec, task)
    problems = (Problem(message, path, composed.place(path), hint) for path, message, hint in found)
    return Understood(composed, task, shown, tuple(problems))


def glimpse(refused: RecipeError) -> Task | None:
    """The task of a recipe that was refused, where its prompt can be read all the same."""
    words = ("name", "prompt", "examples", "task", "student")  # without a student there is no spec
    try:
        return _task(ModelSpec.model_validate({key: refused.config.get(key) for key in words}))
    except (RecipeError, ValueError):
        return None


def _task(spec: ModelSpec, shown: Shown | None = None) -> Task:
    wanted = spec.task
    return parse_prompt(
        spec.prompt, spec.examples, type=wanted.type, inputs=wanted.inputs, output=wanted.output,
        labels=wanted.labels, language=wanted.language, shown=shown,
    )  # fmt: skip


def load(
    recipe: Path, overrides: Sequence[str] = (), *, trust: Sequence[str] = (), outputs: Path | None = None,
    target: Path | None = None,
) -> Project:  # fmt: skip
    """Read, check and compile a recipe; nothing runs.

    Raises:
        RecipeError: with every problem found, each with its place.
    """
    return compiled(understand(recipe, overrides, trust=trust), recipe, overrides, trust, outputs, target)


def compiled(
    read: Understood, recipe: Path, overrides: Sequence[str], trust: Sequence[str],
    outputs: Path | None = None, target: Path | None = None,
) -> Project:  # fmt: skip
    """The project of a recipe that was read.

    Raises:
        RecipeError: no build of it can succeed.
    """
    if read.problems:
        raise RecipeError(read.problems)
    composed, task = read.composed, read.task
    spec = composed.spec
    base = (outputs or noop.project_root(recipe) / "outputs") / spec.name
    store = spec.store.path or noop.default_store(recipe)
    data = spec.data
    own = (*(data.train or ()), *(data.validation or ()), *(data.test or ()))
    texts = (data.texts,) if data.texts else ()
    rests = (*composed.files, *composed.looked, *own, *texts, *spec.retriever.sources)
    plan = compile_plan(spec, task, composed.origins, shown=read.shown)
    rests = (*rests, *map(noop.Entries, composed.listed), *_places(trust), *_reached(plan, trust))
    where = target or _target(base, overrides)
    variant = bool(overrides) or target is not None
    return Project(recipe, composed, task, plan, Path(store), where, _shared(composed), variant, rests)


def _places(packages: Sequence[str]) -> Iterator[Path]:
    """Where the code of those packages lies, as far as any of it was loaded."""
    for name in packages:
        module = sys.modules.get(name.split(".", 1)[0])
        yield from (Path(place) for place in getattr(module, "__path__", ()))
        file = getattr(module, "__file__", None)
        if file and not hasattr(module, "__path__"):
            yield Path(file)


def _reached(plan: Plan, packages: Sequence[str]) -> Iterator[Path]:
    """Every file that components of those packages reach by import, such as helpers beside a module."""
    tops = {name.split(".", 1)[0] for name in packages}
    for step in plan.steps:
        for component in components_in(dict(step.settings)):
            if type(component).__module__.split(".", 1)[0] in tops:
                yield from (Path(place) for place in component_code(component).files)


def open_store(project: Project, *, to_build: bool = False) -> Store:
    """The project's store, with the shared one where there is one, which is asked only for what is not here.

    Only a build makes it where it is absent; whoever looks finds it empty then.

    What is wrong with the shared one is said on standard error, unless whoever builds listens (`Store.heed`).
    """
    store = Store(project.store, project.shared, make=to_build)
    store.heed(lambda line: print(f"    {line}", file=sys.stderr, flush=True))
    return store


def subject(project: Project) -> Subject:
    """What a lock of this project is about."""
    return Subject(project.recipe, project.composed.spec, project.plan, project.composed.place)


def preview(project: Project) -> tuple[StepPreview, ...]:
    """What a build would do, step by step; nothing runs and nothing is written."""
    return survey(project).previews


def survey(project: Project, against: str | None = None) -> Survey:
    """The plan beside what the last builds of it left, or the run `against`.

    Raises:
        UserError: there is no such run, or a source is missing.
    """
    store = open_store(project)
    run = find_run(store, against, project.plan.name) if against else None
    return Survey(project.plan, store, run, overrides=project.composed.overrides)


def why(project: Project, step: str, against: str | None = None) -> Reason:
    """The exact differences that make `step` run again, down to the setting, file or module that changed.

    Raises:
        UserError: the plan has no such step.
    """
    check_step(project, step)
    return explain.why(survey(project, against), step)


def causes(project: Project, against: str | None = None) -> tuple[Cause, ...]:
    """Everything that makes steps run, each once, with the steps that it reaches."""
    return explain.causes(survey(project, against))


def why_not(project: Project, step: str) -> Reuse | None:
    """What the reuse of `step` rests on; None where it would run.

    Raises:
        UserError: the plan has no such step.
    """
    check_step(project, step)
    return explain.why_not(survey(project), step)


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


def save_plan(project: Project, found: Survey, path: Path, words: Words) -> None:
    """Write what a build would do now to a file that `load_plan` takes."""
    write_plan(path, words, found, project.composed.config)


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
    """Raises UserError where the plan has no such step."""
    names = [known.name for known in project.plan.steps]
    if step not in names:
        raise UserError(f"no step {step!r} in this plan: {nearest(step, names)}")


def outputs(project: Project, run: str | None = None) -> dict[str, str]:
    """Step -> digest of what it made, for the recipe as it is now or in that run.

    Raises:
        UserError: there is no such run, or a source is missing.
    """
    if run is None:
        return {told.step: told.output for told in preview(project) if told.output}
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


def graph(project: Project, fmt: str = "text", *, run: str | None = None) -> str:
    """The steps and their edges, coloured by what a build would do, or by what a run did.

    `fmt` is one of `graphs.FORMATS`.

    Raises:
        UserError: there is no such run.
    """
    if run is None:
        return graphs.draw(graphs.of_plan(project.plan, preview(project)), fmt)
    store = open_store(project)
    return graphs.draw(graphs.of_run(find_run(store, run, project.plan.name), project.plan, store), fmt)


def build(
    project: Project, observer: Observer, *, argv: Sequence[str] = (), policy: Policy | None = None
) -> Built:
    """Build the project and put its bundle in place; `argv`, what was typed, is noted in the journal.

    Raises:
        UserError: the outputs cannot be written, found out before anything runs; or wrong data.
        LockDrift: the build must hold to its lock (`policy`), and what is there or was made differs.
        LockError: there is a lock that must not be overwritten.
    """
    check_writable(project.target)
    # Threads that spin while they wait make a training on a busy machine several times slower; libgomp reads
    # this once, when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    typed = Invocation(show(project.recipe), project.composed.overrides, tuple(argv))
    spec = project.composed.spec
    policy = policy or Policy()
    with _exchanging(open_store(project, to_build=True), observer) as store:
        watched = _watched(project, store, policy)
        result = execute(
            project.plan, store, spec.device, observer,
            executor=means(spec.executor), network=spec.constraints.network and policy.mode != "frozen",
            invocation=typed,
        )  # fmt: skip
        done = {outcome.step: (outcome.key, outcome.output) for outcome in result.outcomes}
        hold(watched, done)
        with store.leased(result.run):  # what is copied into place stays until it is there
            bundle = result.value("package")
            assert isinstance(bundle, Bundle)
            folder = deliver(bundle.folder, project.target, ship=bundle.verdict.ship)
            note = settle(watched, done, stands=folder == project.target)
    return Built(bundle.verdict, folder, result, note, store.sent, store.is_pending)


def _watched(project: Project, store: Store, policy: Policy) -> Watch:
    """The lock before a build; a variant has none."""
    if project.is_variant and policy.holds:
        raise UserError(
            f"--{policy.mode} builds the recipe as committed, without overrides\n"
            "    leave the overrides out, or write them into the recipe and build it once without the option"
        )
    skipped = Policy("skip") if project.is_variant else policy
    return watch(subject(project), store, skipped, partial(same_rows, project))


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


def means(words: ExecutorWords) -> Means:
    """What runs the steps, as the recipe says it."""
    return Inline() if words.name == "inline" else Local(words.workers, words.memory, words.gpus)


@contextmanager
def _exchanging(store: Store, observer: Observer) -> Iterator[Store]:
    """Tell the observer of the shared store; send it what was made, also by a build that fails later on."""

    def say(line: str) -> None:
        observer.said("shared store", line)

    store.heed(say)
    try:
        yield store
    except Exception:
        store.settle(say)
        raise
    store.settle(say)


def _shared(composed: Composed) -> SharedPlace | None:
    """The shared store that the recipe or the environment names.

    Raises:
        RecipeError, UserError: it cannot work on this machine.
    """
    written = composed.spec.store.shared
    place = SharedPlace(written.url, written.mode, written.timeout) if written else None
    try:
        chosen = chosen_place(place, os.environ)
    except ValueError as error:
        raise UserError(str(error)) from None
    problem = lacking(chosen) if chosen else ""
    if problem and chosen == place:
        raise RecipeError([Problem(problem, "store.shared.url", composed.place("store.shared.url"))])
    if problem:
        raise UserError(f"P2M_SHARED_STORE: {problem}")
    return chosen


def _target(base: Path, overrides: Sequence[str]) -> Path:
    """The recipe as committed owns `outputs/<name>`; overrides build beside it."""
    if not overrides:
        return base
    digest = hashlib.sha256(json.dumps(sorted(overrides)).encode()).hexdigest()[:8]
    return base / "variants" / digest
