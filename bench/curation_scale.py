"""Curating and splitting many rows: `python bench/curation_scale.py [DATA] [--rows N,...] [--kinds K,...]`.

Rows of two kinds: `templates`, which the embedded teacher writes for recipes/temporal.yaml (few words, few
forms), and `texts`, two to five sentences of DATA's squad with some of their words changed, every tenth row
another one with a word changed. For each number of rows (10,000, 100,000; the bar is told up to 1,000,000)
`curate` and `split` run in a process of their own over rows that lie on disk, 500 of them guarded, and are
measured: seconds, processor time, rows a second and the most memory of the process.

Beside it stands datatrove's MinHash (bench/peers.txt, in an environment of its own) with its defaults over
the smallest number of texts: how many of the near duplicates that the exact join finds it finds too (recall),
and how many of those it takes are none. Exits with 1 where a process takes more than 2 GB, or where processor
time grows faster than the power 1.1 of the rows.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import peers

from p2m.curation.base import Shingled, clusters
from p2m.engine.rows import opened, write
from p2m.project import understand
from p2m.stages.curate import curate
from p2m.stages.split import split
from p2m.teachers.embedded import Embedded
from p2m.types import Curation, Example, Examples, Field, Splitting, Task, TaskType

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SIZES, KINDS, GUARDED = "10000,100000", "templates,texts", 500
MOST, SLOPE = 2.0, 1.1  # GB, power
NEAR = 0.9  # of the comparison with the peer
PEER = "datatrove"
TEXTS = Task(TaskType.TEXT_TO_TEXT, "", (Field("text"),), Field("output"))
_MINHASH = """
import json, sys
from pathlib import Path
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.hashing import HashConfig
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig, MinhashDedupSignature, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter)

rows, work = Path(sys.argv[1]), Path(sys.argv[2])
class Read(PipelineStep):
    def run(self, data=None, rank=0, world_size=1):
        with open(rows) as lines:
            for number, line in enumerate(lines):
                yield Document(text=json.loads(line)["input"]["text"], id=str(number))
class Keep(PipelineStep):
    def run(self, data, rank=0, world_size=1):
        with open(work / "kept", "w") as stream:
            for document in data:
                print(document.id, file=stream)
if __name__ == "__main__":
    config = MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))
    for step, tasks in (
        ([Read(), MinhashDedupSignature(str(work / "signatures"), config=config)], 1),
        ([MinhashDedupBuckets(str(work / "signatures"), str(work / "buckets"), config=config)],
         config.num_buckets),
        ([MinhashDedupCluster(str(work / "buckets"), str(work / "removed"), config=config)], 1),
        ([Read(), MinhashDedupFilter(str(work / "removed")), Keep()], 1),
    ):
        LocalPipelineExecutor(step, tasks=tasks, workers=1, logging_dir=str(work / f"log{tasks}{len(step)}"),
                              skip_completed=False).run()
"""


def main() -> int:
    parser = peers.arguments(__doc__ or "")
    parser.add_argument("--rows", default=SIZES)
    parser.add_argument("--kinds", default=KINDS)
    parser.add_argument("--one", nargs=2, help="measure one file of rows of a kind; what this script calls")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one[0], Path(given.one[1]))))
        return 0
    sizes = [int(each) for each in given.rows.split(",")]
    data = Path(given.data or DATA)
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in given.kinds.split(","):
            found = [scaled(kind, size, data, Path(folder)) for size in sizes]
            missed += judged(kind, sizes, found)
        if not given.only or PEER in given.only:
            missed += beside(given, data, min(sizes), Path(folder))
    print("\n".join(f"MISSED: {each}" for each in missed) or "all bars are met")
    return 1 if missed else 0


def scaled(kind: str, size: int, data: Path, folder: Path) -> dict[str, Any]:
    """What it takes to curate and split so many rows of a kind, in a process of its own."""
    path = folder / f"{kind}.jsonl"
    with path.open("wb") as stream:
        rows = rows_of(kind, size + GUARDED, data)
        while some := tuple(islice(rows, 1000)):
            write(stream, Example, some, "rows")
    command = [sys.executable, __file__, "--one", kind, os.fspath(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    speed = size / found["seconds"]
    print(
        f"{kind:9} {size:9,} rows: curate {found['curate'][0]:.1f} s (processor {found['curate'][1]:.1f}),"
        f" split {found['split'][0]:.1f} s ({found['split'][1]:.1f}), {speed:,.0f} rows a second,"
        f" {found['memory']:.2f} GB; {found['kept']:,} kept, {found['train']:,} to learn from,"
        f" {found['units']:,} clusters; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return found


def judged(kind: str, sizes: Sequence[int], found: Sequence[dict[str, Any]]) -> list[str]:
    missed = [
        f"{each['memory']:.2f} GB of memory for {size:,} {kind}"
        for size, each in zip(sizes, found, strict=True)
        if each["memory"] > MOST
    ]
    if len(sizes) > 1:
        slope = math.log(found[-1]["processor"] / found[0]["processor"]) / math.log(sizes[-1] / sizes[0])
        print(f"{kind:9} processor time grows with the power {slope:.2f} of the rows")
        missed += [f"{kind}: power {slope:.2f}, at most {SLOPE}"] if slope > SLOPE else []
    return missed


def measured(kind: str, path: Path) -> dict[str, Any]:
    """Curate and split the rows of a file but the first, which are guarded."""
    task = _task(kind)
    everything = opened(path, Example)
    guarded, rows = Examples(everything[:GUARDED]), Examples(everything[GUARDED:])
    began, spent = time.perf_counter(), time.process_time()
    curated = curate(task, rows, None, None, None, guarded, curation=Curation(), seed=0)
    middle, half = time.perf_counter(), time.process_time()
    parts = split(task, curated, None, guarded, splitting=Splitting(), seed=0)
    end, over = time.perf_counter(), time.process_time()
    return {
        "curate": (middle - began, half - spent),
        "split": (end - middle, over - half),
        "seconds": end - began,
        "processor": over - spent,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "kept": len(curated.rows),
        "train": len(parts.train),
        "units": int(parts.figures["units"]),
    }


def _task(kind: str) -> Task:
    return understand(ROOT / "recipes" / "temporal.yaml").task if kind == "templates" else TEXTS


def rows_of(kind: str, number: int, data: Path) -> Iterator[Example]:
    if kind == "templates":
        return Embedded().generate(_task(kind), number, seed=0, texts=None)
    return islice(_texts(data), number)


def _texts(data: Path) -> Iterator[Example]:
    """Endless rows of natural sentences."""
    with gzip.open(data / "hub" / "squad" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        passages = sorted({json.loads(line)["context"] for line in lines})
    sentences = list(chain.from_iterable(passage.split(". ") for passage in passages))
    words = sorted({word for sentence in sentences for word in sentence.split()})
    lot = random.Random(0)
    before: list[str] = []
    number = 0
    while True:
        number += 1
        if number % 10 == 0:
            text = lot.choice(before).split(" ")
            text[lot.randrange(len(text))] = lot.choice(words)
        else:
            text = ". ".join(lot.choices(sentences, k=lot.randint(2, 5))).split(" ")
            for _ in range(len(text) // 8):
                text[lot.randrange(len(text))] = lot.choice(words)
        before = [*before[-999:], " ".join(text)]
        yield Example({"text": before[-1]}, "yes" if lot.random() < 0.5 else "no", source="user")


def beside(given: Any, data: Path, size: int, folder: Path) -> list[str]:
    """The peer's near duplicates and ours, over the same texts."""
    there = peers.prepare(given.peers, {PEER})
    if PEER in there.missing:
        print(f"{PEER} cannot be installed: {there.missing[PEER]}")
        return [] if given.allow_missing else [f"{PEER} is missing"]
    path, work = folder / "texts.jsonl", folder / "minhash"
    work.mkdir()
    with path.open("wb") as stream:
        write(stream, Example, tuple(rows_of("texts", size, data)), "rows")
    began = time.perf_counter()
    texts = (row.input["text"] for row in opened(path, Example))
    ours = clusters(Shingled((text,) for text in texts), threshold=NEAR).tolist()
    middle = time.perf_counter()
    script = folder / "minhash.py"
    script.write_text(_MINHASH, encoding="utf-8")
    command = [os.fspath(there.found[PEER].bin / "python"), *map(os.fspath, (script, path, work))]
    subprocess.run(command, check=True, capture_output=True)
    end = time.perf_counter()
    kept = {int(line) for line in (work / "kept").read_text(encoding="utf-8").split()}
    gone = Counter(ours[row] for row in range(size) if row not in kept)
    repeats = {cluster: rows - 1 for cluster, rows in Counter(ours).items()}
    both = sum(min(rows, repeats[cluster]) for cluster, rows in gone.items())
    print(
        f"{size:,} texts: p2m finds {sum(repeats.values()):,} near duplicates (every pair of {NEAR}) in"
        f" {middle - began:.1f} s; {PEER} {there.found[PEER].version} takes {gone.total():,} rows in"
        f" {end - middle:.1f} s: recall {both / max(1, sum(repeats.values())):.3f},"
        f" {gone.total() - both:,} of them no such duplicates"
    )
    return []


if __name__ == "__main__":
    sys.exit(main())
