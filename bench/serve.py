"""`p2m serve` under load, beside what serves the same model elsewhere: `python bench/serve.py [DATA]`.

DATA (../shared/data) has hub/banking77. A MiniLM classifier of its 77 labels is made once. p2m serves the
bundle that a build ships (int8) and the one in full precision; the peers serve a model of transformers of the
same shape in PyTorch, as their documentation shows it, from the environment that peers.txt pins:

- fastapi: a plain FastAPI route around transformers' text-classification pipeline, under uvicorn;
- litserve: a LitAPI with batching around that pipeline;
- bentoml: a service with a batchable route around it.

1, 8 and 64 clients keep a connection each and ask one row after the other; contestants take turns, in rounds.
Prints requests a second, p50, p99, the processor time of a request, which other work on the machine moves
little, and how many answers of both bundles agree. Exits with 1 where `p2m int8` answers fewer than three
times the requests of fastapi, or not all of them; where its p99 is beyond the bound that batching promises
(the wait, the batch that runs, those before a row, its own, and 1 ms a client for HTTP); or where a peer
could not be installed, unless --allow-missing says so.

--soak MINUTES instead keeps p2m under load of 32 clients, beside those that hang up and that send nonsense,
and exits with 1 where its memory grows by more than 5% between the second and the last quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import peers
from serving import families, made

from p2m.compression.int8 import Int8
from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.shipping import lay_out, shipped
from p2m.stages.package import ASKING, SERVER

TIMES, LOST, GROWTH = 3.0, 0.02, 0.05
CLIENTS, ROUNDS, SOAKED = (1, 8, 64), 3, 32
LEARN = 60  # a tenth of the rows that the labels are learnt from: enough to answer with
BATCH, WAIT = 32, 0.002  # rows and seconds, of all that batch
BASE, OURS, FULL = "fastapi", "p2m int8", "p2m fp32"

_PIPELINE = """
import sys
from transformers import pipeline
model, port = sys.argv[1], int(sys.argv[2])
"""
_FASTAPI = f"""{_PIPELINE}
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
classify = pipeline("text-classification", model=model, tokenizer=model, device=-1)
app = FastAPI()
class Row(BaseModel):
    text: str
@app.post("/predict")
def predict(row: Row):
    return classify(row.text)[0]
uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")
"""
_LITSERVE = f"""{_PIPELINE}
import litserve
class Api(litserve.LitAPI):
    def setup(self, device):
        self.classify = pipeline("text-classification", model=model, tokenizer=model, device=-1)
    def decode_request(self, request):
        return request["text"]
    def predict(self, texts):
        return self.classify(texts, batch_size=len(texts))
    def encode_response(self, output):
        return output
if __name__ == "__main__":
    api = Api(max_batch_size={BATCH}, batch_timeout={WAIT})
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")
"""
_BENTOML = f"""
import os
import bentoml
from transformers import pipeline
@bentoml.service(traffic={{"timeout": 60}}, workers=1)
class Desk:
    def __init__(self):
        self.classify = pipeline("text-classification", model=os.environ["MODEL"], device=-1)
    @bentoml.api(route="/predict", batchable=True, max_batch_size={BATCH}, max_latency_ms=60000)
    def predict(self, text: list[str]) -> list[dict]:
        return self.classify(text, batch_size=len(text))
"""


@dataclass
class Contestant:
    """A server that listens, and what came of asking it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    rates: dict[int, list[float]] = field(default_factory=dict)  # clients -> requests a second, by round
    seconds: dict[int, list[float]] = field(default_factory=dict)  # clients -> of each request
    processor: dict[int, float] = field(default_factory=dict)  # clients -> seconds of all its processes
    failed: int = 0
    answers: dict[int, str] = field(default_factory=dict)  # row -> label


def main(argv: Sequence[str]) -> int:
    given = _arguments(argv)
    hub = given.data if (given.data / "banking77").is_dir() else given.data / "hub"
    if not (hub / "banking77").is_dir():
        raise SystemExit(f"{given.data}: no hub/banking77 in it; name the folder of the data")
    with tempfile.TemporaryDirectory(prefix="p2m-serve-") as place, ExitStack() as running:
        work = Path(place)
        family = next(families(hub, work, given.rows, LEARN))
        texts = [row.input["text"] for row in family.asked]
        bundles, checkpoint = _models(family, work)
        if given.soak:
            return soak(running.enter_context(_p2m(OURS, bundles[OURS])), texts, given.soak)
        found = [running.enter_context(_p2m(name, bundle)) for name, bundle in bundles.items()]
        others, missing = _peers(given.peers, checkpoint, work)
        found += [running.enter_context(each) for each in others]
        for number in range(ROUNDS + 1):  # the first is to warm up
            for clients in CLIENTS:
                for each in found:
                    asyncio.run(load(each, texts, clients, given.seconds, is_kept=number > 0))
        return told(found, missing, allow_missing=given.allow_missing)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=96, help="a quarter of the rows that are asked (96)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load, in each round (4)")
    parser.add_argument(
        "--soak", type=float, default=0, metavar="MINUTES", help="load of p2m alone; see above"
    )
    parser.add_argument("--allow-missing", action="store_true", help="go on where a peer cannot be installed")
    parser.add_argument("--peers", type=Path, default=peers.DEFAULT, help=f"where they are ({peers.DEFAULT})")
    return parser.parse_args(argv)


# --------------------------------------------------------------------------- models and servers


def _models(family: Any, work: Path) -> tuple[dict[str, Path], Path]:
    """The bundles, and a model of transformers of the same shape."""
    learner, graphs = made(family, work)
    Int8().compress(graphs, work / "int8")
    bundles = {
        OURS: _bundle(work / "int8", work / "bundle-int8"),
        FULL: _bundle(graphs, work / "bundle-fp32"),
    }
    return bundles, _checkpoint(family, learner, work / "peer")


def _bundle(model: Path, target: Path) -> Path:
    target.mkdir()
    ONNX.convert(model, target / "model")
    lay_out(shipped(target / "model", ONNX) | ASKING | SERVER, target)
    (target / "manifest.json").write_text(json.dumps({"name": "desk", "task": {"output": {"name": "label"}}}))
    return target


def _checkpoint(family: Any, learner: Any, target: Path) -> Path:
    """transformers' own classifier of that size: weights and labels cost the same whatever they say."""
    from transformers import BertConfig, BertForSequenceClassification

    names = {
        "id2label": dict(enumerate(family.labels)),
        "label2id": {each: i for i, each in enumerate(family.labels)},
    }
    config = {**learner.model.config.to_dict(), "num_labels": len(family.labels), **names}
    BertForSequenceClassification(BertConfig(**config)).save_pretrained(target)
    learner.tokenizer.save_pretrained(str(target))
    return target


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def _started(
    name: str, typed: list[str], port: int, folder: Path, env: dict[str, str] | None = None
) -> Iterator[Contestant]:
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(typed, stdout=out, stderr=out, cwd=folder, env=env, start_new_session=True)
        try:
            _await(name, process, port, log)
            yield Contestant(name, port, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                peers.kill(process)  # type: ignore[arg-type]


def _await(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers a row."""
    body = json.dumps({"text": "a"}).encode()
    sent = body if name != "bentoml" else json.dumps({"text": ["a"]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", sent, {"Content-Type": "application/json"}
    )
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(request, timeout=30):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{name} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _p2m(name: str, bundle: Path) -> Iterator[Contestant]:
    port = _free_port()
    typed = [sys.executable, "-m", "p2m", "serve", str(bundle), "--port", str(port), "--no-access-log"]
    typed += ["--batch-size", str(BATCH), "--batch-wait", str(round(WAIT * 1000))]
    with _started(name, typed, port, bundle) as found:
        yield found


def _peers(place: Path, model: Path, work: Path) -> tuple[list[Any], dict[str, str]]:
    prepared = peers.prepare(place, {"litserve"})
    if not prepared.found:
        return [], prepared.missing
    home = prepared.found["litserve"].bin
    env = peers.environment(work / "home") | {"MODEL": str(model), "BENTOML_DO_NOT_TRACK": "1"}
    env |= {"PATH": f"{home}:{env['PATH']}", "BENTOML_HOME": str(work / "home"), "DO_NOT_TRACK": "1"}
    servers = []
    for name, script in ((BASE, _FASTAPI), ("litserve", _LITSERVE), ("bentoml", _BENTOML)):
        folder, port = work / f"of-{name}", _free_port()
        folder.mkdir()
        (folder / "service.py").write_text(script)
        typed = [str(home / "python"), "service.py", str(model), str(port)]
        if name == "bentoml":
            typed = [
                str(home / "bentoml"),
                "serve",
                "service:Desk",
                "--port",
                str(port),
                "--host",
                "127.0.0.1",
            ]
        servers.append(_started(name, typed, port, folder, env))
    return servers, {}


# --------------------------------------------------------------------------- load


async def load(
    server: Contestant, texts: Sequence[str], clients: int, seconds: float, *, is_kept: bool
) -> None:
    """So many clients for so long, each with a connection of its own."""
    spent: list[float] = []
    busy = _processor(server.process.pid)
    end = time.perf_counter() + seconds
    turn = iter(range(10**9))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() < end:
            at = next(turn) % len(texts)
            began = time.perf_counter()
            writer.write(_request(server.name, texts[at]))
            status, body = await _reply(reader)
            spent.append(time.perf_counter() - began)
            if status == 200:
                server.answers[at] = _label(body)
            else:
                server.failed += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    if is_kept:
        server.rates.setdefault(clients, []).append(len(spent) / (time.perf_counter() - began))
        server.seconds.setdefault(clients, []).extend(spent)
        busy = _processor(server.process.pid) - busy
        server.processor[clients] = server.processor.get(clients, 0.0) + busy


def _processor(session: int) -> float:
    """Seconds that the processes of a session have computed."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if int(told[3]) == session:
            ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _request(name: str, text: str) -> bytes:
    body = json.dumps({"text": [text] if name == "bentoml" else text}).encode()
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = re.search(rb"(?i)content-length: *(\d+)", head)
    return int(head[9:12]), await reader.readexactly(int(size[1]) if size else 0)


def _label(body: bytes) -> str:
    found = json.loads(body)
    found = found[0] if isinstance(found, list) else found
    return str(found.get("output") or found.get("label"))


# --------------------------------------------------------------------------- told


@dataclass(frozen=True)
class Line:
    name: str
    clients: int
    rate: float  # requests a second
    p50: float  # ms
    p99: float
    processor: float  # ms a request


def told(found: Sequence[Contestant], missing: dict[str, str], *, allow_missing: bool) -> int:
    """Print the table and the bars; 1 where one was missed."""
    lines = [_line(each, clients) for clients in CLIENTS for each in found]
    print(f"{'clients':>7s}  {'':10s}{'requests/s':>11s}{'p50 ms':>9s}{'p99 ms':>9s}{'cpu ms':>9s}{'':>8s}")
    by = {(line.name, line.clients): line for line in lines}
    missed = [] if allow_missing else [f"{name}: {why}" for name, why in missing.items()]
    for line in lines:
        base = by.get((BASE, line.clients))
        times = f"{line.rate / base.rate:7.1f}x" if base else ""
        busy = (
            f"{line.processor:9.2f}" if line.processor else f"{'-':>9s}"
        )  # of processes that leave the session
        figures = f"{line.rate:11.0f}{line.p50:9.1f}{line.p99:9.1f}{busy}"
        print(f"{line.clients:7d}  {line.name:10s}{figures}{times}")
    ours = next(each for each in found if each.name == OURS)
    for clients in CLIENTS:
        line, base, bound = by[OURS, clients], by.get((BASE, clients)), _bound(ours, clients)
        if base and line.rate < TIMES * base.rate:
            missed.append(
                f"{clients} clients: {line.rate / base.rate:.1f} times fastapi's rate, not {TIMES:g}"
            )
        print(f"p99 of {OURS} at {clients} clients: {line.p99:.1f} ms, bound {bound:.1f} ms")
        if line.p99 > bound:
            missed.append(f"{clients} clients: p99 is {line.p99:.1f} ms, beyond {bound:.1f}")
    full = next(each for each in found if each.name == FULL)
    same = [ours.answers[row] == label for row, label in full.answers.items() if row in ours.answers]
    print(f"{OURS} and {FULL} agree on {statistics.mean(same):.1%} of {len(same)} rows")
    if statistics.mean(same) < 1 - LOST:
        missed.append(f"answers agree on {statistics.mean(same):.1%} of the rows")
    missed += [
        f"{each.name}: {each.failed} requests failed" for each in found if each.failed and "p2m" in each.name
    ]
    for text in missed:
        print(f"MISSED: {text}")
    return 1 if missed else 0


def _line(server: Contestant, clients: int) -> Line:
    spent = sorted(server.seconds[clients])
    p99 = spent[min(len(spent) - 1, math.ceil(0.99 * len(spent)) - 1)]
    rate = statistics.median(server.rates[clients])
    busy = server.processor[clients] / len(spent)
    return Line(server.name, clients, rate, statistics.median(spent) * 1000, p99 * 1000, busy * 1000)


def _bound(server: Contestant, clients: int) -> float:
    """ms: the wait, the batch that runs, those before a row, its own, and HTTP; by 99% of batches."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    edges = [
        (math.inf if edge == "+Inf" else float(edge), float(count))
        for edge, count in re.findall(r'p2m_batch_seconds_bucket\{le="([^"]+)",model="desk"\} (\S+)', text)
    ]
    slow = next(edge for edge, count in edges if count >= 0.99 * edges[-1][1])
    return (WAIT + (1 + math.ceil(clients / BATCH)) * slow) * 1000 + clients


# --------------------------------------------------------------------------- soak


def soak(server: Contestant, texts: Sequence[str], minutes: float) -> int:
    """Load for long; 1 where memory grows, or good requests fail."""
    sizes: list[float] = []
    end = time.monotonic() + minutes * 60

    async def run() -> None:
        while time.monotonic() < end:
            slice_ = min(10.0, max(0.1, end - time.monotonic()))
            await asyncio.gather(
                load(server, texts, SOAKED, slice_, is_kept=True), _nonsense(server.port, slice_)
            )
            sizes.append(_resident(server.process.pid))
            print(f"{sizes[-1]:8.1f} MB {server.rates[SOAKED][-1]:7.0f} requests/s", file=sys.stderr)

    asyncio.run(run())
    quarter = max(1, len(sizes) // 4)
    early, late = (
        statistics.median(sizes[quarter : 2 * quarter] or sizes),
        statistics.median(sizes[-quarter:]),
    )
    done = len(server.seconds[SOAKED])
    print(
        json.dumps(
            {"minutes": minutes, "requests": done, "failed": server.failed, **asdict(_line(server, SOAKED))}
        )
    )
    print(f"resident memory: {early:.1f} MB in the second quarter, {late:.1f} MB in the last")
    missed = [f"memory grew by {late / early - 1:.1%}"] if late > early * (1 + GROWTH) else []
    missed += [f"{server.failed} requests failed"] if server.failed else []
    for text in missed:
        print(f"MISSED: {text}")
    return 1 if missed else 0


async def _nonsense(port: int, seconds: float) -> None:
    """Those that hang up, send half a request, or none that can be read."""
    end = time.monotonic() + seconds
    row = _request("p2m", "a")
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(random.choice((row, row[:-5], b"\x00\xff\r\n\r\n", row.replace(b"{", b"["))))
        await asyncio.sleep(0.02)
        writer.close()
        del reader


def _resident(process: int) -> float:
    """MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
