"""Open a recipe: read, checked, its task understood, compiled into a plan, with the places it builds into.

project = p2m.project.load(Path("recipes/qa.yaml"), ["training=fast"])
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from p2m import noop
from p2m.compiler import compile_plan
from p2m.compose import Composed, compose
from p2m.delivery import LAST, MANIFEST, standing
from p2m.engine.code.closure import component_code
from p2m.engine.code.components import components_in
from p2m.engine.executor import stored
from p2m.engine.plan import Plan
from p2m.engine.storage.shared_address import URL_VARIABLE, SharedAddress, chosen_address, lacking, redacted
from p2m.engine.storage.signing import TRUST_VARIABLE, with_keys
from p2m.engine.store import Store
from p2m.errors import Problem, RecipeError, UserError
from p2m.lock import Subject
from p2m.marked_yaml import read_marked, show
from p2m.parsing import parse_prompt
from p2m.spec import ModelSpec, feasibility
from p2m.spec.distilling import MODEL
from p2m.stages.read import shown_by, without
from p2m.types import Bundle, Files, Shown, Task


@dataclass(frozen=True)
class Project:
    """A recipe that was read, checked and compiled, with the places that a build of it writes to."""

    recipe: Path
    composed: Composed
    task: Task
    plan: Plan
    store: Path
    target: Path  # where the bundle will land
    shared: SharedAddress | None = None  # the store that machines share, where there is one
    held: Path | None = None  # the bundle that the model must not be worse than
    is_variant: bool = False  # built with overrides, or into a place of its own, so that it has no lock
    read: tuple[noop.Read, ...] = field(default=())  # every file and folder that the answer depends on


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
    composed = _instructed(compose(recipe, overrides, trust=trust), recipe)
    task, own = _task(composed.spec), composed.spec.data.train
    files, group = [Files(path) for path in own or ()], composed.spec.data.group
    shown = shown_by(task, files, group) if own else None
    if shown and composed.spec.task.type:
        shown = replace(shown, type=None, why="", labels=(), none=None, layout=None, scale=None, record=())
    task = _task(composed.spec, shown) if shown else task
    found = feasibility(composed.spec, task)
    if group and (said := without(files, group)):
        found.append(("data.group", f"there is no column {group!r}: {said}", "name a column of every file"))
    problems = (Problem(message, path, composed.place(path), hint) for path, message, hint in found)
    return Understood(composed, task, shown, tuple(problems))


def _instructed(composed: Composed, recipe: Path) -> Composed:
    """The same, where a recipe is to teach with the place of the bundle that a build of it delivers."""
    source = composed.spec.distil.source
    if source is None or source.recipe is None:
        return composed
    at, written = "distil.from", read_marked(source.recipe).value
    if not isinstance(written, Mapping):
        message = f"{show(source.recipe)} is no recipe: keys such as `prompt:` are expected"
        raise RecipeError([Problem(message, at, composed.place(at), "name a recipe, or a bundle's folder")])
    if source.recipe.resolve() == recipe.resolve():
        message = "a recipe cannot learn from the bundle that it makes"
        raise RecipeError([Problem(message, at, composed.place(at), "name another recipe, or a student")])
    name = written.get("name") or source.recipe.stem
    bundle = noop.project_root(source.recipe) / "outputs" / str(name)
    distil = composed.spec.distil.model_copy(update={"source": replace(source, bundle=bundle)})
    return replace(composed, spec=composed.spec.model_copy(update={"distil": distil}))


def glimpse(refused: RecipeError) -> Task | None:
    """The task of a recipe that was refused, where its prompt can be read all the same."""
    words = ("name", "prompt", "examples", "task", "student")  # without a student there is no spec
    try:
        return _task(ModelSpec.model_validate({key: refused.config.get(key) for key in words}))
    except (RecipeError, ValueError):
        return None


def _task(spec: ModelSpec, shown: Shown | None = None) -> Task:
    return parse_prompt(spec.prompt, spec.examples, shown=shown, **dict(spec.task))


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
    problems = (*read.problems, *_unseen(read.composed))
    if problems:
        raise RecipeError(problems)
    composed, task = read.composed, read.task
    spec = composed.spec
    base = (outputs or noop.project_root(recipe) / "outputs") / spec.name
    store = spec.store.path or noop.default_store(recipe)
    data = spec.data
    own = (*(data.train or ()), *(data.validation or ()), *(data.test or ()))
    tests = (getattr(each, "tests", "") for each in spec.metric.values())
    texts = (
        *(each for each in (data.texts, data.decisions) if each),
        *(Path(each) for each in tests if each),
    )
    rests: tuple[noop.Read, ...] = (*composed.files, *composed.looked, *own, *texts, *spec.retriever.sources)
    if teacher := spec.distil.source:
        model = teacher.bundle / MODEL if teacher.bundle else None
        rests = (*rests, *(each for each in (teacher.recipe, model) if each))
    shared = _shared(composed)
    plan, held = _plan(read, base, Path(store), shared)
    rests = (
        *rests,
        *_stood(spec, base),
        *map(noop.Entries, composed.listed),
        *_places(trust),
        *_reached(plan, trust),
    )
    where = target or target_of(base, overrides)
    variant = bool(changing(overrides)) or target is not None
    return Project(recipe, composed, task, plan, Path(store), where, shared, held, variant, rests)


def _plan(
    read: Understood, base: Path, store: Path, shared: SharedAddress | None
) -> tuple[Plan, Path | None]:
    """The plan, and the bundle that its model is held against.

    That is the one which stands, or, where this very plan has made that one, the one that it was held against
    itself: so a build that has nothing to do has nothing to do, and no model is held against itself.
    """
    composed, wanted = read.composed, read.composed.spec.metrics.no_worse_than

    def against(last: Path | None) -> Plan:
        manifest = last / MANIFEST if last else None
        return compile_plan(composed.spec, read.task, composed.origins, shown=read.shown, last=manifest)

    if wanted is None:
        return against(None), None
    if isinstance(wanted, Path) and wanted.resolve() != base.resolve():
        if reason := _unlike(wanted, read.task):
            path, hint = "metrics.no_worse_than", "name the folder of such a bundle, or write last"
            raise RecipeError([Problem(reason, path, composed.place(path), hint)])
        return against(wanted), None
    stands = standing(base)
    if stands is None:
        return against(None), None
    before = base / LAST if (base / LAST).is_dir() else None
    plan = against(before)
    made = stored(plan, Store(store, shared, make=False), "package")
    if isinstance(made, Bundle) and _is_same(made.folder, stands):
        return plan, before
    return against(stands), stands


def _unlike(bundle: Path, task: Task) -> str:
    """Why a model of the task cannot be held against the bundle; "" where it can."""
    try:
        told = json.loads((bundle / MANIFEST).read_text("utf-8"))["task"]
        kind, inputs = str(told["type"]), [str(each["name"]) for each in told["inputs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{show(bundle)} holds no bundle"
    own = [each.name for each in task.inputs]
    if (kind, inputs) != (task.type.value, own):
        wanted = f"{task.type.value} of {', '.join(own)}"
        return f"{show(bundle)} is a bundle for {kind} of {', '.join(inputs)}; one for {wanted} is expected"
    return ""


def _is_same(one: Path, other: Path) -> bool:
    """Whether two bundles are the same, by what their manifests say of every file."""
    return (one / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()


def _stood(spec: ModelSpec, base: Path) -> Iterator[Path]:
    """What tells which bundle a model is held against."""
    wanted = spec.metrics.no_worse_than
    if wanted is not None:
        yield from (
            folder / MANIFEST for folder in ((base, base / LAST) if wanted == LAST else (Path(wanted),))
        )


def _unseen(composed: Composed) -> Iterator[Problem]:
    """A problem where no key would see an edit of the file that the runtime ships."""
    runtime = composed.spec.runtime
    file, module = runtime.serving, type(runtime).__module__
    if file.resolve() not in {Path(seen).resolve() for seen in component_code(runtime).files}:
        message = f"{module} ships {file}, an edit of which would rebuild nothing"
        hint = f"keep that file in a folder beside {module} that is no package, or import it there"
        yield Problem(message, "runtime.target", composed.place("runtime.target"), hint)


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


def _shared(composed: Composed) -> SharedAddress | None:
    """The shared store that the recipe or the environment names.

    Raises:
        RecipeError, UserError: it cannot work on this machine.
    """
    written = composed.spec.store.shared
    place = SharedAddress(**dict(written)) if written else None
    try:
        chosen = chosen_address(place, os.environ)
    except ValueError as error:
        raise UserError(str(error)) from None
    if chosen is None:
        return None
    if problem := lacking(chosen):
        if os.environ.get(URL_VARIABLE, "").strip():
            raise UserError(f"{URL_VARIABLE}: {problem}")
        raise RecipeError([Problem(problem, "store.shared.url", composed.place("store.shared.url"))])
    try:
        return with_keys(chosen, os.environ)
    except ValueError as error:
        if os.environ.get(TRUST_VARIABLE, "").strip() or place is None:
            raise UserError(f"{redacted(chosen.url)}: {error}") from None
        at = "store.shared.trust"
        raise RecipeError([Problem(str(error), at, composed.place(at))]) from None


def changing(overrides: Sequence[str]) -> list[str]:
    """The overrides, sorted, without those that say where it runs, where results lie, and who is told."""
    return sorted(each for each in overrides if not re.match(r"\+{0,2}(executor|store|tracker)[.=]", each))


def target_of(base: Path, overrides: Sequence[str]) -> Path:
    """Where a bundle lands: the recipe as committed owns `base`; overrides build beside it."""
    changed = changing(overrides)
    if not changed:
        return base
    digest = hashlib.sha256(json.dumps(changed).encode()).hexdigest()[:8]
    return base / "variants" / digest
