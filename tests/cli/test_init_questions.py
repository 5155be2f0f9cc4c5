"""`p2m init` on a terminal, where it asks; and elsewhere, where it does not."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

import p2m
from p2m.cli import arguments
from p2m.cli.verbs import init
from p2m.compose import compose
from p2m.errors import UserError

ROOT = Path(p2m.__file__).parent.parent
PATIENCE = 120  # seconds
ROWS = "message,team\n" + "".join(
    f"My {thing} {n} is late,delivery\nRefund {n} please,billing\n"
    for n in range(20)
    for thing in ("box", "cup")
)


class Asking:
    """`p2m init` on a terminal."""

    def __init__(self, folder: Path) -> None:
        self.child, self.handle = pty.fork()
        self.seen = ""
        if self.child == 0:
            os.chdir(folder)
            environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "dumb"}
            os.execvpe(sys.executable, [sys.executable, "-m", "p2m", "init"], environment)

    def answer(self, question: str, text: str) -> None:
        self.until(question)
        self.seen = ""
        os.write(self.handle, text.encode())

    def until(self, wanted: str) -> None:
        while wanted not in self.seen:
            assert select.select([self.handle], [], [], PATIENCE)[0], self.seen
            more = self._read()
            assert more, self.seen
            self.seen += more

    def ended(self) -> int:
        """Its exit code; what it printed is in `seen`."""
        while more := self._read():
            self.seen += more
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def _read(self) -> str:
        try:
            return os.read(self.handle, 65536).decode()
        except OSError:  # the other side is closed
            return ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outputs").mkdir()
    return tmp_path


def test_questions_are_asked_until_their_answers_are_right(folder: Path) -> None:
    (folder / "rows.csv").write_text(ROWS)
    asking = Asking(folder)
    asking.answer("What should the model do?", "\n")
    asking.answer("such as: ", "promt.txt\n")
    asking.answer("promt.txt: there is no such file", "Say which team answers a message.\n")
    asking.answer("Your rows", "row.csv\n")
    asking.answer("row.csv: there is no such file", "rows.csv\n")
    asking.answer("reads the task too", "antropic\n")
    asking.answer("did you mean 'anthropic'?", "\n")
    asking.answer("called [say-which-team-answers-a-message]", "a/b\n")
    asking.answer("a name is no path", "desk\n")
    assert asking.ended() == 0, asking.seen
    assert "p2m init 'Say which team answers a message.' --data rows.csv --name desk" in asking.seen
    spec = compose(folder / "recipes" / "desk.yaml", []).spec
    assert (spec.name, spec.prompt.strip()) == ("desk", "Say which team answers a message.")
    assert [path.name for path in spec.data.train] == ["rows.csv"]


@pytest.mark.parametrize("end", ["\x03", "\x04"])
def test_whoever_ends_it_leaves_nothing(folder: Path, end: str) -> None:
    asking = Asking(folder)
    asking.answer("What should the model do?", "Say which team answers.\n")
    asking.answer("Your rows", "\n")
    asking.until("by your key) [none]: ")
    time.sleep(0.3)  # what comes between the question and the reading of its answer is not heard
    os.write(asking.handle, end.encode())
    assert asking.ended() == 130
    assert "nothing was written" in asking.seen
    assert sorted(path.name for path in folder.rglob("*")) == ["outputs"]


def test_without_a_terminal_nothing_is_asked(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "p2m", "init"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "the prompt is empty" in done.stderr


@pytest.mark.parametrize("prompt", ["promt.txt", "rows.CSV", "no/prompt.md", "recipe.yaml"])
def test_the_name_of_a_file_is_no_prompt(folder: Path, prompt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=r"name of a file, and no prompt\n.*--from FILE"):
        init.run(arguments.parse(["init", prompt]), [])
    assert not (folder / "recipes").exists()
