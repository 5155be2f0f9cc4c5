"""Whether batches pay and change nothing: `python bench/batching.py [data folder] [--bundle FOLDER]`.

Asks the bundle's predictor, on one thread, for SQuAD validation rows (passages) and for banking77 test rows
(short texts), 1, 8 and 32 at a time: rows a second, medians of alternating rounds in processor seconds, so
that other work on the machine counts little; peak memory, each batch size in a process of its own; answers
that differ from those of one by one, by their text or by more than 0.001 of their score. Without --bundle
the models are all-MiniLM-L6-v2 with a head of random weights, in eight bits: the head has no say in the
speed, and its scores are as sensitive as any. Exits 1 where a batch is slower than one by one by more than
3%, or an answer differs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from p2m.compression.int8 import Int8
from p2m.deploy.serving.predictor import Predictor
from p2m.deploy.serving.rows import Answer
from p2m.deploy.serving.settings import Settings
from p2m.students.minilm import MiniLM
from p2m.types import Field, Task, TaskType

SIZES = (1, 8, 32)
ROUNDS = 7
SLACK = 0.03  # of the rows a second one by one: noise
ROWS = {"passages": 48, "short texts": 384}
FILES = {"passages": "squad/validation.jsonl.gz", "short texts": "banking77/test.jsonl.gz"}
Row = Mapping[str, str]


def main(argv: Sequence[str]) -> int:
    arguments = _arguments(argv)
    if arguments.peak:
        print(peak(Path(arguments.peak), json.load(sys.stdin), arguments.size))
        return 0
    failures = 0
    print(f"{'':12s} {'batch':>6s} {'rows/s':>8s} {'gain':>6s} {'peak':>8s} {'differ':>7s}")
    with tempfile.TemporaryDirectory(prefix="p2m-batching-") as work:
        for name, rows, model in cases(arguments.data, arguments.bundle, Path(work)):
            failures += compare(name, rows, model)
    print(f"\n{'FAIL' if failures else 'PASS'}  no batch slower than one by one, no answer changed")
    return 1 if failures else 0


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--bundle", type=Path, help="a bundle to ask in the place of models made here")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def cases(data: Path, bundle: Path | None, work: Path) -> list[tuple[str, list[Row], Path]]:
    """Names of tables, their rows and the model's folder; of a bundle, those rows that it can read."""
    if bundle is None:
        return [(name, read(data, name), made(name, data, work)) for name in ROWS]
    model = bundle / "model" if (bundle / "model").is_dir() else bundle
    settings = Settings.read(model)
    name = "passages" if settings.kind == "span" else "short texts"
    rows = read(data, name)
    if name == "short texts":
        rows = [dict.fromkeys(settings.fields, row["text"]) for row in rows]
    return [(name, rows, model)]


def read(data: Path, name: str) -> list[Row]:
    """Every so many rows of the file, so that many passages are there.

    Raises:
        SystemExit: it is not there.
    """
    path = next((each for each in (data / "hub" / FILES[name], data / FILES[name]) if each.exists()), None)
    if path is None:
        raise SystemExit(
            f"{data}: no hub/{FILES[name]}; name the folder that holds it: bench/batching.py DATA"
        )
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    fields = ("question", "context") if name == "passages" else ("text",)
    chosen = rows[:: len(rows) // ROWS[name]][: ROWS[name]]
    return [{field: row[field] for field in fields} for row in chosen]


def made(name: str, data: Path, work: Path) -> Path:
    """An int8 export of the base model with a fresh head."""
    if name == "passages":
        task = Task(TaskType.QUESTION_ANSWERING, "", (Field("question"), Field("context")), Field("answer"))
    else:
        labels = tuple(f"label {i}" for i in range(77))
        task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels)
    learner = MiniLM().prepare(task, task.labels, seed=0)
    checkpoint, full, small = (work / f"{name}-{part}" for part in ("checkpoint", "fp32", "int8"))
    learner.model.save_pretrained(checkpoint)
    learner.tokenizer.save_pretrained(str(checkpoint))
    MiniLM().export(task, task.labels, checkpoint, full)
    Int8().compress(full, small)
    return small


def compare(name: str, rows: Sequence[Row], model: Path) -> int:
    """Print a line a batch size; how many of them fail."""
    predictor = Predictor(model)
    answers = {size: ask(predictor, rows, size) for size in SIZES}  # warms up, too
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    for turn in range(ROUNDS):
        for size in SIZES if turn % 2 else SIZES[::-1]:
            began = time.process_time()
            ask(predictor, rows, size)
            seconds[size].append(time.process_time() - began)
    speed = {size: len(rows) / statistics.median(each) for size, each in seconds.items()}
    failures = 0
    for size in SIZES:
        other = sum(map(differ, answers[1], answers[size]))
        gain = speed[size] / speed[1]
        failed = gain < 1 - SLACK or other > 0
        failures += failed
        print(
            f"{name:12s} {size:6d} {speed[size]:8.1f} {gain:5.2f}x {memory(model, rows, size) / 1e6:5.0f} MB"
            f" {other:7d}{'  FAIL' if failed else ''}",
            flush=True,
        )
    return failures


def ask(predictor: Predictor, rows: Sequence[Row], size: int) -> list[Answer]:
    """The answers, `size` lines at a time, as the command line gives them."""
    found: list[Answer] = []
    for start in range(0, len(rows), size):
        found += predictor.predict(rows[start : start + size], batch_size=size)
    return found


def differ(one: Answer, other: Answer) -> bool:
    return one.output != other.output or abs(one.score - other.score) > 1e-3


def memory(model: Path, rows: Sequence[Row], size: int) -> int:
    """Bytes of the largest resident size of a process that asks in batches of `size`."""
    command = [sys.executable, __file__, "--peak", str(model), "--size", str(size)]
    done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=True)
    return int(done.stdout)


def peak(model: Path, rows: Sequence[Row], size: int) -> int:
    ask(Predictor(model), rows, size)
    try:  # Linux: getrusage would tell the peak of the process that started this one, where that was larger
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
