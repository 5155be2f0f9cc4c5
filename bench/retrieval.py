"""How well datasets and models are found: `python bench/retrieval.py [data folder] [--fit]`.

Prompts of real tasks against 2,958 real dataset cards, and of real wishes against 2,360 model cards, of which
one is known to fit each (others may). Beside p2m's rankers stand what anybody would type first: rank-bm25's
Okapi on lower-cased words of the descriptions, all-MiniLM-L6-v2 by sentence-transformers on their texts, and
the reciprocal rank fusion of the two. All that p2m's ranking is fitted to is one half of the prompts (by
hash of the name that is to be found); the other half is reported beside it. `--fit` fits
p2m/retrievers/weights.txt to that half anew; `--vectors` keeps embeddings from run to run. What a large
catalogue costs is told by bench/catalog.py. Exits 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from p2m.compression.int8 import Int8
from p2m.deploy.base import open_encoder
from p2m.parsing import parse_prompt
from p2m.retrievers import ranking
from p2m.retrievers.card_index import Index, index_of
from p2m.retrievers.dense import MODEL, SHA256, Dense
from p2m.retrievers.hybrid import Hybrid
from p2m.stages.formats import by_format, format_features
from p2m.students import weights
from p2m.students.sentence_encoder import SentenceEncoder
from p2m.types import Card, Task

SIZES = (None, 300, 30, 3)  # of the catalogues that probabilities are calibrated with, in cards; None: all
ALIKE = 0.4  # cosine with what is asked for, from which a card may fit as well
BARS = (0.25, 0.42, 0.62)  # of datasets, at 1, 5 and 25, over all prompts
AT = (1, 5, 25)
PENALTY = 1.0  # of the squared weights
FOLDS = 8
FLOORS = (0.15, 0.2, 0.25, 0.3, 0.35)  # of `Hybrid.least_probability`
WINDOW = Hybrid().window

Rank = Callable[[Task], Sequence[str]]  # a task to names, best first


def held_out(name: str) -> bool:
    """Whether what is to be found is of the half that nothing was fitted to."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def lines(path: Path) -> Iterator[dict[str, Any]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    yield from map(json.loads, text.rstrip("\n").split("\n"))


# --------------------------------------------------------------------------- cards


def tagged(raw: Mapping[str, Any], kind: str) -> list[str]:
    return [tag.partition(":")[2] for tag in raw.get("tags") or () if tag.startswith(f"{kind}:")]


def dataset_card(name: str, card: Mapping[str, Any], listed: Mapping[str, Any]) -> Card:
    """A dataset as p2m would read it, of its stored card and of the Hub's listing; either may lack."""
    configs = card.get("configs", [])
    columns = dict.fromkeys(column["name"] for config in configs for column in config["columns"])
    labels = {
        column["name"]: {str(number): str(label) for number, label in enumerate(column["labels"])}
        for config in configs
        for column in config["columns"]
        if column.get("labels")
    }
    texts: list[str] = []
    for text in (card.get("pretty_name"), card.get("description"), listed.get("description"),
                 card.get("summary"), card.get("supported_tasks")):  # fmt: skip
        if text and not any(text in other for other in texts):
            texts.append(text)
    ids = (*card.get("task_categories", ()), *card.get("task_ids", ()),
           *tagged(listed, "task_categories"), *tagged(listed, "task_ids"))  # fmt: skip
    return Card(
        name, " ".join(texts), tuple(dict.fromkeys(ids)),
        tuple(dict.fromkeys((*card.get("languages", ()), *tagged(listed, "language")))),
        columns=tuple(columns)[:30], label_names=labels, downloads=listed.get("downloads") or 0,
        likes=listed.get("likes") or 0,
    )  # fmt: skip


def model_card(raw: Mapping[str, Any]) -> Card:
    said = (raw["pipeline_tag"], raw["task"], raw.get("functionality"))
    ids = [each for one in said if one for each in ([one] if isinstance(one, str) else one)]
    text = re.sub(r"<!--.*?(-->|$)", "", raw["text"], flags=re.DOTALL)
    return Card(raw["name"], text, (*dict.fromkeys(ids), *(raw["tags"] or ())), tuple(raw["languages"]),
                kind="model", downloads=raw["downloads"] or 0, likes=raw["likes"] or 0)  # fmt: skip


def dataset_cards(folder: Path) -> list[Card]:
    cards = {raw["name"]: raw for raw in lines(folder / "dataset_cards.jsonl.gz")}
    listed = {raw["name"]: raw for raw in lines(folder / "dataset_index_2024.jsonl.gz")}
    return [dataset_card(name, cards.get(name, {}), listed.get(name, {})) for name in sorted(cards | listed)]


def model_cards(folder: Path) -> list[Card]:
    found = {raw["name"]: model_card(raw) for raw in lines(folder / "model_cards.jsonl.gz")}
    return [found[name] for name in sorted(found)]


# --------------------------------------------------------------------------- embeddings


class Reader:
    """p2m's encoder as its `card-reader` step makes it; texts that it has read stay in a file, if one is
    named."""

    def __init__(self, kept: Path | None) -> None:
        self._kept, self._vectors = kept, {}
        if kept and kept.is_file():
            with np.load(kept) as stored:
                self._vectors = dict(zip(stored["keys"], stored["vectors"], strict=True))
        self.folder = Path(tempfile.mkdtemp())
        SentenceEncoder(MODEL, sha256=SHA256).export(self.folder / "full")
        Int8().compress(self.folder / "full", self.folder / "small")

    def __call__(self, texts: Sequence[str], window: int = 4 * WINDOW) -> Any:
        keys = [hashlib.sha256(f"{window} {text}".encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if new:
            model = open_encoder(self.folder / "small", threads=0, max_length=window)
            self._vectors |= dict(zip(new, model.encode(list(new.values()), batch_size=32), strict=True))
        return np.array([self._vectors[key] for key in keys])

    def keep(self) -> None:
        if self._kept:
            keys = list(self._vectors)
            np.savez(self._kept, keys=keys, vectors=np.array([self._vectors[key] for key in keys]))


# --------------------------------------------------------------------------- peers


def okapi(cards: Sequence[Card]) -> Callable[[Task], Any]:
    """rank-bm25 as its README shows it."""
    from rank_bm25 import BM25Okapi

    def words(text: str) -> list[str]:
        return re.findall(r"\w+", text.lower())

    engine = BM25Okapi([words(card.description) or [""] for card in cards])
    return lambda task: np.asarray(engine.get_scores(words(task.instruction)))


def mini_lm(cards: Sequence[Card]) -> Callable[[Task], Any]:
    """sentence-transformers as its README shows it, on names and descriptions."""
    from sentence_transformers import SentenceTransformer

    folder = weights.find(MODEL, MODEL, revision="main", sha256=SHA256)
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = 256
    texts = [f"{card.name} {card.description}"[:2000] for card in cards]
    began = time.perf_counter()
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    taken = time.perf_counter() - began
    print(f"MiniLM: {len(texts)} texts, 256 tokens of each, {vectors.nbytes / 1e6:.1f} MB, {taken:.0f} s")
    return lambda task: vectors @ model.encode([task.instruction], normalize_embeddings=True)[0]


def once(scores: Callable[[Task], Any]) -> Callable[[Task], Any]:
    """Scores that a prompt has from one ranker to the next."""
    known: dict[str, Any] = {}

    def found(task: Task) -> Any:
        if task.instruction not in known:
            known[task.instruction] = scores(task)
        return known[task.instruction]

    return found


def places(scores: Any) -> Any:
    found = np.empty(len(scores))
    found[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return found


def peers(cards: Sequence[Card]) -> dict[str, Rank]:
    words, meaning = once(okapi(cards)), once(mini_lm(cards))

    def by(scores: Callable[[Task], Any]) -> Rank:
        return lambda task: [cards[number].name for number in np.argsort(-scores(task), kind="stable")]

    def fused(task: Task) -> Any:
        return 1 / (60 + places(words(task))) + 1 / (60 + places(meaning(task)))

    return {"rank-bm25": by(words), "MiniLM": by(meaning), "fusion of both": by(fused)}


def ours(index: Index, encode: Reader) -> dict[str, Rank]:
    def ranked(able: Dense | Hybrid) -> Rank:
        return lambda task: [one.card.name for one in by_format(task, able.rank(task, index, encode))]

    return {
        "p2m dense": ranked(Dense()),
        "p2m fusion": ranked(Hybrid(learnt=False)),
        "p2m hybrid": ranked(Hybrid()),
    }


# --------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Query:
    task: Task
    relevant: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        return held_out(self.relevant[0])


def queries(path: Path) -> list[Query]:
    return [Query(parse_prompt(raw["prompt"]), tuple(raw["relevant"])) for raw in lines(path)]


def place(names: Sequence[str], relevant: Sequence[str]) -> float:
    """Where the first relevant one stands, from 1."""
    return min((names.index(name) + 1 for name in relevant if name in names), default=float("inf"))


def recall(found: Sequence[float], at: int) -> str:
    """The share of prompts found by then, with its 95% bootstrap interval."""
    hits = [float(each <= at) for each in found]
    draw = random.Random(0)
    means = sorted(sum(draw.choices(hits, k=len(hits))) / len(hits) for _ in range(1000))
    return f"{sum(hits) / len(hits):.3f} [{means[25]:.2f}, {means[974]:.2f}]"


def compare(title: str, rankers: Mapping[str, Rank], asked: Sequence[Query]) -> dict[str, list[float]]:
    """Print recall of every ranker on both halves and over all; the places, by ranker."""
    halves = {
        "fitted to": [not each.is_held_out for each in asked],
        "held out": [each.is_held_out for each in asked],
        "all": [True] * len(asked),
    }
    print(f"{title}: recall at {', '.join(map(str, AT))}")
    found = {}
    for name, rank in rankers.items():
        found[name] = [place(rank(each.task), each.relevant) for each in asked]
        for half, members in halves.items():
            some = [at for at, member in zip(found[name], members, strict=True) if member]
            figures = "  ".join(recall(some, at) for at in AT)
            print(f"  {name:15} {half:9} ({len(some):3})  {figures}", flush=True)
    return found


def share(found: Sequence[float], at: int) -> float:
    """Of the prompts, those found by then."""
    return sum(each <= at for each in found) / len(found)


def reached(found: Sequence[float], bars: Sequence[float]) -> bool:
    return all(share(found, at) >= bar for at, bar in zip(AT, bars, strict=True))


def none(cards: Sequence[Card], index: Index, encode: Reader, asked: Sequence[Query]) -> None:
    """Of the half that nothing was fitted to: how right probabilities are, and the answer that none fits."""
    told: dict[int | None, list[tuple[bool, float]]] = {}
    for each in asked:
        for size, is_absent, there in catalogues(cards, index, encode, each) if each.is_held_out else ():
            found = by_format(each.task, Hybrid().rank(each.task, there, encode))
            told.setdefault(size, []).append(
                (is_absent, max((one.probability or 0.0 for one in found), default=0.0))
            )
    least = Hybrid().least_probability
    print(f"none fits, where the likeliest card has less than {least:g}; held out, half without what fits")
    for size, cases in told.items():
        absent, likely = (np.array(each) for each in zip(*cases, strict=True))
        print(
            f"  {size or len(cards):5} cards: Brier {((likely - ~absent) ** 2).mean():.3f} (of a half 0.250);"
            f" {none_text(absent, likely < least)}",
            flush=True,
        )


def none_text(absent: Any, said: Any) -> str:
    return (
        f"none said {said.mean():.2f}: precision {_share(absent[said])}, recall {_share(said[absent])},"
        f" said although it was there {_share(said[~absent])}"
    )


def _share(hits: Any) -> str:
    return f"{hits.mean():.2f}" if len(hits) else "-"


def floors(index: Index, encode: Reader, asked: Sequence[Query]) -> None:
    """For floors of `Hybrid.least_fit`: relevant cards kept, and prompts whose best wrong card is cut."""
    right, wrong = [], []
    for each in asked:
        if each.is_held_out:
            continue
        seen = ranking.shortlist(each.task, index, encode)
        fits = [(one.card.name in each.relevant, one.fit, one.logit) for one in seen]
        right += [fit for relevant, fit, _ in fits if relevant][:1]
        wrong.append(max((logit, fit) for relevant, fit, logit in fits if not relevant)[1])
    for floor in (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6):
        kept = sum(fit >= floor for fit in right) / len(right)
        cut = sum(fit < floor for fit in wrong) / len(wrong)
        print(f"  floor {floor:.2f}: keeps {kept:.2f} of the relevant, cuts {cut:.2f} of the best wrong ones")


# --------------------------------------------------------------------------- fitting


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt's shortlist in one catalogue."""

    size: int | None  # cards of the catalogue; None: all
    is_absent: bool  # whether what the prompt is after, and what is like that, was taken out of it
    features: Any  # (cards, features)
    fit: Any  # (cards,) likeness and overlap, added up
    right: Any  # (cards,) bool
    group: str


def without(index: Index, names: Collection[str]) -> Index:
    """The index as if these cards were not in it."""
    gone = np.array([number for number, card in enumerate(index.cards) if card.name in names])
    assert index.vectors is not None
    vectors = index.vectors.copy()
    vectors[gone] = 0
    words = {
        field: replace(each, weights=np.where(np.isin(each.holders, gone), 0, each.weights))
        for field, each in index.words.items()
    }
    return Index(index.cards, words, vectors)


def catalogues(
    cards: Sequence[Card], index: Index, encode: Reader, asked: Query
) -> Iterator[tuple[int | None, bool, Index]]:
    """Catalogues of several sizes, drawn by the prompt, each with what it is after, and without that and
    without all that is like it.
    """
    vectors = index.vectors.astype(np.float32)  # type: ignore[union-attr]
    known = [number for number, card in enumerate(index.cards) if card.name in asked.relevant]
    alike = (vectors @ vectors[known].T).max(axis=1, initial=-1) >= ALIKE
    gone = {*asked.relevant, *(index.cards[int(number)].name for number in np.flatnonzero(alike))}
    for size in SIZES:
        if size is None:
            yield None, False, index
            yield None, True, without(index, gone)
            continue
        others = [card for card in cards if card.name not in asked.relevant]
        some = random.Random(f"{size}:{asked.task.instruction}").sample(others, size)
        full = [*some, *(card for card in cards if card.name in asked.relevant)]
        rest = [card for card in some if card.name not in gone]
        yield size, False, index_of(full, lambda texts: encode(texts, WINDOW))
        yield size, True, index_of(rest, lambda texts: encode(texts, WINDOW))


def lessons(
    cards: Sequence[Card], index: Index, encode: Reader, asked: Sequence[Query], names: Sequence[str]
) -> list[Lesson]:
    """Of the prompts that may be fitted to, in every catalogue."""
    found = []
    for each in asked:
        if each.is_held_out:
            continue
        for size, is_absent, there in catalogues(cards, index, encode, each):
            seen = ranking.shortlist(each.task, there, encode)
            if not seen:
                continue
            rows = [dict(one.features) | format_features(each.task, one.card) for one in seen]
            right = np.array([one.card.name in each.relevant for one in seen])
            features = np.array([[row[name] for name in names] for row in rows])
            fit = np.array([one.fit for one in seen])
            found.append(Lesson(size, is_absent, features, fit, right, each.relevant[0]))
    return found


def evidence(lesson: Lesson, vector: Any) -> list[float]:
    """What `calibrated` learns of a shortlist: what speaks for its best card, what that has in common, 1."""
    logits = lesson.features @ vector
    best = int(np.argmax(logits))
    return [float(logits[best]), float(lesson.fit[best]), 1.0]


def calibrated(learnt: Sequence[Lesson], vector: Any) -> Any:
    """The weights of `evidence` for whether a catalogue has what the prompt is after."""
    from scipy.optimize import minimize

    table = np.array([evidence(each, vector) for each in learnt])
    there = np.array([not each.is_absent for each in learnt], dtype=float)
    held = np.array([1.0, 1, 0])

    def loss(weights: Any) -> tuple[float, Any]:
        logits, away = table @ weights, held * weights
        slope = table.T @ (1 / (1 + np.exp(-logits)) - there) + PENALTY * away
        return float(np.sum(np.logaddexp(0, logits) - there * logits) + PENALTY * away @ away / 2), slope

    return minimize(loss, np.zeros(3), jac=True, method="L-BFGS-B").x


def folds(learnt: Sequence[Lesson]) -> list[int]:
    """The fold of each lesson; what is to be found is in one fold alone."""
    groups = sorted({each.group for each in learnt}, key=lambda name: hashlib.sha256(name.encode()).digest())
    fold = {group: number % FOLDS for number, group in enumerate(groups)}
    return [fold[each.group] for each in learnt]


def said_none(learnt: Sequence[Lesson]) -> None:
    """Print what a cross-validation says of the answer that none fits, by the floor of the best card's
    probability.
    """
    fold, likely = np.array(folds(learnt)), np.empty(len(learnt))
    for number in range(FOLDS):
        others = [each for each, place in zip(learnt, fold, strict=True) if place != number]
        vector = fit([each for each in others if each.size is None and each.right.any()])
        known = calibrated(others, vector)
        for place in np.flatnonzero(fold == number):
            likely[place] = 1 / (1 + np.exp(-np.dot(evidence(learnt[int(place)], vector), known)))
    absent = np.array([each.is_absent for each in learnt])
    for floor in FLOORS:
        print(f"  floor {floor:g}, cross-validated: {none_text(absent, likely < floor)}")


def fit(learnt: Sequence[Lesson]) -> Any:
    """Weights under which the relevant cards of each prompt are likely (a conditional logit)."""
    from scipy.optimize import minimize

    often = Counter(each.group for each in learnt)

    def loss(vector: Any) -> tuple[float, Any]:
        total, slope = PENALTY * (vector @ vector) / 2, PENALTY * vector
        for each in learnt:
            logits = each.features @ vector
            odds = np.exp(logits - logits.max())
            share, good = odds / odds.sum(), odds * each.right / (odds @ each.right)
            much = often[each.group] ** -0.5
            total -= much * np.log(share @ each.right)
            slope = slope - much * ((good - share) @ each.features)
        return total, slope

    start = np.zeros(learnt[0].features.shape[1])
    return minimize(loss, start, jac=True, method="L-BFGS-B").x


def fitted(title: str, all_of_them: Sequence[Lesson]) -> Any:
    """The weights, after printing what a cross-validation over what is to be found says of them."""
    whole = [each for each in all_of_them if each.size is None and not each.is_absent]
    learnt, total = [each for each in whole if each.right.any()], len(whole)
    fold = folds(learnt)
    found = [float("inf")] * (total - len(learnt))
    for number in range(FOLDS):
        vector = fit([each for each, place in zip(learnt, fold, strict=True) if place != number])
        for each, place in zip(learnt, fold, strict=True):
            if place == number:
                logits = each.features @ vector
                found.append(1 + float((logits > logits[each.right].max()).sum()))
    figures = "  ".join(recall(found, at) for at in AT)
    print(f"{title}, cross-validated on the half that is fitted to ({total}): {figures}")
    return fit(learnt)


FORMAT = ("labels",)  # of the features, what stages/formats.py adds
FEATURES = {
    "dataset": (
        "words", "place by words", "description", "columns", "place by meaning", "words of best", "task",
        "task of best", "foreign", "spoken", "columns known", "labels",
    ),
    "model": (
        "words", "place by words", "meaning", "place by meaning", "words of best", "task of best", "foreign",
    ),
}  # fmt: skip


def write_weights(found: Mapping[str, Mapping[str, float]]) -> None:
    text = "# What each feature of a card is worth beside the others; bench/retrieval.py --fit writes this.\n"
    for section, weighed in found.items():
        text += f"\n[{section}]\n" + "".join(f"{name} | {weight:.3f}\n" for name, weight in weighed.items())
    Path(ranking.__file__).with_name("weights.txt").write_text(text, "utf-8")


# --------------------------------------------------------------------------- all


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="?", default="../shared/data")
    parser.add_argument("--fit", action="store_true", help="write weights.txt, and nothing else")
    parser.add_argument("--vectors", type=Path, help="an .npz that embeddings are kept in")
    parser.add_argument("--ours", action="store_true", help="leave the peers out")
    parser.add_argument("--floors", action="store_true", help="what each floor would refuse")
    options = parser.parse_args(arguments)
    folder, encode = Path(options.data) / "catalogs", Reader(options.vectors)
    parts = (("dataset", dataset_cards(folder)), ("model", model_cards(folder)))
    found, good = {}, True
    for kind, cards in parts:
        index = index_of(cards, lambda texts: encode(texts, WINDOW))
        asked = queries(folder / f"{kind}_retrieval_dev.jsonl")
        encode([each.task.instruction for each in asked])
        encode.keep()
        title = f"{kind}s, {len(cards)} cards"
        if options.fit:
            learnt = lessons(cards, index, encode, asked, FEATURES[kind])
            vector = fitted(title, learnt)
            found[kind] = dict(zip(FEATURES[kind], map(float, vector), strict=True))
            known = calibrated(learnt, vector)
            found[f"{kind} fits"] = dict(zip(("logit", "fit", "all"), map(float, known), strict=True))
            said_none(learnt)
            continue
        others = {} if options.ours else peers(cards)
        ranks = compare(title, others | ours(index, encode), asked)
        none(cards, index, encode, asked)
        if options.floors:
            floors(index, encode, asked)
        if kind == "dataset":
            good = reached(ranks["p2m hybrid"], BARS)
        for name in others:
            good = good and reached(ranks["p2m hybrid"], [share(ranks[name], at) for at in AT])
    if options.fit:
        write_weights(found)
    else:
        print("p2m reaches its bars" if good else "p2m misses a bar")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
