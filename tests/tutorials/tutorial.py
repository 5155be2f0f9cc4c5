"""A tutorial as a reader follows it: its files are made, its commands are typed, what it says they print is
what they print.

Of a page count only fenced blocks:

    ```csv title="messages.csv"     a file of that name with that text; all files are there from the beginning
    ```console                      a terminal: `$ ` before what is typed; every other line must be printed
                                    by it, in that order, figures and blanks aside; `...` stands for some

`export NAME=VALUE` holds for what follows. What serves (`p2m serve`, `p2m review data`) is left running, and
`^C` ends it. `ADDRESS` is what the last such command said after `open`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forking import zygote

_FENCE = re.compile(r"^```(\S+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVES = ("p2m serve ", "p2m review data ")
_PORT = "8000"  # in pages
_PATIENCE = 120  # seconds until something serves
_BUILT = (0, 4)  # of a build: a verdict, whatever it is


@dataclass(frozen=True)
class Page:
    """What a page has its reader do."""

    files: Mapping[str, str]
    commands: tuple[tuple[str, tuple[str, ...]], ...]  # what is typed, and the lines that it prints


def read_page(path: Path) -> Page:
    files: dict[str, str] = {}
    commands: list[tuple[str, tuple[str, ...]]] = []
    for kind, title, body in _FENCE.findall(path.read_text(encoding="utf-8")):
        if title:
            files[title] = body
        elif kind == "console":
            commands += _typed(body)
    return Page(files, tuple(commands))


def _typed(body: str) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ()))
        elif line == "^C":
            found.append((line, ()))
        elif line.strip() and line.strip() != "...":
            found[-1] = (found[-1][0], (*found[-1][1], line))
    return found


@dataclass
class Reader:
    """Follows pages in an empty folder; `swaps` says what is typed in place of what stands there."""

    folder: Path
    swaps: Mapping[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    running: subprocess.Popen[bytes] | None = None
    address: str = ""

    def __post_init__(self) -> None:
        tools = self.folder.with_name("tools")
        tools.mkdir()
        for name, words in (("p2m", "-m p2m"), ("python", "")):
            (tools / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
            (tools / name).chmod(0o755)
        kept = {name: each for name, each in os.environ.items() if not name.startswith("P2M_")}
        self.environment = kept | {"PATH": f"{tools}:{os.environ['PATH']}", "COLUMNS": "110", "NO_COLOR": "1"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def follow(self, page: Page) -> None:
        """Do what the page says, from the first command to the last."""
        for name, text in page.files.items():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        try:
            for command, lines in page.commands:
                self._check(command, lines, self._type(self._meant(command)))
        finally:
            self._interrupt()

    def _meant(self, command: str) -> str:
        for old, new in (*self.swaps.items(), (f":{_PORT}", f":{self.port}"), ("ADDRESS", self.address)):
            command = command.replace(old, new)
        return command.replace(f"--port {_PORT}", f"--port {self.port}")

    def _type(self, command: str) -> str:
        if command == "^C":
            return self._interrupt()
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.environment[name] = value
            return ""
        if command.startswith(_SERVES):
            return self._leave_running(command)
        if command.startswith("p2m ") and not re.search(
            r"[|<>&;]", re.sub(r"'[^']*'|\"[^\"]*\"", "", command)
        ):
            done = zygote().call(shlex.split(command)[1:], self.folder, self.environment, is_merged=True)
            output = done.stdout
        else:
            run = subprocess.run(
                ["bash", "-c", command], cwd=self.folder, env=self.environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=250, check=False,
            )  # fmt: skip
            done, output = run, run.stdout
        assert done.returncode in (_BUILT if command.startswith("p2m build") else (0,)), (
            f"$ {command}\n{output}"
        )
        return output

    def _leave_running(self, command: str) -> str:
        heard = self.folder.with_name("served.txt")
        with heard.open("wb") as stream:
            self.running = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment, stdout=stream,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + _PATIENCE
        while not self._serves(command, text := heard.read_text()):
            assert self.running.poll() is None, f"$ {command}\n{text}"
            assert time.monotonic() < until, f"$ {command} does not serve\n{text}"
            time.sleep(0.1)
        self.address = next((line.split()[1] for line in text.splitlines() if line.startswith("open ")), "")
        return text

    def _serves(self, command: str, text: str) -> bool:
        if command.startswith("p2m review"):
            return "Ctrl-C ends it" in text
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _interrupt(self) -> str:
        if self.running is None:
            return ""
        self.running.send_signal(signal.SIGINT)
        try:
            self.running.wait(60)
        finally:
            self.running.kill()
            self.running = None
        return self.folder.with_name("served.txt").read_text()

    def _check(self, command: str, lines: tuple[str, ...], output: str) -> None:
        self.said.append(f"$ {command}\n{output}")
        rest = _plain(output)
        for line in lines:
            _, found, rest = rest.partition(_plain(line))
            assert found, f"$ {command}\n{output}\ndoes not print (after what stands before it):\n{line}"


def _plain(text: str) -> str:
    """Without figures and units of time, and with one blank for many."""
    figures = re.sub(r"\d+(?:[.,]\d+)*[kM]?", "#", text)
    return re.sub(r"\s+", " ", re.sub(r"(?:# (?:h|min) )*# m?s\b", "# s", figures)).strip()
