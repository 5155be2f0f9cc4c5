"""Classification tables: which are taken, by rule, and their parts for learning and for judging.

- hub: every dataset under DATA/hub whose rows have `text` and `label`, and that has an official test or
  validation part;
- tickets: this repository's own, recipes/data/tickets, with its official test part;
- natural_instructions: every task of DATA/natural_instructions/tasks.jsonl.gz whose outputs are labels: at
  least two outputs have MIN_ROWS rows each, and two fifths of all rows between them. Rows of rarer outputs
  are left out. Where one output alone has two fifths of the rows, and no other has MIN_ROWS, the task is to
  tell it from the rest, which is called "other".

A part to judge by is never learnt from: the official one (a stratified TEST_CAP of it at most), else a
stratified half of the rows. All draws have fixed seeds.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DEVELOPMENT = ("banking77", "snips_intents")  # their learning rows were looked at while p2m was made
MIN_ROWS = 6  # of an output that is taken for a label
COVER = 0.4  # share of a task's rows that its labels have
TEST_CAP = 2000
OTHER = "other"
ALL = "all"
Row = tuple[str, str]  # text, label


@dataclass(frozen=True)
class Table:
    """A task with rows to learn from and rows to judge by."""

    name: str
    prompt: str
    train: tuple[Row, ...]
    test: tuple[Row, ...]
    official: bool  # whether the rows to judge by are an official part

    @property
    def held_out(self) -> bool:
        """Whether nobody looked at its rows while p2m was made."""
        return self.name not in DEVELOPMENT

    @property
    def labels(self) -> int:
        return len({label for _, label in self.train})

    @cached_property
    def digest(self) -> str:
        """Of everything in it, so that results are never taken for those of other rows."""
        whole = json.dumps([self.prompt, self.train, self.test]).encode()
        return hashlib.sha256(whole).hexdigest()[:16]

    def spoilt(self, wrong: float) -> Table:
        """The same with so large a share of the labels to learn from wrong, each other label alike."""
        names, lot = sorted({label for _, label in self.train}), random.Random(f"{self.name}/{wrong}")
        rows = [
            (text, lot.choice([name for name in names if name != label]) if lot.random() < wrong else label)
            for text, label in self.train
        ]
        return replace(self, train=tuple(rows))

    def sample(self, size: str, seed: int) -> tuple[Row, ...] | None:
        """So many rows of each label (all of a label that has fewer), shuffled; "all" for every row.

        None where most labels have fewer rows, or where it would be every row.
        """
        rows = _shuffled(self.train, f"{self.name}/{size}/{seed}")
        if size == ALL:
            return rows
        counts = Counter(label for _, label in rows)
        if sum(count >= int(size) for count in counts.values()) * 2 <= len(counts):
            return None
        taken: Counter[str] = Counter()
        kept = []
        for row in rows:
            taken[row[1]] += 1
            if taken[row[1]] <= int(size):
                kept.append(row)
        return tuple(kept) if len(kept) < len(rows) else None


def read(data: Path) -> list[Table]:
    """Every table, in a fixed order.

    Raises:
        SystemExit: the data are not there.
    """
    tasks = data / "natural_instructions" / "tasks.jsonl.gz"
    if not tasks.exists() or not (data / "hub").is_dir():
        raise SystemExit(f"{data}: no hub/ and natural_instructions/; name their folder: bench/small.py DATA")
    hub = [table for folder in sorted((data / "hub").iterdir()) if (table := _of_hub(folder)) is not None]
    instructions = [table for task in _lines(tasks) if (table := _of_task(task)) is not None]
    return [*hub, _tickets(), *sorted(instructions, key=lambda table: table.name)]


def _of_hub(folder: Path) -> Table | None:
    train = folder / "train.jsonl.gz"
    parts = [path for name in ("test", "validation") if (path := folder / f"{name}.jsonl.gz").exists()]
    if not parts or not train.exists():
        return None
    with gzip.open(train, "rt", encoding="utf-8") as file:
        if not {"text", "label"} <= set(json.loads(file.readline())):
            return None
    card = (folder / "README.md").read_text(encoding="utf-8").rpartition(f"# {folder.name}")[2]
    about = card.strip().partition(". ")[0]  # its first sentence says what the rows are
    prompt = f"{about}. Classify the text: the output is its label.\n"
    learn, judge = ([_row(raw) for raw in _lines(path)] for path in (train, parts[0]))
    return _official(folder.name, prompt, learn, judge)


def _tickets() -> Table:
    recipe = yaml.safe_load((REPOSITORY / "recipes" / "tickets.yaml").read_text(encoding="utf-8"))
    folder = REPOSITORY / "recipes" / "data" / "tickets"
    parts = [[_row(raw) for raw in _lines(folder / f"{part}.jsonl")] for part in ("train", "test")]
    return _official("tickets", recipe["prompt"], *parts)


def _official(name: str, prompt: str, train: Sequence[Row], test: Sequence[Row]) -> Table:
    return Table(name, prompt, tuple(train), _capped(test, f"{name}/test"), official=True)


def _of_task(task: dict[str, Any]) -> Table | None:
    """The task as a table; None where its outputs are no labels."""
    texts: dict[str, str] = {}
    for instance in task["instances"]:
        texts.setdefault(instance["input"].strip(), instance["output"][0].strip())
    counts = Counter(texts.values())
    labels = {label for label, count in counts.items() if count >= MIN_ROWS and label}
    covered = sum(counts[label] for label in labels)
    prompt = task["definition"].strip()
    if not labels or covered < COVER * len(texts):
        return None
    if len(labels) == 1 and len(texts) - covered < MIN_ROWS:
        return None
    if len(labels) == 1:
        (label,) = labels
        rows = [(text, output if output == label else OTHER) for text, output in texts.items()]
        prompt = f'{prompt} The output is "{label}", or "{OTHER}" for everything else.'
    else:
        rows = [(text, output) for text, output in texts.items() if output in labels]
    train, test = _halves(rows, task["name"])
    name = "_".join(task["name"].split("_")[:2])  # its number, and a word to know it by
    return Table(name, prompt + "\n", train, test, official=False)


def _halves(rows: Sequence[Row], seed: str) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Half of each label's rows to learn from (the odd one too), and half to judge by."""
    by_label = _by_label(rows, seed)
    train = [row for group in by_label for row in group[: (len(group) + 1) // 2]]
    test = [row for group in by_label for row in group[(len(group) + 1) // 2 :]]
    return _shuffled(train, seed), _shuffled(test, seed)


def _capped(rows: Sequence[Row], seed: str) -> tuple[Row, ...]:
    """The rows, or TEST_CAP of them with every label's share kept."""
    groups = _by_label(rows, seed)
    places = [((index + 0.5) / len(group), row) for group in groups for index, row in enumerate(group)]
    return tuple(row for _, row in sorted(places)[:TEST_CAP])


def _by_label(rows: Sequence[Row], seed: str) -> list[list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in _shuffled(rows, seed):
        groups[row[1]].append(row)
    return [groups[label] for label in sorted(groups)]


def _shuffled(rows: Sequence[Row], seed: str) -> tuple[Row, ...]:
    """In an order that hangs on the rows and the seed alone."""
    mixed = sorted(rows)
    random.Random(seed).shuffle(mixed)
    return tuple(mixed)


def _row(raw: dict[str, Any]) -> Row:
    return raw["text"].strip(), raw["label"]


def _lines(path: Path) -> list[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [json.loads(line) for line in text.rstrip("\n").split("\n")]
