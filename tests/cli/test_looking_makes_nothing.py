"""A verb that only looks makes no file and no folder, wherever it is called and whatever may be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from shouting import write_project

from p2m.cli import arguments, verbs
from p2m.errors import P2MError

LOOKING = (
    "check RECIPE",
    "check --schema",
    "plan RECIPE",
    "plan RECIPE -m seed=1,2",
    "why RECIPE",
    "why RECIPE train seed=1",
    "why RECIPE --not parse",
    "diff RECIPE RECIPE seed=1",
    "diff last~1 last",
    "graph RECIPE",
    "show RECIPE",
    "show RECIPE train",
    "log",
    "log RECIPE",
    "log last",
    "lock RECIPE --check",
    "ledger",
    "ledger list",
    "ledger check",
    "ledger export RECIPE --output nowhere.gz",
    "ledger erase --matching x",
    "keep --list",
    "verify",
    "verify RECIPE",
    "gc",
    "doctor",
    "catalog show",
    "completion bash",
    "predict outputs/shout x",
    "serve outputs/shout",
    "eval outputs/shout rows.csv",
    "compare outputs/shout outputs/shout rows.csv",
)


def test_every_verb_that_only_looks_is_listed() -> None:
    assert {line.split()[0] for line in LOOKING} == {*verbs.names()} - {
        "build",
        "demo",
        "init",
        "review",
        "tune",
    }


def files_in(*folders: Path) -> list[str]:
    return sorted(str(path) for folder in folders for path in folder.rglob("*"))


@contextmanager
def shut(folder: Path) -> Iterator[None]:
    """Where rights count, which they do not for root, nothing can be made there."""
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("line", LOOKING)
def test_it_makes_nothing(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write_project(tmp_path / "project")
    os.rmdir(project / "outputs")
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("P2M_STORE", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    before = files_in(project, here, home)
    typed = [str(project / "shout.yaml") if word == "RECIPE" else word for word in line.split()]
    with shut(here), shut(project), shut(home), suppress(P2MError):
        verbs.verb(typed[0]).run(parsed(typed), typed)
    assert files_in(project, here, home) == before


def parsed(typed: list[str]) -> object:
    return arguments.parse(typed)
