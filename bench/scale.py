"""A million rows through a build on one machine: `python bench/scale.py [DATA]`.

A table of so many rows is written (--rows; 10,000, 50,000 and 200,000, with --all 1,000,000 too): sentences
of some twenty words from 20,000, six labels, each told by its own words; one row in a hundred is another one
with a word changed, and one in two hundred another one again. Recipes over it are built, `linear_tfidf` to
the bundle and `minilm` to the model that 200 steps gave; beside them the rules of the embedded teacher write
as many rows of reading comprehension. Every step's time and the most memory of any process that worked on it
are measured: the kernel's high-water mark, reset when the step starts.

Exits with 1 where a step takes more than 2 GB, or where the time from reading to training grows faster than
the power 1.1 of the rows. Beside it: `datasets` reads the table and drops exact repeats, and datatrove's
MinHash drops near ones (peers.txt, in an environment of its own), where --allow-missing does not do without.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import peers

from p2m.engine.executor import execute
from p2m.engine.observer import Silent
from p2m.engine.running.local import Local
from p2m.project import load, open_store

SIZES, WHOLE = (10_000, 50_000, 200_000), 1_000_000
MOST, SLOPE = 2.0, 1.1
LABELS = ("billing", "delivery", "returns", "account", "technical", "presales")
STEPS = 200  # of the tuned student
BASE = "datatrove"
_SOLVED = ("read-train", "curate", "split", "train")
_RECIPE = """
defaults:
  - base
  - override teacher: none
  - override retriever: none
  - override student: linear_tfidf
  - _self_
name: scale
prompt: |
  Classify a message. The input is the text of the message; the output is its label, one of billing, delivery,
  returns, account, technical and presales.
task:
  {type: text-classification, inputs: [text], output: label,
   labels: [billing, delivery, returns, account, technical, presales]}
data: {train: table.jsonl}
baselines: {candidates: {linear_minilm: null}}
"""
_QUESTIONS = """
defaults: [base, _self_]
name: questions
prompt: |
  Answer a question from a passage. The input is a question and a context; the output is the shortest span of
  the context, copied word for word, that answers the question. Do not answer in a full sentence.
examples:
  - input:
      question: Who drew the plans?
      context: The mill at Orrin was built in 1811 from plans by Ada Marsh.
    output: Ada Marsh
retriever: {sources: []}
"""
_PEER = """
import sys, time, json
from pathlib import Path
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig, MinhashDedupSignature, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter)
from datatrove.utils.hashing import HashConfig
from datasets import load_dataset

place = Path(sys.argv[1])
class Rows(PipelineStep):
    def run(self, data=None, rank=0, world_size=1):
        with open(place / "table.jsonl") as lines:
            for number, line in enumerate(lines):
                if number % world_size == rank:
                    yield Document(text=json.loads(line)["text"], id=str(number))
class Count(PipelineStep):
    def run(self, data, rank=0, world_size=1):
        for document in data:
            yield document

if __name__ == "__main__":
    began = time.perf_counter()
    table = str(place / "table.jsonl")
    rows = load_dataset("json", data_files=table, split="train", cache_dir=str(place / "hf"))
    seen = set()
    kept = rows.filter(lambda row: not (row["text"] in seen or seen.add(row["text"])))
    print(f"datasets exact {time.perf_counter() - began:.1f} {len(kept)}", flush=True)
    began = time.perf_counter()
    config = MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))  # its xxhash wants an older package
    work = place / "minhash"
    for step, tasks in (
        ([Rows(), MinhashDedupSignature(str(work / "signatures"), config=config)], 2),
        ([MinhashDedupBuckets(str(work / "signatures"), str(work / "buckets"), config=config)], 14),
        ([MinhashDedupCluster(str(work / "buckets"), str(work / "removed"), config=config)], 1),
        ([Rows(), MinhashDedupFilter(str(work / "removed")), Count()], 2),
    ):
        LocalPipelineExecutor(step, tasks=tasks, workers=2, logging_dir=str(work / f"log{time.time()}")).run()
    print(f"datatrove near {time.perf_counter() - began:.1f}", flush=True)
"""


class Watch(Silent):
    """Seconds and memory (GB) of each step."""

    def __init__(self, name: str, rows: int) -> None:
        self.name, self.rows = name, rows
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float] = defaultdict(float)
        self.running = ""
        self._over = Event()

    def step_started(self, step: str) -> None:
        for pid in _children():
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")
        self.running = step

    def step_finished(self, step: str, status: str, seconds: float) -> None:
        self._look()
        self.seconds[step], self.running = seconds, ""
        if seconds > 0.5:
            pace = f"{self.rows / seconds:>10,.0f} rows/s {self.memory[step]:6.2f} GB"
            print(f"{self.rows:>9,} rows  {self.name:<9} {step:<12} {seconds:8.1f} s {pace}", flush=True)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Whatever the processes below this one take is written to the step that runs."""

        def watch() -> None:
            while not self._over.wait(0.1):
                self._look()

        thread = Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _look(self) -> None:
        step = self.running
        for pid in _children() if step else ():
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                peak = next(line for line in lines if line.startswith("VmHWM")).split()[1]
                self.memory[step] = max(self.memory[step], int(peak) / 1e6)


def _children() -> list[int]:
    """The processes below this one."""
    found, new = [], [Path("/proc/self").resolve().name]
    while new:
        inner = []
        for pid in new:
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    inner += path.read_text().split()
        found += inner
        new = inner
    return [int(pid) for pid in found]


def main() -> int:
    parser = peers.arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the table")
    parser.add_argument("--all", action="store_true", help="1,000,000 rows too")
    parser.add_argument("--only-parts", default="", help="parts to run: linear, tuned, generate, peer")
    given = parser.parse_args()
    sizes = given.rows or [*SIZES, *([WHOLE] if given.all else [])]
    parts = set(filter(None, given.only_parts.split(","))) or {"linear", "tuned", "generate", "peer"}
    wrong: list[str] = []
    whole: dict[int, float] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="p2m-scale-") as folder:
            place = Path(folder)
            write(place / "table.jsonl", size)
            took: dict[str, float] = {}
            if "linear" in parts:
                took = built(place, size, "linear", [], ("package",), wrong)
                whole[size] = sum(took[name] for name in _SOLVED)
            if "tuned" in parts:
                epochs = f"training.epochs={STEPS * 32 / size:.6f}"
                words = ["student=minilm", epochs, "training.batch_size=32", "training.evaluations=1"]
                built(place, size, "tuned", words, ("train",), wrong)
            if "generate" in parts:
                generated(place, size, wrong)
            if "peer" in parts:
                beside(place, size, took, given, wrong)
    if len(whole) > 1:
        slope = slope_of(whole)
        print(f"time from reading to training grows with rows to the power {slope:.2f} (bar {SLOPE})")
        if slope > SLOPE:
            wrong.append(f"the power is {slope:.2f}")
    for line in wrong:
        print(f"missed: {line}")
    return 1 if wrong else 0


def write(path: Path, rows: int) -> None:
    """The table; the first rows of a larger one are those of a smaller one."""
    words = random.Random(0)
    common = [_word(words) for _ in range(20_000)]
    telling = {label: [_word(words) for _ in range(400)] for label in LABELS}
    weights = [1 / (place + 10) for place in range(len(common))]
    sums = [sum(weights[:1])]
    for weight in weights[1:]:
        sums.append(sums[-1] + weight)
    lot = random.Random(1)
    kept: list[tuple[list[str], str]] = []
    with path.open("w", encoding="utf-8") as stream:
        for number in range(rows):
            if kept and number % 200 == 199:
                text, label = lot.choice(kept)
            elif kept and number % 100 == 50:
                text, label = lot.choice(kept)
                text = list(text)
                text[lot.randrange(len(text))] = _word(lot)
            else:
                label = lot.choice(LABELS)
                text = lot.choices(common, cum_weights=sums, k=lot.randint(14, 22))
                for _ in range(3):
                    text.insert(lot.randrange(len(text)), lot.choice(telling[label]))
                if len(kept) < 20_000:
                    kept.append((text, label))
            stream.write(json.dumps({"text": " ".join(text), "label": label}) + "\n")


def _word(lot: random.Random) -> str:
    return "".join(lot.choice("bdfgklmnprstvz") + lot.choice("aeiou") for _ in range(lot.randint(2, 4)))


def built(
    place: Path, size: int, name: str, words: list[str], ends: tuple[str, ...], wrong: list[str]
) -> dict[str, float]:
    """Seconds of each step of a recipe over the table, up to `ends`; what is printed is held to the bar."""
    recipe = place / "recipes" / f"{name}.yaml"
    recipe.parent.mkdir(exist_ok=True)
    (recipe.parent / "table.jsonl").unlink(missing_ok=True)
    (recipe.parent / "table.jsonl").symlink_to(place / "table.jsonl")
    recipe.write_text(_RECIPE, encoding="utf-8")
    return _built(recipe, size, name, words, ends, wrong)


def generated(place: Path, size: int, wrong: list[str]) -> None:
    recipe = place / "recipes" / "questions.yaml"
    recipe.parent.mkdir(exist_ok=True)
    recipe.write_text(_QUESTIONS, encoding="utf-8")
    words = [f"generation.num_examples={size}"]
    _built(recipe, size, "generate", words, ("generate",), wrong)


def _built(
    recipe: Path, size: int, name: str, words: list[str], ends: tuple[str, ...], wrong: list[str]
) -> dict[str, float]:
    project = load(recipe, [*words, f"store.path={recipe.parents[1] / 'store'}"])
    watch = Watch(name, size)
    with watch.looking():
        plan, store = project.plan.up_to(*ends), open_store(project, to_build=True)
        execute(plan, store, project.composed.spec.device, watch, executor=Local(workers=1))
    shards = [step for step in watch.seconds if step.startswith("generate-")]
    if shards:
        together = sum(watch.seconds[each] for each in shards)
        pace = f"{together:8.1f} s {size / together:>10,.0f} rows/s"
        print(f"{size:>9,} rows  {name:<9} {len(shards)} shards     {pace}")
    for step, most in watch.memory.items():
        if most > MOST:
            wrong.append(f"{size:,} rows, {name}: {step} takes {most:.2f} GB, more than {MOST:g}")
    return watch.seconds


def beside(place: Path, size: int, took: dict[str, float], given: object, wrong: list[str]) -> None:
    """The peer over the same table."""
    known = peers.prepare(given.peers, {BASE})  # type: ignore[attr-defined]
    if BASE not in known.found:
        print(known.missing.get(BASE, f"peers.txt does not pin {BASE}"))
        if not given.allow_missing:  # type: ignore[attr-defined]
            wrong.append(f"{BASE} is missing")
        return
    script = place / "peer.py"
    script.write_text(_PEER, encoding="utf-8")
    python = known.found[BASE].bin / "python"
    began = time.perf_counter()
    home = peers.environment(place / "home")
    ran = peers.run([str(python), str(script), str(place)], place, home, seconds=3600)
    for line in ran.out.splitlines():
        if line.startswith(("datasets exact", "datatrove near")):
            print(f"{size:>9,} rows  {line} s", flush=True)
    if ran.code:
        wrong.append(f"the peer failed: {ran.last_line}")
    if took:
        ours = f"p2m's curate {took['curate']:.1f} s, exact and near, none missed"
        print(f"{size:>9,} rows  peer {time.perf_counter() - began:.1f} s; {ours}")


def slope_of(times: dict[int, float]) -> float:
    """Of the logarithm of time over that of rows, by least squares."""
    points = [(math.log(rows), math.log(seconds)) for rows, seconds in times.items()]
    x, y = (sum(each) / len(points) for each in zip(*points, strict=True))
    return float(sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points))


if __name__ == "__main__":
    sys.exit(main())
