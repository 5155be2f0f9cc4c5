"""Programs in processes of their own, forked from one that has imported what asks chat models."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["openai", "anthropic", "p2m.teachers.asking.asker", "p2m.teachers.compatible"])


class Beside:
    """`code` with these words, as `subprocess.Popen` would run it."""

    def __init__(self, code: str, *words: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._said = [Path(self._folder.name, name) for name in ("out", "err")]
        for path in self._said:
            path.touch()
        given = (code, words, dict(os.environ), *map(str, self._said))
        self._process = FORKED.Process(target=_run, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return None if self._process.is_alive() else self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float = 120) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode

    def communicate(self) -> tuple[str, str]:
        self.wait()
        out, errors = (path.read_text() for path in self._said)
        return out, errors


def _run(code: str, words: tuple[str, ...], environment: Mapping[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.argv = ["-c", *words]
    exec(code, {"__name__": "__main__"})
