"""Whether two texts mean the same, learnt from few pairs: p2m's default beside what any user has at hand.

    .venv/bin/python bench/pairs.py [DATA] [--sizes 40,100,600] [--work FOLDER]

Pairs are drawn from banking77 and snips_intents (DATA/hub): half of them of two texts with one intent, half
of two intents; those to learn from of the training rows, 1,000 to judge by of the official test rows. A build
is a user's: a recipe with a prompt, a table of two columns and an answer, all else default.

Peers, on the same pairs: logistic regression (C=20) on frozen all-MiniLM-L6-v2, p2m's own base, of both texts
as one; on the cosine of the two; and on the distance and product of each dimension (Conneau et al., 2017).
Exits with 1 where p2m's mean is below a peer's, or where it is more than 2 points below one on a table.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from classification.contestants import weights
from classification.tables import Row, read

import p2m

TABLES, SIZES, ASKED, BELOW = ("banking77", "snips_intents"), "40,100,600", 1000, 2.0
PROMPTS = {
    "banking77": "Tell whether two messages to a bank ask for the same thing: yes or no.",
    "snips_intents": "Tell whether two commands to a voice assistant want the same kind of thing: yes or no.",
}
Pair = tuple[str, str, str]


def pairs(rows: Sequence[Row], number: int, seed: int) -> list[Pair]:
    lot, by_label = random.Random(seed), dict[str, list[str]]()
    for text, label in rows:
        by_label.setdefault(label, []).append(text)
    labels, found = sorted(by_label), list[Pair]()
    for n in range(number):
        one, other = lot.sample(labels, 2)
        texts = (
            lot.sample(by_label[one], 2) if n % 2 else [lot.choice(by_label[each]) for each in (one, other)]
        )
        found.append((texts[0], texts[1], ("no", "yes")[n % 2]))
    lot.shuffle(found)
    return found


def by_p2m(prompt: str, learnt: Sequence[Pair], asked: Sequence[Pair], work: Path) -> tuple[float, str]:
    """Accuracy in %, and the verdict with the student that was taken."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "outputs").mkdir(exist_ok=True)
    for part, rows in (("train", learnt), ("test", asked)):
        lines = (json.dumps(dict(zip(("first", "second", "same"), row, strict=True))) for row in rows)
        (work / f"{part}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    task = {
        "type": "text-classification",
        "inputs": ["first", "second"],
        "output": "same",
        "labels": ["no", "yes"],
    }
    recipe = {"name": "pairs", "prompt": prompt, "task": task,
              "data": {"train": "train.jsonl", "test": "test.jsonl"}}  # fmt: skip
    (work / "pairs.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), "utf-8")
    result = (
        p2m.load(work / "pairs.yaml", [f"store.path={work.parent / 'store'}"]).build(progress=False).result
    )
    said = f"{result.value('verdict').decision.value}, {result.value('choose').student}"
    return 100 * result.value("evaluate").scores[0].value, said


class Peers:
    """Ten lines each."""

    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(weights()), device="cpu")

    def of(self, rows: Sequence[Pair]) -> dict[str, Any]:
        def read(texts: Sequence[str]) -> Any:
            return self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)

        first, second = read([row[0] for row in rows]), read([row[1] for row in rows])
        return {
            "as one text": read([f"{row[0]}\n{row[1]}" for row in rows]),
            "cosine": (first * second).sum(axis=1, keepdims=True),
            "compared": np.hstack([abs(first - second), first * second]),
        }

    def accuracies(self, learnt: Sequence[Pair], asked: Sequence[Pair]) -> dict[str, float]:
        from sklearn.linear_model import LogisticRegression

        known, others = self.of(learnt), self.of(asked)
        gold = [[row[2] for row in rows] for rows in (learnt, asked)]
        return {
            name: 100
            * LogisticRegression(C=20, max_iter=3000).fit(known[name], gold[0]).score(others[name], gold[1])
            for name in known
        }


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sizes", default=SIZES, help=f"pairs to learn from ({SIZES})")
    parser.add_argument("--work", type=Path, help="a folder that keeps what was built")
    given = parser.parse_args(argv)
    peers, found = Peers(), list[dict[str, float]]()
    with tempfile.TemporaryDirectory(prefix="p2m-pairs-") as place:
        work = (given.work or Path(place)).resolve()
        for table in (each for each in read(given.data) if each.name in TABLES):
            for size in map(int, given.sizes.split(",")):
                learnt, asked = pairs(table.train, size, 1), pairs(table.test, ASKED, 2)
                value, said = by_p2m(PROMPTS[table.name], learnt, asked, work / f"{table.name}-{size}")
                found.append({"p2m": value, **peers.accuracies(learnt, asked)})
                shown = "  ".join(f"{name} {value:.1f}" for name, value in found[-1].items())
                print(f"{table.name:14} {size:5} pairs: {shown}  ({said})", flush=True)
    return told(found)


def told(found: Sequence[dict[str, float]]) -> int:
    """Print the bars; 1 where one is missed."""
    means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    best = max((name for name in means if name != "p2m"), key=means.__getitem__)
    worst = min(each["p2m"] - value for each in found for name, value in each.items() if name != "p2m")
    bars = [
        (means["p2m"] >= means[best], f"mean {means['p2m']:.1f}, best peer ({best}) {means[best]:.1f}"),
        (worst >= -BELOW, f"at worst {worst:+.1f} points beside a peer, bar -{BELOW}"),
    ]
    for is_met, said in bars:
        print(f"{'PASS' if is_met else 'FAIL'}  {said}")
    return 0 if all(is_met for is_met, _ in bars) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
