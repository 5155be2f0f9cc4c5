"""What three layers keep of six when these teach them, and what votes are worth as soft labels.

    .venv/bin/python bench/distil.py DATA [--rows 0] [--voted 2000] [--seed 0] [--only layers,votes]
        [--threads 0] [--work FOLDER]

DATA is a folder with hub/banking77. Every line is a build through the product, all else default, judged on
the 3,080 official test rows, which take part in nothing else, in the exported model.

- layers: `student=minilm`; `student=minilm_l3` by the labels alone; and `student=minilm_l3
  distil.from=minilm`, which is taught by the first. All start from the same checkpoint and learn the same
  rows (`--rows`; 0: all 10,003). The last keeps at least 98.5% of the first one's accuracy, at 55% of its
  latency or less: the median answer of the exported models, on one thread, a row of each in turn.
- votes: a server on this machine plays a teacher that knows the labels of `--voted` training texts and gives
  a wrong one in 20% of its answers (tests/teachers/known_rows.py). It is asked three times about each. All
  texts are kept; `minilm_l3` learns what most say, or what votes make likely (`training.soft_labels`). Soft
  is better.

Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import p2m
from p2m.deploy.serving.predictor import Predictor
from p2m.training.machine import processor
from p2m.types import Evaluated, Exported, Score

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "teachers"))
known_rows: Any = importlib.import_module("known_rows")

KEPT, LATENCY = 0.985, 0.55  # bars: of the larger one's accuracy, at least, and of its latency, at most
NOISE, SAMPLES = 0.2, 3
TIMED = 300  # rows that latency is the median of
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One build."""

    name: str
    score: Score
    exported: Exported
    model: Path
    seconds: float
    latency: float = 0.0  # seconds, median

    def __str__(self) -> str:
        score, made = self.score, self.exported
        took = f"   p50 {1000 * self.latency:5.2f} ms" if self.latency else ""
        return (
            f"{self.name:28s} {100 * score.value:6.2f} [{100 * score.low:.2f}, {100 * score.high:.2f}]"
            f"   {made.parameters / 1e6:5.1f}M  {made.size_bytes / 1e6:5.1f} MB {made.precision:5s}{took}"
            f"   {made.fit.rows:6,} rows, {made.fit.steps:,} steps, {self.seconds:4.0f} s"
        )


def main(argv: Sequence[str]) -> int:
    given = _arguments(argv)
    train, test = (_read(given.data, part) for part in ("train", "test"))
    work = given.work or Path(tempfile.mkdtemp(prefix="p2m-distil-"))
    work.mkdir(parents=True, exist_ok=True)
    random.Random(f"distil:{given.seed}").shuffle(train)
    _write(work / "test.jsonl", test)
    print(f"{os.cpu_count()} x {processor()}, load {os.getloadavg()[0]:.1f}")
    parts = {"layers": lambda: layers(work, train, test, given), "votes": lambda: votes(work, train, given)}
    wanted = given.only.split(",")
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    made = [parts[name]() for name in wanted]  # every part, also after one that missed
    return int(not all(made))


def layers(work: Path, train: Sequence[Row], test: Sequence[Row], given: argparse.Namespace) -> bool:
    rows = train[: given.rows or None]
    _write(work / "train.jsonl", rows)
    print(f"\nlayers: {len(rows):,} of {len(train):,} rows of banking77, {len(test):,} test rows")
    settings: dict[str, dict[str, Any]] = {
        "six": {"student": "minilm"},
        "three": {"student": "minilm_l3"},
        "three, taught by six": {"student": "minilm_l3", "distil": {"from": "minilm"}},
    }
    lines = []
    for name, chosen in settings.items():
        lines.append(_built(name, _recipe(work, name, chosen | {"train": "train.jsonl"}, given)))
        print(lines[-1], flush=True)
    large, plain, small = _timed(lines, test)
    print()
    for line in (large, plain, small):
        print(line)
    kept, time_of_it = small.score.value / large.score.value, small.latency / large.latency
    print(f"by labels alone, three layers keep {plain.score.value / large.score.value:.2%}")
    return _held(
        {
            f"taught, they keep {kept:.2%} of the accuracy (>= {KEPT:.1%})": kept >= KEPT,
            f"they take {time_of_it:.1%} of the latency (<= {LATENCY:.0%})": time_of_it <= LATENCY,
        }
    )


def votes(work: Path, train: Sequence[Row], given: argparse.Namespace) -> bool:
    texts = train[: given.voted]
    _write(work / "inputs.jsonl", [{"text": row["text"]} for row in texts])
    print(f"\nvotes: {len(texts):,} texts, {SAMPLES} answers each, {NOISE:.0%} of them wrong")
    slips = known_rows.Slips(noise=NOISE)
    known = [({"text": row["text"]}, row["label"]) for row in train]
    lines = {}
    with known_rows.KnownRows(known, slips=slips, seed=given.seed) as server:
        teacher = {"base_url": server.url, "model": "known-rows", "price": {"input": 0, "output": 0}}
        asked = {"samples": SAMPLES, "agreement": 0.0, "contradicted": None, "num_examples": len(texts)}
        for soft in (False, True):
            chosen: dict[str, Any] = {
                "student": "minilm_l3",
                "training": {"soft_labels": soft},
                "generation": asked,
            }
            chosen |= {"teacher": teacher, "inputs": "inputs.jsonl", "curation": {"near_duplicate": 1}}
            name = "what votes make likely" if soft else "what most say"
            recipe = _recipe(work, name, chosen, given, labels=sorted({row["label"] for row in train}))
            lines[soft] = _built(name, recipe)
            print(lines[soft], flush=True)
    apart = 100 * (lines[True].score.value - lines[False].score.value)
    return _held({f"soft labels are better by {apart:+.2f} points (> 0)": apart > 0})


def _held(bars: Mapping[str, bool]) -> bool:
    for what, is_met in bars.items():
        print(f"{'PASS' if is_met else 'FAIL'}  {what}", flush=True)
    return all(bars.values())


def _timed(lines: Sequence[Line], test: Sequence[Row]) -> list[Line]:
    """The lines with the median time of an answer, a row of each model in turn, on one thread."""
    models = [Predictor(line.model, threads=1) for line in lines]
    took: list[list[float]] = [[] for _ in lines]
    for number, row in enumerate(test[: TIMED + 20]):
        order = list(range(len(models)))
        order = order[number % len(order) :] + order[: number % len(order)]
        for place in order:
            began = time.perf_counter()
            models[place].predict([{"text": row["text"]}])
            if number >= 20:
                took[place].append(time.perf_counter() - began)
    return [
        Line(each.name, each.score, each.exported, each.model, each.seconds, statistics.median(times))
        for each, times in zip(lines, took, strict=True)
    ]


def _recipe(
    work: Path,
    name: str,
    settings: Mapping[str, Any],
    given: argparse.Namespace,
    *,
    labels: Sequence[str] = (),
) -> Path:
    """A recipe as a user would write it (JSON is YAML)."""
    chosen = dict(settings)
    data = {role: chosen.pop(role) for role in ("train", "inputs") if role in chosen}
    student, teacher = chosen.pop("student"), chosen.pop("teacher", None)
    defaults: list[Any] = ["base", {"override student": student}]
    defaults += [{"override teacher": "compatible" if teacher else "none"}, "_self_"]
    task = {"type": "text-classification", "inputs": ["text"], "output": "label", "labels": list(labels)}
    whole: dict[str, Any] = {
        "defaults": defaults, "name": name.replace(" ", "-").replace(",", ""),
        "prompt": "Say which intent a customer's message to a bank has.",
        "task": task, "data": data | {"test": "test.jsonl"}, "seed": given.seed,
        "metrics": {"primary": "accuracy"}, "device": {"threads": given.threads},
        "evaluation": {"teacher_rows": 0}, "baselines": {"candidates": None}, **chosen,
    }  # fmt: skip
    if teacher:
        whole["teacher"] = teacher
    path = work / f"{whole['name']}.yaml"
    path.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    return path


def _built(name: str, recipe: Path) -> Line:
    began = time.monotonic()
    built = p2m.load(recipe).build(progress=False)
    result = built.result
    evaluated, exported = result.value("evaluate"), result.value("calibrate")
    assert isinstance(evaluated, Evaluated)
    assert isinstance(exported, Exported)
    model = result.value("package").folder / "model"
    return Line(name, evaluated.scores[0], exported, model, time.monotonic() - began)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rows", type=int, default=0, help="to learn layers from; 0: all")
    parser.add_argument("--voted", type=int, default=2000, help="texts that are voted on")
    parser.add_argument("--only", default="layers,votes", help="parts, with commas between")
    parser.add_argument("--seed", type=int, default=0, help="of the rows drawn, the slips and the builds")
    parser.add_argument(
        "--threads", type=int, default=0, help="of builds; 0: all, which is slow beside others"
    )
    parser.add_argument("--work", type=Path, default=None, help="where to build; kept, for a second run")
    return parser.parse_args(argv)


def _read(data: Path, part: str) -> list[Row]:
    """The rows of a part.

    Raises:
        SystemExit: it is not there.
    """
    name = f"banking77/{part}.jsonl.gz"
    for place in (data / "hub" / name, data / name):
        if place.exists():
            with gzip.open(place, "rt", encoding="utf-8") as file:
                return [json.loads(line) for line in file]
    raise SystemExit(f"{data}: no hub/{name}; name the folder that holds it: bench/distil.py DATA")


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
