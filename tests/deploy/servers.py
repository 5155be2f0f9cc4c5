"""Real servers of tiny bundles: `server.py` in a process of its own, and what is asked of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.serving.http.options import TOKENS
from p2m.deploy.shipping import lay_out, shipped
from p2m.stages.package import ASKING, SERVER
from p2m.types import Example, Task

# What a bundle's user may not have; runs before server.py does.
BLOCKER = """
import runpy, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "p2m", "datasets", "scipy"):
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bundle_of(model: Path, target: Path, task: Task, rows: tuple[Example, ...], name: str) -> Path:
    """A bundle as `package` lays it out, with what a server reads of the manifest."""
    shutil.copytree(model, target / "model")
    lay_out(shipped(model, ONNX) | ASKING | SERVER, target)
    shown = [{"input": each.input, "output": each.output} for each in rows[:2]]
    told = {
        "instruction": task.instruction,
        "inputs": [{"name": each.name, "description": each.description} for each in task.inputs],
        "output": {"name": task.output.name},
        "demonstrations": shown,
    }
    (target / "manifest.json").write_text(json.dumps({"schema": 1, "name": name, "task": told}))
    (target / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    return target


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server that listens."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Reply:
        """`body`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} | dict(headers or {})
        request = urllib.request.Request(self.url + path, data, sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                return Reply(found.status, found.headers, found.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())

    def metric(self, line: str) -> float:
        """The value of a line of /metrics; 0 where there is none."""
        for found in self.ask("/metrics").body.decode().splitlines():
            if found.startswith(line + " "):
                return float(found.rpartition(" ")[2])
        return 0.0

    def stop(self) -> tuple[int, str]:
        """The exit code after SIGTERM, and what was logged."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        return self.process.returncode, self.log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """The access log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def serving(bundle: Path, *arguments: str, tokens: str = "") -> Iterator[Running]:
    """`python server.py` of a bundle, on a free port, without p2m and torch."""
    command = [sys.executable, "-I", "-c", BLOCKER, str(bundle / "server.py"), *arguments, "--port", "0"]
    with NamedTemporaryFile() as log:
        process = subprocess.Popen(
            command, stderr=log, stdout=log, env={**os.environ, TOKENS: tokens}, cwd="/"
        )
        place = Path(log.name)
        try:
            found = until(lambda: _address(place) or process.poll() is not None)
            yield Running(process, str(_address(place)), place) if found is not True else _failed(place)
        finally:
            process.kill()
            process.wait()


def _address(log: Path) -> str | None:
    found = re.search(r"at (http://\S+:\d+);", log.read_text())
    return found[1] if found else None


def _failed(log: Path) -> Any:
    raise AssertionError(log.read_text())


def until(found: Any, seconds: float = 30.0) -> Any:
    """What `found()` gives as soon as it is something."""
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.02)
    return value
