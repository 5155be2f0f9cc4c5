"""Real sessions, compared to the letter.

    P2M_WRITE_TRANSCRIPTS=1 pytest tests/cli/test_transcripts.py

rewrites the files in transcripts/ (see `sessions`); read the difference before it is committed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from sessions import FOLDER, Player, Session, normal, read_session, same_output
from shouting import write_project

NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))
LONG = ("diff", "lock", "saved-plan")  # sessions with several builds of their own


class Stage:
    """Plays each session once; sessions that start where another ended get a copy of its project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[str, tuple[Session, Session]] = {}

    def played(self, name: str) -> tuple[Session, Session]:
        """The session as written, and as it went now."""
        if name not in self.done:
            wanted = read_session(FOLDER / f"{name}.txt")
            project = self.folder / name / "project"
            if wanted.start:
                self.played(wanted.start)
                shutil.copytree(self.folder / wanted.start / "project", project)
            else:
                write_project(project)
            player = Player(project)
            blocks = tuple((command, player.play(command)) for command, _ in wanted.blocks)
            self.done[name] = wanted, Session(name, wanted.heading, wanted.start, blocks)
        return self.done[name]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("sessions"))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in NAMES]
)
def test_the_session_goes_as_written(stage: Stage, name: str) -> None:
    wanted, played = stage.played(name)
    assert "Traceback" not in played.text, played.text
    same = [
        same_output(command, output, now)
        for (command, output), (_, now) in zip(wanted.blocks, played.blocks, strict=True)
    ]
    if os.environ.get("P2M_WRITE_TRANSCRIPTS") and not all(same):
        (FOLDER / f"{name}.txt").write_text(played.text, encoding="utf-8")
        return
    for equal, (command, output), (_, now) in zip(same, wanted.blocks, played.blocks, strict=True):
        assert equal or (command, now.splitlines()) == (command, output.splitlines())


def test_there_are_sessions() -> None:
    assert len(NAMES) >= 2


def test_what_differs_from_run_to_run_is_made_equal() -> None:
    runs: dict[str, str] = {}
    text = "20270101-000000-123456-abcdef took 12 s, 20270101-000000-123456-abcdef: 1.2 kB\n"
    run = "20260101-000000-000000-000001"
    assert normal(text, Path("/x"), runs) == f"{run} took 1.0 s, {run}: 1.0 MB\n"
    columns = "  + train     run        9.8 s  why\n  + train     run        112 s  why\n"
    first, second = normal(columns, Path("/x"), {}).splitlines()
    assert first == second
