"""From a recipe to a desk: which rows people are asked about, and what they are ranked by.

Of `teacher: people` these are the texts of `data.inputs`; of other recipes the rows that curation would get,
as far as they are made. Rows of the service that somebody must answer (`p2m feedback`) come before those.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from p2m import noop
from p2m.compiler import compile_plan, quick_student
from p2m.compose.values import asked_beside, decisions_beside
from p2m.curation.decisions import Key
from p2m.deploy.base import open_encoder
from p2m.engine.executor import Inline, execute
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import RecipeError, UserError, command
from p2m.project import Understood, load, understand
from p2m.questions import made
from p2m.review.desk import Desk, Item, Ranker
from p2m.review.overlay import Overlay
from p2m.review.ranking import Doubt, First, Learning, QuickStudent, doubts
from p2m.spec import FAMILIES, build_component
from p2m.stages.collect import collect
from p2m.stages.encoder import encoder
from p2m.stages.quick import text_of
from p2m.stages.read import read
from p2m.students.base import LinearStudent, label_words, labels_of
from p2m.types import Encoder, Examples, Files, Task, TaskType

ASKED = "judged wrong in service, or the model was unsure"
UNANSWERED = "data.decisions"  # the path of the problem that nobody has answered yet
_MOST = 20_000  # rows that are looked at, drawn evenly
_CHUNK = 320  # texts embedded between two lines of progress
_DEFAULT = {"target": "p2m.students.linear_minilm.LinearMiniLM"}  # where no student reads embeddings

Say = Callable[[str], None]


@dataclass
class Opening:
    """A desk with the folder that it works in, which goes when it is closed."""

    desk: Desk
    encode: Callable[[Sequence[str]], Any]  # texts to vectors of unit length, as those of the rows are made
    held: ExitStack

    def close(self) -> None:
        self.held.close()


def open_desk(
    recipe: Path, overrides: Sequence[str], say: Say, *, trust: Sequence[str] = (), turn: int = 1
) -> Opening:
    """The desk of a recipe.

    Raises:
        RecipeError: the recipe cannot work, for another reason than that nobody has answered.
        UserError: there is no row to be asked about.
    """
    read_ = understand(recipe, overrides, trust=trust)
    if problems := [each for each in read_.problems if each.path != UNANSWERED]:
        raise RecipeError(problems)
    spec, task = read_.composed.spec, read_.task
    teacher = spec.teacher.of("generate")
    is_asked = getattr(teacher, "asks_people", False)
    asked = of_service(recipe, task)
    items = _texts(read_, asked) if is_asked else _rows(recipe, overrides, trust, say, asked)
    if task.type is TaskType.CLASSIFICATION and not task.labels:
        task = replace(task, labels=tuple(sorted({item.was for item in items if item.was})))
    items = [*asked, *items[:: -(-len(items) // _MOST) or 1]]
    overlay = Overlay(spec.data.decisions or decisions_beside(recipe))
    held = ExitStack()
    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="p2m-review-")))
    try:
        quick = _quick(read_)
        encode = _encode(read_, quick, recipe)
        vectors = _embedded(task, items, encode, say)
        student = None
        if task.type is TaskType.CLASSIFICATION:
            words = label_words(labels_of(task, ()))
            student = QuickStudent(task, quick, encode(words) if words else None, folder)
        ranker: Ranker
        if is_asked:
            ranker = Learning(task, vectors, student, spec.seed)
        else:
            ranker = Doubt(doubts(task, items, vectors, student, seed=spec.seed))
        if asked:
            ranker = First(frozenset(item.key for item in asked), ASKED, ranker)
        size = getattr(teacher, "round", 20)
        return Opening(Desk(task, items, overlay, ranker, turn, size), encode, held)
    except BaseException:
        held.close()
        raise


def of_service(recipe: Path, task: Task) -> list[Item]:
    """Rows of the service that somebody must answer; what was answered is wrong or unsure, so not shown."""
    path = asked_beside(recipe)
    rows = collect(task, Files(path)).rows if path.is_file() else ()
    return [Item(row.input, source=ASKED) for row in rows]


def _texts(read_: Understood, asked: Sequence[Item]) -> list[Item]:
    """The user's texts, but those that the service asks about."""
    paths, group = read_.composed.spec.data.inputs, read_.composed.spec.data.group
    if not paths:
        raise UserError("there are no texts for people to answer\n    name them: data.inputs=FILE")
    known = {item.key for item in asked}
    items = [Item(row.input) for row in collect(read_.task, *map(Files, paths), group=group).rows]
    return [item for item in items if item.key not in known]


def _rows(
    recipe: Path, overrides: Sequence[str], trust: Sequence[str], say: Say, asked: Sequence[Item]
) -> list[Item]:
    """The rows that curation would get; those of a step that was not built are missing, which is said."""
    project = load(recipe, overrides, trust=trust)
    build = command("build", recipe, *overrides)
    found: dict[Key, Item] = {}
    for edge in project.plan.step("curate").inputs:
        if edge.step is None or edge.parameter not in ("generated", "retrieved", "train"):
            continue
        rows = made(project, edge.step)
        data = project.composed.spec.data
        if rows is None and edge.parameter == "train" and data.train:
            rows = read(project.task, *map(Files, data.train), role="train", group=data.group)
        if not isinstance(rows, Examples):
            say(f"the rows of {edge.step} are not made yet, and are not shown: {build}")
            continue
        for row in rows.rows:
            item = Item(row.input, row.output, row.votes, row.source or edge.parameter)
            found.setdefault(item.key, item)
    if not found and not asked:
        raise UserError(f"there are no rows to be looked at yet\n    next: {build}")
    for item in asked:
        found.pop(item.key, None)
    return list(found.values())


def reader(read_: Understood, recipe: Path) -> Callable[[Sequence[str]], Any]:
    """The frozen encoder that a review of the recipe looks at rows by: texts to vectors of unit length.

    Raises:
        UserError: its weights are not here.
    """
    return _encode(read_, _quick(read_), recipe)


def _quick(read_: Understood) -> LinearStudent:
    """What learns from answers between rounds: the recipe's own linear student that reads embeddings."""
    quick = quick_student(read_.composed.spec, read_.task)
    if quick is None or quick.encoder is None or not quick.encoder.is_pooled:
        quick = build_component(_DEFAULT, FAMILIES["student"])
    assert isinstance(quick, LinearStudent)
    return quick


def _encode(read_: Understood, student: LinearStudent, recipe: Path) -> Callable[[Sequence[str]], Any]:
    found = _encoder(read_, student, recipe)
    threads = read_.composed.spec.device.threads
    model = open_encoder(found.folder, threads=threads, max_length=found.window)
    return partial(model.encode, batch_size=32)


def _embedded(
    task: Task, items: Sequence[Item], encode: Callable[[Sequence[str]], Any], say: Say
) -> dict[Key, Any]:
    texts = [text_of(task, item.input) for item in items]
    vectors: list[Any] = []
    for start in range(0, len(texts), _CHUNK):
        vectors.extend(encode(texts[start : start + _CHUNK]))
        if len(texts) > _CHUNK:
            say(f"{len(vectors):,} of {len(texts):,} rows embedded")
    return {item.key: vector for item, vector in zip(items, vectors, strict=True)}


def _encoder(read_: Understood, student: LinearStudent, recipe: Path) -> Encoder:
    """The encoder of the recipe's build, made and kept as that does."""
    composed = read_.composed
    spec = composed.spec
    whole = compile_plan(spec, read_.task, composed.origins, shown=read_.shown)
    settings = next((dict(step.settings) for step in whole.steps if step.name == "encoder"), None)
    if settings is None or settings["base"] != student.encoder:
        settings = {"base": student.encoder, "compressor": None}
    plan = Plan(f"{spec.name}.review")
    plan.add("encoder", encoder, **settings)
    store = Store(Path(spec.store.path or noop.default_store(recipe)))
    value = execute(plan, store, spec.device, executor=Inline()).value("encoder")
    assert isinstance(value, Encoder)
    return value
