"""A recipe folder for tests: its own `student` group, and `compose` with the tests' package trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from p2m.compose import Composed, compose
from p2m.errors import Problem, RecipeError

DEFAULTS = """\
defaults:
  - base
  - override teacher: none
  - override retriever: none
  - override student: tiny
  - override compression: none
  - _self_
"""
TRUST = ("strangers",)


def write(folder: Path, text: str, name: str = "small.yaml", *, defaults: str = DEFAULTS) -> Path:
    """A recipe file with `text` after its defaults, and the group it chooses its student in."""
    group = folder / "student"
    group.mkdir(parents=True, exist_ok=True)
    (group / "tiny.yaml").write_text("candidates:\n  tiny: {target: strangers.Tiny, layers: 3}\n")
    path = folder / name
    path.write_text(defaults + text, encoding="utf-8")
    return path


def read(path: Path, *overrides: str) -> Composed:
    return compose(path, overrides, trust=TRUST)


def problems(path: Path, *overrides: str, trust: Sequence[str] = TRUST) -> list[Problem]:
    """What is wrong with a recipe that is refused."""
    with pytest.raises(RecipeError) as caught:
        compose(path, overrides, trust=trust)
    assert caught.value.exit_code == 2
    return list(caught.value.problems)


def problem(path: Path, *overrides: str, trust: Sequence[str] = TRUST) -> Problem:
    """The one thing that is wrong."""
    found = problems(path, *overrides, trust=trust)
    assert len(found) == 1, [str(one) for one in found]
    return found[0]
