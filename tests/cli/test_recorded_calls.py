"""A teacher behind a real server, through the real command line: each request is paid for once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from shouting import BUILT, TEXT_RECIPE, call_in, write_project

# Eight rows at a time, each row a request of its own, so that calls overlap as those of real teachers do.
TEACHER = '''
"""A teacher that asks a server for every row."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from p2m.engine.handles import Recorder
from p2m.types import (Example, Task, Teacher)


@dataclass(frozen=True)
class Remote:
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    url: str = ""
    model: str = "small"
    style: str = "loud"

    @property
    def calls_out(self) -> bool:
        return True

    @property
    def can_answer(self) -> bool:
        return True

    def refusal(self, task: Task) -> str | None:
        return None

    def recorded_by(self, recorder: Recorder) -> Teacher:
        return Bound(self, recorder)

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        raise AssertionError("asked without a recorder")

    def answer(self, task: Task, inputs: Sequence[Mapping[str, str]]) -> list[str]:
        raise AssertionError("asked without a recorder")

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        return {}


@dataclass(frozen=True)
class Bound(Remote):
    teacher: Remote = Remote()
    recorder: Any = None

    def __init__(self, teacher: Remote, recorder: Recorder) -> None:
        object.__setattr__(self, "teacher", teacher)
        object.__setattr__(self, "recorder", recorder)

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        with ThreadPoolExecutor(8) as pool:
            for answer in pool.map(lambda row: self._ask({"row": row, "seed": seed}), range(number)):
                yield Example({"input": answer["word"]}, answer["loud"], source="remote:word")

    def answer(self, task: Task, inputs: Sequence[Mapping[str, str]]) -> list[str]:
        return [self._ask({"word": row["input"]})["loud"] for row in inputs]

    def _ask(self, what: dict[str, Any]) -> dict[str, str]:
        request = {"provider": "local", "model": self.teacher.model, "style": self.teacher.style, **what}

        def call() -> bytes:
            body = json.dumps(request).encode()
            with urllib.request.urlopen(self.teacher.url, body, timeout=30) as response:
                return response.read()

        labels = {"provider": "local", "model": self.teacher.model, "cost": 0.01}
        return json.loads(self.recorder.answer(request, call, labels=labels))
'''


class Server:
    """Answers rows with words; counts what it was asked, and can be slow."""

    def __init__(self) -> None:
        self.finished: Counter[str] = Counter()
        self.seconds = 0.0
        seen, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                time.sleep(seen.seconds)
                word = request.get("word") or f"w{request['row']:05d}"
                content = json.dumps({"word": word, "loud": word.upper()}).encode()
                with lock:
                    seen.finished[body.decode()] += 1
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    pass  # the client was killed

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @property
    def count(self) -> int:
        return sum(self.finished.values())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path / "project", TEXT_RECIPE)
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "shop" / "remote.py").write_text(TEACHER)
    text = (folder / "shout.yaml").read_text()
    (folder / "shout.yaml").write_text(text + "teacher: {target: shop.remote.Remote, url: URL}\n")
    return folder


def overrides(server: Server, rows: int) -> list[str]:
    return [f"teacher.url={server.url}", f"generation.num_examples={rows}", "--trust", "shop"]


def rows_of(project: Path, *words: str) -> list[dict[str, str]]:
    done = call_in(project)("show", "shout.yaml", "generate", "--json", *words)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, str]] = json.loads(done.stdout)["generate"]["rows"]
    return rows


def wait_for(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def plan_program(project: Path, words: list[str]) -> subprocess.Popen[str]:
    """A build of the step `generate` alone, for a test that needs no model."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from p2m.project import load\n"
        "from p2m.engine.executor import execute\n"
        "from p2m.engine.plan import Plan\n"
        "from p2m.engine.store import Store\n"
        "from p2m.engine.handles import Device\n"
        "whole = load(Path('shout.yaml'), sys.argv[1:], trust=['shop']).plan\n"
        "wanted = ('parse', 'generate')\n"
        "part = Plan('part')\n"
        "ref = None\n"
        "for name in wanted:\n"
        "    step = whole.step(name)\n"
        "    inputs = [ref if edge.step else None for edge in step.inputs]\n"
        "    ref = part.add(name, step.stage, *inputs, **step.settings)\n"
        "assert part.step('generate').is_recorded\n"
        "assert part.step('generate').kind == 'seeded', part.step('generate').kind\n"
        "result = execute(part, Store(Path('outputs/.store')), Device())\n"
        "print(result.outcome('generate').status, result.outcome('generate').output)\n"
    )
    own = {name: value for name, value in os.environ.items() if name != "P2M_STORE"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=project, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def generated(project: Path, server: Server, rows: int, **settings: str) -> str:
    """Status and digest of what `generate` makes."""
    words = [word for word in overrides(server, rows) if "=" in word]
    words += [f"{name.replace('__', '.')}={value}" for name, value in settings.items()]
    process = plan_program(project, words)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out.strip()


def forget_steps(project: Path) -> None:
    for name in ("cas", "ac", "tmp", "steps", "noop"):
        shutil.rmtree(project / "outputs" / ".store" / name, ignore_errors=True)


@pytest.mark.slow  # three whole builds
@pytest.mark.timeout(900)
def test_a_build_pays_once_and_the_next_replays(project: Path, server: Server) -> None:
    call = call_in(project)
    done = call("build", "shout.yaml", *overrides(server, 40))
    assert done.returncode in BUILT, done.stderr
    assert server.count == 40
    assert set(server.finished.values()) == {1}
    before = rows_of(project, *overrides(server, 40))
    forget_steps(project)
    done = call("build", "shout.yaml", *overrides(server, 40))
    assert done.returncode in BUILT, done.stderr
    assert server.count == 40
    assert rows_of(project, *overrides(server, 40)) == before
    stats = call("ledger", "--json")
    totals = json.loads(stats.stdout)
    assert totals["totals"]["records"] == 40
    assert round(totals["totals"]["cost"], 6) == 0.4
    assert {name: one["records"] for name, one in totals["totals"]["recipes"].items()} == {"shout": 40}
    assert [one["records"] for one in totals["totals"]["days"].values()] == [40]
    assert totals["totals"]["labels"]["step"]["generate"]["records"] == 40
    exported = call("ledger", "export", "shout.yaml", *overrides(server, 40), "--output", "paid.jsonl.gz")
    assert "40 records" in exported.stdout, exported.stderr
    shutil.rmtree(project / "outputs" / ".store")
    assert "40 added" in call("ledger", "import", "paid.jsonl.gz").stdout
    assert call("build", "shout.yaml", *overrides(server, 40)).returncode in BUILT
    assert server.count == 40
    assert rows_of(project, *overrides(server, 40)) == before


def test_more_rows_ask_for_the_new_ones_and_a_new_address_for_none(project: Path, server: Server) -> None:
    first = generated(project, server, 100)
    assert server.count == 100
    assert generated(project, server, 150).split()[0] == "ran"
    assert server.count == 150
    forget_steps(project)
    assert generated(project, server, 100).split()[1] == first.split()[1]
    assert server.count == 150
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    assert generated(project, server, 150, teacher__url=elsewhere).split()[0] in ("ran", "cut-off")
    assert server.count == 150
    generated(project, server, 10, teacher__style="soft")
    assert server.count == 160
    assert set(server.finished.values()) == {1}


def test_a_killed_build_pays_for_no_finished_request_again(project: Path, server: Server) -> None:
    server.seconds = 0.02
    words = [word for word in overrides(server, 300) if "=" in word]
    kills = 0
    for stop in (40, 120, 200):
        process = plan_program(project, words)
        wait_for(lambda stop=stop, process=process: server.count >= stop or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        time.sleep(0.2)  # what was in flight ends at the server
    server.seconds = 0
    assert generated(project, server, 300).split()[0] == "ran"
    again = server.count - len(server.finished)
    # What was in flight at a kill had no answer yet: eight threads, each at most once a kill.
    assert len(server.finished) == 300
    assert again <= 8 * kills
    forget_steps(project)
    count = server.count
    generated(project, server, 300)
    assert server.count == count


def test_two_builds_at_once_pay_once(project: Path, server: Server) -> None:
    server.seconds = 0.01
    words = [word for word in overrides(server, 60) if "=" in word]
    other = [
        *words,
        "seed=0",
        "generation.num_examples=80",
    ]  # another step, most of whose requests are the same
    both = [plan_program(project, words), plan_program(project, other)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert server.count == 80
    assert set(server.finished.values()) == {1}
