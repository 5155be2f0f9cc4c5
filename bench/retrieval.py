"""How well datasets are found: `python bench/retrieval.py [data folder]`.

Prompts of real tasks against 770 real cards; p2m's ranker beside its peer in the same run, rank-bm25's Okapi
on the cards' descriptions, lower-cased words. All rules and weights were chosen on one half (by hash of the
dataset's name), the other half is reported. Exits 1 where p2m does not beat its peer.
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

from p2m.parsing import parse_prompt
from p2m.retrievers.bm25 import BM25
from p2m.types import Card

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
    print(
        "p2m beats its peers on the held-out half"
        if beaten
        else "p2m does not beat its peers on the held-out half"
    )
    return 0 if beaten else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
