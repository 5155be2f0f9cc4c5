"""Odd places and terminals: other alphabets, Windows line ends, names that are no text, 40 columns."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from shouting import Call, call_in, write_project

from p2m.engine.files.sealed import seal, unseal

ODD = "mijn Modelle 模型"
LOOKING = ("check shout.yaml", "show shout.yaml", "eval outputs/shout test.jsonl", "verify", "gc", "log")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a folder of such a name, of files that an editor of Windows wrote."""
    folder = write_project(tmp_path_factory.mktemp("edges") / ODD)
    for file in ("shout.yaml", "train.jsonl", "test.jsonl"):
        (folder / file).write_bytes((folder / file).read_bytes().replace(b"\n", b"\r\n"))
    built = call_in(folder)("build", "shout.yaml")
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def call(project: Path) -> Call:
    return call_in(project)


@pytest.mark.parametrize("line", LOOKING)
def test_verbs_work_in_any_folder_and_a_log_has_no_control_characters(call: Call, line: str) -> None:
    done = call(*line.split())
    assert done.returncode == 0, done.stderr
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f]", done.stdout + done.stderr) is None


def test_line_ends_of_windows_change_nothing(call: Call, project: Path) -> None:
    lock = project / "shout.lock"
    lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    assert call("lock", "shout.yaml", "--check").returncode == 0
    told = call("check", "shout.yaml").stdout
    for file in ("shout.yaml", "train.jsonl", "test.jsonl"):
        (project / file).write_bytes((project / file).read_bytes().replace(b"\r\n", b"\n"))
    assert call("check", "shout.yaml").stdout == told
    planned = json.loads(call("plan", "shout.yaml", "--json").stdout)
    parse = next(step for step in planned if step["step"] == "parse")
    assert parse["status"] == "cached"


def test_answers_go_to_any_folder(call: Call, project: Path) -> None:
    (project / "строки.csv").write_bytes(b"input,n\r\nbust,1\r\n")
    done = call("predict", "outputs/shout", "строки.csv", "出力.csv")
    assert done.returncode == 0, done.stderr
    assert (project / "出力.csv").read_bytes().startswith(b"input,n,label,label_score\r\nbust,1,shouted,")


def anew(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, whose interpreter starts with that environment."""
    own = {key: value for key, value in os.environ.items() if key != "P2M_STORE"}
    typed = [sys.executable, "-m", "p2m", *words]
    return subprocess.run(
        typed, cwd=folder, env=own | environment, capture_output=True, encoding="ascii", check=False
    )


def test_what_the_encoding_of_the_output_lacks_is_escaped(project: Path) -> None:
    done = anew(project, "gc", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert r"mijn Modelle \u6a21\u578b" in done.stdout


def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    assert unseal(seal({"root": name})) == {"root": name}
    folder = tmp_path / name
    try:
        write_project(folder)
    except OSError:
        pytest.skip("this file system takes no such names")
    done = anew(folder, "doctor", PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 0, done.stderr
    assert r"caf\udce9" in done.stdout


def test_on_a_terminal_of_40_columns_a_table_is_read_from_top_to_bottom(project: Path) -> None:
    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "P2M_STORE")}
    process = subprocess.Popen(
        [sys.executable, "-m", "p2m", "log"], cwd=project, env=kept | {"TERM": "dumb", "NO_COLOR": "1"},
        stdin=other, stdout=other, stderr=other,
    )  # fmt: skip
    os.close(other)
    seen = b""
    try:
        while more := os.read(own, 65536):
            seen += more
    except OSError:  # the other end is closed
        pass
    os.close(own)
    assert process.wait(60) == 0
    assert b"\x1b" not in seen
    lines = seen.decode().splitlines()
    assert "  recipe: shout.yaml" in lines
    assert all(len(line) <= 40 for line in lines)
