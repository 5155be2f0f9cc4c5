"""How well datasets and their columns are found: `python bench/retrieval.py [data folder]`.

Datasets: prompts of real tasks against 770 real cards; p2m's ranker beside its peer in the same run,
rank-bm25's Okapi on the cards' descriptions, lower-cased words. Columns: human-written mappings of real
datasets, from the columns' names and types; beside a baseline that knows equal names alone. All rules and
weights were chosen on one half (by hash of the dataset's or task's name), the other half is reported. Exits
1 where p2m does not beat its peer.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2m.catalogs.base import Column, map_columns
from p2m.parsing import parse_prompt
from p2m.retrievers.bm25 import BM25
from p2m.types import Card, Field, Task, TaskType

Rank = Callable[[str], list[str]]  # a prompt to dataset names, best first


def held_out(name: str) -> bool:
    """Whether a task or dataset is of the half that nothing was chosen on."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def lines(path: Path) -> Iterator[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    yield from map(json.loads, text.rstrip("\n").split("\n"))


# --------------------------------------------------------------------------- datasets


def as_card(raw: dict[str, Any]) -> Card:
    """One of the stored cards, as p2m would read it."""
    columns = dict.fromkeys(column["name"] for config in raw["configs"] for column in config["columns"])
    texts = dict.fromkeys(
        raw[key] or "" for key in ("pretty_name", "description", "summary", "supported_tasks")
    )
    return Card(
        name=raw["name"],
        description=" ".join(texts),
        task_ids=(*raw["task_categories"], *raw["task_ids"]),
        languages=tuple(raw["languages"]),
        columns=tuple(columns)[:30],
    )


def ours(cards: Sequence[Card]) -> Rank:
    ranker = BM25()
    return lambda prompt: [found.card.name for found in ranker.search(parse_prompt(prompt), cards)]


def peer(raw: Sequence[dict[str, Any]]) -> Rank:
    """rank-bm25 as its README shows it, on lower-cased words of the descriptions."""
    from rank_bm25 import BM25Okapi

    def words(text: str) -> list[str]:
        return re.findall(r"\w+", text.lower())

    engine = BM25Okapi([words(card["description"] or "") or [""] for card in raw])
    names = [card["name"] for card in raw]

    def rank(prompt: str) -> list[str]:
        scores = engine.get_scores(words(prompt))
        return [names[index] for index in sorted(range(len(names)), key=lambda index: -scores[index])]

    return rank


@dataclass(frozen=True, slots=True)
class Ranking:
    """Means over prompts, 0 to 1, higher is better."""

    at1: float
    at5: float
    at10: float
    mrr: float

    def __str__(self) -> str:
        return f"recall@1 {self.at1:.3f}  @5 {self.at5:.3f}  @10 {self.at10:.3f}  MRR {self.mrr:.3f}"


def judge(rank: Rank, tasks: Sequence[dict[str, Any]]) -> Ranking:
    """Recall counts a prompt as found where any of its relevant datasets is among the first k."""
    places = []
    for task in tasks:
        names = rank(task["prompt"])
        places.append(
            min((names.index(name) + 1 for name in task["relevant"] if name in names), default=math.inf)
        )
    at1, at5, at10 = (sum(place <= k for place in places) / len(places) for k in (1, 5, 10))
    return Ranking(at1, at5, at10, sum(1 / place for place in places) / len(places))


# --------------------------------------------------------------------------- the floor


def floors(cards: Sequence[Card], tasks: Sequence[dict[str, Any]]) -> list[tuple[float, float, float]]:
    """For floors of relevance: the share of relevant datasets kept, and of prompts whose best wrong card is
    cut."""
    ranker = BM25()
    right, wrong = [], []
    for task in tasks:
        found = ranker.search(parse_prompt(task["prompt"]), cards)
        overlaps = {one.card.name: overlap_of(one.reasons) for one in found}
        right.append(max((overlaps.get(name, 0.0) for name in task["relevant"]), default=0.0))
        wrong.append(next(overlaps[one.card.name] for one in found if one.card.name not in task["relevant"]))
    return [
        (
            floor,
            sum(one >= floor for one in right) / len(right),
            sum(one < floor for one in wrong) / len(wrong),
        )
        for floor in (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25)
    ]


def overlap_of(reasons: Sequence[str]) -> float:
    match = re.search(r"\((\d+)% of the query", " ".join(reasons))
    return int(match.group(1)) / 100 if match else 0.0


# --------------------------------------------------------------------------- columns

_TEXTLESS = ("image", "audio", "img", "file", "path", "video")
_TYPES = {
    "question-answering-extractive": (TaskType.QUESTION_ANSWERING, ("question", "context"), "answers"),
    "extractive_question_answering": (TaskType.QUESTION_ANSWERING, ("question", "context"), "answers"),
    "text-classification": (TaskType.CLASSIFICATION, ("text",), "label"),
    "multi_class_classification": (TaskType.CLASSIFICATION, ("text",), "label"),
    "binary_classification": (TaskType.CLASSIFICATION, ("text",), "label"),
    "summarization": (TaskType.TEXT_TO_TEXT, ("text",), "summary"),
    None: (TaskType.TEXT_TO_TEXT, ("input",), "output"),
}


def wanted(raw: dict[str, Any]) -> tuple[Task, dict[str, str]] | None:
    """The task of a human-written mapping and its truth, field to column; None where it is not about text."""
    if raw["task"] not in _TYPES:
        return None
    kind, inputs, output = _TYPES[raw["task"]]
    pairs = {
        role: column
        for role, column in raw["mapping"].items()
        if isinstance(column, str) and role != "metrics"
    }
    if raw["source"] == "train-eval-index":  # written the other way round: column to role
        pairs = {"label" if role == "target" and kind is TaskType.CLASSIFICATION else role: column
                 for column, role in pairs.items()}  # fmt: skip
        pairs = {output if role == "target" else role: column for role, column in pairs.items()}
        pairs |= {"answers": "answers"} if kind is TaskType.QUESTION_ANSWERING else {}
    truth = {name: pairs.get(name, "") for name in (*inputs, output)}
    known = {*raw["columns"], *(name for name in truth.values() if "translation" in raw["columns"])}
    if not all(truth.values()) or len(set(truth.values())) < len(truth) or not set(truth.values()) <= known:
        return None
    if any(column in _TEXTLESS for column in truth.values()):
        return None
    language = truth["input"] if "translation" in raw["columns"] else "en"
    return Task(kind, "", tuple(map(Field, inputs)), Field(output), language=language), truth


def as_columns(config: dict[str, Any]) -> list[Column]:
    """Declared types as the facts that rows would show."""
    found: list[Column] = []
    for column in config["columns"]:
        name, kind = column["name"], column["type"]
        if kind.startswith("Translation("):
            found.extend(Column(f"{name}.{code}", "text") for code in kind[12:-1].split(","))
        elif kind.startswith("ClassLabel"):
            found.append(Column(name, "label"))
        elif kind == "Sequence[struct]" and name.startswith("answer"):
            found.append(Column(f"{name}.text", "texts"))
        else:
            plain = {
                "string": "text",
                "Sequence[string]": "texts",
                "Sequence[ClassLabel]": "texts",
                "bool": "boolean",
            }
            number = "number" if re.match(r"u?int|float", kind) else "other"
            found.append(Column(name, plain.get(kind, number)))
    return found


def right(mapping: dict[str, str], truth: dict[str, str]) -> bool:
    """`answers.text` is the column answers; `translation.en` is en."""
    return all(column in (*(got := mapping.get(name, "")).split("."), got) for name, column in truth.items())


def columns(folder: Path) -> list[tuple[bool, bool, bool, str]]:
    """(held out, ours right, baseline right, what was wrong) for each mapping of a text task."""
    cards = {raw["name"]: raw for raw in lines(folder / "dataset_cards.jsonl.gz")}
    judged: list[tuple[bool, bool, bool, str]] = []
    for raw in lines(folder / "column_mappings_dev.jsonl.gz"):
        asked = wanted(raw)
        config = next(
            (one for one in cards[raw["dataset"]]["configs"] if one["config"] == raw["config"]), None
        )
        if asked is None or config is None:
            continue
        task, truth = asked
        there = as_columns(config)
        mapping = map_columns(task, there).mapping or {}
        names = {part for column in there for part in column.name.split(".")}
        equal = {name: name for name in truth if name in names}
        missed = f"{raw['dataset']}/{raw['config']}: wanted {truth}, got {mapping}"
        judged.append((held_out(raw["dataset"]), right(mapping, truth), equal == truth, missed))
    return judged


# --------------------------------------------------------------------------- report


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "../shared/data") / "catalogs"
    raw = list(lines(folder / "dataset_cards.jsonl.gz"))
    cards = [as_card(one) for one in raw]
    tasks = list(lines(folder / "dataset_retrieval_dev.jsonl"))
    beaten = True
    for half in (False, True):
        chosen = [task for task in tasks if held_out(task["relevant"][0]) is half]
        name = "held out" if half else "developed on"
        mine, theirs = judge(ours(cards), chosen), judge(peer(raw), chosen)
        print(f"datasets, {name} ({len(chosen)} prompts, {len(cards)} cards)")
        print(f"  p2m        {mine}\n  rank-bm25  {theirs}")
        beaten = beaten and (not half or (mine.mrr > theirs.mrr and mine.at5 > theirs.at5))
        for floor, kept, cut in floors(cards, chosen) if "-v" in arguments else ():
            print(f"    floor {floor:.2f}: keeps {kept:.2f} of the relevant,", end=" ")
            print(f"cuts {cut:.2f} of the best wrong ones")
    judged = columns(folder)
    for half in (False, True):
        some = [one for one in judged if one[0] is half]
        mine_right = sum(one[1] for one in some) / len(some)
        base = sum(one[2] for one in some) / len(some)
        name = "held out" if half else "developed on"
        print(f"columns, {name} ({len(some)} mappings): p2m {mine_right:.3f}, equal names {base:.3f}")
        for one in some:
            if not one[1] and not half and "-v" in arguments:
                print("   ", one[3])
        beaten = beaten and (not half or mine_right > base)
    print(
        "p2m beats its peers on the held-out half"
        if beaten
        else "p2m does not beat its peers on the held-out half"
    )
    return 0 if beaten else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
