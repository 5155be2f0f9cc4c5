"""Steps on a Ray cluster: what one costs, whether three machines make what one makes, and what kills do.

    python bench/cluster.py                    # all of it
    python bench/cluster.py cost --steps 1000
    python bench/cluster.py build qa tickets --small
    python bench/cluster.py kill --kills 20

Clusters are made on this machine, of raylets with a folder, a store and a cache each. Bars:

- cost: a plan of 10,000 steps takes at most 1 ms a step where all is made, and 20 ms a step on Ray; beside
  that stands what Ray itself takes for as many tasks that do nothing;
- build: on three machines pure and recorded steps have the digests of a local build, and the primary metric
  lies within half of its interval;
- kill: workers, machines and drivers are killed at random (SIGKILL), while a plan asks a server of OpenAI's
  wire format that counts. Nothing wrong is made, no step is begun again that the driver had, and no request
  is sent again that was recorded, or while whoever sent it lives.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

from cluster_stages import ask, more, nap, note

from p2m.engine.executor import Inline, Silent, execute
from p2m.engine.handles import Device
from p2m.engine.plan import Plan
from p2m.engine.storage.shared_address import SharedAddress
from p2m.engine.store import Store

ROOT = Path(__file__).resolve().parents[1]
CACHED, ON_RAY = 1.0, 20.0  # milliseconds a step
CHAINS = 100  # of the plan of many steps
SMALL = ("generation.num_examples=400", "student=linear", "compression=none", "evaluation.bootstrap=200")


# --------------------------------------------------------------------------- clusters


@dataclass
class Lent:
    """A cluster whose head is the driver's machine and takes `here` steps at a time, and others beside it."""

    cluster: Any
    folder: Path
    number: int = 0
    nodes: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    @property
    def shared(self) -> str:
        return f"file://{self.folder}/shared"

    def add(self, cpus: int) -> None:
        self.number += 1
        mine = self.folder / f"machine{self.number}"
        mine.mkdir()
        variables = {"P2M_STORE": str(mine / "store"), "XDG_CACHE_HOME": str(mine / "cache")}
        self.nodes.append(self.cluster.add_node(num_cpus=cpus, env_vars=variables, **_small()))


def _small() -> dict[str, Any]:
    return {"object_store_memory": 80 << 20, "include_log_monitor": False, "no_monitor": True}


@contextmanager
def lent(folder: Path, here: int, others: tuple[int, ...]) -> Iterator[Lent]:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_prestart_worker_first_driver": "0"}
    from ray.cluster_utils import Cluster

    head = {"num_cpus": here, "include_dashboard": False, **_small()}
    cluster = Lent(Cluster(initialize_head=True, head_node_args=head, shutdown_at_exit=False), folder)
    try:
        for cpus in others:
            cluster.add(cpus)
        yield cluster
    finally:
        import ray

        ray.shutdown()
        cluster.cluster.shutdown()


def on_ray(cluster: Lent) -> Any:
    from p2m.engine.running.cluster import Ray

    return Ray(cluster.address, asking="anywhere")


# --------------------------------------------------------------------------- what a step costs


def cost(steps: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="p2m-cluster-") as place:
        folder = Path(place)
        with lent(folder, 1, (1,)) as cluster:
            bare = bare_ray(cluster, steps)
            store = Store(folder / "store", SharedAddress(cluster.shared, "write"))
            clock = Clock()
            began = time.perf_counter()
            result = execute(many(steps), store, Device(), clock, executor=on_ray(cluster))
            ray = (time.perf_counter() - began) * 1000 / steps
            places = sum((folder / f"machine{number}").exists() for number in (1,))
            assert result.counts["ran"] == steps, result.counts
            assert places
            far = len(list((folder / "machine1" / "store" / "ac").glob("*/*")))
            store.flush(lambda line: None)
        alone = Store(folder / "store")
        plan = many(steps)
        began = time.perf_counter()
        assert execute(plan, alone, Device(), executor=Inline()).counts["reused"] == steps
        cached = (time.perf_counter() - began) * 1000 / steps
    first = clock.first - clock.began
    print(f"plan of {steps:,} steps")
    print(f"  all made, in this process: {cached:6.2f} ms a step  (at most {CACHED:g})")
    print(f"  on Ray, two machines:      {ray:6.2f} ms a step  (at most {ON_RAY:g});"
          f" {first:.1f} s until the first ended, {far:,} steps on the other machine")  # fmt: skip
    print(f"  bare Ray, empty tasks:     {bare[0]:6.2f} ms a task at once, {bare[1]:.2f} ms one by one")
    return cached <= CACHED and ray <= ON_RAY


class Clock(Silent):
    """When the first step ended."""

    def __init__(self) -> None:
        self.began, self.first = time.perf_counter(), 0.0

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self.first = self.first or time.perf_counter()


def many(steps: int) -> Plan:
    """Chains beside each other."""
    plan = Plan("many")
    last: list[Any] = []
    for number in range(steps):
        rest = (last[number - CHAINS],) if number >= CHAINS else ()
        last.append(plan.add(f"s{number}", more, *rest, name=f"s{number}"))
    return plan


def bare_ray(cluster: Lent, tasks: int) -> tuple[float, float]:
    """Milliseconds of an empty task of Ray: all handed over at once, and each after the other."""
    import ray

    ray.init(cluster.address, log_to_driver=False, configure_logging=False)
    try:
        empty = ray.remote(num_cpus=1)(lambda: 0)
        ray.get([empty.remote() for _ in range(20)])
        began = time.perf_counter()
        ray.get([empty.remote() for _ in range(tasks)])
        at_once = (time.perf_counter() - began) * 1000 / tasks
        few = min(tasks, 500)
        began = time.perf_counter()
        for _ in range(few):
            ray.get(empty.remote())
        return at_once, (time.perf_counter() - began) * 1000 / few
    finally:
        ray.shutdown()


# --------------------------------------------------------------------------- whole builds


def build(recipes: list[str], small: bool) -> bool:
    good = True
    with tempfile.TemporaryDirectory(prefix="p2m-cluster-") as place:
        folder = Path(place)
        with lent(folder, 1, (1, 1)) as cluster:
            for name in recipes:
                good = compare(name, SMALL if small else (), folder, cluster) and good
    return good


def compare(name: str, overrides: tuple[str, ...], folder: Path, cluster: Lent) -> bool:
    from p2m.engine.journal import last_steps
    from p2m.project import load

    found, seconds = {}, {}
    far = ("executor=ray", f"executor.address={cluster.address}", "executor.asking=anywhere", "store=shared",
           f"store.shared.url={cluster.shared}", "store.shared.mode=write")  # fmt: skip
    for how, words in (("ray", far), ("local", ("executor=local",))):
        project = folder / how / name
        shutil.copytree(ROOT / "recipes", project / "recipes", dirs_exist_ok=True)
        command = ["build", f"recipes/{name}.yaml", *words, *overrides, f"store.path={project / 'store'}"]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "p2m", *command], cwd=project, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        seconds[how] = time.perf_counter() - began
        if done.returncode not in (0, 4):
            print(f"  {name}, {how}: p2m {' '.join(command)} exited with {done.returncode}\n{done.stderr}")
            return False
        plan = load(project / "recipes" / f"{name}.yaml", [*words, *overrides]).plan
        found[how] = last_steps(Store(project / "store"), plan.name)
    same, wrong, other = 0, [], 0
    for step in plan.steps:
        one, two = found["ray"].get(step.name), found["local"].get(step.name)
        if step.is_source or one is None or two is None:
            continue
        if one.output == two.output:
            same += 1
        elif step.kind == "pure" or step.is_recorded:
            wrong.append(step.name) if one.key == two.key else None
            other += one.key != two.key
        else:
            other += 1
    stores = [path for path in folder.glob("machine*/store/ac") if any(path.iterdir())]
    print(f"{name}: {same} steps have the digest of the local build, {other} differ below a measurement or a"
          f" seed, wrong: {wrong or 'none'}; {seconds['ray']:.0f} s on three machines,"
          f" {seconds['local']:.0f} s on one; {len(stores)} other machines made something")  # fmt: skip
    return not wrong and metrics_agree(name, folder)


def metrics_agree(name: str, folder: Path) -> bool:
    """Whether each metric of the two bundles differs by at most half of its interval."""
    one, two = (
        {each["metric"]: each for each in json.loads(place.read_text())["metrics"]}
        for how in ("ray", "local")
        for place in list((folder / how / name / "outputs").rglob("manifest.json"))[:1]
    )
    good = True
    for metric, score in one.items():
        other = two[metric]
        good &= abs(score["value"] - other["value"]) <= max((other["high"] - other["low"]) / 2, 1e-9)
    shown = ", ".join(f"{metric} {one[metric]['value']:.3f} and {two[metric]['value']:.3f}" for metric in one)
    print(f"  on three machines and on one: {shown}")
    return good


# --------------------------------------------------------------------------- kills


GIVEN_UP = "times like this, so it is not run again"


class Counting(BaseHTTPRequestHandler):
    """Answers a chat message with itself, and logs when each came and was answered."""

    log = ""
    seconds = 0.05

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number = body["messages"][-1]["content"]
        note(self.log, "asked", number)
        time.sleep(self.seconds)
        reply = {"object": "chat.completion", "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": number}}
        ], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}  # fmt: skip
        content = json.dumps(reply).encode()
        with suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_words: object) -> None: ...


def round_of(number: int, folder: Path, url: str, steps: int) -> Plan:
    """Naps and questions in chains; questions of neighbours overlap, so that some wait for each other."""
    plan, log = Plan("kills"), str(folder / "begun")
    ends: list[Any] = [None] * 8
    for place in range(steps):
        chain = place % len(ends)
        rest = () if ends[chain] is None else (ends[chain],)
        name = f"r{number}-{place}"
        if place % 2:
            ends[chain] = plan.add(name, nap, *rest, name=name, seconds=0.15, log=log)
        else:
            first = number * 100_000 + place * 2
            numbers = tuple(range(first, first + 6))
            ends[chain] = plan.add(name, ask, *rest, name=name, numbers=numbers, url=url, log=log)
    return plan


def drive(folder: Path, address: str, url: str, steps: int) -> None:
    """The driver: one round after the other, until it is killed."""
    from p2m.engine.running.cluster import Ray

    store = Store(folder / "driver", SharedAddress(f"file://{folder}/shared", "write"))
    number = len(list(folder.glob("round-*")))
    while True:
        plan = round_of(number, folder, url, steps)
        result = execute(plan, store, Device(), executor=Ray(address, asking="anywhere"))
        sums = {outcome.step: [outcome.key, outcome.output] for outcome in result.outcomes}
        (folder / "round.part").write_text(json.dumps(sums))
        os.replace(folder / "round.part", folder / f"round-{number}")
        number += 1


def kill(kills: int, steps: int, seed: int, minutes: float) -> bool:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="p2m-kills-") as place:
        folder = Path(place)
        Counting.log = str(folder / "asked")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with lent(folder, 0, (1, 1)) as cluster:
            harness = Harness(cluster, folder, url, steps)
            until = time.monotonic() + 60 * minutes
            while len(harness.kills) < kills and time.monotonic() < until:
                harness.until_something_runs()
                time.sleep(chance.uniform(0.0, 1.0))
                harness.kill(chance)
            harness.until(lambda: not harness.is_adding)
            rounds = len(list(folder.glob("round-*")))
            harness.until(lambda: len(list(folder.glob("round-*"))) > rounds)
            harness.driver.kill()
            harness.driver.wait()
        server.shutdown()
        return judge(folder, harness, url, steps)


class Harness:
    """Keeps a driver running, and kills."""

    def __init__(self, cluster: Lent, folder: Path, url: str, steps: int) -> None:
        self.cluster, self.folder, self.url, self.steps = cluster, folder, url, steps
        self.kills: list[tuple[float, str]] = []
        self.errors: list[str] = []
        self.given_up = 0  # drivers that ended since kills met one step time and again, as they should
        self.adding: list[threading.Thread] = []
        self.start()

    @property
    def is_adding(self) -> bool:
        return any(each.is_alive() for each in self.adding)

    def start(self) -> None:
        self.begun = self.size()
        command = [sys.executable, __file__, "--drive", str(self.folder), self.cluster.address, self.url]
        self.out = open(self.folder / "driver.log", "ab")  # noqa: SIM115
        self.driver = subprocess.Popen(
            [*command, str(self.steps)], stdout=self.out, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def size(self) -> int:
        path = self.folder / "begun"
        return path.stat().st_size if path.exists() else 0

    def until_something_runs(self) -> None:
        self.until(lambda: self.size() > self.begun)
        self.begun = self.size()

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait, with a driver that runs; one that ends by itself is an error, and another one starts."""
        deadline = time.monotonic() + 240
        while not is_so():
            if self.driver.poll() is not None:
                said = (self.folder / "driver.log").read_text()[-2000:]
                if GIVEN_UP in said.rstrip()[-300:]:
                    self.given_up += 1
                else:
                    self.errors.append(said)
                self.start()
            if time.monotonic() > deadline or len(self.errors) > 3:
                log = (self.folder / "driver.log").read_text()[-2000:]
                raise SystemExit("\n".join(["no progress", log, *self.errors]))
            time.sleep(0.05)

    def kill(self, chance: random.Random) -> None:
        """Kill a worker, half of the time, or a machine, which another one replaces, or the driver."""
        how = chance.choice(["worker", "worker", "machine", "driver"])
        if how == "machine" and not self.cluster.nodes:
            return
        if how == "driver":
            self.stamp(how)
            self.driver.kill()
            self.driver.wait()
            self.start()
        elif how == "machine":
            node = chance.choice(self.cluster.nodes)
            raylet = node.all_processes["raylet"][0].process.pid
            family = [raylet, *descendants(raylet)]
            self.stamp(how)
            for pid in family:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self.cluster.nodes.remove(node)
            self.adding.append(threading.Thread(target=self.replace, args=(node,)))
            self.adding[-1].start()
        else:
            workers = [
                pid
                for node in self.cluster.nodes
                for pid in descendants(node.all_processes["raylet"][0].process.pid)
                if b"p2m.engine.running.worker" in read(f"/proc/{pid}/cmdline")
            ]
            if not workers:
                return
            self.stamp(how)
            with suppress(OSError):
                os.kill(chance.choice(workers), signal.SIGKILL)

    def replace(self, node: Any) -> None:
        with suppress(Exception):
            self.cluster.cluster.remove_node(node, allow_graceful=False)
        self.cluster.add(1)

    def stamp(self, how: str) -> None:
        self.kills.append((time.time(), how))


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := read(f"/proc/{entry}/stat")):
            children.setdefault(int(stat.rpartition(b")")[2].split()[1]), []).append(int(entry))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def lines(path: Path) -> dict[str, list[float]]:
    """Times by what the line is about."""
    found: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        when, _, name = line.split()
        found.setdefault(name, []).append(float(when))
    return found


def judge(folder: Path, harness: Harness, url: str, steps: int) -> bool:
    from p2m.engine.recording.ledger import Ledger
    from p2m.engine.recording.records import Asked

    begun, asked = lines(folder / "begun"), lines(folder / "asked")
    store = Store(folder / "driver")
    rounds = sorted(folder.glob("round-*"), key=lambda path: int(path.name[6:]))
    wrong, redone_late = 0, 0
    with tempfile.TemporaryDirectory() as place:
        for path in rounds:
            sums = json.loads(path.read_text())
            plan = round_of(int(path.name[6:]), folder, url, steps)
            values: dict[str, int] = {}
            for step in plan.steps:
                given = [values[edge.step] for edge in step.inputs if edge.step]
                numbers = step.settings.get("numbers")
                values[step.name] = sum(given) + (sum(numbers) if numbers else 1)
                key, output = sums[step.name]
                made = json.loads((store.materialize(output) / "value.json").read_text())
                wrong += made["fields"]["value"] != values[step.name]
                had = store.entry_path(key).stat().st_mtime
                redone_late += sum(when > had for when in begun[step.name])
        del place
    ledger = Ledger(folder / "driver" / "ledger")
    times = [when for when, _ in harness.kills]
    again = twice = overlapping = 0
    for number, asks in asked.items():
        record = ledger.record_files.find_anywhere(Asked.of({"number": int(number)}).digest)
        again += len(asks) - 1
        twice += record is not None and asks[-1] > record.time
        for one, two in pairwise(asks):
            overlapping += not any(one <= when <= two for when in times)
    redone = sum(len(each) - 1 for each in begun.values())
    counts = {how: sum(each == how for _, each in harness.kills) for how in ("worker", "machine", "driver")}
    print(f"{len(times)} kills ({', '.join(f'{count} of a {how}' for how, count in counts.items())}),"
          f" {len(rounds)} rounds of {steps} steps finished")  # fmt: skip
    print(f"  values that are wrong: {wrong}; errors of a driver: {len(harness.errors)};"
          f" given up, since kills met a step three times: {harness.given_up}")  # fmt: skip
    print(f"  steps begun again: {redone} of {len(begun):,}; of these, which the driver had: {redone_late}")
    print(f"  requests: {sum(map(len, asked.values())):,} sent, {len(asked):,} different; sent again, since a"
          f" kill met them under way: {again}; sent again although recorded: {twice};"
          f" sent again with nobody killed: {overlapping}")  # fmt: skip
    for error in harness.errors:
        print(error)
    return not (wrong or harness.errors or redone_late or twice or overlapping)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help="cost, build, kill; and recipes to build; by default all")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=15.0, help="after which nothing more is killed")
    parser.add_argument("--round", type=int, default=200, help="steps of one round between kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true", help="build few rows and a linear student")
    parser.add_argument("--drive", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive:
        drive(Path(given.drive[0]), given.drive[1], given.drive[2], int(given.drive[3]))
        return 0
    parts = [word for word in given.what if word in ("cost", "build", "kill")] or ["cost", "build", "kill"]
    recipes = [word for word in given.what if (ROOT / "recipes" / f"{word}.yaml").exists()]
    good = True
    for part in parts:
        if part == "cost":
            good = cost(given.steps) and good
        elif part == "build":
            good = build(recipes or ["tickets", "qa"], given.small) and good
        else:
            good = kill(given.kills, given.round, given.seed, given.minutes) and good
    print("ok" if good else "A BAR IS MISSED")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
