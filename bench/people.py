"""How far an expert's answers go: rows in the order of `p2m review data` beside rows by lot.

    python bench/people.py DATA [--only snips_intents]

The expert is simulated: at the page's HTTP API it answers whatever it is asked with the gold label. Of DATA's
hub/snips_intents and hub/banking77, 3,000 training rows without their labels are the texts; a few-shot
student (frozen all-MiniLM-L6-v2, logistic regression) of the first n answers is judged on rows held out.
Settings of the selection were chosen on 4,500 training rows of banking77. Exit 1 where 120 answers are worse
than 200 by lot.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from p2m.curation.decisions import key_of
from p2m.review.desk import Desk
from p2m.review.opening import Opening, open_desk
from p2m.review.overlay import Overlay
from p2m.review.ranking import Learning
from p2m.review.server import served
from p2m.students.base import labels_of
from p2m.types import Example

SETS = {"snips_intents": "validation", "banking77": "test"}  # held out
POOL, JUDGED = 3000, 1500  # rows at most
COUNTS = (20, 40, 60, 80, 100, 120, 160, 200)
ENOUGH, LOT = 120, 200  # answers in the page's order must do as well as so many by lot
RECIPE = """\
defaults: [base, override teacher: people, override retriever: none, _self_]
prompt: Say what a message is about.
task: {{type: text-classification, inputs: [text], output: label, language: en, labels: {labels}}}
data: {{inputs: texts.jsonl}}
store: {{path: store}}
device: {{threads: 1}}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=SETS)
    parser.add_argument(
        "--seeds", type=int, default=3, help="of the page's order; by lot three times as many"
    )
    arguments = parser.parse_args()
    is_good = True
    for name, held in SETS.items():
        if arguments.only in (None, name):
            folder = arguments.data / "hub" / name
            gold = rows_of(folder / "train.jsonl.gz", POOL)
            judged = rows_of(folder / f"{held}.jsonl.gz", JUDGED)
            is_good &= run(name, gold, judged, arguments.seeds)
    return 0 if is_good else 1


def rows_of(path: Path, most: int) -> dict[str, str]:
    """Text -> label, drawn by lot, each text once."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    random.Random(0).shuffle(rows)
    found = {row["text"].strip(): row["label"] for row in reversed(rows)}
    return dict(list(found.items())[-most:])


def run(name: str, gold: Mapping[str, str], judged: Mapping[str, str], seeds: int) -> bool:
    """Print the curves of one dataset; whether the page's order is good enough."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        labels = sorted(set(gold.values()))
        (folder / "desk.yaml").write_text(RECIPE.format(labels=json.dumps(labels)), "utf-8")
        texts = "".join(f"{json.dumps({'text': text})}\n" for text in gold)
        (folder / "texts.jsonl").write_text(texts, "utf-8")
        opening = open_desk(folder / "desk.yaml", (), lambda line: None)
        try:
            return compared(name, opening, gold, judged, seeds, folder)
        finally:
            opening.close()


def compared(
    name: str, opening: Opening, gold: Mapping[str, str], judged: Mapping[str, str], seeds: int, folder: Path
) -> bool:
    desk, ranker = opening.desk, opening.desk.ranker
    assert isinstance(ranker, Learning)
    asked = opening.encode(list(judged))
    told: list[str] = []
    active = []
    for seed in range(seeds):
        one = replace(desk, overlay=Overlay(folder / f"{seed}.jsonl"), ranker=replace(ranker, seed=seed))
        order, said = answered(one, gold)
        active.append(curve(ranker, order, asked, list(judged.values())))
        told.append(said)
    known = {key_of({"text": text}): Example({"text": text}, label) for text, label in gold.items()}
    pool = [known[item.key] for item in desk.items]
    by_lot = []
    for seed in range(3 * seeds):
        order = random.Random(seed).sample(pool, max(COUNTS))
        by_lot.append(curve(ranker, order, asked, list(judged.values())))
    print(f"{name}: {len(pool):,} texts, {len(set(gold.values()))} labels, judged on {len(judged):,} rows")
    print(f"  {'answers':>8}  {'page':>14}  {'by lot':>14}")
    for place, count in enumerate(COUNTS):
        print(f"  {count:>8}  {shown(active, place):>14}  {shown(by_lot, place):>14}")
    for said in told:
        print(f"  said at the end: {said}")
    ours, theirs = at(active, ENOUGH), at(by_lot, LOT)
    is_good = ours >= theirs
    print(
        f"  {ENOUGH} answers {ours:.3f}, {LOT} by lot {theirs:.3f}: {'as good' if is_good else 'WORSE'}",
        flush=True,
    )
    return is_good


def answered(desk: Desk, gold: Mapping[str, str]) -> tuple[list[Example], str]:
    """The rows in the order in which the page asks, answered over HTTP, and what it says of them."""
    texts = {key_of({"text": text}): label for text, label in gold.items()}
    order: list[Example] = []
    with served(desk) as server:
        while len(order) < max(COUNTS):
            for row in call(f"{server.address}rows"):
                label = texts[key_of(row["input"])]
                call(f"{server.address}decide", {"id": row["id"], "action": "label", "output": label})
                order.append(Example(row["input"], label))
        quality = call(f"{server.address}state")["quality"]
    return (
        order,
        f"{quality['accuracy']:.2f} [{quality['low']:.2f}, {quality['high']:.2f}]; {quality['advice']}",
    )


def call(address: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def curve(ranker: Learning, order: Sequence[Example], asked: Any, truth: Sequence[str]) -> list[float]:
    """Accuracy of a student of the first n answers, for each of COUNTS."""
    import numpy as np

    assert ranker.student is not None
    labels = labels_of(ranker.task, order)
    vectors = np.stack([ranker.vectors[key_of(row.input)] for row in order])
    found = []
    for count in COUNTS:
        beliefs = ranker.student.beliefs(labels, order[:count], vectors[:count], asked)
        said = [labels[place] for place in beliefs.argmax(axis=1)]
        found.append(mean(one == other for one, other in zip(said, truth, strict=True)))
    return found


def at(curves: Sequence[Sequence[float]], count: int) -> float:
    return mean(each[COUNTS.index(count)] for each in curves)


def shown(curves: Sequence[Sequence[float]], place: int) -> str:
    values = [each[place] for each in curves]
    spread = stdev(values) if len(values) > 1 else 0.0
    return f"{mean(values):.3f} ± {spread:.3f}"


if __name__ == "__main__":
    sys.exit(main())
