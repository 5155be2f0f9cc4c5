"""What a noisy teacher's answers come to: banking77 through a teacher that errs, beside gold labels.

    .venv/bin/python bench/noisy_teacher.py DATA [--full] [--seed 0] [--work FOLDER]

DATA is a folder with hub/banking77. 4,000 of its training texts, a tenth of them standing twice, are inputs
without answers. A server on this machine plays a teacher that knows their labels
(tests/teachers/known_rows.py), gives a wrong one to 15% of the questions and cannot be read in 5%. Each line
is a build through the product, of the linear student that does best in cross-validation, exported with its
encoder in eight bits, and judged on the 3,080 test texts, which take part in nothing else.

    A  gold labels                   the same texts, their labels as they are
    B  votes and curation            at most three answers to a text, of which two must agree; the defaults
    C  one unfiltered answer         what the teacher said first, whatever the other rows say
    D  three rounds, half the texts  as B, of the texts that a quick student needs most
    E  one answer, and the defaults  as C, without the answers that the other rows contradict; no bar

Beside each, requests and what they would cost at the price of a model in genai-prices. Exits with 1 where B
is more than 2 points below A, where C is not at least 3 points below B, or where D is below the interval of
B. --full lets all default students compete, a tuned encoder among them, which takes most of an hour.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import p2m
from p2m.teachers.anthropic import Anthropic
from p2m.teachers.asking.prices import UnitPrice, unit_price
from p2m.training.machine import processor
from p2m.types import Evaluated, Examples, Score, Spent

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "teachers"))
known_rows: Any = importlib.import_module("known_rows")

INPUTS, REPEATED = 4000, 0.1  # texts, and the share of them that stands twice
SLIPS = known_rows.Slips(noise=0.15, broken=0.05)
PRICED_AS = "claude-haiku-4-5"
NEAR, WORSE = 0.02, 0.03  # bars: B below A at most, C below B at least
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One build."""

    name: str
    score: Score
    student: str
    rows: int  # learnt from
    right: float  # share of the teacher's labels that are, of those kept; 1 of gold ones
    spent: Spent
    seconds: float


def main(argv: Sequence[str]) -> int:
    arguments = _arguments(argv)
    train, test = (_read(arguments.data, part) for part in ("train", "test"))
    work = Path(arguments.work or tempfile.mkdtemp(prefix="p2m-noisy-teacher-"))
    work.mkdir(parents=True, exist_ok=True)
    pool = _drawn(train, arguments.seed)
    _write(work / "gold.jsonl", pool)
    _write(work / "inputs.jsonl", [{"text": row["text"]} for row in pool])
    _write(work / "test.jsonl", test)
    labels = sorted({row["label"] for row in train})
    priced: Any = Anthropic(model=PRICED_AS)
    price = unit_price(priced)
    if price is None:
        raise SystemExit(f"{PRICED_AS} has no price in genai-prices: name another in PRICED_AS")
    known = [({"text": row["text"]}, row["label"]) for row in train]
    distinct = len({row["text"] for row in pool})
    print(f"banking77: {len(pool):,} inputs, {distinct:,} distinct; {len(test):,} test rows")
    unit = f"{price.input:g} and {price.output:g} USD a million tokens"
    print(f"{os.cpu_count()} x {processor()}; priced as {PRICED_AS}: {unit} ({price.source})\n")
    builds = _builds(distinct)
    lines = []
    with known_rows.KnownRows(known, slips=SLIPS, seed=arguments.seed) as server:
        for name, settings in builds.items():
            recipe = _recipe(work, name, labels, settings, full=arguments.full, seed=arguments.seed,
                             teacher=None if "gold" in name else _teacher(server.url, price))  # fmt: skip
            lines.append(_built(name, recipe, {row["text"]: row["label"] for row in train}))
            print(_shown(lines[-1]), flush=True)
    return _judged(lines)


def _builds(distinct: int) -> dict[str, dict[str, Any]]:
    every = {"num_examples": distinct}
    votes = every | {"samples": 3}
    return {
        "A  gold labels": {},
        "B  votes and curation": {"generation": votes},
        "C  one unfiltered answer": {
            "generation": every | {"contradicted": None},
            "curation": {"near_duplicate": 1},
        },
        "D  three rounds, half the texts": {
            "generation": votes | {"rounds": 3, "num_examples": distinct // 2}
        },
        "E  one answer, and the defaults": {"generation": every},
    }


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--full", action="store_true", help="let all default students compete")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs drawn, the slips and the builds")
    parser.add_argument("--work", default=None, help="where to build; kept, so that a second run reuses it")
    return parser.parse_args(argv)


def _read(data: Path, part: str) -> list[Row]:
    """The rows of a part.

    Raises:
        SystemExit: it is not there.
    """
    name = f"banking77/{part}.jsonl.gz"
    for place in (data / "hub" / name, data / name):
        if place.exists():
            with gzip.open(place, "rt", encoding="utf-8") as file:
                return [json.loads(line) for line in file]
    raise SystemExit(f"{data}: no hub/{name}; name the folder that holds it: bench/noisy_teacher.py DATA")


def _drawn(rows: Sequence[Row], seed: int) -> list[Row]:
    """The inputs, in an order of their own, some of them twice."""
    lot = random.Random(f"distil:{seed}")
    twice = round(INPUTS * REPEATED)
    found = lot.sample(list(rows), INPUTS - twice)
    found += lot.sample(found, twice)
    lot.shuffle(found)
    return found


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _teacher(url: str, price: UnitPrice) -> dict[str, Any]:
    paid = {"input": price.input, "output": price.output}
    return {"base_url": url, "model": "known-rows", "price": paid}


def _recipe(
    work: Path, name: str, labels: Sequence[str], settings: Mapping[str, Any], *, full: bool, seed: int,
    teacher: Mapping[str, Any] | None,
) -> Path:  # fmt: skip
    """A recipe as a user would write it (JSON is YAML)."""
    student = "auto" if full else "linear"
    chosen = [f"override student: {student}", f"override teacher: {'compatible' if teacher else 'none'}"]
    defaults: list[Any] = ["base", *(dict([each.split(": ")]) for each in chosen), "_self_"]
    data = {"test": "test.jsonl"} | ({"inputs": "inputs.jsonl"} if teacher else {"train": "gold.jsonl"})
    whole = {
        "defaults": defaults,
        "name": f"{name[0].lower()}{'-full' if full else ''}",
        "prompt": "Say what a customer of a bank asks for.",
        "task": {"type": "text-classification", "inputs": ["text"], "output": "label"}
        | {"labels": list(labels)},
        "data": data, "seed": seed, "evaluation": {"teacher_rows": 0}, **settings,
    }  # fmt: skip
    path = work / f"{whole['name']}.yaml"
    path.write_text(json.dumps(whole | ({"teacher": dict(teacher)} if teacher else {}), indent=1), "utf-8")
    return path


def _built(name: str, recipe: Path, truth: Mapping[str, str]) -> Line:
    start = time.monotonic()
    built = p2m.load(recipe).build(progress=False)
    result = built.result
    evaluated, curated = result.value("evaluate"), result.value("curate")
    assert isinstance(evaluated, Evaluated)
    assert isinstance(curated, Examples)
    steps = [outcome.step for outcome in result.outcomes]
    spent = [made.spent for step in steps if isinstance(made := result.value(step), Examples) and made.spent
             and step.startswith("answer-") | (step == "answer")]  # fmt: skip
    right = sum(row.output == truth[row.input["text"]] for row in curated.rows) / len(curated.rows)
    return Line(
        name, evaluated.scores[0], result.value("winner").student, len(curated.rows), right, _added(spent),
        time.monotonic() - start,
    )  # fmt: skip


def _added(spent: Sequence[Spent]) -> Spent:
    """Requests, tokens and cost of several steps."""
    return Spent(
        requests=sum(each.requests for each in spent), input_tokens=sum(each.input_tokens for each in spent),
        output_tokens=sum(each.output_tokens for each in spent), cost=sum(each.cost or 0.0 for each in spent),
    )  # fmt: skip


def _shown(line: Line) -> str:
    score, spent = line.score, line.spent
    return (
        f"{line.name:32s} {100 * score.value:5.1f} [{100 * score.low:.1f}, {100 * score.high:.1f}]"
        f"   {line.student:15s} {line.rows:5,} rows, {100 * line.right:5.1f}% right"
        f"   {spent.requests:6,} requests {spent.cost or 0.0:6.2f} USD   {line.seconds:4.0f} s"
    )


def _judged(lines: Sequence[Line]) -> int:
    """The bars, beside what was found."""
    a, b, c, d = lines[:4]
    bars = {
        f"B within {100 * NEAR:.0f} points of A": (b, a, b.score.value >= a.score.value - NEAR),
        f"C at least {100 * WORSE:.0f} points below B": (c, b, c.score.value <= b.score.value - WORSE),
        "D within the interval of B, or above it": (d, b, d.score.value >= b.score.low),
    }
    print()
    for what, (one, other, is_met) in bars.items():
        apart = 100 * (one.score.value - other.score.value)
        print(f"{'PASS' if is_met else 'FAIL'}  {what}: {apart:+.1f}")
    return 0 if all(is_met for _, _, is_met in bars.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
