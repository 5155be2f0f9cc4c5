"""Command-line sessions as text files: what was typed, and what was printed, to the letter.

A session is a file in transcripts/. Its first lines, which begin with `#`, say what it shows; one may be
`# from: NAME`, which starts it in the project as the session NAME left it (else: a new project of
`shouting.write_project`). After that, a line that begins with `$ ` is a command, and its output follows:

    $ p2m plan shout.yaml             a real process; NAME=value before it sets the environment
    $ edit shout.yaml s/old/new/      text (no pattern) that must be there; any sign may stand for /
    $ append train.jsonl {"input": "x"}
    $ rm FILE     $ touch FILE     $ flip FILE (one bit in its middle)     $ cp FROM TO     $ cat FILE
    $ git ARGUMENTS                   git, with a name and dates of its own

FILE may be a pattern such as `outputs/.store/cas/*/*`: the first match in order of names. A command that
ends in another code than 0 is followed by `[exit N]`. `normal` makes times, sizes, run ids, ... equal.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from forking import zygote

FOLDER = Path(__file__).parent / "transcripts"
_WIDTH = 110


@dataclass(frozen=True)
class Session:
    """A transcript, read: its heading, where it starts, and its commands with what they print."""

    name: str
    heading: str
    start: str  # "" for a new project
    blocks: tuple[tuple[str, str], ...]  # (command, output)

    @property
    def text(self) -> str:
        return self.heading + "".join(f"$ {command}\n{output}" for command, output in self.blocks)


def read_session(path: Path) -> Session:
    heading, *parts = re.split(r"^\$ ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    start = re.search(r"^# from: (\S+)$", heading, flags=re.MULTILINE)
    blocks = [part.partition("\n") for part in parts]
    return Session(
        path.stem, heading, start[1] if start else "", tuple((head, rest) for head, _, rest in blocks)
    )


class Player:
    """Plays the commands of a session in a project folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: dict[str, str] = {}
        self.verbs: dict[str, Callable[[list[str]], str]] = {
            "rm": self._rm, "touch": self._touch, "flip": self._flip,
            "cp": self._cp, "cat": self._cat, "git": self._git,
        }  # fmt: skip

    def play(self, command: str) -> str:
        """What a command printed, normalised."""
        head = command.split(None, 1)[0]
        if head == "edit":
            return self._edit(command)
        if head == "append":
            return self._append(command)
        if head in self.verbs:
            return normal(self.verbs[head](shlex.split(command)[1:]), self.folder, self.runs)
        words, environment = shlex.split(command), {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        assert words[0] == "p2m", f"no command {words[0]!r} in sessions"
        typed = [self._run_ids(word) for word in words[1:]]
        own = {name: value for name, value in os.environ.items() if name != "P2M_STORE"}
        own |= {**environment, "COLUMNS": str(_WIDTH), "NO_COLOR": "1"}
        done = zygote().call(typed, self.folder, own, is_merged=True)
        output, code = done.stdout, done.returncode
        if output and not output.endswith("\n"):
            output += "\n"
        return normal(output, self.folder, self.runs) + (f"[exit {code}]\n" if code else "")

    def _run_ids(self, word: str) -> str:
        """A run by the id that it has in the transcript."""
        known = {short: run for run, short in self.runs.items()}
        return known.get(word, word)

    def _edit(self, command: str) -> str:
        _, name, script = command.split(None, 2)
        _, old, new, _ = script.split(script[1])
        path = self._one(name)
        text = path.read_text(encoding="utf-8")
        old, new = old.replace("\\n", "\n"), new.replace("\\n", "\n")
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return ""

    def _append(self, command: str) -> str:
        _, name, line = command.split(None, 2)
        with (self.folder / name).open("a", encoding="utf-8") as stream:
            stream.write("\n" + line)
        return ""

    def _rm(self, words: list[str]) -> str:
        path = self._one(words[-1])
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return ""

    def _touch(self, words: list[str]) -> str:
        (self.folder / words[0]).touch()
        return ""

    def _flip(self, words: list[str]) -> str:
        path = self._one(words[0])
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)
        path.chmod(0o444)
        return ""

    def _cp(self, words: list[str]) -> str:
        source, target = self._one(words[0]), self.folder / words[1]
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
        return ""

    def _cat(self, words: list[str]) -> str:
        text = self._one(words[0]).read_text(encoding="utf-8")
        return text if text.endswith("\n") else text + "\n"

    def _git(self, words: list[str]) -> str:
        own = {
            **{f"GIT_{who}_{what}": "someone@example.org" for who in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")},
            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        }  # fmt: skip
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=os.environ | own, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _one(self, pattern: str) -> Path:
        found = sorted(self.folder.glob(pattern))
        assert found, f"nothing matches {pattern}"
        return found[0]


_SAME = (  # what differs from run to run and from machine to machine, in the order of replacement
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?\b", "2026-01-01 00:00"),
    (r"\b[0-9a-f]{64}\b", "d" * 64),
    (r"\b(?=[a-f]*[0-9])[0-9a-f]{12}\b|\b[a-f]{12}\b", "d" * 12),
    (r"(commit|revision|at) [0-9a-f]{7,40}\b", r"\1 ddddddd"),
    (r"\bprocess \d+", "process 1"),
    (r"\bpid \d+", "pid 1"),
    (r"(bf16|fp32) on \w+ with \d+ threads?", "fp32 on cpu with 1 threads"),
    (r"\bloss \d+\.\d+", "loss 1.0"),
    (r"(?m)^  > .*\n", ""),  # how far a step is, told now and then
    (r"(\bconf/[\w/]+\.yaml):\d+", r"\1:1"),
    (r"\b\d+ modules\b", "9 modules"),
    (r"(?m)^(    packages  ).*$", r"\1torch 1.0"),
)
_MEASURED = re.compile(  # numbers with a unit: the column that they stand in keeps its width
    r"(?P<blanks> *)(?:\d+ h \d\d min|\d+ min \d\d s"
    r"|[\d,]+(?:\.\d+)? (?P<unit>ms|s|rows/s|B|kB|MB|GB))(?=\W|$)"
)
_UNITS = {
    "ms": "1 ms",
    "s": "1.0 s",
    "rows/s": "100 rows/s",
    "B": "1.0 MB",
    "kB": "1.0 MB",
    "MB": "1.0 MB",
    "GB": "1.0 MB",
}
_SAME_RUN = "20260101-000000-000000-%06d"
_RUN = re.compile(r"\b\d{8}-\d{6}-\d{6}-[0-9a-f]{6}\b")


def normal(text: str, folder: Path, runs: dict[str, str]) -> str:
    """`text` with what differs from run to run made equal; run ids are numbered as they turn up."""
    text = text.replace(str(folder), "<project>")
    text = _RUN.sub(lambda found: runs.setdefault(found[0], _SAME_RUN % (len(runs) + 1)), text)
    for pattern, same in _SAME:
        text = re.sub(pattern, same, text)
    text = _MEASURED.sub(_measured, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _measured(found: re.Match[str]) -> str:
    same = _UNITS[found["unit"] or "s"]
    blanks = found["blanks"]
    if (
        len(blanks) > 1
        and found["unit"] in (None, "s", "ms")
        and found.string[found.end() : found.end() + 1] in ("\n", "")
    ):
        blanks = "  "
    elif len(blanks) > 1:
        blanks = " " * max(1, len(found[0]) - len(same))
    return blanks + same


def same_output(command: str, one: str, other: str) -> bool:
    """Whether two outputs are the same; the steps of a build may end in any order."""
    if re.match(r"(\S+=\S* )*p2m build", command):
        return sorted(one.splitlines()) == sorted(other.splitlines())
    return one == other
