"""The Tab key: what is offered where, and real shells that are typed into."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import p2m
from p2m.cli import verbs
from p2m.cli.completing import completions
from p2m.cli.verbs.completion import SCRIPTS, split

ROOT = Path(p2m.__file__).parent.parent
PATIENCE = 60  # seconds
SIGNS = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()=>].?|\][^\x07]*\x07)|\r|\x08")  # of a terminal


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "desk.yaml").touch()
    (tmp_path / "rows.csv").touch()
    for name in ("desk", "desk/last", "mijn bundel"):
        folder = tmp_path / "outputs" / name
        (folder / "model").mkdir(parents=True)
        (folder / "manifest.json").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("pre", ["predict"]),
        ("--v", ["--version"]),
        ("nothing ", []),
        ("build de", ["recipes/desk.yaml"]),
        ("build recipes/d", ["recipes/desk.yaml"]),
        ("build recipes/desk.yaml student=linear_en", ["student=linear_ensemble"]),
        ("build recipes/desk.yaml -m student=minilm,linear_e5", ["student=minilm,linear_e5"]),
        ("build recipes/desk.yaml stu", ["student="]),
        ("build recipes/desk.yaml ~verifier=co", ["~verifier=code"]),
        ("build recipes/desk.yaml ../conf=x", []),
        ("build --fro", ["--frozen"]),
        ("predict de", ["outputs/desk"]),
        ("predict outputs/desk ro", ["rows.csv"]),
        ("predict outputs/desk --threads 2 ro", ["rows.csv"]),
        ("predict outputs/desk --precision ", []),
        ("compare outputs/desk outputs/desk/la", ["outputs/desk/last"]),
        ("graph --format m", ["mermaid"]),
        ("init --teacher anth", ["anthropic"]),
        ("review d", ["data", "datasets"]),
        ("review data recipes/d", ["recipes/desk.yaml"]),
        ("build recipes/desk.yaml --outputs o", ["outputs/"]),
        ("completion f", ["fish"]),
        ("predict outputs/mijn\\ b", ["outputs/mijn bundel"]),
    ],
)
def test_what_may_follow_is_offered(project: Path, line: str, offered: list[str]) -> None:
    assert completions(split(f"p2m {line}")[1:]) == offered


def test_every_verb_offers_its_options(project: Path) -> None:
    for name in verbs.names():
        assert "--help" in completions([name, "--"]), name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("p2m ", ["p2m", ""]),
        ("p2m 'a b", ["p2m", "a b"]),
        ('p2m "a', ["p2m", "a"]),
        ("p2m a\\ b", ["p2m", "a b"]),
    ],
)
def test_a_line_that_is_being_typed_is_read_as_a_shell_does(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_completing_imports_nothing_that_starts_slowly() -> None:
    program = "import sys; from p2m.cli.main import main; main(['completion', 'bash']); print(*sys.modules)"
    line = {"P2M_COMPLETE_LINE": "p2m build recipes/x.yaml student=", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | line, capture_output=True, text=True
    )
    assert done.stdout.startswith("auto\n")
    heavy = {"pydantic", "yaml", "hydra", "rich", "numpy", "pyarrow", "torch", "asyncio"}
    assert heavy.isdisjoint(done.stdout.splitlines()[-1].split())


class Terminal:
    """A shell on a terminal."""

    def __init__(self, handle: int) -> None:
        self.handle, self.seen = handle, ""

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.handle, text.encode())

    def until(self, wanted: str) -> None:
        """Until that was shown; colours and movements of the cursor do not count."""
        end = time.monotonic() + PATIENCE
        while wanted not in re.sub(
            r"\x1b(\[[0-9;?]*[A-Za-z]|[()=>].?|\][^\x07]*\x07)|\r|\x08", "", self.seen
        ):
            assert time.monotonic() < end, self.seen
            if select.select([self.handle], [], [], 1)[0]:
                self.seen += os.read(self.handle, 65536).decode(errors="replace")


@contextmanager
def shell(folder: Path, *words: str) -> Iterator[Terminal]:
    """It finds p2m as a program."""
    program = folder / "bin" / "p2m"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m p2m "$@"\n')
    program.chmod(0o755)
    child, handle = pty.fork()
    if child == 0:
        kept = {key: os.environ[key] for key in ("FPATH", "LD_LIBRARY_PATH") if key in os.environ}
        path = f"{program.parent}:{os.environ['PATH']}"
        home = {"HOME": str(folder), "TERM": "xterm", "PS1": "$ ", "PATH": path, "LANG": "C.UTF-8"}
        os.execvpe(words[0], words, home | kept)
    try:
        yield Terminal(handle)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(handle)


SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), "source <(p2m completion bash); echo rea''dy\n"),
    "zsh": (
        ("zsh", "-f", "-i"),
        "autoload -U compinit; compinit -u -D; source <(p2m completion zsh); echo rea''dy\n",
    ),
    "fish": (("fish", "--no-config", "-i"), "p2m completion fish | source; echo rea''dy\n"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_real_shell_completes(project: Path, name: str) -> None:
    words, setting_up = SHELLS[name]
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no {name}")
    with shell(project, *words) as terminal:
        terminal.type(setting_up)
        terminal.until("ready")
        terminal.type("echo x; p2m predi\t")
        terminal.until("p2m predict ")
        terminal.type("\x15p2m build recipes/desk.yaml student=linear_min\t")
        terminal.until("student=linear_minilm ")
        terminal.type("\x15p2m build rec\t")
        terminal.until("p2m build recipes/")
        terminal.type("\x15p2m predict mijn\t")
        terminal.until("outputs/mijn\\ bundel")
