"""The variants of a sweep, all of them composed, checked and counted before any job starts.

A sweep's folder is named by its recipe and its overrides, so the same command finds it again; how jobs are
launched is not part of the name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from p2m import noop
from p2m.compose import Span, span
from p2m.engine.explaining.union import PlanUnion, unite
from p2m.errors import Problem, RecipeError, UserError
from p2m.project import Project, load, open_store

_LAUNCHING = ("hydra/launcher=", "hydra.launcher.", "+hydra.launcher.", "++hydra.launcher.")
_LENGTH = 120  # characters of a variant's name, which is a folder's


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant: its name, also that of its folder, its overrides, the digest of all it is made of."""

    name: str
    overrides: tuple[str, ...]
    identity: str


@dataclass(frozen=True)
class Sweep:
    """A sweep that may be built."""

    recipe: Path
    words: tuple[str, ...]
    trust: tuple[str, ...]
    folder: Path
    at_once: int  # jobs side by side
    variants: tuple[Variant, ...] | None  # None where the sweeper decides as it goes
    union: PlanUnion | None  # of the variants, in their order
    read: tuple[noop.Read, ...] = ()  # every file and folder that the variants depend on
    logs: str = ""  # a pattern of the files in which jobs leave what they say, where that is not here


def prepare(
    recipe: Path, words: Sequence[str], *, trust: Sequence[str] = (), outputs: Path | None = None
) -> Sweep:
    """Compose and check every variant; nothing runs.

    Raises:
        RecipeError: with every problem of every variant, each once, with the variants that have it.
    """
    spanned = span(recipe, words, trust=trust)
    base = outputs or noop.project_root(recipe) / "outputs"
    folder = base / (spanned.name or recipe.stem) / "sweeps" / _digest(recipe, words)
    logs = spanned.log_files(folder)
    if spanned.variants is None:
        return Sweep(recipe, tuple(words), tuple(trust), folder, spanned.at_once, None, None, logs=logs)
    projects = _load(recipe, spanned, trust, folder)
    union = unite([project.plan for project in projects], open_store(projects[0]))
    variants = tuple(
        Variant(variant_name(overrides), overrides, identity)
        for overrides, identity in zip(spanned.variants, union.identities, strict=True)
    )
    read = tuple(dict.fromkeys(path for project in projects for path in project.read))
    return Sweep(recipe, tuple(words), tuple(trust), folder, spanned.at_once, variants, union, read, logs)


def variant_name(overrides: Sequence[str]) -> str:
    """`student=minilm,seed=0`; where that is no name of a folder, a cleaned one with a digest."""
    text = ",".join(overrides) or "default"
    clean = re.sub(r"[^\w.,=+-]+", "_", text)[:_LENGTH]
    if clean == text and not clean.startswith("."):
        return clean
    return f"{clean.lstrip('.')}~{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _digest(recipe: Path, words: Sequence[str]) -> str:
    """What names the sweep's folder."""
    own = sorted(word for word in words if not word.startswith(_LAUNCHING))
    return hashlib.sha256(json.dumps([recipe.name, own]).encode()).hexdigest()[:8]


def _load(recipe: Path, spanned: Span, trust: Sequence[str], folder: Path) -> list[Project]:
    assert spanned.variants is not None
    projects: list[Project] = []
    found: dict[Problem, list[str]] = {}
    for overrides in spanned.variants:
        name = variant_name(overrides)
        try:
            projects.append(load(recipe, overrides, trust=trust, target=folder / name))
        except RecipeError as error:
            for problem in error.problems:
                found.setdefault(problem, []).append(name)
    if found:
        count = len(spanned.variants)
        raise RecipeError([_told(problem, names, count) for problem, names in found.items()])
    _refuse_several_stores(projects)
    return projects


def _told(problem: Problem, names: Sequence[str], count: int) -> Problem:
    """The problem with the variants that have it, unless all have."""
    if len(names) == count:
        return problem
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    where = f"in the variant {names[0]}{rest}, of {count}"
    return replace(problem, hint=f"{problem.hint}\n    {where}" if problem.hint else where)


def _refuse_several_stores(projects: Sequence[Project]) -> None:
    places = {project.store for project in projects}
    if len(places) > 1:
        raise UserError(
            "the variants of a sweep share one store, and these name several: "
            f"{', '.join(sorted(str(place) for place in places))}\n    leave store.path out of the sweep"
        )
