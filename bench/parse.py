"""How often a prompt is read rightly: `python bench/parse.py [data folder]`.

Two sets, each split before anything was tuned; rules and reader were made on one half of each (and on
further prompts, in recipes/data/prompts) and are judged on the other.

- bench/prompts/prompts.jsonl: 560 prompts as people write them (e-mails, tickets, one sloppy line, a page of
  rules; a third not in English), with the type of task and the set of labels that their writer meant. Of
  those held out a second reader, who had not seen the answers, said the same.
- Natural Instructions, from the data folder: the definition as the prompt, the first positive examples as
  demonstrations. The truth is what a task's own instances show, which the reading never sees: a
  classification where at most one answer in three is new, a span where all answers stand in their inputs,
  else text to text.

Beside p2m stands the commonest type of each half.
Of the halves held out nothing is printed but totals; `-v` lists the misses of those that were developed on.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.errors import RecipeError
from p2m.parsing import parse_prompt
from p2m.types import Example, TaskType

PROMPTS = Path(__file__).parent / "prompts" / "prompts.jsonl"
TYPES_OF_PROMPTS, LABELS_OF_PROMPTS, TYPES_OF_TASKS = 0.90, 0.85, 0.92  # below which this exits 1
SPANS = (TaskType.QUESTION_ANSWERING, TaskType.EXTRACTION)
DEVELOPED, HELD_OUT = "developed on", "held out"


@dataclass(frozen=True, slots=True)
class Judged:
    """One prompt's reading; labels are None where the prompt is no classification."""

    name: str
    half: str
    truth: str
    read: str
    labels: bool | None
    seconds: float


def read(prompt: str, examples: list[Example]) -> tuple[str, tuple[str, ...], float]:
    """The type and labels of a prompt, and how long it took."""
    started = time.perf_counter()
    try:
        task = parse_prompt(prompt, examples)
        found = task.type.value, task.labels
    except RecipeError as error:
        found = f"refused: {error}".split("\n")[0], ()
    return *found, time.perf_counter() - started


def people() -> list[Judged]:
    """The prompts written for this."""
    judged = []
    for number, line in enumerate(PROMPTS.read_text("utf-8").splitlines(), 1):
        row = json.loads(line)
        kind, labels, seconds = read(row["prompt"], [])
        has_labels = row["type"] in (TaskType.CLASSIFICATION, TaskType.MULTI_LABEL)
        right = set(labels) == set(row["labels"] or ()) if has_labels else None
        judged.append(Judged(f"prompt {number}", row["half"], row["type"], kind, right, seconds))
    return judged


def truth_of(task: dict[str, Any]) -> TaskType:
    """The type that a task's instances show."""
    answers = [instance["output"][0].strip() for instance in task["instances"]]
    distinct = len(set(answers))
    if distinct <= 60 and distinct <= len(answers) / 3:
        return TaskType.CLASSIFICATION
    inside = sum(
        answer in instance["input"] for answer, instance in zip(answers, task["instances"], strict=True)
    )
    return TaskType.QUESTION_ANSWERING if inside >= 0.97 * len(answers) else TaskType.TEXT_TO_TEXT


def tasks(folder: Path) -> list[Judged]:
    """Natural Instructions with their demonstrations; a span is a span, asked for or not."""
    judged = []
    with gzip.open(folder / "natural_instructions" / "tasks.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            task = json.loads(line)
            examples = [
                Example({"input": row["input"]}, row["output"])
                for row in task["positive_examples"][:4]
                if row["input"].strip() and row["output"].strip()
            ]
            kind, _, seconds = read(task["definition"], examples)
            kind = TaskType.QUESTION_ANSWERING.value if kind in SPANS else kind
            half = HELD_OUT if hashlib.sha256(task["name"].encode()).digest()[0] % 2 == 1 else DEVELOPED
            judged.append(Judged(task["name"], half, truth_of(task).value, kind, None, seconds))
    return judged


def share(found: list[bool]) -> float:
    return sum(found) / len(found)


def report(title: str, judged: list[Judged]) -> dict[str, tuple[float, float]]:
    """Print a line a half; of each the shares of right types and right label sets."""
    print(title)
    shares = {}
    for half in (DEVELOPED, HELD_OUT):
        chosen = [one for one in judged if one.half == half]
        types = share([one.read == one.truth for one in chosen])
        sets = [one.labels for one in chosen if one.labels is not None]
        labels = share(sets) if sets else 1.0
        most = Counter(one.truth for one in chosen).most_common(1)[0][1] / len(chosen)
        said = f", label sets {labels:.2f} of {len(sets)}" if sets else ""
        print(f"  {half:12s} {len(chosen):3d}: type {types:.2f} (commonest type {most:.2f}){said}")
        shares[half] = types, labels
    return shares


def main(arguments: list[str]) -> int:
    folder = Path(next((each for each in arguments if not each.startswith("-")), "../shared/data"))
    parse_prompt("Warm the caches.")
    prompts, public = people(), tasks(folder)
    if "-v" in arguments:
        for one in (*prompts, *public):
            if one.half == DEVELOPED and (one.read != one.truth or one.labels is False):
                print(f"  missed: {one.name} is {one.truth}, read as {one.read}, labels right: {one.labels}")
    of_prompts = report("prompts as people write them", prompts)[HELD_OUT]
    of_tasks = report("Natural Instructions, with demonstrations", public)[HELD_OUT]
    slowest = max(one.seconds for one in (*prompts, *public))
    print(f"slowest prompt: {slowest * 1000:.0f} ms")
    bars = (
        ("type of prompts", of_prompts[0], TYPES_OF_PROMPTS),
        ("label sets of prompts", of_prompts[1], LABELS_OF_PROMPTS),
        ("type of Natural Instructions", of_tasks[0], TYPES_OF_TASKS),
    )
    for name, found, bar in bars:
        print(f"{'PASS' if found >= bar else 'FAIL'} {name}, held out: {found:.3f}, bar {bar:.2f}")
    return 0 if all(found >= bar for _, found, bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
