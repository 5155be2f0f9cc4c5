"""A search for settings beside the default, and what a kill costs it: banking77 with ten rows a class.

    .venv/bin/python bench/tune.py DATA [--trials 12] [--seed 0] [--proposer optuna] [--kills] [--work FOLDER]

DATA holds hub/banking77 (Casanueva et al., 2020; 77 intents). Ten rows a class are learnt from and five
others choose between trials, all drawn by the seed from the rows to learn from. The student is minilm. What
a user does: `p2m build`, then `p2m tune --yes` (the recipe as it is, which is the first trial, and as many
beside it as --trials says), then `p2m build` again, which trains once with what won. Both bundles answer the
3,080 official test rows by their own predict.py; no trial sees these.

- tuned: the accuracy on the test rows is ahead of the default's by more than its interval: the 95% interval
  of the difference, rows resampled in pairs, lies above 0. It is printed by how much either way.
- kills: on eight classes and five trials, `p2m tune` is killed (SIGKILL) while the first trial is trained,
  once the second has ended, and while the fourth is trained. No finished trial is trained again, and the
  table is that of a search that nobody killed.

--kills runs the second part alone, in some minutes; the first takes most of an hour on two cores. Exits with
1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from classification.contestants import _ask as ask
from classification.tables import REPOSITORY, Row, _lines, _row

from p2m.training.machine import processor

PER_CLASS, CHOOSING = 10, 5  # rows a class: to learn from, to choose trials by
FEW, FEW_TRIALS = 8, 5  # classes and trials of the search that is killed
RESAMPLES = 10_000
PROMPT = "Say which intent a customer's message to a bank has."
MISSED = 4  # exit code of a build whose model misses its contract, or is unproven
ENDED = re.compile(r"^  [+~] (train-\d+) +ran", re.MULTILINE)


@dataclass(frozen=True)
class Drawn:
    """Rows of the table, by what they are for."""

    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--trials", type=int, default=12, help="trials beside the default (12)")
    parser.add_argument("--seed", type=int, default=0, help="of rows, trials and trainings (0)")
    parser.add_argument("--proposer", default="optuna", help="optuna or random")
    parser.add_argument("--kills", action="store_true", help="the search that is killed alone")
    parser.add_argument("--work", type=Path, default=None, help="where builds are kept")
    given = parser.parse_args(argv)
    work = given.work or Path(tempfile.mkdtemp(prefix="p2m-tune-"))
    print(f"{processor()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {work}", flush=True)
    met = kills(drawn(given.data, given.seed, classes=FEW), work, given.seed, given.proposer)
    if not given.kills:
        met = tuned(drawn(given.data, given.seed), work, given) and met
    return int(not met)


def drawn(data: Path, seed: int, *, classes: int | None = None) -> Drawn:
    """Rows of as many classes; what chooses is no test row and is not learnt from."""
    folder = data / "hub" / "banking77"
    if not (folder / "train.jsonl.gz").is_file():
        raise SystemExit(f"{folder}: no train.jsonl.gz; name the folder that holds hub/: bench/tune.py DATA")
    rows, test = (list(map(_row, _lines(folder / f"{part}.jsonl.gz"))) for part in ("train", "test"))
    kept = sorted({label for _, label in rows})[:classes]
    random.Random(f"tune:{seed}").shuffle(rows)
    seen: Counter[str] = Counter()
    train, validation = [], []
    for row in rows:
        seen[row[1]] += 1
        if row[1] in kept and seen[row[1]] <= PER_CLASS:
            train.append(row)
        elif row[1] in kept and seen[row[1]] <= PER_CLASS + CHOOSING:
            validation.append(row)
    return Drawn(tuple(train), tuple(validation), tuple(row for row in test if row[1] in kept))


# --------------------------------------------------------------------------- the search


def tuned(rows: Drawn, work: Path, given: argparse.Namespace) -> bool:
    """Whether what a search finds is better on rows that it never saw."""
    place = project(rows, work / f"tuned-{given.proposer}-{given.seed}", given.seed)
    began = time.monotonic()
    texts, gold = [text for text, _ in rows.test], [label for _, label in rows.test]
    default = right(build(place, "default"), texts, gold)
    built = time.monotonic()
    done = call(place, "tune", "recipe.yaml", f"tuning={given.proposer}", "--trials", str(given.trials + 1),
                "--yes", "--json")  # fmt: skip
    searched = time.monotonic()
    told = json.loads(done.stdout)
    for number, each in enumerate(told["trials"], start=1):
        values = ", ".join(f"{name} {value}" for name, value in each["values"].items())
        note = " pruned" if each["was_pruned"] else ""
        print(f"  {number:>2}  {each['score']:.4f}{note}  {values or 'the default'}")
    found = right(build(place, "tuned"), texts, gold)
    difference, low, high = paired(found, default)
    print(
        f"tuned  {given.proposer}, {len(told['trials']) - 1} trials beside the default, trial"
        f" {told['best']} won: accuracy {found.mean():.4f}, default {default.mean():.4f} of {len(gold):,}"
        f" test rows; ahead by {difference:+.4f} [{low:+.4f}, {high:+.4f}] (> 0);"
        f" {(built - began) / 60:.1f} min the default's build, {(searched - built) / 60:.1f} min the search"
    )
    return low > 0


def paired(one: np.ndarray[Any, Any], two: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """By how much the first is ahead, with its 95% interval; rows are resampled in pairs."""
    gains = one.astype(float) - two.astype(float)
    lot = np.random.default_rng(0)
    means = [gains[lot.integers(0, len(gains), len(gains))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(gains.mean()), float(low), float(high)


def right(bundle: Path, texts: Sequence[str], gold: Sequence[str]) -> np.ndarray[Any, Any]:
    """(rows,) whether the bundle's own predictor has each right."""
    return np.array([said == one for said, one in zip(ask(bundle, texts), gold, strict=True)])


def build(place: Path, name: str) -> Path:
    """A build as a user makes it: its bundle."""
    done = call(place, "build", "recipe.yaml", "--json", "--outputs", name, allowed=(0, MISSED))
    said = json.loads(done.stdout)
    trained = ENDED.findall(done.stderr) or re.findall(r"^  [+~] train +ran", done.stderr, re.MULTILINE)
    print(f"       {name}: {said['verdict']['lines'][0]} ({len(trained)} trained)", flush=True)
    return place / str(said["folder"])


# --------------------------------------------------------------------------- kills


def kills(rows: Drawn, work: Path, seed: int, proposer: str) -> bool:
    """Whether a search that is killed goes on where it was, and ends as it would have."""
    words = ("tune", "recipe.yaml", f"tuning={proposer}", "tuning.startup=2", "training.epochs=1",
             "tuning.space.epochs=null", "--trials", str(FEW_TRIALS), "--json")  # fmt: skip
    place = project(rows, work / f"killed-{seed}", seed)
    points: dict[str, Callable[[str], bool]] = {
        "while trial 1 is trained": lambda line: line.startswith("    train-1: ") and "features" in line,
        "once trial 2 has ended": lambda line: "+ train-2" in line,
        "while trial 4 is trained": lambda line: line.startswith("    train-4: ") and "features" in line,
    }
    ended: list[str] = []
    for name, reached in points.items():
        seen = killed(place, words, reached)
        ended += ENDED.findall(seen)
        print(f"kills  {name}: {', '.join(sorted(ended)) or 'no trial'} had ended", flush=True)
    done = call(place, *words)
    ended += ENDED.findall(done.stderr)
    twice = sorted(step for step, times in Counter(ended).items() if times > 1)
    plain = call(project(rows, work / f"unkilled-{seed}", seed), *words)
    same = json.loads(done.stdout)["trials"] == json.loads(plain.stdout)["trials"]
    print(
        f"kills  {len(points)} kills, {FEW_TRIALS} trials, {len(ended)} trainings ended,"
        f" {len(set(ended))} of them different; twice: {', '.join(twice) or 'none'} (none); the trials are"
        f" {'those' if same else 'NOT those'} of a search that nobody killed"
    )
    return not twice and same and len(set(ended)) == FEW_TRIALS


def killed(place: Path, words: Sequence[str], reached: Callable[[str], bool]) -> str:
    """What the command said until it was killed, at the first line that is `reached`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "p2m", *words], cwd=place, env=environment(), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if reached(line):
            process.kill()
            process.wait()
            return seen
    raise SystemExit(f"it ended with {process.wait()} before it could be killed:\n{seen[-3000:]}")


# --------------------------------------------------------------------------- projects


def project(rows: Drawn, place: Path, seed: int) -> Path:
    """A folder with a recipe and its rows."""
    (place / "outputs").mkdir(parents=True, exist_ok=True)
    labels = sorted({label for _, label in rows.train})
    task = {"type": "text-classification", "inputs": ["text"], "output": "label", "labels": labels}
    files = {part: f"{part}.jsonl" for part in ("train", "validation", "test")}
    defaults = ["base", {"override teacher": "none"}, {"override retriever": "none"},
                {"override student": "minilm"}, "_self_"]  # fmt: skip
    recipe = {"name": "banking77", "defaults": defaults, "prompt": PROMPT, "task": task, "data": files,
              "seed": seed}  # fmt: skip
    for part, file in files.items():
        lines = [json.dumps({"text": text, "label": label}) for text, label in getattr(rows, part)]
        (place / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return place


def call(place: Path, *words: str, allowed: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """The command in the project's folder.

    Raises:
        SystemExit: it ends otherwise than allowed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "p2m", *words], cwd=place, env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode not in allowed:
        raise SystemExit(f"p2m {words[0]} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("P2M_")}
    return kept | {"PYTHONPATH": str(REPOSITORY)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
