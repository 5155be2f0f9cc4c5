# ruff: noqa: E501
"""How small a model of Banking77 becomes: the ladder of compression, rung by rung, on rows that no build saw.

    .venv/bin/python bench/compress.py DATA [--students minilm,linear_ensemble] [--work FOLDER]

DATA holds hub/banking77 (Casanueva et al., 2020; 10,003 rows to learn from, 3,080 to be judged on, 77 intents). A
build is a user's: a recipe with a prompt and `data.train`, `compression=ladder compression.tolerance=0.01`, all else
default. Its rungs are decided by validation rows; here each is then asked the official test rows, beside the model in
full precision, and timed on one core, a row at a time.

Bar, of every student: what ships has at most 12 MB (the bundle's whole model folder, tokenizer and all) and is at most
1 point below the model in full precision: the paired difference, with its 95% bootstrap interval, is printed. A
picture of size against metric is written to WORK/compress-<student>.svg.

Exits with 1 where a bar is missed. On two cores it takes half an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from banking77 import PROMPT, _table
from classification.tables import Table

import p2m
from p2m.deploy.serving.predictor import Predictor
from p2m.reporting import charts
from p2m.stages.timing import processor
from p2m.types import Rung, Variant

SIZE, LOSS = 12_000_000, 0.01  # bytes; of accuracy, a share
TIMED = 100  # rows


@dataclass(frozen=True)
class Asked:
    """A variant on the test rows."""

    name: str
    size: int
    validation: float | None
    right: Any  # (rows,) bool
    p50: float  # seconds

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--students", default="minilm,linear_ensemble", help="with commas between")
    parser.add_argument("--work", type=Path, default=None, help="where builds are kept")
    given = parser.parse_args(argv)
    work = given.work or Path(tempfile.mkdtemp(prefix="p2m-compress-"))
    work.mkdir(parents=True, exist_ok=True)
    table = _table(given.data)
    made = [climbed(table, student, work) for student in given.students.split(",")]
    return int(not all(made))


def climbed(table: Table, student: str, work: Path) -> bool:
    """Whether the ladder of a student ends low enough, and its model is still right."""
    began = time.monotonic()
    place = _written(table, work / student)
    built, variants = _built(place, student, "ladder")
    ladder = built.result.value("climb")
    if len(variants) == 1:  # of a linear student, whose encoder was made smaller before it was fitted
        variants = [*_built(place, student, "none")[1], *variants]
    asked = [_asked(each, table) for each in variants]
    full, ships = asked[0], next(each for each in reversed(asked) if each.name == ladder.taken)
    spent = (time.monotonic() - began) / 60
    print(f"\n{student}: {spent:.1f} min, {processor()}, load {os.getloadavg()[0]:.1f};"
          f" validation metric on {ladder.judged}, test on {len(table.test):,} rows")  # fmt: skip
    print(
        f"  {'rung':24} {'MB':>6} {'validation':>10} {'test':>7} {'lost on test, 95% interval':>28} {'p50 ms':>7}"
    )
    for each in asked:
        told = "-" if each.validation is None else f"{each.validation:.4f}"
        print(f"{'>' if each is ships else ' '} {each.name:24} {each.size / 1e6:6.2f} {told:>10}"
              f" {each.accuracy:7.4f} {_lost(full, each):>28} {each.p50 * 1000:7.2f}")  # fmt: skip
    for rung in ladder.rungs:
        score = "" if rung.score is None else f" {rung.size_bytes / 1e6:.2f} MB, {rung.score:.4f}:"
        print(f"    {rung.name} ({rung.of}):{score} {rung.reason}")
    picture = work / f"compress-{student}.svg"
    picture.write_text(_picture(asked, ships, student), encoding="utf-8")
    fits, holds = ships.size <= SIZE, full.accuracy - ships.accuracy <= LOSS
    print(f"{student}: {ships.size / 1e6:.2f} MB (<= {SIZE / 1e6:.0f}), loses {_lost(full, ships)} (<= {LOSS}):"
          f" {'ok' if fits and holds else 'MISSED'}; {picture}", flush=True)  # fmt: skip
    return fits and holds


def _written(table: Table, place: Path) -> Path:
    """The recipe that a user would write."""
    (place / "outputs").mkdir(parents=True, exist_ok=True)
    labels = sorted({label for _, label in table.train})
    task = {"type": "text-classification", "inputs": ["text"], "output": "label", "labels": labels}
    recipe = {"name": "banking77", "prompt": PROMPT, "task": task, "data": {"train": "rows.jsonl"}}
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in table.train]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return place / "recipe.yaml"


def _built(recipe: Path, student: str, compression: str) -> tuple[Any, list[Variant]]:
    """The build, and every variant that it made: the one in full precision first."""
    words = [f"student={student}", f"compression={compression}", f"compression.tolerance={LOSS}"]
    built = p2m.load(recipe, words).build()
    made = [built.result.value(outcome.step) for outcome in built.result.outcomes]
    found = {each.name: each for each in made if isinstance(each, Variant) and each.model is not None}
    return built, list(found.values())


def _asked(variant: Variant, table: Table) -> Asked:
    """The variant on the test rows, and timed one by one on one core."""
    assert variant.model is not None
    model = Predictor(variant.model, threads=1)
    rows = [{"text": text} for text, _ in table.test]
    said = [each.output for each in model.predict(rows, batch_size=32)]
    seconds = []
    for row in rows[:TIMED]:
        began = time.perf_counter()
        model.predict([row])
        seconds.append(time.perf_counter() - began)
    right = np.array([one == gold for one, (_, gold) in zip(said, table.test, strict=True)])
    score = variant.score if variant.fit.steps else None  # a linear one learnt from validation rows, too
    return Asked(variant.name, variant.size_bytes, score, right, sorted(seconds)[TIMED // 2])


def _lost(full: Asked, each: Asked) -> str:
    """What is lost, and the paired bootstrap interval of it."""
    apart = full.right.astype(float) - each.right
    drawn = np.random.default_rng(0).integers(0, len(apart), (2000, len(apart)))
    low, high = np.quantile(apart[drawn].mean(axis=1), (0.025, 0.975))
    return f"{apart.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def _picture(asked: Sequence[Asked], ships: Asked, student: str) -> str:
    rungs = [
        Rung(each.name, each.accuracy, each.size, asked[0].accuracy - each.accuracy <= LOSS, "")
        for each in asked
    ]
    return charts.ladder(rungs, ships.name, metric=f"accuracy of {student} on the test rows")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
