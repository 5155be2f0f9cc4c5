"""What cannot be learnt from the rows given never ships, and is said soon.

    .venv/bin/python bench/unlearnable.py DATA [--only NAME,...] [--work FOLDER]

DATA holds hub/cmudict and natural_instructions/. Builds, through the product and with all defaults, tasks of
writing and of extraction whose rows are too few for a small model: 1,500 words to their phonemes, and the
rewriting and extraction tasks of natural_instructions (up to 200 rows each, what its categories call so).
Prints of each the verdict with its reason, and when during training it was first said that nothing is being
learnt. Exits with 1 where a model ships, where a verdict has no reason, or where cmudict takes more than two
minutes of training to say so.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROWS = 1500  # of cmudict
SECONDS = 120.0  # of training, within which cmudict must be told of
CATEGORIES = ("Question Rewriting", "Paraphrasing", "Text Simplification", "Overlap Extraction")
SAYS = "has not begun to learn"


@dataclass(frozen=True)
class Task:
    """A table of text, and what is asked of it."""

    name: str
    prompt: str
    rows: tuple[tuple[str, str], ...]  # input, output


@dataclass(frozen=True)
class Outcome:
    """What a build came to."""

    decision: str
    reasons: tuple[str, ...]
    seconds: float
    told_after: float | None  # seconds of training until it was said; None: never


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default="", help="tasks, by the beginning of their names")
    parser.add_argument("--work", type=Path, default=None, help="where builds are kept")
    given = parser.parse_args(argv)
    work = given.work or Path(tempfile.mkdtemp(prefix="p2m-unlearnable-"))
    wanted = tuple(given.only.split(",")) if given.only else ("",)
    faults: list[str] = []
    for task in (*_cmudict(given.data), *_instructions(given.data)):
        if not task.name.startswith(wanted):
            continue
        found = _build(task, work / task.name)
        told = "never" if found.told_after is None else f"after {found.told_after:.0f} s"
        print(f"{task.name:<44} {len(task.rows):>5} rows  {found.decision:<11}  {found.seconds:>4.0f} s  "
              f"nothing learnt said {told}")  # fmt: skip
        for reason in found.reasons:
            print(f"    {reason}")
        faults += _faults(task, found)
    print("\n".join(faults) or "PASS")
    return 1 if faults else 0


def _faults(task: Task, found: Outcome) -> Iterator[str]:
    if found.decision not in ("FALLS SHORT", "UNPROVEN"):
        yield f"{task.name}: {found.decision}"
    elif not found.reasons:
        yield f"{task.name}: no reason is given"
    if task.name == "cmudict" and (found.told_after is None or found.told_after > SECONDS):
        yield f"{task.name}: not told within {SECONDS:.0f} s of training"


def _cmudict(data: Path) -> Iterator[Task]:
    with gzip.open(data / "hub/cmudict/all.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    chosen = random.Random(0).sample(rows, ROWS)
    prompt = 'Write the phonemes of an English word.\ninput="cat" output="K AE1 T"'
    yield Task("cmudict", prompt, tuple((row["word"], row["phones"][0]) for row in chosen))


def _instructions(data: Path) -> Iterator[Task]:
    with gzip.open(data / "natural_instructions/tasks.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            task = json.loads(line)
            lowered = {key.lower(): value for key, value in task.items()}
            if not set(lowered["categories"]) & set(CATEGORIES):
                continue
            definition = lowered["definition"]
            text = definition[0] if isinstance(definition, list) else definition
            yield Task(str(lowered["name"]), text, tuple(_pairs(lowered["instances"])))


def _pairs(instances: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in instances:
        output = each["output"]
        yield each["input"], output[0] if isinstance(output, list) else output


def _build(task: Task, place: Path) -> Outcome:
    place.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"text": text, "answer": answer}) for text, answer in task.rows]
    (place / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = {
        "name": "task",
        "prompt": task.prompt,
        "task": {"type": "text2text-generation", "inputs": ["text"], "output": "answer"},
        "data": {"train": "rows.jsonl"},
    }
    (place / "task.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "p2m", "build", "task.yaml", "--json", "--outputs", "out"]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    told = _watch(process.stderr)
    said = process.stdout.read()
    if process.wait() not in (0, 4):
        raise SystemExit(f"{task.name}: p2m build ended with {process.returncode}\n{told[1]}")
    verdict = json.loads(said)["verdict"]
    reasons = (*verdict["failures"], *verdict["unproven"])
    return Outcome(verdict["decision"], reasons, time.monotonic() - began, told[0])


def _watch(stream: Any) -> tuple[float | None, str]:
    """Seconds between a training's first words and its word that nothing is learnt; and all that was said."""
    first, told, everything = None, None, []
    for line in stream:
        everything.append(line)
        if first is None and "train:" in line:
            first = time.monotonic()
        if told is None and SAYS in line and first is not None:
            told = time.monotonic() - first
    return told, "".join(everything[-20:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
