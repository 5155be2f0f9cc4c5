"""Asking a teacher beside a bare loop: `python bench/teacher.py [DATA] [--kills N] [--memory N]`.

A server on loopback answers Chat Completions after 200 ms and counts what it was asked. Against it go: bare
aiohttp, a bare loop over the openai SDK, and p2m (teacher `compatible`, the same SDK, the ledger, the caps),
each in a process of its own, in turn. Curator, Data Designer and distilabel stand there as published for the
same probes; they are not run.

  1,000 requests, 64 in flight; the same again; one row more; another system prompt; a server that allows 16
  at a time; SIGKILL at random moments and at every step of recording an answer; memory; processor time

DATA is not used. With 100 kills and 100,000 requests for the memory it takes about ten minutes. Exits 1 where
a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 0.2  # that an answer takes
MANY, FEW = 1000, 500  # requests
IN_FLIGHT, ALLOWED = 64, 16
KILLED = 300  # rows of the builds that are killed
POINTS = ("send", "answered", "queue", "queued", "write", "written", "synced", "indexed", "noted", "counted")
PRICE = {"input": 3.0, "output": 15.0}  # USD a million tokens
OWN = {"PYTHONPATH": os.fspath(Path(__file__).resolve().parents[1])}  # the p2m that this file belongs to

# As published for the same probes, on another machine: seconds, and requests or answers of 429.
PUBLISHED = {
    f"{MANY:,} requests, {IN_FLIGHT} in flight": ("8.8 s", "9.1 s", "16.2 s"),
    "the same again": ("1 sent, 3.1 s", "0 sent, 0.06 s", "0 sent, 0.65 s"),
    "one row more": ("1,002 sent", "100 sent", "0 sent, old rows"),
    "system prompt changed": ("1 sent, old answers", "-", "all"),
    f"{ALLOWED} of {IN_FLIGHT} allowed, {FEW} requests": (
        "44.9 s, 420 x 429", "17.7 s, 118 x 429", "30.9 s, 732 x 429",
    ),
    "SIGKILL: recorded, and paid again": ("53 of 411", "306 of 306", "resume fails"),
}  # fmt: skip
PEERS = ("curator 0.1.31", "Data Designer 0.9.6", "distilabel 1.5.3")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="ignored; every benchmark is given a folder of datasets")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--memory", type=int, default=100_000, help="requests; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)  # JSON: what another process of this does
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
        return 0
    if arguments.client:
        print(json.dumps(CLIENTS[json.loads(arguments.client)["kind"]](json.loads(arguments.client))))
        return 0
    table = Table()
    with tempfile.TemporaryDirectory(prefix="p2m-teacher-") as place, server() as url:
        bench = Bench(url, Path(place))
        throughput(bench, table, arguments.rounds)
        replays(bench, table)
        crowded(bench, table)
        kills(bench, table, arguments.kills)
        if arguments.memory:
            memory(bench, table, arguments.memory)
    return table.end()


# --------------------------------------------------------------------------- what is printed


@dataclass
class Table:
    """Lines as they are measured, and what was missed."""

    missed: list[str] = field(default_factory=list)

    def line(self, probe: str, found: str, *bars: tuple[str, bool]) -> None:
        peers = "; ".join(
            f"{name} {said}" for name, said in zip(PEERS, PUBLISHED.get(probe, ()), strict=False)
        )
        print(f"{probe:<44} {found}")
        for bar, met in bars:
            print(f"{'':<44}   {'met   ' if met else 'MISSED'} {bar}")
            if not met:
                self.missed.append(f"{probe}: {bar}")
        if peers:
            print(f"{'':<44}   published: {peers}")
        sys.stdout.flush()

    def end(self) -> int:
        print("missed: " + "; ".join(self.missed) if self.missed else "every bar is met")
        return 1 if self.missed else 0


# --------------------------------------------------------------------------- the probes


@dataclass
class Bench:
    """The server, and where stores go."""

    url: str
    place: Path
    number: int = 0

    def store(self) -> str:
        self.number += 1
        return str(self.place / f"store{self.number}")

    def control(self, **settings: Any) -> dict[str, Any]:
        """Set what the server does; what it counted since the last time."""
        request = urllib.request.Request(f"{self.url}/control", json.dumps(settings).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def start(self, kind: str, **what: Any) -> subprocess.Popen[str]:
        asked = {"kind": kind, "url": self.url, "cache": str(self.place / f"cache{self.number}"), **what}
        return subprocess.Popen(
            [sys.executable, __file__, "--client", json.dumps(asked)],
            stdout=subprocess.PIPE, text=True, env=os.environ | OWN,
        )  # fmt: skip

    def client(self, kind: str, **what: Any) -> dict[str, float]:
        process = self.start(kind, **what)
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{kind} ended with {process.returncode}")
        found: dict[str, float] = json.loads(out.splitlines()[-1])
        return found


def throughput(bench: Bench, table: Table, rounds: int) -> None:
    found: dict[str, list[dict[str, float]]] = {"aiohttp": [], "sdk": [], "p2m": []}
    for number in range(rounds):
        for kind, results in found.items():
            bench.control(seconds=SECONDS, allowed=0)
            rows = [number * MANY, (number + 1) * MANY]
            results.append(bench.client(kind, rows=rows, store=bench.store(), in_flight=IN_FLIGHT))
            counted = bench.control()
            assert counted["answered"] == MANY, counted
    # The best of the rounds: what else the machine does only adds.
    wall = {kind: min(one["wall"] for one in each) for kind, each in found.items()}
    cpu = {kind: min(one["cpu"] for one in each) / MANY * 1000 for kind, each in found.items()}
    ratio, over = wall["p2m"] / wall["sdk"], wall["p2m"] / wall["aiohttp"]
    alone = wall["sdk"] / wall["aiohttp"]
    table.line(
        f"{MANY:,} requests, {IN_FLIGHT} in flight",
        f"p2m {wall['p2m']:.2f} s, bare SDK {wall['sdk']:.2f} s, bare aiohttp {wall['aiohttp']:.2f} s",
        (f"{ratio:.2f} x bare SDK (<= 1.1)", ratio <= 1.1),
        (
            f"{over:.2f} x bare aiohttp (<= 1.3, or 1.1 x the SDK where it alone is over: {alone:.2f})",
            over <= (1.3 if alone <= 1.3 else 1.1 * alone),
        ),
    )
    added = cpu["p2m"] - cpu["sdk"]
    table.line(
        "processor time a request",
        f"p2m {cpu['p2m']:.2f} ms, bare SDK {cpu['sdk']:.2f} ms, bare aiohttp {cpu['aiohttp']:.2f} ms",
        (f"{added:+.2f} ms beside the SDK (<= 1)", added <= 1.0),
    )


def replays(bench: Bench, table: Table) -> None:
    store = bench.store()
    bench.control(seconds=SECONDS, allowed=0)
    bench.client("p2m", rows=[0, MANY], store=store)
    probes = (
        ("the same again", [0, MANY], "Answer.", 0),
        ("one row more", [0, MANY + 1], "Answer.", 1),
        ("system prompt changed", [0, MANY], "Answer well.", MANY),
    )
    for name, rows, system, expected in probes:
        bench.control()
        found = bench.client("p2m", rows=rows, store=store, system=system)
        sent = bench.control()["answered"]
        table.line(name, f"p2m {sent} sent, {found['wall']:.2f} s", (f"{expected} sent", sent == expected))


def crowded(bench: Bench, table: Table) -> None:
    bench.control(seconds=SECONDS, allowed=ALLOWED)
    floor = bench.client("aiohttp", rows=[0, FEW], in_flight=ALLOWED)["wall"]
    for name, retry_after in (("", None), (", Retry-After: 1", "1")):
        bench.control(seconds=SECONDS, allowed=ALLOWED, retry_after=retry_after)
        store = bench.store()
        found = bench.client("p2m", rows=[0, FEW], store=store)
        refused = bench.control()["refused"]
        next_one = bench.client("p2m", rows=[FEW, FEW + 100], store=store)
        again = bench.control()["refused"]
        ratio = found["wall"] / floor
        table.line(
            f"{ALLOWED} of {IN_FLIGHT} allowed, {FEW} requests{name}",
            f"p2m {found['wall']:.2f} s, {refused} x 429 (the next build {again} of 100,"
            f" {next_one['wall']:.2f} s); floor {floor:.2f} s",
            (f"{ratio:.2f} x floor (<= 1.5)", ratio <= 1.5),
            (f"{refused} x 429 (< 60)", refused < 60),
        )


def kills(bench: Bench, table: Table, number: int) -> None:
    """Kill builds, read what their ledgers hold, finish them, and look whether that was asked for again."""
    generator = random.Random(7)
    each = max(1, number // 50)
    waiting = [(point, float(generator.randrange(1, KILLED // 2))) for point in POINTS for _ in range(each)]
    at_steps = len(waiting)
    waiting += [("", generator.uniform(0.0, 1.5)) for _ in range(number)]
    twice = recorded = asked_again = 0
    for start in range(0, len(waiting), 4):  # so many kills of one build
        store, held = bench.store(), dict[str, int]()
        bench.control(seconds=0.05, allowed=0, retry_after=None, forget=True)
        for point, at in [*waiting[start : start + 4], ("end", 0.0)]:
            if point == "end":
                bench.client("p2m", rows=[0, KILLED], store=store)
            else:
                kill(bench, store, point, at)
            counts = bench.control(count=True)["counts"]
            twice += sum(counts[row] > before for row, before in held.items())
            held = {row: counts[row] for row in recorded_rows(Path(store))}
        assert len(held) == KILLED, len(held)
        recorded += len(held)
        asked_again += sum(counts.values()) - KILLED
    table.line(
        "SIGKILL: recorded, and paid again",
        f"p2m {twice} of {recorded:,}; {number} kills at random and {at_steps} at {len(POINTS)} steps of"
        f" recording; in flight when killed, and asked again: {asked_again}",
        ("0 paid twice", twice == 0),
        (f"at most the {IN_FLIGHT} in flight again a kill", asked_again <= IN_FLIGHT * len(waiting)),
    )


def kill(bench: Bench, store: str, point: str, at: float) -> None:
    process = bench.start(
        "p2m", rows=[0, KILLED], store=store, die=[point, at] if point else None, ready=True
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is about to ask
    if not point:
        time.sleep(at)
        process.kill()
    process.communicate()
    time.sleep(0.1)  # what was in flight ends at the server


def recorded_rows(store: Path) -> set[str]:
    from p2m.engine.recording import care

    folder = store / "ledger"
    if not (folder / "segments").is_dir():
        return set()
    return {record.asked.request["turns"][-1]["text"] for record in care.each(folder)}


def memory(bench: Bench, table: Table, requests: int) -> None:
    bench.control(seconds=0.0, allowed=0, forget=True)
    found = bench.client("p2m", rows=[0, requests], store=bench.store())
    table.line(
        f"peak memory of {requests:,} requests",
        f"p2m {found['memory']:.0f} MB, {found['wall']:.0f} s",
        (f"{found['memory']:.0f} MB (<= 400)", found["memory"] <= 400),
    )


# --------------------------------------------------------------------------- the clients, a process each


def timed(run: Callable[[], None]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall": wall, "cpu": cpu, "memory": peak()}


def peak() -> float:
    """The most memory that this process has held, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts the process that started this one
        lines = status.read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def messages(row: int) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Answer."}, {"role": "user", "content": f"row {row}"}]


async def gathered(what: dict[str, Any], one: Callable[[int], Awaitable[object]]) -> None:
    """`one` for every row, so many in flight."""
    rows = iter(range(*what["rows"]))

    async def worker() -> None:
        for row in rows:
            await one(row)

    await asyncio.gather(*(worker() for _ in range(what["in_flight"])))


def bare_aiohttp(what: dict[str, Any]) -> dict[str, float]:
    import aiohttp

    async def run() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=what["in_flight"])) as session:

            async def one(row: int) -> None:
                body = {"model": "m", "messages": messages(row), "max_tokens": 16}
                async with session.post(f"{what['url']}/v1/chat/completions", json=body) as answer:
                    assert answer.status == 200, answer.status
                    await answer.json()

            await gathered(what, one)

    return timed(lambda: asyncio.run(run()))


def bare_sdk(what: dict[str, Any]) -> dict[str, float]:
    import openai

    async def run() -> None:
        url = f"{what['url']}/v1"
        async with openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:
            asked: Any = client.chat.completions.create
            await gathered(what, lambda row: asked(model="m", messages=messages(row), max_tokens=16))

    return timed(lambda: asyncio.run(run()))


@dataclass
class Here:
    """What a step is handed, over a real ledger and real sums."""

    recorder: Any
    sums: Any

    def tally(self, name: str, amount: int) -> int:
        total: int = self.sums.add(name, amount)
        return total

    def progress(self, done: int, total: int, note: str = "") -> None: ...


def p2m(what: dict[str, Any]) -> dict[str, float]:
    os.environ["XDG_CACHE_HOME"] = what["cache"]
    import openai  # noqa: F401 - loaded before the clock runs, as the bare loop does

    from p2m.engine.recording.ledger import StepRecorder, close_all
    from p2m.engine.running.tallies import Tally
    from p2m.engine.store import Store
    from p2m.teachers.asking.asker import Asker, Put
    from p2m.teachers.chat import Ask, Turn
    from p2m.teachers.compatible import Compatible
    from p2m.types import Caps

    teacher = Compatible(model="m", base_url=f"{what['url']}/v1", concurrency=IN_FLIGHT, price=PRICE)
    store = Store(Path(what["store"]))
    system = what.get("system", "Answer.")
    if what.get("ready"):
        if what.get("die"):
            die_at(*what["die"])
        print("ready", flush=True)

    async def answered(row: int, put: Put) -> str:
        return (await put(Ask(system, (Turn("user", f"row {row}"),), max_tokens=16))).text

    def run() -> None:
        here: Any = Here(StepRecorder(store.root / "ledger", "0" * 64, {}), Tally(store, "bench"))
        asker = Asker(teacher, here, Caps(max_cost=1e6))
        assert None not in asker.each(range(*what["rows"]), answered)
        close_all()

    return timed(run)


def die_at(point: str, number: int) -> None:
    """Kill this process at the `number`th passing of a step on an answer's way to the disk."""
    from p2m.engine.recording import ledger, record_files, segments
    from p2m.engine.running import tallies
    from p2m.teachers.asking import retries

    places: dict[str, tuple[Any, str, bool]] = {  # where, and whether before it
        "send": (retries.Sender, "send", True),
        "answered": (ledger.Ledger, "_record", True),
        "queue": (segments.Appender, "put", True),
        "queued": (segments.Appender, "put", False),
        "write": (segments, "_write_all", True),
        "written": (segments, "_sync", True),
        "synced": (segments, "_sync", False),
        "indexed": (record_files.RecordFiles, "landed", False),
        "noted": (ledger.StepRecorder, "_note", False),
        "counted": (tallies.Tally, "add", False),
    }
    owner, name, before = places[point]
    original, passed = getattr(owner, name), Counter[str]()

    def passing(*arguments: Any, **named: Any) -> Any:
        passed[point] += 1
        if before and passed[point] >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if passed[point] >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, passing)


CLIENTS = {"aiohttp": bare_aiohttp, "sdk": bare_sdk, "p2m": p2m}


# --------------------------------------------------------------------------- the server, a process of its own


@contextmanager
def server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )  # clients that are killed leave it broken connections to complain of
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@dataclass
class Counting:
    """Answers Chat Completions, and counts."""

    seconds: float = 0.0
    allowed: int = 0  # requests at a time; 0: any number
    retry_after: str | None = None
    now: int = 0
    answered: int = 0
    refused: int = 0
    counts: Counter[str] = field(default_factory=Counter)  # answers by the last message

    async def answer(self, request: Any) -> Any:
        from aiohttp import web

        body = json.loads(await request.read())
        if self.allowed and self.now >= self.allowed:
            self.refused += 1
            headers = {} if self.retry_after is None else {"retry-after": self.retry_after}
            return web.json_response({"error": {"message": "too many"}}, status=429, headers=headers)
        self.now += 1
        try:
            if self.seconds:
                await asyncio.sleep(self.seconds)
        finally:
            self.now -= 1
        text = body["messages"][-1]["content"]
        self.answered += 1
        self.counts[text] += 1
        return web.json_response({
            "id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": f"echo: {text}"},
            }],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        })  # fmt: skip

    async def control(self, request: Any) -> Any:
        from aiohttp import web

        asked = json.loads(await request.read())
        found = {"answered": self.answered, "refused": self.refused}
        if asked.pop("count", False):
            found["counts"] = dict(self.counts)  # type: ignore[assignment]
        if asked.pop("forget", False):
            self.counts.clear()
        self.answered = self.refused = 0
        for name, value in asked.items():
            setattr(self, name, value)
        return web.json_response(found)


async def serve() -> None:
    from aiohttp import web

    counting = Counting()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", counting.answer)
    app.router.add_post("/control", counting.control)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
