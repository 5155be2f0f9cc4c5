"""Whether `student: auto` chooses what full trainings would have chosen, and what choosing costs.

    .venv/bin/python bench/choosing.py DATA [--only banking77,snips_intents,tickets,qa] [--work FOLDER]

For banking77 and snips_intents (DATA/hub, all training rows, official test rows), and the recipes tickets and
qa of this repository, every family that auto may take is trained in full and judged on the test rows; then
auto builds. The cost of choosing is the time of the steps that only choose (cross-validations, probe
trainings and latencies), as a share of the time of all full trainings (every family's training step).
Choosing goes by training rows alone; the test rows judge afterwards.

Exits with 1 where auto takes another family than the one that wins by full training (unless the two cannot be
told apart on the test rows: paired permutation, p >= 0.05), or where choosing costs more than 35%.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from classification.tables import read

import p2m
from p2m.engine.executor import Result
from p2m.spec import allowed, untaught
from p2m.training.machine import processor
from p2m.types import Choice

REPOSITORY = Path(__file__).resolve().parents[1]
SHARE, ALPHA = 0.35, 0.05  # the bars
CHOOSING = ("cross", "rung", "halve", "latencies", "within", "choose", "winner")
HUB = ("banking77", "snips_intents")
OWN = ("tickets", "qa")


@dataclass(frozen=True)
class Made:
    """One build: what its steps took, and how right each answer to the test rows is."""

    student: str
    value: float
    seconds: Mapping[str, float]
    correct: Any  # (rows,) 0 to 1
    reasons: Choice

    def cost(self, *names: str) -> float:
        return sum(took for step, took in self.seconds.items() if step.split("-")[0] in names)


def recipes(data: Path, work: Path, only: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Each task's name and its recipe."""
    tables = {table.name: table for table in read(data)}
    for name in (each for each in HUB if each in only):
        table, folder = tables[name], work / name
        (folder / "outputs").mkdir(parents=True, exist_ok=True)
        for part, rows in (("train", table.train), ("test", table.test)):
            lines = (json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows)
            (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        labels = sorted({label for _, label in table.train})
        recipe = {
            "name": name,
            "prompt": table.prompt,
            "task": {"type": "text-classification", "inputs": ["text"], "output": "label", "labels": labels},
            "data": {"train": "train.jsonl", "test": "test.jsonl"},
        }
        text = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
        (folder / f"{name}.yaml").write_text(text, "utf-8")
        yield name, folder / f"{name}.yaml"
    yield from ((name, REPOSITORY / "recipes" / f"{name}.yaml") for name in OWN if name in only)


def build(recipe: Path, work: Path, student: str) -> Made:
    """A build of the recipe with that student, in a store that all share."""
    built = p2m.load(recipe, [f"student={student}", f"store.path={work / 'store'}"]).build(progress=False)
    result = built.result
    evaluated, choice = result.value("evaluate"), result.value("choose")
    return Made(
        choice.student,
        evaluated.scores[0].value,
        _seconds(result, work / "seconds.json"),
        np.array([row.correct for row in evaluated.rows]),
        choice,
    )


def _seconds(result: Result, memory: Path) -> dict[str, float]:
    """What each step took when it ran, in this build or an earlier one."""
    known = json.loads(memory.read_text("utf-8")) if memory.is_file() else {}
    known |= {each.key: each.seconds for each in result.outcomes if each.status != "reused"}
    memory.write_text(json.dumps(known), "utf-8")
    return {each.step: known.get(each.key, 0.0) for each in result.outcomes}


def families(recipe: Path) -> list[str]:
    """What auto may take; of labels nothing that begins from scratch."""
    loaded = p2m.load(recipe, ["student=auto"])
    able = allowed(loaded.spec.student.candidates, loaded.task, loaded.spec.constraints)
    scratch = untaught(loaded.task, able)
    return sorted(name for name in able if name not in scratch)


def p_value(one: Any, other: Any) -> float:
    """Two-sided, of the difference of two models on the same rows: a coin turns each row's difference."""
    gap = one - other
    coins = np.random.default_rng(0).choice((-1.0, 1.0), size=(2000, len(gap)))
    return float((1 + (abs(coins @ gap) >= abs(gap.sum()) - 1e-9).sum()) / 2001)


def measured(name: str, recipe: Path, work: Path) -> bool:
    """Print the table of a task; whether both bars are reached."""
    print(f"\n{name}", flush=True)
    whole: dict[str, Made] = {}
    for family in families(recipe):
        made = whole[family] = build(recipe, work, family)
        print(f"  {family:16} {made.value:.4f}  training {made.cost('train'):7.1f} s", flush=True)
    auto = build(recipe, work, "auto")
    best = max(whole, key=lambda family: whole[family].value)
    everything, choosing = sum(made.cost("train") for made in whole.values()), auto.cost(*CHOOSING)
    share = choosing / everything
    p = p_value(whole[best].correct, whole[auto.student].correct)
    for line in auto.reasons.reasons:
        print(f"    {line}")
    for family, why in auto.reasons.refused.items():
        print(f"    not {family}: {why}")
    same = "which wins" if auto.student == best else f"where {best} wins (p = {p:.3f})"
    print(f"  auto takes {auto.student}, {same}")
    print(f"  choosing took {choosing:.1f} s, {share:.0%} of {everything:.1f} s for all full trainings")
    good = (auto.student == best or p >= ALPHA) and share <= SHARE
    print(f"  {'PASS' if good else 'FAIL'} {name}", flush=True)
    return good


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default=",".join((*HUB, *OWN)))
    parser.add_argument("--work", type=Path, help="a folder that keeps what was trained")
    given = parser.parse_args(argv)
    print(f"{processor()}; bars: the winner of full training, or one that cannot be told from it, at")
    print(f"<= {SHARE:.0%} of the time of all full trainings")
    with tempfile.TemporaryDirectory(prefix="p2m-choosing-") as place:
        work = (given.work or Path(place)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        found = [
            measured(name, recipe, work) for name, recipe in recipes(given.data, work, given.only.split(","))
        ]
    print("p2m reaches its bars" if all(found) else "p2m misses a bar")
    return 0 if found and all(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
