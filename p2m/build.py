"""Build a project: look up or run every step, hold to the lock, put the bundle into place.

built = p2m.build.build(project, observer)  # Built(verdict, folder, result)
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from p2m.delivery import check_writable, deliver, note_origin
from p2m.engine.executor import Inline, Local, Means, Observer, Result, execute
from p2m.engine.handles import Network
from p2m.engine.journal import Invocation
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import UserError
from p2m.lock import Policy, Watch, hold, seal, update_lock, watch
from p2m.marked_yaml import show
from p2m.noop import project_root
from p2m.project import Project, changing, open_store, subject
from p2m.questions import same_rows
from p2m.revisions import is_committed, revision_of
from p2m.spec import ExecutorWords
from p2m.tracking import track_build
from p2m.types import Bundle, Verdict
from p2m.version import __version__


@dataclass(frozen=True)
class Built:
    """A finished build."""

    verdict: Verdict
    folder: Path  # where the bundle landed
    result: Result
    note: str = ""  # what became of the lock, where there is something to say
    sent: int = 0  # results that the shared store got
    is_pending: bool = False  # whether something is still to be sent there, by the next build
    tracked: str = ""  # what became of telling the recipe's tracker; "" where it has none
    spent: str = ""  # requests that an object store got, and what they cost; "" for none


def build(
    project: Project, observer: Observer, *, argv: Sequence[str] = (), policy: Policy | None = None,
    group: str = "",
) -> Built:  # fmt: skip
    """Build the project and put its bundle in place; `argv`, what was typed, is noted in the journal.

    `group` is the sweep that it is a variant of, for trackers.

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
            executor=means(spec.executor), invocation=typed,
            network=None if policy.mode == "frozen" else Network(spec.constraints.network),
        )  # fmt: skip
        done = {outcome.step: (outcome.key, outcome.output) for outcome in result.outcomes}
        hold(watched, done)
        with store.leased(result.run):  # what is copied into place stays until it is there
            bundle = result.value("package")
            assert isinstance(bundle, Bundle)
            folder = deliver(bundle.folder, project.target, ship=bundle.verdict.ship, held=project.held)
            note = update_lock(watched, done, stands=folder == project.target)
            note_origin(folder, _origin(project, watched, stands=folder == project.target))
    frozen = policy.mode == "frozen"
    tracked = track_build(project, result, bundle.verdict, folder, group=group, frozen=frozen)
    sent, pending = store.sent, store.is_pending
    return Built(bundle.verdict, folder, result, note, sent, pending, tracked, store.spent)


def make(project: Project, plan: Plan, observer: Observer, *, argv: Sequence[str] = ()) -> Result:
    """Run a part of the project's plan, such as its trials; there is no bundle, and the lock stays as it is.

    Raises:
        UserError: wrong data.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    typed = Invocation(show(project.recipe), project.composed.overrides, tuple(argv))
    spec = project.composed.spec
    with _exchanging(open_store(project, to_build=True), observer) as store:
        return execute(
            plan, store, spec.device, observer, executor=means(spec.executor), invocation=typed,
            network=Network(spec.constraints.network),
        )  # fmt: skip


def _watched(project: Project, store: Store, policy: Policy) -> Watch:
    """The lock before a build; a variant has none."""
    if project.is_variant and policy.holds:
        raise UserError(
            f"--{policy.mode} builds the recipe as committed, without overrides\n"
            "    leave the overrides out, or write them into the recipe and build it once without the option"
        )
    skipped = Policy("skip") if project.is_variant else policy
    return watch(subject(project), store, skipped, partial(same_rows, project))


def _origin(project: Project, watched: Watch, *, stands: bool) -> dict[str, object]:
    """What somebody needs who is to build this bundle again: which recipe, at which revisions, by which lock.

    None of it is an input of a step, so that a commit makes nothing anew.
    """
    recipe, package = project.recipe.resolve(), Path(__file__).parent
    own = revision_of((path for path in project.read if isinstance(path, Path)), recipe.parent)
    code = revision_of([package], package) if is_committed(package / "build.py") else None
    root = project_root(recipe)
    return {
        "recipe": os.path.relpath(recipe, root),
        "overrides": changing(project.composed.overrides),
        "lock": (seal(watched.path) if stands and watched.now else "") or None,
        "revision": asdict(own) if own else None,
        "p2m": {"version": __version__, "revision": asdict(code) if code else None},
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def means(words: ExecutorWords) -> Means:
    """What runs the steps, as the recipe says it."""
    if words.name == "inline":
        return Inline()
    if words.name == "local":
        return Local(words.workers, words.memory, words.gpus)
    if find_spec("ray") is None:
        raise UserError("executor=ray needs Ray, which is not installed\n    pip install 'p2m[ray]'")
    from p2m.engine.running.cluster import Ray  # threads and queues, which other builds do without

    return Ray(
        words.address, words.machines, words.workers, words.memory, words.gpus, asking=words.asking
    )  # fmt: skip


@contextmanager
def _exchanging(store: Store, observer: Observer) -> Iterator[Store]:
    """Tell the observer of the shared store; send it what was made, also by a build that fails later on."""

    def say(line: str) -> None:
        observer.said("shared store", line.removeprefix("shared store").lstrip(": "))

    store.heed(say)
    try:
        yield store
    except Exception:
        store.flush(say)
        raise
    store.flush(say)
