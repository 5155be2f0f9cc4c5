"""From a recipe and its logs to what they say: a proposal for the next build, and whether service changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from p2m import noop
from p2m.compiler import quick_student
from p2m.compose.values import asked_beside, decisions_beside, feedback_beside
from p2m.delivery import ORIGIN
from p2m.engine.store import Store
from p2m.errors import RecipeError, UserError, command
from p2m.feedback.drift import Drift, Encode, by_encoder, by_words, drift, find_made
from p2m.feedback.judged import Judged, judged
from p2m.feedback.log import Read, read_logs
from p2m.feedback.proposal import Proposal, proposed
from p2m.project import Understood, target_of, understand
from p2m.review.opening import UNANSWERED, reader
from p2m.stages.quick import text_of
from p2m.teachers.chat import ChatTeacher

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """What logs say, for the recipe as it is now."""

    name: str
    logs: tuple[Path, ...]
    read: Read
    judged: tuple[Judged, ...]
    proposal: Proposal
    drift: Drift | None
    drift_note: str = ""  # why there is none
    is_held: bool = False  # whether the recipe refuses a worse model
    overrides: tuple[str, ...] = ()  # of the bundle that was asked, for the next build
    has_chat_teacher: bool = False


def look(
    recipe: Path, logs: Sequence[Path], overrides: Sequence[str], say: Say, *, trust: Sequence[str] = (),
    since: str = "", corrected_only: bool = False, unsure: int = 0, with_drift: bool = True,
) -> Found:  # fmt: skip
    """What the logs, by default the one beside the recipe, say; only an encoder is written, into the store.

    Raises:
        RecipeError: the recipe cannot work, for another reason than that nobody has answered.
        UserError: there is no log, or one cannot be read.
    """
    read_ = understand(recipe, overrides, trust=trust)
    if problems := [each for each in read_.problems if each.path != UNANSWERED]:
        raise RecipeError(problems)
    spec, task = read_.composed.spec, read_.task
    paths = tuple(logs) or _beside(recipe)
    read = read_logs(task, paths, since)
    said = tuple(judged(read.lines))
    made = proposed(
        said, read.lines, spec.data.decisions or decisions_beside(recipe), asked_beside(recipe),
        corrected_only=corrected_only, unsure=unsure,
    )  # fmt: skip
    bundle, words = _served(noop.project_root(recipe) / "outputs" / spec.name, overrides, read)
    again = command("build", recipe, *words, *(f"--trust={name}" for name in trust))
    seen, note = _drift(read_, bundle, again, recipe, read, say) if with_drift else (None, "")
    return Found(
        spec.name, paths, read, said, made, seen, note, spec.metrics.no_worse_than is not None, words,
        isinstance(spec.teacher.of("answer"), ChatTeacher),
    )  # fmt: skip


def _served(base: Path, overrides: Sequence[str], read: Read) -> tuple[Path, tuple[str, ...]]:
    """The bundle that was asked, and the overrides that it was built with: those that were typed or, where
    none were, those of the bundle that gave the last answer, if it lies below `base`.
    """
    last = read.lines[-1].bundle.rpartition("@")[2] if read.lines else ""
    for place in sorted(base.glob(f"**/{ORIGIN}")) if last and not overrides else ():
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads(place.read_text(encoding="utf-8"))
            if told["bundle"] == last:
                return place.parent, tuple(map(str, told["overrides"]))
    return target_of(base, overrides), tuple(overrides)


def _beside(recipe: Path) -> tuple[Path, ...]:
    path = feedback_beside(recipe)
    if not path.is_file():
        raise UserError(
            f"there is no log: {path} does not exist\n    name one: {command('feedback', recipe, 'LOG')},"
            " or have the service write it there: p2m serve BUNDLE --record FILE"
        )
    return (path,)


def _drift(
    read_: Understood, bundle: Path, again: str, recipe: Path, read: Read, say: Say
) -> tuple[Drift | None, str]:
    """Service beside the build of the bundle, or why it cannot be and what to type."""
    spec, task = read_.composed.spec, read_.task
    if not read.lines:
        return None, "the logs have no lines to compare"
    if not bundle.is_dir():
        return None, f"no bundle stands in {bundle}; next: {again}"
    store = Store(Path(spec.store.path or noop.default_store(recipe)), make=False)
    made = find_made(store, spec.name, bundle)
    if made is None:
        return None, (
            f"the store does not have the rows that {bundle} learnt from, which was built elsewhere or whose"
            f" steps were collected; next: {again}"
        )
    near = spec.curation.near_duplicate
    return drift(task, read.lines, made, _encode(read_, recipe, say), near=near), ""


def _encode(read_: Understood, recipe: Path, say: Say) -> Encode:
    """By the encoder that the recipe's linear students read, by words where they read none."""
    student = quick_student(read_.composed.spec, read_.task)
    if student is None or student.encoder is None:
        return by_words
    return by_encoder(partial(reader, read_, recipe), partial(text_of, read_.task), say)
