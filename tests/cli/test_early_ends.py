"""Before a build has begun, and code that is the user's own: what the quick path and an interrupt see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from shouting import write_project

from p2m.project import load

EARLY = """
import signal, sys
signal.signal(signal.SIGALRM, signal.default_int_handler)
from p2m.cli.main import main
signal.setitimer(signal.ITIMER_REAL, 0.01)
sys.exit(main(["plan", "shout.yaml"]))
"""

STUDENT = '''
from dataclasses import dataclass

from p2m.students.linear_tfidf import LinearTfidf


@dataclass(frozen=True)
class Mine(LinearTfidf):
    """A student of the user's own."""
'''


def take_mine(recipe: Path) -> None:
    line = "student: {candidates: {linear_tfidf: null, mine: {target: my_students.Mine}}}"
    recipe.write_text(f"{recipe.read_text()}{line}\n")


def test_an_interrupt_while_modules_are_loaded_is_no_traceback(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-c", EARLY], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_the_code_of_trusted_packages_is_among_what_a_build_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an edit of it would be answered by the last build's words."""
    project = write_project(tmp_path / "project")
    (project / "my_students.py").write_text("import my_helper\n" + STUDENT)
    (project / "my_helper.py").write_text("RATE = 1\n")
    take_mine(project / "shout.yaml")
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    read = load(Path("shout.yaml"), trust=["my_students"]).read
    assert {project / "my_students.py", project / "my_helper.py"} <= set(read)


def test_the_console_script_finds_trusted_code_in_the_working_directory(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    (project / "my_students.py").write_text(STUDENT)
    take_mine(project / "shout.yaml")
    script = [sys.executable, "-P", "-c", "import sys; from p2m.cli.main import main; sys.exit(main())"]
    for words, code in ((["--trust", "my_students"], 0), ([], 2)):
        done = subprocess.run(
            [*script, "check", "shout.yaml", *words], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
