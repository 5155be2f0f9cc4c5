# ruff: noqa: E501
"""Banking77: all rows, ten rows a class, and messages that fit no intent.

    .venv/bin/python bench/banking77.py DATA [--only full,few,scope] [--seeds 3] [--work FOLDER]

DATA holds hub/banking77 (Casanueva et al., 2020; 10,003 rows to learn from, 3,080 to be judged on, 77 intents). A
build is a user's: a recipe with a prompt and `data.train`, all else default, `p2m build`, then the bundle's own
predict.py on the official test rows, which no build sees. The peer learns from the same rows: frozen all-MiniLM-L6-v2
and scikit-learn's logistic regression (C=20).

- full: all rows; the bundle's model has at most 25 MB and an accuracy of at least .935;
- few: ten rows a class, drawn with each seed; better than the peer in the mean. Where SetFit is
  published is printed; bench/small.py --setfit runs it;
- scope: a tenth of the intents is left out of the rows to learn from, and the recipe names an answer for what fits
  none of the others. AUROC of telling them apart in the test rows, beside maximum softmax of the same model; better.

Exits with 1 where a bar is missed. On two cores `full` takes an hour and more, `few` and `scope` minutes.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from classification.contestants import MISSED, Answers, Embeddings
from classification.contestants import _ask as ask
from classification.tables import REPOSITORY, Row, Table, _lines, _row

ACCURACY, SIZE = 0.935, 25_000_000  # of `full`; bytes of the bundle's model
PER_CLASS = "10"
NONE = "none of these"
PUBLISHED = "SetFit (arXiv 2209.11055) at ten rows a class: see the tables of FastFit (arXiv 2404.12365)"
PROMPT = "Say which intent a customer's message to a bank has."


@dataclass(frozen=True)
class Built:
    """A bundle, the seconds that it took and the verdict's first line."""

    folder: Path
    seconds: float
    told: str


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="full,few,scope", help="parts, with commas between")
    parser.add_argument("--seeds", type=int, default=3, help="draws of ten rows a class (3)")
    parser.add_argument("--work", type=Path, default=None, help="where builds and embeddings are kept")
    given = parser.parse_args(argv)
    work = given.work or Path(tempfile.mkdtemp(prefix="p2m-banking77-"))
    table = _table(given.data)
    peer = Embeddings(work / "embeddings", table)
    parts = {
        "full": lambda: full(table, peer, work),
        "few": lambda: few(table, peer, work, given.seeds),
        "scope": lambda: scope(table, work),
    }
    wanted = given.only.split(",")
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    made = [parts[name]() for name in wanted]  # every part, also after one that missed
    return int(not all(made))


def full(table: Table, peer: Embeddings, work: Path) -> bool:
    """Whether all rows make a small bundle that is right often enough."""
    texts, gold = _judged(table)
    built = _build(table.train, work / "full")
    size = sum(path.stat().st_size for path in (built.folder / "model").rglob("*") if path.is_file())
    value, rival = _share(ask(built.folder, texts), gold), _share(peer.minilm(table.train, texts), gold)
    print(f"full   accuracy {value:.4f} (>= {ACCURACY}), logistic regression {rival:.4f};"
          f" {size / 1e6:.1f} MB (<= {SIZE / 1e6:.0f}), {built.seconds / 60:.1f} min: {built.told}")  # fmt: skip
    return value >= ACCURACY and size <= SIZE


def few(table: Table, peer: Embeddings, work: Path, seeds: int) -> bool:
    """Whether ten rows a class teach more than they teach the peer."""
    texts, gold = _judged(table)
    values, rivals = [], []
    for seed in range(seeds):
        rows = table.sample(PER_CLASS, seed)
        assert rows is not None
        built = _build(rows, work / f"few-{seed}")
        values.append(_share(ask(built.folder, texts), gold))
        rivals.append(_share(peer.minilm(rows, texts), gold))
        print(f"few    seed {seed}: accuracy {values[-1]:.4f}, logistic regression {rivals[-1]:.4f},"
              f" {built.seconds / 60:.1f} min: {built.told}")  # fmt: skip
    print(f"few    mean {np.mean(values):.4f}, logistic regression {np.mean(rivals):.4f}; {PUBLISHED}")
    return bool(np.mean(values) > np.mean(rivals))


def scope(table: Table, work: Path) -> bool:
    """Whether what fits no intent is told apart better than by the likeliest intent's probability."""
    from sklearn.metrics import roc_auc_score

    from p2m.deploy.serving.predictor import Predictor
    from p2m.deploy.serving.scope import nearness, open_scope

    intents = sorted({label for _, label in table.train})
    out = set(random.Random("scope").sample(intents, len(intents) // 10))
    rows = [row for row in table.train if row[1] not in out]
    built = _build(rows, work / "scope", {"none": NONE})
    texts, gold = _judged(table)
    model = Predictor(built.folder / "model")
    outputs = model.outputs([{"text": text} for text in texts], batch_size=32)
    found = open_scope(model.folder, model.settings)
    if found is None:
        print("scope  the bundle has nothing that tells what fits no intent")
        return False
    fits = [label not in out for label in gold]
    plain = nearness(outputs["logits"], None, found.rows, replace(model.settings, none=NONE))
    near = nearness(outputs["logits"], outputs["embeddings"], found.rows, model.settings)
    ours, theirs = roc_auc_score(fits, near), roc_auc_score(fits, plain)
    said = np.array(ask(built.folder, texts)) == NONE
    there = np.array(fits)
    print(f"scope  AUROC {ours:.4f}, maximum softmax {theirs:.4f}; {len(out)} intents left out: {NONE!r} is said of"
          f" {said[~there].mean():.2f} of their messages and of {said[there].mean():.2f} of others")  # fmt: skip
    return bool(ours > theirs)


def _table(data: Path) -> Table:
    folder = data / "hub" / "banking77"
    if not (folder / "train.jsonl.gz").is_file():
        raise SystemExit(
            f"{folder}: no train.jsonl.gz; name the folder that holds hub/: bench/banking77.py DATA"
        )
    train, test = (tuple(map(_row, _lines(folder / f"{part}.jsonl.gz"))) for part in ("train", "test"))
    return Table("banking77", PROMPT, train, test, official=True)


def _judged(table: Table) -> tuple[list[str], list[str]]:
    return [text for text, _ in table.test], [label for _, label in table.test]


def _share(said: Answers, gold: Sequence[str]) -> float:
    return float(np.mean([one == right for one, right in zip(said, gold, strict=True)]))


def _build(rows: Sequence[Row], place: Path, task: dict[str, Any] | None = None) -> Built:
    """A build as a user makes it.

    Raises:
        SystemExit: it made no bundle.
    """
    (place / "outputs").mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"type": "text-classification", "inputs": ["text"], "output": "label"}
    told |= {"labels": sorted({label for _, label in rows})} | (task or {})
    recipe = {"name": "banking77", "prompt": PROMPT, "task": told, "data": {"train": "rows.jsonl"}}
    lines = [json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "p2m", "build", "recipe.yaml", "--json"],
        cwd=place, env=_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, MISSED):
        raise SystemExit(f"p2m build ended with {done.returncode}:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout)
    return Built(place / said["folder"], time.monotonic() - began, said["verdict"]["lines"][0])


def _environment() -> dict[str, str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2M_")}
    return kept | {"PYTHONPATH": str(REPOSITORY)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
