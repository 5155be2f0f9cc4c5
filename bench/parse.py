"""How often parse reads the type of a real task rightly: `python bench/parse.py [data folder]`.

Natural Instructions tasks, given as a user would give them (the definition as the prompt, the first positive
examples as demonstrations). The truth is what the task's own instances show, which parse never sees: a
classification where at most one answer in three is new, a span where all answers stand in their inputs, else
text to text. The rules were written against one half of the tasks (by hash of the name); the other half is
reported. `-v` lists the held-out misses too.
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

from p2m.parsing import parse_prompt
from p2m.types import Example, TaskType

TO_BEAT = 0.75  # accuracy on the held-out half, below which this exits 1


@dataclass(frozen=True, slots=True)
class Judged:
    """One task's reading."""

    name: str
    category: str
    truth: TaskType
    read: TaskType
    bare: TaskType  # read from the definition alone
    seconds: float
    held_out: bool


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


def judge(task: dict[str, Any]) -> Judged:
    """Parse one task with its demonstrations, and without them."""
    examples = [
        Example({"input": row["input"]}, row["output"])
        for row in task["positive_examples"][:4]
        if row["input"].strip() and row["output"].strip()
    ]
    started = time.perf_counter()
    read = parse_prompt(task["definition"], examples).type
    seconds = time.perf_counter() - started
    bare = parse_prompt(task["definition"]).type
    held_out = hashlib.sha256(task["name"].encode()).digest()[0] % 2 == 1
    return Judged(task["name"], ", ".join(task["categories"]), truth_of(task), read, bare, seconds, held_out)


def _report(tasks: list[Judged], half: str) -> float:
    """Print one line; the accuracy with demonstrations, 0 to 1."""
    right = sum(task.read == task.truth for task in tasks) / len(tasks)
    bare = sum(task.bare == task.truth for task in tasks) / len(tasks)
    most = Counter(task.truth for task in tasks).most_common(1)[0][1] / len(tasks)
    print(f"{half:12s} {len(tasks)} tasks: type accuracy {right:.2f} with demonstrations,", end=" ")
    print(f"{bare:.2f} from the definition alone; majority {most:.2f}")
    return right


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "../shared/data")
    parse_prompt("Warm the caches.")
    with gzip.open(folder / "natural_instructions" / "tasks.jsonl.gz", "rt", encoding="utf-8") as lines:
        judged = [judge(json.loads(line)) for line in lines]
    for task in judged:
        if task.read != task.truth and ("-v" in arguments or not task.held_out):
            half = "held out" if task.held_out else "developed on"
            print(f"  missed ({half}): {task.name} [{task.category}] is {task.truth}, read as {task.read}")
    scores: dict[bool, float] = {}
    for held_out in (False, True):
        chosen = [task for task in judged if task.held_out is held_out]
        scores[held_out] = _report(chosen, "held out" if held_out else "developed on")
    slowest = max(task.seconds for task in judged)
    print(f"slowest prompt: {slowest * 1000:.1f} ms")
    return 0 if scores[True] >= TO_BEAT else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
