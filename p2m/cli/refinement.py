"""A teacher's reading of a prompt, asked for outside of a build; its answer is kept with those of builds."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.compose import compose
from p2m.engine.handles import Device
from p2m.engine.recording.ledger import opened
from p2m.engine.running.work import RunHandle
from p2m.engine.store import Store
from p2m.errors import UserError
from p2m.noop import default_store
from p2m.refining import Agreed, together
from p2m.table_task import TableTask
from p2m.teachers.asking.asker import Asker
from p2m.teachers.asking.prices import unit_price
from p2m.teachers.chat import ChatTeacher, named
from p2m.teachers.craft.refinement import refine


@dataclass(frozen=True, slots=True)
class Reading:
    """What a teacher that was asked about a prompt leaves for the recipe."""

    agreed: Agreed
    teacher: str  # "anthropic claude-..."
    settings: dict[str, Any]  # of the teacher, that were given
    cost: str  # the cap that was given, as a recipe writes it; "" for none
    is_priced: bool  # whether what the teacher costs is known


def asked(
    prompt: str, name: str, overrides: Sequence[str], recipe: Path, table: TableTask | None = None
) -> Reading:
    """Ask the teacher `name` about a prompt, and put what it says together with what the rules read.

    The answer is kept in the ledger of the project that `recipe` will be in. Where the teacher cannot be
    asked, neither ledger nor store is made.

    Raises:
        UserError: there is no such teacher, it cannot be asked here, or a setting is wrong.
        StageError: it does not describe the prompt.
    """
    words = [f"teacher={name}", *overrides]
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "recipe.yaml"
        draft.write_text("prompt: a draft\n", encoding="utf-8")
        composed = compose(draft, words)
    teacher = composed.spec.teacher.of("answer")
    if not isinstance(teacher, ChatTeacher):
        raise UserError(
            f"--teacher {name}: it cannot read a prompt\n    choose a chat model: --teacher anthropic"
        )
    if problem := teacher.problem():
        raise UserError(f"--teacher {name}: {problem}")
    limits = composed.spec.constraints
    known: dict[str, Any] = {}
    if table is not None:
        known = {"type": table.type.value, "inputs": list(table.inputs), "output": table.output}
        known |= {"labels": list(table.labels)} if table.labels else {}
    with recorded(recipe) as run:
        refined = refine(Asker(teacher, run, limits.caps), prompt, known)
    given = {word.lstrip("+").partition("=")[0].removeprefix("teacher.").split(".")[0] for word in overrides}
    settings = {key: value for key, value in composed.config["teacher"].items() if key in given}
    cost = f"{limits.max_cost:g} USD" if limits.max_cost is not None else ""
    who, is_priced = named(teacher), unit_price(teacher) is not None
    return Reading(together(prompt, refined, table), who, settings, cost, is_priced)


@contextmanager
def recorded(recipe: Path) -> Iterator[RunHandle]:
    """What a step is handed, for a question outside of any build; its answer is kept with those of builds."""
    store = Store(default_store(recipe), make=True)
    ledger = store.root / "ledger"
    with tempfile.TemporaryDirectory() as folder:
        spent: Counter[str] = Counter()

        def tally(name: str, amount: int) -> int:
            spent[name] += amount
            return spent[name]

        yield RunHandle(Path(folder), store.memos, Device(), _quiet, _said, lambda: opened(ledger), tally)


def _quiet(done: int, total: int, note: str) -> None:
    """One request needs no progress."""


def _said(line: str) -> None:
    print(f"    {line}", flush=True)
